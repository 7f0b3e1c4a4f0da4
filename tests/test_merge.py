"""The journals of shards, joined: as if one machine had run all, or one clear error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance import journal, packaged, pipeline
from conformance.errors import InputError, NothingSelectedError
from conformance.pipeline import Finished, Options
from tests.small_runs import FAKES, case_file, timeless

NAMES = ("bad-0", "good-0", "good-1", "bad-1", "good-2", "good-3")
WRONG = FAKES + "Wrong"


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    """A run of all packaged cases, which are a few here, with an expectation that holds and a stale one."""
    (tmp_path / "cases").mkdir()
    case_file(tmp_path / "cases", NAMES)
    (tmp_path / "cases" / "VERSION").write_text("1.0\n")
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "fake.yaml").write_text(
        f'schema: 1\nrunner: "{WRONG}"\ncases: "1.0"\nknown:\n'
        '  - {when: {case: "*/bad-*"}, verdict: mismatch, causes: [unattributed], reason: it is so}\n'
        "  - {when: {rank: 3}, verdict: mismatch, causes: [layout], reason: it was so}\n"
    )
    monkeypatch.setattr(packaged, "ROOT", tmp_path)
    return Options((), (WRONG,), out=tmp_path / "clean", jobs=1)


def run(options: Options, index: int, count: int, **more: Any) -> Path:
    """One shard's run folder."""
    out = options.out.parent / f"{index}-of-{count}"
    pipeline.run(replace(options, shard=(index, count), out=out, **more))
    return out


def join(options: Options, folders: Sequence[Path]) -> Finished:
    """The shards' runs in one."""
    return pipeline.join(folders, options.out.parent / "merged", ())


def test_a_merged_run_is_what_one_machine_would_have_written(whole: Options) -> None:
    clean = pipeline.run(whole)
    parts = [run(whole, index, 3) for index in (1, 2, 3)]
    merged = join(whole, parts[::-1])
    assert timeless(merged.run.folder) == timeless(whole.out)
    assert [entry.when for entry in merged.stale] == [{"rank": 3}]
    assert merged.status == clean.status == 1
    assert all(journal.read(part).footer["stale"] == [] for part in parts)  # type: ignore[index]
    for name in ("summary.md", "junit.xml"):
        assert "INCOMPLETE" not in (merged.run.folder / name).read_text("utf-8")
        assert "it was so" in (merged.run.folder / name).read_text("utf-8")


def test_an_interrupted_shard_leaves_the_merged_run_incomplete_until_it_is_resumed(whole: Options) -> None:
    pipeline.run(whole)
    parts = [run(whole, index, 2) for index in (1, 2)]
    lines = (parts[1] / journal.NAME).read_bytes().splitlines(keepends=True)
    (parts[1] / journal.NAME).write_bytes(b"".join(lines[:-2]))
    merged = join(whole, parts)
    assert merged.status == 2
    assert "INCOMPLETE" in (merged.run.folder / "summary.md").read_text("utf-8")
    pipeline.run(replace(whole, out=merged.run.folder, resume=True))
    assert timeless(merged.run.folder) == timeless(whole.out)


def rewrite(folder: Path, results: Path | None = None, **header: Any) -> None:
    """A run folder's journal with another header, and with the results of another one."""
    before, other = journal.read(folder), journal.read(results or folder)
    changed = {name: value for name, value in {**before.header, **header}.items() if name not in ("kind", "schema")}
    with journal.Writer(folder / journal.NAME, changed) as writer:
        for result in other.results:
            writer.result(other.case_of(result), result)


def test_what_does_not_belong_together_is_refused(whole: Options, tmp_path: Path) -> None:
    one, two, three = (run(whole, index, 3) for index in (1, 2, 3))

    def refused(*folders: Path, out: Path = tmp_path / "merged") -> str:
        with pytest.raises(InputError) as caught:
            pipeline.join(folders, out, ())
        assert not (tmp_path / "merged" / journal.NAME).exists()
        return str(caught.value).replace(str(tmp_path), "")

    assert refused(one, three) == "a shard is missing: 2/3; allowed: all that have jobs"
    assert refused(one, two, three, two) == "/2-of-3/results.jsonl: shard 2 again, which /2-of-3/results.jsonl is"
    assert refused(one, two, three, out=three) == "--out /3-of-3 is one of the runs; allowed: another folder"
    assert refused(tmp_path / "nowhere").startswith("/nowhere: no journal there")
    header = journal.read(two).header
    apart = "/2-of-3/results.jsonl: not of the same run as /1-of-3/results.jsonl: "
    rewrite(two, selection={**header["selection"], "shard": [2, 4]})
    assert refused(one, two, three) == apart + "selection.shard is 4, was 3"
    rewrite(two, selection={**header["selection"], "expression": "bad"})
    assert refused(one, two, three) == apart + 'selection.expression is "bad", was ""'
    rewrite(two, selection=header["selection"], options={**header["options"], "timeout": 7.0})
    assert refused(one, two, three) == apart + "options.timeout is 7.0, was 60.0"
    packages = {**header["runners"][WRONG]["packages"], "torch": "2"}
    rewrite(two, options=header["options"], runners={WRONG: {**header["runners"][WRONG], "packages": packages}})
    assert refused(one, two, three) == apart + f'runners.{WRONG}.packages.torch is "2", was missing'
    rewrite(two, results=one, runners=header["runners"])
    doubled = refused(one, two, three)
    assert re.match(
        rf"/2-of-3/results\.jsonl: a result of small/.* {WRONG} .*, of which /1-of-3/.*jsonl has one$", doubled
    )
    rewrite(two, results=two, planned=3)
    assert refused(one, two, three) == "the shards have 11 jobs; allowed: the 12 of all"
    case_file(tmp_path / "cases", NAMES, stride="[2, 1]")
    run(whole, 2, 3)
    assert refused(one, two, three).startswith(apart + "plan.fingerprint is ")
    pipeline.run(whole)
    assert refused(whole.out, two, three) == (
        "/clean/results.jsonl: not a shard; allowed: what 'conformance run --shard I/N' wrote"
    )


def test_a_shard_without_jobs_says_so_and_is_not_missed(whole: Options) -> None:
    few = replace(whole, expression="good-0 or good-1")
    parts = [run(few, index, 3) for index in (1, 2)]
    with pytest.raises(NothingSelectedError, match="no job is left for this shard: there are 4 in all; try: fewer"):
        run(few, 3, 3)
    assert join(few, parts).run.complete
