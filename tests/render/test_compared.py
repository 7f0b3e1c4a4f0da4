from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conformance.comparing import Comparison, compare
from conformance.journal import Record, Run
from conformance.render import compared
from tests.render.made_journals import HOSTILE, case, mismatch, result, run

CASES = [case(f"a/b/{number}") for number in range(4)]
ERROR: Record = {"failure": {"exception": "TypeError", "message": "\x1b[1mno item 3\x1b[0m\nof 7", "stage": "convert"}}


def made(folder: Path, *records: Any, **header: Any) -> Run:
    """A run folder."""
    folder.mkdir()
    return run(folder, *records, **header)


def packages(**versions: str) -> Any:
    """The header's runners."""
    return {"torch": {"packages": versions, "control": "", "variants": ["same"]}}


def two(folder: Path, old_planned: int | None = None) -> Comparison:
    """A run in which one job is now wrong, one fails otherwise, one is right, one has appeared; and versions."""
    old = made(
        folder / "old",
        *CASES[:3],
        result(CASES[0], "torch", "same"),
        result(CASES[1], "torch", "same", "error", **ERROR),
        result(CASES[2], "torch", "same", "timeout"),
        planned=old_planned,
        runners=packages(python="3.11.7", torch="1.0", gone="2"),
    )
    new = made(
        folder / "new",
        *CASES,
        mismatch(CASES[0], "torch", "same"),
        mismatch(CASES[1], "torch", "same"),
        result(CASES[2], "torch", "same"),
        result(CASES[3], "torch", "same"),
        runners=packages(python="3.11.7", torch="2.0"),
    )
    return compare(old, new)


def test_the_text_names_versions_causes_and_what_became_of_them(tmp_path: Path) -> None:
    lines = compared.text(two(tmp_path)).splitlines()
    assert lines[0].startswith(f"Old: {tmp_path}/old, 3 jobs, conformance 0.1.0, cases 1.0")
    assert lines[2] == "torch: torch 1.0 → 2.0, gone 2 → none; python 3.11.7"
    assert [line.split() for line in lines if re.match("  [a-z]", line)] == [
        ["mismatch", "0", "→", "2"],
        ["timeout", "1", "→", "0"],
        ["error", "1", "→", "0"],
        ["symmetric-for-asymmetric", "0", "→", "2"],
    ]
    place = lines.index("Changed for the worse: 1 job")
    assert [line.strip() for line in lines[place + 1 : place + 5]] == [
        "1  error: TypeError: no item 3 of 7",
        "→ mismatch: symmetric-for-asymmetric",
        "torch/same 1; such as a/b/1",
        "conformance reproduce a/b/1 torch/same -o reproduce.py",
    ]
    assert [line for line in lines if line and line[0].isupper()][2:6] == [
        "Now wrong: 1 job",
        "Changed for the worse: 1 job",
        "Now right: 1 job",
        "Appeared: 1 job",
    ]
    assert "→ match" in lines[lines.index("Appeared: 1 job") + 2]
    assert "(no such case)" in lines[lines.index("Appeared: 1 job") + 1]
    assert lines[-1] == ("1 now wrong; 1 changed for the worse; 1 now right; 1 appeared; 0 of 3 jobs in both end alike")


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    several = [case(f"a/b/{number}") for number in range(40)]
    one = [
        result(about, "torch", "same", "error", failure={"message": f"no {'x' * n}"}) for n, about in enumerate(several)
    ]
    found = compare(
        made(tmp_path / "old", *several, *one),
        made(tmp_path / "new", *several, *(result(about, "torch", "same") for about in several)),
    )
    assert len(found.changes) == 40
    assert "And 28 jobs in 28 more changes." in compared.text(found).splitlines()
    assert "And 10 jobs in 10 more changes." in compared.markdown(found).splitlines()


def test_an_incomplete_run_is_said_first(tmp_path: Path) -> None:
    found = two(tmp_path, old_planned=9)
    assert compared.sentence(found).startswith(f"INCOMPLETE: {tmp_path}/old; 1 now wrong")
    assert "Old: " + compared.about(found.old) in compared.text(found)
    assert "3 of 9 jobs" in compared.about(found.old)


def test_the_markdown_has_the_same(tmp_path: Path) -> None:
    found = two(tmp_path)
    lines = compared.markdown(found).splitlines()
    assert lines[0] == "# Two runs compared"
    assert "| <code>mismatch</code> | 0 | 2 |" in lines
    rows = [line for line in lines if line.startswith("| 1 |")]
    assert rows[0] == (r"| 1 | match | mismatch: symmetric\-for\-asymmetric | torch/same 1 | <code>a/b/0</code> |")
    assert len(rows) == 4


def test_the_json_has_every_job(tmp_path: Path) -> None:
    found = two(tmp_path)
    record = json.loads(compared.as_json(found))
    assert record["counts"]["changed for the worse"] == 1
    assert record["status"] == 1
    assert record["causes"] == {"symmetric-for-asymmetric": [0, 2]}
    worse = next(change for change in record["changes"] if change["kind"] == "changed for the worse")
    assert worse["jobs"] == [{"case": "a/b/1", "variant": "same"}]
    assert worse["old"] == {"verdict": "error", "causes": [], "words": "TypeError: " + ERROR["failure"]["message"]}
    assert sum(len(change["jobs"]) for change in record["changes"]) + record["alike"] == 4


def test_the_page_lists_jobs_and_counts_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "LISTED", 1)
    about = [case(f"a/b/{number}") for number in range(3)]
    found = compare(
        made(tmp_path / "old", *about, *(result(each, "torch", "same") for each in about)),
        made(tmp_path / "new", *about, *(mismatch(each, "torch", "same") for each in about)),
    )
    page = compared.html(found)
    assert page.count("<li>") == 1
    assert "<header>" in page
    assert "And 2 more jobs" in page
    assert "conformance reproduce a/b/0 torch/same" in page


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_hostile_text_stays_text(tmp_path: Path, form: str) -> None:
    about = case(HOSTILE)
    failure = {"exception": HOSTILE, "message": HOSTILE}
    old = made(tmp_path / "old", about, result(about, HOSTILE, HOSTILE, "error", failure=failure), version=HOSTILE)
    new = made(tmp_path / "new", about, mismatch(about, HOSTILE, HOSTILE, causes=[HOSTILE]), platform=HOSTILE)
    shown = compared.FORMATS[form](compare(old, new))
    assert not re.search("[\x00\x1b\u202e]", shown)
    if form != "text":
        assert "<script" not in shown
        assert "<img" not in shown


def test_what_is_gone_is_reproduced_as_the_old_run_had_it(tmp_path: Path) -> None:
    mine = {"mine": {"packages": {}, "control": "", "variants": ["same"], "spec": "pack:Mine"}}
    found = compare(
        made(tmp_path / "old", CASES[0], result(CASES[0], "mine", "same"), runners=mine),
        made(tmp_path / "new", CASES[0], result(CASES[0], "torch", "same"), runners=packages(torch="1")),
    )
    commands = {change.kind: compared.again(found, change) for change in found.changes}
    assert commands["gone"] == "conformance reproduce a/b/0 pack:Mine/same -o reproduce.py"
    assert commands["appeared"] == "conformance reproduce a/b/0 torch/same -o reproduce.py"
    assert '<header class="good">' in compared.html(found)


def test_write_makes_the_folder(tmp_path: Path) -> None:
    path = compared.write(two(tmp_path), tmp_path / "deep" / "out")
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert (path.parent / "compare.md").read_text("utf-8").startswith("# Two runs compared")
