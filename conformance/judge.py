"""What an outcome means: pure functions from arrays, a bound and a declared geometry to a verdict.

Lattice data is exact, so an output is accepted iff every element is within 1/2 of the reference;
real-valued data is accepted iff every element is within its forward-error bound. Neither has a
tolerance to tune (NUMERICS.md).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance import hypotheses, oracle
from conformance.attribute import attribute
from conformance.domain.case import Case
from conformance.domain.geometry import canonical, same_elements
from conformance.domain.records import Difference, Job, Outcome, Verdict
from conformance.domain.tensors import Streams, tensors
from conformance.oracle import Reference
from conformance.truth import Truth, agrees

Array = NDArray[Any]

SAMPLE = 16
"""Rows and columns of the numbers kept around the first difference."""

KEPT = 8
"""Cases whose reference is at hand: the runners that work side by side come to a case about together."""

OUTCOME_VERDICTS = {
    "unsupported": "unsupported",
    "raised": "error",
    "crashed": "crash",
    "timed_out": "timeout",
    "not_run": "not_run",
}


class Judge:
    """Judges outcomes against references that it keeps for the cases at hand."""

    def __init__(self) -> None:
        self._truths: OrderedDict[str, Truth] = OrderedDict()
        self._attributed: dict[tuple[object, ...], Verdict] = {}
        self._streams = Streams()

    def judge(self, job: Job, outcome: Outcome) -> Verdict:
        """The verdict of one job."""
        if outcome.kind != "completed":
            failure = outcome.failure
            assert failure is not None
            return Verdict(OUTCOME_VERDICTS[outcome.kind], message=failure.message)
        truth = self._truth(job.case)
        reference, bound = truth.answer(truth.asked)
        output: Array = outcome.output
        if output.dtype == job.case.dtype and agrees(output, reference, bound):
            integral = not truth.exact or bool((output == reference).all())
            return Verdict("match", effective=truth.effective, integral=integral)
        hazard = self._hazard(truth, job, output)
        return hazard or self._mismatch(truth, job, output)

    def _truth(self, case: Case) -> Truth:
        truth = self._truths.get(case.id)
        if truth is None:
            truth = self._truths[case.id] = Truth(case, tensors(case, self._streams))
            self._attributed.clear()
            if len(self._truths) > KEPT:
                self._truths.popitem(last=False)
        return truth

    @staticmethod
    def _hazard(truth: Truth, job: Job, output: Array) -> Verdict | None:
        """The verdict where the output is right for the pads that the variant declares."""
        case, declared = job.case, job.spelling.pads
        over = case.axes(declared)
        if same_elements(over, case.asked) or output.dtype != case.dtype:
            return None
        how = oracle.reading(case, declared)
        if any(axis.output < 1 for axis in over) or not truth.reproduces(how, output):
            return None
        return Verdict(
            "hazard",
            causes=(hypotheses.name_declared(case, declared),),
            evidence=hypotheses.explain(case, truth.asked, how),
            effective=canonical(over),
            difference=difference(output, *truth.answer(truth.asked)),
            tried=1,
        )

    def _mismatch(self, truth: Truth, job: Job, output: Array) -> Verdict:
        """The verdict of a wrong output: its causes, how it differs, and the numbers around that."""
        key = (job.case.id, job.spelling.pads, job.spelling.by_rule, output.dtype.str, output.shape, output.tobytes())
        if key not in self._attributed:
            reference, bound = truth.answer(truth.asked)
            where = difference(output, reference, bound)
            self._attributed[key] = replace(
                attribute(truth, job, output, where), difference=where, sample=sample(output, reference, where)
            )
        return self._attributed[key]


def difference(output: Array, reference: Reference, bound: Reference | float) -> Difference | None:
    """Where an output differs from the reference by the bound or more; None where the shapes differ."""
    if output.shape != reference.shape or output.dtype.kind not in "fiub":
        return None
    error = np.abs(output - reference)
    wrong = ~(error < bound)
    if not wrong.any():
        return None
    first = tuple(map(int, np.unravel_index(wrong.argmax(), wrong.shape)))
    return Difference(
        wrong=int(wrong.sum()),
        total=output.size,
        first=first,
        expected=float(reference[first]),
        got=float(output[first]),
        largest=float(np.max(np.where(np.isfinite(error), error, 0))),
    )


def sample(output: Array, reference: Reference, where: Difference | None) -> dict[str, Any]:
    """The numbers around the first difference, up to 16 × 16, as nested lists of what was expected and got."""
    shapes = {"expected_shape": list(reference.shape), "got_shape": list(output.shape)}
    if output.ndim != reference.ndim or not output.size or output.dtype.kind not in "fiub":
        return shapes
    first = where.first if where else (0,) * reference.ndim
    kept = min(reference.ndim - 2, 2)
    lead, last = first[:-kept], first[-kept:]
    start = [
        max(min(place - SAMPLE // 2, size - SAMPLE), 0)
        for place, size in zip(last, reference.shape[-kept:], strict=True)
    ]
    part: tuple[Any, ...] = (*lead, *(slice(begin, begin + SAMPLE) for begin in start))
    return {
        **shapes,
        "lead": list(lead),
        "start": start,
        "expected": numbers(reference[part]),
        "got": numbers(output[part]),
    }


def numbers(values: Array) -> Any:
    """Nested lists of JSON numbers: integers where they are, text where they are not finite."""
    if values.ndim:
        return [numbers(value) for value in values]
    value = float(values)
    if not np.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() else round(value, 6)
