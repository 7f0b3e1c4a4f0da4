from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from conformance.journal import Run
from conformance.render import terminal
from conformance.render.digest import digest
from tests.render.made_journals import HOSTILE, case, hostile, mismatch, result, run, varied


def printed(found: Run, report: Path | None = None, width: int = 200, color: bool = False) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=color, color_system="truecolor" if color else None)
    terminal.summarise(console, digest(found), report)
    return text.getvalue()


def test_the_summary_has_counts_causes_the_worst_jobs_the_gate_and_the_report(tmp_path: Path) -> None:
    text = printed(varied(tmp_path), Path("reports/latest/report.html"))
    assert "8 jobs: 2 mismatch, 1 crash, 1 error, 1 unsupported, 1 hazard, 2 match" in text
    assert re.search(r"1 +symmetric-for-asymmetric +the same pads on both sides", text)
    assert "torch/explicit  made/one" in text
    assert "pads (1,0) where (0,1) is asked for; expected 4, got -7" in text
    assert "stale expectation expectations/torch.yaml:9:5" in text
    assert "The gate does not hold: 2 regressions, 1 changed, 1 fixed, 1 stale expectation" in text
    assert "pip install tensorflow" in text
    assert re.search(r"by up to 11 *\n +write instead: torch/same *\n", text)
    assert text.count("write instead") == 1  # the others have none
    assert text.endswith("Report: reports/latest/report.html\n")


def test_known_jobs_are_not_among_those_that_break_the_gate(tmp_path: Path) -> None:
    text = printed(varied(tmp_path))
    assert "which break the gate" in text
    assert "broken/pads  made/one" not in text


def test_where_the_gate_holds_the_worst_jobs_are_called_known(tmp_path: Path) -> None:
    about = case("made/one")
    text = printed(run(tmp_path, about, mismatch(about, gate="known")))
    assert "all of them known or new" in text
    assert "torch/explicit  made/one" in text
    assert "The gate holds" in text


def test_a_negative_control_is_marked(tmp_path: Path) -> None:
    about = case("made/one")
    header = {"torch": {"packages": {}, "control": "broken on purpose"}}
    text = printed(run(tmp_path, about, mismatch(about), runners=header))
    assert "(negative control)" in text
    assert "1 in negative controls" in text


def test_an_incomplete_run_says_so(tmp_path: Path) -> None:
    about = case("made/one")
    text = printed(run(tmp_path, about, result(about, "torch", "same"), planned=2, footer={}))
    assert "INCOMPLETE, 1 of 2 jobs recorded" in text
    assert "The run is INCOMPLETE, so the gate does not hold" in text


def test_hostile_text_reaches_the_terminal_as_text(tmp_path: Path) -> None:
    plain = printed(hostile(tmp_path), width=400)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", plain)
    assert "[bold]x[/bold]" in plain
    coloured = printed(hostile(tmp_path), width=400, color=True)
    assert "\x1b[31m [bold]" not in coloured
    assert HOSTILE not in coloured


def test_console_markup_in_any_text_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    about = case("made/[red]case[/red]")
    failure = {"message": "[red]message[/red]", "exception": "[red]Error[/red]"}
    found = run(
        tmp_path,
        about,
        mismatch(
            about,
            "[red]torch[/red]",
            evidence="[red]evidence[/red]",
            causes=["[red]cause[/red]"],
            fix={"variant": "[red]variant[/red]", "code": ""},
        ),
        result(about, "torch", "same", "error", failure=failure),
        missing={"[red]missing[/red]": "[red]command[/red]"},
        footer={"stale": [{"where": "[red]where[/red]", "reason": "[red]reason[/red]"}]},
    )
    text = printed(found, Path("[red]folder[/red]"))
    words = (
        "case",
        "message",
        "Error",
        "torch",
        "evidence",
        "cause",
        "variant",
        "missing",
        "command",
        "where",
        "reason",
        "folder",
    )
    for word in words:
        assert f"[red]{word}[/red]" in text
    assert text.count("[red]evidence[/red]; expected 4") == 1  # the job's line
    assert text.count("[red]Error[/red]: [red]message[/red]") == 2  # the ranking's, and the job's line


def test_every_job_that_breaks_the_gate_is_named(tmp_path: Path) -> None:
    wrong, known = [case(f"made/wrong-{number}") for number in range(5)], case("made/known")
    jobs = [mismatch(about, gate="regression") for about in wrong]
    text = printed(run(tmp_path, *wrong, known, *jobs, mismatch(known, gate="known")))
    named = re.findall(r"^  regression torch/explicit (\S+)$", text, re.MULTILINE)
    assert named == [f"made/wrong-{number}" for number in range(5)]
    assert "5 jobs that break the gate" in text
