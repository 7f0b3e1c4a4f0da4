"""Verdicts: what an output, or the lack of one, means against the reference and the pads that were declared."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance import oracle
from conformance.domain.case import Case, Written
from conformance.domain.geometry import Pads, canonical, same_elements
from conformance.domain.records import Failure, Job, Outcome, Spelling
from conformance.domain.tensors import rounded, tensors
from conformance.judge import Judge
from conformance.truth import Truth
from tests.verdicts import conv, found_causes, output_of, verdict_of

HAZARDS = [
    ("same", ((1, 1), (1, 1)), False, "symmetric-for-asymmetric"),
    ("fixed", ((0, 1), (0, 1)), True, "same-for-explicit"),
    (((1, 1), (1, 1)), ((0, 1), (0, 1)), True, "same-for-explicit"),
    ("same_lower", ((0, 1), (0, 1)), True, "same-upper-for-lower"),
    ("same", ((1, 0), (1, 0)), True, "same-lower-for-upper"),
]

hazards = pytest.mark.parametrize(("padding", "declared", "by_rule", "cause"), HAZARDS, ids=[one[3] for one in HAZARDS])


OTHER_RULES = [
    ("conv_transpose", "same", "tensorflow", "onnx", "crop-side"),
    ("conv_transpose", "same", "onnx", "tensorflow", "crop-side"),
    ("conv_transpose", "valid", "tensorflow", "pytorch", "output-padding"),
    ("conv_transpose", "valid", "onnx", "tensorflow", "output-padding"),
    ("max_pool", "valid", "pytorch", "onnx", "ceil-mode"),
    ("max_pool", "valid", "onnx", "pytorch", "ceil-mode"),
    ("max_pool", ((0, 0), (0, 0)), "caffe", "pytorch", "last-window"),
]


@pytest.mark.parametrize(("op", "padding", "spec", "own", "cause"), OTHER_RULES)
def test_whoever_does_what_its_own_specification_says_is_a_hazard_where_another_is_asked_for(
    op: str, padding: Any, spec: str, own: str, cause: str
) -> None:
    pool = {"kernel": (3, 3), "stride": (2, 4)} if padding == "valid" else {"kernel": (2, 2), "stride": (3, 4)}
    window = {"ceil_mode": True, **pool} if op == "max_pool" else {"kernel": (2, 2), "stride": (4, 5)}
    case = conv((6, 7), op=op, padding=padding, spec=spec, **window)
    other = case.read_by(own)
    output = oracle.compute(other, tensors(other), oracle.reading(other, other.pads)).astype(case.dtype)
    spelling = Spelling(other.pads, "f(x)", True, other.rounding)
    verdict = Judge().judge(Job(case, "fake", "v", spelling), Outcome("completed", output))
    assert (verdict.kind, verdict.causes) == ("hazard", (cause,))
    faithful = Spelling(case.pads, "f(x)", True)
    assert Judge().judge(Job(case, "fake", "v", faithful), Outcome("completed", output)).kind == "mismatch"


@hazards
def test_other_pads_that_are_declared_and_right_are_a_hazard(
    padding: Any, declared: Pads, by_rule: bool, cause: str
) -> None:
    case = conv((6, 6), (3, 3), stride=(2, 2), padding=padding, channels=2, filters=2)
    verdict = verdict_of(case, output_of(case, pads=declared), declared, by_rule)
    assert (verdict.kind, verdict.causes) == ("hazard", (cause,))
    assert verdict.effective == canonical(case.axes(declared))
    assert "is asked for" in verdict.evidence
    assert verdict.difference is not None


@hazards
def test_other_pads_that_are_declared_do_not_excuse_another_output(
    padding: Any, declared: Pads, by_rule: bool, cause: str
) -> None:
    case = conv((6, 6), (3, 3), stride=(2, 2), padding=padding, channels=2, filters=2, bias=True)
    verdict = verdict_of(case, output_of(case, pads=declared, bias=False), declared, by_rule)
    assert verdict.kind == "mismatch"
    assert {"bias-dropped"} in found_causes(verdict)
    assert verdict_of(case, output_of(case), declared, by_rule).kind == "match"


def test_declared_pads_that_read_the_same_elements_are_no_hazard() -> None:
    case = conv((6,), (3,), stride=(2,), padding=((1, 0),))
    assert same_elements(case.axes(((1, 1),)), case.axes(case.pads))
    assert verdict_of(case, output_of(case), ((1, 1),)).kind == "match"
    assert verdict_of(case, output_of(case, flip=True), ((1, 1),)).causes == ("kernel-flipped",)


def test_declared_pads_into_which_the_kernel_does_not_fit_are_no_hazard() -> None:
    case = conv((2,), (5,), padding=((2, 2),))
    assert verdict_of(case, np.zeros((1, 1, 2), "float32"), ((0, 0),)).kind == "mismatch"


def pad(**fields: Any) -> Case:
    """A pad of two axes."""
    return conv((4, 5), (1, 1), **{"op": "pad", "padding": ((1, 2), (0, 3)), "channels": 2, "filters": 2, **fields})


def test_what_is_only_copied_is_right_to_the_bit() -> None:
    for data in ("lattice", "normal"):
        case = pad(value=1.2, data=data)
        right = output_of(case)
        assert verdict_of(case, right).kind == "match"
        nearly = right.copy()
        nearly[0, 0, 1, 2] = np.nextafter(nearly[0, 0, 1, 2], np.float32(0))
        assert verdict_of(case, nearly).causes == ("unattributed",)
        assert verdict_of(case, rounded(right, "bfloat16")).causes == ("precision",)


@pytest.mark.parametrize(
    ("asked", "changes", "causes"),
    [
        ({"mode": "edge"}, {"mode": "symmetric"}, ("pad-mode",)),
        ({"mode": "reflect"}, {"mode": "circular"}, ("pad-mode",)),
        ({"mode": "reflect"}, {"mode": "constant"}, ("pad-mode",)),
        ({"value": 1.5}, {"fill": 0.0}, ("pad-value",)),
        ({"value": float("-inf")}, {"fill": 0.0}, ("pad-value",)),
        ({}, {"pads": ((0, 0), (0, 0))}, ("pads-ignored",)),
        ({"mode": "edge"}, {"pads": ((0, 3), (1, 2))}, ("pads-axis-order",)),
        ({"mode": "edge"}, {"pads": ((1, 0), (0, 0)), "mode": "reflect"}, ("pads-begin-only", "pad-mode")),
    ],
    ids=str,
)
def test_a_wrong_pad_is_named(asked: dict[str, Any], changes: dict[str, Any], causes: tuple[str, ...]) -> None:
    case = pad(**asked)
    verdict = verdict_of(case, output_of(case, **changes))
    assert verdict.kind == "mismatch"
    assert set(causes) in found_causes(verdict)
    assert verdict.difference is None or verdict.difference.wrong


def test_infinities_that_are_due_are_right_and_others_are_not() -> None:
    case = conv((5,), (2,), op="max_pool", stride=(2,), padding=((3, 3),))
    right = output_of(case)
    assert verdict_of(case, right).kind == "match"
    lowest = np.where(np.isinf(right), np.finfo("float32").min, right)
    assert verdict_of(case, lowest).causes == ("pad-value",)
    assert verdict_of(case, np.where(np.isinf(right), np.float32(np.nan), right)).causes == ("non-finite",)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
def test_a_number_that_is_not_finite_is_named_so(bad: float) -> None:
    case = conv((6, 6), (3, 3))
    output = output_of(case)
    output[0, 0, 2, 3] = bad
    verdict = verdict_of(case, output)
    assert (verdict.kind, verdict.causes) == ("mismatch", ("non-finite",))
    assert verdict.evidence == "1 of 36 are not finite"
    assert verdict.difference is not None
    assert (verdict.difference.first, verdict.difference.wrong) == ((0, 0, 2, 3), 1)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", ">f4"])
def test_the_right_numbers_in_another_type_are_named_dtype(dtype: str) -> None:
    case = conv((6, 6), (2, 2))
    verdict = verdict_of(case, output_of(case).astype(dtype))
    assert (verdict.kind, verdict.causes) == ("mismatch", ("dtype",))
    assert f"dtype {np.dtype(dtype)} where float32 is asked for" in verdict.evidence


@pytest.mark.parametrize(
    "output",
    [
        np.zeros((0, 2, 6, 6), "float32"),
        np.zeros((1, 0, 6, 6), "float32"),
        np.zeros((1, 2, 6, 0), "float32"),
        np.float32(3),
        np.zeros((1, 1, 1, 1), "float32"),
        np.ones((1, 2, 6, 6), "complex64"),
        np.ones((1, 2, 6, 6), "datetime64[s]"),
        np.full((1, 2, 6, 6), "a"),
        np.ones((1, 2, 6, 6), "bool"),
        np.full((1, 2, 6, 6), b"a"),
    ],
    ids=lambda output: f"{output.dtype}-{output.shape}",
)
def test_whatever_a_runner_gives_has_a_verdict_that_json_can_hold(output: np.ndarray[Any, Any]) -> None:
    verdict = verdict_of(conv((6, 6), (3, 3), filters=2), output)
    assert verdict.kind == "mismatch"
    assert verdict.causes
    json.dumps(verdict.sample, allow_nan=False)


@pytest.mark.parametrize("off", [0.25, -0.49], ids=str)
def test_an_output_within_half_is_right_and_marked_as_not_integral(off: float) -> None:
    case = conv((6, 6), (3, 3))
    output = output_of(case)
    output[0, 0, 3, 3] += off
    verdict = verdict_of(case, output)
    assert (verdict.kind, verdict.integral) == ("match", False)


@pytest.mark.parametrize("off", [0.5, -0.5, 1.0], ids=str)
def test_an_output_that_is_off_by_half_is_wrong(off: float) -> None:
    case = conv((6, 6), (3, 3))
    output = output_of(case)
    output[0, 0, 3, 3] += off
    assert verdict_of(case, output).kind == "mismatch"


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_element_types_are_judged_exactly_too(dtype: str) -> None:
    case = conv((6, 6), (3, 3), channels=4, dtype=dtype)
    assert verdict_of(case, output_of(case)).kind == "match"
    assert verdict_of(case, output_of(case, flip=True)).causes == ("kernel-flipped",)


def test_written_data_are_judged_exactly() -> None:
    case = conv((3,), (2,), data=Written((((1, 2, 3),),), (((1, 10),),)))
    assert verdict_of(case, np.array([[[21, 32, 3]]], "float32")).kind == "match"
    assert verdict_of(case, np.array([[[10, 21, 32]]], "float32")).causes == ("same-lower-for-upper",)


REAL = conv((8, 8), (3, 3), channels=16, filters=2, data="normal", bias=True, stride=(2, 2))


def test_real_numbers_are_right_within_their_bound_and_wrong_beyond_it() -> None:
    exact, bound = Truth(REAL).answer(oracle.reading(REAL, REAL.pads))
    assert isinstance(bound, np.ndarray)
    assert verdict_of(REAL, output_of(REAL)).kind == "match"
    assert verdict_of(REAL, output_of(REAL)).integral
    double = replace(REAL, dtype="float64", id="topic/double")
    exact, bound = Truth(double).answer(oracle.reading(double, double.pads))
    for share, kind in ((0.5, "match"), (2.0, "mismatch")):
        output = exact.copy()
        output[0, 1, 2, 3] += share * np.asarray(bound)[0, 1, 2, 3]
        assert verdict_of(double, output).kind == kind


def test_the_difference_of_real_numbers_is_where_the_bound_is_broken() -> None:
    output = output_of(REAL)
    output[0, 1, 2, 3] += 2.5
    verdict = verdict_of(REAL, output)
    assert verdict.causes == ("unattributed",)
    assert verdict.difference is not None
    assert (verdict.difference.first, verdict.difference.wrong) == ((0, 1, 2, 3), 1)


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ("unsupported", "unsupported"),
        ("raised", "error"),
        ("crashed", "crash"),
        ("timed_out", "timeout"),
        ("not_run", "not_run"),
    ],
)
def test_an_outcome_without_output_has_its_own_verdict_and_the_words_of_its_failure(outcome: str, verdict: str) -> None:
    case = conv((6,), (3,))
    job = Job(case, "fake", "v", Spelling(case.pads, "f(x)"))
    found = Judge().judge(job, Outcome(outcome, failure=Failure("because")))
    assert (found.kind, found.message, found.causes) == (verdict, "because", ())


def test_the_same_bytes_in_another_shape_are_judged_anew() -> None:
    case = conv((6, 6), (3, 3), bias=True)
    job = Job(case, "fake", "v", Spelling(case.pads, "f(x)", True))
    wrong = output_of(case, bias=False)
    veteran = Judge()
    assert veteran.judge(job, Outcome("completed", wrong.reshape(1, 1, 4, 9))).causes == (
        "bias-dropped",
        "output-shape",
    )
    assert veteran.judge(job, Outcome("completed", wrong)).causes == ("bias-dropped",)


def test_the_same_output_of_a_variant_that_declares_other_pads_is_judged_anew() -> None:
    case = conv((6,), (3,), stride=(2,), padding=((1, 1),))
    right, wrong = (Outcome("completed", output_of(case, pads=((0, 1),), flip=flip)) for flip in (False, True))
    asked, other = (Job(case, "fake", "v", Spelling(pads, "f(x)")) for pads in (((1, 1),), ((0, 1),)))
    veteran = Judge()
    assert [veteran.judge(job, right).kind for job in (asked, other)] == ["mismatch", "hazard"]
    assert set(veteran.judge(asked, wrong).causes) == {"same-for-explicit", "kernel-flipped"}
    assert veteran.judge(other, wrong).causes == ("kernel-flipped",)


def test_pads_of_the_size_at_conversion_are_named_so_and_only_where_there_was_one() -> None:
    case = conv((8, 11), (5, 4), stride=(2, 2), filters=2)
    wrong = Outcome("completed", output_of(case, pads=(*case.pads_by("same")[:1], (1, 1))))
    static = Spelling(case.pads, "f(x)", by_rule=True)
    frozen = Outcome("completed", output_of(case, pads=replace(case, input=(9, 12)).pads_by("same")))
    judge = Judge()
    converted = replace(static, converted=(9, 12))
    assert "size-frozen" not in judge.judge(Job(case, "fake", "v", static), frozen).causes
    found = judge.judge(Job(case, "fake", "v", converted), frozen)
    assert (found.kind, found.causes) == ("mismatch", ("size-frozen",))
    assert "size-frozen" not in judge.judge(Job(case, "fake", "v", converted), wrong).causes


def test_the_sample_holds_sixteen_by_sixteen_numbers_around_the_first_difference() -> None:
    case = conv((40, 50), (3, 3), filters=5)
    output = output_of(case)
    output[0, 3, 30, 45:] += 5
    output[0, 3, 31, 2] -= 7
    found = verdict_of(case, output)
    sample = found.sample
    assert sample is not None
    assert sample["start"] == [0, 2, 22, 34]
    got, expected = np.array(sample["got"]), np.array(sample["expected"])
    assert got.shape == expected.shape == (1, 2, 16, 16)
    assert np.argwhere(got != expected).tolist() == [[0, 1, 8, column] for column in range(11, 16)]
    assert got.dtype.kind == expected.dtype.kind == "i"
    assert found.difference is not None
    assert found.difference.worst == (0, 3, 31, 2)


@pytest.mark.parametrize(
    ("size", "start", "shape"),
    [
        ((40,), [0, 2, 24], (1, 8, 16)),
        ((3, 4, 20), [0, 2, 2, 0, 4], (1, 8, 1, 4, 16)),
        ((2, 2), [0, 2, 0, 0], (1, 8, 2, 2)),
    ],
    ids=["1d", "3d", "small"],
)
def test_the_sample_is_of_the_last_two_axes_and_as_many_channels_as_are_few_numbers(
    size: tuple[int, ...], start: list[int], shape: tuple[int, ...]
) -> None:
    case = conv(size, (3,) * len(size), filters=10)
    output = output_of(case)
    output[(0, 8, *[-1] * len(size))] += 5
    sample = verdict_of(case, output).sample
    assert sample is not None
    assert sample["start"] == start
    assert np.array(sample["got"]).shape == np.array(sample["expected"]).shape == shape
    assert np.sum(np.array(sample["got"]) != np.array(sample["expected"])) == 1


def test_what_is_not_finite_is_the_worst() -> None:
    case = conv((6,), (3,))
    output = output_of(case)
    output[0, 0, 1] += 1000
    output[0, 0, 3] = np.nan
    found = verdict_of(case, output).difference
    assert found is not None
    assert (found.first, found.worst) == ((0, 0, 1), (0, 0, 3))
