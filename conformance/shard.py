"""One part of a plan, for one of several machines: the same everywhere, and balanced by measured cost.

The plan, runner by runner and a runner's cases mixed, is cut into stretches: a machine has few runners to
start, where every N-th job would start all of them on every machine. The cuts are those with which the
dearest part is cheapest. A runner's case stays in one part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median
from zlib import crc32

from conformance import journal
from conformance.domain.records import Job

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


def shard(jobs: Sequence[Job], index: int, count: int) -> list[Job]:
    """The part of a plan with this index, from 1; the parts are disjoint and together the plan."""
    return parts(jobs, count)[index - 1] if count > 1 else list(jobs)


def parts(jobs: Sequence[Job], count: int) -> list[list[Job]]:
    """A plan in so many parts, of which the dearest is as cheap as can be; the last may be empty."""
    groups = [list(group) for _, group in groupby(mixed(jobs), key=lambda job: (job.runner, job.case.id))]
    costs = [sum(map(cost, group)) for group in groups]
    starts = [cost_of(group[0].runner, "open") for group in groups]
    low, high = max(map(sum, zip(costs, starts, strict=True)), default=0.0), sum(costs) + sum(starts)
    while high - low > PRECISE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if len(cuts(groups, costs, starts, middle)) < count else (middle, high)
    places = [0, *cuts(groups, costs, starts, high), len(groups)]
    places += [len(groups)] * (count + 1 - len(places))
    own = [{job.key for group in groups[begin:end] for job in group} for begin, end in pairwise(places)]
    return [[job for job in jobs if job.key in keys] for keys in own]


def mixed(jobs: Sequence[Job]) -> Iterator[Job]:
    """A plan runner by runner, each one's cases in an order of no meaning: a stretch has its share of all."""
    for _, several in groupby(jobs, key=lambda job: job.runner):
        yield from sorted(several, key=lambda job: (crc32(job.case.id.encode()), job.case.id))


def cuts(groups: Sequence[Sequence[Job]], costs: Sequence[float], starts: Sequence[float], most: float) -> list[int]:
    """Where a new part begins where none is to cost more than ``most``, or has one group alone."""
    found: list[int] = []
    spent, runner = 0.0, ""
    for number, (group, own, start) in enumerate(zip(groups, costs, starts, strict=True)):
        more = own + (start if group[0].runner != runner else 0.0)
        if spent and spent + more > most:
            found.append(number)
            spent, more = 0.0, own + start
        spent, runner = spent + more, group[0].runner
    return found


def cost(job: Job) -> float:
    """Milliseconds that a job takes, as measured for its runner and operator."""
    return cost_of(job.runner, job.case.op)


def cost_of(runner: str, what: str) -> float:
    """A cost from the table; where it has none, the median of the runners that have one."""
    known = COSTS.get(runner, {}).get(what)
    return known if known is not None else median([costs[what] for costs in COSTS.values() if what in costs])


def fingerprint(jobs: Sequence[Job]) -> str:
    """What two plans have in common exactly when they have the same jobs, in the same order, of the same cases."""
    found = hashlib.blake2b(digest_size=8)
    for text in _texts(jobs):
        found.update(text.encode("utf-8", "backslashreplace"))
    return found.hexdigest()


def _texts(jobs: Sequence[Job]) -> Iterator[str]:
    for (runner, _), group in groupby(jobs, key=lambda job: (job.runner, job.case.id)):
        variants = list(group)
        content = journal.content(journal.case_record(variants[0].case))
        yield json.dumps([runner, [job.variant for job in variants], content])
