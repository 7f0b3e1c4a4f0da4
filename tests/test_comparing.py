"""Two runs side by side, on journals made by hand: every way in which a job can change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.comparing import KINDS, Comparison, Ending, compare
from conformance.domain.records import VERDICTS
from conformance.journal import NAME, Record, Run
from tests.render.made_journals import case, mismatch, result, run
from tests.small_runs import case_file
from tests.test_cli import conformance

CASE = case("a/b/one")


def compared(folder: Path, old: list[Record], new: list[Record]) -> Comparison:
    """What changed between two runs of these records; a case comes before its results."""
    return compare(made(folder / "old", *old), made(folder / "new", *new))


def made(folder: Path, *records: Record, **options: Any) -> Run:
    """A run folder of these records."""
    folder.mkdir(exist_ok=True)
    return run(folder, *records, **options)


def ended(folder: Path, old: Record, new: Record) -> Comparison:
    """What changed where one job ended in two ways."""
    return compared(folder, [CASE, old], [CASE, new])


def of(verdict: str, *causes: str, message: str = "") -> Record:
    """The job's result with this verdict."""
    failure: Record = {"failure": {"exception": "ValueError", "message": message}} if message else {}
    return result(CASE, "torch", "same", verdict, causes=list(causes), **failure)


def kinds(found: Comparison) -> dict[str, int]:
    """How many jobs changed in each way."""
    return {kind: found.count(kind) for kind in KINDS if found.count(kind)}


def better_first(old: str, new: str) -> str:
    """The kind by the order of docs/compare.md alone, written down again."""
    order = ["mismatch", "crash", "timeout", "error", "unsupported", "not_run", "right"]
    one, other = (order.index("right" if verdict in ("match", "hazard") else verdict) for verdict in (old, new))
    if one == other:
        return "changed"
    if "right" in (order[one], order[other]):
        return "now wrong" if order[one] == "right" else "now right"
    return "changed for the worse" if other < one else "changed for the better"


@pytest.mark.parametrize("new", VERDICTS)
@pytest.mark.parametrize("old", VERDICTS)
def test_verdicts_are_ordered_as_reports_are(tmp_path: Path, old: str, new: str) -> None:
    found = ended(tmp_path, of(old), of(new))
    kind = better_first(old, new)
    assert kinds(found) == ({} if old == new else {kind: 1})
    assert found.alike == (old == new)
    worse = kind in ("now wrong", "changed for the worse")
    assert found.status == (2 if "not_run" in (old, new) else int(worse))


def test_other_causes_are_a_change_and_neither_better_nor_worse(tmp_path: Path) -> None:
    found = ended(tmp_path, of("mismatch", "layout"), of("mismatch", "layout", "bias-dropped"))
    assert kinds(found) == {"changed": 1}
    assert found.status == 0
    (change,) = found.changes
    assert change.old == Ending("mismatch", ("layout",))
    assert change.new == Ending("mismatch", ("layout", "bias-dropped"))
    assert found.causes == {"layout": (1, 1), "bias-dropped": (0, 1)}
    assert found.verdicts == {"mismatch": (1, 1)}


def test_a_hazard_that_becomes_a_match_is_a_change(tmp_path: Path) -> None:
    found = ended(tmp_path, of("hazard", "pad-amount"), of("match"))
    assert kinds(found) == {"changed": 1}


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("needs 3 of 7", "needs 12, 5 of 7", True),
        ("needs  3\nof 7", "needs 4 of 7", True),
        ("needs 3 of 7", "has 3 of 7", False),
        ("needs 3 of 7", "", False),
    ],
)
def test_failures_are_alike_whatever_sizes_they_name(tmp_path: Path, old: str, new: str, same: bool) -> None:
    found = ended(tmp_path, of("error", message=old), of("error", message=new))
    assert kinds(found) == ({} if same else {"changed": 1})


def test_jobs_that_change_alike_are_one_change(tmp_path: Path) -> None:
    cases = [case(f"a/b/{number}") for number in range(3)]
    old, new = [], []
    for about in cases:
        for variant in ("same", "explicit"):
            old += [about, result(about, "torch", variant)]
            new += [about, mismatch(about, "torch", variant)]
        old.append(result(about, "keras", "same"))
        new.append(mismatch(about, "keras", "same"))
    found = compared(tmp_path, old, new)
    assert [(change.runner, len(change.jobs)) for change in found.changes] == [("torch", 6), ("keras", 3)]
    assert found.changes[0].variants == {"same": 3, "explicit": 3}
    assert found.changes[0].jobs[0] == ("a/b/0", "torch", "same")
    one, other = found.changes[0].example
    assert one is not None
    assert other is not None
    assert (one["verdict"], other["verdict"]) == ("match", "mismatch")


def test_changes_come_worst_first(tmp_path: Path) -> None:
    cases = [case(f"a/b/{number}") for number in range(6)]
    pairs = [("error", "match"), ("match", "error"), ("match", "mismatch"), ("crash", "error"), ("error", "timeout")]
    old = [
        record
        for about, pair in zip(cases, pairs, strict=False)
        for record in (about, result(about, "t", "v", pair[0]))
    ]
    new = [
        record
        for about, pair in zip(cases, pairs, strict=False)
        for record in (about, result(about, "t", "v", pair[1]))
    ]
    found = compared(tmp_path, [*old, cases[5], result(cases[5], "t", "v")], new)
    assert [(change.kind, change.new and change.new.verdict) for change in found.changes] == [
        ("now wrong", "mismatch"),
        ("now wrong", "error"),
        ("changed for the worse", "timeout"),
        ("changed for the better", "error"),
        ("now right", "match"),
        ("gone", None),
    ]


@pytest.mark.parametrize(
    "field", [{"kernel": [4]}, {"seed": 1}, {"ceil_mode": True}, {"pads": [[1, 1]]}, {"dtype": "float64"}]
)
def test_a_case_with_other_content_is_not_compared(tmp_path: Path, field: Record) -> None:
    other = {**CASE, **field}
    found = compared(tmp_path, [CASE, of("match")], [other, of("mismatch")])
    assert kinds(found) == {"changed case": 1}
    assert found.changes[0].why == next(iter(field))
    assert found.verdicts == found.causes == {}
    assert found.status == 0


@pytest.mark.parametrize("field", ["title", "note", "source", "where", "written", "tags", "since"])
def test_what_a_case_says_to_people_is_no_content(tmp_path: Path, field: str) -> None:
    found = compared(tmp_path, [CASE, of("match")], [{**CASE, field: "other"}, of("match")])
    assert (found.alike, found.changes) == (1, ())


def test_numbers_that_are_written_out_are_content(tmp_path: Path) -> None:
    old, new = ({**CASE, "data": "written", "values": f"0000000{number}"} for number in (1, 2))
    assert kinds(compared(tmp_path, [old, of("match")], [new, of("match")])) == {"changed case": 1}


def test_appeared_and_gone_say_what_the_other_run_lacks(tmp_path: Path) -> None:
    more, others = case("a/b/two"), [("torch", "explicit"), ("keras", "same")]
    few = [CASE, of("match")]
    many = [*few, *(result(CASE, *names) for names in others), more, result(more, "torch", "same", "error")]
    found = compared(tmp_path, few, many)
    assert {(change.kind, change.why, change.runner) for change in found.changes} == {
        ("appeared", "variant", "torch"),
        ("appeared", "runner", "keras"),
        ("appeared", "case", "torch"),
    }
    assert found.status == 0
    assert found.alike == 1
    back = compared(tmp_path, many, few)
    assert kinds(back) == {"gone": 3}
    assert back.status == 0
    assert all(change.new is None and change.example[1] is None for change in back.changes)


@pytest.mark.parametrize("which", ["old", "new"])
def test_an_incomplete_run_wins_over_what_got_worse(tmp_path: Path, which: str) -> None:
    runs = [
        made(tmp_path / name, CASE, of(verdict), planned=2 if name == which else 1)
        for name, verdict in (("old", "match"), ("new", "mismatch"))
    ]
    found = compare(*runs)
    assert found.status == 2
    assert [one.folder.name for one in found.incomplete] == [which]
    assert kinds(found) == {"now wrong": 1}


def test_a_run_and_itself(tmp_path: Path) -> None:
    found = ended(tmp_path, of("mismatch", "layout"), of("mismatch", "layout"))
    assert (found.status, found.alike, found.changes) == (0, 1, ())


MINE = """
from tests import fakes

class Mine(fakes.{base}):
    name = "mine"
"""


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one runner, ``old`` right and ``new`` wrong, and ``torn`` without its end."""
    folder = tmp_path_factory.mktemp("releases")
    cases = case_file(folder, ["good-0", "good-1"])
    for name, base in (("old", "Right"), ("new", "AlwaysWrong")):
        (folder / "mine.py").write_text(MINE.format(base=base))
        conformance("run", cases, "--runner", "mine:Mine", "--jobs", "1", "--out", folder / name, cwd=folder)
    (folder / "torn").mkdir()
    lines = (folder / "new" / NAME).read_text("utf-8").splitlines(keepends=True)
    (folder / "torn" / NAME).write_text("".join(lines[:-1]), "utf-8")
    return folder


def test_0_from_outside_where_nothing_got_worse(releases: Path) -> None:
    ended = conformance("compare", releases / "new", releases / "old", "--out", releases / "page")
    assert ended.returncode == 0, ended.stderr
    assert "Now right: 4 jobs" in ended.stdout
    assert f"Report: {releases}/page/compare.html" in ended.stdout
    assert (releases / "page" / "compare.md").exists()


def test_1_from_outside_where_a_job_is_now_wrong(releases: Path) -> None:
    ended = conformance("compare", releases / "old", releases / "new")
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.splitlines()[-1] == "4 now wrong; 0 now right; 0 of 4 jobs in both end alike"
    assert "conformance reproduce" in ended.stdout


def test_2_from_outside_where_a_run_is_incomplete(releases: Path) -> None:
    ended = conformance("compare", releases / "old", releases / "torn", "--format", "json")
    assert ended.returncode == 2
    record = json.loads(ended.stdout)
    assert record["new"]["complete"] is False
    assert record["counts"]["now wrong"] == 4


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_half_a_surrogate_pair_in_a_message_is_no_fault(tmp_path: Path, form: str) -> None:
    compared(tmp_path, [CASE, of("match")], [CASE, of("error", message="no \ud800")])
    shown = conformance("compare", tmp_path / "old", tmp_path / "new", "--format", form)
    assert (shown.returncode, shown.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["old", "nowhere"], "nowhere: no journal there"),
        (["old", "mine.py"], "mine.py:1:1: not JSON"),
        (["old", "."], "no journal there"),
        (["old"], "Missing argument 'NEW'"),
        (["old", "new", "--format", "yaml"], "'yaml' is not one of"),
    ],
)
def test_4_from_outside_for_what_is_no_run(releases: Path, arguments: list[str], says: str) -> None:
    ended = conformance("compare", *arguments, cwd=releases)
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert says in ended.stderr
