from __future__ import annotations

from pathlib import Path

from conformance.journal import Run
from conformance.render import text
from conformance.render.digest import digest
from tests.render.made_journals import case, hostile, mismatch, result, run, varied


def lines(found: Run, report: Path | None = None) -> list[str]:
    return list(text.lines(digest(found), report))


def test_a_line_for_each_job_that_breaks_the_gate_and_for_each_stale_entry(tmp_path: Path) -> None:
    assert lines(varied(tmp_path))[:5] == [
        "regression mismatch made/one torch/explicit symmetric-for-asymmetric",
        "regression crash made/two keras/same -",
        "changed error made/one keras/same -",
        "fixed match made/two torch/explicit -",
        "stale mismatch expectations/torch.yaml:9:5 torch layout",
    ]


def test_composed_causes_are_one_word(tmp_path: Path) -> None:
    about = case("made/one")
    found = lines(run(tmp_path, about, mismatch(about, causes=["bias-dropped", "dilation-ignored"])))
    assert found[0].split() == ["regression", "mismatch", "made/one", "torch/explicit", "bias-dropped+dilation-ignored"]


def test_the_sums_come_last(tmp_path: Path) -> None:
    found = lines(varied(tmp_path), Path("reports/latest/report.html"))
    assert "8 jobs: 2 mismatch, 1 crash, 1 error, 1 unsupported, 1 hazard, 2 match" in found
    assert "not installed: tf1: pip install tensorflow" in found
    assert any(line.startswith("defect: symmetric-for-asymmetric: 1 job: the same pads on both") for line in found)
    assert found[-3].startswith("summary: 2 regressions; 1 changed; 1 fixed;")
    assert found[-2:] == [
        "gate: The gate does not hold: 2 regressions, 1 changed, 1 fixed, 1 stale expectation",
        "report: reports/latest/report.html",
    ]


def test_jobs_that_hold_have_no_line(tmp_path: Path) -> None:
    about = case("made/one")
    known = mismatch(about, gate="known")
    found = lines(run(tmp_path, about, known, result(about, "torch", "same")))
    assert not [line for line in found if "made/one" in line]
    assert found[-1] == "gate: The gate holds"


def test_no_line_is_a_command_to_a_ci_system(tmp_path: Path) -> None:
    about = case("::error::made")
    words = "::stop-commands::x\n::error::y\r\n ##[error]z"
    failure = {"message": words, "exception": words}
    bad = result(about, "::add-mask::t", "##[command]v", "error", gate="", failure=failure)
    for found in (run(tmp_path, about, bad, missing={"::a": words}), hostile(tmp_path)):
        for line in lines(found):
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
            assert line.isprintable()
