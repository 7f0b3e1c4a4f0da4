"""The pytest plugin from outside: jobs as items, and what pytest's own options do with them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.kills import marked
from tests.fakes import ROOT
from tests.small_runs import FAKES, case_file
from tests.test_cli import expectation

MARK = "CONFORMANCE_ITEMS"
"""The variable by which the processes of a folder's items are known."""

NAMES = ("good-0", "bad-run", "good-1", "bad-too")

Ended = subprocess.CompletedProcess[str]


def items(folder: Path, *options: str | Path, fake: str = "Wrong/asked", names: tuple[str, ...] = NAMES) -> Ended:
    """The end of a pytest that runs small cases through one fake, in a project that has no tests of its own."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\nxfail_strict = true\n")
    cases = f"--conformance={case_file(folder, names).name}"
    plugin = ("-p", "conformance.pytest_plugin", "--rootdir", ".", cases, "--conformance-runner", FAKES + fake)
    environ = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "200", MARK: str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", *plugin, *map(str, options)]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)


def counts(ended: Ended) -> dict[str, int]:
    """How many items ended how, by pytest's last line."""
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", ended.stdout.splitlines()[-1])}


def test_a_job_is_an_item_whose_node_id_is_its_case_and_variant(tmp_path: Path) -> None:
    ended = items(tmp_path, "--collect-only", fake="Wrong")
    names = [f"small/{name}::{FAKES}Wrong/{variant}" for name in NAMES for variant in ("asked", "by-rule")]
    assert ended.stdout.split()[: len(names)] == names, ended.stdout + ended.stderr
    assert ended.returncode == 0


def test_a_failure_shows_causes_geometries_and_what_reproduces_it(tmp_path: Path) -> None:
    ended = items(tmp_path, fake="IgnoresPads/asked", names=("bad-run",))
    assert ended.returncode == 1
    assert counts(ended) == {"failed": 1}, ended.stdout
    assert "causes: pads-ignored\nasked: (0,1)×(1,1)\neffective: (0,0)×(0,0)" in ended.stdout
    assert f"{FAKES}IgnoresPads/asked" in ended.stdout.partition("reproduce: ")[2].splitlines()[0]
    assert "Traceback" not in ended.stdout


def test_k_x_and_lf_choose_among_jobs_and_what_failed_is_what_runs_again(tmp_path: Path) -> None:
    assert counts(items(tmp_path, "-k", "bad-too or good-1")) == {"failed": 1, "passed": 1, "deselected": 2}
    assert counts(items(tmp_path, "-x")) == {"failed": 1, "passed": 1}
    assert counts(items(tmp_path)) == {"failed": 2, "passed": 2}
    again = items(tmp_path, "--lf")
    assert counts(again) == {"failed": 2, "deselected": 2}
    assert counts(items(tmp_path, "--lf", fake="Right/asked"))["passed"] == 4


def test_processes_of_xdist_share_the_jobs_and_leave_no_worker_behind(tmp_path: Path) -> None:
    names = tuple(f"{kind}-{number}" for number in range(8) for kind in ("good", "bad"))
    ended = items(tmp_path, "-n", "2", fake="Wrong", names=names)
    assert counts(ended) == {"failed": 16, "passed": 16}, ended.stdout
    assert marked(f"{MARK}={tmp_path}".encode()) == []


def test_junit_names_the_case_and_the_variant_and_tells_known_from_failed(tmp_path: Path) -> None:
    folder = expectation(tmp_path, "Wrong", when="{variant: asked}")
    ended = items(tmp_path, "--junitxml=j.xml", "--conformance-expectations", folder, names=("bad-0",), fake="Wrong")
    assert counts(ended) == {"failed": 1, "xfailed": 1}, ended.stdout
    known, failed = ElementTree.parse(tmp_path / "j.xml").getroot().iter("testcase")
    assert known.get("name") == f"{FAKES}Wrong/asked"
    assert known.get("classname") == "small.bad-0"
    skipped = known.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "known: it is so"
    assert failed.find("failure") is not None
    said = [(one.get("name"), one.get("value")) for one in failed.iter("property")]
    assert said == [("gate", "regression"), ("verdict", "mismatch"), ("cause", "unattributed")]


def test_a_death_of_a_worker_is_one_items_failure(tmp_path: Path) -> None:
    ended = items(tmp_path, fake="Crashes/asked")
    assert counts(ended) == {"failed": 1, "passed": 3}, ended.stdout
    assert "the worker died by SIGSEGV" in ended.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--conformance-runner", "nothing"), "unknown runner 'nothing'"),
        (("--conformance", "nowhere.yaml"), "nowhere.yaml"),
        (("--conformance-expectations", "nowhere"), "nowhere is no folder"),
    ],
)
def test_what_is_wrong_with_the_options_ends_pytest_as_bad_usage(
    tmp_path: Path, options: tuple[str, str], said: str
) -> None:
    ended = items(tmp_path, *options)
    assert ended.returncode == 4
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_cases_the_other_options_mean_nothing_and_the_plugin_does_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "conformance.pytest_plugin", "--rootdir", ".", "-q"]
    environ = {**os.environ, "PYTHONPATH": ROOT}
    (tmp_path / "test_own.py").write_text("import sys\ndef test(): assert 'numpy' not in sys.modules\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    plain = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert plain.returncode == 0, plain.stdout
    refused = subprocess.run(
        [*command, "--conformance-timeout", "3"], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert refused.returncode == 4
    assert "--conformance-timeout without --conformance PATH" in refused.stderr
