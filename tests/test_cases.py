"""Case files: what they mean, and one error with its place and what is allowed for all that they cannot mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from conformance import cases
from conformance.domain.case import Case, Written
from conformance.domain.geometry import Axis
from conformance.errors import InputError

Load = Callable[..., list[Case]]

HEAD = "schema: 1\ntitle: t\ncases:\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the text of a file ``topic/f.yaml`` under a case root that is the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / cases.MARKER).write_text("{}", "utf-8")
    (tmp_path / "topic").mkdir()

    def load_text(text: str | bytes) -> list[Case]:
        path = Path("topic/f.yaml")
        path.write_bytes(dedent(text).encode() if isinstance(text, str) else text)
        found = cases.load([path])
        cases.check_values(found)
        return found

    return load_text


def entry(fields: str) -> str:
    """A file with one case: line 4, fields from column 5 on, over a plain convolution where not said otherwise."""
    lines = [part.strip() for part in fields.split(";")]
    matrix = next((line for line in lines if line.startswith("matrix:")), "")
    for name, value in {"name": "a", "input": "[6]", "kernel": "3", "padding": "same"}.items():
        if f"{name}:" not in matrix and not any(line.startswith(f"{name}:") for line in lines):
            lines.append(f"{name}: {value}")
    return HEAD + "  - " + "\n    ".join(lines) + "\n"


def refusal(load: Load, text: str | bytes) -> str:
    """The message with which a file is refused, exit status 4."""
    with pytest.raises(InputError) as caught:
        load(text)
    assert caught.value.status == 4
    return str(caught.value)


def test_a_case_has_what_its_file_says_and_the_defaults_of_the_contract(load: Load) -> None:
    (case,) = load(entry("kernel: 3"))
    assert case == Case(
        id="topic/f/a", op="conv", input=(6,), kernel=(3,), stride=(1,), dilation=(1,), padding="same", batch=1,
        channels=1, filters=1, groups=1, bias=False, dtype="float32", data="lattice", seed=0,
    )  # fmt: skip
    assert (case.title, case.source, case.tags, case.note, case.since) == ("t", "", (), "", "1.0")
    assert case.where == "topic/f.yaml:4:5"


def test_every_field_arrives(load: Load) -> None:
    (case,) = load("""\
        schema: 1
        title: all of it
        source: file
        cases:
          - {name: b, op: conv, input: [6, 9], batch: 2, channels: 4, filters: 8, kernel: [3, 2], stride: [2, 1],
             dilation: [1, 2], groups: 2, bias: true, padding: [[0, 1], [2, 3]], dtype: float64, data: normal, seed: 7,
             tags: [x, y.z], source: own, note: hm, since: "1.2"}
        """)
    assert case == Case(
        "topic/f/b", "conv", (6, 9), (3, 2), (2, 1), (1, 2), ((0, 1), (2, 3)), 2, 4, 8, 2, True, "float64", "normal", 7
    )
    assert (case.title, case.source, case.tags, case.note, case.since) == (
        "all of it",
        "own",
        ("x", "y.z"),
        "hm",
        "1.2",
    )


def test_defaults_hold_unless_a_case_says_otherwise(load: Load) -> None:
    found = load("""\
        schema: 1
        title: t
        source: file
        defaults: {input: [6, 6], kernel: 3, padding: same, channels: 3, tags: [d], bias: true}
        cases:
          - name: plain
          - {name: other, kernel: [1, 2], channels: 2, tags: [e], bias: false}
        """)
    assert [(case.kernel, case.channels, case.tags, case.bias) for case in found] == [
        ((3, 3), 3, ("d",), True),
        ((1, 2), 2, ("e",), False),
    ]
    assert {case.source for case in found} == {"file"}


def test_a_matrix_is_the_product_of_its_lists_in_their_order(load: Load) -> None:
    text = entry(
        "name: 'k{kernel}-s{stride}-i{input}'; matrix: {input: [[5, 5], [6, 9]], kernel: [1, [3, 2]], stride: [1, 2]}"
    )
    assert [case.id.removeprefix("topic/f/") for case in load(text)] == [
        "k1-s1-i5x5",
        "k1-s2-i5x5",
        "k3x2-s1-i5x5",
        "k3x2-s2-i5x5",
        "k1-s1-i6x9",
        "k1-s2-i6x9",
        "k3x2-s1-i6x9",
        "k3x2-s2-i6x9",
    ]
    assert [case.kernel for case in load(text)][:3] == [(1, 1), (1, 1), (3, 2)]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ("name: 'i{input}'; input: 6", "i6"),
        ("name: 'i{input}'; input: [6, 9]", "i6x9"),
        ("name: 'i{input}'; input: [6, 6]", "i6x6"),
        ("name: 'k{kernel}'; input: [6, 6]", "k3"),
        ("name: 'k{kernel}'; input: [6, 6]; kernel: [3, 2]", "k3x2"),
        ("name: 'p{padding}'; input: [6, 6]; padding: [[0, 1], [0, 1]]", "p0.1x0.1"),
        ("name: 'p{padding}'; input: [6, 6]; padding: 1", "p1.1x1.1"),
        ("name: '{padding}-x'; padding: same_lower", "same_lower-x"),
        ("name: 'b-{bias}'; bias: true", "b-true"),
        ("name: 'g{groups}'; groups: depthwise; channels: 4", "g4"),
        ("name: 's{stride}-d{dilation}-g{groups}-c{channels}-f{filters}'", "s1-d1-g1-c1-f1"),
        ("name: 'n{batch}-{dtype}-{data}-{seed}-{bias}'", "n1-float32-lattice-0-false"),
    ],
)
def test_a_field_in_a_name_reads_as_the_contract_says(load: Load, fields: str, name: str) -> None:
    assert [case.id for case in load(entry(fields))] == [f"topic/f/{name}"]


def test_a_scalar_input_is_rank_one_and_other_scalars_count_for_every_axis(load: Load) -> None:
    (case,) = load(entry("input: 6; stride: 2"))
    assert (case.rank, case.input, case.stride) == (1, (6,), (2,))
    (case,) = load(entry("input: [6, 7, 8]; stride: 2; padding: 1"))
    assert (case.kernel, case.stride, case.dilation) == ((3, 3, 3), (2, 2, 2), (1, 1, 1))
    assert case.padding == ((1, 1), (1, 1), (1, 1))


@pytest.mark.parametrize(
    ("excludes", "left"),
    [
        ("{kernel: 1}", ["k3-s1", "k3-s2", "k3x2-s1", "k3x2-s2"]),
        ("{kernel: [3, 3]}", ["k1-s1", "k1-s2", "k3x2-s1", "k3x2-s2"]),
        ("{kernel: [3, 2], stride: 2}", ["k1-s1", "k1-s2", "k3-s1", "k3-s2", "k3x2-s1"]),
        ("{kernel: 1}, {stride: [2, 2]}", ["k3-s1", "k3x2-s1"]),
        ("{input: [6, 6], stride: 1}", ["k1-s2", "k3-s2", "k3x2-s2"]),
        ("{padding: 1, stride: 1}", ["k1-s2", "k3-s2", "k3x2-s2"]),
        ("{padding: [[1, 1], [1, 1]], stride: 1, channels: 1, groups: 1}", ["k1-s2", "k3-s2", "k3x2-s2"]),
        ("{stride: 1, bias: false, batch: 1, dtype: float32}", ["k1-s2", "k3-s2", "k3x2-s2"]),
    ],
    ids=str,
)
def test_exclude_drops_what_matches_with_scalars_as_one_per_axis(load: Load, excludes: str, left: list[str]) -> None:
    matrix = "{kernel: [1, 3, [3, 2]], stride: [1, 2]}"
    text = entry(f"name: 'k{{kernel}}-s{{stride}}'; input: [6, 6]; padding: 1; matrix: {matrix}; exclude: [{excludes}]")
    assert [case.id.removeprefix("topic/f/") for case in load(text)] == left


def test_an_excluded_combination_need_not_be_possible(load: Load) -> None:
    matrix = "{kernel: [3, 9], padding: [valid, same]}"
    found = load(entry(f"name: 'k{{kernel}}-{{padding}}'; matrix: {matrix}; exclude: [{{kernel: 9, padding: valid}}]"))
    assert [case.id[8:] for case in found] == ["k3-valid", "k3-same", "k9-same"]


def test_depthwise_has_a_group_for_each_channel_and_by_default_a_filter(load: Load) -> None:
    (case,) = load(entry("groups: depthwise; channels: 4"))
    assert (case.groups, case.filters, case.depthwise) == (4, 4, True)
    (case,) = load(entry("groups: depthwise; channels: 4; filters: 12"))
    assert (case.groups, case.filters, case.weight_shape) == (4, 12, (12, 1, 3))


@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        ("valid", ((0, 0),)),
        ("same", ((0, 1),)),
        ("same_lower", ((1, 0),)),
        ("causal", ((2, 0),)),
        ("fixed", ((1, 1),)),
        ("0", ((0, 0),)),
        ("2", ((2, 2),)),
        ("[[0, 3]]", ((0, 3),)),
    ],
)
def test_every_kind_of_padding(load: Load, padding: str, pads: tuple[tuple[int, int], ...]) -> None:
    (case,) = load(entry(f"padding: {padding}; stride: 2"))
    assert case.pads == pads


def test_data_written_out_and_what_a_source_states_of_them(load: Load) -> None:
    data = "{input: [[[1, 2, 3]]], weights: [[[1, 10]]]}"
    expect = "{output: [3], pads: [[0, 1]], windows: [[0, 1, 2]], parameters: 2, values: [[[21, 32, 3]]]}"
    (case,) = load(entry(f"input: [3]; kernel: 2; data: {data}; expect: {expect}"))
    assert case.data == Written((((1, 2, 3),),), (((1, 10),),))
    assert case.expect.values == (((21, 32, 3),),)
    assert case.expect.windows == ((0, 1, 2),)
    assert case.expect.parameters == 2


def test_large_sums_can_be_stated(load: Load) -> None:
    data = "{input: [[[250, 250]]], weights: [[[100, 100]]]}"
    (case,) = load(entry(f"input: [2]; kernel: 2; padding: valid; data: {data}; expect: {{values: [[[50000]]]}}"))
    assert case.expect.values == (((50000,),),)


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        pytest.param("kernal: 3", "4:5", ["unknown key 'kernal'", "did you mean 'kernel'", "stride"], id="unknown-key"),
        pytest.param("matrix: {title: [1]}", "4:14", ["unknown key 'title'", "kernel, padding"], id="unknown-matrix-key"),
        pytest.param("expect: {outputs: [6]}", "4:14", ["unknown key 'outputs'", "'output'", "windows"], id="unknown-expect"),
        pytest.param("exclude: [{kernl: 3}]", "4:16", ["unknown key 'kernl'", "'kernel'"], id="unknown-exclude-key"),
        pytest.param(
            "data: {input: [[[1]]], weights: [[[1]]], bias: [1]}",
            "4:46",
            ["unknown key 'bias'", "allowed: input, weights"],
            id="unknown-data-key",
        ),
        pytest.param("kernel: 3; kernel: 5", "5:5", ["'kernel' again", "line 4"], id="duplicate-key"),
        pytest.param("kernel: '3'", "4:13", ["kernel: '3'", "an integer from 1 up"], id="text-for-a-number"),
        pytest.param("kernel: 1.5", "4:13", ["kernel: 1.5", "an integer from 1 up"], id="float-for-an-integer"),
        pytest.param("stride: no", "4:13", ["stride: 'no'", "an integer from 1 up"], id="no-for-a-number"),
        pytest.param("stride: 1e-5", "4:13", ["stride: 1e-05", "an integer"], id="exponent-for-a-number"),
        pytest.param("stride: true", "4:13", ["stride: True", "an integer"], id="boolean-for-a-number"),
        pytest.param("stride: {a: 1}", "4:13", ["stride: {'a': 1}", "an integer"], id="mapping-for-a-number"),
        pytest.param("bias: no", "4:11", ["bias: 'no'", "true or false"], id="no-for-a-boolean"),
        pytest.param("bias: 1", "4:11", ["bias: 1", "true or false"], id="number-for-a-boolean"),
        pytest.param("batch: [1]", "4:12", ["batch: [1]", "an integer from 1 up"], id="list-for-a-number"),
        pytest.param("name: 3", "4:11", ["name: 3", "a-z"], id="number-for-a-name"),
        pytest.param("stride:", "4:12", ["stride: None", "an integer"], id="nothing-for-a-number"),
        pytest.param("groups: null", "4:13", ["groups: None", "depthwise"], id="null-groups"),
        pytest.param("channels: ~", "4:15", ["channels: None", "an integer"], id="null-channels"),
        pytest.param("op: ~", "4:9", ["op: None", "conv"], id="null-op"),
        pytest.param("padding: ~", "4:14", ["padding: None", "same"], id="null-padding"),
        pytest.param("expect: {output: ~}", "4:22", ["output: None", "output sizes"], id="null-expectation"),
        pytest.param("matrix: {kernel: ~}", "4:22", ["kernel: None", "a list"], id="null-in-a-matrix"),
        pytest.param("kernel: -3", "4:13", ["kernel: -3", "from 1 up"], id="negative-size"),
        pytest.param("input: [6, 0]", "4:12", ["input: [6, 0]", "from 1 up"], id="zero-size"),
        pytest.param("dilation: 0", "4:15", ["dilation: 0", "from 1 up"], id="zero-dilation"),
        pytest.param("channels: 0", "4:15", ["channels: 0", "from 1 up"], id="zero-channels"),
        pytest.param("input: 99999999999", "4:12", ["input: 99999999999"], id="size-over-31-bits"),
        pytest.param("input: [1, 2, 3, 4]", "4:12", ["input: [1, 2, 3, 4]", "one to three"], id="rank-4"),
        pytest.param("kernel: [3, 3]", "4:13", ["kernel: [3, 3]", "each of the input's 1 axes"], id="kernel-of-another-rank"),
        pytest.param("stride: [2, 2]", "4:13", ["stride: [2, 2]", "1 axes"], id="stride-of-another-rank"),
        pytest.param(
            "kernel: 3; dilation: 4; padding: 1",
            "4:13",
            ["spans 9 on axis 0", "allowed: up to the padded input (1 + 6 + 1)"],
            id="kernel-larger-than-the-padded-input",
        ),
        pytest.param("groups: 2; channels: 3; filters: 2", "4:13", ["groups: 2 with 3 channels", "divisor"], id="groups-channels"),
        pytest.param("groups: 2; channels: 2; filters: 3", "4:13", ["groups: 2 with 3 filters", "divisor"], id="groups-filters"),
        pytest.param(
            "filters: 5; groups: depthwise; channels: 4", "4:14", ["filters 5", "a multiple of channels (4)"], id="multiplier"
        ),
        pytest.param("padding: reflect", "4:14", ["padding: 'reflect'", "same_lower", "causal"], id="unknown-padding"),
        pytest.param("padding: SAME", "4:14", ["padding: 'SAME'", "same"], id="shouted-padding"),
        pytest.param("padding: -1", "4:14", ["padding: -1", "an integer"], id="negative-padding"),
        pytest.param("padding: [[0, 1], [0, 1]]", "4:14", ["pads for 2 axes", "the input's 1 axes"], id="pads-of-another-rank"),
        pytest.param("padding: [[0, 1, 2]]", "4:14", ["padding: [[0, 1, 2]]", "[begin, end]"], id="three-pads-for-an-axis"),
        pytest.param("padding: causal; input: [6, 6]", "4:14", ["causal with rank 2", "rank 1"], id="causal-of-rank-2"),
        pytest.param("dtype: bfloat16", "4:12", ["dtype: 'bfloat16'", "float32, float64 or float16"], id="unknown-dtype"),
        pytest.param("op: max_pool", "4:9", ["op: 'max_pool'", "conv"], id="unknown-op"),
        pytest.param("tags: [ok, Not]", "4:16", ["tags: 'Not'", "a-z"], id="bad-tag"),
        pytest.param("since: 1.0", "4:12", ["since: 1.0", 'in quotes: "1.0"'], id="unquoted-version"),
        pytest.param("name: Bad", "4:11", ["name: 'Bad'", "a-z, 0-9"], id="name-with-capitals"),
        pytest.param("name: a/b", "4:11", ["name: 'a/b'", "a-z, 0-9"], id="name-with-slash"),
        pytest.param('name: "a\\n"', "4:11", ["name: 'a\\n'", "a-z, 0-9"], id="name-with-newline"),
        pytest.param("name: -a", "4:11", ["name: '-a'", "starting with a letter or digit"], id="name-with-hyphen-first"),
        pytest.param("name: ''", "4:11", ["name: ''", "a-z"], id="empty-name"),
        pytest.param(f"name: {'a' * 150}", "4:11", ["allowed: up to 120"], id="long-name"),
        pytest.param("name: 'x-{colour}'", "4:11", ["{colour} in a name", "a field that the case has"], id="unknown-field-in-name"),
        pytest.param("expect: {output: [5]}", "4:22", ["expect.output: (5,)", "reference gives (6,)"], id="output"),
        pytest.param("expect: {output: [6, 6]}", "4:22", ["expect.output: (6, 6)", "gives (6,)"], id="output-rank"),
        pytest.param("expect: {pads: [[0, 1]]}", "4:20", ["expect.pads", "reference gives ((1, 1),)"], id="pads"),
        pytest.param("expect: {windows: [[0, 2, 4]]}", "4:23", ["expect.windows", "gives ((-1, 0, 1, 2, 3, 4),)"], id="windows"),
        pytest.param("expect: {parameters: 4}", "4:26", ["expect.parameters: 4", "gives 3"], id="parameters"),
        pytest.param(
            "expect: {values: [[[1, 2, 3]]]}; data: {input: [[[1, 2, 3, 4, 5, 6]]], weights: [[[0, 1, 0]]]}",
            "4:22",
            ["expect.values: (((1, 2, 3),),)", "reference gives (((1, 2, 3, 4, 5, 6),),)"],
            id="values",
        ),
        pytest.param(
            "expect: {values: [[[1, -2, 0]]]}; data: normal; input: 3; kernel: 1",
            "4:22",
            ["expect.values"],
            id="integers-for-real-values",
        ),
        pytest.param("data: {input: [[[1, 2]]], weights: [[[1, 2, 3]]]}", "4:11", ["shape (1, 1, 2)", "(1, 1, 6)"], id="data-shape"),
        pytest.param(
            "data: {input: [[[1, 2], [1]]], weights: [[[1, 2, 3]]]}", "4:11", ["data.input", "(1, 1, 6)"], id="ragged-data"
        ),
        pytest.param("data: {input: [[[1.5]]], weights: [[[1]]]}", "4:11", ["data.input: 1.5", "integers"], id="real-data"),
        pytest.param("data: {input: [[[1]]]}", "4:11", ["weights"], id="data-without-weights"),
        pytest.param(
            "data: {input: [[[30000, 30000]]], weights: [[[30000, 29999]]]}; input: 2; kernel: 2; padding: valid",
            "4:11",
            ["exact"],
            id="data-whose-sums-are-not-exact",
        ),
        pytest.param("data: normal; dtype: float16", "4:11", ["data: normal with dtype float16", "lattice"], id="float16-normal"),
        pytest.param(
            "kernel: 3; channels: 700; dtype: float16", "4:13", ["2100 products", "float16", "up to 2048"], id="inexact-lattice"
        ),
        pytest.param(
            "name: '{seed}-{batch}'; matrix: {seed: [" + "1," * 400 + "], batch: [" + "1," * 251 + "]}",
            "5:13",
            ["a matrix of 100400 cases", "up to 100000"],
            id="matrix-of-more-than-100000",
        ),
        pytest.param("matrix: {kernel: []}", "4:22", ["kernel: []", "a list of kernels"], id="empty-list-in-a-matrix"),
        pytest.param("exclude: [{kernel: 5}]; matrix: {stride: [1, 2]}; name: 's{stride}'", "4:15", ["matches no"], id="dead-exclude"),
        pytest.param("exclude: [{}]; matrix: {stride: [1, 2]}; name: 's{stride}'", "4:15", ["exclude"], id="empty-exclude"),
        pytest.param("input: [20000, 20000]", "4:12", ["input: an array of 160", "1 GiB"], id="input-over-1-gib"),
        pytest.param("padding: 300000000", "6:12", ["2400000024 bytes", "1 GiB"], id="padded-input-over-1-gib"),
        pytest.param("filters: 100000; input: [200, 200]; kernel: 1", "4:14", ["16000000000 bytes", "1 GiB"], id="output-over-1-gib"),
        pytest.param("kernel: 20000; input: 20000; padding: valid; filters: 20000", "4:13", ["1600000000 bytes", "1 GiB"], id="kernel-over-1-gib"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_at_its_place_with_what_is_allowed(
    load: Load, fields: str, place: str, words: list[str]
) -> None:
    message = refusal(load, entry(fields))
    assert message.startswith(f"topic/f.yaml:{place}: ")
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param("", "1:1", ["empty"], id="empty-file"),
        pytest.param(b"schema: 1\ntitle: \xe9\n", "2:8", ["0xe9 is not UTF-8"], id="not-utf-8"),
        pytest.param("- a\n", "1:1", ["['a'] as a case file", "a mapping with schema, title and cases"], id="a-list"),
        pytest.param("null\n", "1:1", ["None as a case file"], id="null"),
        pytest.param("title: t\ncases: [{name: a}]\n", "1:1", ["'schema' is missing", "allowed: 1"], id="no-schema"),
        pytest.param("schema: 2\ntitle: t\ncases: [{name: a}]\n", "1:9", ["schema: 2", "allowed: 1"], id="schema-2"),
        pytest.param("schema: 1\ntitle: ''\ncases: [{name: a}]\n", "2:8", ["title: ''"], id="empty-title"),
        pytest.param("schema: 1\ntitle: t\ncases: []\n", "3:8", ["cases: []", "a list of cases"], id="no-cases"),
        pytest.param("schema: 1\ntitle: t\ncases: {a: 1}\n", "3:8", ["cases: {'a': 1}", "a list"], id="cases-mapping"),
        pytest.param(HEAD + "  - a\n", "4:5", ["'a'", "a list of cases"], id="a-case-that-is-text"),
        pytest.param(HEAD + "  - {kernel: 3}\n", "4:5", ["'name' is missing", "a-z"], id="no-name"),
        pytest.param(HEAD + "  - {name: a, kernel: 3, padding: 1}\n", "4:5", ["'input' is missing", "spatial"], id="no-input"),
        pytest.param(HEAD + "  - {name: a, input: 3, padding: 1}\n", "4:5", ["'kernel' is missing"], id="no-kernel"),
        pytest.param(HEAD + "  - {name: a, input: 3, kernel: 1}\n", "4:5", ["'padding' is missing", "same_lower"], id="no-padding"),
        pytest.param(entry("name: a") + "  - *a\n", "8:5", ["alias '*a'", "matrix or defaults"], id="alias"),
        pytest.param(entry("name: a") + "  - &a {name: b}\n", "8:5", ["anchor '&a'"], id="anchor"),
        pytest.param(entry("kernel: !!int 3"), "4:13", ["tag", "plain values"], id="tag"),
        pytest.param(entry("name: a") + "  - {<<: {name: b}}\n", "8:6", ["merge key"], id="merge"),
        pytest.param(entry("name: a") + "---\nschema: 1\n", "8:1", ["second document"], id="two-documents"),
        pytest.param(entry("stride: " + "[" * 40 + "]" * 40), "4:26", ["nested deeper than 16"], id="deep-nesting"),
        pytest.param(entry('note: "\x07"'), "4:12", ["printable"], id="control-character"),
        pytest.param(
            "schema: 1\ntitle: t\ndefaults: {kernel: -1}\ncases: [{name: a}]\n", "3:20", ["kernel: -1"], id="bad-default"
        ),
        pytest.param(
            "schema: 1\ntitle: t\ndefaults: {kernel: 9, padding: valid}\ncases: [{name: a, input: 3}]\n",
            "3:20",
            ["spans 9"],
            id="default-that-does-not-fit",
        ),
        pytest.param(
            "schema: 1\ntitle: t\ndefaults: {name: a}\ncases: [{name: a}]\n", "3:12", ["unknown key 'name'"], id="default-name"
        ),
        pytest.param(
            entry("matrix: {kernel: [3, 9]}; name: 'k{kernel}'; padding: valid"), "4:22", ["spans 9"], id="matrix-value"
        ),
        pytest.param(entry("name: a") + "  - {name: a, input: 3, kernel: 1, padding: 0}\n", "8:5", [
            "case 'topic/f/a' again", "topic/f.yaml:4:5"], id="two-cases-of-one-name"),
        pytest.param(entry("matrix: {stride: [1, 2]}"), "4:5", ["case 'topic/f/a' again"], id="matrix-without-field-in-name"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_at_its_place(load: Load, text: str | bytes, place: str, words: list[str]) -> None:
    message = refusal(load, text)
    assert message.startswith(f"topic/f.yaml:{place}: ")
    for word in words:
        assert word in message


def test_of_several_errors_the_first_in_the_file_is_told(load: Load) -> None:
    message = refusal(load, entry("stride: 0; kernal: 3; dilation: x"))
    assert message.startswith("topic/f.yaml:4:13: stride: 0")


def test_an_error_message_is_one_line_however_long_the_value(load: Load) -> None:
    message = refusal(load, entry("kernel: [" + ", ".join(["1"] * 500) + "]"))
    assert "..." in message
    assert "\n" not in message
    assert len(message) < 250


def test_a_large_case_is_checked_without_listing_its_windows(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(axis: Axis) -> range:
        raise AssertionError("the windows of a case whose source states none are of no interest")

    monkeypatch.setattr(Axis, "starts", property(listed))
    assert load(entry("input: 200000000"))[0].output(((0, 0),)) == (199999998,)


def folder_of_cases(root: Path, *names: str) -> None:
    """Files with one case each, and the mark of a case root."""
    (root / cases.MARKER).write_text("{}", "utf-8")
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(entry("name: a"), "utf-8")


def test_an_identity_is_the_path_under_the_case_root_whatever_path_was_given(tmp_path: Path) -> None:
    folder_of_cases(tmp_path, "seeds/deep/x.yaml", "seeds/y.yaml")
    assert [case.id for case in cases.load([tmp_path])] == ["seeds/deep/x/a", "seeds/y/a"]
    assert [case.id for case in cases.load([tmp_path / "seeds"])] == ["seeds/deep/x/a", "seeds/y/a"]
    assert [case.id for case in cases.load([tmp_path / "seeds/deep/x.yaml"])] == ["seeds/deep/x/a"]


def test_without_a_marked_root_the_folder_that_was_given_is_the_root(tmp_path: Path) -> None:
    folder_of_cases(tmp_path, "seeds/x.yaml")
    (tmp_path / cases.MARKER).unlink()
    assert [case.id for case in cases.load([tmp_path])] == ["seeds/x/a"]
    assert [case.id for case in cases.load([tmp_path / "seeds/x.yaml"])] == ["x/a"]


def test_a_file_named_twice_is_read_as_one(tmp_path: Path) -> None:
    folder_of_cases(tmp_path, "x.yaml", "y.yaml")
    assert [case.id for case in cases.load([tmp_path / "y.yaml", tmp_path])] == ["y/a", "x/a"]


def test_one_identity_from_two_roots_is_an_error_that_names_both_places(tmp_path: Path) -> None:
    for root in ("one", "two"):
        (tmp_path / root).mkdir()
        folder_of_cases(tmp_path / root, "x.yaml")
    with pytest.raises(InputError, match=r"two/x\.yaml:4:5: case 'x/a' again.*one/x\.yaml:4:5"):
        cases.load([tmp_path / "one", tmp_path / "two"])


@pytest.mark.parametrize("name", ["Seeds/x.yaml", "seeds/my cases.yaml", "_x.yaml"])
def test_a_path_that_makes_no_identity_is_refused(tmp_path: Path, name: str) -> None:
    folder_of_cases(tmp_path, name)
    with pytest.raises(InputError, match="in the file's path; allowed: "):
        cases.load([tmp_path])


def test_a_path_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone does not exist; allowed: case files"):
        cases.load([tmp_path / "gone"])
    with pytest.raises(InputError, match=r"holds no \*\.yaml file"):
        cases.load([tmp_path])
