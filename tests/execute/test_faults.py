"""A sample of ``benchmarks.faults``: every kind of fault once, the stages and positions in turn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

from benchmarks import faults
from benchmarks.faulty import KINDS, STAGES

JOBS = 40


def test_a_fault_costs_its_own_job_and_only_that() -> None:
    stages = cycle(STAGES)
    sample = [faults.Fault(kind, next(stages), position) for kind, position in zip(KINDS, cycle(faults.POSITIONS))]
    assert len(sample) == 14
    faults.clean(JOBS)
    with ThreadPoolExecutor(4) as threads:
        found = dict(zip(sample, threads.map(lambda fault: faults.problems(fault, JOBS), sample), strict=True))
    assert {fault: told for fault, told in found.items() if told} == {}
