"""Hypotheses: a closed list of named mistakes, each with the geometry that it leads to, the simplest first."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from conformance import hypotheses, oracle
from conformance.domain.case import Case
from conformance.domain.causes import CAUSES
from conformance.domain.geometry import Pads
from conformance.domain.records import Spelling
from conformance.hypotheses import explain, name_declared


def conv(size: tuple[int, ...], kernel: tuple[int, ...], **fields: Any) -> Case:
    """A convolution: stride 2, dilation 1 and ``same`` unless said otherwise."""
    plain: dict[str, Any] = {
        "id": "topic/a",
        "op": "conv",
        "stride": (2,) * len(size),
        "dilation": (1,) * len(size),
        "padding": "same",
    }
    return Case(**{**plain, "input": size, "kernel": kernel, **fields})


def spelled(case: Case, by_rule: bool = False, pads: Pads | None = None) -> Spelling:
    """How a faithful variant writes a case, as numbers unless by rule."""
    return Spelling(case.pads if pads is None else pads, "f(x)", by_rule)


def named_pads(case: Case, by_rule: bool = False, pads: Pads | None = None) -> set[tuple[str, Pads]]:
    """The wrong paddings of a case with the cause of each, those of one cause."""
    spelling = spelled(case, by_rule, pads)
    found = hypotheses.paddings(case, spelling, oracle.reading(case, spelling.pads))
    return {(causes[0], wrong) for causes, wrong in found if len(causes) == 1}


def causes_of(case: Case, by_rule: bool = False, **changes: Any) -> set[frozenset[str]]:
    """The causes of the hypotheses that have this very reading."""
    how = oracle.reading(case, case.pads)._replace(**changes)
    output = how.output_shape(case)[2:]
    return {
        frozenset(found.causes)
        for found in hypotheses.hypotheses(case, spelled(case, by_rule), output)
        if found.reading == how
    }


BUSY = conv(
    (6, 9), (3, 2), dilation=(1, 2), stride=(1, 2), channels=4, filters=4, groups=2, bias=True, padding=((0, 1), (2, 1))
)
FLAT = conv((9,), (3,), dilation=(2,), bias=True)
DEEP = conv((5, 6, 7), (3, 2, 1), dilation=(2, 1, 1), padding="same_lower", channels=2, filters=2)
SQUARE = conv((8, 8), (2, 2), padding=((1, 0), (0, 1)), filters=4, bias=True)
EXAMPLES = pytest.mark.parametrize("case", [BUSY, FLAT, DEEP], ids=["busy", "flat", "deep"])


@EXAMPLES
def test_every_cause_is_of_the_closed_list(case: Case) -> None:
    output = case.output(case.pads)
    found = {cause for one in hypotheses.hypotheses(case, spelled(case), output) for cause in one.causes}
    assert found <= set(CAUSES)
    assert "unattributed" not in found


@EXAMPLES
@pytest.mark.parametrize("by_rule", [False, True], ids=["numbers", "rule"])
def test_the_fewest_causes_come_first_and_an_unnamed_amount_beside_two_that_are_named(
    case: Case, by_rule: bool
) -> None:
    found = [one.causes for one in hypotheses.hypotheses(case, spelled(case, by_rule), case.output(case.pads))]
    order = [(len(causes) + (hypotheses.AMOUNT in causes), len(causes)) for causes in found]
    assert order == sorted(order)
    assert max(len(causes) for causes in found) >= 3
    assert all(len(causes) == len(set(causes)) for causes in found)


@EXAMPLES
def test_every_hypothesis_gives_an_output_of_the_size_that_is_to_be_explained(case: Case) -> None:
    whole = case.output(case.pads)
    smaller = (*whole[:-1], whole[-1] - 1)
    for output in (whole, smaller):
        readings = [one.reading for one in hypotheses.hypotheses(case, spelled(case), output)]
        assert readings
        assert all(how.output_shape(case)[2:] == output for how in readings)


@EXAMPLES
def test_only_the_faithful_reading_has_no_cause(case: Case) -> None:
    faithful = oracle.reading(case, case.pads)
    found = list(hypotheses.hypotheses(case, spelled(case), case.output(case.pads)))
    assert all(one.reading == faithful for one in found if not one.causes)


@pytest.mark.parametrize(
    ("case", "changes", "causes"),
    [
        (BUSY, {"pads": ((0, 0), (0, 0)), "dilation": (1, 1)}, {"pads-ignored", "dilation-ignored"}),
        (BUSY, {"dilation": (1, 1)}, {"dilation-ignored"}),
        (BUSY, {"stride": (1, 1)}, {"stride-first-axis"}),
        (BUSY, {"flip": True}, {"kernel-flipped"}),
        (BUSY, {"swap": True}, {"axes-swapped"}),
        (BUSY, {"bias": False}, {"bias-dropped"}),
        (SQUARE, {"bias_last": True}, {"layout"}),
        (SQUARE, {"bias_last": True, "pads": ((1, 1), (0, 0))}, {"layout", "pad-amount"}),
        (BUSY, {"interleave": True}, {"group-order"}),
        (BUSY, {"phased": True}, {"dilation-with-stride"}),
        (BUSY, {"pads": ((0, 0), (2, 0))}, {"pads-begin-only"}),
        (BUSY, {"pads": ((2, 1), (0, 1))}, {"pads-axis-order"}),
        (BUSY, {"pads": ((0, 1), (3, 0))}, {"pad-amount"}),
        (DEEP, {"dilation": (2, 2, 2)}, {"dilation-first-axis"}),
        (BUSY, {"flip": True, "swap": True}, {"kernel-flipped", "axes-swapped"}),
        (BUSY, {"pads": ((2, 0), (0, 0))}, {"pads-axis-order", "pads-begin-only"}),
        (BUSY, {"pads": ((2, 2), (1, 1))}, {"pads-axis-order", "symmetric-for-asymmetric"}),
        (BUSY, {"stride": (1, 1), "phased": True}, {"stride-first-axis", "dilation-with-stride"}),
        (FLAT, {"bias": False, "flip": True, "dilation": (1,)}, {"bias-dropped", "kernel-flipped", "dilation-ignored"}),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_every_kind_of_mistake_has_its_name_and_they_compose(
    case: Case, changes: dict[str, Any], causes: set[str]
) -> None:
    assert causes in causes_of(case, **changes)


def test_a_crop_comes_into_question_where_the_stride_is_another_one() -> None:
    case = conv((9, 9), (3, 2), stride=(1, 3))
    how = oracle.reading(case, case.pads)._replace(stride=(1, 1))
    assert hypotheses.begins(case, spelled(case), how) == (range(4), range(-2, 4))


def test_the_causes_of_a_hypothesis_stand_in_the_order_of_the_closed_list() -> None:
    found = hypotheses.hypotheses(BUSY, spelled(BUSY), BUSY.output(BUSY.pads))
    order = list(CAUSES)
    assert all(list(one.causes) == sorted(one.causes, key=order.index) for one in found)


def test_a_screen_leaves_the_hypotheses_with_the_begin_pads_that_it_lets_through() -> None:
    output = BUSY.output(BUSY.pads)
    every = hypotheses.hypotheses(BUSY, spelled(BUSY), output)
    chosen = hypotheses.hypotheses(BUSY, spelled(BUSY), output, lambda changed: [(0, 2)] if changed.flip else ())
    begins = [tuple(begin for begin, _ in one.reading.pads) for one in every]
    expected = {one for one, first in zip(every, begins, strict=True) if first == (0, 2) and one.reading.flip}
    assert set(chosen) == expected
    assert expected


def test_the_sizes_that_some_hypothesis_gives() -> None:
    case = conv((6, 9), (3, 2), stride=(2, 2), padding=((0, 1), (2, 1)))
    found = hypotheses.sizes(case, spelled(case))
    assert {case.output(case.pads), case.output(((0, 0), (0, 0))), case.output(((2, 1), (0, 1)))} <= found
    assert (1, 1) not in found


def test_what_a_case_cannot_show_is_no_hypothesis_of_it() -> None:
    plain = conv((6,), (1,))
    found = {cause for one in hypotheses.hypotheses(plain, spelled(plain), (3,)) for cause in one.causes}
    assert not found & {"kernel-flipped", "axes-swapped", "bias-dropped", "layout", "group-order"}
    assert not found & {"dilation-ignored", "dilation-first-axis", "dilation-with-stride", "stride-first-axis"}
    assert not found & {"pads-axis-order", "symmetric-for-asymmetric"}


def test_a_bias_fits_the_last_axis_only_where_that_is_as_long() -> None:
    for case, fits in ((SQUARE, True), (replace(SQUARE, filters=5), False)):
        found = [one.reading.bias_last for one in hypotheses.hypotheses(case, spelled(case), case.output(case.pads))]
        assert any(found) is fits


def test_the_wrong_pads_of_same() -> None:
    assert named_pads(conv((6,), (3,)), by_rule=True) >= {
        ("auto-pad-ignored", ((0, 0),)),
        ("same-lower-for-upper", ((1, 0),)),
        ("symmetric-for-asymmetric", ((1, 1),)),
        ("symmetric-for-asymmetric", ((0, 0),)),
        ("pads-begin-only", ((0, 0),)),
    }
    assert "pads-ignored" not in {cause for cause, _ in named_pads(conv((6,), (3,)), by_rule=True)}


def test_a_size_that_is_frozen_is_the_one_at_conversion() -> None:
    case = conv((6, 9), (3, 4))
    written = replace(spelled(case, by_rule=True), converted=(7, 12))
    found = hypotheses.paddings(case, written, oracle.reading(case, case.pads))
    frozen = {pads for causes, pads in found if causes == ("size-frozen",)}
    assert frozen == {((1, 1), (1, 1)), ((1, 2), (2, 3))}  # its pads, and pads for its 4 and 6 windows
    assert "size-frozen" not in {cause for cause, _ in named_pads(case, by_rule=True)}


def test_a_frozen_size_of_same_lower_has_its_odd_pixel_at_the_beginning() -> None:
    case = conv((6,), (4,), padding="same_lower", stride=(3,))
    written = replace(spelled(case, by_rule=True), converted=(7,))
    found = hypotheses.paddings(case, written, oracle.reading(case, case.pads))
    assert {pads for causes, pads in found if causes == ("size-frozen",)} == {((2, 1),), ((2, 2),)}


def test_the_wrong_pads_of_same_lower() -> None:
    found = named_pads(conv((6,), (3,), padding="same_lower"), by_rule=True)
    assert ("same-upper-for-lower", ((0, 1),)) in found
    assert ("pads-begin-only", ((1, 0),)) in found


def test_the_wrong_pads_of_numbers() -> None:
    found = named_pads(conv((6,), (3,), padding=((1, 1),)))
    assert ("same-for-explicit", ((0, 1),)) in found
    assert ("pads-ignored", ((0, 0),)) in found
    assert ("pads-begin-only", ((1, 0),)) in found
    assert not {"auto-pad-ignored", "symmetric-for-asymmetric"} & {cause for cause, _ in found}


def test_the_wrong_pads_of_two_axes_are_those_of_mixed_up_orders() -> None:
    found = {pads for cause, pads in named_pads(BUSY) if cause == "pads-axis-order"}
    swapped, onnx_as_pairs, pairs_as_onnx = ((2, 1), (0, 1)), ((0, 2), (1, 1)), ((0, 2), (1, 1))
    assert found == {swapped, onnx_as_pairs, pairs_as_onnx}


def test_a_rule_is_resolved_again_under_an_ignored_dilation_and_numbers_are_not() -> None:
    case = conv((6,), (3,), dilation=(3,))
    assert case.pads == ((2, 3),)
    undilated = conv((6,), (3,)).pads
    assert {"dilation-ignored"} in causes_of(case, by_rule=True, dilation=(1,), pads=undilated)
    assert {"dilation-ignored"} not in causes_of(case, dilation=(1,), pads=undilated)
    assert {"dilation-ignored"} in causes_of(case, dilation=(1,))


def test_a_rule_is_resolved_before_the_stride_where_that_is_taken_in_phases() -> None:
    case = conv((8, 8), (3, 2), dilation=(2, 2))
    unstrided = case.pads_by("fixed")
    assert unstrided != case.pads
    assert {"dilation-with-stride"} in causes_of(case, by_rule=True, phased=True, pads=unstrided)


def test_an_unnamed_amount_is_every_split_that_the_output_has_room_for_and_a_crop_of_less_than_a_stride() -> None:
    case = conv((6,), (3,))
    how = oracle.reading(case, case.pads)
    every = product(*hypotheses.begins(case, spelled(case), how))
    found = set(hypotheses.amounts(case, how, (3,), every))
    assert found == {((-1, 2),), ((0, 1),), ((1, 0),), ((2, 0),), ((3, 0),)}


@pytest.mark.parametrize(
    ("padding", "declared", "cause"),
    [
        ("same", ((1, 1), (1, 1)), "symmetric-for-asymmetric"),
        ("same_lower", ((1, 1), (1, 1)), "symmetric-for-asymmetric"),
        ("same_lower", ((0, 1), (1, 1)), "same-upper-for-lower"),
        ("same", ((1, 0), (1, 1)), "same-lower-for-upper"),
        ("fixed", ((0, 1), (1, 1)), "same-for-explicit"),
        (((1, 1), (1, 1)), ((0, 1), (1, 1)), "same-for-explicit"),
        (((1, 1), (1, 1)), ((2, 0), (1, 1)), "pad-amount"),
        ("same", ((0, 1), (0, 2)), "pad-amount"),
    ],
    ids=str,
)
def test_declared_pads_have_the_name_of_the_habit_that_gave_them(padding: Any, declared: Pads, cause: str) -> None:
    case = conv((6, 7), (3, 3), padding=padding)
    assert name_declared(case, oracle.reading(case, declared)) == cause


def test_declared_pads_are_compared_by_what_they_read() -> None:
    case = conv((6,), (3,), padding="same")
    assert name_declared(case, oracle.reading(case, ((1, 0),))) == "same-lower-for-upper"
    numbered = replace(case, padding=((2, 2),))
    assert name_declared(numbered, oracle.reading(numbered, ((0, 2),))) == "same-for-explicit"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pads": ((1, 1), (1, 1))}, "pads (1,0)×(1,0) where (0,1)×(0,1) is asked for"),
        ({"dilation": (1, 1)}, "dilation 1×1 where 1×2 is asked for"),
        ({"stride": (2, 2)}, "stride 2×2 where 2×1 is asked for"),
        ({"flip": True}, "the kernel reversed on every axis"),
        ({"swap": True}, "the kernel's axes in reverse order"),
        ({"bias": False}, "no bias added"),
        ({"bias_last": True}, "the bias added along the last axis"),
        ({"interleave": True}, "the output channels in another order of groups"),
        ({"phased": True}, "the stride taken within each phase of the dilation"),
        ({"flip": True, "bias": False}, "the kernel reversed on every axis; no bias added"),
        ({}, ""),
    ],
    ids=lambda value: "-".join(value) or "nothing" if isinstance(value, dict) else "",
)
def test_a_reading_is_told_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    case = conv((6, 6), (3, 3), bias=True)
    if {"dilation", "stride"} & set(changes):
        case = replace(case, stride=(2, 1), dilation=(1, 2))
    asked = oracle.reading(case, case.pads)
    assert sentence in explain(case, asked, asked._replace(**changes))
    assert bool(sentence) == bool(explain(case, asked, asked._replace(**changes)))


def test_pads_and_sizes_as_people_write_them() -> None:
    assert hypotheses.spell(((0, 1), (2, 3))) == "(0,1)×(2,3)"
    assert hypotheses.spell((2, 1)) == "2×1"
    assert hypotheses.spell(3) == "3"


EVERY = [
    conv((9, 8), (3, 2), stride=(2, 1), dilation=(1, 2), channels=4, filters=4, groups=2, bias=True),
    conv((7, 8), (3, 2), op="conv_transpose", filters=3, bias=True, output_padding=(1, 0)),
    conv((9, 9), (3, 2), op="max_pool", dilation=(1, 2), stride=(2, 3), padding=((1, 0), (0, 1))),
    conv((9, 9), (3, 3), op="avg_pool", padding="same_lower"),
    conv((6, 5), (1, 1), op="pad", stride=(1, 1), padding=((1, 2), (0, 3)), value=2.0),
]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.op)
@pytest.mark.parametrize("by_rule", [False, True])
def test_the_readings_of_some_causes_are_all_that_have_exactly_these(case: Case, by_rule: bool) -> None:
    spelling = spelled(case, by_rule and isinstance(case.padding, str))
    of: dict[tuple[str, ...], set[oracle.Reading]] = {}
    for some, changed in hypotheses.changes(case, oracle.declared(case, spelling)):
        for more, pads in hypotheses.paddings(case, spelling, changed):
            of.setdefault(tuple(sorted((*some, *more))), set()).add(changed._replace(pads=pads))
    assert len(of) > 5
    for causes, readings in of.items():
        again = set(hypotheses.under(case, spelling, causes))
        assert again == (readings if len(set(causes)) == len(causes) else set()), causes
