"""What is ready for CI: the workflow files in docs/examples/ci, and this repository's sessions by tag."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import noxfile
from conformance import runners
from tests.fakes import ROOT
from tests.test_cli import conformance

DOCS = Path(ROOT, "docs")
CI = DOCS / "examples" / "ci"


def workflow(name: str) -> dict[str, Any]:
    found = yaml.load((CI / name).read_text("utf-8"), yaml.BaseLoader)  # which leaves `on` the text that it is
    assert isinstance(found, dict)
    return found


def commands(name: str) -> list[str]:
    """The command lines of a workflow that call this program."""
    if name == "github.yml":
        scripts = [step.get("run", "") for step in workflow(name)["jobs"]["conformance"]["steps"]]
    else:
        scripts = workflow(name)["padding-conformance"]["script"]
    return [line for script in scripts for line in script.splitlines() if line.startswith("conformance ")]


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_what_a_workflow_runs_holds_and_writes_what_it_uploads(tmp_path: Path, name: str) -> None:
    """Its commands as they stand, but for a small part of the cases."""
    shutil.copy(DOCS / "examples" / "my_converter.py", tmp_path)
    (line,) = commands(name)
    summary = tmp_path / "step.md"
    ended = conformance(
        *shlex.split(line)[1:], "-k", "seeds", "--min-jobs", "40", cwd=tmp_path, GITHUB_STEP_SUMMARY=str(summary)
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    uploaded = set(re.findall(r"reports/latest[\w./]*", (CI / name).read_text("utf-8")))
    assert uploaded
    assert all((tmp_path / path).exists() for path in uploaded), uploaded
    assert summary.exists() == (name == "github.yml")


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_a_workflow_asks_for_no_more_jobs_than_there_are(name: str) -> None:
    (line,) = commands(name)
    wanted = int(shlex.split(line)[shlex.split(line).index("--min-jobs") + 1])
    listed = conformance("list", "--runner", "my_converter:MyConverter", cwd=DOCS / "examples")
    assert 1000 < wanted <= len(listed.stdout.splitlines())


def test_a_github_workflow_has_what_github_asks_for() -> None:
    found = workflow("github.yml")
    assert found["on"].keys() == {"pull_request", "push"}
    assert found["permissions"]["security-events"] == "write"
    for step in found["jobs"]["conformance"]["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step.get("uses", "a/b@v1"))


def test_sessions_require_every_core_runner() -> None:
    assert tuple(runners.CORE) == noxfile.CORE


def test_sessions_are_found_by_tag() -> None:
    def tagged(*tags: str) -> set[str]:
        command = [sys.executable, "-m", "nox", "--list", "--json", *(part for tag in tags for part in ("-t", tag))]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return {session["name"] for session in json.loads(ended.stdout)}

    assert {"lint", "types"} <= tagged("static")
    assert tagged("static") < tagged("ci")
    assert {"tests", "gate", "wheel"} <= tagged("ci")
    assert "bench" in tagged("measure")
    assert tagged("ci") & tagged("measure") == set()
