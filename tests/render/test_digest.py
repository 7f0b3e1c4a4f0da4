from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from conformance.render import markdown, summary_json, terminal
from conformance.render.digest import COMPUTED, digest, explain
from tests.render.made_journals import case, mismatch, result, run, varied


def test_everything_is_counted(tmp_path: Path) -> None:
    found = digest(varied(tmp_path))
    assert {name: count for name, count in found.verdicts.items() if count} == {
        "mismatch": 2,
        "crash": 1,
        "error": 1,
        "unsupported": 1,
        "hazard": 1,
        "match": 2,
    }
    assert found.gates == {
        "regression": 2,
        "changed": 1,
        "fixed": 1,
        "expired": 0,
        "stale": 1,
        "new": 0,
        "known": 2,
        "ok": 2,
    }
    assert (found.planned, found.recorded, found.complete, found.holds) == (8, 8, True, False)


def test_the_sentence_counts_what_matters(tmp_path: Path) -> None:
    assert digest(varied(tmp_path)).sentence == (
        "2 regressions; 1 changed; 1 fixed; 1 stale expectation; 2 known; 1 hazard; 2 of 8 jobs match; 0 did not run"
    )


def test_a_run_without_surprises_holds(tmp_path: Path) -> None:
    about = case("made/one")
    found = digest(run(tmp_path, about, result(about, "torch", "same"), mismatch(about, gate="known")))
    assert found.holds
    assert found.sentence == "0 regressions; 1 known; 1 of 2 jobs match; 0 did not run"
    assert found.gate_line == "The gate holds"


def test_jobs_without_a_result_did_not_run(tmp_path: Path) -> None:
    about = case("made/one")
    found = digest(run(tmp_path, about, result(about, "torch", "same"), planned=5, footer={}))
    assert found.sentence.startswith("INCOMPLETE, 1 of 5 jobs recorded; ")
    assert found.sentence.endswith("1 of 5 jobs match; 4 did not run")
    assert not found.holds
    assert "INCOMPLETE" in found.gate_line


def test_a_footer_alone_does_not_make_a_run_complete(tmp_path: Path) -> None:
    about = case("made/one")
    not_run = result(about, "torch", "explicit", "not_run", failure={"message": "quarantined"})
    found = digest(run(tmp_path, about, result(about, "torch", "same"), not_run))
    assert not found.holds
    assert found.not_run == 1
    assert "INCOMPLETE" in found.sentence


def test_a_gate_result_that_nobody_knows_does_not_hold(tmp_path: Path) -> None:
    about = case("made/one")
    found = digest(run(tmp_path, about, result(about, "torch", "same", gate="dubious")))
    assert not found.holds
    assert "1 dubious" in found.gate_line


def test_what_breaks_the_gate_comes_first_and_controls_last(tmp_path: Path) -> None:
    found = digest(varied(tmp_path))
    assert [(job.gate, job.verdict, job.where) for job in found.worst] == [
        ("regression", "mismatch", "torch/explicit"),
        ("regression", "crash", "keras/same"),
        ("changed", "error", "keras/same"),
        ("fixed", "match", "torch/explicit"),
        ("known", "unsupported", "torch/same"),
        ("known", "mismatch", "broken/pads"),
        ("ok", "hazard", "torch/symmetric"),
    ]


def test_a_wrong_number_is_worse_than_any_other_ending(tmp_path: Path) -> None:
    about = case("made/one")
    order = ["mismatch", "crash", "timeout", "error", "unsupported", "not_run"]
    results = [result(about, "torch", verdict, verdict) for verdict in reversed(order)]
    assert [job.verdict for job in digest(run(tmp_path, about, *results)).worst] == order


def test_hazards_and_defects_have_rankings_of_their_own(tmp_path: Path) -> None:
    found = digest(varied(tmp_path))
    assert [(cause.name, cause.jobs, cause.controls) for cause in found.defects] == [
        ("symmetric-for-asymmetric", 1, 0),
        ("bias-dropped", 1, 1),
        ("dilation-ignored", 1, 1),
    ]
    assert [(cause.name, cause.touches) for cause in found.hazards] == [
        ("symmetric-for-asymmetric", (("torch/symmetric", 1),))
    ]


def test_causes_are_ranked_by_jobs(tmp_path: Path) -> None:
    abouts = [case(f"made/c{number}") for number in range(4)]
    results = [mismatch(about, causes=["layout" if number else "dtype"]) for number, about in enumerate(abouts)]
    results.append(mismatch(abouts[0], "keras", causes=["layout", "unattributed"]))
    found = digest(run(tmp_path, *abouts, *results))
    assert [(cause.name, cause.jobs) for cause in found.defects] == [("layout", 4), ("dtype", 1), ("unattributed", 1)]
    assert found.defects[0].touches == (("torch/explicit", 3), ("keras/explicit", 1))
    assert found.unattributed == 1


def test_failures_that_differ_in_their_sizes_are_alike(tmp_path: Path) -> None:
    abouts = [case(f"made/c{number}") for number in range(3)]
    messages = ["bad shape (1, 2)", "bad shape (3, 4, 5)", "no memory"]
    results = [
        result(about, "torch", "same", "error", failure={"message": message, "exception": "ValueError"})
        for about, message in zip(abouts, messages, strict=True)
    ]
    found = digest(run(tmp_path, *abouts, *results))
    assert [(cause.jobs, cause.meaning) for cause in found.refusals] == [
        (2, "ValueError: bad shape (1, 2)"),
        (1, "ValueError: no memory"),
    ]
    assert [(finding.job.id, finding.alike) for finding in found.findings] == [("made/c0", 2), ("made/c2", 1)]


def test_each_job_is_explained_in_one_line() -> None:
    about = case("made/one")
    assert explain(mismatch(about)) == (
        "pads (1,0) where (0,1) is asked for; expected 4, got -7 at [0, 0, 1]; 2 of 3 elements differ, by up to 11"
    )
    shapes = {"expected_shape": [1, 1, 3], "got_shape": [1, 1, 2]}
    assert explain(mismatch(about, evidence="", difference=None, sample=shapes)) == (
        "shape [1, 1, 2] where [1, 1, 3] is asked for"
    )
    failure = {"message": "\x1b[1mno\x1b[0m\nway", "stage": "load", "exception": "OSError"}
    assert explain(result(about, "torch", "same", "error", failure=failure)) == "OSError: no way (stage load)"
    failure = {"message": "the worker died by SIGSEGV", "stage": "run", "again": "only after others"}
    assert explain(result(about, "torch", "same", "crash", failure=failure)) == (
        "the worker died by SIGSEGV (stage run; only after others)"
    )
    assert explain(result(about, "torch", "same", inexact=True)) == (
        "matches, though sums of integers are not integers: by no algorithm that is known (precision)"
    )
    assert explain(result(about, "torch", "same", inexact=True, algorithm="fft")) == (
        "matches, though sums of integers are not integers: within the bound of fft"
    )
    assert explain(result(about, "torch", "same", algorithm="tf32")) == (
        "matches, outside the bound of a direct sum and within that of tf32"
    )
    hazard = result(about, "torch", "same", "hazard", evidence="pads (1,0) where (0,1) is asked for", algorithm="tf32")
    assert explain(hazard).endswith("is asked for; outside the bound of a direct sum and within that of tf32")
    fixed = result(about, "torch", "same", gate="fixed", expectation={"reason": "ignores it"})
    assert explain(fixed) == "matches, against what is expected: ignores it"


def test_an_inexact_match_is_worth_a_look_after_all_else(tmp_path: Path) -> None:
    about = case("made/one")
    hazard = result(about, "torch", "symmetric", "hazard", causes=["pad-amount"])
    found = digest(run(tmp_path, about, result(about, "torch", "same", inexact=True), hazard))
    assert [job.where for job in found.worst] == ["torch/symmetric", "torch/same"]
    assert found.holds


def test_algorithms_are_counted_where_they_are_used(tmp_path: Path) -> None:
    one, two = case("made/one"), case("made/two")
    inexact = result(two, "torch", "same", inexact=True)
    named = [result(about, "torch", "explicit", algorithm="tf32") for about in (one, two)]
    journal = run(tmp_path, one, two, result(one, "torch", "same"), inexact, *named)
    found = digest(journal)
    assert [(cause.name, cause.touches) for cause in found.algorithms] == [
        ("tf32", (("torch/explicit", 2),)),
        ("precision", (("torch/same", 1),)),
    ]
    assert all(cause.meaning for cause in found.algorithms)
    assert found.holds
    shown = StringIO()
    terminal.summarise(Console(file=shown, width=100), found)
    for text in (shown.getvalue(), markdown.render(journal, found)):
        assert COMPUTED in text
        assert "tf32" in text
    assert summary_json.summary(journal, found)["algorithms"][0]["name"] == "tf32"


def test_runners_stand_in_the_header_s_order_with_their_variants(tmp_path: Path) -> None:
    found = digest(varied(tmp_path))
    assert [(runner.name, runner.variants, runner.control) for runner in found.runners] == [
        ("torch", ("explicit", "same", "symmetric"), ""),
        ("keras", ("same",), ""),
        ("broken", ("pads",), "broken on purpose"),
    ]
