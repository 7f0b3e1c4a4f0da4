"""``import conformance``: the page's snippet, silence, exceptions, and what a notebook shows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import conformance
from conformance import journal
from conformance.errors import InputError, NothingSelectedError
from conformance.pipeline import Finished
from conformance.render import notebook
from conformance.render.digest import digest
from tests.fakes import ROOT
from tests.render.made_journals import HOSTILE, case, hostile, mismatch, run
from tests.render.test_explained import parsed
from tests.small_runs import FAKES, case_file

SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_pages_snippet_runs_and_says_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (snippet,) = SNIPPET.findall(Path(ROOT, "docs/python.md").read_text("utf-8"))
    names: dict[str, object] = {}
    exec(snippet, names)
    result = names["result"]
    assert capsys.readouterr() == ("", "")
    assert isinstance(result, Finished)
    assert (result.holds, result.status, result.interrupted) == (True, 0, False)
    assert result.report == Path("my-run/report.html")
    assert result.report.is_file()
    assert result.summary["verdicts"]["match"] > 50
    assert repr(names["again"]) == repr(result)
    assert "output 3x3" in str(names["shown"])


def test_a_run_that_breaks_the_gate_is_a_result_and_shows_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = case_file(tmp_path, ("good-0", "bad-run"))
    result = conformance.run(path, runners=FAKES + "Wrong", out=tmp_path / "run", jobs=1)
    assert (result.holds, result.status) == (False, 1)
    assert "The gate does not hold: 2 regressions" in repr(result)
    assert len(repr(result)) < 500
    shown = result._repr_html_()
    assert len(shown) < 4000
    assert "small/bad-run" in parsed(shown).text
    assert "unattributed" in parsed(shown).text
    assert not {"html", "body", "style", "script", "link", "img", "a"} & parsed(shown).elements
    assert capsys.readouterr() == ("", "")


def test_what_a_notebook_shows_is_escaped_and_short(tmp_path: Path) -> None:
    shown = parsed(notebook.fragment(digest(hostile(tmp_path)), Path(HOSTILE)))
    assert not {"script", "img", "style", "link", "a"} & shown.elements
    assert "window.hacked = 1" in shown.text
    abouts = [case(f"made/{number}") for number in range(40)]
    many = [mismatch(about, "torch", "same", causes=[f"cause-{number}"]) for number, about in enumerate(abouts)]
    long = notebook.fragment(digest(run(tmp_path, *abouts, *many)), tmp_path / "report.html")
    assert "And 30 more jobs." in long
    assert len(long) < 6000


def test_two_runs_are_compared_and_the_comparison_shows_itself(tmp_path: Path) -> None:
    path = case_file(tmp_path, ("good-0", "bad-run"))
    old = conformance.run(path, runners=FAKES + "Right/asked", out=tmp_path / "old", jobs=1)
    one, other = old.run.results
    wrong = [{**one, "verdict": "mismatch"}, other]
    records = [old.run.header, *old.run.cases.values(), *wrong, old.run.footer or {}]
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / journal.NAME).write_bytes(b"".join(map(journal.line, records)))
    found = conformance.compare(old, tmp_path / "new")
    assert (found.status, found.count("now wrong")) == (1, 1)
    assert "1 now wrong" in repr(found)
    assert "small/good-0" in parsed(found._repr_html_()).text
    assert parsed(found._repr_html_()).elements == {"pre"}
    assert conformance.compare(tmp_path / "old", old).status == 0


def test_bad_input_and_an_empty_selection_are_exceptions(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown runner 'nobody'"):
        conformance.run(runners=["nobody"], out=tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        conformance.run(runners="torch", expectations=tmp_path / "nowhere", out=tmp_path)
    with pytest.raises(NothingSelectedError):
        conformance.run(runners="onnxruntime", expression="no-such-case", out=tmp_path)
    with pytest.raises(TypeError, match="nonsense"):
        conformance.run(nonsense=1)
    with pytest.raises(InputError, match="no journal there"):
        conformance.read(tmp_path)


def test_expectations_are_those_given_and_those_of_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "fake.yaml").write_text(
        f'schema: 1\nrunner: "{FAKES}Wrong"\ncases: "1.0"\nknown:\n'
        '  - {when: {case: "*/bad-*"}, verdict: mismatch, causes: [unattributed], reason: it is so}\n'
    )
    path = case_file(tmp_path, ("good-0", "bad-run"))
    given = conformance.run(path, runners=FAKES + "Wrong", expectations=tmp_path / "known", out=tmp_path / "run")
    assert given.holds
    assert not conformance.read(tmp_path / "run").holds
    (tmp_path / "pyproject.toml").write_text('[tool.conformance]\nexpectations = "known"\n')
    monkeypatch.chdir(tmp_path)
    assert conformance.read("run").holds


def test_an_interrupt_is_raised_and_leaves_a_run_folder_that_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "hangs"
    os.mkfifo(pipe)
    path = case_file(tmp_path, [*(f"good-{number}" for number in range(40)), "bad-run"])
    code = f"""
import conformance, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process inherits that it is ignored
try:
    conformance.run({str(path)!r}, runners={FAKES + "Hangs"!r}, out={str(tmp_path / "run")!r}, jobs=1)
except KeyboardInterrupt:
    raise SystemExit(42)
"""
    environ = {**os.environ, "PYTHONPATH": ROOT, "HANGS": str(pipe)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environ, stdout=subprocess.PIPE) as process:
        with pipe.open("rb", buffering=0) as hanging:
            assert hanging.read(5) == b"hangs"
            process.send_signal(signal.SIGINT)
            assert hanging.read() == b"", "the worker has died"
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (42, b"")
    assert len(journal.read(tmp_path / "run").results) > 40
    assert conformance.read(tmp_path / "run").status == 2
    assert "INCOMPLETE" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_importing_it_changes_no_environment() -> None:
    code = "import os; before = dict(os.environ); from conformance import pipeline; assert os.environ == before"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
