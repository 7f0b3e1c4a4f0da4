"""What workers may have of this machine, and what one holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.execute import machine

GIB = 2**30


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "CONTROL_GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    assert machine.cores() == 8
    for quota, cores in (("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)):
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
        assert machine.cores() == cores


def test_memory_is_the_machines_or_the_containers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "CONTROL_GROUP", tmp_path)
    whole = machine.memory()
    assert whole > GIB // 4
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.memory() == whole
    (tmp_path / "memory.max").write_text("4096\n")
    assert machine.memory() == 4096


def test_workers_share_most_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory", lambda: 40 * GIB)
    assert machine.share(2) == 16 * GIB
    assert machine.share(64) == machine.LEAST


def test_what_a_process_holds_counts_with_what_it_started() -> None:
    code = "held = b'x' * (64 << 20); print(end='up', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {code!r}])"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(2) == b"up"
        held = machine.resident(process.pid)
        assert process.stdin is not None
        process.stdin.write(b"\n")
    assert 64 << 20 < held < 256 << 20
    assert machine.resident(process.pid) == 0
