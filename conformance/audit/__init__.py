"""Which wrong implementations a set of cases can see.

Every implementation of the catalogue, and the right one, answers every case; two that give the same
answers to all of them are not told apart, although some case would. That case is looked for in a
universe of small ones: pairs that not even the universe separates count as equivalent, and the score
is the share of the others, operator by operator, for operators of which there is a case at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from conformance import bounds, cases
from conformance.audit.catalogue import CATALOGUE, Wrong
from conformance.audit.universe import universe
from conformance.domain.case import OPS, Case
from conformance.domain.tensors import Data, Streams, tensors
from conformance.errors import InputError, NothingSelectedError
from conformance.oracle import Reading, Reference
from conformance.runners.onnx_node_tests import Skipped, node_tests
from conformance.selection import select_cases

RIGHT = Wrong("the right answer", "", OPS)


@dataclass(frozen=True)
class Selection:
    """The cases to audit, the data of those that bring their own, and the tests that no case can hold."""

    cases: list[Case]
    own: dict[str, Data] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """What one case sees: for each implementation the number of its answer, 0 for the right one's.

    ``vacuous`` where no wrong padding changes the answer.
    """

    case: str
    answers: tuple[int, ...]
    vacuous: bool


@dataclass(frozen=True)
class Unseen:
    """Two implementations that no case tells apart, and the smallest one found that would."""

    left: str
    right: str
    witness: Case


@dataclass(frozen=True)
class Power:
    """How well a selection tells the implementations of one operator apart."""

    op: str
    implementations: tuple[Wrong, ...]
    rows: tuple[Row, ...]
    unseen: tuple[Unseen, ...]
    equivalent: tuple[tuple[str, str], ...]

    @property
    def pairs(self) -> int:
        """Pairs of implementations that differ in some case, of the universe at least."""
        count = len(self.implementations)
        return count * (count - 1) // 2 - len(self.equivalent)

    @property
    def separated(self) -> int:
        """Those that a case of the selection tells apart."""
        return self.pairs - len(self.unseen)

    @property
    def missed(self) -> list[str]:
        """The mistakes that no case sees: nothing tells them from the right answer."""
        return [pair.right for pair in self.unseen if pair.left == RIGHT.name]

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The implementations that give the same answers to every case, where there are several."""
        found: dict[tuple[int, ...], list[str]] = {}
        for index, wrong in enumerate(self.implementations):
            found.setdefault(tuple(row.answers[index] for row in self.rows), []).append(wrong.name)
        return [tuple(names) for names in found.values() if len(names) > 1]

    @property
    def enough(self) -> list[str]:
        """Few cases that tell apart all that the selection does, each the one that adds the most."""
        upper = np.triu_indices(len(self.implementations), 1)
        told = np.array([np.not_equal.outer(row.answers, row.answers)[upper] for row in self.rows])
        found = []
        while told.any():
            best = int(told.sum(axis=1).argmax())
            found.append(self.rows[best].case)
            told &= ~told[best]
        return found

    @property
    def vacuous(self) -> list[str]:
        """The cases that no wrong padding can fail."""
        return [row.case for row in self.rows if row.vacuous]


def select(paths: Sequence[Path], expression: str = "", tags: Sequence[str] = (), onnx: bool = False) -> Selection:
    """The cases of files and folders, by default the packaged ones, or ONNX's node tests.

    Raises ``InputError`` for what cannot be read, ``NothingSelectedError`` where no case is left.
    """
    if onnx and paths:
        raise InputError(f"{paths[0]} with --onnx-node-tests; allowed: one or the other")
    found = onnx_node_tests() if onnx else Selection(cases.load(paths))
    chosen = select_cases(found.cases, expression, tags)
    if not chosen:
        raise NothingSelectedError("no case is selected; try: conformance list")
    return replace(found, cases=chosen)


def onnx_node_tests() -> Selection:
    """ONNX's own node tests; their data are judged as real-valued ones. ``InputError`` where there is no onnx."""
    try:
        tests = list(node_tests())
    except ImportError as error:
        raise InputError(f"--onnx-node-tests: {error}; try: python -m pip install onnx") from error
    found = Selection([], skipped=[test for test in tests if isinstance(test, Skipped)])
    for test in tests:
        if isinstance(test, Skipped):
            continue
        values, weights, bias = (*test.arrays, None, None)[:3]
        data = Data(values, np.zeros(test.case.weight_shape) if weights is None else weights, bias)
        answer = RIGHT.output(test.case, data)
        if answer is not None and answer.shape == test.output.shape and np.allclose(test.output, answer, *test.allowed):
            found.cases.append(test.case)
            found.own[test.case.id] = data
        else:
            found.skipped.append(Skipped(test.case.id, "states another output than the reference"))
    return found


def audit(selection: Selection, catalogue: Sequence[Wrong] = CATALOGUE) -> list[Power]:
    """The power of a selection for each operator that it has a case of."""
    by_op = {op: [case for case in selection.cases if case.op == op] for op in OPS}
    return [power(op, chosen, selection.own, catalogue) for op, chosen in by_op.items() if chosen]


def power(op: str, chosen: Sequence[Case], own: Mapping[str, Data], catalogue: Sequence[Wrong] = CATALOGUE) -> Power:
    """The power of cases of one operator."""
    streams = Streams()
    everyone = (RIGHT, *(wrong for wrong in catalogue if op in wrong.ops))
    rows = []
    alike = set(combinations(range(len(everyone)), 2))
    for case in chosen:
        numbers = answers(case, own.get(case.id) or tensors(case, streams), everyone)
        alike = {(left, right) for left, right in alike if numbers[left] == numbers[right]}
        sees = any(number and wrong.of_padding for number, wrong in zip(numbers, everyone, strict=True))
        rows.append(Row(case.id, numbers, not sees))
    unseen = []
    for case in universe(op):
        if not alike:
            break
        some = sorted({index for pair in alike for index in pair})
        if len(readings := {everyone[index].reading(case) for index in some}) == 1 and None not in readings:
            continue
        numbers = answers(case, tensors(case, streams), [everyone[index] for index in some])
        number = dict(zip(some, numbers, strict=True))
        told = {(left, right) for left, right in alike if number[left] != number[right]}
        unseen += [(pair, case) for pair in told]
        alike -= told
    names = tuple(wrong.name for wrong in everyone)
    return Power(
        op,
        everyone,
        tuple(rows),
        tuple(Unseen(names[left], names[right], case) for (left, right), case in sorted(unseen, key=lambda it: it[0])),
        tuple((names[left], names[right]) for left, right in sorted(alike)),
    )


def answers(case: Case, data: Data, implementations: Sequence[Wrong]) -> tuple[int, ...]:
    """For each implementation the number of its answer; answers that could not be told apart share one.

    The first implementation's is 0. Answers that each are like a third one count as alike too.
    """
    kept: dict[Reading, int] = {}
    indices: dict[tuple[Any, ...], int] = {}
    distinct: list[tuple[Reference | None, Reference | float]] = []
    numbers: list[int] = []
    found = []
    for wrong in implementations:
        how = wrong.reading(case)
        index = kept.get(how) if how else None
        if index is None:
            output = wrong.output(case, data)
            key = () if output is None else (output.shape, output.tobytes())
            index = indices.setdefault(key, len(distinct))
            if index == len(distinct):
                answer = output, margin(case, data, wrong)
                near = {number for number, other in zip(numbers, distinct, strict=True) if _alike(answer, other)}
                least = min(near, default=index)
                numbers = [least if number in near else number for number in numbers] + [least]
                distinct.append(answer)
            if how:
                kept[how] = index
        found.append(index)
    return tuple(numbers[index] for index in found)


def margin(case: Case, data: Data, wrong: Wrong) -> Reference | float:
    """How far a computed answer may lie from the exact one (``bounds``: γ_m·S), half of 1/2 where sums are exact."""
    if case.op in ("max_pool", "pad"):
        return 0.0
    if case.data != "normal":
        return bounds.LATTICE / 2
    magnitude = wrong.output(case, data.map(np.abs))
    if magnitude is None:
        return 0.0
    working = bounds.arithmetic(case, data).working
    stored = 0.0 if case.dtype == working else bounds.UNIT[case.dtype]
    allowed: Reference = (bounds.gamma(case.products + 1, bounds.UNIT[working]) + 2 * stored) * magnitude
    return allowed


def _alike(left: tuple[Reference | None, Reference | float], right: tuple[Reference | None, Reference | float]) -> bool:
    """Whether two answers of different numbers lie within their margins."""
    (a, allowed), (b, more) = left, right
    if a is None or b is None or a.shape != b.shape:
        return False
    with np.errstate(invalid="ignore"):  # infinity less infinity, where they are equal
        return not bool(((a != b) & ~(np.abs(a - b) < allowed + more)).any())
