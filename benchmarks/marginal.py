"""What one more job costs in a whole run, against the same calls and data in a bare loop, and a second worker's worth.

All are whole processes with a few and with many jobs; the difference over the jobs between them
leaves out whatever is paid once: imports, start-up, the report's frame. A second worker is started where there is
work enough for it, so its import too is left out between runs of which both have it. The loop makes the data of
each case anew; the suite, which has to make them twice, keeps what cases share (``tensors.Streams``).

A second worker cannot be worth more than the cores that the first one leaves idle, with the parent that judges
beside it: that bound is told, from the processor time of the same runs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks import workload
from benchmarks.measure import CORES, Ratio, medians
from conformance.execute.process import PINNED
from conformance.runners import tensorflow

ENVIRON = {**PINNED, **tensorflow.ENVIRON, "KERAS_BACKEND": "tensorflow"}
"""What the workers of the suite have as well."""


@dataclass(frozen=True)
class Measured:
    """A variant, and its goals: at most so many floors, and a second worker's worth.

    That is measured ``between`` two numbers of jobs which are both worth one.
    """

    variant: str
    floors: float
    second: float
    between: tuple[int, int]
    repeats: int = 1


FEW, MANY = 2_000, 20_000

MEASURED = {
    "torch": Measured("explicit", 2.0, 1.2, (38_000, 76_000), 3),
    "onnxruntime": Measured("pads", 2.0, 1.2, (MANY, 38_000), 3),
    "tensorflow": Measured("explicit", 1.3, 1.5, (38_000, 76_000)),
    "keras": Measured("zeropad", 1.3, 1.8, (FEW, MANY)),
    "onnx2keras": Measured("pads", 1.3, 1.8, (FEW, MANY)),
}


def ratios(quick: bool) -> Iterator[Ratio]:
    """Each runner's ratios (quick: a tenth of the jobs between, and one repeat)."""
    with tempfile.TemporaryDirectory() as name:
        for runner, measured in MEASURED.items():
            yield from of_runner(Path(name, runner), runner, measured, quick)


def of_runner(folder: Path, runner: str, measured: Measured, quick: bool) -> Iterator[Ratio]:
    """A runner's job against the bare loop, and two workers against one."""
    where, many = f"{runner}/{measured.variant}", 2 * FEW if quick else MANY
    low, high = (FEW, many) if quick else measured.between
    commands = {}
    counts = sorted({FEW, many, low, high})
    for count in counts:
        cases = workload.write(folder / "cases" / str(count), count)
        for workers in (1, 2):
            out = folder / str(workers) / str(count)
            commands[f"{workers} {count}"] = run(cases, [where], out, "--jobs", str(workers))
    for count in (FEW, many):
        commands[f"bare {count}"] = ["-m", f"benchmarks.bare_{runner}", str(count)]
    took = medians(commands, 1 if quick else measured.repeats, ENVIRON)
    for workers, count in product((1, 2), counts):
        check(folder / str(workers) / str(count), count)

    def cost(kind: str, few: int, many: int, of: str = "seconds") -> float:
        less, more = (getattr(took[f"{kind} {count}"], of) for count in (few, many))
        return float(more - less) / (many - few)

    bare = cost("bare", FEW, many)
    yield Ratio(f"a job of {where}", cost("2", FEW, many), "bare loop", bare, measured.floors)
    yield Ratio("  with one worker", cost("1", FEW, many), "bare loop", bare)
    one, two, busy = cost("1", low, high), cost("2", low, high), cost("1", low, high, "processor") / CORES
    yield Ratio("  one worker", one, "two workers", two, measured.second, least=True)
    yield Ratio("  one worker", one, "both cores busy", busy)


def run(cases: Path, runners: Sequence[str], out: Path, *more: str) -> list[str]:
    """The whole ``conformance run`` of some variants."""
    chosen = [part for name in runners for part in ("--runner", name)]
    return ["-m", "conformance", "run", str(cases), *chosen, "--out", str(out), *more]


def check(folder: Path, jobs: int) -> None:
    """That each job of a run gave an output; one that is wrong is known, or the run had failed."""
    with (folder / "results.jsonl").open("rb") as journal:
        *_, footer = journal
    verdicts = json.loads(footer)["verdicts"]
    if verdicts.get("match", 0) + verdicts.get("mismatch", 0) != jobs:
        raise SystemExit(f"{folder}: {verdicts}; expected {jobs} outputs")
