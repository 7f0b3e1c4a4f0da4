"""The table of reported mismatches: every report is in it once, and it says what today's frameworks do."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from benchmarks import reported
from conformance import cases, pipeline
from conformance.domain.causes import CAUSES
from tests.fakes import ROOT

CASES = cases.load([Path(ROOT) / "cases" / "reported"])
OPEN = yaml.safe_load(reported.OPEN.read_text("utf-8"))
DOCUMENT = (Path(ROOT) / "docs" / "reported.md").read_text("utf-8")


def test_there_are_202_reports_each_of_them_once() -> None:
    names = [case.id.rsplit("/", 1)[1] for case in CASES] + [report["id"] for report in OPEN]
    assert len(set(names)) == len(names) == 202


def test_a_report_has_its_own_source_and_what_it_says() -> None:
    for case in CASES:
        assert "/" in case.source, case.id
        assert case.note, case.id
        assert case.tags[0] in CAUSES, case.id
    for report in OPEN:
        assert set(report) == {"id", "source", "title", "open"}, report
        assert all(report.values()), report


def result(runner: str, variant: str, verdict: str, *causes: str) -> dict[str, object]:
    return {"runner": runner, "variant": variant, "verdict": verdict, "causes": list(causes)}


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([result("a", "x", "match")], "not shown"),
        ([result("a", "x", "mismatch", "pad-value", "bias-dropped")], "shown by `a/x`"),
        ([result("a", "x", "hazard", "pad-value")], "shown by `a/x` by habit"),
        ([result("a", "x", "mismatch", "bias-dropped")], "not shown; wrong with bias-dropped: `a/x`"),
        ([result("a", "x", "unsupported"), result("b", "x", "error")], "not shown; refused by `a/x`; raises in `b/x`"),
        (
            [result("a", name, "mismatch", "pad-value") for name in ("x", "x-change-ordering", "y")],
            "shown by `a/x`, `a/y`",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_case_shows_today(results: list[dict[str, object]], text: str) -> None:
    assert reported.today({"tags": ["pad-value"]}, results) == text


def test_an_incomplete_run_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results.jsonl").write_text('{"kind":"header","schema":1,"planned":1,"runners":{}}\n', "utf-8")
    monkeypatch.setattr(sys, "argv", ["reported", str(tmp_path)])
    with pytest.raises(SystemExit, match="the run is incomplete"):
        reported.main()


def test_the_document_is_what_the_command_prints(tmp_path: Path) -> None:
    for name in ("torch", "tensorflow", "keras", "onnxruntime", "onnx2keras"):
        assert f"{name} {version(name)}" in DOCUMENT, "the document is about other versions: print it again"
    run = pipeline.run(pipeline.Options(paths=(Path(ROOT) / "cases" / "reported",), out=tmp_path)).run
    assert "\n".join([*reported.document(run), ""]) == DOCUMENT
