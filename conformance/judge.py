"""What an outcome means: pure functions from arrays, a bound and a declared geometry to a verdict.

Lattice data is exact, so an output is accepted iff every element is within 1/2 of the reference;
real-valued data is accepted iff every element is within its forward-error bound, or within that of
a fast algorithm, which is then named. Neither has a tolerance to tune (``bounds``).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from math import isfinite, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance import bounds, hypotheses, oracle
from conformance.attribute import attribute
from conformance.bounds import within
from conformance.domain.case import Case
from conformance.domain.geometry import canonical, same_elements
from conformance.domain.records import Difference, Job, Outcome, Verdict
from conformance.domain.tensors import Streams, tensors, typed
from conformance.oracle import Reading, Reference
from conformance.truth import Truth

Array = NDArray[Any]

SAMPLE = 16
"""Rows and columns of the numbers kept around the first difference."""

CHANNELS = 8
NUMBERS = 512
"""Channels of them, and numbers in all, at most."""

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
        self._truths: OrderedDict[tuple[str, str], Truth] = OrderedDict()
        self._attributed: dict[tuple[object, ...], Verdict] = {}
        self._streams = Streams()

    def judge(self, job: Job, outcome: Outcome, attributed: bool = True) -> Verdict:
        """The verdict of one job; a mismatch without causes unless they are asked for."""
        if outcome.kind != "completed":
            failure = outcome.failure
            assert failure is not None
            return Verdict(OUTCOME_VERDICTS[outcome.kind], message=failure.message)
        output, dtype = typed(outcome.output)
        if dtype != job.case.dtype:  # its numbers are judged as what they say they are
            return self._mismatch(self._truth(job.case, dtype), job, output, dtype)
        truth = self._truth(job.case, job.precision)
        reference, bound = truth.answer(truth.asked)
        same = truth.exact and output.shape == reference.shape and bool((output == reference).all())
        if same or within(output, reference, bound):
            integral = same or not truth.exact
            algorithm = "" if integral else bounds.algorithm(truth.sums(truth.asked), output, truth.exact)
            return Verdict("match", effective=truth.effective, integral=integral, algorithm=algorithm)
        found = hazard(truth, job, output)
        return found or (self._mismatch(truth, job, output, dtype) if attributed else Verdict("mismatch"))

    def _truth(self, case: Case, precision: str) -> Truth:
        truth = self._truths.get((case.id, precision))
        if truth is None:
            truth = self._truths[case.id, precision] = Truth(case, tensors(case, self._streams), precision)
            self._attributed.clear()
            if len(self._truths) > KEPT:
                self._truths.popitem(last=False)
        return truth

    def _mismatch(self, truth: Truth, job: Job, output: Array, dtype: str) -> Verdict:
        """The verdict of an output that no direct sum gives: a fast algorithm, or its causes and how it differs."""
        job_key = (job.case.id, job.precision, replace(job.spelling, code=""))
        key = (*job_key, dtype, output.shape, output.tobytes())
        if key not in self._attributed:
            reference, bound = truth.answer(truth.asked)
            where = difference(output, reference, bound)
            found = attribute(truth, job, output, dtype, where)
            if "unattributed" in found.causes:
                found = computed_otherwise(truth, job, output, found)
            if found.kind == "mismatch":
                found = found._replace(difference=where, sample=sample(output, reference, where))
            self._attributed[key] = found
        return self._attributed[key]


def hazard(truth: Truth, job: Job, output: Array, algorithm: str = "") -> Verdict | None:
    """The verdict where the output is right for the pads that the variant declares."""
    how = declared(truth, job)
    if how is None or not (algorithm or truth.reproduces(how, output)):
        return None
    return Verdict(
        "hazard",
        causes=(hypotheses.name_declared(job.case, how),),
        evidence=hypotheses.explain(job.case, truth.asked, how),
        effective=canonical(how.axes(job.case)),
        difference=difference(output, *truth.answer(truth.asked)),
        tried=1,
        algorithm=algorithm,
    )


def declared(truth: Truth, job: Job) -> Reading | None:
    """The faithful reading of what the variant declares; None where that is as asked for, or does not fit."""
    how = oracle.declared(job.case, job.spelling)
    over = how.axes(job.case)
    return None if same_elements(over, job.case.asked) or any(axis.output < 1 for axis in over) else how


def computed_otherwise(truth: Truth, job: Job, output: Array, found: Verdict) -> Verdict:
    """What no other reading explains, by how it may have been computed: a fast algorithm, or a lower precision.

    A wrong reading that a direct sum explains is the tighter finding, so it has been looked for before.
    """
    if not truth.exact and "dtype" not in found.causes:
        if algorithm := bounds.algorithm(truth.sums(truth.asked), output):
            return Verdict("match", effective=truth.effective, tried=found.tried, algorithm=algorithm)
        how = declared(truth, job)
        if how and (algorithm := bounds.algorithm(truth.sums(how), output)):
            return hazard(truth, job, output, algorithm) or found
    lower = bounds.lower_precision(truth.sums(truth.asked), output, truth.exact)
    if not lower:
        return found
    causes = tuple("precision" if cause == "unattributed" else cause for cause in found.causes)
    evidence = "; ".join((f"as if computed in {lower}", found.evidence))
    return found._replace(causes=causes, evidence=evidence)


def difference(output: Array, reference: Reference, bound: Reference | float) -> Difference | None:
    """Where an output differs from the reference by the bound or more; None where the shapes differ."""
    if output.shape != reference.shape or output.dtype.kind not in "fiub":
        return None
    with np.errstate(invalid="ignore"):  # infinity less infinity
        error = np.abs(output - reference)
    wrong = ~((error < bound) | (output == reference))
    if not wrong.any():
        return None
    first = _index(wrong)
    return Difference(
        wrong=int(wrong.sum()),
        total=output.size,
        first=first,
        expected=float(reference[first]),
        got=float(output[first]),
        largest=float(np.max(np.where(np.isfinite(error), error, 0))),
        worst=_index(np.where(np.isfinite(error), error, np.inf)),
    )


def _index(values: Array) -> tuple[int, ...]:
    """The index of the first of the largest."""
    return tuple(map(int, np.unravel_index(values.argmax(), values.shape)))


def sample(output: Array, reference: Reference, where: Difference | None) -> dict[str, Any]:
    """The numbers around the first difference as nested lists, what was expected and got, from index ``start`` on.

    Up to 16 x 16 of the last two spatial axes, and as many channels as ``NUMBERS`` allows; one index of
    the other axes.
    """
    shapes = {"expected_shape": list(reference.shape), "got_shape": list(output.shape)}
    if output.ndim != reference.ndim or not output.size or output.dtype.kind not in "fiub":
        return shapes
    first = where.first if where else (0,) * reference.ndim
    kept = [1] * reference.ndim
    kept[2:] = [1] * (reference.ndim - 4) + [min(size, SAMPLE) for size in reference.shape[2:][-2:]]
    kept[1] = min(max(NUMBERS // prod(kept), 1), CHANNELS)
    start = [
        max(min(place - length // 2, size - length), 0)
        for place, length, size in zip(first, kept, reference.shape, strict=True)
    ]
    part = tuple(slice(begin, begin + length) for begin, length in zip(start, kept, strict=True))
    return {
        **shapes,
        "start": start,
        "expected": numbers(reference[part]),
        "got": numbers(output[part]),
    }


def numbers(values: Array) -> Any:
    """Nested lists of JSON numbers: integers where they are, text where they are not finite."""
    return _spelled(values.tolist())


def _spelled(value: Any) -> Any:
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    if not isfinite(value):
        return str(value)
    return int(value) if float(value).is_integer() else round(value, 6)
