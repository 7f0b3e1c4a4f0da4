"""Runners whose workers run in another interpreter: real ones, made here."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conformance import environments, listing, plan, runners
from conformance.errors import InputError
from conformance.execute.cluster import DaskEngine
from conformance.execute.local import Limits
from conformance.plan import select_runners
from conformance.render.detail import command
from tests import small_runs
from tests.small_runs import FAKES

WHERE = """
import importlib.util, json, os, sys
from conformance.domain.records import Spelling

class Where:
    distributions = ("numpy",)
    variants = {"asked": lambda case: Spelling(case.pads, "")}
    def open(self):
        pass
    def build(self, case, variant, weights):
        found = [name for name in ("click", "pydantic", "yaml") if importlib.util.find_spec(name)]
        raise RuntimeError(json.dumps([sys.prefix, found, "PYTHONPATH" in os.environ, "PYTHONHOME" in os.environ]))
"""


def venv(folder: Path, *packages: str) -> str:
    """The interpreter of a fresh environment that has some of the packages from here, and no other."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    here = Path(np.__file__).parent.parent
    for package in packages:
        for path in (*here.glob(package), *here.glob(f"{package}.libs"), *here.glob(f"{package}-*.dist-info")):
            (site / path.name).symlink_to(path)
    return str(folder / "bin" / "python")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter without any package."""
    return venv(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has numpy alone."""
    return venv(tmp_path_factory.mktemp("other"), "numpy")


def script(folder: Path, text: str) -> str:
    """A program that stands where an interpreter should."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_runner_answers_from_an_interpreter_that_has_numpy_alone(tmp_path: Path, other: str) -> None:
    finished = small_runs.run(tmp_path, "Right", ["good-0", "good-1"], runners=(f"{FAKES}Right@{other}",))
    assert finished.status == 0
    assert [result["verdict"] for result in finished.run.results] == ["match"] * 4
    about = finished.run.header["runners"][FAKES + "Right"]
    assert about["interpreter"] == other
    assert about["packages"]["numpy"] == np.__version__
    assert f" {FAKES}Right/asked@{other} " in command(finished.run.header, "a/b", FAKES + "Right", "asked")


def test_nothing_of_this_interpreter_reaches_the_other(
    tmp_path: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "where_it_runs.py").write_text(WHERE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(np.__file__).parent.parent))
    finished = small_runs.run(tmp_path, "", ["good"], runners=(f"where_it_runs:Where@{other}",))
    (result,) = finished.run.results
    assert json.loads(result["failure"]["message"]) == [str(Path(other).parent.parent), [], False, False]


def test_without_a_path_a_worker_runs_here(tmp_path: Path) -> None:
    finished = small_runs.run(tmp_path, "Right", ["good"])
    about = finished.run.header["runners"][FAKES + "Right"]
    assert "interpreter" not in about
    assert about["packages"] == {"python": platform.python_version()}


def test_an_interpreter_without_the_packages_is_refused(bare: str) -> None:
    with pytest.raises(InputError) as refused:
        select_runners([f"torch@{bare}"])
    assert str(refused.value) == (
        f"runner torch needs torch, numpy, which is not installed in {bare}; try: {bare} -m pip install torch numpy"
    )
    with pytest.raises(InputError, match="needs numpy, which is not installed in"):
        select_runners([f"{FAKES}Right@{bare}"])


def test_globs_list_what_is_missing_there(bare: str) -> None:
    selection = select_runners([f"t*@{bare}"])
    assert selection.runners == {}
    assert selection.missing["torch"] == f"{bare} -m pip install torch numpy"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('echo \'{"python": "3.8.18", "numpy": "1.26"}\'', "Python 3.8.18; allowed: the path of Python 3.9"),
        ("echo no", "cannot say what is installed (Expecting value"),
        ("echo a; echo first >&2; echo 'SyntaxError: old' >&2; exit 1", "installed (SyntaxError: old); allowed: the"),
    ],
)
def test_what_is_no_python_that_can_be_used_is_refused(tmp_path: Path, text: str, says: str) -> None:
    program = script(tmp_path, text)
    with pytest.raises(InputError) as refused:
        select_runners([f"{FAKES}Right@{program}"])
    assert str(refused.value).startswith(f"{program}: ")
    assert says in str(refused.value)


def test_python_3_9_is_old_enough(tmp_path: Path) -> None:
    program = script(tmp_path, 'echo \'{"python": "3.9.0", "numpy": "1.26"}\'')
    assert select_runners([f"{FAKES}Right@{program}"]).runners[FAKES + "Right"].packages["python"] == "3.9.0"


def test_a_worker_here_has_the_paths_of_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert environments.inherited("")["PYTHONPATH"] == "/somewhere"
    assert "PYTHONPATH" not in environments.inherited(sys.executable)


@pytest.mark.parametrize("path", ["", "/no/such/python", "no-such-python"])
def test_a_path_at_which_no_program_is(path: str) -> None:
    with pytest.raises(InputError, match=f"no program '{path}'; allowed: the path of Python 3.9 or newer"):
        select_runners([f"{FAKES}Right@{path}"])


def test_a_runner_has_one_interpreter_a_run(bare: str, other: str) -> None:
    spec = FAKES + "Right"
    selection = select_runners([f"{spec}/asked@{other}", f"{spec}/by-rule@{other}"], required=[spec])
    (chosen,) = selection.runners.values()
    assert chosen.variants == ("asked", "by-rule")
    assert chosen.runner.python == other
    for patterns in ([spec, f"{spec}@{other}"], [f"{spec}@{other}", f"{spec}@{bare}"]):
        with pytest.raises(InputError, match="in two interpreters; allowed: one a run, and then: conformance compare"):
            select_runners(patterns)


def test_a_runner_may_name_its_interpreter_itself(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(runners.load(FAKES + "Right"))
    monkeypatch.setattr(kind, "python", other)
    (chosen,) = select_runners([FAKES + "Right"]).runners.values()
    assert chosen.packages["numpy"] == np.__version__
    assert chosen.runner.python == other
    ((_, _, runner),) = plan.load(f"{FAKES}Right@{sys.executable}")
    assert runner.python == sys.executable


def test_a_link_stays_a_link(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link in an environment is what makes it one: behind it is the interpreter that it was made from."""
    monkeypatch.chdir(Path(other).parent)
    assert Path(other).resolve() != Path(other)
    assert environments.interpreter("./python") == other


def test_a_cluster_has_no_other_interpreters(other: str) -> None:
    selection = select_runners([f"{FAKES}Right@{other}"])
    with pytest.raises(InputError, match="Right in another interpreter on a cluster; allowed: --engine local"):
        DaskEngine(selection.specs, "", 1, Limits())


def test_doctor_asks_the_interpreter_that_is_named(bare: str, other: str) -> None:
    lines = listing.runner_lines([f"torch@{bare}", f"{FAKES}Right@{other}"])
    assert f"torch: missing torch, numpy; {bare} -m pip install torch numpy" in lines
    ready = lines.index(f"{FAKES}Right: ready: python {platform.python_version()}, numpy {np.__version__}")
    assert lines[ready + 1] == f"    interpreter: {other}"
