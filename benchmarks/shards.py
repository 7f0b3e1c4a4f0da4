"""How balanced shards are, by the times of a run folder: ``python -m benchmarks.shards RUN [N…]``.

Prints how the packaged cases' plan falls into N parts: what the run's jobs of each part took, with their runners'
starts. With ``--table`` it prints the table of ``conformance/shard.py`` as this run gives it, and measures the starts.
"""

from __future__ import annotations

import argparse
import json
import resource
from collections import defaultdict
from pathlib import Path
from statistics import mean

from benchmarks.measure import once
from conformance import cases, plan, shard
from conformance.domain.records import Key
from conformance.journal import Reader, key_of

JUDGING = 1.0
"""Milliseconds of a job beside its runner's: planned, judged, written (``python -m benchmarks`` measures less)."""

Times = dict[Key, tuple[str, float]]
"""The operator and milliseconds of each job."""


def main() -> None:
    """Print either table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards", description="How balanced shards are.")
    parser.add_argument("run", type=Path, help="a run folder of all packaged cases")
    parser.add_argument("counts", nargs="*", type=int, default=[2, 3, 4, 8, 16])
    parser.add_argument("--table", action="store_true", help="print the costs instead")
    given = parser.parse_args()
    reader = Reader(given.run)
    names = list(reader.header["runners"])
    times = {key_of(result): (case["op"], result["seconds"] * 1000 + JUDGING) for case, result in reader.results()}
    if given.table:
        print(f"COSTS = {json.dumps(table(times, {name: opening(name) for name in names}), indent=4)}")
    else:
        balance(times, names, given.counts)


def balance(times: Times, names: list[str], counts: list[int]) -> None:
    """Print how the plan falls into so many parts."""
    jobs = list(plan.plan(cases.load(), plan.select_runners(names)))
    print("| parts | mean | dearest | dearest / mean | runners to start |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for count in counts:
        parts = [[job for job in jobs if job.group in own] for own in shard.parts(jobs, count)]
        starts = [{job.runner for job in part} for part in parts]
        spent = [
            sum(times[job.key][1] for job in part) + sum(shard.cost_of(name, "open") for name in some)
            for part, some in zip(parts, starts, strict=True)
        ]
        seconds, dearest = mean(spent) / 1000, max(spent) / 1000
        started = sum(map(len, starts))
        print(f"| {count} | {seconds:.0f} s | {dearest:.0f} s | {dearest / seconds:.2f} | {started} |")


def table(times: Times, starts: dict[str, float]) -> dict[str, dict[str, float]]:
    """Mean milliseconds of a job by runner and operator, and the runner's start."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (_, runner, _), (op, own) in times.items():
        found[runner][op].append(own)
    return {
        runner: {"open": starts[runner], **{op: round(mean(each), 1) for op, each in ops.items()}}
        for runner, ops in found.items()
    }


def opening(name: str) -> float:
    """Milliseconds of processor time in which a runner's worker is ready."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    once(["-c", f"from conformance import runners; runners.load({name!r}).open()"], {})
    return round(1000 * (spent() - before), -2)


if __name__ == "__main__":
    main()
