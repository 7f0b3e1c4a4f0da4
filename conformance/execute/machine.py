"""What this machine gives to workers: cores and memory, and how much of it one holds (Linux)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

CONTROL_GROUP = Path("/sys/fs/cgroup")
"""Where a container finds its own limits (cgroup v2)."""

SHARE = 0.8
"""The part of the memory that all workers together may have; the rest is this process's and the system's."""

LEAST = 2**31
"""Bytes that a worker may have at least: a framework, and the largest arrays of a case."""

PAGE = os.sysconf("SC_PAGE_SIZE")


def cores() -> int:
    """The cores that this process may use."""
    allowed = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = (CONTROL_GROUP / "cpu.max").read_text().split()
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


def memory() -> int:
    """The bytes of memory that this process may use."""
    allowed = os.sysconf("SC_PHYS_PAGES") * PAGE
    with suppress(OSError, ValueError):
        allowed = min(allowed, int((CONTROL_GROUP / "memory.max").read_text()))
    return allowed


def share(workers: int) -> int:
    """The bytes that one of so many workers may have."""
    return max(int(memory() * SHARE) // workers, LEAST)


def resident(process: int) -> int:
    """The bytes of memory that a process and its descendants hold; what they share is counted for each."""
    pages, waiting = 0, [process]
    while waiting:
        folder = f"/proc/{waiting.pop()}"
        with suppress(OSError, IndexError):  # gone while we look
            pages += int(_read(f"{folder}/statm").split()[1])
            for thread in os.listdir(f"{folder}/task"):
                with suppress(OSError):
                    waiting += map(int, _read(f"{folder}/task/{thread}/children").split())
    return pages * PAGE


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()
