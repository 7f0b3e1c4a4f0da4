"""One run, the ways to divide it: on this machine, as two shards that are merged, on a Dask cluster of this machine.

``python -m benchmarks.spread [--out docs/scale.md]``: seconds of each, whole processes in turn, and what a job leaves
on disk. Every run has to come out the same.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks import workload
from benchmarks.marginal import ENVIRON, run
from benchmarks.measure import once, put

JOBS = 20_000
RUNNERS = ("torch/explicit",)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spread", description="One run, divided.")
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--out", type=Path, help="a page in which the table is put in its place")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = workload.write(folder / "cases", given.jobs)

        def timed(out: str, *options: str) -> float:
            return once([*run(cases, RUNNERS, folder / out), *options], ENVIRON)

        rows = [("one run, two workers", timed("whole"))]
        shards = [timed(f"shard-{part}", "--shard", f"{part}/2") for part in (1, 2)]
        rows += [(f"shard {part} of 2, two workers", seconds) for part, seconds in enumerate(shards, start=1)]
        parts = [str(folder / f"shard-{part}") for part in (1, 2)]
        merge = ["-m", "conformance", "merge", *parts, "--out", str(folder / "merged")]
        rows.append(("merging them", once(merge, ENVIRON)))
        rows.append(("a Dask cluster of two workers here", timed("dask", "--engine", "dask")))
        verdicts = [counted(folder / out) for out in ("whole", "merged", "dask")]
        assert verdicts[0] == verdicts[1] == verdicts[2], verdicts
        bytes_a_job = (folder / "whole" / "results.jsonl").stat().st_size / given.jobs
    lines = [f"{given.jobs:,} jobs of {RUNNERS[0]}", "", "| | seconds | milliseconds a job |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {seconds:.1f} | {1000 * seconds / given.jobs:.2f} |" for name, seconds in rows]
    lines += ["", f"The journal has {bytes_a_job:.0f} bytes a job that matches, its case included."]
    print("\n".join(lines))
    if given.out:
        put(given.out, "spread", "\n".join(lines))


def counted(folder: Path) -> dict[str, int]:
    """The verdicts of a run."""
    counts: dict[str, int] = json.loads((folder / "summary.json").read_text("utf-8"))["verdicts"]
    return counts


if __name__ == "__main__":
    main()
