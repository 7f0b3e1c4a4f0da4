"""A whole run of the core runners against the bare loops of the same jobs; ``python -m benchmarks.core``.

The loop of a runner (``python -m benchmarks.core RUNNER CASES``) opens it and makes the data, the layers and the
outputs of every job one after the other, in one process: no worker, channel, reference, verdict, gate or journal.
The floor is what these take together, divided by the two cores, as if both were busy to the end.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.marginal import ENVIRON
from benchmarks.measure import CORES, ROOT, Ratio, finished, once
from conformance import cases as case_files
from conformance import plan, runners
from conformance.domain.tensors import tensors
from conformance.runners.contract import Weights

CASES = ROOT / "cases" / "sweeps" / "conv2d.yaml"
QUICK = ROOT / "cases" / "seeds"
GOAL = 1.3


def ratios(quick: bool) -> Iterator[Ratio]:
    """The whole run, imports and reports included, against the loops, imports included."""
    cases = str(QUICK if quick else CASES)
    with tempfile.TemporaryDirectory() as name:
        command = ["-m", "conformance", "run", cases, "--expectations", name, "--out", str(Path(name, "run"))]
        seconds = finished(command, ENVIRON, (0, 1)).seconds
    loops = (
        once(["-m", "benchmarks.core", spec, cases], {**ENVIRON, **runners.load(spec).environ}) for spec in chosen()
    )
    yield Ratio("a run of the core runners", seconds, f"loops / {CORES} cores", sum(loops) / CORES, GOAL)


def chosen() -> list[str]:
    """The core runners that are installed."""
    return [selected.spec for selected in plan.select_runners().runners.values()]


def loop(spec: str, cases: Path) -> None:
    """The bare loop of a runner's jobs."""
    selection = plan.select_runners([spec])
    runner = runners.load(spec)
    runner.open()
    for job in plan.plan(case_files.load([cases]), selection):
        data = tensors(job.case)
        try:
            runner.build(job.case, job.variant, Weights(data.weights, data.bias))(data.input)
        except Exception:  # refusals and errors are results
            continue


if __name__ == "__main__":
    if len(sys.argv) > 2:
        loop(sys.argv[1], Path(sys.argv[2]))
    else:
        print(*ratios(False), sep="\n")
