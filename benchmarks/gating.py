"""What gating a finished run takes: ``python -m benchmarks.gating [RUN]``; exit status 1 over a budget.

The journal of a real run (by default one of the packaged 2-D sweeps in PyTorch and ONNX Runtime) is
repeated under other case names until it holds 100,000 results. ``conformance gate`` judges it in a
process of its own, whose wall seconds and peak resident memory are measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ROOT, finished
from conformance import journal

RESULTS = 100_000
SECONDS, MEBIBYTES = 10.0, 500.0
REAL = ("run", "cases/sweeps", "--runner", "torch", "--runner", "onnxruntime", "--out")


def repeated(run: journal.Run, folder: Path) -> int:
    """Write a journal of ``RESULTS`` results, a run's again and again; how many of them fail."""
    failing = 0
    with journal.Writer(folder / journal.NAME, {**run.header, "planned": RESULTS}) as writer:
        for number in range(RESULTS):
            again, at = divmod(number, len(run.results))
            result = run.results[at]
            name = f"{result['case']}-again-{again}" if again else result["case"]
            writer.result({**run.case_of(result), "id": name}, {**result, "case": name})
            failing += result["verdict"] not in ("match", "hazard")
        writer.footer(stale=[], seconds=1.0)
    return failing


def main(real: Path | None = None) -> int:
    """Print both measures beside their budgets; 1 where one is not kept."""
    with tempfile.TemporaryDirectory() as name:
        many, run = Path(name, "many"), real or Path(name, "run")
        many.mkdir()
        if real is None:
            subprocess.run([sys.executable, "-m", "conformance", *REAL, str(run)], cwd=ROOT, capture_output=True)
        failing = repeated(journal.read(run), many)
        size = (many / journal.NAME).stat().st_size
        print(f"gate of {RESULTS:,} results, {failing:,} of them failing, {size / 1e6:.0f} MB of journal")
        gated = finished(["-m", "conformance", "gate", str(many)], {}, (0, 1))
    held = gated.seconds <= SECONDS and gated.memory <= MEBIBYTES
    print(f"{gated.seconds:6.2f} s, {gated.processor:.2f} s of them on a processor; budget {SECONDS:.0f} s")
    print(f"{gated.memory:6.0f} MiB; budget {MEBIBYTES:.0f} MiB   {'pass' if held else 'OVER'}")
    return 0 if held else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gating", description="Gate 100,000 results.")
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN", help="a finished run folder")
    sys.exit(main(parser.parse_args().run))
