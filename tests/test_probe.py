"""The probe: from outputs alone the very function that was planted, or that there is no such geometry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from conformance import oracle, probe
from conformance.domain.case import INTEGERS, Case
from conformance.domain.geometry import Axis
from conformance.domain.tensors import tensors
from conformance.oracle import Reading
from conformance.probe import Found

Array = NDArray[Any]
LAYERS = ("conv", "conv_transpose")


def case(**fields: Any) -> Case:
    """A convolution of unequal axes, groups and a bias, unless said otherwise."""
    plain: dict[str, Any] = {
        "id": "topic/a",
        "op": "conv",
        "input": (6, 7),
        "kernel": (3, 2),
        "stride": (2, 1),
        "dilation": (1, 2),
        "padding": ((0, 1), (1, 0)),
        "channels": 4,
        "filters": 6,
        "groups": 2,
        "bias": True,
    }
    fields = {**plain, **fields}
    if fields["op"].endswith("pool"):
        fields |= {"filters": fields["channels"], "groups": 1, "bias": False}
    return Case(**fields)


def probed(of: Case, how: Reading, bend: Callable[[Array], Array] = np.asarray) -> Found:
    """What the probe says of an implementation that computes a reading."""
    probes = probe.cases(of)
    return probe.conclude(probes, [bend(oracle.compute(one, tensors(one), how).astype(one.dtype)) for one in probes])


def faithful(of: Case, **changes: Any) -> Reading:
    """The reading that a case asks for, with some changes."""
    return oracle.reading(of, of.pads)._replace(**changes)


def test_what_is_asked_for_is_read_back_in_one_execution() -> None:
    found = probed(case(), faithful(case()))
    assert found.executions == 1
    assert found.whole
    assert not found.problem
    assert [(axis.begin, axis.end, axis.stride, axis.dilation, axis.flipped) for axis in found.axes] == [
        (0, 1, 2, 1, False),
        (1, 0, 1, 2, False),
    ]
    assert (found.channels, found.bias) == ("as asked", "kept")


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"pads": ((1, 1), (1, 0))}, {"pads": ((1, 1), (1, 0))}),
        ({"stride": (1, 1)}, {"stride": (1, 1)}),
        ({"dilation": (1, 1)}, {"dilation": (1, 1)}),
        ({"flip": True}, {"flip": True}),
        ({"swap": True}, {"swap": True}),
        ({"bias": False}, {"bias": False}),
        ({"interleave": True}, {"interleave": True}),
        ({"flip": True, "bias": False, "dilation": (1, 1)}, {"flip": True, "bias": False, "dilation": (1, 1)}),
    ],
)
@pytest.mark.parametrize("op", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_each_change_is_read(op: str, dtype: str, changes: dict[str, Any], seen: dict[str, Any]) -> None:
    of = case(op=op, dtype=dtype, padding=((0, 1), (1, 0)))
    found = probed(of, faithful(of, **changes))
    assert found.reading is not None, found.problem
    asked = faithful(of)
    for name in ("stride", "dilation", "flip", "swap", "bias", "interleave"):
        assert getattr(found.reading, name) == seen.get(name, getattr(asked, name)), name


def test_a_kernel_reversed_on_one_axis_is_read_and_has_no_name() -> None:
    of = case()
    probes = probe.cases(of)
    outputs = []
    for one in probes:
        data = tensors(one)
        outputs.append(oracle.compute(one, data._replace(weights=data.weights[:, :, ::-1]), faithful(of)))
    found = probe.conclude(probes, outputs)
    assert [axis.flipped for axis in found.axes] == [True, False]
    assert found.reading is None
    assert not found.problem


def test_a_map_of_channels_that_has_no_name_is_told() -> None:
    of = case()
    found = probed(of, faithful(of), lambda output: output[:, [1, 0, 2, 3, 4, 5]])
    assert found.reading is None
    assert not found.problem
    assert found.channels.startswith("output 0 sees channels [0, 1]")


def test_one_channel_in_place_of_another_is_told() -> None:
    of = case(groups=1, channels=2, filters=2)
    probes = probe.cases(of)
    outputs = []
    for one in probes:
        data = tensors(one)
        outputs.append(oracle.compute(one, data._replace(input=data.input[:, ::-1]), faithful(of)))
    found = probe.conclude(probes, outputs)
    assert found.reading is None
    assert "sees channels" in found.channels


def test_a_stride_within_the_phases_of_a_dilation_is_no_geometry_and_the_counterexample_is_named() -> None:
    of = case(stride=(2, 2), dilation=(2, 2), input=(9, 9), groups=1)
    found = probed(of, faithful(of, phased=True))
    assert found.reading is None
    assert "axis 0" in found.problem


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        (lambda output: output + 0.25, "no integers"),
        (lambda output: output[..., 0], "outputs of shape"),
        (lambda output: np.zeros_like(output), "no output depends"),
        (lambda output: output * 1000, "through no single weight"),
        (lambda output: np.where(output == output.max(), 0, output), "where the geometry read gives"),
    ],
)
def test_what_is_no_geometry_is_said_to_be_so(bend: Callable[[Array], Array], words: str) -> None:
    found = probed(case(), faithful(case()), bend)
    assert found.reading is None
    assert words in found.problem


@pytest.mark.parametrize(
    ("op", "changes", "told"),
    [
        ("max_pool", {}, {"fill": -np.inf, "windows": "floor"}),
        ("max_pool", {"fill": 0.0}, {"fill": 0.0}),
        ("avg_pool", {}, {"divisor": "elements alone"}),
        ("avg_pool", {"counted": True}, {"divisor": "padding counted, what lies beyond it not"}),
        (
            "avg_pool",
            {"overhang": True, "rounding": "ceil"},
            {"divisor": "every tap counted, padding and what lies beyond it too"},
        ),
        ("max_pool", {"rounding": "ceil"}, {"windows": "ceil"}),
        ("avg_pool", {"rounding": "ceil", "counted": True}, {"windows": "ceil"}),
        ("max_pool", {"stride": (2, 2)}, {}),
        ("avg_pool", {"dilation": (1, 1)}, {}),
    ],
)
def test_pools_are_read(op: str, changes: dict[str, Any], told: dict[str, Any]) -> None:
    of = case(op=op, input=(6, 8), kernel=(3, 2), stride=(2, 3), padding=((1, 1), (0, 1)), channels=2)
    found = probed(of, faithful(of, **changes))
    assert found.reading is not None, found.problem
    assert {name: getattr(found, name) for name in told} == told
    for name in ("stride", "dilation"):
        assert getattr(found.reading, name) == getattr(faithful(of, **changes), name)


def pad(**fields: Any) -> Case:
    """A pad of unequal axes, unless said otherwise."""
    plain: dict[str, Any] = {"input": (4, 5), "padding": ((1, 2), (0, 3)), "channels": 2, "filters": 2, "groups": 1}
    plain |= dict.fromkeys(("kernel", "stride", "dilation"), (1, 1))
    return case(**{**plain, "op": "pad", "bias": False, **fields})


@pytest.mark.parametrize("asked", [{"mode": "reflect"}, {"mode": "edge"}, {"value": 1.5}, {}], ids=str)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mode": "circular"},
        {"mode": "symmetric"},
        {"mode": "edge"},
        {"mode": "constant", "fill": 0.0},
        {"mode": "constant", "fill": -2.0},
        {"mode": "constant", "fill": -np.inf},
        {"pads": ((2, 1), (0, 3))},
        {"pads": ((0, 0), (0, 0)), "mode": "constant"},
        {"pads": ((-1, 0), (1, 3)), "mode": "reflect"},
    ],
    ids=str,
)
def test_pads_are_read_with_mode_and_value(asked: dict[str, Any], changes: dict[str, Any]) -> None:
    of = pad(**asked)
    how = faithful(of, **changes)
    found = probed(of, how)
    assert found.reading is not None, found.problem
    data = tensors(of)
    assert np.array_equal(oracle.compute(of, data, found.reading), oracle.compute(of, data, how))


def test_a_pad_of_other_elements_has_no_mode_and_they_are_told() -> None:
    of = pad(input=(5,), padding=((2, 1),), mode="circular", **dict.fromkeys(("kernel", "stride", "dilation"), (1,)))
    found = probed(of, faithful(of), lambda output: output[:, :, 1:][:, :, [1, *range(1, 7)]])
    assert found.reading is None
    assert not found.problem
    assert probe.nameless(found) == "the elements 0 0 1 2 3 4 0 along axis 0"


def test_a_pad_that_mixes_places_is_no_geometry() -> None:
    of = pad()
    found = probed(of, faithful(of), lambda output: output + np.roll(output, 1, -1))
    assert found.problem


def test_pads_of_a_pool_reach_as_far_as_its_last_window() -> None:
    of = case(op="avg_pool", input=(5,), kernel=(3,), stride=(2,), dilation=(1,), padding=((0, 1),), channels=1)
    found = probed(of, faithful(of, rounding="ceil", counted=True))
    (axis,) = found.axes
    assert (axis.begin, axis.end) == (0, 2)


def test_a_window_in_the_padding_alone_is_an_infinity_of_a_max_pool_and_no_number_of_an_average() -> None:
    changes: dict[str, Any] = {"pads": ((0, 4), (1, 0)), "rounding": "keep"}
    of = case(op="max_pool", channels=2)
    assert np.isneginf(oracle.compute(of, tensors(of), faithful(of, **changes))).any()
    found = probed(of, faithful(of, **changes))
    assert found.reading is not None, found.problem
    of = case(op="avg_pool", channels=2)
    assert probed(of, faithful(of, **changes), np.nan_to_num).reading is None


def test_narrow_types_take_an_execution_for_each_digit_of_a_weights_number() -> None:
    of = case(dtype="float16", channels=16, filters=32, groups=1, kernel=(3, 3), input=(5, 5))
    probes = probe.cases(of)
    assert len(probes) == 2  # 4,608 weights
    for one in probes:
        assert np.abs(tensors(one).weights).max() <= INTEGERS["float16"]
    assert probed(of, faithful(of, dilation=(2, 1))).reading is not None


def test_a_large_case_is_shortened_by_whole_strides_and_keeps_its_channels_and_padding() -> None:
    of = case(input=(224, 225), channels=64, filters=64, groups=1, kernel=(3, 3), stride=(2, 2), padding="same")
    (one,) = probe.cases(of)
    assert one.input[0] < 40
    assert [(a - b) % 2 for a, b in zip(of.input, one.input, strict=True)] == [0, 0]
    assert (one.channels, one.filters, one.pads) == (64, 64, of.pads)
    found = probed(of, faithful(replace(of, input=one.input), dilation=(1, 1)))
    assert found.reading is not None
    assert [axis.stride for axis in found.axes] == [2, 2]


SMALL = st.integers(1, 3)


@st.composite
def planted(draw: st.DrawFn) -> tuple[Case, Reading]:
    """A small case of any operator and rank, and a wrong reading of it, composed of anything."""
    rank = draw(SMALL)
    op = draw(st.sampled_from(["conv", "conv", "conv_transpose", "max_pool", "avg_pool"]))
    sizes = st.tuples(*[SMALL] * rank)
    groups = draw(st.integers(1, 2)) if op in LAYERS else 1
    of = case(
        op=op,
        input=draw(st.tuples(*[st.integers(3, 7)] * rank)),
        kernel=draw(sizes),
        stride=draw(sizes),
        dilation=draw(st.tuples(*[st.integers(1, 2)] * rank)),
        padding=tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(rank)),
        channels=groups * draw(st.integers(1, 2)),
        filters=groups * draw(SMALL),
        groups=groups,
        bias=draw(st.booleans()),
    )
    changes: dict[str, Any] = {
        "pads": tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(rank)),
        "stride": draw(st.sampled_from([of.stride, draw(sizes)])),
        "dilation": draw(st.sampled_from([of.dilation, (1,) * rank])),
    }
    if op in LAYERS:
        changes |= {name: draw(st.booleans()) for name in ("flip", "swap", "bias", "interleave")}
        changes["bias"] = changes["bias"] and of.bias
    else:
        changes["rounding"] = draw(st.sampled_from(["floor", "ceil", "keep"]))
        changes |= {"fill": draw(st.sampled_from([-np.inf, 0.0]))} if op == "max_pool" else {}
        changes |= {name: draw(st.booleans()) for name in ("counted", "overhang")} if op == "avg_pool" else {}
    how = faithful(of, **changes)
    assume(min(of.output(of.pads)) > 0 and min(how.output_shape(of)) > 0)
    if op not in LAYERS:
        over = [*of.asked, *how.axes(of)]
        assume(all(any(p not in (None, -1) for p in taps) for axis in over for taps in axis.reads()))
        assert all(isinstance(axis, Axis) for axis in over)
    return of, how


@settings(deadline=None, max_examples=300)
@given(planted())
def test_whatever_was_planted_is_read_back_as_the_same_function(given_: tuple[Case, Reading]) -> None:
    of, how = given_
    found = probed(of, how)
    if found.problem == "no output depends on any element of the input":
        return
    assert found.reading is not None, found.problem or found.channels
    data = tensors(of)
    planted_output, read = oracle.compute(of, data, how), oracle.compute(of, data, found.reading)
    np.testing.assert_array_equal(read, planted_output)
