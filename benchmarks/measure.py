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
from statistics import median

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Ratio:
    """What was measured over what it is measured against, both in seconds, and the most that it may be."""

    name: str
    seconds: float
    against: str
    floor: float
    goal: float

    @property
    def value(self) -> float:
        """How many times the floor; NaN where noise has eaten a difference, and then no goal is met."""
        return self.seconds / self.floor if min(self.seconds, self.floor) > 0 else nan

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.value <= self.goal

    @property
    def mark(self) -> str:
        """The outcome in a word."""
        return "pass" if self.holds else "NOISE" if isnan(self.value) else "OVER"


def medians(
    commands: Mapping[str, Sequence[str]], repeats: int, environ: Mapping[str, str] | None = None
) -> dict[str, float]:
    """The median wall seconds of each command, arguments of this Python; they take turns, as noise comes and goes."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, arguments in commands.items():
            seconds[name].append(once(arguments, environ or {}))
    return {name: median(values) for name, values in seconds.items()}


def once(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """The wall seconds of one process; what it printed is shown where it fails."""
    command = [sys.executable, *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return seconds
