"""The packaged cases: enough of them, the seeds' own figures, and none that no wrong padding can fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import bounds, cases, oracle, packaged, strict_yaml
from conformance.domain.case import Case
from conformance.domain.geometry import Pads, canonical, same_elements
from conformance.domain.tensors import tensors

ALL = cases.load()
SEEDS = {case.id.removeprefix("seeds/"): case for case in ALL if case.id.startswith("seeds/")}
SYSTEMATIC = [case for case in ALL if not case.id.startswith("seeds/")]
FILES = sorted(packaged.cases().rglob("*.yaml"))


def both(*pads: int) -> tuple[tuple[int, ...], ...]:
    """The same for two axes."""
    return (pads, pads)


@pytest.mark.parametrize(
    ("name", "configuration", "expected"),
    [
        # Question 1: SAME against fixed padding.
        ("fixed-padding/i5-same", ((5, 5), 3, 2, "same"), {"pads": both(1, 1), "output": (3, 3)}),
        ("fixed-padding/i5-fixed", ((5, 5), 3, 2, "fixed"), {"pads": both(1, 1), "output": (3, 3)}),
        (
            "fixed-padding/i6-same",
            ((6, 6), 3, 2, "same"),
            {"pads": both(0, 1), "output": (3, 3), "windows": both(0, 2, 4)},
        ),
        (
            "fixed-padding/i6-fixed",
            ((6, 6), 3, 2, "fixed"),
            {"pads": both(1, 1), "output": (3, 3), "windows": both(-1, 1, 3)},
        ),
        ("fixed-padding/i32-same", ((32, 32), 3, 2, "same"), {"pads": both(0, 1), "output": (16, 16)}),
        ("fixed-padding/i32-fixed", ((32, 32), 3, 2, "fixed"), {"pads": both(1, 1), "output": (16, 16)}),
        # Question 2: Keras' same with a stride.
        ("keras-same-stride/k4-s2-i64", ((64, 64), 4, 2, "same"), {"output": (32, 32)}),
        ("keras-same-stride/k4-s2-i64-valid", ((64, 64), 4, 2, "valid"), {"output": (31, 31)}),
        ("keras-same-stride/total-5", ((9, 9), 6, 1, "same"), {"pads": both(2, 3)}),
        ("keras-same-stride/total-5-dilated", ((9, 9), 2, 1, "same"), {"pads": both(2, 3)}),
        ("keras-same-stride/symmetric", ((64, 64), 3, 2, both(1, 1)), {"pads": both(1, 1)}),
        # Question 3: Keras' same is not PyTorch's padding.
        ("onnx2keras-same/i5-same", ((5, 5), 2, 2, "same"), {"output": (3, 3), "parameters": 120}),
        ("onnx2keras-same/i5-valid", ((5, 5), 2, 2, "valid"), {"output": (2, 2), "parameters": 120}),
        ("onnx2keras-same/i6-valid", ((6, 6), 2, 2, "valid"), {"output": (3, 3), "parameters": 120}),
    ],
)
def test_a_seed_states_its_own_figures(name: str, configuration: Any, expected: dict[str, Any]) -> None:
    case = SEEDS[name]
    size, kernel, stride, padding = configuration
    assert (case.input, case.kernel, case.stride, case.padding) == (size, (kernel,) * 2, (stride,) * 2, padding)
    assert {field: getattr(case.expect, field) for field in expected} == expected


def test_the_seeds_channels_are_those_of_the_questions() -> None:
    keras = SEEDS["keras-same-stride/k4-s2-i64"]
    assert (keras.channels, keras.filters, keras.batch) == (3, 6, 1)
    converted = SEEDS["onnx2keras-same/i5-same"]
    assert (converted.channels, converted.filters, converted.bias) == (1, 24, True)
    assert SEEDS["keras-same-stride/total-5-dilated"].dilation == (5, 5)


def test_every_seed_states_something_or_belongs_to_the_converters_question() -> None:
    for name, case in SEEDS.items():
        stated = [getattr(case.expect, field) for field in ("output", "pads", "windows", "parameters", "values")]
        assert any(value is not None for value in stated) or name.startswith("onnx2keras-same/torch-k3"), name
        assert case.source, name


def test_the_same_valid_layer_on_six_reads_the_same_elements() -> None:
    same, valid = SEEDS["onnx2keras-same/i6-same"], SEEDS["onnx2keras-same/i6-valid"]
    assert same_elements(same.axes(same.pads), valid.axes(valid.pads))


def test_what_sources_state_is_what_the_reference_gives() -> None:
    cases.check_values(ALL)


def test_there_are_at_least_400_systematic_convolutions() -> None:
    assert len([case for case in SYSTEMATIC if case.op == "conv"]) >= 400


@pytest.mark.parametrize("field", ["input", "kernel", "stride", "dilation"])
@pytest.mark.parametrize("rank", [2, 3])
def test_axes_are_unequal_in_every_field(field: str, rank: int) -> None:
    uneven = [case for case in SYSTEMATIC if case.rank == rank and len(set(getattr(case, field))) > 1]
    assert len(uneven) >= 8
    assert {case.padding for case in uneven} >= {"same", "same_lower"}


def test_every_kind_of_everything_is_there() -> None:
    def some(wanted: Any) -> bool:
        return any(map(wanted, SYSTEMATIC))

    for padding in ("valid", "same", "same_lower", "causal", "fixed"):
        assert some(lambda case, padding=padding: case.padding == padding), padding
    for rank in (1, 2, 3):
        assert some(lambda case, rank=rank: case.rank == rank and case.bias), rank
        assert some(lambda case, rank=rank: case.rank == rank and case.groups > 1), rank
        assert some(lambda case, rank=rank: case.rank == rank and max(case.stride) > 1 < max(case.dilation)), rank
        for asymmetric in (True, False):
            assert some(
                lambda case, rank=rank, asymmetric=asymmetric: (
                    case.rank == rank
                    and not isinstance(case.padding, str)
                    and any(begin != end for begin, end in case.padding) is asymmetric
                )
            ), (rank, asymmetric)
    for multiplier in (1, 2, 3):
        assert some(lambda case, times=multiplier: case.depthwise and case.filters == times * case.channels), multiplier
    assert some(lambda case: 1 < case.groups < case.channels)
    assert some(lambda case: case.batch >= 16)
    assert some(lambda case: case.data == "normal")
    assert some(lambda case: case.dtype == "float64")


@pytest.mark.parametrize("op", ["conv_transpose", "max_pool", "avg_pool"])
def test_every_operator_is_there_with_all_that_it_has(op: str) -> None:
    cases_of = [case for case in SYSTEMATIC if case.op == op]
    assert {case.rank for case in cases_of} == {1, 2, 3}
    kinds = {case.padding if isinstance(case.padding, str) else "numbers" for case in cases_of}
    assert kinds >= {"valid", "same", "same_lower", "numbers"}
    has = {
        "conv_transpose": ("output_padding", "output_shape", "bias"),
        "max_pool": ("ceil_mode",),
        "avg_pool": ("ceil_mode", "count_include_pad"),
    }
    for field in has[op]:
        assert any(getattr(case, field) for case in cases_of), field
    for wanted in (lambda case: max(case.dilation) > 1, lambda case: any(b != e for b, e in case.pads)):
        assert any(map(wanted, cases_of))
    assert op != "conv_transpose" or {case.groups for case in cases_of} == {1, 2, 4}


def test_at_most_150_cases_are_for_the_slow_exporter() -> None:
    assert 20 <= sum("dynamo" in case.tags for case in ALL) <= 150


def test_identities_are_unique_and_short_and_say_where_the_case_is() -> None:
    assert len({case.id for case in ALL}) == len(ALL)
    for case in ALL:
        assert len(case.id) <= 100, case.id
        assert case.where.split(":")[0].removesuffix(".yaml").endswith(case.id.rsplit("/", 1)[0])


def test_no_two_cases_are_the_same_configuration() -> None:
    seen: dict[Any, str] = {}
    for case in SYSTEMATIC:
        configuration = (
            case.input, case.kernel, case.stride, case.dilation, case.padding, case.batch, case.channels, case.filters,
            case.groups, case.bias, case.dtype, case.data, case.seed, case.op, case.output_padding, case.output_shape,
            case.ceil_mode, case.count_include_pad, case.mode, case.value,
        )  # fmt: skip
        assert seen.setdefault(configuration, case.id) == case.id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_case_file_has_a_title_of_its_own_and_names_its_schema(path: Path) -> None:
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../case.schema.json\n")
    titles = [strict_yaml.read(file).data["title"] for file in FILES]
    title = strict_yaml.read(path).data["title"]
    assert len(title) > 10
    assert titles.count(title) == 1


def wrong_paddings(case: Case) -> Iterator[tuple[str, Pads]]:
    """What somebody may pad with instead, where it reads other elements."""
    pads = case.pads
    wrong = {
        "none": tuple((0, 0) for _ in pads),
        "mirrored": tuple((end, begin) for begin, end in pads),
        "begin only": tuple((begin, 0) for begin, _ in pads),
        "end only": tuple((0, end) for _, end in pads),
        "begin twice": tuple((begin, begin) for begin, _ in pads),
        "end twice": tuple((end, end) for _, end in pads),
        "one more": tuple((begin + 1, end) for begin, end in pads),
        "axes swapped": pads[::-1],
    }
    asked = case.axes(pads)
    for name, other in wrong.items():
        over = case.axes(other)
        if all(axis.output > 0 for axis in over) and not same_elements(asked, over):
            yield name, other


PADDED = [case for case in ALL if any(amount for pair in canonical(case.axes(case.pads)) for amount in pair)]


def test_most_cases_have_padding() -> None:
    assert len(PADDED) > 0.75 * len(ALL)


def test_every_wrong_padding_shows_in_every_case_with_padding() -> None:
    """Its output has another shape, or differs by more than what a right one may; not where one element repeats."""
    for case in PADDED:
        if case.op == "pad" and max(case.input) == 1:
            continue
        data = tensors(case)
        right = oracle.reading(case, case.pads)
        reference = oracle.compute(case, data, right)
        exact = case.data != "normal"
        bound = bounds.LATTICE if exact else bounds.direct(bounds.Sums(case, data, right, reference))
        seen = 0
        for name, pads in wrong_paddings(case):
            output = oracle.compute(case, data, oracle.reading(case, pads))
            shows = output.shape != reference.shape or not bounds.within(output, reference, 2 * bound)
            assert shows, f"{case.id}: {name}"
            seen += 1
        assert seen, f"{case.id}: no wrong padding could be tried"


def test_an_asymmetric_padding_is_told_from_its_mirror_without_a_look_at_the_shape() -> None:
    """The shapes agree, which is why nobody notices; the numbers must not."""
    told = 0
    for case in PADDED:
        mirrored = dict(wrong_paddings(case)).get("mirrored")
        if mirrored is None or case.output(mirrored) != case.output(case.pads):
            continue
        data = tensors(case)
        outputs = [oracle.compute(case, data, oracle.reading(case, pads)) for pads in (case.pads, mirrored)]
        assert outputs[0].shape == outputs[1].shape
        assert not bounds.within(outputs[0], outputs[1], 0.4), case.id
        told += 1
    assert told >= 150
