"""Geometry against the figures of the seeds, the published formulas and slow, obviously right definitions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import product
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.domain import geometry
from conformance.domain.geometry import (
    MODES,
    SPECS,
    Axis,
    TransposedAxis,
    canonical,
    crops_by_rule,
    outside,
    pads_by_rule,
    pads_for,
    rounding_by,
    same_elements,
    split_crop,
)

SMALL = list(product(range(1, 8), range(1, 5), range(1, 5), range(1, 4)))
"""Every (size, kernel, stride, dilation) that is small."""


def slow_reads(size: int, kernel: int, stride: int, dilation: int, begin: int, end: int) -> list[list[int | None]]:
    """The sampling map by writing the padded row out and sliding over it."""
    row = [None] * begin + list(range(size)) + [None] * end
    windows = []
    start = 0
    while start + (kernel - 1) * dilation < len(row):
        windows.append([row[start + tap * dilation] for tap in range(kernel)])
        start += stride
    return windows


def slow_same_total(size: int, kernel: int, stride: int, dilation: int) -> int:
    """The fewest pads that give ``ceil(size / stride)`` windows, by trying."""
    total = 0
    while len(slow_reads(size, kernel, stride, dilation, 0, total)) < ceil(size / stride):
        total += 1
    return total


def one(rule: str, size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The pads of one axis by a rule."""
    return pads_by_rule(rule, (size,), (kernel,), (stride,), (dilation,))[0]


@pytest.mark.parametrize(
    ("rule", "size", "kernel", "stride", "pads", "output"),
    [
        ("same", 5, 3, 2, (1, 1), 3),
        ("fixed", 5, 3, 2, (1, 1), 3),
        ("same", 6, 3, 2, (0, 1), 3),
        ("fixed", 6, 3, 2, (1, 1), 3),
        ("same", 32, 3, 2, (0, 1), 16),
        ("fixed", 32, 3, 2, (1, 1), 16),
        ("same", 64, 4, 2, (1, 1), 32),
        ("valid", 64, 4, 2, (0, 0), 31),
        ("same", 5, 2, 2, (0, 1), 3),
        ("same_lower", 5, 2, 2, (1, 0), 3),
        ("valid", 5, 2, 2, (0, 0), 2),
        ("valid", 6, 2, 2, (0, 0), 3),
        ("same", 6, 2, 2, (0, 0), 3),
        ("same", 8, 7, 2, (2, 3), 4),
        ("same_lower", 8, 7, 2, (3, 2), 4),
    ],
    ids=lambda value: str(value).replace(" ", ""),
)
def test_the_seeds_figures(rule: str, size: int, kernel: int, stride: int, pads: tuple[int, int], output: int) -> None:
    assert one(rule, size, kernel, stride) == pads
    assert Axis(size, kernel, stride, 1, *pads).output == output


def test_the_seeds_windows_of_same_follow_the_inputs_parity_and_those_of_fixed_do_not() -> None:
    assert list(Axis(6, 3, 2, 1, *one("same", 6, 3, 2)).starts) == [0, 2, 4]
    assert list(Axis(6, 3, 2, 1, *one("fixed", 6, 3, 2)).starts) == [-1, 1, 3]
    assert list(Axis(5, 3, 2, 1, *one("same", 5, 3, 2)).starts) == [-1, 1, 3]
    assert list(Axis(5, 3, 2, 1, *one("fixed", 5, 3, 2)).starts) == [-1, 1, 3]


def test_output_starts_and_reads_are_those_of_the_written_out_row() -> None:
    for (size, kernel, stride, dilation), (begin, end) in product(SMALL, product(range(4), repeat=2)):
        axis = Axis(size, kernel, stride, dilation, begin, end)
        expected = slow_reads(size, kernel, stride, dilation, begin, end)
        assert max(axis.output, 0) == len(expected), axis
        assert axis.reads() == expected, axis
        assert list(axis.starts) == [number * stride - begin for number in range(len(expected))], axis
        assert axis.meets_input == any(place is not None for window in expected for place in window), axis


def test_same_pads_the_fewest_that_keep_ceil_of_size_over_stride() -> None:
    for numbers in SMALL:
        total = slow_same_total(*numbers)
        assert one("same", *numbers) == (total // 2, total - total // 2), numbers
        assert one("same_lower", *numbers) == (total - total // 2, total // 2), numbers
        assert Axis(*numbers, *one("same", *numbers)).output == ceil(numbers[0] / numbers[2]), numbers


def test_same_is_onnx_auto_pad_and_tensorflows_formula() -> None:
    for size, kernel, stride, dilation in product(range(1, 40), range(1, 8), range(1, 6), range(1, 4)):
        extent = (kernel - 1) * dilation + 1
        onnx = max((ceil(size / stride) - 1) * stride + extent - size, 0)
        tensorflow = max(extent - stride, 0) if size % stride == 0 else max(extent - size % stride, 0)
        assert sum(one("same", size, kernel, stride, dilation)) == onnx == tensorflow
        assert sum(one("same_lower", size, kernel, stride, dilation)) == onnx


def test_valid_gives_ceil_of_what_is_left_over_stride() -> None:
    for size, kernel, stride, dilation in SMALL:
        extent = (kernel - 1) * dilation + 1
        output = Axis(size, kernel, stride, dilation, *one("valid", size, kernel, stride, dilation)).output
        assert max(output, 0) == max(ceil((size - extent + 1) / stride), 0)


def test_fixed_at_stride_one_is_same() -> None:
    for size, kernel, _, dilation in SMALL:
        assert one("fixed", size, kernel, 1, dilation) == one("same", size, kernel, 1, dilation)


def test_fixed_depends_on_the_kernel_alone() -> None:
    for size, kernel, stride, dilation in SMALL:
        assert one("fixed", size, kernel, stride, dilation) == one("fixed", 99, kernel, 1, dilation)


def test_causal_windows_end_at_the_present_and_never_read_the_future() -> None:
    for numbers in SMALL:
        axis = Axis(*numbers, *one("causal", *numbers))
        assert axis.output == ceil(axis.size / axis.stride)
        assert [window[-1] for window in axis.reads()] == list(range(0, axis.size, axis.stride))


@pytest.mark.parametrize(
    ("kernel", "dilation", "amount"), [(1, 1, 0), (3, 1, 1), (3, 2, 2), (2, 1, 0), (4, 1, 1), (4, 3, 4), (5, 2, 4)]
)
def test_symmetric_is_the_habit_of_half_the_extent_on_both_sides(kernel: int, dilation: int, amount: int) -> None:
    assert one("symmetric", 10, kernel, 2, dilation) == (amount, amount)


def test_rules_resolve_each_axis_by_its_own_numbers() -> None:
    assert pads_by_rule("same", (6, 5, 8), (3, 3, 2), (2, 2, 1), (1, 1, 3)) == ((0, 1), (1, 1), (1, 2))


def test_an_unknown_rule_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="reflect"):
        pads_by_rule("reflect", (6,), (3,), (2,), (1,))


def test_an_end_pad_that_no_window_reads_is_not_canonical() -> None:
    assert Axis(6, 3, 2, 1, 1, 0).canonical() == Axis(6, 3, 2, 1, 1, 1).canonical() == (1, 0)
    assert Axis(6, 3, 2, 1, 0, 1).canonical() == (0, 1)
    assert same_elements([Axis(6, 3, 2, 1, 1, 0)], [Axis(6, 3, 2, 1, 1, 1)])
    assert not same_elements([Axis(6, 3, 2, 1, 1, 1)], [Axis(6, 3, 2, 1, 0, 1)])


def test_canonical_pads_of_several_axes() -> None:
    over = geometry.axes((6, 6), (3, 3), (2, 2), (1, 1), ((1, 1), (0, 1)))
    assert canonical(over) == ((1, 0), (0, 1))


def test_canonical_pads_read_the_same_elements_and_are_one_for_each_sampling_map() -> None:
    for numbers in SMALL:
        maps = defaultdict(set)
        for begin, end in product(range(6), repeat=2):
            axis = Axis(*numbers, begin, end)
            if axis.output > 0:
                pads = axis.canonical()
                assert replace(axis, begin=pads[0], end=pads[1]).reads() == axis.reads(), axis
                maps[str(axis.reads())].add(pads)
        assert all(len(found) == 1 for found in maps.values()), maps


def test_an_axis_that_reads_padding_only_has_one_canonical_form() -> None:
    left, right = Axis(1, 1, 3, 1, 1, 2), Axis(1, 1, 3, 1, 2, 1)
    assert left.reads() == right.reads() == [[None], [None]]
    assert not left.meets_input
    assert left.canonical() == right.canonical() == (1, 2)
    assert same_elements([left], [right])


def test_a_dilated_window_can_step_over_the_whole_input() -> None:
    axis = Axis(1, 2, 1, 2, 1, 1)
    assert axis.reads() == [[None, None]]
    assert not axis.meets_input


def test_same_elements_is_equality_of_the_sampling_maps() -> None:
    for size, kernel, stride, dilation in product(range(1, 5), range(1, 4), range(1, 4), range(1, 3)):
        over = [Axis(size, kernel, stride, dilation, b, e) for b, e in product(range(4), repeat=2)]
        for left, right in product([axis for axis in over if axis.output > 0], repeat=2):
            assert same_elements([left], [right]) == (left.reads() == right.reads()), (left, right)


@pytest.mark.parametrize(
    "other",
    [Axis(7, 2, 2, 1), Axis(7, 3, 2, 1, 1, 0), Axis(7, 3, 3, 1, 0, 2), Axis(7, 3, 2, 2, 0, 2), Axis(7, 3, 2, 1, 0, 2)],
    ids=["kernel", "begin", "stride", "dilation", "end"],
)
def test_another_number_is_another_geometry(other: Axis) -> None:
    axis = Axis(7, 3, 2, 1)
    assert axis.reads() != other.reads()
    assert not same_elements([axis], [other])
    assert not same_elements([axis, axis], [axis, other])


def test_strides_and_dilations_that_no_window_uses_are_the_same_geometry() -> None:
    assert same_elements([Axis(3, 3, 1, 1)], [Axis(3, 3, 2, 1)])
    assert same_elements([Axis(3, 1, 1, 1)], [Axis(3, 1, 1, 5)])


def test_a_negative_begin_pad_starts_inside_the_input() -> None:
    axis = Axis(6, 3, 2, 1, -1, 2)
    assert axis.reads() == [[1, 2, 3], [3, 4, 5], [5, None, None]]
    assert axis.canonical() == (-1, 2)
    assert not same_elements([axis], [Axis(6, 3, 2, 1, 0, 1)])


def test_a_kernel_that_does_not_fit_has_no_window() -> None:
    axis = Axis(2, 5, 1, 1, 1, 1)
    assert axis.output == 0
    assert axis.reads() == []
    assert axis.canonical() == (1, 1)


def slow_rounded_up(axis: Axis) -> list[int]:
    """The starts of the windows as PyTorch says: on while elements are left, none that starts in the end pad."""
    starts = [-axis.begin]
    while starts[-1] + axis.extent < axis.size + axis.end:
        starts.append(starts[-1] + axis.stride)
    return starts if starts[-1] < axis.size else starts[:-1]


ROUNDED = [
    Axis(*numbers, begin, end, "ceil")
    for numbers in SMALL
    for begin, end in product(range(3), range(3))
    if numbers[0] + begin + end >= (numbers[1] - 1) * numbers[3] + 1
]


def test_rounding_up_keeps_a_partial_window_unless_it_starts_in_the_end_pad() -> None:
    for axis in ROUNDED:
        assert list(axis.starts) == slow_rounded_up(axis), axis
        kept = replace(axis, rounding="keep")
        assert kept.output - axis.output in (0, 1)
        assert (kept.output > axis.output) == (kept.starts[-1] >= axis.size), axis


@pytest.mark.parametrize(
    ("axis", "outputs"),
    [
        (Axis(8, 3, 2, 1, 0, 0, "ceil"), 4),  # torch: MaxPool1d(3, 2, ceil_mode=True) of 8 elements
        (Axis(8, 3, 2, 1, 0, 0), 3),
        (Axis(7, 3, 2, 1, 0, 0, "ceil"), 3),
        (Axis(8, 2, 3, 1, 1, 1, "ceil"), 3),  # a fourth window would start in the end pad
        (Axis(8, 2, 3, 1, 1, 1, "keep"), 4),
    ],
    ids=str,
)
def test_windows_of_a_pool(axis: Axis, outputs: int) -> None:
    assert axis.output == outputs


def test_divisors_count_elements_or_the_padding_too_but_nothing_beyond() -> None:
    for axis in ROUNDED:
        for counted in (False, True):
            low, high = (-axis.begin, axis.size + axis.end) if counted else (0, axis.size)
            expected = [
                sum(low <= start + tap * axis.dilation < high for tap in range(axis.kernel)) for start in axis.starts
            ]
            assert replace(axis, counted=counted).divisors() == expected, axis


axes = st.builds(
    Axis,
    size=st.integers(1, 8),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 9),
    dilation=st.integers(1, 5),
    begin=st.integers(-9, 30),
    end=st.integers(-9, 30),
    rounding=st.sampled_from(["floor", "ceil", "keep"]),
    counted=st.booleans(),
    mode=st.sampled_from(["constant", *MODES]),
)


@settings(deadline=None, max_examples=500)
@given(axes)
def test_what_windows_read_is_counted_as_they_read_it(axis: Axis) -> None:
    windows = axis.reads()
    assert axis.divisors() == [sum(place is not None for place in window) for window in windows]
    assert axis.distinct_divisors() == set(axis.divisors()) or not windows
    met = [any(place not in (None, -1) for place in window) for window in windows]
    if axis.mode == "constant":
        assert (axis.lonely, axis.meets_input) == (not all(met), any(met))


@settings(deadline=None, max_examples=500)
@given(axes, axes)
def test_the_same_elements_are_read_where_sampling_maps_are_equal(axis: Axis, other: Axis) -> None:
    for change in ("begin", "end", "rounding", "counted", "stride", "mode"):
        changed = replace(axis, **{change: getattr(other, change)})
        assert same_elements([axis], [changed]) == (axis.reads() == changed.reads()), change


def test_modes_are_compared_outside_of_the_input_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[int] = []

    def count(mode: str, place: int, size: int) -> int:
        places.append(place)
        return outside(mode, place, size)

    monkeypatch.setattr(geometry, "outside", count)
    edge = Axis(1000, 1, 1, 1, 1, 1, mode="edge")
    assert same_elements([edge], [replace(edge, mode="symmetric")])
    assert set(places) == {-1, 1000}


def test_counted_padding_is_read() -> None:
    asked = Axis(6, 3, 1, 1, 1, 1, counted=True)
    assert asked.reads()[0] == [-1, 0, 1]
    assert not same_elements((asked,), (replace(asked, counted=False),))
    assert same_elements((asked,), (replace(asked),))


def slow_scatter(axis: TransposedAxis) -> list[list[int | None]]:
    """The sampling map of a transposed convolution, by bringing every element through every tap to its place."""
    found: list[list[int | None]] = [[None] * axis.kernel for _ in range(axis.output)]
    for index, tap in product(range(axis.size), range(axis.kernel)):
        place = index * axis.stride + tap * axis.dilation - axis.begin
        if 0 <= place < axis.output:
            found[place][tap] = index
    return found


TRANSPOSED = [
    axis
    for numbers in SMALL
    for begin, end in product(range(3), range(-2, 3))
    if (axis := TransposedAxis(*numbers, begin, end)).output > 0
]


def test_a_transposed_axis_reads_what_reaches_each_output() -> None:
    for axis in TRANSPOSED:
        assert axis.reads() == slow_scatter(axis), axis


def test_a_transposed_axis_is_the_adjoint_of_an_axis_with_its_pads() -> None:
    for axis in TRANSPOSED:
        forward = Axis(axis.output, axis.kernel, axis.stride, axis.dilation, axis.begin, axis.end)
        if axis.end < 0 or forward.output != axis.size:
            continue
        pairs = {(index, tap, place) for index, taps in enumerate(forward.reads()) for tap, place in enumerate(taps)}
        read = {(index, tap, place) for place, taps in enumerate(axis.reads()) for tap, index in enumerate(taps)}
        assert {pair for pair in pairs if pair[2] is not None} == {pair for pair in read if pair[0] is not None}, axis


@pytest.mark.parametrize("rule", ["same", "same_lower"])
def test_same_gives_a_stride_of_outputs_for_each_element(rule: str) -> None:
    for size, kernel, stride, dilation in SMALL:
        ((begin, end),) = crops_by_rule(rule, (size,), (kernel,), (stride,), (dilation,))
        assert TransposedAxis(size, kernel, stride, dilation, begin, end).output == size * stride
        if begin + end >= 0:
            assert min(begin, end) >= 0
            assert (end - begin if rule == "same" else begin - end) in (0, 1)
    assert crops_by_rule("valid", (5,), (3,), (2,), (1,)) == ((0, 0),)


def test_a_crop_below_zero_is_put_to_the_end_by_tensorflow_and_divided_by_onnx() -> None:
    totals = (-3, -2, -1, 0, 3)
    assert [split_crop(total, False) for total in totals] == [(0, -3), (0, -2), (0, -1), (0, 0), (1, 2)]
    assert [split_crop(total, False, "onnx") for total in totals] == [(-2, -1), (-1, -1), (-1, 0), (0, 0), (1, 2)]
    assert [split_crop(total, True) for total in totals] == [(-1, -2), (-1, -1), (0, -1), (0, 0), (2, 1)]
    wide = ((5,), (2,), (4,), (1,))
    assert crops_by_rule("valid", *wide) == crops_by_rule("valid", *wide, "onnx") == ((0, 0),)
    assert crops_by_rule("valid", *wide, "tensorflow") == ((0, -2),)
    assert crops_by_rule("valid", (5,), (4,), (2,), (1,), "tensorflow") == ((0, 0),)
    assert crops_by_rule("same", *wide, "onnx") == ((-1, -1),)


def test_a_pools_windows_are_rounded_up_but_where_onnx_says_valid_and_kept_by_caffe_without_pads() -> None:
    assert [rounding_by(spec, "valid", True) for spec in ("", *SPECS)] == ["ceil", "floor", "ceil", "ceil", "keep"]
    assert [rounding_by("caffe", pads, True) for pads in ([[0, 0]], [[0, 0], [1, 1]], "same")] == [
        "keep",
        "ceil",
        "ceil",
    ]
    assert rounding_by("onnx", [[0, 0]], True) == "ceil"
    assert {rounding_by(spec, "valid", False) for spec in SPECS} == {"floor"}


def test_an_outputs_crop_is_canonical_as_it_is() -> None:
    axis = TransposedAxis(4, 3, 2, 1, 1, 0)
    assert canonical((axis,)) == ((1, 0),)
    assert not same_elements((axis,), (replace(axis, begin=0, end=1),))


@pytest.mark.parametrize(
    ("mode", "elements"),
    [
        ("reflect", [2, 1, 0, 1, 2, 3, 2, 1, 0]),
        ("edge", [0, 0, 0, 1, 2, 3, 3, 3, 3]),
        ("circular", [2, 3, 0, 1, 2, 3, 0, 1, 2]),
        ("symmetric", [1, 0, 0, 1, 2, 3, 3, 2, 1]),
    ],
)
def test_what_lies_outside_an_input_of_four(mode: str, elements: list[int]) -> None:
    assert [outside(mode, place, 4) for place in range(-2, 7)] == elements
    assert Axis(4, 1, 1, 1, 2, 3, mode=mode).reads() == [[place] for place in elements]
    assert {outside(mode, place, 1) for place in range(-3, 5)} == {0}


def test_modes_are_the_same_geometry_where_they_read_the_same() -> None:
    edge, symmetric = (Axis(4, 1, 1, 1, 1, 1, mode=mode) for mode in ("edge", "symmetric"))
    assert same_elements((edge,), (symmetric,))
    assert not same_elements((replace(edge, end=2),), (replace(symmetric, end=2),))
    assert not same_elements((edge,), (replace(edge, mode="constant"),))


def test_a_window_is_lonely_where_no_tap_meets_the_input() -> None:
    sizes = product(range(1, 5), range(1, 4), (1, 2), (1, 2, 3), range(5), range(5))
    for numbers, rounding in product(sizes, ("floor", "ceil", "keep")):
        axis = Axis(*numbers, rounding)
        assert axis.lonely == any(all(place is None for place in taps) for taps in axis.reads()), axis


def test_the_end_that_an_output_size_needs_fills_the_last_window() -> None:
    for size, kernel, stride, dilation, begin, count in product(
        range(1, 5), range(1, 4), (1, 2, 3), (1, 2), range(-1, 3), range(1, 6)
    ):
        ((_, end),) = pads_for((Axis(size, kernel, stride, dilation, begin, 9),), (count,))
        axis = Axis(size, kernel, stride, dilation, begin, end)
        assert axis.output == count
        assert axis.starts[-1] + axis.extent == size + end


def test_the_crop_at_the_end_leaves_an_output_size() -> None:
    for size, kernel, stride, dilation, begin, count in product(
        range(1, 5), range(1, 4), (1, 2, 3), (1, 2), range(3), range(1, 6)
    ):
        pads = pads_for((TransposedAxis(size, kernel, stride, dilation, begin, 9),), (count,))
        assert pads[0][0] == begin
        assert TransposedAxis(size, kernel, stride, dilation, *pads[0]).output == count


def test_canonical_pads_have_as_many_windows_however_they_are_rounded() -> None:
    sizes = product(range(1, 4), range(1, 4), (1, 2, 3), (1, 2), range(5), range(5))
    for numbers, rounding in product(sizes, ("floor", "ceil", "keep")):
        axis = Axis(*numbers, rounding)
        if axis.output > 0:
            begin, end = axis.canonical()
            assert replace(axis, begin=begin, end=end, rounding="floor").output == axis.output, axis
