"""A case: what follows from its fields, and the road to a worker and back."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import pytest

from conformance.domain.case import DTYPES, PADDING_RULES, Case, Entry, Expect, Written, by, spell_padding
from conformance.domain.geometry import RULES


def conv(**fields: Any) -> Case:
    """A convolution of rank 2, with any field changed."""
    plain: dict[str, Any] = {
        "id": "topic/a",
        "op": "conv",
        "input": (6, 9),
        "kernel": (3, 2),
        "stride": (2, 1),
        "dilation": (1, 2),
        "padding": "same",
    }
    return Case(**{**plain, **fields})


def test_a_case_is_small_with_all_that_it_has_worked_out() -> None:
    """A plan holds every case: with one more field in its own dictionary an instance takes 1.6 kB."""
    tracemalloc.start()
    try:
        cases = [conv(seed=seed) for seed in range(1000)]
        assert all(case.asked and case.pads for case in cases)
        assert tracemalloc.get_traced_memory()[0] < 900 * len(cases)
    finally:
        tracemalloc.stop()


def test_a_copy_of_a_case_works_out_what_it_needs() -> None:
    case = conv()
    assert case.asked
    for copied in (copy(case), deepcopy(case), pickle.loads(pickle.dumps(case))):
        assert copied == case
        assert copied.asked == case.asked


def test_shapes_are_channels_first_and_weights_are_filters_by_channels_of_a_group() -> None:
    case = conv(batch=2, channels=4, filters=6, groups=2)
    assert case.rank == 2
    assert case.input_shape == (2, 4, 6, 9)
    assert case.weight_shape == (6, 2, 3, 2)


@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        ("valid", ((0, 0), (0, 0))),
        ("same", ((0, 1), (1, 1))),
        ("same_lower", ((1, 0), (1, 1))),
        ("fixed", ((1, 1), (1, 1))),
        (((0, 3), (2, 1)), ((0, 3), (2, 1))),
    ],
    ids=spell_padding,
)
def test_the_pads_that_a_case_asks_for(padding: Any, pads: Any) -> None:
    assert conv(padding=padding).pads == pads


def test_every_padding_that_a_case_can_name_is_a_rule() -> None:
    assert set(PADDING_RULES) <= set(RULES)
    assert "symmetric" not in PADDING_RULES


def test_output_and_axes_are_those_of_the_pads_given_and_not_of_those_asked_for() -> None:
    case = conv()
    assert case.output(case.pads) == (3, 9)
    assert case.output(((0, 0), (0, 0))) == (2, 7)
    assert [(axis.begin, axis.end) for axis in case.axes(((5, 6), (7, 8)))] == [(5, 6), (7, 8)]
    assert case.pads_by("causal") == ((2, 0), (2, 0))


@pytest.mark.parametrize(
    ("channels", "groups", "depthwise"), [(4, 4, True), (4, 2, False), (1, 1, False), (4, 1, False)]
)
def test_depthwise_means_a_group_for_each_of_several_channels(channels: int, groups: int, depthwise: bool) -> None:
    assert conv(channels=channels, filters=4, groups=groups).depthwise is depthwise


def test_cases_are_equal_when_they_run_alike_whatever_people_read_about_them() -> None:
    told = conv(
        title="t", source="s", note="n", since="2.0", entry=Entry("f:1:1"), tags=("a",), expect=Expect(output=(3, 9))
    )
    assert told == conv()
    assert hash(told) == hash(conv())


@pytest.mark.parametrize(
    "change",
    [
        {"id": "topic/b"},
        {"op": "max_pool"},
        {"input": (6, 8)},
        {"kernel": (3, 3)},
        {"stride": (2, 2)},
        {"dilation": (1, 1)},
        {"padding": ((0, 1), (1, 1))},
        {"batch": 2},
        {"channels": 2},
        {"filters": 2},
        {"groups": 2, "channels": 2, "filters": 2},
        {"bias": True},
        {"dtype": "float64"},
        {"data": "normal"},
        {"data": Written(((((1,),),),), ((((1,),),),))},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_that_runs_makes_another_case_and_travels_to_the_worker(change: dict[str, Any]) -> None:
    case = conv(**change)
    assert case != conv()
    assert Case.from_wire(json.loads(json.dumps(case.to_wire()))) == case


def test_what_people_read_does_not_travel() -> None:
    wire = conv(title="t", source="s", note="n", entry=Entry("f:1:1"), expect=Expect(output=(3, 9))).to_wire()
    assert not {"title", "source", "note", "entry", "expect", "since"} & set(wire)


def test_tags_travel_because_a_runner_may_choose_by_them() -> None:
    assert Case.from_wire(json.loads(json.dumps(conv(tags=("a", "b")).to_wire()))).tags == ("a", "b")


def test_a_case_from_the_wire_is_frozen_and_hashable() -> None:
    case = Case.from_wire(json.loads(json.dumps(conv(padding=((0, 1), (1, 1))).to_wire())))
    assert hash(case) == hash(conv(padding=((0, 1), (1, 1))))
    with pytest.raises(AttributeError):
        case.seed = 3  # type: ignore[misc]


def test_a_changed_copy_resolves_its_pads_anew() -> None:
    case = conv()
    assert case.pads == ((0, 1), (1, 1))
    assert replace(case, input=(5, 9)).pads == ((1, 1), (1, 1))


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"op": "max_pool"}, None),
        ({"kernel": (3, 11), "padding": "valid"}, 1),
        ({"padding": ((3, 0), (0, 0))}, None),
        ({"op": "max_pool", "padding": ((3, 0), (0, 0))}, None),
        ({"op": "avg_pool", "padding": ((3, 0), (0, 0))}, 0),
        ({"op": "avg_pool", "padding": ((0, 0), (0, 3))}, 1),
        ({"op": "avg_pool", "padding": ((0, 0), (0, 3)), "count_include_pad": True}, None),
        ({"op": "conv_transpose", "padding": ((0, 0), (9, 1))}, None),
        ({"op": "conv_transpose", "padding": ((0, 0), (9, 2))}, 1),
        ({"op": "conv_transpose", "padding": ((-4, 0), (-3, 0))}, None),
        ({"op": "conv_transpose", "padding": ((-5, 0), (0, 0))}, 0),
        ({"op": "conv_transpose", "padding": ((0, -4), (0, -3))}, None),
        ({"op": "conv_transpose", "padding": ((0, -4), (0, -4))}, 1),
    ],
)
def test_an_axis_that_has_no_answer(change: dict[str, Any], number: int | None) -> None:
    assert conv(**change).unanswered == number


def test_the_description_names_what_differs_from_a_plain_convolution() -> None:
    assert conv().describe() == "conv 6x9 · k 3x2 · s 2x1 · d 1x2 · padding same · 1→1"
    told = conv(padding=((0, 1), (1, 1)), channels=4, filters=8, groups=2, bias=True, batch=3, dtype="float16")
    assert told.describe().endswith("padding 0.1x1.1 · 4→8 · groups 2 · bias · batch 3 · float16")


def test_the_description_of_a_pad_has_no_window() -> None:
    one = (1, 1)
    pad = Case("t/f/pad", "pad", (6, 9), one, one, one, ((0, 1), (2, 0)), channels=3, filters=3)
    assert replace(pad, value=-1.5).describe() == "pad 6x9 · padding 0.1x2.0 · 3 channels · constant -1.5"
    assert replace(pad, mode="edge").describe() == "pad 6x9 · padding 0.1x2.0 · 3 channels · edge"
    assert pad.output(pad.pads) == (7, 11)
    assert not pad.weighted
    assert not pad.pool
    assert pad.weight_shape == (0,)


def test_a_pad_goes_over_the_wire_and_back() -> None:
    one = (1,)
    pad = Case("t/f/pad", "pad", (6,), one, one, one, ((0, 1),), mode="reflect")
    assert Case.from_wire(json.loads(json.dumps(pad.to_wire()))) == pad
    pad = replace(pad, mode="constant", value=float("-inf"))
    assert Case.from_wire(json.loads(json.dumps(pad.to_wire()))) == pad


def test_sizes_and_paddings_as_a_name_spells_them() -> None:
    assert by((6, 9)) == "6x9"
    assert by((5,)) == "5"
    assert spell_padding(((0, 1), (0, 1))) == "0.1x0.1"
    assert spell_padding("same_lower") == "same_lower"


def test_element_types() -> None:
    assert set(DTYPES) == {"float32", "float64", "float16", "bfloat16"}


def test_a_written_output_padding_is_all_that_keras_adds_to_valid() -> None:
    wide = conv(op="conv_transpose", padding="valid", stride=(5, 4), spec="tensorflow")
    assert wide.pads == ((0, -2), (0, -1))
    assert wide.disputed
    written = replace(wide, output_padding=(1, 0))
    assert written.pads == ((0, -1), (0, 0))
    assert not written.disputed


def test_each_specification_that_has_a_rule_reads_a_case() -> None:
    assert list(conv(padding="same", stride=(1, 1)).readings) == ["onnx", "pytorch", "tensorflow"]
    assert list(conv(padding="same", stride=(1, 2)).readings) == ["onnx", "tensorflow"]
    assert list(conv(padding="same_lower").readings) == ["onnx"]
    assert list(conv(padding="causal").readings) == ["tensorflow"]
    assert list(conv(op="avg_pool", padding="valid", count_include_pad=True).readings) == ["onnx", "pytorch", "caffe"]
    assert {one.spec for one in conv(padding="valid").readings.values()} == {"onnx", "pytorch", "tensorflow", "caffe"}
