from __future__ import annotations

from pathlib import Path

from conformance.render import markdown
from conformance.render.digest import digest
from tests.render.made_journals import hostile, varied


def test_the_page_has_verdicts_by_runner_causes_and_failing_jobs(tmp_path: Path) -> None:
    found = varied(tmp_path)
    lines = markdown.render(found, digest(found)).splitlines()
    assert lines[2] == f"**{digest(found).sentence}**"
    assert "| runner / variant | mismatch | crash | error | unsupported | hazard | match |" in lines
    assert "| torch / explicit | 1 |  |  |  |  | 1 |" in lines
    assert r"| broken \(negative control\) / pads | 1 |  |  |  |  |  |" in lines
    assert "| **all** | **2** | **1** | **1** | **1** | **1** | **2** |" in lines
    assert any(line.startswith("| 1 job | <code>symmetric-for-asymmetric</code> |") for line in lines)
    assert any(line.startswith("| regression | crash | keras/same |") for line in lines)
    assert [line for line in lines if "write instead" in line] == [
        line for line in lines if line.endswith("by up to 11; write instead: <code>torch/same</code> |")
    ]
    assert sum("write instead" in line for line in lines) == 1
    assert not any(line.startswith("| known") for line in lines)


def test_hostile_text_stays_in_its_cell(tmp_path: Path) -> None:
    found = hostile(tmp_path)
    text = markdown.render(found, digest(found))
    assert "<script" not in text
    assert "<img" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    for line in tables:
        cells = line.replace(r"\|", "").count("|") - 1
        assert cells in (3, 4, 5), line


def test_text_is_neither_a_mention_nor_a_link() -> None:
    assert "@someone" not in markdown.escape("@someone")
    assert "https://" not in markdown.escape("https://example.org")
    assert markdown.escape("a|b*c_d`e\nf") == r"a\|b\*c\_d\`e f"
