"""docs/found.md and its reports are of the cases that they name, as the runners write them today."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import cases, plan, runners

FOLDER = Path(__file__).parents[1] / "docs" / "found"
ABOUT: list[dict[str, Any]] = yaml.safe_load((FOLDER / "about.yaml").read_text("utf-8"))
CASES = {case.id.partition("/")[2]: case for case in cases.load([FOLDER / "found.yaml"])}


def test_every_case_is_told_of_and_has_its_report() -> None:
    assert [entry["case"] for entry in ABOUT] == list(CASES)
    assert {path.stem for path in FOLDER.glob("*.md")} == set(CASES)
    page = (FOLDER.parent / "found.md").read_text("utf-8")
    assert sorted(re.findall(r"\(found/(.*)\.md\)", page)) == sorted(CASES)


@pytest.mark.parametrize("entry", ABOUT, ids=lambda entry: entry["case"])
def test_a_report_has_what_the_runner_writes(entry: dict[str, Any]) -> None:
    name, _, variant = entry["runner"].partition("/")
    (job,) = plan.spelled(CASES[entry["case"]], name, runners.load(name), [variant])
    report = (FOLDER / f"{entry['case']}.md").read_text("utf-8")
    assert report.startswith(f"# {entry['title']}\n")
    assert job.spelling.code in report
    assert " ".join(entry["where"].split()) in report
    for package in runners.load(name).distributions:
        assert re.search(rf"^python [\d.]+, .*{package} [\d.]+", report, re.MULTILINE)
