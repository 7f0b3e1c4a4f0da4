"""Case files: what they mean (``test_bad_cases`` has what they cannot mean)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import cases
from conformance.domain.case import Case, Written
from conformance.errors import InputError

Load = Callable[[str], list[Case]]


def test_a_case_has_what_its_file_says_and_the_defaults_of_the_contract(load_entry: Load) -> None:
    (case,) = load_entry("kernel: 3")
    assert case == Case(
        id="topic/f/a", op="conv", input=(6,), kernel=(3,), stride=(1,), dilation=(1,), padding="same", batch=1,
        channels=1, filters=1, groups=1, bias=False, dtype="float32", data="lattice", seed=0,
    )  # fmt: skip
    assert (case.title, case.source, case.tags, case.note, case.since) == ("t", "", (), "", "1.0")
    assert case.where == "topic/f.yaml:4:5"


def test_a_case_has_the_lines_that_it_comes_from(load_text: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """\
        schema: 1
        title: t
        defaults: {op: conv, padding: same}
        cases:
          - name: k{kernel}
            input: 6
            matrix: {kernel: [1, 2]}
          - {name: b, input: 7, kernel: 3}
        """
    one, two, three = load_text(text)
    assert one.written == two.written
    assert one.written.splitlines()[:3] == ["defaults: {op: conv, padding: same}", "- name: k{kernel}", "  input: 6"]
    assert three.written == "defaults: {op: conv, padding: same}\n- {name: b, input: 7, kernel: 3}"
    monkeypatch.setattr(cases, "WRITTEN_LIMIT", 10)
    assert load_text(text)[0].written == "defaults: …"


def test_every_field_arrives(load_text: Load) -> None:
    (case,) = load_text("""\
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


def test_defaults_hold_unless_a_case_says_otherwise(load_text: Load) -> None:
    found = load_text("""\
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


def test_a_matrix_is_the_product_of_its_lists_in_their_order(load_entry: Load) -> None:
    text = (
        "name: 'k{kernel}-s{stride}-i{input}'; matrix: {input: [[5, 5], [6, 9]], kernel: [1, [3, 2]], stride: [1, 2]}"
    )
    assert [case.id.removeprefix("topic/f/") for case in load_entry(text)] == [
        "k1-s1-i5x5",
        "k1-s2-i5x5",
        "k3x2-s1-i5x5",
        "k3x2-s2-i5x5",
        "k1-s1-i6x9",
        "k1-s2-i6x9",
        "k3x2-s1-i6x9",
        "k3x2-s2-i6x9",
    ]
    assert [case.kernel for case in load_entry(text)][:3] == [(1, 1), (1, 1), (3, 2)]


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
def test_a_field_in_a_name_reads_as_the_contract_says(load_entry: Load, fields: str, name: str) -> None:
    assert [case.id for case in load_entry(fields)] == [f"topic/f/{name}"]


def test_a_scalar_input_is_rank_one_and_other_scalars_count_for_every_axis(load_entry: Load) -> None:
    (case,) = load_entry("input: 6; stride: 2")
    assert (case.rank, case.input, case.stride) == (1, (6,), (2,))
    (case,) = load_entry("input: [6, 7, 8]; stride: 2; padding: 1")
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
def test_exclude_drops_what_matches_with_scalars_as_one_per_axis(
    load_entry: Load, excludes: str, left: list[str]
) -> None:
    matrix = "{kernel: [1, 3, [3, 2]], stride: [1, 2]}"
    text = f"name: 'k{{kernel}}-s{{stride}}'; input: [6, 6]; padding: 1; matrix: {matrix}; exclude: [{excludes}]"
    assert [case.id.removeprefix("topic/f/") for case in load_entry(text)] == left


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("{kernel: [3, 3]}", ["6-k1", "6-k3", "6x6-k1"]),
        ("{padding: [[1, 1], [1, 1]], kernel: 1}", ["6-k1", "6-k3", "6x6-k3"]),
        ("{input: [6], kernel: 3}", ["6-k1", "6x6-k1", "6x6-k3"]),
    ],
    ids=str,
)
def test_exclude_of_one_rank_leaves_the_other_rank_alone(load_entry: Load, exclude: str, left: list[str]) -> None:
    matrix = "{input: [[6], [6, 6]], kernel: [1, 3]}"
    text = f"name: '{{input}}-k{{kernel}}'; padding: 1; matrix: {matrix}; exclude: [{exclude}]"
    assert [case.id.removeprefix("topic/f/") for case in load_entry(text)] == left


def test_an_excluded_combination_need_not_be_possible(load_entry: Load) -> None:
    matrix = "{kernel: [3, 9], padding: [valid, same]}"
    found = load_entry(f"name: 'k{{kernel}}-{{padding}}'; matrix: {matrix}; exclude: [{{kernel: 9, padding: valid}}]")
    assert [case.id[8:] for case in found] == ["k3-valid", "k3-same", "k9-same"]


def test_depthwise_has_a_group_for_each_channel_and_by_default_a_filter(load_entry: Load) -> None:
    (case,) = load_entry("groups: depthwise; channels: 4")
    assert (case.groups, case.filters, case.depthwise) == (4, 4, True)
    (case,) = load_entry("groups: depthwise; channels: 4; filters: 12")
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
def test_every_kind_of_padding(load_entry: Load, padding: str, pads: tuple[tuple[int, int], ...]) -> None:
    (case,) = load_entry(f"padding: {padding}; stride: 2")
    assert case.pads == pads


def test_data_written_out_and_what_a_source_states_of_them(load_entry: Load) -> None:
    data = "{input: [[[1, 2, 3]]], weights: [[[1, 10]]]}"
    expect = "{output: [3], pads: [[0, 1]], windows: [[0, 1, 2]], parameters: 2, values: [[[21, 32, 3]]]}"
    (case,) = load_entry(f"input: [3]; kernel: 2; data: {data}; expect: {expect}")
    assert case.data == Written((((1, 2, 3),),), (((1, 10),),))
    assert case.expect.values == (((21, 32, 3),),)
    assert case.expect.windows == ((0, 1, 2),)
    assert case.expect.parameters == 2


def test_large_sums_can_be_stated(load_entry: Load) -> None:
    data = "{input: [[[250, 250]]], weights: [[[100, 100]]]}"
    (case,) = load_entry(f"input: [2]; kernel: 2; padding: valid; data: {data}; expect: {{values: [[[50000]]]}}")
    assert case.expect.values == (((50000,),),)


ONE = "schema: 1\ntitle: t\ncases:\n  - {name: a, input: 6, kernel: 3, padding: same}\n"


def folder_of_cases(root: Path, *names: str) -> None:
    """Files with one case each, and the mark of a case root."""
    (root / cases.MARKER).write_text("{}", "utf-8")
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ONE, "utf-8")


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


def test_a_pad_has_amounts_a_mode_and_a_value_and_no_kernel(load_text: Load) -> None:
    text = """\
schema: 1
title: t
cases:
  - {name: "{mode}", op: pad, input: [6, 7], channels: 3, padding: [[0, 1], [2, 3]], matrix: {mode: [edge, circular]}}
  - {name: "v{value}", op: pad, input: 4, padding: 1, matrix: {value: [0.5, 2, .inf]}}
"""
    edge, circular, half, two, most = load_text(text)
    assert (edge.mode, circular.mode, edge.filters, edge.kernel) == ("edge", "circular", 3, (1, 1))
    assert edge.pads == ((0, 1), (2, 3))
    assert (half.value, two.value, most.value) == (0.5, 2, float("inf"))
