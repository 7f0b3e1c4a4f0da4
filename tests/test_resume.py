"""A run that was broken off goes on where its journal ends, and ends as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import journal, pipeline
from conformance.domain.records import Job, Outcome
from conformance.errors import InputError
from conformance.pipeline import Options
from tests import fakes, small_runs
from tests.small_runs import FAKES, case_file, timeless

NAMES = ("bad-0", "good-0", "good-1", "bad-1", "good-2")


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The case names and variants of the jobs that runs execute, probes and fixes after the planned ones."""
    execute, seen = pipeline.execute, []

    def spied(jobs: Iterable[Job], *rest: Any) -> Iterator[tuple[Job, Outcome]]:
        for job, outcome in execute(list(jobs), *rest):
            seen.append((job.case.id.rsplit("/", 1)[-1], job.variant))
            yield job, outcome

    monkeypatch.setattr(pipeline, "execute", spied)
    return seen


def cut(folder: Path, lines: int, more: bytes = b"") -> None:
    """A journal's first lines, and what is torn of the next."""
    path = folder / journal.NAME
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]) + more)


@pytest.mark.parametrize("fake", ["Habit", "Habit/symmetric", "Wrong/asked"], ids=["fix", "fix-to-run", "probe"])
def test_a_journal_that_was_cut_anywhere_is_filled_up_to_that_of_a_clean_run(
    tmp_path: Path, fake: str, executed: list[tuple[str, str]]
) -> None:
    """With wrong answers, whose fix is a variant that is in the journal already, or is not planned, and probes."""
    options: dict[str, Any] = {"names": NAMES, "fake": fake, "resume": True}
    clean = small_runs.run(tmp_path, **options)
    assert clean.run.complete
    expected, planned = timeless(tmp_path / "run"), len(clean.run.results)
    lines = (tmp_path / "run" / journal.NAME).read_bytes().splitlines(keepends=True)
    for number in range(1, len(lines) + 1, 4):
        (tmp_path / "run" / journal.NAME).write_bytes(b"".join(lines))
        cut(tmp_path / "run", number, b"".join(lines[number : number + 1])[:-1])
        had = len(journal.read(tmp_path / "run").results)
        executed.clear()
        small_runs.run(tmp_path, **options)
        assert timeless(tmp_path / "run") == expected
        assert len([each for each in executed if each[1] in fake or fake == "Habit"]) >= planned - had
        if fake == "Habit":
            assert len(executed) == planned - had


def test_a_job_that_was_not_run_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executed: list[tuple[str, str]]
) -> None:
    monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))
    monkeypatch.setattr("conformance.execute.local.STARTS", 1)
    broken = small_runs.run(tmp_path, "OpensAtTheThirdAttempt/asked", NAMES)
    assert {result["verdict"] for result in broken.run.results} == {"not_run"}
    assert broken.status == 2
    (tmp_path / "attempts").write_bytes(b"xx")
    executed.clear()
    mended = small_runs.run(tmp_path, "OpensAtTheThirdAttempt/asked", NAMES, resume=True)
    assert {result["verdict"] for result in mended.run.results} == {"match"}
    assert sorted(name for name, _ in executed) == sorted(NAMES)
    assert mended.status == 0


def test_what_the_workers_are_told_otherwise_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as kernels that the shell asks for; where a runner's modules lie may change."""
    told = fakes.Right.environ
    small_runs.run(tmp_path, "Right/asked", NAMES)
    monkeypatch.setattr(fakes.Right, "environ", {**told, "PYTHONPATH": f"{told['PYTHONPATH']}:{tmp_path}"})
    assert small_runs.run(tmp_path, "Right/asked", NAMES, resume=True).status == 0
    monkeypatch.setattr(fakes.Right, "environ", {**told, "KERNELS": "others"})
    with pytest.raises(InputError, match=r'Right\.environ\.KERNELS is "others", was missing'):
        small_runs.run(tmp_path, "Right/asked", NAMES, resume=True)


def test_without_a_journal_all_is_missing_and_with_a_whole_one_nothing(
    tmp_path: Path, executed: list[tuple[str, str]]
) -> None:
    small_runs.run(tmp_path, "Right", NAMES, resume=True)
    assert len(executed) == 2 * len(NAMES)
    whole = timeless(tmp_path / "run")
    small_runs.run(tmp_path, "Right", NAMES, resume=True)
    assert len(executed) == 2 * len(NAMES)
    assert timeless(tmp_path / "run") == whole


def test_without_resume_all_runs_again(tmp_path: Path, executed: list[tuple[str, str]]) -> None:
    for _ in range(2):
        small_runs.run(tmp_path, "Right/asked", NAMES)
    assert len(executed) == 2 * len(NAMES)


def test_results_that_are_kept_are_judged_by_expectations_as_they_are_now(tmp_path: Path) -> None:
    small_runs.run(tmp_path, "Wrong/asked", NAMES)
    cut(tmp_path / "run", 10)
    known = tmp_path / "known"
    known.mkdir()
    (known / "fake.yaml").write_text(
        f'schema: 1\nrunner: "{FAKES}Wrong"\ncases: "1.0"\nknown:\n'
        '  - {when: {case: "*/bad-*"}, verdict: mismatch, causes: [unattributed], reason: it is so}\n'
    )
    resumed = small_runs.run(tmp_path, "Wrong/asked", NAMES, resume=True, expectations=(known,))
    assert {result["gate"] for result in resumed.run.results} == {"ok", "known"}
    assert resumed.status == 0


def test_what_is_not_the_run_to_resume_is_refused_with_what_differs(tmp_path: Path) -> None:
    small_runs.run(tmp_path, "Right/asked", NAMES)
    before = (tmp_path / "run" / journal.NAME).read_bytes()

    def refused(**options: Any) -> str:
        plain: dict[str, Any] = {"runners": (FAKES + "Right/asked",), "out": tmp_path / "run", "jobs": 1}
        with pytest.raises(InputError) as caught:
            pipeline.run(Options((path,), resume=True, **{**plain, **options}))
        assert (tmp_path / "run" / journal.NAME).read_bytes() == before
        assert (tmp_path / "run" / "report.html").exists()
        assert str(caught.value).endswith("; try: without --resume")
        return str(caught.value).removeprefix(f"{tmp_path / 'run' / journal.NAME}: not the run to resume: ")

    path = case_file(tmp_path, NAMES)
    assert refused(timeout=7.0).startswith(
        "options.timeout is 7.0, was 60.0; allowed: the same cases, runners, versions and "
    )
    assert refused(expression="bad").startswith('selection.expression is "bad", was ""; allowed')
    assert refused(shard=(1, 2)).startswith("selection.shard is [1,2], was [1,1]; ")
    several = refused(runners=(FAKES + "Habit",))
    assert f'runners.{FAKES}Right.variants is missing, was ["asked"]' in several
    assert "; and 5 more; allowed" in several
    case_file(tmp_path, NAMES, stride="[2, 1]")
    assert refused().startswith("small/bad-0: stride is [2,1], was [1,2]; small/bad-0: pads is ")
    case_file(tmp_path, NAMES[1:])
    assert refused().startswith("small/bad-0 in tests.fakes:Right/asked has a result and is not planned; ")


def test_another_version_of_a_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs.run(tmp_path, "Right/asked", NAMES)
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    with pytest.raises(InputError, match=r"runners\.tests\.fakes:Right\.packages\.python is \"3\.99\.0\", was \"3\."):
        small_runs.run(tmp_path, "Right/asked", NAMES, resume=True)


def test_values_written_out_that_have_changed_are_refused(tmp_path: Path) -> None:
    text = (
        "schema: 1\ntitle: t\ncases:\n  - {name: a, op: conv, input: 3, kernel: 1, padding: valid, "
        "data: {input: [[[1, 2, %d]]], weights: [[[1]]]}}\n"
    )
    path = tmp_path / "f.yaml"
    options = Options((path,), (FAKES + "Right/asked",), out=tmp_path / "run", resume=True)
    path.write_text(text % 3)
    pipeline.run(options)
    path.write_text(text % 3 + "# more\n")
    pipeline.run(options)
    path.write_text(text % 4)
    with pytest.raises(InputError, match=r'f/a: values is ".{8}", was "'):
        pipeline.run(options)
