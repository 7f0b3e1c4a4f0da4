"""Numeric criteria: no correct output is called wrong, none of them excuses a wrong one, a fast algorithm is named."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from benchmarks import alarms
from conformance import bounds, journal, oracle
from conformance.bounds import UNIT, Sums, algorithm, direct, lower_precision, representable, within
from conformance.domain.case import DTYPES, EXACT, Case
from conformance.domain.records import Job, Judged, Outcome, Spelling, Verdict
from conformance.domain.tensors import BFLOAT16, Data, rounded, tensors, typed
from conformance.judge import Judge

Array = np.ndarray[Any, Any]


def conv(**fields: Any) -> Case:
    """A 3×3 convolution of real numbers, with any field changed."""
    plain: dict[str, Any] = {
        "id": "topic/a",
        "op": "conv",
        "input": (6, 7),
        "kernel": (3, 3),
        "stride": (1, 1),
        "dilation": (1, 1),
        "padding": "same",
        "channels": 3,
        "filters": 2,
        "data": "normal",
    }
    return Case(**{**plain, **fields})


def sums_of(case: Case, data: Data | None = None) -> Sums:
    """The faithful reading of a case."""
    data, how = tensors(case) if data is None else data, oracle.reading(case, case.pads)
    return Sums(case, data, how, oracle.convolve(case, data, how))


def stored(output: Array, dtype: str) -> Array:
    """An output as a worker's answer has it."""
    held = rounded(output, dtype)
    return (held.view(np.uint32) >> 16).astype(np.uint16).view(BFLOAT16) if dtype == "bfloat16" else held


def verdict_of(case: Case, output: Array, precision: str = "", pads: Any = None) -> Verdict:
    """The verdict on an output."""
    job = Job(case, "fake", "v", Spelling(case.pads if pads is None else pads, "f(x)"), precision)
    return Judge().judge(job, Outcome("completed", output))


CASES = list(alarms.cases(1))
SMALL = [case for case in CASES if case.channels <= 64]


@pytest.mark.parametrize("name", alarms.EMULATIONS)
def test_no_correct_output_is_called_wrong(name: str) -> None:
    verdicts = list(alarms.judged(SMALL, alarms.EMULATIONS[name]))
    assert {verdict.kind for _, verdict in verdicts} == {"match"}
    assert len(verdicts) >= 24
    assert {job.case.batch for job, _ in verdicts} == {1, 16}


@pytest.mark.parametrize(
    ("name", "named"),
    [("TF32", "tf32"), ("Winograd F(4,3)", "winograd-f4x3"), ("narrow sums", "narrow-sums"), ("FFT", "fft")],
)
def test_an_algorithm_is_named_where_no_direct_sum_explains_its_output(name: str, named: str) -> None:
    verdicts = [verdict for _, verdict in alarms.judged(SMALL, alarms.EMULATIONS[name])]
    assert {verdict.algorithm for verdict in verdicts} | {""} == {named, ""}


@pytest.mark.parametrize(
    ("name", "emulation", "least"),
    [
        ("winograd-f2x3", "Winograd F(2,3)", 0.03),
        ("winograd-f4x3", "Winograd F(4,3)", 0.01),
        ("fft", "FFT", 0.01),
        ("tf32", "TF32", 0.3),
        ("narrow-sums", "narrow sums", 0.3),
    ],
)
def test_an_algorithm_stays_within_its_bound_uses_a_share_of_it_and_errs_as_is_typical(
    name: str, emulation: str, least: float
) -> None:
    one = bounds.ALGORITHMS[name]
    dtype = "float16" if name == "narrow-sums" else "float32"
    shares, typical = [], []
    for case in SMALL:
        sums = sums_of(case)
        if case.dtype == dtype and one.applies(sums, False):
            output = alarms.emulated(case, alarms.EMULATIONS[emulation])
            assert output is not None
            error = np.abs(output - sums.reference)
            shares.append(float(np.max(error / one.bound(sums))))
            typical.append(bounds.rms(error) / bounds.rms(one.typical(sums)))
    assert least < max(shares) < 1
    assert 0.5 < np.median(typical) < 2
    assert 0.25 < min(typical) < max(typical) < 4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [False, True])
def test_a_direct_bound_ends_within_a_few_units_of_the_sum_of_magnitudes(dtype: str, bias: bool) -> None:
    sums = sums_of(conv(dtype=dtype, bias=bias))
    units = direct(sums) / UNIT[dtype] / sums.magnitude
    limit = {"float32": 29, "float64": 57}.get(dtype, 3.1)
    assert limit / 10 < units.max() <= limit


@pytest.mark.parametrize(("dtype", "lower"), [("float64", "float32"), ("float32", "float16"), ("float16", "bfloat16")])
def test_a_lower_precision_is_rejected_and_named_precision(dtype: str, lower: str) -> None:
    case = conv(dtype=dtype, channels=16)
    data = tensors(case).map(lambda part: rounded(part, lower).astype("float64"))
    output = rounded(oracle.convolve(case, data, oracle.reading(case, case.pads)), lower)
    verdict = verdict_of(case, output.astype(dtype))
    assert (verdict.kind, verdict.causes) == ("mismatch", ("precision",))
    assert verdict.evidence.startswith(f"as if computed in {lower}")
    assert verdict.difference is not None


def test_an_output_of_a_lower_type_is_held_to_what_that_type_can_do() -> None:
    case = conv(dtype="float64", channels=16)
    right, wrong = (
        oracle.convolve(case, tensors(case), oracle.reading(case, case.pads)._replace(flip=flip)).astype("float32")
        for flip in (False, True)
    )
    assert verdict_of(case, right).causes == ("dtype",)
    assert verdict_of(case, wrong).causes == ("kernel-flipped", "dtype")


def test_half_precision_in_a_float32_job_is_not_taken_for_tf32_once_it_is_stored_so() -> None:
    case = conv(channels=16)
    sums = sums_of(case)
    output = sums.reference.astype("float16").astype("float32")
    output += np.sign(output) * np.float32(1.2) * direct(sums, "tf32")
    assert verdict_of(case, output.astype("float32")).causes == ("precision",)


def test_a_declared_precision_is_what_a_runner_is_held_to() -> None:
    case = conv()
    output = alarms.emulated(case, alarms.tf32)
    assert output is not None
    assert verdict_of(case, output) == verdict_of(case, output, "tf32")._replace(
        algorithm="tf32", tried=_tried(case, output)
    )
    assert verdict_of(case, output, "tf32").algorithm == ""
    assert verdict_of(conv(dtype="float64"), output.astype("float64"), "float32").kind == "mismatch"
    narrow = conv(dtype="bfloat16")
    stays = alarms.emulated(narrow, alarms.sequential)
    assert stays is not None
    assert verdict_of(narrow, stays, "tf32").kind == "match"


def _tried(case: Case, output: Array) -> int:
    return verdict_of(case, output).tried


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", [0.85, 1.05], ids=["inside", "outside"])
def test_one_element_just_outside_every_bound_is_wrong(dtype: str, share: float) -> None:
    case = conv(dtype=dtype, channels=1, bias=True)
    sums = sums_of(case)
    applying = [one.bound(sums) for one in bounds.ALGORITHMS.values() if one.applies(sums, False)]
    widest = np.max([direct(sums), *applying], axis=0)
    place = np.unravel_index(np.argmax(np.abs(sums.reference)), widest.shape)
    exact = sums.reference.copy()
    exact[place] += share * widest[place]
    if dtype in ("float16", "bfloat16"):  # what lies between two numbers of the type cannot be planted
        steps = rounded(exact, dtype).astype("float64")
        exact[place] = steps[place] + (share > 1) * 2 * UNIT[dtype] * abs(steps[place])
    output = stored(exact, dtype)
    found = verdict_of(case, output)
    assert (found.kind == "match") == (share < 1)
    if share > 1:
        assert found.difference is not None
        assert found.difference.first == tuple(map(int, place))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", [{"flip": True}, {"bias": False}, {"pads": ((0, 2), (1, 1))}], ids=str)
def test_no_bound_excuses_a_wrong_reading(dtype: str, how: dict[str, Any]) -> None:
    for channels, batch in product((1, 16, 64), (1, 16)):
        case = conv(dtype=dtype, channels=channels, batch=batch, bias=True)
        wrong = oracle.convolve(case, tensors(case), oracle.reading(case, case.pads)._replace(**how))
        verdict = verdict_of(case, stored(wrong, dtype))
        assert verdict.kind == "mismatch"
        assert not {"precision", "unattributed"} & set(verdict.causes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("winograd-f4x3", {"stride": (2, 2)}),
        ("winograd-f4x3", {"dilation": (2, 2)}),
        ("winograd-f4x3", {"kernel": (3, 2)}),
        ("winograd-f4x3", {"input": (5, 4, 4), "kernel": (3, 3, 3), "stride": (1,) * 3, "dilation": (1,) * 3}),
        ("winograd-f2x3", {"data": "lattice"}),
        ("fft", {"stride": (1, 2)}),
        ("fft", {"kernel": (1, 1)}),
        ("tf32", {"dtype": "float16"}),
        ("tf32", {"data": "lattice"}),
        ("narrow-sums", {}),
        ("narrow-sums", {"dtype": "bfloat16", "channels": 2}),
    ],
)
def test_an_algorithm_is_thought_of_only_where_it_could_have_been_used(name: str, changes: dict[str, Any]) -> None:
    case = conv(**changes)
    assert not bounds.ALGORITHMS[name].applies(sums_of(case), case.data == "lattice")


@pytest.mark.parametrize(("edge", "which"), [(2, bounds.WINOGRAD_2), (4, bounds.WINOGRAD_4)])
def test_the_winograd_transforms_compute_the_convolution(edge: int, which: bounds.Winograd) -> None:
    case = conv(groups=3, filters=6, batch=2, padding=((0, 1), (2, 0)))
    sums = sums_of(case)
    assert len(which.a) == edge
    tiles, roundings = which.tiles(sums, np.abs), case.channels // case.groups + which.roundings
    bound = bounds.gamma(roundings, UNIT["float64"]) * tiles + sums.summed("float64")
    assert within(which.tiles(sums, lambda numbers: numbers), sums.reference, bound)
    assert np.all(tiles >= sums.magnitude * (1 - 2 * bounds.gamma(roundings + case.products, UNIT["float64"])))


def test_the_direct_bound_does_not_hold_for_winograd_and_its_own_does() -> None:
    """An input with one spike is where they part."""
    case = conv(input=(12, 12), channels=1)
    data = tensors(case)
    data.input[0, 0, 3, 3] = 1e6
    sums = sums_of(case, data)
    output = alarms.EMULATIONS["Winograd F(4,3)"](case, data)
    assert output is not None
    assert np.max(np.abs(output - sums.reference) / direct(sums)) > 100
    assert within(output, sums.reference, bounds.WINOGRAD_4.bound(sums))
    assert algorithm(sums, output) == "winograd-f4x3"


def test_integers_that_are_not_are_explained_by_winograd_and_a_lattice_by_f2x3_is_exact() -> None:
    case = conv(data="lattice", input=(9, 9), channels=16)
    four, two = (alarms.emulated(case, alarms.EMULATIONS[f"Winograd F({size},3)"]) for size in (4, 2))
    assert four is not None
    assert two is not None
    found = verdict_of(case, four)
    assert (found.kind, found.integral, found.algorithm) == ("match", False, "winograd-f4x3")
    assert verdict_of(case, two).integral
    off = two.copy()
    off[0, 0, 0, 0] += 0.25
    assert (verdict_of(case, off).kind, verdict_of(case, off).algorithm) == ("match", "")


def test_a_fast_algorithm_of_the_pads_that_are_declared_is_a_hazard() -> None:
    case = conv(channels=1, input=(12, 12), padding=((0, 1), (0, 1)), kernel=(2, 2))
    other = replace(case, padding=((1, 0), (1, 0)))
    output = alarms.emulated(other, alarms.tf32)
    assert output is not None
    found = verdict_of(case, output, pads=other.pads)
    assert (found.kind, found.algorithm) == ("hazard", "tf32")


def test_the_journal_holds_the_algorithm() -> None:
    case = conv()
    job = Job(case, "fake", "v", Spelling(case.pads, "f(x)"))
    record = journal.result_record(Judged(job, Outcome("completed"), Verdict("match", algorithm="tf32")))
    assert (record["algorithm"], record["code"]) == ("tf32", "f(x)")
    assert "algorithm" not in journal.result_record(Judged(job, Outcome("completed"), Verdict("match")))


def test_a_number_is_representable_where_rounding_leaves_it() -> None:
    case = conv()
    data = tensors(case)
    assert not representable(data, "tf32")
    assert representable(data.map(alarms.to_tf32), "tf32")
    assert representable(data.map(lambda part: rounded(part, "bfloat16")), "bfloat16")
    assert representable(tensors(conv(data="lattice")), "tf32")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_narrow_lattice_stays_within_what_its_type_holds(dtype: str) -> None:
    case = conv(dtype=dtype, data="lattice", bias=True)
    output = oracle.convolve(case, tensors(case), oracle.reading(case, case.pads))
    assert np.array_equal(rounded(output, dtype), output)
    assert np.abs(output).max() <= EXACT[dtype]
    assert verdict_of(case, stored(output, dtype)).kind == "match"
    assert verdict_of(case, output.astype("float32")).causes == ("dtype",)


def test_bfloat16_is_rounded_to_the_nearest_and_ties_to_even() -> None:
    numbers = np.array([1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1 - 3 * 2**-8, 0, 3e38], "float32")
    expected = [1, 1, 1 + 2**-6, 1 + 2**-7, -1 - 2**-6, 0, 3e38]
    assert rounded(numbers, "bfloat16").tolist()[:-1] == expected[:-1]
    back, name = typed(stored(numbers, "bfloat16"))
    assert name == "bfloat16"
    assert np.array_equal(back, rounded(numbers, "bfloat16"))


def test_lower_precisions_are_tried_from_the_highest() -> None:
    sums = sums_of(conv(dtype="float64"))
    for kind in ("float32", "float16", "bfloat16"):
        assert lower_precision(sums, sums.reference + 0.9 * direct(sums, kind)) == kind
    assert lower_precision(sums, sums.reference + 1.1 * direct(sums, "bfloat16")) == ""
