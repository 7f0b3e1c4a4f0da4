"""What an outcome means: pure functions from arrays, a bound and a declared geometry to a verdict.

Lattice data is exact, so an output is accepted iff every element is within 1/2 of the reference;
real-valued data is accepted iff every element is within its forward-error bound. Neither has a
tolerance to tune (NUMERICS.md).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance import hypotheses, oracle
from conformance.domain.case import Case
from conformance.domain.facts import length_fits_channels
from conformance.domain.geometry import Pads, canonical, same_elements
from conformance.domain.records import Difference, Job, Outcome, Spelling, Verdict
from conformance.domain.tensors import Data, Streams, tensors
from conformance.hypotheses import Hypothesis
from conformance.oracle import Reading, Reference

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


class Truth:
    """The exact answers of one case, each computed when it is first asked for."""

    def __init__(self, case: Case, data: Data | None = None) -> None:
        self.case = case
        self.data = tensors(case) if data is None else data
        self.exact = case.data != "normal"
        self._references: dict[Reading, tuple[Reference, Reference | float]] = {}

    @cached_property
    def asked(self) -> Reading:
        """The reading that the case asks for."""
        return oracle.reading(self.case, self.case.pads)

    @cached_property
    def effective(self) -> Pads:
        """The pads that the case asks for, canonical."""
        return canonical(self.case.asked)

    def answer(self, how: Reading) -> tuple[Reference, Reference | float]:
        """The output of a reading and the error allowed around it, per element."""
        if how not in self._references:
            if len(self._references) > 3:
                self._references.pop(next(reversed(self._references)))
            self._references[how] = self._compute(self.case, self.data, how)
        return self._references[how]

    def _compute(self, case: Case, data: Data, how: Reading) -> tuple[Reference, Reference | float]:
        if self.exact:
            return oracle.compute(case, data, how), 0.5
        return oracle.compute(case, data, how), oracle.error_bound(case, data, how, case.products)

    @cached_property
    def _first_channel(self) -> tuple[Case, Data]:
        """The case cut down to what its first output channel of its first sample needs."""
        case, data = self.case, self.data
        inner = case.channels // case.groups
        small = replace(case, batch=1, channels=inner, filters=1, groups=1)
        bias = None if data.bias is None else data.bias[:1]
        return small, Data(data.input[:1, :inner], data.weights[:1], bias)

    def reproduces(self, how: Reading, output: Array) -> bool:
        """Whether a reading gives this very output; the first channel is looked at first."""
        if self.case.op == "conv" and not how.bias_last:
            small, data = self._first_channel
            if not agrees(output[:1, :1], *self._compute(small, data, replace(how, interleave=False))):
                return False
        return agrees(output, *self._compute(self.case, self.data, how))

    def relaid(self) -> Truth | None:
        """The case of whoever takes channels-last data for channels first; None where that has no meaning."""
        case, data = self.case, self.data
        size, inner = case.input[0], case.channels // case.groups
        if case.op != "conv" or not length_fits_channels(size, inner, case.filters):
            return None
        taken = replace(case, input=(*case.input[1:], case.channels), channels=size, groups=size // inner)
        return Truth(taken, data._replace(input=np.moveaxis(data.input, 1, -1)))


def agrees(output: Array, reference: Reference, bound: Reference | float) -> bool:
    """Whether every element lies strictly within the bound; NaN never does."""
    return output.shape == reference.shape and bool((np.abs(output - reference) < bound).all())


class Judge:
    """Judges outcomes against references that it keeps for the cases at hand."""

    def __init__(self) -> None:
        self._truths: OrderedDict[str, Truth] = OrderedDict()
        self._attributed: dict[tuple[object, ...], Verdict] = {}
        self._streams = Streams()

    def judge(self, job: Job, outcome: Outcome, attributed: bool = True) -> Verdict:
        """The verdict of one job; a mismatch without causes unless they are asked for."""
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
        return hazard or (self._mismatch(truth, job, output) if attributed else Verdict("mismatch"))

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
        if any(axis.output < 1 for axis in over) or not agrees(output, *truth.answer(how)):
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
                attribute(truth, job, output), difference=where, sample=sample(output, reference, where)
            )
        return self._attributed[key]


def attribute(truth: Truth, job: Job, output: Array) -> Verdict:
    """A mismatch with its causes: each hypothesis reproduces the output or is rejected."""
    case = job.case
    extra: tuple[str, ...] = () if output.dtype == case.dtype else ("dtype",)
    remark = f"dtype {output.dtype} where {case.dtype} is asked for" if extra else ""

    def verdict(causes: tuple[str, ...], evidence: str, **found: Any) -> Verdict:
        evidence = "; ".join(filter(None, (evidence, remark)))
        return Verdict("mismatch", causes=(*causes, *extra), evidence=evidence, **found)

    if output.dtype.kind not in "fiub":
        return verdict((), "")
    if not np.all(np.isfinite(output)):
        return verdict(("non-finite",), f"{int(np.sum(~np.isfinite(output)))} of {output.size} are not finite")
    reference, bound = truth.answer(truth.asked)
    if extra and agrees(output, reference, bound):
        return verdict((), "")
    fits, tried = explanations(truth, job.spelling, output)
    if fits:
        found = fits[0]
        others = dict.fromkeys((*fit.causes, *extra) for fit in fits if fit.causes != found.causes)
        return verdict(
            found.causes,
            hypotheses.explain(case, truth.asked, found.reading),
            alternatives=tuple(others),
            effective=canonical(found.reading.axes(case)),
            tried=tried,
        )
    for cause, evidence, candidate in rearrangements(output, reference):
        tried += 1
        if agrees(candidate, reference, bound):
            return verdict((cause,), evidence, tried=tried)
    relaid = truth.relaid()
    if relaid and output.ndim == reference.ndim:
        fits, more = explanations(relaid, job.spelling, np.moveaxis(output, 1, -1))
        tried += more
        if fits:
            rest = hypotheses.explain(relaid.case, relaid.asked, fits[0].reading)
            evidence = "; ".join(filter(None, ("channels-last data read as channels first", rest)))
            others = dict.fromkeys((*fit.causes, "layout", *extra) for fit in fits if fit.causes != fits[0].causes)
            return verdict((*fits[0].causes, "layout"), evidence, alternatives=tuple(others), tried=tried)
    return verdict(("unattributed",), f"{tried} hypotheses rejected", tried=tried)


def explanations(truth: Truth, spelling: Spelling, output: Array) -> tuple[list[Hypothesis], int]:
    """The hypotheses of fewest causes that reproduce an output, and how many were tried."""
    fits: list[Hypothesis] = []
    tried = 0
    shape = (truth.case.batch, truth.case.filters)
    if output.shape[:2] != shape or output.ndim != truth.case.rank + 2:
        return fits, tried
    for hypothesis in hypotheses.hypotheses(truth.case, spelling, output.shape[2:]):
        if fits and len(hypothesis.causes) > len(fits[0].causes):
            break
        if fits and hypotheses.AMOUNT in hypothesis.causes:
            continue
        tried += 1
        if truth.reproduces(hypothesis.reading, output):
            fits.append(hypothesis)
    return fits, tried


def rearrangements(output: Array, reference: Reference) -> list[tuple[str, str, Array]]:
    """The output put in order again, for every way in which its axes may have been mixed up."""
    found: list[tuple[str, str, Array]] = []
    if output.ndim == reference.ndim:
        found.append(("layout", "the channels come last", np.moveaxis(output, -1, 1)))
    if output.size == reference.size and output.shape != reference.shape:
        evidence = f"the same numbers in shape {output.shape}, where {reference.shape} is asked for"
        found.append(("output-shape", evidence, output.reshape(reference.shape)))
    return found


def difference(output: Array, reference: Reference, bound: Reference | float) -> Difference | None:
    """Where an output differs from the reference by the bound or more; None where the shapes differ."""
    if output.shape != reference.shape or output.dtype.kind not in "fiub":
        return None
    error = np.abs(output - reference)
    wrong = ~(error < bound)
    if not wrong.any():
        return None
    first = tuple(int(place[0]) for place in np.nonzero(wrong))
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
