"""Every small geometry: the cases of the ``exhaust`` command, which of them one execution answers, and the count.

A case's data are impulses and distinct weights (``domain.case.Basis``), so an output that is right is
the operator's whole matrix. On one axis every size, stride, dilation and padding of a scope is run. On
two and three axes a covering design is: some axes, each different from the others, of which every
ordered pair lies on any two places once, so that each case's axes are swapped in another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, product
from math import lcm, prod
from typing import Any

from conformance.domain.case import OPS, PAD_MODES, Basis, Case, Padding, by, spell_padding
from conformance.domain.geometry import Axis, Pads, Sizes
from conformance.domain.records import Job, Outcome, Verdict

RULES = {
    "conv": ("valid", "same", "same_lower", "causal", "fixed"),
    "conv_transpose": ("valid", "same", "same_lower"),
    "max_pool": ("valid", "same", "same_lower", "fixed"),
    "avg_pool": ("valid", "same", "same_lower", "fixed"),
    "pad": (),
}
"""The paddings that each operator takes by name; ``causal`` on one axis only."""

SPELLED = {"ceil_mode": "-ceil", "count_include_pad": "-counted"}
"""What a flag adds to a case's identity; a mode and a value add themselves."""

LIFTED = {2: 8, 3: 7}
"""For each rank, how many different axes the covering design has."""

ATTRIBUTED = 50
"""Mismatches of a row whose causes are looked for; the smallest come first."""

AVERAGED = 2**20
"""The largest impulse of an average that may be rounded five times and still lies within 1/2 of the exact one."""


Layer = tuple[tuple[Sizes, ...], tuple[Pads, ...]]
"""Size, kernel, stride and dilation of each axis, and the pads to run it with."""


@dataclass(frozen=True)
class Scope:
    """The largest sizes on one axis, the operators, and the ranks."""

    input: int = 12
    kernel: int = 5
    stride: int = 4
    dilation: int = 3
    pads: int = 4
    ops: tuple[str, ...] = OPS
    ranks: tuple[int, ...] = (1, 2, 3)

    def cases(self) -> Iterator[list[Case]]:
        """Every case, those together that differ in their padding alone."""
        for rank, op in product(sorted(self.ranks), self.ops):
            rules = [rule for rule in RULES[op] if rule != "causal" or rank == 1]
            scope = replace(self, kernel=1, stride=1, dilation=1) if op == "pad" else self
            layers: Iterable[Layer] = scope.every() if rank == 1 else scope.lifted(rank)
            if rank > 1 and op == "avg_pool":  # which some frameworks have without dilation only
                layers = dict.fromkeys(chain(layers, replace(self, dilation=1).lifted(rank)))
            for (axes, pads), flags in product(layers, _flags(op)):
                paddings: list[Padding] = [*rules, *pads]
                found = [_case(op, axes, padding, flags) for padding in paddings]
                if alike := [case for case in found if stands(case)]:
                    yield alike

    def every(self) -> Iterator[Layer]:
        """Every layer with one axis (size, kernel, stride, dilation), and every pads."""
        sides = range(self.pads + 1)
        pads = tuple(((begin, end),) for begin, end in product(sides, sides))
        for axis in product(*(range(1, most + 1) for most in (self.input, self.kernel, self.stride, self.dilation))):
            yield (axis,), pads

    def lifted(self, rank: int) -> Iterator[Layer]:
        """Layers with unequal axes, each with the pads of its axes: an orthogonal array of strength 2."""
        walk = list(dict.fromkeys(map(self._axis, range(LIFTED[rank]))))
        for first in product(range(len(walk)), repeat=2):
            places = (*first, -sum(first) % len(walk))[:rank]
            if len(set(places)) > 1:
                yield tuple(walk[place][0] for place in places), (tuple(walk[place][1] for place in places),)

    def _axis(self, number: int) -> tuple[Sizes, tuple[int, int]]:
        """One of the different axes: each size goes round at its own pace."""
        paces = (number + 1, self.kernel), (number, self.stride), (number, self.dilation)
        sizes = min(2 + number % 5, self.input), *(1 + place % most for place, most in paces)
        return sizes, (number % (self.pads + 1), (2 * number + 1) % (self.pads + 1))


def _flags(op: str) -> list[dict[str, Any]]:
    """How an operator rounds and counts, or what it repeats, in every way."""
    if op == "pad":
        return [{"value": 1.5}, *({"mode": mode} for mode in PAD_MODES[1:])]
    both, one = (False, True), (False,)
    ways = product(both if op.endswith("_pool") else one, both if op == "avg_pool" else one)
    return [{"ceil_mode": ceil, "count_include_pad": counted} for ceil, counted in ways]


def _case(op: str, axes: Sequence[Sizes], padding: Padding, flags: Mapping[str, Any]) -> Case:
    size, kernel, stride, dilation = zip(*axes, strict=True)
    count = prod(size)
    told = "".join(SPELLED.get(name, f"-{value}") for name, value in flags.items() if value)
    return Case(
        id=f"{op}/i{by(size)}-k{by(kernel)}-s{by(stride)}-d{by(dilation)}-{spell_padding(padding)}{told}",
        op=op,
        input=size,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        padding=padding,
        batch=count + 1,
        bias=op in ("conv", "conv_transpose"),
        data=Basis(tuple(range(count)), factor=_factor(kernel) if op == "avg_pool" else 0),
        **flags,
    )


def stands(case: Case) -> bool:
    """Whether a case is one of its own.

    It has an answer; where the number of windows is rounded up, there is something to round; and an
    average is exact.
    """
    if case.unanswered is not None:
        return False
    if case.ceil_mode and not any(isinstance(axis, Axis) and _rounds(axis) for axis in case.asked):
        return False
    return case.op != "avg_pool" or _factor(case.kernel) * case.products**2 <= AVERAGED


def _rounds(axis: Axis) -> bool:
    """Whether the ways of rounding give different numbers of windows."""
    return len({replace(axis, rounding=rounding).output for rounding in ("floor", "ceil", "keep")}) > 1


def _factor(kernel: Sizes) -> int:
    """A multiple of all that an average divides by, whatever the padding."""
    return prod(lcm(*range(1, size + 1)) for size in kernel)


def executions(alike: Iterable[Sequence[Case]], spell: Callable[[Case], Sequence[Job]]) -> Iterator[list[Job]]:
    """The jobs of cases, those together that one execution answers.

    Those are of cases that differ in their padding alone, where a variant writes it with the same
    text, for an output of the same size. A variant that declares pads with no output at all is left out.
    """
    for cases in alike:
        shared: dict[tuple[object, ...], list[Job]] = {}
        for job in (job for case in cases for job in spell(case)):
            if any(axis.output < 1 for axis in job.case.axes(job.spelling.pads, job.spelling.rounding)):
                continue
            key = (job.runner, job.variant, job.spelling.code, job.case.output(job.case.pads))
            shared.setdefault(key, []).append(job)
        yield from shared.values()


Judge = Callable[[Job, Outcome, bool], Verdict]
"""``judge.Judge.judge``: with True, the causes of a mismatch too."""


@dataclass(frozen=True)
class Counterexample:
    """A geometry that is neither as asked nor as declared; ``text`` says what it is instead."""

    job: Job
    outcome: Outcome
    verdict: Verdict
    text: str = ""

    @property
    def order(self) -> tuple[object, ...]:
        """By input, kernel, stride, dilation, pads."""
        case = self.job.case
        sizes = ((prod(sizes), sizes) for sizes in (case.input, case.kernel, case.stride, case.dilation))
        return case.rank, *sizes, sum(map(sum, case.pads)), case.pads, case.id


@dataclass
class Row:
    """What came of one operator in one variant, on axes of one rank."""

    executions: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    smallest: Counterexample | None = None

    def count(self, *verdicts: str) -> int:
        """Geometries that ended so."""
        return sum(self.verdicts[verdict] for verdict in verdicts)


PROVEN, OTHERWISE, REFUSED, NOT_RUN = "match", "hazard", "unsupported", "not_run"
WRONG = ("mismatch", "error", "crash", "timeout")


@dataclass
class Count:
    """All rows, by runner and variant, operator and rank."""

    rows: dict[tuple[str, str, int], Row] = field(default_factory=dict)
    complete: bool = True

    def add(self, jobs: Sequence[Job], outcome: Outcome, judge: Judge) -> None:
        """Count one execution: each of its geometries is proven for what it asks for, or it is not."""
        first = jobs[0]
        row = self.rows.setdefault((f"{first.runner}/{first.variant}", first.case.op, first.case.rank), Row())
        row.executions += 1
        verdicts: dict[tuple[object, ...], Verdict] = {}
        for job in jobs:
            key = (job.case.pads, job.spelling.pads, job.spelling.rounding)
            verdict = verdicts.get(key) or judge(job, outcome, row.verdicts["mismatch"] < ATTRIBUTED)
            verdicts[key] = verdict
            row.verdicts[verdict.kind] += 1
            if verdict.kind in WRONG:
                row.causes[" + ".join(verdict.causes) if verdict.kind == "mismatch" else verdict.kind] += 1
                found = Counterexample(job, outcome, verdict)
                if row.smallest is None or found.order < row.smallest.order:
                    row.smallest = found

    def total(self, *verdicts: str) -> int:
        """Geometries that ended so, in all."""
        return sum(row.count(*verdicts) for row in self.rows.values())

    @property
    def status(self) -> int:
        """The exit status: 0 where all that is not declared otherwise or refused is proven."""
        if not self.complete or self.total(NOT_RUN):
            return 2
        return 0 if self.total(PROVEN) and not self.total(*WRONG) else 1
