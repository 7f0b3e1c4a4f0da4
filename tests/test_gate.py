"""The gate: every row of its table, and what decides where several entries reach a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance import expectations, gate, packaged, pipeline
from conformance.domain.case import Case
from conformance.domain.records import FAILURES, GATES, HOLDING
from conformance.gate import Gate
from conformance.journal import Record, case_record
from conformance.pipeline import Options
from tests.small_runs import FAKES, case_file

TODAY = "2026-11-20"
CASE = Case("t/f/a", "conv", (6,), (3,), (2,), (1,), "same", bias=True, since="1.0")
Judging = Callable[..., Gate]


def header(**changes: Any) -> dict[str, Any]:
    """A run of everything with one runner."""
    runner = {"packages": {"fake": "1.4"}, "narrowed": False}
    return {"selection": {"narrowed": False}, "platform": "linux-x86_64", "runners": {"fake": runner}, **changes}


@pytest.fixture
def judging(tmp_path: Path) -> Judging:
    """A gate with entries, each the lines of one in a file of case set 1.2."""

    def make(*entries: str, about: dict[str, Any] | None = None, cases: str = "1.2") -> Gate:
        text = f'schema: 1\nrunner: fake\ncases: "{cases}"\nknown:\n'
        for entry in entries:
            text += "  - reason: it is so\n" + "".join(f"    {line.strip()}\n" for line in entry.split(";"))
        (tmp_path / "fake.yaml").write_text(text, "utf-8")
        found = expectations.read_file(tmp_path / "fake.yaml")
        return Gate({"fake": found}, header() if about is None else about, TODAY)

    return make


def result(verdict: str, causes: Sequence[str] = (), message: str = "", **fields: Any) -> Record:
    """A job's result as the gate sees it."""
    found = {"runner": "fake", "variant": "v", "verdict": verdict, "causes": list(causes), **fields}
    return {**found, "failure": {"message": message}} if message else found


def decided(gate_: Gate, found: Record, case: Case = CASE) -> str:
    """The gate's word for a result."""
    return gate_.judge(case_record(case), found)[0]


BIAS = "when: {rank: 1}; verdict: mismatch; causes: [bias-dropped]"
SAME = "when: {bias: true}; verdict: mismatch; causes: [same-for-explicit]"
ERROR = "when: {stride: 2}; verdict: error; message: cannot stride"
REFUSAL = 'when: {stride: ">1"}; verdict: unsupported; message: not supported'
ELSEWHERE = "when: {rank: 2}; verdict: mismatch; causes: [bias-dropped]"

MISMATCH = result("mismatch", ["bias-dropped"])


@pytest.mark.parametrize("entries", [(), (ELSEWHERE,)], ids=["none", "elsewhere"])
@pytest.mark.parametrize("verdict", ["match", "hazard"])
def test_right_where_nothing_is_known_is_ok(judging: Judging, entries: tuple[str, ...], verdict: str) -> None:
    assert decided(judging(*entries), result(verdict)) == "ok"


@pytest.mark.parametrize("entries", [(), (ELSEWHERE,)], ids=["none", "elsewhere"])
@pytest.mark.parametrize("verdict", FAILURES)
def test_wrong_where_nothing_is_known_is_a_regression(judging: Judging, entries: tuple[str, ...], verdict: str) -> None:
    assert decided(judging(*entries), result(verdict, message="m")) == "regression"


def test_a_runner_without_expectations_has_no_known_failures() -> None:
    empty = Gate({}, header(), TODAY)
    assert decided(empty, result("match")) == "ok"
    assert decided(empty, MISMATCH) == "regression"
    assert decided(empty, MISMATCH, Case("t/f/a", "conv", (6,), (3,), (2,), (1,), "same", since="9.9")) == "regression"


def test_what_ends_exactly_as_expected_is_known(judging: Judging) -> None:
    holding = judging(BIAS, ELSEWHERE)
    word, entries = holding.judge(case_record(CASE), MISMATCH)
    assert word == "known"
    assert [entry.causes for entry in entries] == [("bias-dropped",)]
    assert entries[0].where.endswith("fake.yaml:5:5")


@pytest.mark.parametrize("verdict", [verdict for verdict in FAILURES if verdict != "mismatch"])
def test_an_ending_without_output_is_known_by_the_words_of_its_failure(judging: Judging, verdict: str) -> None:
    holding = judging(f"verdict: {verdict}; message: not supported")
    assert decided(holding, result(verdict, message="strides are not supported here")) == "known"
    assert decided(holding, result(verdict, message="out of memory")) == "changed"
    assert decided(holding, result(verdict)) == "changed"
    assert decided(judging(f"verdict: {verdict}"), result(verdict, message="whatever")) == "known"


@pytest.mark.parametrize(
    "found",
    [
        result("mismatch", ["pads-ignored"]),
        result("mismatch", ["bias-dropped", "pads-ignored"]),
        result("mismatch", []),
        result("mismatch", ["unattributed"]),
        result("error", message="it raised"),
        result("crash", message="died"),
        result("timeout", message="hangs"),
        result("unsupported", message="no"),
        result("not_run", message="never began"),
        result("hazard", ["symmetric-for-asymmetric"]),
    ],
    ids=lambda found: "-".join([found["verdict"], *found["causes"]]),
)
def test_what_ends_otherwise_than_expected_has_changed(judging: Judging, found: Record) -> None:
    assert decided(judging(BIAS), found) == "changed"


def test_what_is_right_where_it_was_wrong_is_fixed(judging: Judging) -> None:
    for entry in (BIAS, ERROR, REFUSAL):
        assert decided(judging(entry), result("match")) == "fixed"


@pytest.mark.parametrize(
    ("expires", "word"), [("2026-11-19", "expired"), ("2026-11-20", "known"), ("2026-11-21", "known")]
)
def test_an_entry_whose_date_has_passed_is_expired(judging: Judging, expires: str, word: str) -> None:
    assert decided(judging(f"{BIAS}; expires: {expires}"), MISMATCH) == word


def test_an_expired_entry_is_expired_however_the_job_ends(judging: Judging) -> None:
    overdue = judging(f"{BIAS}; expires: 2026-01-01")
    for found in (MISMATCH, result("match"), result("error", message="m")):
        assert decided(overdue, found) == "expired"
    word, entries = judging(SAME, f"{BIAS}; expires: 2026-01-01").judge(case_record(CASE), MISMATCH)
    assert word == "expired"
    assert [entry.expires for entry in entries] == ["2026-01-01"]


@pytest.mark.parametrize(
    ("since", "cases", "word"),
    [
        ("1.0", "1.2", "regression"),
        ("1.2", "1.2", "regression"),
        ("1.3", "1.2", "new"),
        ("1.10", "1.9", "new"),
        ("1.9", "1.10", "regression"),
        ("2.0", "1.9", "new"),
    ],
)
def test_a_failure_of_a_case_that_is_younger_than_the_expectations_is_new(
    judging: Judging, since: str, cases: str, word: str
) -> None:
    case = Case("t/f/a", "conv", (6,), (3,), (2,), (1,), "same", since=since)
    assert decided(judging(ELSEWHERE, cases=cases), MISMATCH, case) == word
    assert decided(judging(ELSEWHERE, cases=cases), result("match"), case) == "ok"


def test_entries_reach_young_cases_too(judging: Judging) -> None:
    case = Case("t/f/a", "conv", (6,), (3,), (2,), (1,), "same", since="9.0")
    assert decided(judging(BIAS), MISMATCH, case) == "known"
    assert decided(judging(BIAS), result("match"), case) == "fixed"


def test_the_causes_of_several_entries_are_joined(judging: Judging) -> None:
    both = judging(BIAS, SAME)
    for causes in (["bias-dropped", "same-for-explicit"], ["same-for-explicit", "bias-dropped"]):
        assert decided(both, result("mismatch", causes)) == "known"
    assert decided(both, MISMATCH) == "changed"
    assert decided(both, result("mismatch", ["same-for-explicit"])) == "changed"
    assert decided(both, result("mismatch", ["bias-dropped", "same-for-explicit", "dtype"])) == "changed"
    _, entries = both.judge(case_record(CASE), result("mismatch", ["bias-dropped", "same-for-explicit"]))
    assert len(entries) == 2


def test_entries_with_the_same_cause_agree(judging: Judging) -> None:
    assert decided(judging(BIAS, BIAS.replace("rank: 1", "bias: true")), MISMATCH) == "known"


def test_one_of_the_explanations_that_fit_is_enough(judging: Judging) -> None:
    found = result("mismatch", ["pad-amount"], alternatives=[["dilation-ignored"], ["bias-dropped"]])
    assert decided(judging(BIAS), found) == "known"
    assert decided(judging(SAME), found) == "changed"
    assert decided(judging(BIAS, SAME), found) == "changed"
    joined = result("mismatch", ["pad-amount"], alternatives=[["same-for-explicit", "bias-dropped"]])
    assert decided(judging(BIAS, SAME), joined) == "known"


@pytest.mark.parametrize("entries", [(BIAS, ERROR), (ERROR, BIAS), (SAME, ERROR, BIAS)], ids=len)
def test_an_entry_about_a_job_without_output_goes_before_those_about_its_numbers(
    judging: Judging, entries: tuple[str, ...]
) -> None:
    raising = judging(*entries)
    assert decided(raising, result("error", message="cannot stride so")) == "known"
    assert decided(raising, MISMATCH) == "changed"
    assert decided(raising, result("match")) == "fixed"
    _, found = raising.judge(case_record(CASE), result("error", message="cannot stride so"))
    assert [entry.verdict for entry in found] == ["error"]


def test_entries_that_contradict_each_other_never_hold(judging: Judging) -> None:
    torn = judging(ERROR, REFUSAL)
    assert decided(torn, result("error", message="cannot stride: not supported")) == "changed"
    assert decided(torn, result("unsupported", message="cannot stride: not supported")) == "changed"


def test_every_word_that_entries_ask_for_has_to_be_in_the_message(judging: Judging) -> None:
    both = judging(ERROR, "verdict: error; message: at all")
    assert decided(both, result("error", message="cannot stride at all")) == "known"
    assert decided(both, result("error", message="cannot stride")) == "changed"


def test_entries_reach_by_variant_version_and_platform(judging: Judging) -> None:
    def word(when: str, found: Record = MISMATCH) -> str:
        return decided(judging(f"when: {when}; verdict: mismatch; causes: [bias-dropped]"), found)

    assert word("{variant: v}") == "known"
    assert word("{variant: w}") == "regression"
    assert word('{versions: "fake<1.5"}') == "known"
    assert word('{versions: "fake>=1.5"}') == "regression"
    assert word("{platform: linux-x86_64}") == "known"
    assert word("{platform: darwin-arm64}") == "regression"
    assert word('{versions: "fake>=1.5"}', result("match")) == "ok"


def stale(gate_: Gate) -> list[str]:
    """What the stale entries ask for."""
    return [str(dict(entry.when)) for entry in gate_.stale()]


def test_an_entry_that_reaches_nothing_is_stale(judging: Judging) -> None:
    found = judging(BIAS, ELSEWHERE)
    assert len(found.stale()) == 2
    found.judge(case_record(CASE), MISMATCH)
    assert stale(found) == ["{'rank': 2}"]


def test_an_entry_that_reaches_a_job_is_not_stale_however_it_ends(judging: Judging) -> None:
    for ending in (result("match"), result("error", message="m"), result("not_run", message="m")):
        found = judging(BIAS, ERROR)
        found.judge(case_record(CASE), ending)
        assert found.stale() == []


def test_a_narrowed_selection_says_nothing_about_stale_entries(judging: Judging) -> None:
    assert judging(ELSEWHERE, about=header(selection={"narrowed": True})).stale() == []
    narrowed = {"fake": {"packages": {}, "narrowed": True}}
    assert judging(ELSEWHERE, about=header(runners=narrowed)).stale() == []


def test_a_runner_that_did_not_take_part_says_nothing_about_its_entries(judging: Judging) -> None:
    assert judging(ELSEWHERE, about=header(runners={})).stale() == []


@pytest.mark.parametrize(
    ("when", "is_stale"),
    [
        ('{rank: 2, versions: "fake<1.5"}', True),
        ('{rank: 2, versions: "fake>=1.5"}', False),
        ('{rank: 2, versions: "other>1"}', False),
        ("{rank: 2, platform: linux-x86_64}", True),
        ("{rank: 2, platform: darwin-arm64}", False),
        ('{rank: 2, platform: "linux-*", versions: "fake>=1.5"}', False),
    ],
)
def test_an_entry_about_another_version_or_platform_is_not_stale(judging: Judging, when: str, is_stale: bool) -> None:
    found = judging(f"when: {when}; verdict: mismatch; causes: [bias-dropped]")
    assert bool(found.stale()) is is_stale


def test_only_ok_known_and_new_hold() -> None:
    assert set(HOLDING) == {"ok", "known", "new"}
    assert set(GATES) == {"ok", "known", "new", "regression", "changed", "fixed", "expired", "stale"}
    assert gate.failing(["ok", "changed", "known", "fixed", "new", "expired", "regression"]) == [
        "changed",
        "fixed",
        "expired",
        "regression",
    ]


@pytest.mark.parametrize(
    ("gates", "stale_too", "complete", "status"),
    [
        (["ok", "known", "new"], False, True, 0),
        ([], False, True, 0),
        (["ok", "regression"], False, True, 1),
        (["changed"], False, True, 1),
        (["fixed"], False, True, 1),
        (["expired"], False, True, 1),
        (["ok"], True, True, 1),
        (["ok"], False, False, 2),
        (["regression"], True, False, 2),
    ],
)
def test_exit_status(judging: Judging, gates: list[str], stale_too: bool, complete: bool, status: int) -> None:
    entries = judging(ELSEWHERE).stale() if stale_too else []
    assert gate.exit_status(gates, entries, complete) == status


HERE = "versions: 'fake<1.5', platform: linux-x86_64"
ELSEWHERES = ("versions: 'fake>=1.5'", "versions: 'other>=1'", "platform: darwin-arm64")
OTHERWISE = result("mismatch", ["pads-ignored"])
RAISED = result("error", message="it raised")

ROWS = [
    # an entry whose `when` is            expires       since  ends as      says          with --strict-new
    (None,                                "",           "1.0", "match",     "ok",         "ok"),
    (None,                                "",           "1.0", "hazard",    "ok",         "ok"),
    (None,                                "",           "1.0", "said",      "regression", "regression"),
    (None,                                "",           "1.3", "match",     "ok",         "ok"),
    (None,                                "",           "1.3", "said",      "new",        "regression"),
    (None,                                "",           "1.3", "raised",    "new",        "regression"),
    ("rank: 1",                           "",           "1.0", "said",      "known",      "known"),
    ("rank: 1",                           "",           "1.0", "otherwise", "changed",    "changed"),
    ("rank: 1",                           "",           "1.0", "raised",    "changed",    "changed"),
    ("rank: 1",                           "",           "1.0", "hazard",    "changed",    "changed"),
    ("rank: 1",                           "",           "1.0", "match",     "fixed",      "fixed"),
    ("rank: 1",                           "",           "1.3", "said",      "known",      "known"),
    ("rank: 1",                           "",           "1.3", "otherwise", "changed",    "changed"),
    ("rank: 1",                           "",           "1.3", "match",     "fixed",      "fixed"),
    ("rank: 1",                           "2026-11-20", "1.0", "said",      "known",      "known"),
    ("rank: 1",                           "2026-11-19", "1.0", "said",      "expired",    "expired"),
    ("rank: 1",                           "2026-11-19", "1.0", "match",     "expired",    "expired"),
    ("rank: 1",                           "2026-11-19", "1.3", "otherwise", "expired",    "expired"),
    (f"rank: 1, {HERE}",                  "",           "1.0", "said",      "known",      "known"),
    (f"rank: 1, {HERE}",                  "",           "1.0", "match",     "fixed",      "fixed"),
    (f"rank: 1, {HERE}",                  "2026-11-19", "1.0", "said",      "expired",    "expired"),
    *(
        row
        for elsewhere in ELSEWHERES
        for row in [
            (f"rank: 1, {elsewhere}",     "",           "1.0", "said",      "regression", "regression"),
            (f"rank: 1, {elsewhere}",     "",           "1.0", "match",     "ok",         "ok"),
            (f"rank: 1, {elsewhere}",     "",           "1.3", "said",      "new",        "regression"),
            (f"rank: 1, {elsewhere}",     "2026-11-19", "1.0", "match",     "ok",         "ok"),
        ]
    ),
]  # fmt: skip


@pytest.mark.parametrize("about", ["whole", "cases", "variants"])
@pytest.mark.parametrize(("when", "expires", "since", "ends", "word", "strict"), ROWS)
def test_the_truth_table(
    judging: Judging, when: str | None, expires: str, since: str, ends: str, word: str, strict: str, about: str
) -> None:
    """What was left out of a run changes no job's word; it says what is stale."""
    found = {
        "match": result("match"),
        "hazard": result("hazard", ["symmetric-for-asymmetric"]),
        "said": MISMATCH,
        "otherwise": OTHERWISE,
        "raised": RAISED,
    }[ends]
    entry = f"when: {{{when}}}; verdict: mismatch; causes: [bias-dropped]" + (
        f"; expires: {expires}" if expires else ""
    )
    whole = judging(*([entry] if when else []), about=headers()[about])
    case = Case("t/f/a", "conv", (6,), (3,), (2,), (1,), "same", bias=True, since=since)
    assert decided(whole, found, case) == word
    assert whole.stale() == [], "reached, not about this run, or not there"
    assert decided(Gate(whole.expectations, whole.header, TODAY, strict_new=True), found, case) == strict


def headers() -> dict[str, dict[str, Any]]:
    """A whole run, one that left cases out, and one that left variants out."""
    some = {"fake": {"packages": {"fake": "1.4"}, "narrowed": True}}
    return {"whole": header(), "cases": header(selection={"narrowed": True}), "variants": header(runners=some)}


@pytest.mark.parametrize(
    ("when", "about", "is_stale"),
    [
        ("rank: 2", "whole", True),
        (f"rank: 2, {HERE}", "whole", True),
        ("variant: w", "whole", True),
        *((f"rank: 2, {elsewhere}", "whole", False) for elsewhere in ELSEWHERES),
        *((f"rank: 1, {elsewhere}", "whole", False) for elsewhere in ELSEWHERES),
        ("rank: 2", "cases", False),
        ("rank: 2", "variants", False),
        ("variant: w", "variants", False),
        ("rank: 1", "whole", False),
    ],
)
@pytest.mark.parametrize("expires", ["", "; expires: 2026-11-19"], ids=["", "expired"])
def test_what_is_stale(judging: Judging, when: str, about: str, is_stale: bool, expires: str) -> None:
    entry = f"when: {{{when}}}; verdict: mismatch; causes: [bias-dropped]{expires}"
    found = judging(entry, about=headers()[about])
    decided(found, MISMATCH)
    assert bool(found.stale()) is is_stale


@pytest.mark.parametrize(
    ("options", "stale_"),
    [({}, 1), ({"shard": (1, 2)}, 0), ({"expression": "good"}, 0), ({"runners": (FAKES + "Right/asked",)}, 0)],
    ids=["whole", "shard", "-k", "variant"],
)
def test_a_run_that_leaves_jobs_out_says_so_to_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], stale_: int
) -> None:
    for name in ("cases", "known"):
        (tmp_path / name).mkdir()
    case_file(tmp_path / "cases", ["good-0", "good-1"])
    (tmp_path / "cases" / "VERSION").write_text("1.2")
    monkeypatch.setattr(packaged, "cases", lambda: tmp_path / "cases")
    (tmp_path / "known" / "right.yaml").write_text(
        f'schema: 1\nrunner: "{FAKES}Right"\ncases: "1.2"\nknown:\n'
        "  - {when: {rank: 3}, verdict: mismatch, causes: [bias-dropped], reason: it is so}\n"
    )
    plain = Options(runners=(FAKES + "Right",), expectations=(tmp_path / "known",), out=tmp_path / "run", jobs=1)
    finished = pipeline.run(replace(plain, **options))
    assert len(finished.stale) == stale_
    assert finished.status == bool(stale_)
