"""The journal: what is written comes back, and what is not whole says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import pytest

from conformance import journal
from conformance.domain.case import Case, Written
from conformance.domain.records import Difference, Failure, Job, Judged, Outcome, Spelling, Verdict
from conformance.errors import InputError

CASE = Case("topic/a", "conv", (6, 9), (3, 2), (2, 1), (1, 1), "same", channels=2, filters=3, tags=("x",), title="t")
HEADER = '{"kind":"header","schema":1,"planned":1}\n'
MATCH = Verdict("match", effective=((0, 1), (0, 1)))


def judged(
    verdict: Verdict = MATCH, outcome: Outcome | None = None, case: Case = CASE, variant: str = "same"
) -> Judged:
    """A job with what became of it."""
    return Judged(Job(case, "fake", variant, Spelling(case.pads, "f(x)")), outcome or Outcome("completed"), verdict)


def write(folder: Path, *results: Judged, planned: int = 1, end: bool = True) -> Path:
    """A journal of these results."""
    with journal.Writer(folder / journal.NAME, {"planned": planned, "runners": {"fake": {}}}) as writer:
        for result in results:
            writer.result(journal.case_record(result.job.case), {**journal.result_record(result), "gate": "ok"})
        if end:
            writer.footer(seconds=1.5)
    assert writer.run == journal.read(folder)
    return folder / journal.NAME


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    wrong = Verdict(
        "mismatch",
        causes=("pads-ignored",),
        evidence="pads (0,0)×(0,0) where (0,1)×(0,1) is asked for",
        alternatives=(("auto-pad-ignored",),),
        effective=((0, 0), (0, 0)),
        difference=Difference(3, 90, (0, 1, 2, 3), 4.0, 5.0, 7.0, (0, 1, 2, 4)),
        sample={"expected": [[1]], "got": [[2]]},
        tried=7,
        rejected=("kernel-flipped",),
        geometry={"stride": (2, 2), "swap": True},
        separating=("conv 3x3",),
        fix={"variant": "explicit", "code": "g(x)"},
    )
    write(tmp_path, judged(), judged(wrong, variant="symmetric"), planned=2)
    run = journal.read(tmp_path)
    assert run.complete
    assert run.planned == 2
    assert run.header["runners"] == {"fake": {}}
    assert run.footer is not None
    assert run.footer["verdicts"] == {"match": 1, "mismatch": 1}
    assert run.footer["gates"] == {"ok": 2}
    assert run.footer["seconds"] == 1.5
    right, bad = run.results
    assert (right["case"], right["runner"], right["variant"], right["verdict"]) == ("topic/a", "fake", "same", "match")
    assert right["asked"] == right["declared"] == right["effective"] == [[0, 1], [0, 1]]
    assert bad["causes"] == ["pads-ignored"]
    assert bad["alternatives"] == [["auto-pad-ignored"]]
    assert bad["effective"] == [[0, 0], [0, 0]]
    assert bad["difference"] == {
        "wrong": 3, "total": 90, "first": [0, 1, 2, 3], "expected": 4.0, "got": 5.0, "largest": 7.0,
        "worst": [0, 1, 2, 4],
    }  # fmt: skip
    assert (bad["evidence"], bad["tried"], bad["code"]) == (wrong.evidence, 7, "f(x)")
    assert bad["sample"] == wrong.sample
    assert (bad["rejected"], bad["separating"]) == (["kernel-flipped"], ["conv 3x3"])
    assert (bad["geometry"], bad["fix"]) == ({"stride": [2, 2], "swap": True}, wrong.fix)
    assert not {"rejected", "separating", "geometry", "fix"} & set(right)


def test_a_case_is_written_once_before_its_first_result(tmp_path: Path) -> None:
    path = write(tmp_path, judged(), judged(variant="symmetric"), planned=2)
    kinds = [json.loads(line)["kind"] for line in path.read_text("utf-8").splitlines()]
    assert kinds == ["header", "case", "result", "result", "footer"]
    run = journal.read(tmp_path)
    assert run.case_of(run.results[1])["pads"] == [[0, 1], [0, 1]]
    assert run.cases["topic/a"]["tags"] == ["x"]
    assert "note" not in run.cases["topic/a"]


def test_data_written_out_are_not_copied_into_the_journal() -> None:
    case = Case("topic/b", "conv", (1,), (1,), (1,), (1,), ((0, 0),), data=Written((((1,),),), (((1,),),)))
    assert journal.case_record(case)["data"] == "written"


def test_an_output_that_is_right_but_not_integral_is_marked() -> None:
    assert "inexact" not in journal.result_record(judged())
    assert journal.result_record(judged(Verdict("match", integral=False)))["inexact"] is True


def test_a_failure_has_its_words_and_where_they_came_from() -> None:
    failure = Failure("no", stage="build", exception="ValueError", stderr="noise")
    crashed = journal.result_record(judged(Verdict("crash"), Outcome("crashed", failure=failure)))
    assert crashed["failure"] == {"message": "no", "stage": "build", "exception": "ValueError", "stderr": "noise"}
    raised = journal.result_record(judged(Verdict("error"), Outcome("raised", failure=failure)))
    assert raised["failure"] == {"message": "no", "stage": "build", "exception": "ValueError"}


@pytest.mark.parametrize(
    "text",
    ["line\u2028separator\u2029s", "a\nb\r\nc\x85d\x0b", 'quotes " and \\ and \x00', "pads (0,1)×(1,1) → 🙂"],
    ids=["u2028", "newlines", "escapes", "unicode"],
)
def test_any_text_survives(tmp_path: Path, text: str) -> None:
    failure = Failure(text, stage="run")
    write(tmp_path, judged(Verdict("crash"), Outcome("crashed", failure=failure)))
    assert journal.read(tmp_path).results[0]["failure"]["message"] == text


def test_half_a_surrogate_pair_from_a_broken_name_does_not_end_the_run(tmp_path: Path) -> None:
    write(tmp_path, judged(Verdict("crash"), Outcome("crashed", failure=Failure("no file \udcff.so"))))
    run = journal.read(tmp_path)
    assert run.complete
    assert run.results[0]["failure"]["message"].startswith("no file ")


@pytest.mark.parametrize("got", [float("nan"), float("inf")], ids=["nan", "inf"])
def test_every_line_is_json_that_any_reader_takes(tmp_path: Path, got: float) -> None:
    difference = Difference(1, 90, (0, 0, 0, 0), 4.0, got, 0.0)
    path = write(tmp_path, judged(Verdict("mismatch", causes=("non-finite",), difference=difference)))

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not JSON")

    for line in path.read_text("utf-8").splitlines():
        json.loads(line, parse_constant=refuse)
    assert journal.read(tmp_path).results[0]["difference"]["expected"] == 4.0


def test_a_line_that_was_cut_off_at_the_end_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, judged(), judged(variant="symmetric"), planned=2)
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines()[-1]) + 1):
        path.write_bytes(whole[:-cut])
        run = journal.read(tmp_path)
        assert (len(run.results), run.footer, run.complete) == (2, None, False)


def test_a_character_that_was_cut_in_two_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / journal.NAME
    path.write_bytes(HEADER.encode() + '{"kind":"result","case":"é'.encode()[:-1])
    assert journal.read(tmp_path).results == []


@pytest.mark.parametrize(
    ("count", "planned", "end", "complete"),
    [(1, 1, True, True), (1, 1, False, False), (1, 2, True, False), (0, 0, True, True), (2, 1, True, False)],
    ids=["all", "no-footer", "fewer-than-planned", "nothing-planned", "more-than-planned"],
)
def test_a_run_is_complete_with_a_footer_and_every_planned_result(
    tmp_path: Path, count: int, planned: int, end: bool, complete: bool
) -> None:
    write(tmp_path, *(judged(variant=str(number)) for number in range(count)), planned=planned, end=end)
    assert journal.read(tmp_path).complete is complete


def test_a_run_with_a_job_that_did_not_run_is_not_complete(tmp_path: Path) -> None:
    write(tmp_path, judged(Verdict("not_run"), Outcome("not_run", failure=Failure("runner lost"))))
    run = journal.read(tmp_path)
    assert run.footer is not None
    assert not run.complete


def test_a_second_result_of_one_job_is_an_error_at_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, judged(), planned=2, end=False)
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-1])
    with pytest.raises(InputError, match=r"results\.jsonl:4:1: a second result of topic/a fake same"):
        journal.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"results\.jsonl:1:1: an empty journal"),
        ('{"kind":"header"', r"results\.jsonl:1:1: an empty journal"),
        ('{"kind":"result"}\n', r"results\.jsonl:1:1: not a journal of schema 1"),
        ('{"kind":"header","schema":2,"planned":1}\n', r"results\.jsonl:1:1: not a journal of schema 1"),
        ("[]\n", r"results\.jsonl:1:1: not a journal"),
        ('{"kind":"header","schema":1}\n', r"results\.jsonl:1:1: "),
        (HEADER + "{oops}\n", r"results\.jsonl:2:2: not JSON"),
        (HEADER + "\n" + HEADER, r"results\.jsonl:2:1: not JSON"),
        (HEADER + "5\n", r"results\.jsonl:2:1: "),
        (HEADER + '{"kind":"result"}\n', r"results\.jsonl:2:1: "),
        (HEADER + HEADER, r"results\.jsonl:2:1: "),
    ],
    ids=[
        "empty", "torn-header", "no-header", "schema-2", "a-list", "no-planned", "no-json", "empty-line", "a-number",
        "result-of-nothing", "two-headers",
    ],
)  # fmt: skip
def test_what_is_no_journal_is_an_error_at_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / journal.NAME).write_text(text, "utf-8")
    with pytest.raises(InputError, match=message):
        journal.read(tmp_path)


def test_a_folder_without_a_journal_says_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no journal there .*; allowed: a folder that 'conformance run' wrote"):
        journal.read(tmp_path)


def test_results_reach_the_disk_in_batches_and_on_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / journal.NAME

    def broken_off(writer: journal.Writer) -> None:
        with writer:
            assert len(path.read_text("utf-8").splitlines()) == 1
            writer.result(journal.case_record(CASE), journal.result_record(judged()))
            raise RuntimeError("the run breaks off")

    with pytest.raises(RuntimeError, match="breaks off"):
        broken_off(journal.Writer(path, {"planned": 9}))
    run = journal.read(tmp_path)
    assert (len(run.results), run.complete) == (1, False)


def test_a_line_ends_with_the_checksum_of_the_json_without_it(tmp_path: Path) -> None:
    path = write(tmp_path, judged())
    for text in path.read_bytes().splitlines():
        record = json.loads(text)
        assert list(record)[-1] == "crc"
        before = text[: -len(',"crc":"00000000"}')] + b"}"
        assert record["crc"] == f"{crc32(before):08x}"
        assert json.loads(before) == {name: value for name, value in record.items() if name != "crc"}
    assert all("crc" not in record for record in (*journal.read(tmp_path).results, journal.read(tmp_path).header))


def test_no_bit_of_a_journal_changes_unnoticed(tmp_path: Path) -> None:
    """But for the last newline, without which the last line is cut off."""
    path = write(tmp_path, judged())
    whole = path.read_bytes()
    for place in range(len(whole) - 1):
        line = whole[:place].count(b"\n") + 1
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=rf"results\.jsonl:({line}|{line + 1}):1: (a damaged line|not a journal)"):
            journal.read(tmp_path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((0, 1, 2, 3, 1), r":5:1: a line after the footer; allowed: none"),
        ((0, 1, 2, 3, 3), r":5:1: a line after the footer; allowed: none"),
        ((0, 2, 3), r":2:1: a result of topic/a, a case that no line before it has"),
        ((0, 1, 0), r":3:1: a second header; allowed: one"),
    ],
    ids=["after-the-footer", "two-footers", "no-case", "two-headers"],
)
def test_whole_lines_in_the_wrong_place_are_an_error_there(
    tmp_path: Path, lines: tuple[int, ...], message: str
) -> None:
    path = write(tmp_path, judged())
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[number] for number in lines))
    with pytest.raises(InputError, match=r"results\.jsonl" + message):
        journal.read(tmp_path)


def test_a_journal_of_before_checksums_is_read_and_not_mixed_with_one_of_now(tmp_path: Path) -> None:
    path = write(tmp_path, judged())
    now = path.read_bytes().splitlines(keepends=True)
    before = [re.sub(rb',"crc":"[0-9a-f]{8}"', b"", text) for text in now]
    path.write_bytes(b"".join(before))
    assert journal.read(tmp_path).complete
    for first, rest, words in ((now, before, "no checksum"), (before, now, "a checksum")):
        path.write_bytes(b"".join(first[:2] + rest[2:]))
        with pytest.raises(InputError, match=rf"results\.jsonl:3:1: a damaged line: it has {words}, unlike the first"):
            journal.read(tmp_path)


def test_many_lines_are_read_one_by_one_where_one_of_them_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / journal.NAME
    for bad, column in (("[1", 3), ('{"kind":"case","id":"a"},{"kind":"case","id":"b"}', 25)):
        path.write_text(HEADER + '{"kind":"case","id":"a"}\n' * 5 + bad + "\n" + "2]\n")
        with pytest.raises(InputError, match=rf"results\.jsonl:7:{column}: not JSON"):
            journal.read(tmp_path)


def test_what_is_equal_is_kept_once(tmp_path: Path) -> None:
    """A hundred thousand results fit into memory."""
    write(tmp_path, judged(), judged(variant="symmetric"), planned=2)
    run = journal.read(tmp_path)
    one, two = run.results
    assert all(one[name] is two[name] for name in ("case", "runner", "verdict", "asked"))
    assert one["case"] is run.cases["topic/a"]["id"]
    assert one["asked"] is one["effective"]


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    with journal.Writer(tmp_path / journal.NAME, {"planned": 1}) as writer:
        writer.result(journal.case_record(CASE), {**journal.result_record(judged()), "gate": "ok"})
        with pytest.raises(InputError, match=r"results\.jsonl: another run is writing there; allowed: one at a time"):
            journal.Writer(tmp_path / journal.NAME, {"planned": 9})
    assert journal.read(tmp_path).planned == 1
    journal.Writer(tmp_path / journal.NAME, {"planned": 9}).__exit__(None, None, None)
    assert journal.read(tmp_path).planned == 9


def test_a_journal_takes_the_place_of_another_with_what_is_kept_or_not_at_all(tmp_path: Path) -> None:
    path = write(tmp_path, judged())
    before = path.read_bytes()
    (tmp_path / ".results.jsonl.123").write_text("left by a run that was killed")
    record = journal.case_record(CASE), {**journal.result_record(judged()), "gate": "ok"}

    def kept(interrupted: bool) -> Iterator[tuple[journal.Record, journal.Record]]:
        yield record
        assert path.read_bytes() == before
        if interrupted:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal.Writer(path, {"planned": 1}, kept(True))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with journal.Writer(path, {"planned": 1}, kept(False)):
        assert len(journal.read(tmp_path).results) == 1


def test_no_result_waits_longer_than_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FLUSH_AFTER", 0.0)
    with journal.Writer(tmp_path / journal.NAME, {"planned": 1}) as writer:
        writer.result(journal.case_record(CASE), {**journal.result_record(judged()), "gate": "ok"})
        assert len(journal.read(tmp_path).results) == 1


def test_what_an_interrupt_stops_on_its_way_to_the_disk_is_not_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt comes when the lines have been written, and before the writer has gone on."""
    case, result = journal.case_record(CASE), {**journal.result_record(judged()), "gate": "ok"}
    with journal.Writer(tmp_path / journal.NAME, {"planned": 2}) as writer:
        writer.result(case, result)
        written = writer._file.write

        def interrupted(data: bytes) -> int:
            written(data)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(writer, "_file", SimpleNamespace(write=interrupted))
            with pytest.raises(KeyboardInterrupt):
                writer.flush()
    assert len(journal.read(tmp_path).results) == 1


def test_differences_are_named_to_the_leaf() -> None:
    was = {"a": {"b": {"c": "1"}, "d": (1, 2)}, "e": 3, "f": None}
    now = {"a": {"b": {"c": "2"}, "d": [1, 2]}, "f": {"g": True}}
    assert journal.differences(was, was) == []
    assert journal.differences(was, now) == [
        'a.b.c is "2", was "1"',
        "e is missing, was 3",
        "f is missing, was null",
        "f.g is true, was missing",
    ]
    assert journal.listed(["x"] * 7) == "x; x; x; x; x; and 2 more"
