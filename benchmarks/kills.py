"""Runs that are killed and interrupted at random moments, and then resumed: ``python -m benchmarks.kills``.

A clean run tells what the journal has to say. Each other run is stopped at a random moment (SIGKILL or SIGINT),
its ``--resume`` at another, and the next ``--resume`` comes to its end. Every time all that the journal had must
still be there, line by line; every report must parse, and say INCOMPLETE where the journal is; no worker may stay
behind. In the end the journal must be the clean one, but for times. Exit status 1, with what was not so, otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.measure import ROOT
from conformance import journal
from tests.small_runs import FAKES, case_file, timeless

RUNNERS = ("Habit", "Wrong/asked")
"""Wrong answers in all forms: those that have a fix in the run and those that are probed."""

MARK = "CONFORMANCE_KILLS"
"""The variable by which a run's workers are known."""

LINGER = 10.0
"""Seconds after which a worker whose parent is gone counts as left behind."""


@dataclass
class Bench:
    """One run, to be started again and again."""

    folder: Path
    cases: int
    rng: random.Random
    seconds: float = 0.0
    status: int = 0
    expected: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Write the cases, and run them once undisturbed."""
        bad = max(self.cases // 60, 1)
        case_file(self.folder, [f"{'bad' if n % (self.cases // bad) == 1 else 'good'}-{n}" for n in range(self.cases)])
        started = time.monotonic()
        self.status = self.start("clean").wait()
        self.seconds = time.monotonic() - started
        self.expected = timeless(self.folder / "clean")

    def start(self, out: str) -> subprocess.Popen[bytes]:
        """The run into a folder, going on where it ended; what it prints is kept beside."""
        runners = [part for name in RUNNERS for part in ("--runner", FAKES + name)]
        command = [sys.executable, "-m", "conformance", "run", str(self.folder / "small.yaml"), *runners]
        environ = {**os.environ, MARK: str(self.folder / out)}
        with (self.folder / f"{out}.log").open("wb") as log:
            return subprocess.Popen(
                [*command, "--out", str(self.folder / out), "--resume"], cwd=ROOT, env=environ, stdout=log, stderr=log
            )

    def stop(self, out: str, number: signal.Signals) -> Iterator[str]:
        """Start a run and stop it at a random moment; yields what is not as it must be."""
        before = lines(self.folder / out)
        run = self.start(out)
        try:
            run.wait(self.rng.uniform(0, self.seconds))
        except subprocess.TimeoutExpired:
            run.send_signal(number)
            flushed = lines(self.folder / out)
            status = run.wait()
            after = lines(self.folder / out)
            self.ends["before the journal" if not after else "while it ran"] += 1
            yield from (f"lost of what was flushed: {line}" for line in (before | flushed) - after)
            if number == signal.SIGINT and status not in (2, self.status, -number):
                yield f"exit status {status} after {number.name}: {(self.folder / f'{out}.log').read_text()}"
            yield from self.left_behind(out)
        else:
            self.ends["after its end"] += 1
        yield from (f"{name} does not parse or tell: {error}" for name, error in unread(self.folder / out))

    def resume(self, out: str) -> Iterator[str]:
        """Let a run come to its end; yields what is not as in a clean one."""
        before = lines(self.folder / out)
        status = self.start(out).wait()
        if status != self.status:
            yield f"exit status {status}, clean {self.status}: {(self.folder / f'{out}.log').read_text()}"
        yield from (f"lost by --resume: {line}" for line in before - lines(self.folder / out))
        yield from (f"{name} does not parse or tell: {error}" for name, error in unread(self.folder / out))
        apart = Counter(timeless(self.folder / out))
        apart.subtract(self.expected)
        yield from (
            f"{'more' if count > 0 else 'less'} than in a clean run: {line}" for line, count in apart.items() if count
        )

    def left_behind(self, out: str) -> Iterator[str]:
        """Yields the processes of a run that are still there."""
        mark = f"{MARK}={self.folder / out}".encode()
        until = time.monotonic() + LINGER
        while (left := marked(mark)) and time.monotonic() < until:
            time.sleep(0.02)
        yield from (f"process {process} was left behind" for process in left)


def marked(mark: bytes) -> list[str]:
    """The processes that have a variable in their environment, but for those that have ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(folder.name)
        except OSError:  # it has ended, or is another user's
            continue
    return found


def lines(folder: Path) -> set[str]:
    """The results of a journal with their times, each as a line; none where there is no journal yet."""
    if not (folder / journal.NAME).exists():
        return set()
    return {json.dumps(result, sort_keys=True) for result in journal.read(folder).results}


def unread(folder: Path) -> Iterator[tuple[str, str]]:
    """The reports of a folder that cannot be read, or do not say that the run is incomplete where it is."""
    if not (folder / journal.NAME).exists():
        return
    complete = journal.read(folder).complete
    for path in sorted(folder.glob("[!.]*")):
        text = path.read_text("utf-8")
        try:
            if path.suffix in (".json", ".sarif") and json.loads(text).get("complete", complete) != complete:
                yield path.name, "complete"
            if path.suffix == ".xml":
                ElementTree.fromstring(text)
            if path.suffix == ".html" and not text.rstrip().endswith("</html>"):
                yield path.name, "the end is missing"
            if path.suffix in (".html", ".md", ".xml") and ("INCOMPLETE" in text) == complete:
                yield path.name, "INCOMPLETE"
        except (ValueError, ElementTree.ParseError) as error:
            yield path.name, str(error)


def rounds(bench: Bench, number: signal.Signals, stops: int) -> Iterator[str]:
    """So many stops of runs that had not ended, two of each run; yields what is not as it must be."""
    count = 0
    while (stopped := bench.ends["before the journal"] + bench.ends["while it ran"]) < stops:
        out = f"{number.name.lower()}-{count}"
        for _ in range(min(2, stops - stopped)):
            yield from bench.stop(out, number)
        yield from bench.resume(out)
        count += 1


def main(arguments: list[str] | None = None) -> int:
    """Print how many moments there were and what was found; 1 where anything was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description="Kill, interrupt, resume, compare.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--interrupts", type=int, default=20)
    parser.add_argument("--cases", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    found = 0
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), given.cases, random.Random(given.seed))
        print(
            f"a clean run: {len(journal.read(Path(name, 'clean')).results)} jobs in {bench.seconds:.1f} s", flush=True
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background, and so by all it starts
        for number, stops in ((signal.SIGKILL, given.kills), (signal.SIGINT, given.interrupts)):
            bench.ends.clear()
            problems = list(rounds(bench, number, stops))
            found += len(problems)
            moments = ", ".join(f"{count} {end}" for end, count in sorted(bench.ends.items()))
            print(
                f"{number.name}: {stops} moments ({moments}); {len(problems)} problems",
                *problems,
                sep="\n  ",
                flush=True,
            )
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
