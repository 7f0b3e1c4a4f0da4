"""Runs that are killed: a sample of ``python -m benchmarks.kills``, and what a killed run leaves behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks import kills
from conformance import journal
from tests.fakes import ROOT
from tests.small_runs import FAKES, case_file
from tests.test_cli import COMMAND, ENVIRON


def test_a_run_that_is_killed_or_interrupted_anywhere_is_resumed_to_what_a_clean_one_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kills.main(["--kills", "2", "--interrupts", "2", "--cases", "60"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("fake", ["Hangs", "HangsInOpen"])
def test_a_worker_that_hangs_dies_with_a_parent_that_is_killed_and_no_older_report_is_left(
    tmp_path: Path, fake: str
) -> None:
    pipe = tmp_path / "hangs"
    os.mkfifo(pipe)
    (tmp_path / "run").mkdir()
    for name in ("report.html", "report-2.html", "summary.json", "junit.xml", ".summary.md.123"):
        (tmp_path / "run" / name).write_text("of an earlier run, which held, and of one that was killed while it wrote")
    command = [*COMMAND, "run", str(case_file(tmp_path, ["good-0", "bad-run"])), "--runner", FAKES + fake]
    with (
        subprocess.Popen(
            [*command, "--out", str(tmp_path / "run")], cwd=ROOT, env={**ENVIRON, "HANGS": str(pipe)}
        ) as process,
        pipe.open("rb", buffering=0) as hanging,
    ):
        assert hanging.read(5) == b"hangs"
        process.kill()
        assert hanging.read() == b"", "the worker has died"
    assert [path.name for path in (tmp_path / "run").iterdir()] == [journal.NAME]
