"""``python -m benchmarks [--quick]``: ratios, the report's budgets; exit status 1 over a goal.

Beside it: ``python -m benchmarks.judging`` (milliseconds to judge and to attribute) and
``python -m benchmarks.planted`` (wrong convolutions with a known fault, and how many are named).
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import gating, marginal, report, startup


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure side by side; print ratios.")
    parser.add_argument("--quick", action="store_true", help="fewer jobs and repeats; noisier")
    quick = parser.parse_args().quick
    print(f"{'measured':<28} {'':>9}   {'against':<14} {'':>9}  {'ratio':>6} {'goal':>6}")
    held = True
    for benchmark in (startup, marginal):
        for ratio in benchmark.ratios(quick):
            held &= ratio.holds
            print(
                f"{ratio.name:<28} {spell(ratio.seconds)}   {ratio.against:<14} {spell(ratio.floor)}"
                f"  {ratio.value:5.2f}x {ratio.goal:5.2f}x  {ratio.mark}",
                flush=True,
            )
    return max(report.main(quick), gating.main(), 0 if held else 1)


def spell(seconds: float) -> str:
    """Seconds in milliseconds."""
    return f"{seconds * 1000:6.3f} ms" if seconds < 0.01 else f"{seconds * 1000:6.0f} ms"


sys.exit(main())
