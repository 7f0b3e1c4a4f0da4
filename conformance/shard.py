"""One part of a plan, for one of several machines: the same everywhere, and balanced by measured cost.

The plan, runner by runner and a runner's cases mixed, is cut into stretches: a machine has few runners to
start, where every N-th job would start all of them on every machine. The cuts are those with which the
dearest part is cheapest. A runner's case stays in one part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple
from zlib import crc32

from conformance import journal
from conformance.domain.records import Group, Job

COSTS: dict[str, dict[str, float]] = {
    "torch": {"open": 1800, "conv": 1.6, "max_pool": 2.0, "avg_pool": 1.6, "conv_transpose": 1.5, "pad": 1.2},
    "onnx2keras": {"open": 6000, "conv": 37.0, "max_pool": 13.4, "avg_pool": 7.4, "conv_transpose": 11.6, "pad": 22.2},
    "onnxruntime": {"open": 300, "conv": 2.7, "max_pool": 4.0, "avg_pool": 2.2, "conv_transpose": 2.7, "pad": 1.8},
    "tensorflow": {"open": 4200, "conv": 5.5, "max_pool": 8.1, "avg_pool": 9.0, "conv_transpose": 8.7, "pad": 2.7},
    "keras": {"open": 4000, "conv": 19.5, "max_pool": 10.0, "avg_pool": 7.3, "conv_transpose": 16.7, "pad": 3.9},
    "tf1": {"open": 4000, "conv": 37.7, "max_pool": 23.8, "avg_pool": 25.6, "conv_transpose": 48.7, "pad": 10.4},
    "tf_keras": {"open": 3900, "conv": 15.2, "max_pool": 8.3, "avg_pool": 4.4, "conv_transpose": 13.0, "pad": 3.1},
    "torch-onnx": {"open": 1800, "conv": 180.7, "max_pool": 65.0},
    "onnx2keras-same": {"open": 3900, "conv": 29.0},
}
"""Milliseconds of a job by operator, and of a runner's start: what ``python -m benchmarks.shards`` prints."""

PRECISE = 1e-3
"""How near the cheapest dearest part is found, as a share of it."""


class Weighed(NamedTuple):
    """A group with its cost in milliseconds, and that of its runner's start."""

    group: Group
    cost: float
    start: float


def part(jobs: Iterable[Job], index: int, count: int) -> set[Group]:
    """The groups of the part of a plan with this index, from 1; the parts are disjoint and together the plan."""
    return parts(jobs, count)[index - 1]


def parts(jobs: Iterable[Job], count: int) -> list[set[Group]]:
    """A plan in so many parts, of which the dearest is as cheap as can be; the last may be empty."""
    groups = mixed(jobs)
    low = max((one.cost + one.start for one in groups), default=0.0)
    high = sum(one.cost + one.start for one in groups)
    while high - low > PRECISE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if len(cuts(groups, middle)) < count else (middle, high)
    places = [0, *cuts(groups, high), len(groups)]
    places += [len(groups)] * (count + 1 - len(places))
    return [{one.group for one in groups[begin:end]} for begin, end in pairwise(places)]


def mixed(jobs: Iterable[Job]) -> list[Weighed]:
    """A plan's groups runner by runner, each one's cases in an order of no meaning: a stretch has its share of all."""
    found: list[Weighed] = []
    for runner, several in groupby(jobs, key=lambda job: job.runner):
        start = cost_of(runner, "open")
        groups = (
            Weighed(group, sum(map(cost, own)), start) for group, own in groupby(several, key=lambda job: job.group)
        )
        found += sorted(groups, key=lambda one: (crc32(one.group[1].encode()), one.group[1]))
    return found


def cuts(groups: Sequence[Weighed], most: float) -> list[int]:
    """Where a new part begins where none is to cost more than ``most``, or has one group alone."""
    found: list[int] = []
    spent, runner = 0.0, ""
    for number, ((own, _), cost, start) in enumerate(groups):
        more = cost + (start if own != runner else 0.0)
        if spent and spent + more > most:
            found.append(number)
            spent, more = 0.0, cost + start
        spent, runner = spent + more, own
    return found


def cost(job: Job) -> float:
    """Milliseconds that a job takes, as measured for its runner and operator."""
    return cost_of(job.runner, job.case.op)


def cost_of(runner: str, what: str) -> float:
    """A cost from the table; where it has none, the median of the runners that have one."""
    known = COSTS.get(runner, {}).get(what)
    return known if known is not None else median([costs[what] for costs in COSTS.values() if what in costs])


def fingerprint(jobs: Iterable[Job]) -> str:
    """What two plans have in common exactly when they have the same jobs, in the same order, of the same cases."""
    found = hashlib.blake2b(digest_size=8)
    for text in _texts(jobs):
        found.update(text.encode("utf-8", "backslashreplace"))
    return found.hexdigest()


def _texts(jobs: Iterable[Job]) -> Iterator[str]:
    for (runner, _), group in groupby(jobs, key=lambda job: job.group):
        variants = list(group)
        content = journal.content(journal.case_record(variants[0].case))
        yield json.dumps([runner, [job.variant for job in variants], content])
