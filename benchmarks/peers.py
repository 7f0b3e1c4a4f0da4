"""What an execution costs otherwise: a suite in pytest, Polygraphy's Comparator, ONNX's backend test runner.

Each is measured as ``marginal`` measures: whole processes with a few and with many of the same cases, both worth a
second worker; of the backend runner's own tests, once and several times all of them. The suite runs the same
frameworks on the same cases: an execution of pytest is a case in a framework, of Polygraphy a model in one of its two
runners, ONNX Runtime with and without graph optimisations, which are two variants here (``onnxruntime_levels``).
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import workload
from benchmarks.marginal import ENVIRON, check, run
from benchmarks.measure import ROOT, Ratio, medians

FRAMEWORKS = ("torch/explicit", "tensorflow/explicit", "keras/zeropad", "onnxruntime/pads")
LEVELS = ("benchmarks.onnxruntime_levels:Levels/pads", "benchmarks.onnxruntime_levels:Levels/pads-unoptimized")
PYTEST = ["-m", "benchmarks.peer_pytest"]
BACKEND = 21
"""Times that ONNX's node tests run."""


def ratios(quick: bool) -> Iterator[Ratio]:
    """Each peer's execution against the suite's."""
    few, many, more = (80, 160, 240) if quick else (2_000, 6_000, 20_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer, own = executions(folder / "pytest", PYTEST, len(FRAMEWORKS), FRAMEWORKS, few, many)
        yield Ratio("an execution in pytest", peer, "this suite", own, 5.0, least=True)
        if importlib.util.find_spec("polygraphy"):
            command = ["-m", "benchmarks.peer_polygraphy"]
            peer, own = executions(folder / "polygraphy", command, len(LEVELS), LEVELS, many, more)
            yield Ratio("an execution in Polygraphy", peer, "this suite", own, 10.0, least=True)
        else:
            print("Polygraphy is not installed; try: python -m pip install polygraphy")
            _, own = executions(folder / "alone", ["-c", ""], 1, LEVELS, many, more)
    yield Ratio("a test in ONNX's runner", backend(), "this suite", own)


def executions(
    folder: Path, command: list[str], each: int, runners: tuple[str, ...], few: int, many: int
) -> tuple[float, float]:
    """Seconds of one more execution of a peer, which makes so many of each case, and of the suite's.

    Its runs are short beside a peer's: they are the median of three, before, between and after those.
    """
    cases = {count: workload.write(folder / str(count), count) for count in (few, many)}

    def turn(number: int) -> dict[str, list[str]]:
        return {f"own {count} {number}": run(path, runners, folder / f"run {count}") for count, path in cases.items()}

    short, long = ({f"peer {count}": [*command, str(count)]} for count in (few, many))
    took = medians({**turn(0), **short, **turn(1), **long, **turn(2)}, 1, ENVIRON)
    for count in cases:
        check(folder / f"run {count}", count * len(runners))
    peer = took[f"peer {many}"].seconds - took[f"peer {few}"].seconds
    own = median(took[f"own {many} {number}"].seconds - took[f"own {few} {number}"].seconds for number in range(3))
    return peer / (many - few) / each, own / (many - few) / len(runners)


def backend() -> float:
    """Seconds of one more node test in ONNX's own runner."""
    command = ["-m", "benchmarks.peer_backend"]
    took = medians({times: [*command, times] for times in ("1", str(BACKEND))}, 1, ENVIRON)
    told = subprocess.run([sys.executable, *command, "1"], cwd=ROOT, capture_output=True, text=True, check=True)
    return (took[str(BACKEND)].seconds - took["1"].seconds) / (BACKEND - 1) / int(told.stdout)
