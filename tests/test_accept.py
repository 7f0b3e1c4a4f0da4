from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from conformance import accept, expectations, journal
from conformance.domain.case import Case
from conformance.gate import Gate, failing

Ending = dict[str, Any]
MATCH: Ending = {"verdict": "match", "causes": []}


def mismatch(*causes: str, alternatives: tuple[tuple[str, ...], ...] = ()) -> Ending:
    return {"verdict": "mismatch", "causes": list(causes), "alternatives": [list(one) for one in alternatives]}


def error(message: str) -> Ending:
    return {"verdict": "error", "causes": [], "failure": {"message": message}}


def run_of(ends: Callable[[Case, str], Ending], folder: Path) -> journal.Run:
    """A finished run of 48 cases in two variants whose jobs end as a function says."""
    header = {
        "planned": 96,
        "cases": "1.0",
        "platform": "linux-x86_64",
        "selection": {"narrowed": False},
        "runners": {"fake": {"packages": {"fakelib": "1.0"}}},
    }
    run = journal.Run(folder, header, footer={})
    for rank, stride, dilation, bias, size in product((1, 2), (1, 2), (1, 2), (False, True), (6, 7, 9)):
        case = Case(
            f"t/r{rank}-s{stride}-d{dilation}-{bias}-{size}".lower(),
            "conv",
            (size,) * rank,
            (3,) * rank,
            (stride,) * rank,
            (dilation,) * rank,
            "same",
            bias=bias,
        )
        run.cases[case.id] = journal.case_record(case)
        for variant in ("pads", "auto_pad"):
            named = {"case": case.id, "runner": "fake", "variant": variant}
            run.results.append({**named, "outcome": "", "gate": "", **ends(case, variant)})
    return run


def judged(run: journal.Run, folder: Path) -> list[str]:
    """What the gate says of a run against a folder of expectations, stale entries included."""
    gate = Gate(expectations.load([folder]), run.header, "2026-01-01")
    results = [gate.judge(run.case_of(result), result)[0] for result in run.results]
    return failing(results) + ["stale" for entry in gate.stale() if entry.runner == "fake"]


def accepted(run: journal.Run, folder: Path, reason: str = "because") -> str:
    """The text that accepting a run writes."""
    (change,) = accept.accept(run, folder)
    change.write(reason)
    return change.path.read_text("utf-8")


def composed(case: Case, variant: str) -> Ending:
    """Defects that compose: the bias dropped, dilation ignored, and a refusal that hides both."""
    if variant == "auto_pad" and case.stride[0] > 1:
        return error(f"cannot convert strides of {case.stride}, sorry")
    causes = []
    if case.rank == 1 and max(case.dilation) > 1:
        causes.append("dilation-ignored")
    if case.rank == 1 and case.bias:
        causes.append("bias-dropped")
    return mismatch(*causes) if causes else MATCH


def test_the_gate_holds_after_accepting_and_there_is_nothing_more_to_accept(tmp_path: Path) -> None:
    run = run_of(composed, tmp_path)
    assert judged(run, tmp_path / ".") != []
    accepted(run, tmp_path)
    assert judged(run, tmp_path) == []
    assert accept.accept(run, tmp_path) == []


def test_defects_that_compose_are_one_entry_each(tmp_path: Path) -> None:
    text = accepted(run_of(composed, tmp_path), tmp_path)
    assert text.count("- when:") == 3
    assert "causes: [dilation-ignored]" in text
    assert "causes: [bias-dropped]" in text
    assert 'message: "cannot convert strides of"' in text


def test_an_explanation_that_fits_as_well_needs_no_entry_of_its_own(tmp_path: Path) -> None:
    def ends(case: Case, variant: str) -> Ending:
        if not case.bias:
            return MATCH
        if case.rank == 1:
            return mismatch("same-for-explicit")
        return mismatch("symmetric-for-asymmetric", alternatives=(("same-for-explicit",),))

    run = run_of(ends, tmp_path)
    text = accepted(run, tmp_path)
    assert judged(run, tmp_path) == []
    assert text.count("- when:") <= 2


def test_a_rule_reaches_no_job_that_is_right(tmp_path: Path) -> None:
    def ends(case: Case, variant: str) -> Ending:
        return mismatch("pad-amount") if case.id == "t/r2-s2-d1-true-7" and variant == "pads" else MATCH

    run = run_of(ends, tmp_path)
    accepted(run, tmp_path)
    assert judged(run, tmp_path) == []


def test_entries_that_hold_keep_their_text_and_comments_and_others_go(tmp_path: Path) -> None:
    (tmp_path / "fake.yaml").write_text(
        "# Kept at the top.\n"
        'schema: 1\nrunner: fake\ncases: "1.0"\nknown:\n'
        "  # Why this is so.\n"
        "  - when: {rank: 1, bias: true}\n    verdict: mismatch\n    causes: [bias-dropped]\n    reason: by hand\n"
        "  # This was mended.\n"
        "  - when: {rank: 2, bias: true}\n    verdict: mismatch\n    causes: [bias-dropped]\n    reason: was so\n",
        "utf-8",
    )
    run = run_of(composed, tmp_path)
    text = accepted(run, tmp_path)
    assert judged(run, tmp_path) == []
    assert text.startswith("# Kept at the top.\n")
    assert "  # Why this is so.\n  - when: {rank: 1, bias: true}\n" in text
    assert "reason: by hand" in text
    assert "was so" not in text
    assert "This was mended" not in text


def test_the_difference_is_shown_and_the_reason_is_written_as_given(tmp_path: Path) -> None:
    (change,) = accept.accept(run_of(composed, tmp_path), tmp_path)
    assert change.new == 3
    assert "+    causes: [bias-dropped]" in change.diff
    assert not change.path.exists()
    change.write('quotes " and: colons')
    assert {entry.reason for entry in expectations.read_file(change.path).known} == {'quotes " and: colons'}


def test_a_run_that_is_right_empties_a_file_and_makes_none(tmp_path: Path) -> None:
    run = run_of(lambda case, variant: MATCH, tmp_path)
    assert accept.accept(run, tmp_path) == []
    accepted(run_of(composed, tmp_path), tmp_path)
    text = accepted(run, tmp_path)
    assert "known: []" in text
    assert judged(run, tmp_path) == []


def test_only_the_runners_that_are_named_are_rewritten(tmp_path: Path) -> None:
    run = run_of(composed, tmp_path)
    assert accept.accept(run, tmp_path, ["other*"]) == []
    assert len(accept.accept(run, tmp_path, ["fa*"])) == 1
