"""Time and memory to read a journal of 100,000 results: ``python -m benchmarks.journals``; exit status 1 over 400 MiB.

Of twelve variants a case, and of one, where there are as many cases as results; 4,000 have their numbers.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.measure import ROOT

RESULTS, FAILING = 100_000, 4_000
MOST = 400

READ = """
import resource, sys, time
from pathlib import Path
from conformance import journal
started = time.perf_counter()
results = len(journal.read(Path(sys.argv[1])).results)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(results, f"{time.perf_counter() - started:.1f}", f"{peak:.0f}")
"""


def main() -> int:
    """Print both; 1 where one takes too much memory."""
    held = True
    for variants in (12, 1):
        with tempfile.TemporaryDirectory() as name:
            report.journal_of(Path(name), RESULTS, FAILING, variants)
            command = [sys.executable, "-c", READ, name]
            told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        results, seconds, peak = re.split(r"\s+", told.strip())
        held &= int(peak) <= MOST
        print(f"{int(results):,} results, {variants} a case: {seconds} s, {peak} MiB (budget {MOST} MiB)", flush=True)
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
