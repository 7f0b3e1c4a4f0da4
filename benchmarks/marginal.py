"""What one more job costs in a whole run, against the same calls and data in a bare loop.

Both are whole processes with a few and with many jobs; the difference over the jobs between them
leaves out whatever is paid once: imports, start-up, the report's frame. The loop makes the data of
each case anew; the suite, which has to make them twice, keeps what cases share (``tensors.Streams``).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import workload
from benchmarks.measure import Ratio, medians
from conformance.execute.process import PINNED

VARIANTS = {"torch": "explicit", "tensorflow": "explicit", "onnxruntime": "pads"}
GOAL = 2.5
ENVIRON = {**PINNED, "TF_CPP_MIN_LOG_LEVEL": "3"}
"""What the workers of the suite have as well."""


def ratios(quick: bool) -> Iterator[Ratio]:
    """Each runner's ratio: 2,000 against 20,000 jobs (quick: 6,000)."""
    few, many = (1, 3) if quick else (1, 10)
    repeats = 3 if quick else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seeds in (few, many):
            workload.write(folder / "cases" / str(seeds), seeds)
        for runner in VARIANTS:
            commands = {}
            for seeds in (few, many):
                commands[f"run {seeds}"] = run(runner, folder, seeds)
                commands[f"bare {seeds}"] = ["-m", f"benchmarks.bare_{runner}", str(seeds)]
            seconds = medians(commands, repeats, ENVIRON)
            for seeds in (few, many):
                check(folder / runner / str(seeds), seeds)
            jobs = (many - few) * workload.PER_SEED
            marginal, floor = (
                (seconds[f"{kind} {many}"] - seconds[f"{kind} {few}"]) / jobs for kind in ("run", "bare")
            )
            yield Ratio(f"a job of {runner}/{VARIANTS[runner]}", marginal, "bare loop", floor, GOAL)


def run(runner: str, folder: Path, seeds: int) -> list[str]:
    """The whole ``conformance run`` of one variant."""
    out, cases = folder / runner / str(seeds), folder / "cases" / str(seeds)
    return ["-m", "conformance", "run", str(cases), "--runner", f"{runner}/{VARIANTS[runner]}", "--out", str(out)]


def check(folder: Path, seeds: int) -> None:
    """That a run did the jobs that it is measured for, and all of them match."""
    with (folder / "results.jsonl").open("rb") as journal:
        *_, footer = journal
    verdicts = json.loads(footer)["verdicts"]
    if verdicts != {"match": seeds * workload.PER_SEED}:
        raise SystemExit(f"{folder}: {verdicts}; expected {seeds * workload.PER_SEED} matches")
