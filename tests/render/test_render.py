from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance import render
from conformance.render import html, junit
from tests.render.made_journals import hostile, varied

FILES = ["junit.xml", "report.html", "results.jsonl", "results.sarif", "summary.json", "summary.md"]


def test_a_run_folder_gets_its_reports(tmp_path: Path) -> None:
    assert render.write(varied(tmp_path), tmp_path) == tmp_path / "report.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["planned"] == 8
    ElementTree.parse(tmp_path / "junit.xml")


def test_twice_from_the_same_journal_gives_the_same_bytes(tmp_path: Path) -> None:
    def written() -> dict[str, bytes]:
        render.write(hostile(tmp_path), tmp_path)
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert written() == written()


def test_pages_of_an_earlier_longer_report_are_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report-of-mine.html").write_text("")
    with monkeypatch.context() as short:
        short.setattr(html, "INLINE", 2)
        render.write(varied(tmp_path), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("report*")) == ["report-2.html", "report-of-mine.html", FILES[1]]
    render.write(varied(tmp_path), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("report*")) == ["report-of-mine.html", FILES[1]]


def test_a_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    report = render.write(varied(tmp_path), tmp_path)
    with report.open("rb") as reader:
        before = reader.read(100)
        render.write(hostile(tmp_path), tmp_path)
        reader.seek(0)
        assert reader.read(100) == before
        assert b"made/two" in reader.read()
    assert b"made/two" not in report.read_bytes()


def test_a_renderer_that_fails_leaves_the_old_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render.write(varied(tmp_path), tmp_path)
    before = (tmp_path / "report.html").read_bytes()

    def fail(*_: object) -> str:
        raise OSError("no")

    monkeypatch.setattr(junit, "render", fail)
    with pytest.raises(OSError, match="no"):
        render.write(hostile(tmp_path), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
