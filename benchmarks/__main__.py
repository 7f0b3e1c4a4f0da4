"""``python -m benchmarks [--quick] [--out FILE] [NAME…]``: ratios and budgets; exit status 1 where a goal is missed.

Beside it: ``python -m benchmarks.cold`` (where the time of a default run goes), ``python -m benchmarks.judging``
(milliseconds to judge and to attribute) and ``python -m benchmarks.planted`` (wrong convolutions with a
known fault, and how many are named).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import core, gating, growth, marginal, peers, startup
from benchmarks.measure import put

MEASURED = {"startup": startup, "marginal": marginal, "peers": peers, "growth": growth, "core": core}
NAMES = (*MEASURED, "gating", "report")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure side by side; print ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(NAMES)}")
    parser.add_argument("--out", type=Path, help="a page in which the ratios are put in their place")
    parser.add_argument("--quick", action="store_true", help="fewer jobs and repeats; noisier")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"{', '.join(sorted(unknown))}; allowed: {', '.join(NAMES)}")
    chosen = options.names or NAMES
    held, lines = True, []
    for name in chosen:
        for measured in MEASURED[name].ratios(options.quick) if name in MEASURED else ():
            held &= measured.holds
            lines.append(str(measured))
            print(measured, flush=True)
    if options.out:
        put(options.out, "ratios", "\n".join(("```", *lines, "```")))
    if "gating" in chosen:
        held &= not gating.main()
    if "report" in chosen:
        from benchmarks import report  # needs a browser

        held &= not report.main(options.quick)
    return 0 if held else 1


sys.exit(main())
