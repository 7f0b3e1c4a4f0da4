"""Bad case files: one error for each, with its place, what arrived and what is allowed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import pytest

from conformance.domain.case import Case
from conformance.domain.geometry import Axis
from conformance.errors import InputError

Load = Callable[[str | bytes], list[Case]]

HEAD = "schema: 1\ntitle: t\ncases:\n"
PLAIN = HEAD + "  - {name: a, input: [6], kernel: 3, padding: same}\n"


def refusal(load: Load, text: str | bytes) -> str:
    """The message with which a file is refused, exit status 4."""
    with pytest.raises(InputError) as caught:
        load(text)
    assert caught.value.status == 4
    return str(caught.value)


def assert_refused(load: Load, text: str | bytes, place: str, words: str) -> None:
    """A file is refused at this place, with all of these words."""
    message = refusal(load, text)
    assert message.startswith(f"topic/f.yaml:{place}: ")
    for word in words.split(" … "):
        assert word in message


FIELDS = {
    "unknown-key": ("kernal: 3", "4:5", "unknown key 'kernal' … did you mean 'kernel' … stride"),
    "unknown-matrix-key": (
        "matrix: {title: [1]}",
        "4:14",
        "unknown key 'title' … mode, op, output_padding, padding",
    ),
    "unknown-expect": ("expect: {outputs: [6]}", "4:14", "unknown key 'outputs' … 'output' … windows"),
    "unknown-exclude-key": ("exclude: [{kernl: 3}]", "4:16", "unknown key 'kernl' … 'kernel'"),
    "unknown-data-key": (
        "data: {input: [[[1]]], weights: [[[1]]], bias: [1]}",
        "4:46",
        "unknown key 'bias' … input, weights",
    ),
    "duplicate-key": ("kernel: 3; kernel: 5", "5:5", "'kernel' again … line 4"),
    "text-for-a-number": ("kernel: '3'", "4:13", "kernel: '3' … an integer from 1 up"),
    "float-for-an-integer": ("kernel: 1.5", "4:13", "kernel: 1.5 … an integer from 1 up"),
    "no-for-a-number": ("stride: no", "4:13", "stride: 'no' … an integer from 1 up"),
    "exponent-for-a-number": ("stride: 1e-5", "4:13", "stride: 1e-05 … an integer"),
    "boolean-for-a-number": ("stride: true", "4:13", "stride: True … an integer"),
    "mapping-for-a-number": ("stride: {a: 1}", "4:13", "stride: {'a': 1} … an integer"),
    "no-for-a-boolean": ("bias: no", "4:11", "bias: 'no' … true or false"),
    "number-for-a-boolean": ("bias: 1", "4:11", "bias: 1 … true or false"),
    "list-for-a-number": ("batch: [1]", "4:12", "batch: [1] … an integer from 1 up"),
    "number-for-a-name": ("name: 3", "4:11", "name: 3 … a-z"),
    "nothing-for-a-number": ("stride:", "4:12", "stride: None … an integer"),
    "null-groups": ("groups: null", "4:13", "groups: None … depthwise"),
    "null-channels": ("channels: ~", "4:15", "channels: None … an integer"),
    "null-op": ("op: ~", "4:9", "op: None … conv"),
    "null-padding": ("padding: ~", "4:14", "padding: None … same"),
    "null-expectation": ("expect: {output: ~}", "4:22", "output: None … output sizes"),
    "null-in-a-matrix": ("matrix: {kernel: ~}", "4:22", "kernel: None … a list"),
    "negative-size": ("kernel: -3", "4:13", "kernel: -3 … from 1 up"),
    "zero-size": ("input: [6, 0]", "4:16", "input: 0 … from 1 up"),
    "zero-dilation": ("dilation: 0", "4:15", "dilation: 0 … from 1 up"),
    "zero-channels": ("channels: 0", "4:15", "channels: 0 … from 1 up"),
    "size-over-31-bits": ("input: 99999999999", "4:12", "input: 99999999999"),
    "rank-4": ("input: [1, 2, 3, 4]", "4:12", "input: [1, 2, 3, 4] … one to three"),
    "kernel-of-another-rank": ("kernel: [3, 3]", "4:13", "kernel: [3, 3] … each of the input's 1 axes"),
    "stride-of-another-rank": ("stride: [2, 2]", "4:13", "stride: [2, 2] … 1 axes"),
    "kernel-larger-than-the-padded-input": (
        "kernel: 3; dilation: 4; padding: 1",
        "4:13",
        "spans 9 on axis 0 … allowed: up to the padded input (1 + 6 + 1)",
    ),
    "groups-channels": ("groups: 2; channels: 3; filters: 2", "4:13", "groups: 2 with 3 channels … divisor"),
    "groups-filters": ("groups: 2; channels: 2; filters: 3", "4:13", "groups: 2 with 3 filters … divisor"),
    "multiplier": ("filters: 5; groups: depthwise; channels: 4", "4:14", "filters 5 … a multiple of channels (4)"),
    "unknown-padding": ("padding: reflect", "4:14", "padding: 'reflect' … same_lower … causal"),
    "shouted-padding": ("padding: SAME", "4:14", "padding: 'SAME' … same"),
    "negative-padding": ("padding: -1", "4:14", "padding: -1 … an integer"),
    "pads-of-another-rank": ("padding: [[0, 1], [0, 1]]", "4:14", "pads for 2 axes … the input's 1 axes"),
    "three-pads-for-an-axis": ("padding: [[0, 1, 2]]", "4:15", "padding: [0, 1, 2] … [begin, end]"),
    "causal-of-rank-2": ("padding: causal; input: [6, 6]", "4:14", "causal with rank 2 … rank 1"),
    "unknown-dtype": ("dtype: tf32", "4:12", "dtype: 'tf32' … float32, float64, float16 or bfloat16"),
    "unknown-op": ("op: lp_pool", "4:9", "op: 'lp_pool' … conv, conv_transpose, max_pool, avg_pool"),
    "bias-of-a-pool": ("bias: true; op: max_pool", "4:11", "bias: with op max_pool … with conv, conv_transpose"),
    "groups-of-a-pool": ("groups: 2; channels: 2; op: avg_pool", "4:13", "groups: with op avg_pool … with conv"),
    "filters-of-a-pool": ("filters: 1; op: max_pool", "4:14", "filters: with op max_pool … with conv"),
    "ceil-of-a-convolution": ("ceil_mode: true", "4:16", "ceil_mode: with op conv … with max_pool, avg_pool"),
    "counted-in-a-maximum": ("count_include_pad: true; op: max_pool", "4:24", "with op max_pool … with avg_pool"),
    "output-padding-of-a-convolution": ("output_padding: 1", "4:21", "with op conv … with conv_transpose"),
    "output-shape-of-a-convolution": ("output_shape: 6", "4:19", "with op conv … with conv_transpose"),
    "fixed-crop": (
        "padding: fixed; op: conv_transpose",
        "4:14",
        "fixed with op conv_transpose … same_lower, an integer",
    ),
    "output-shape-and-pads": (
        "output_shape: 6; padding: 1; op: conv_transpose",
        "4:19",
        "output_shape: with numeric pads … same or same_lower",
    ),
    "output-padding-and-same": (
        "output_padding: 1; stride: 2; op: conv_transpose",
        "4:21",
        "output_padding: with same … with pads or valid",
    ),
    "output-padding-of-a-stride": (
        "output_padding: 2; stride: 2; padding: 1; op: conv_transpose",
        "4:21",
        "output_padding: 2 … less than the stride 2",
    ),
    "output-padding-of-another-rank": (
        "output_padding: [1, 1]; stride: 2; padding: 1; op: conv_transpose",
        "4:21",
        "output_padding: [1, 1], 2 numbers … 1 axes",
    ),
    "crop-of-everything": (
        "padding: 4; op: conv_transpose",
        "4:14",
        "crops 4 and 4 of 8 outputs on axis 0 … crops that leave some",
    ),
    "far-too-large-an-output": (
        "output_shape: 13; op: conv_transpose",
        "4:19",
        "crops 0 and -5 of 8 outputs on axis 0 … less than a stride and a kernel more",
    ),
    "no-spec-below-zero": (
        "padding: same; op: conv_transpose; stride: 5",
        "4:14",
        "same is read as pads -1.-1 and 30 outputs by onnx, pads 0.-2 and 30 outputs by tensorflow"
        " … with spec: onnx, tensorflow",
    ),
    "no-spec-valid-beyond": (
        "padding: valid; op: conv_transpose; stride: 5",
        "4:14",
        "pads 0.0 and 28 outputs by onnx … pads 0.-2 and 30 outputs by tensorflow",
    ),
    "no-spec-valid-ceil": (
        "padding: valid; op: max_pool; ceil_mode: true; stride: 2",
        "4:14",
        "2 outputs by onnx … 3 outputs by pytorch … with spec: onnx, pytorch, caffe",
    ),
    "no-spec-ceil-beyond": (
        "padding: 0; op: max_pool; ceil_mode: true; kernel: 2; stride: 3",
        "4:14",
        "2 outputs by pytorch, pads 0.0 and 3 outputs by caffe",
    ),
    "spec-without-a-rule": ("spec: caffe", "4:11", "caffe; allowed: onnx, pytorch, tensorflow, which have a rule for"),
    "spec-without-ceil": (
        "spec: tensorflow; op: max_pool; ceil_mode: true; padding: 1",
        "4:11",
        "allowed: onnx, pytorch, caffe",
    ),
    "unknown-spec": ("spec: keras", "4:11", "'keras'; allowed: whose rule is asked for"),
    "causal-pool": ("padding: causal; op: max_pool", "4:14", "causal with a pool … with op conv"),
    "window-of-padding-only": (
        "padding: 3; op: avg_pool",
        "4:14",
        "padding: (3, 3) around 6 … every window meets the input",
    ),
    "mode-of-a-convolution": ("mode: reflect", "4:11", "mode: with op conv; allowed: with pad"),
    "kernel-of-a-pad": ("op: pad; padding: 1", "8:13", "kernel: with op pad; allowed: with conv"),
    "inexact-average": (
        "kernel: 37; padding: 18; op: avg_pool; dtype: float16; input: 40",
        "4:13",
        "an average over 37 elements is not exact in float16",
    ),
    "bad-tag": ("tags: [ok, Not]", "4:16", "tags: 'Not' … a-z"),
    "unquoted-version": ("since: 1.0", "4:12", 'since: 1.0 … in quotes: "1.0"'),
    "name-with-capitals": ("name: Bad", "4:11", "name: 'Bad' … a-z, 0-9"),
    "name-with-slash": ("name: a/b", "4:11", "name: 'a/b' … a-z, 0-9"),
    "name-with-newline": ('name: "a\\n"', "4:11", "name: 'a\\n' … a-z, 0-9"),
    "name-with-hyphen-first": ("name: -a", "4:11", "name: '-a' … starting with a letter or digit"),
    "name-with-two-dots": ("name: a..b", "4:11", "name: 'a..b' … without '..'"),
    "empty-name": ("name: ''", "4:11", "name: '' … a-z"),
    "long-name": (f"name: {'a' * 150}", "4:11", "allowed: up to 120"),
    "unknown-field-in-name": ("name: 'x-{colour}'", "4:11", "{colour} in a name … a field that the case has"),
    "output": ("expect: {output: [5]}", "4:22", "expect.output: (5,) … reference gives (6,)"),
    "output-rank": ("expect: {output: [6, 6]}", "4:22", "expect.output: (6, 6) … gives (6,)"),
    "pads": ("expect: {pads: [[0, 1]]}", "4:20", "expect.pads … reference gives ((1, 1),)"),
    "windows": ("expect: {windows: [[0, 2, 4]]}", "4:23", "expect.windows … gives ((-1, 0, 1, 2, 3, 4),)"),
    "windows-of-a-large-input": ("expect: {windows: [[0, 2, 4]]}; input: 200000000", "4:23", "gives ((-1, 0, 1, 2, 3,"),
    "parameters": ("expect: {parameters: 4}", "4:26", "expect.parameters: 4 … gives 3"),
    "values": (
        "expect: {values: [[[1, 2, 3, 4, 5, 7]]]}; data: {input: [[[1, 2, 3, 4, 5, 6]]], weights: [[[0, 1, 0]]]}",
        "4:22",
        "expect.values: (((1, 2, 3, 4, 5, 7),),) … reference gives (((1, 2, 3, 4, 5, 6),),)",
    ),
    "shape-of-values": (
        "expect: {values: [[[1, 2, 3]]]}; input: 200000000",
        "4:22",
        "expect.values: shape (1, 1, 3); the reference gives (1, 1, 200000000)",
    ),
    "values-of-a-large-input": (
        "expect: {values: [[[1]]]}; input: 100000000; kernel: 1; padding: 0; stride: 100000000",
        "4:22",
        "expect.values of a case with 100000000 input elements; allowed: up to 2097152",
    ),
    "values-of-many-weights": (
        f"expect: {{values: [[{', '.join(['[1]'] * 35)}]]}}; input: 60000; kernel: 60000; padding: 0; filters: 35",
        "4:22",
        "expect.values of a case with 2100000 weights; allowed: up to 2097152",
    ),
    "values-of-large-sums": (
        f"expect: {{values: [[[{', '.join(['1'] * 2000)}]]]}}; input: 41999; kernel: 40000; padding: 0",
        "4:22",
        "expect.values of a case with 80000000 multiply-adds; allowed: up to 67108864",
    ),
    "integers-for-real-values": (
        "expect: {values: [[[1, -2, 0]]]}; data: normal; input: 3; kernel: 1",
        "4:22",
        "expect.values",
    ),
    "data-shape": ("data: {input: [[[1, 2]]], weights: [[[1, 2, 3]]]}", "4:11", "shape (1, 1, 2) … (1, 1, 6)"),
    "ragged-data": ("data: {input: [[[1, 2], [1]]], weights: [[[1, 2, 3]]]}", "4:11", "data.input … (1, 1, 6)"),
    "real-data": ("data: {input: [[[1.5]]], weights: [[[1]]]}", "4:11", "data.input: 1.5 … integers"),
    "data-without-weights": ("data: {input: [[[1, 2, 3, 4, 5, 6]]]}", "4:11", "data.weights: shape … (1, 1, 3)"),
    "data-whose-sums-are-not-exact": (
        "data: {input: [[[30000, 30000]]], weights: [[[30000, 29999]]]}; input: 2; kernel: 2; padding: valid",
        "4:11",
        "exact",
    ),
    "inexact-lattice": ("kernel: 3; channels: 700; dtype: float16", "4:13", "2100 products … float16 … up to 2048"),
    "inexact-bfloat16": ("kernel: 3; channels: 86; dtype: bfloat16", "4:13", "258 products … bfloat16 … up to 256"),
    "matrix-of-more-than-100000": (
        "name: '{seed}-{batch}'; matrix: {seed: [" + "1," * 400 + "], batch: [" + "1," * 251 + "]}",
        "5:13",
        "a matrix of 100400 cases … up to 100000",
    ),
    "matrix-value-that-does-not-fit": (
        "matrix: {kernel: [3, 9]}; name: 'k{kernel}'; padding: valid",
        "4:22",
        "spans 9",
    ),
    "empty-list-in-a-matrix": ("matrix: {kernel: []}", "4:22", "kernel: [] … a list of kernels"),
    "dead-exclude": ("exclude: [{kernel: 5}]; matrix: {stride: [1, 2]}; name: 's{stride}'", "4:15", "matches no"),
    "empty-exclude": ("exclude: [{}]; matrix: {stride: [1, 2]}; name: 's{stride}'", "4:15", "exclude"),
    "input-over-1-gib": ("input: [20000, 20000]", "4:12", "input: an array of 160 … 1 GiB"),
    "padded-input-over-1-gib": ("padding: 300000000", "6:12", "2400000024 bytes … 1 GiB"),
    "too-much-work": (
        "input: [512, 512]; kernel: 31; channels: 64; filters: 64",
        "5:13",
        "kernel: 1031865892864 multiply-adds; allowed: up to 17179869184",
    ),
    "output-over-1-gib": ("filters: 100000; input: [200, 200]; kernel: 1", "4:14", "16000000000 bytes … 1 GiB"),
    "kernel-over-1-gib": (
        "kernel: 20000; input: 20000; padding: valid; filters: 20000",
        "4:13",
        "1600000000 bytes … 1 GiB",
    ),
}
"""What is wrong -> one case's fields, the place, and words of the message."""


@pytest.mark.parametrize(("fields", "place", "words"), FIELDS.values(), ids=FIELDS.keys())
def test_bad_fields_are_refused_at_their_place_with_what_is_allowed(
    load_entry: Load, fields: str, place: str, words: str
) -> None:
    assert_refused(load_entry, fields, place, words)


FILES: dict[str, tuple[str | bytes, str, str]] = {
    "empty-file": ("", "1:1", "empty"),
    "not-utf-8": (b"schema: 1\ntitle: \xe9\n", "2:8", "0xe9 is not UTF-8"),
    "a-list": ("- a\n", "1:1", "['a'] as a case file … a mapping with schema, title and cases"),
    "null": ("null\n", "1:1", "None as a case file"),
    "no-schema": ("title: t\ncases: [{name: a}]\n", "1:1", "'schema' is missing … allowed: 1"),
    "schema-2": ("schema: 2\ntitle: t\ncases: [{name: a}]\n", "1:9", "schema: 2 … allowed: 1"),
    "empty-title": ("schema: 1\ntitle: ''\ncases: [{name: a}]\n", "2:8", "title: ''"),
    "no-cases": ("schema: 1\ntitle: t\ncases: []\n", "3:8", "cases: [] … a list of cases"),
    "cases-mapping": ("schema: 1\ntitle: t\ncases: {a: 1}\n", "3:8", "cases: {'a': 1} … a list"),
    "a-case-that-is-text": (HEAD + "  - a\n", "4:5", "'a' … a list of cases"),
    "no-name": (HEAD + "  - {kernel: 3}\n", "4:5", "'name' is missing … a-z"),
    "no-input": (HEAD + "  - {name: a, kernel: 3, padding: 1}\n", "4:5", "'input' is missing … spatial"),
    "no-kernel": (HEAD + "  - {name: a, input: 3, padding: 1}\n", "4:5", "'kernel' is missing"),
    "no-padding": (HEAD + "  - {name: a, input: 3, kernel: 1}\n", "4:5", "'padding' is missing … same_lower"),
    "alias": (PLAIN + "  - *a\n", "5:5", "alias '*a' … matrix or defaults"),
    "anchor": (PLAIN + "  - &a {name: b}\n", "5:5", "anchor '&a'"),
    "tag": (PLAIN.replace("3", "!!int 3"), "4:35", "tag … plain values"),
    "merge": (PLAIN + "  - {<<: {name: b}}\n", "5:6", "merge key"),
    "two-documents": (PLAIN + "---\nschema: 1\n", "5:1", "second document"),
    "list-as-a-key": (PLAIN.replace("kernel:", "? [kernel] :"), "4:29", "a collection as a key … text"),
    "number-as-a-key": (PLAIN.replace("kernel:", "3:"), "4:27", "3 as a key … text"),
    "no-yaml": (PLAIN.replace("kernel: 3", "kernel: 3]"), "4:36", "not YAML"),
    "huge-integer": (PLAIN.replace("3", "9" * 30), "4:35", "more than 20 digits"),
    "too-many-values": (PLAIN.replace("[6]", "[" + "6," * 100_000 + "]"), "4:200009", "more than 100000 values"),
    "too-large-a-file": (PLAIN + "#" * 2**22, "1:1", "bytes; allowed: up to 4194304"),
    "named-padding-of-a-pad": (
        HEAD + "  - {name: a, op: pad, input: 6, padding: same}\n",
        "4:43",
        "same with op pad … an integer",
    ),
    "value-of-a-mirror": (
        HEAD + "  - {name: a, op: pad, input: 6, padding: 1, mode: edge, value: 2}\n",
        "4:65",
        "with mode edge … with constant",
    ),
    "deep-nesting": (PLAIN.replace("3", "[" * 40 + "]" * 40), "4:48", "nested deeper than 16"),
    "control-character": (PLAIN.replace("3", '"\x07"'), "4:36", "printable"),
    "bad-default": ("schema: 1\ntitle: t\ndefaults: {kernel: -1}\ncases: [{name: a}]\n", "3:20", "kernel: -1"),
    "default-that-does-not-fit": (
        "schema: 1\ntitle: t\ndefaults: {kernel: 9, padding: valid}\ncases: [{name: a, input: 3}]\n",
        "3:20",
        "spans 9",
    ),
    "default-name": ("schema: 1\ntitle: t\ndefaults: {name: a}\ncases: [{name: a}]\n", "3:12", "unknown key 'name'"),
    "two-cases-of-one-name": (
        PLAIN + "  - {name: a, input: 3, kernel: 1, padding: 0}\n",
        "5:5",
        "case 'topic/f/a' again … topic/f.yaml:4:5",
    ),
    "matrix-without-field-in-name": (
        PLAIN.replace("a,", "a, matrix: {stride: [1, 2]},"),
        "4:5",
        "case 'topic/f/a' again",
    ),
}
"""What is wrong -> a file's text, the place, and words of the message."""


@pytest.mark.parametrize(("text", "place", "words"), FILES.values(), ids=FILES.keys())
def test_a_bad_file_is_refused_at_its_place_with_what_is_allowed(
    load_text: Load, text: str | bytes, place: str, words: str
) -> None:
    assert_refused(load_text, text, place, words)


def test_of_several_errors_the_first_in_the_file_is_told(load_entry: Load) -> None:
    message = refusal(load_entry, "stride: 0; kernal: 3; dilation: x")
    assert message.startswith("topic/f.yaml:4:13: stride: 0")


def test_an_error_message_is_one_line_however_long_the_value(load_entry: Load) -> None:
    message = refusal(load_entry, "kernel: [" + ", ".join(["1"] * 500) + "]")
    assert "..." in message
    assert "\n" not in message
    assert len(message) < 250


def test_a_large_case_is_checked_without_listing_its_windows(load_entry: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(axis: Axis) -> range:
        raise AssertionError("the windows of a case whose source states none are of no interest")

    monkeypatch.setattr(Axis, "starts", property(listed))
    assert load_entry("input: 200000000")[0].output(((0, 0),)) == (199999998,)


@pytest.mark.parametrize(
    "fields",
    [
        "op: avg_pool, input: 1000000, kernel: 2, padding: 1",
        "op: avg_pool, input: 8, kernel: 2, padding: [[1000000, 1]], count_include_pad: true",
        "op: avg_pool, input: 1000000, kernel: 3, padding: 1, ceil_mode: true, count_include_pad: true",
        "op: avg_pool, input: 1000000, kernel: 4, dilation: 100000, padding: same",
        "op: avg_pool, input: 3000, kernel: 3000, padding: same",
        "op: avg_pool, input: 1, kernel: 500000000, dilation: 2, stride: 2, padding: [[999999998, 999999998]]",
        "op: conv_transpose, input: 1000000, kernel: 1, stride: 3, padding: same",
        "op: conv_transpose, input: 5, kernel: 1000000, stride: 3000000, padding: same",
    ],
)
def test_a_large_case_is_read_without_looking_at_each_window_and_tap(load_text: Load, fields: str) -> None:
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"
        assert calls < 100_000

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        with suppress(InputError):
            load_text(f"{HEAD}  - {{name: a, {fields}}}\n")
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("padding: same", "padding: same with op pad … an integer, or one [begin, end]"),
        ("padding: 1, mode: symmetric", "mode: 'symmetric' … constant, reflect, edge, circular"),
        ("padding: 1, mode: edge, value: 2", "value: with mode edge; allowed: with constant"),
        ("padding: 1, value: .nan", "value: '.nan' … a number, .inf or -.inf"),
        ("padding: 1, stride: 2", "stride: with op pad; allowed: with conv"),
        ("padding: 1, filters: 2", "filters: with op pad; allowed: with conv"),
        ("value: 1", "'padding' is missing"),
    ],
)
def test_bad_pads_are_refused(load_text: Load, fields: str, words: str) -> None:
    message = refusal(load_text, f"{HEAD}  - {{name: a, op: pad, input: [6], {fields}}}\n")
    assert message.startswith("topic/f.yaml:4:")
    for word in words.split(" … "):
        assert word in message
