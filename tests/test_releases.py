"""The page about two releases: reasons found by their patterns, and none of them idle."""

from __future__ import annotations

from pathlib import Path

import yaml

from benchmarks.releases import WHY, document
from conformance import packaged
from conformance.comparing import compare
from conformance.journal import Record
from tests.render.made_journals import case, mismatch, result, run

REASONS = [{"was": "^error: KeyError", "now": "^mismatch", "why": "no *such* key"}, {"now": "^match", "why": "mended"}]


def test_changes_of_one_reason_are_one_row_and_others_say_so(tmp_path: Path) -> None:
    cases = [case(f"a/b/{number}") for number in range(4)]
    about = {"onnx2keras": {"packages": {"onnx2keras": "1"}, "control": ""}}
    key, other = (Record(failure={"exception": name, "message": "x"}) for name in ("KeyError", "OSError"))
    first = [
        result(cases[0], "onnx2keras", "pads", "error", **key),
        result(cases[1], "onnx2keras", "pads", "error", **key),
    ]
    first += [result(each, "onnx2keras", "pads", "error", **other) for each in cases[2:]]
    second = [mismatch(cases[0], "onnx2keras", "pads", causes=["layout", "dtype"])]
    second += [mismatch(each, "onnx2keras", "pads", causes=["layout"]) for each in cases[1:3]]
    second.append(result(cases[3], "onnx2keras", "pads"))
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    runs = [run(tmp_path / name, *cases, *done, runners=about) for name, done in (("old", first), ("new", second))]
    lines = "\n".join(document(compare(*runs), REASONS)).splitlines()
    assert any(line.startswith("| <code>layout</code> | 0 | 3 | channels taken for the last axis") for line in lines)
    assert "## Changed for the worse: 3 jobs" in lines
    rows = [line for line in lines if line.startswith(("| 1 |", "| 2 |"))]
    assert rows == [
        r"| 2 | error: KeyError: x 2 | mismatch: layout 2, mismatch: dtype 1 | no \*such\* key |",
        "| 1 | error: OSError: x 1 | mismatch: layout 1 | not looked into |",
        "| 1 | error: OSError: x 1 | match 1 | mended |",
    ]


def test_the_page_says_why_of_every_change_and_needs_every_reason() -> None:
    text = (packaged.ROOT / "docs" / "releases.md").read_text("utf-8").replace("\\", "")
    assert "not looked into" not in text
    for reason in yaml.safe_load(WHY.read_text("utf-8")):
        assert reason["why"] in text, reason
