"""What shards are balanced by, from a run folder: ``python -m benchmarks.shards RUN [N…]``.

Prints the table of ``conformance/shard.py`` as this run gives it, and how the packaged cases' plan falls
into N parts: what the run's jobs of each part took together, their runners' starts included.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path

from benchmarks.measure import once
from conformance import cases, plan, shard
from conformance.journal import Reader

JUDGING = 1.0
"""Milliseconds of a job beside its runner's: planned, judged, written (``python -m benchmarks`` measures less)."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards", description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder of all packaged cases")
    parser.add_argument("counts", nargs="*", type=int, default=[2, 4, 8, 16])
    given = parser.parse_args()
    reader = Reader(given.run)
    seconds = {(r["case"], r["runner"], r["variant"]): (case["op"], r["seconds"]) for case, r in reader.results()}
    print(f"COSTS = {json.dumps(table(seconds, opens(list(reader.header['runners']))), indent=4)}")
    jobs = plan.plan(cases.load(), plan.select_runners(list(reader.header["runners"])))
    print("parts  mean s  dearest s  ratio  starts")
    for count in given.counts:
        parts = shard.parts(jobs, count)
        spent = [sum(seconds[job.key][1] + JUDGING / 1000 for job in part) for part in parts]
        starts = [{job.runner for job in part} for part in parts]
        spent = [
            own + sum(shard.cost_of(runner, "open") for runner in some) / 1000
            for own, some in zip(spent, starts, strict=True)
        ]
        mean = statistics.mean(spent)
        print(f"{count:5}  {mean:6.1f}  {max(spent):9.1f}  {max(spent) / mean:5.2f}  {sum(map(len, starts)):6}")


def table(
    seconds: dict[tuple[str, str, str], tuple[str, float]], opening: dict[str, float]
) -> dict[str, dict[str, float]]:
    """Mean milliseconds of a job by runner and operator, and the runner's start."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (_, runner, _), (op, own) in seconds.items():
        found[runner][op].append(own * 1000 + JUDGING)
    return {
        runner: {"open": round(opening[runner]), **{op: round(statistics.mean(each), 1) for op, each in ops.items()}}
        for runner, ops in found.items()
    }


def opens(names: list[str]) -> dict[str, float]:
    """Milliseconds in which each runner's worker is ready."""
    code = "from conformance import runners; runners.load({name!r}).open()"
    return {name: 1000 * once(["-c", code.format(name=name)], {}) for name in names}


if __name__ == "__main__":
    main()
