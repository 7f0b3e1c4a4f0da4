"""``python -m benchmarks.faults``: 14 kinds of fault, in 5 stages, at the first, a middle and the last of 1,000 jobs.

After each of the 210 runs: no job is lost and none doubled, every innocent one has the very result that it has in a
clean run (all that its journal record says, but for the time), and the guilty one ends as it should. Exit status 1
where one of this does not hold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from pathlib import Path

from benchmarks.faulty import ENDS, EXIT, KINDS, MEMORY, SENDS, STAGES, Faulty
from conformance import cases, journal, pipeline, plan
from conformance.domain.records import Job, Key
from conformance.execute.local import Limits, LocalEngine
from conformance.gate import Gate
from conformance.journal import Record
from conformance.plan import Plan, Selection

JOBS = 1_000
POSITIONS = ("first", "middle", "last")
RUNNER = "benchmarks.faulty:Faulty"
LIMITS = Limits(open=6.0, job=3.0, memory=MEMORY)

CASES = """\
schema: 1
title: Faults
cases:
  - name: k{kernel}-seed{seed}
    input: [4, 5]
    stride: [1, 2]
    padding: same
    matrix: {kernel: [2, [2, 3], 3, [3, 2], 4], seed: [%s]}
"""


@dataclass(frozen=True)
class Fault:
    """One planted fault: what, in which stage, and at which job."""

    kind: str
    stage: str
    position: str

    def job(self, jobs: list[Job]) -> Job:
        """The job that it is planted in."""
        return {"first": jobs[0], "middle": jobs[len(jobs) // 2], "last": jobs[-1]}[self.position]

    def expected(self) -> tuple[str, str, str]:
        """The verdict of the guilty job, the words of its message or its cause, and how it went again."""
        if self.stage == "open" and self.kind in ENDS:
            return "crash", f"exited with status {EXIT}", "alone too"
        if self.kind in ("garbage on stdout", "flood of output"):
            return "match", "", ""
        if self.kind.startswith("hang"):
            return "timeout", f"still in '{self.stage}'", "alone too"
        if self.kind in SENDS:
            return "crash", "answer", "alone too"
        if self.kind in ENDS:
            words = {"exit 0": "exited with status 0", "memory hog": "MiB of memory; its limit is 256 MiB"}
            return "crash", words.get(self.kind, f"died by {self.kind}"), "alone too"
        return "mismatch", {"wrong dtype": "dtype", "NaN": "non-finite"}.get(self.kind, ""), ""


@cache
def planned(count: int) -> tuple[Selection, Plan]:
    """So many jobs, two a case."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "faults.yaml")
        path.write_text(CASES % ", ".join(map(str, range(count // 10))))
        selection = plan.select_runners([RUNNER])
        return selection, plan.plan(cases.load([path]), selection)


def run(fault: Fault | None, count: int = JOBS) -> tuple[Job | None, journal.Run]:
    """The guilty job, and the journal of a whole run with a fault, or of a clean one."""
    selection, jobs = planned(count)
    options = pipeline.Options(jobs=2)
    header = pipeline.describe(options, selection, jobs, jobs)
    judging = Gate({}, header, pipeline.today())
    guilty = fault.job(list(jobs)) if fault else None
    runner = Faulty()
    with tempfile.TemporaryDirectory() as folder:
        runner.environ = {**Faulty.environ, "FAULT_MARK": f"{folder}/mark"}
        if fault and guilty:
            place = f"{guilty.case.id.rpartition('/')[-1]}/{guilty.variant}"
            runner.environ["FAULT"] = f"{fault.kind}/{fault.stage}/{place}"
        engine = LocalEngine({RUNNER: (RUNNER, runner)}, options.jobs, LIMITS)
        judged = pipeline.judge(engine.run(jobs))
        explained = pipeline.attribute(judged, selection, options, {})
        pipeline.record(pipeline.decide(explained, judging), header, judging, Path(folder))
        return guilty, journal.read(Path(folder))


def results(finished: journal.Run) -> dict[Key, Record]:
    """A run's results, without times."""
    return {
        journal.key_of(one): {name: value for name, value in one.items() if name != "seconds"}
        for one in finished.results
    }


@cache
def clean(count: int) -> dict[Key, Record]:
    """The results of a run without a fault."""
    return results(run(None, count)[1])


def problems(fault: Fault, count: int = JOBS) -> list[str]:
    """What does not hold of a run with a fault."""
    guilty, finished = run(fault, count)  # reading a journal with a doubled job raises
    assert guilty is not None
    found, due = results(finished), clean(count)
    wrong = (
        []
        if len(found) == count and finished.complete
        else [f"{len(found)} of {count} jobs, complete: {finished.complete}"]
    )
    wrong += [f"lost: {' '.join(key)}" for key in due if key not in found]
    wrong += [f"differs: {record}" for key, record in found.items() if key != guilty.key and record != due[key]]
    record = found[guilty.key]
    verdict, words, again = fault.expected()
    failure = record.get("failure", {})
    told = failure.get("message", "") + " ".join(record["causes"])
    if (record["verdict"], words in told, failure.get("again", "")) != (verdict, True, again):
        wrong.append(f"guilty: {record}; expected {verdict}, {words!r}, {again!r}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description="Plant faults; print what holds.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"only these, of: {', '.join(KINDS)}")
    parser.add_argument("--side-by-side", type=int, default=2 * len(os.sched_getaffinity(0)), metavar="N")
    options = parser.parse_args()
    if strange := set(options.kinds) - set(KINDS):
        parser.error(f"{', '.join(strange)}; allowed: {', '.join(KINDS)}")
    planted = [Fault(*each) for each in product(options.kinds or KINDS, STAGES, POSITIONS)]
    started = time.monotonic()
    bad: list[tuple[Fault, list[str]]] = []
    print(f"{'positions that hold, of 3':<26}" + "".join(f"{stage:>9}" for stage in STAGES))
    with ProcessPoolExecutor(options.side_by_side, multiprocessing.get_context("spawn")) as pool:
        found = zip(planted, pool.map(problems, planted), strict=True)
        for kind in options.kinds or KINDS:
            row = list(islice(found, len(STAGES) * len(POSITIONS)))
            bad += [(fault, told) for fault, told in row if told]
            held = Counter(fault.stage for fault, told in row if not told)
            print(f"{kind:<26}" + "".join(f"{held[stage]:>9}" for stage in STAGES), flush=True)
    for fault, told in bad:
        print(f"{fault.kind} in {fault.stage} at the {fault.position} job: {len(told)} problems; {told[0][:600]}")
    seconds = time.monotonic() - started
    print(f"{len(planted) - len(bad)} of {len(planted)} runs of {JOBS:,} jobs hold; {seconds:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
