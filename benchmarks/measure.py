"""Whole processes timed in turn, and a ratio held against its goal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
CORES = 2
"""Those of the machine that the goals are for."""


@dataclass(frozen=True)
class Ratio:
    """What was measured over what it is measured against, both in seconds, and the most that it may be.

    With ``least``, the least; without a goal it is told and no more.
    """

    name: str
    seconds: float
    against: str
    floor: float
    goal: float = nan
    least: bool = False

    @property
    def value(self) -> float:
        """How many times the floor; NaN where noise has eaten a difference, and then no goal is met."""
        return self.seconds / self.floor if min(self.seconds, self.floor) > 0 else nan

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return isnan(self.goal) or (self.value >= self.goal if self.least else self.value <= self.goal)

    @property
    def mark(self) -> str:
        """The outcome in a word."""
        if isnan(self.goal):
            return ""
        return "pass" if self.holds else "NOISE" if isnan(self.value) else "MISSED"

    def __str__(self) -> str:
        goal = (
            "" if isnan(self.goal) else f"{'at least' if self.least else 'at most':>8} {self.goal:5.2f}x  {self.mark}"
        )
        measured = f"{self.name:<38} {spell(self.seconds)}   {self.against:<15} {spell(self.floor)}"
        return f"{measured}  {self.value:6.2f}x  {goal}".rstrip()


def spell(seconds: float) -> str:
    """Seconds in milliseconds."""
    return f"{seconds * 1000:7.3f} ms" if seconds < 0.01 else f"{seconds * 1000:7.0f} ms"


SCALES = {"kB": 1e-3, "MB": 1e-6, "MiB": 2**-20, "s": 1.0, "ms": 1e3}


@dataclass(frozen=True)
class Budget:
    """What was measured, and the most that it may be."""

    name: str
    measured: float
    most: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether it is kept."""
        return self.measured <= self.most

    def __str__(self) -> str:
        measured, most = (f"{value * SCALES[self.unit]:8.2f} {self.unit:<3}" for value in (self.measured, self.most))
        return f"{self.name:<38} {measured}  budget {most}  {'pass' if self.holds else 'MISSED'}"


class Finished(NamedTuple):
    """What a process took: wall seconds; with what it had started, processor seconds, and the MiB of the largest."""

    seconds: float
    processor: float
    memory: float


def medians(
    commands: Mapping[str, Sequence[str]], repeats: int, environ: Mapping[str, str] | None = None
) -> dict[str, Finished]:
    """The median run of each command, arguments of this Python; they take turns, as noise comes and goes."""
    found: dict[str, list[Finished]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, arguments in commands.items():
            found[name].append(finished(arguments, environ or {}))
    return {name: sorted(several)[len(several) // 2] for name, several in found.items()}


def once(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """The wall seconds of one process."""
    return finished(arguments, environ).seconds


def finished(arguments: Sequence[str], environ: Mapping[str, str], statuses: Sequence[int] = (0,)) -> Finished:
    """One process to its end; what it printed is shown where it fails."""
    command = [sys.executable, *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env={**inherited, **environ}, stdout=printed, stderr=printed)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in statuses:
            printed.seek(0)
            text = printed.read().decode("utf-8", "replace")
            raise SystemExit(f"{' '.join(command)} exited with {process.returncode}\n{text}")
    return Finished(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def put(page: Path, name: str, text: str) -> None:
    """Put a text in its place in a page: between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    before, begin, rest = page.read_text("utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not end:
        raise SystemExit(f"{page} has no place for {name}")
    page.write_text(f"{before}{begin}{text}\n{end}{after}", "utf-8")
