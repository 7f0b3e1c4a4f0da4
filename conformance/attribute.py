"""Why an output is wrong: each hypothesis reproduces it or is rejected, never a guess.

A hypothesis' begin pads only choose which windows of the stride-1 convolution it reads. So for each
change of dilation, stride, kernel and bias that convolution is computed once around a few windows of
the first channel, for every begin pad that comes into question; what agrees there is computed anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance import hypotheses
from conformance.bounds import within
from conformance.domain.geometry import Sizes, canonical
from conformance.domain.records import Difference, Job, Spelling, Verdict
from conformance.hypotheses import AMOUNT, Hypothesis
from conformance.oracle import Reading, Reference
from conformance.truth import Truth

Array = NDArray[Any]


def attribute(truth: Truth, job: Job, output: Array, dtype: str, where: Difference | None = None) -> Verdict:
    """A mismatch of an output of some element type with its causes; ``where`` is its first difference, if known."""
    case = job.case
    extra: tuple[str, ...] = () if dtype == case.dtype else ("dtype",)
    remark = f"dtype {dtype} where {case.dtype} is asked for" if extra else ""

    def verdict(causes: tuple[str, ...], *evidence: str, **found: Any) -> Verdict:
        told = "; ".join(filter(None, (*evidence, remark)))
        return Verdict("mismatch", causes=(*causes, *extra), evidence=told, **found)

    if output.dtype.kind not in "fiub":
        return verdict(())
    strange = np.isnan(output) if truth.infinite else ~np.isfinite(output)
    if strange.any():
        return verdict(("non-finite",), f"{int(np.sum(strange))} of {output.size} are not finite")
    if extra and within(output, *truth.answer(truth.asked)):
        return verdict(())
    if gone := dropped(truth, output):
        return verdict(("last-window",), f"the only window dropped on axis {gone}")
    found: list[tuple[int, View, Hypothesis]] = []
    tried = 0
    for view in views(truth, job.spelling, output):
        fits, more = explanations(view.truth, job.spelling, view.output, where if view.output is output else None)
        tried += more
        found += [
            (fit.cost + len(view.causes), view, fit)
            for fit in fits
            if (fit.causes or view.causes or extra) and not set(view.causes) & set(fit.causes)
        ]
    found += [(fit.cost, view, fit) for view, fit in divided(truth, output)]
    names = hypotheses.names(case, job.spelling)
    if not found:
        return verdict(("unattributed",), f"{tried} hypotheses rejected", tried=tried, rejected=tuple(names))
    least = min(cost for cost, _, _ in found)
    _, view, fit = next(one for one in found if one[0] == least)
    sets = dict.fromkeys((*one.causes, *seen.causes, *extra) for cost, seen, one in found if cost == least)
    return verdict(
        (*fit.causes, *view.causes),
        view.evidence,
        hypotheses.explain(view.truth.case, view.truth.asked, fit.reading),
        "seen in samples" if truth.huge else "",
        alternatives=tuple(causes for causes in sets if causes != (*fit.causes, *view.causes, *extra)),
        effective=canonical(fit.reading.axes(case)) if view.truth is truth else None,
        geometry=hypotheses.changed(truth.asked, fit.reading) if view.truth is truth else None,
        rejected=tuple(name for name in names if not any(name in causes for causes in sets)),
        tried=tried,
    )


@dataclass(frozen=True)
class View:
    """An output put in order again, and the exact answers that it is held against."""

    truth: Truth
    output: Array
    causes: tuple[str, ...] = ()
    evidence: str = ""


def views(truth: Truth, spelling: Spelling, output: Array) -> Iterator[View]:
    """The output as it is, for every way in which its axes may have been mixed up, and with what it left out."""
    yield View(truth, output)
    shape = truth.asked.output_shape(truth.case)
    if output.shape == shape:
        yield from left_out(truth, output)
    if output.ndim == len(shape):
        yield View(truth, np.moveaxis(output, -1, 1), ("layout",), "the channels come last")
        relaid = truth.relaid()
        if relaid:
            taken = "channels-last data read as channels first"
            yield View(relaid, np.moveaxis(output, 1, -1), ("layout",), taken)
    if output.shape != shape:
        evidence = f"the numbers in shape {output.shape}"
        for size in sorted(hypotheses.sizes(truth.case, spelling)):
            other = (*shape[:2], *size)
            if prod(other) == output.size and other != output.shape:
                yield View(truth, output.reshape(other), ("output-shape",), evidence)


def dropped(truth: Truth, output: Array) -> str:
    """The axes along which an output without elements lacks the only window; none where more differs than that."""
    shape = truth.asked.output_shape(truth.case)
    pairs = list(zip(output.shape, shape, strict=False))
    if output.ndim != len(shape) or any(got != size and (got, size) != (0, 1) for got, size in pairs):
        return ""
    return ", ".join(str(axis) for axis, (got, _) in enumerate(pairs[2:]) if not got)


def left_out(truth: Truth, output: Array) -> Iterator[View]:
    """An output of the right shape without the zeros where some window has no answer."""
    axes = range(output.ndim)
    planes = (output.any(axis=tuple(other for other in axes if other != axis)) for axis in axes[2:])
    kept = (*output.shape[:2], *(int(np.flatnonzero(plane).max(initial=-1)) + 1 for plane in planes))
    if 0 not in kept and kept != output.shape:
        yield View(truth, output[tuple(map(slice, kept))], ("last-window",), "zeros for the last windows")
    if truth.case.pool and truth.infinite:
        right = truth.answer(truth.asked)[0]
        alone = np.isinf(right) & (output == 0)
        if alone.any():
            filled = np.where(alone, right, output)
            yield View(truth, filled, ("pad-value",), "zeros for windows in the padding alone")


def divided(truth: Truth, output: Array) -> Iterator[tuple[View, Hypothesis]]:
    """What the last window reads beyond the end pad, put half before the input and as much cut off its end."""
    over = truth.case.asked
    halves = tuple(max(axis.end_for(axis.output) - axis.end, 0) // 2 for axis in over)
    if truth.case.pool and any(halves):
        evidence = f"what lies beyond the end pad divided between both sides, and {hypotheses.spell(halves)} cut off"
        view = View(truth.cut(halves), output, evidence=evidence)
        pads = tuple((axis.begin + half, axis.end) for axis, half in zip(over, halves, strict=True))
        how = truth.asked._replace(pads=pads)
        if view.truth.reproduces(how, output):
            yield view, Hypothesis((AMOUNT,), how)


def explanations(
    truth: Truth, spelling: Spelling, output: Array, where: Difference | None = None
) -> tuple[list[Hypothesis], int]:
    """The hypotheses of least cost that reproduce an output, and how many were tried."""
    fits: list[Hypothesis] = []
    case = truth.case
    if output.ndim != case.rank + 2 or output.shape[:2] != (case.batch, case.filters) or not output.size:
        return fits, 0
    screen = Screen(truth, spelling, output)
    known: dict[Reading, bool] = {}
    for hypothesis in hypotheses.hypotheses(
        case, spelling, output.shape[2:], screen.begins if case.op == "conv" else None
    ):
        if fits and hypothesis.cost > fits[0].cost:
            break
        how = hypothesis.reading
        function = how._replace(pads=tuple((begin, 0) for begin, _ in how.pads))  # the output's size is given
        if function not in known:
            known[function] = truth.reproduces(how, output, where.first if where else None)
        if known[function]:
            fits.append(hypothesis)
    return fits, screen.tried


class Screen:
    """With which begin pads a reading gives the windows in the middle of an output, in its first channel.

    They are two on each axis, one beside the other: as one they are rarely right by chance, and in
    the middle they read more elements than padding.
    """

    def __init__(self, truth: Truth, spelling: Spelling, output: Array) -> None:
        self._truth, self._spelling = truth.first_channel, spelling
        self._case = truth.case
        self._windows = [range(max(size // 2 - 1, 0), size // 2 + 1) for size in output.shape[2:]]
        self._numbers = output[(0, 0, *np.ix_(*self._windows))].astype(np.float64)
        self._bias = truth.data.bias
        self._dense: dict[object, tuple[Reference, Reference | float]] = {}
        self._begins: dict[Reading, Collection[Sizes]] = {}
        self.tried = 0

    def begins(self, changed: Reading) -> Collection[Sizes]:
        """The begin pads of every axis that agree; the first channel is the first in any order of groups."""
        key = changed._replace(interleave=False)
        if key not in self._begins:
            self._begins[key] = self._search(key)
        return self._begins[key]

    def _search(self, changed: Reading) -> Collection[Sizes]:
        ranges = hypotheses.begins(self._case, self._spelling, changed)
        self.tried += prod(map(len, ranges))
        starts = [[changed.start(axis, window) for window in windows] for axis, windows in enumerate(self._windows)]
        low = tuple(places[0] - begins[-1] for places, begins in zip(starts, ranges, strict=True))
        counts = tuple(places[-1] - places[0] + len(begins) for places, begins in zip(starts, ranges, strict=True))
        numbers, bias = self._numbers, changed.bias and not changed.bias_last
        if changed.bias_last and self._bias is not None:
            numbers = numbers - self._bias[list(self._windows[-1])]
        elif bias and self._truth.exact and self._bias is not None:  # of real numbers it belongs to their bound
            numbers, bias = numbers - self._bias[0], False
        values, bound = self._values(changed._replace(bias=bias, bias_last=False), low, counts)
        agree: Any = True
        for index in product(*map(range, numbers.shape)):
            at = tuple(
                slice(places[one] - places[0], places[one] - places[0] + len(begins))
                for one, places, begins in zip(index, starts, ranges, strict=True)
            )
            allowed = bound[at] if isinstance(bound, np.ndarray) else bound
            agree = agree & (np.abs(values[at] - numbers[index]) < (2 * allowed if changed.bias_last else allowed))
            if not agree.any():
                return ()
        return [
            tuple(begins[-1 - one] for begins, one in zip(ranges, place, strict=True))
            for place in np.argwhere(agree).tolist()
        ]

    def _values(self, how: Reading, low: Sizes, counts: Sizes) -> tuple[Reference, Reference | float]:
        key = (how, low, counts)
        if key not in self._dense:
            values, bound = self._truth.dense(how, low, counts)
            self._dense[key] = values[0, 0], bound[0, 0] if isinstance(bound, np.ndarray) else bound
        return self._dense[key]
