"""Ten times the jobs: how much longer a run takes, and the most memory that its parent, or a worker, holds.

``python -m benchmarks.growth``
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import workload
from benchmarks.marginal import ENVIRON, check, run
from benchmarks.measure import Budget, Ratio, finished

RUNNERS = ("torch/explicit",)
FEW, MANY = 10_000, 100_000
LONGER = 10.5
MEMORY = 400.0
"""MiB."""


def ratios(quick: bool) -> Iterator[Ratio | Budget]:
    """How much longer ten times the jobs take, and the largest process's peak memory in both."""
    few, many = (FEW // 5, MANY // 5) if quick else (FEW, MANY)
    with tempfile.TemporaryDirectory() as name:
        measured = {}
        for count in (few, many):
            cases = workload.write(Path(name, "cases", str(count)), count)
            out = Path(name, str(count))
            measured[count] = finished(run(cases, RUNNERS, out), ENVIRON)
            check(out, count)
    yield Ratio(f"{many:,} jobs", measured[many].seconds, f"{few:,} jobs", measured[few].seconds, LONGER)
    for count, took in measured.items():
        yield Budget(f"the largest process, {count:,} jobs", took.memory * 2**20, MEMORY * 2**20, "MiB")
