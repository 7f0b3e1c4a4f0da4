"""The local engine against fakes that end badly: each costs its own job, and only that."""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import cases, journal, pipeline, plan
from conformance.domain.case import Case
from conformance.domain.records import OUTCOMES, Job, Outcome
from conformance.errors import InputError
from conformance.execute import local
from conformance.execute.local import STARTS, Limits
from conformance.execute.process import PINNED, ROOM, TAIL
from tests import small_runs
from tests.fakes import LAST_WORDS, ROOT, Right, name_of
from tests.small_runs import BETWEEN, FAKES, STAGES, case_file, engine, jobs, outcomes, results

ONE = ("good-0", "bad-build", "good-1", "bad-run", "good-2")
"""The first and the last stage, with innocents around them."""

SHORT = Limits(open=30.0, job=1.5)


def children() -> set[int]:
    """The processes that this one has started and that are still there."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # gone while we look
                continue
            if parent == os.getpid():
                found.add(int(entry.name))
    return found


def descriptors() -> int:
    """How many file descriptors are open here."""
    return len(os.listdir("/proc/self/fd"))


def check(found: dict[tuple[str, str], dict[str, Any]], names: Any, outcome: str, verdict: str) -> None:
    """Every bad case ended so, every good one matches, and each job was recorded once."""
    assert {name for name, _ in found} == set(names)
    for (name, variant), result in found.items():
        expected = ("completed", "match") if name.startswith("good") else (outcome, verdict)
        assert (result["outcome"], result["verdict"]) == expected, f"{name} in {variant}: {result}"


@pytest.mark.parametrize(
    ("fake", "outcome", "verdict", "message"),
    [
        ("Refuses", "unsupported", "unsupported", "there is no such padding in {stage}"),
        ("RefusesInOtherWords", "raised", "error", "a stumble in {stage}"),
        ("Raises", "raised", "error", "in {stage} \\udcff \x1b[31m"),
        ("Crashes", "crashed", "crash", "the worker died by SIGSEGV"),
        ("CrashesForReal", "crashed", "crash", "the worker died by SIGSEGV"),
        ("Silences", "crashed", "crash", "the worker died by SIGSEGV"),
        ("ExitsEarly", "crashed", "crash", "the worker exited with status 0"),
        ("LeavesBySystemExit", "crashed", "crash", "the worker exited with status 0"),
    ],
)
def test_a_bad_ending_costs_its_own_job_in_any_stage(
    tmp_path: Path, fake: str, outcome: str, verdict: str, message: str
) -> None:
    finished = small_runs.run(tmp_path, f"{fake}/asked", BETWEEN)
    found = results(finished)
    check(found, BETWEEN, outcome, verdict)
    for stage in STAGES:
        failure = found[f"bad-{stage}", "asked"]["failure"]
        assert failure["stage"] == stage
        assert failure["message"] == message.format(stage=stage)
    assert finished.run.complete
    assert finished.status == 1


@pytest.mark.parametrize("fake", ["Crashes", "ExitsEarly"])
def test_a_variant_that_dies_leaves_the_other_variants_of_its_case(tmp_path: Path, fake: str) -> None:
    names = ("bad-build", "bad-run", "good-0")
    found = results(small_runs.run(tmp_path, fake, names))
    assert len(found) == 2 * len(names)
    check(found, names, "crashed", "crash")


def test_the_exception_of_what_it_raised_is_named(tmp_path: Path) -> None:
    found = results(small_runs.run(tmp_path, "Raises/asked", ["bad-run"]))
    assert found["bad-run", "asked"]["failure"]["exception"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("fake", "names", "again"),
    [
        ("Crashes", ("good-0", "bad-run", "good-1"), "alone too"),
        ("CrashesAfterOthers", ("good-0", "bad-run", "good-1"), "only after others"),
        ("CrashesOnce", ("bad-run", "good-0"), "not again"),
    ],
)
@pytest.mark.parametrize("slots", [1, 2])
def test_a_job_that_ends_its_worker_is_tried_once_more_alone_and_stays_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: str, names: tuple[str, ...], again: str, slots: int
) -> None:
    monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))
    ended = outcomes(tmp_path, f"{fake}/asked", names, slots)
    assert sorted(name_of(job.case) for job, _ in ended) == sorted(names)
    for job, outcome in ended:
        if name_of(job.case).startswith("good"):
            assert outcome.kind == "completed"
            continue
        assert outcome.kind == "crashed"
        assert outcome.failure is not None
        assert (outcome.failure.message, outcome.failure.again) == ("the worker died by SIGSEGV", again)


def test_a_worker_that_holds_too_much_is_ended_and_says_so(tmp_path: Path) -> None:
    """What it holds itself, while it builds, and what a process holds that it started, while it runs."""
    ended = outcomes(tmp_path, "Hogs/asked", ONE, slots=2, limits=Limits(memory=256 << 20))
    kinds = {name_of(job.case): outcome.kind for job, outcome in ended}
    assert kinds == {name: "completed" if name.startswith("good") else "crashed" for name in ONE}
    for job, outcome in ended:
        if name_of(job.case).startswith("bad"):
            assert outcome.failure is not None
            assert outcome.failure.message.endswith("MiB of memory; its limit is 256 MiB")
            assert (outcome.failure.stage, outcome.failure.again) == (name_of(job.case)[4:], "alone too")


def test_a_worker_that_holds_too_much_costs_no_job_whose_answer_is_still_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes outcomes is slow, and the worker has answered others meanwhile."""
    held = tmp_path / "held"
    os.mkfifo(held)
    monkeypatch.setenv("HELD", str(held))
    monkeypatch.setattr(local, "WATCH", 0.0)
    monkeypatch.setattr(local, "LONGEST", 0.0)
    monkeypatch.setattr(local, "SHORTEST", 0.0)
    pipe = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    names = [*(f"good-{number}" for number in range(20)), "bad-run", "good-20"]
    ending = engine("HogsAloud", limits=Limits(memory=256 << 20)).run(jobs(tmp_path, "HogsAloud/asked", names))
    ended = [next(ending)]
    assert select.select([pipe], [], [], 20)[0]
    ended += ending
    os.close(pipe)
    kinds = {name_of(job.case): (outcome.kind, outcome.failure and outcome.failure.again) for job, outcome in ended}
    assert kinds == {name: ("completed", None) if name != "bad-run" else ("crashed", "alone too") for name in names}


def test_a_worker_that_grows_from_job_to_job_is_replaced_before_it_costs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = tmp_path / "attempts"
    monkeypatch.setenv("ATTEMPTS", str(attempts))
    monkeypatch.setattr(local, "WATCH", 0.0)
    names = [f"good-{number}" for number in range(200)]
    ended = outcomes(tmp_path, "Leaks/asked", names, limits=Limits(memory=512 << 20))
    assert [outcome.kind for _, outcome in ended] == ["completed"] * len(names)
    assert len(attempts.read_text()) > 1


def test_an_answer_that_comes_twice_costs_no_other_job(tmp_path: Path) -> None:
    names = ["good-0", "bad-twice", "good-1", "good-2"]
    ended = outcomes(tmp_path, "Sends/asked", names)
    assert [(name_of(job.case), outcome.kind) for job, outcome in ended] == [(name, "completed") for name in names]


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("half", "crashed", "no whole answer came in 0.5 s"),
        ("hanging", "timed_out", "still in 'answer' after 0.5 s"),
    ],
)
def test_an_answer_that_does_not_come_whole_is_not_waited_for_without_an_end(
    tmp_path: Path, how: str, kind: str, message: str
) -> None:
    *_, (_, outcome) = outcomes(tmp_path, "Sends/asked", ["good-0", f"bad-{how}"], limits=Limits(job=0.5))
    assert outcome.kind == kind
    assert outcome.failure is not None
    assert (outcome.failure.message, outcome.failure.again) == (message, "alone too")


def test_building_has_a_deadline_of_its_own(tmp_path: Path) -> None:
    ((_, outcome),) = outcomes(tmp_path, "Hangs/asked", ["bad-convert"], limits=Limits(job=600.0, build=0.3))
    assert outcome.failure is not None
    assert outcome.failure.message == "still in 'convert' after 0.3 s"


def test_last_words_are_kept_of_a_worker_that_died(tmp_path: Path) -> None:
    found = results(small_runs.run(tmp_path, "Crashes/asked", BETWEEN))
    for stage in STAGES:
        assert found[f"bad-{stage}", "asked"]["failure"]["stderr"] == f"{stage} to stdout\n{LAST_WORDS} in {stage}\n"


def test_a_flood_on_stdout_and_stderr_corrupts_nothing_and_only_its_end_is_kept(tmp_path: Path) -> None:
    found = results(small_runs.run(tmp_path, "Floods", ONE))
    check(found, ONE, "crashed", "crash")
    words = found["bad-run", "asked"]["failure"]["stderr"]
    assert words.endswith(f"{LAST_WORDS} in run\n")
    assert len(words) <= TAIL


@pytest.mark.parametrize(
    "fake",
    ["Babbles", "BabblesEvenly", "BabblesAndDies", "LiesInList", "ForgetsItsPlace", "ForgetsItsPlaceEvenly"],
)
def test_garbage_in_the_channel_costs_its_own_job(tmp_path: Path, fake: str) -> None:
    """In a process of its own, and within a time: what a worker writes must not hang the parent."""
    out = tmp_path / "run"
    command = [
        "run",
        str(case_file(tmp_path, ONE)),
        "--runner",
        f"{FAKES}{fake}/asked",
        "--out",
        str(out),
        "--jobs",
        "1",
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "conformance", *command, "--timeout", str(SHORT.job)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1, ended.stderr
    verdicts = {result["case"].rsplit("/")[-1]: result["verdict"] for result in journal.read(out).results}
    assert {name: verdicts.pop(name) for name in ONE if name.startswith("good")} == dict.fromkeys(ONE[::2], "match")
    assert set(verdicts) == {"bad-build", "bad-run"}
    assert set(verdicts.values()) <= {"crash", "timeout"}


LIES = ("later", "text-sequence", "no-kind", "list-kind", "objects", "no-dtype", "no-shape", "no-failure", "no-seconds")


def test_a_frame_that_is_no_answer_costs_its_own_job(tmp_path: Path) -> None:
    names = ["good-0", *(f"bad-{lie}" for lie in LIES[:4]), "good-1", *(f"bad-{lie}" for lie in LIES[4:]), "good-2"]
    found = results(small_runs.run(tmp_path, "Lies/asked", names))
    check(found, names, "crashed", "crash")
    for lie in LIES:
        assert "answer cannot be read" in found[f"bad-{lie}", "asked"]["failure"]["message"]


@pytest.mark.parametrize("fake", ["LosesItsChannel", "ClosesAll"])
def test_an_answer_that_never_comes_costs_its_own_job(tmp_path: Path, fake: str) -> None:
    found = results(small_runs.run(tmp_path, f"{fake}/asked", ONE))
    check(found, ONE, "crashed", "crash")


def test_a_job_that_hangs_times_out_and_the_others_do_not(tmp_path: Path) -> None:
    found = results(small_runs.run(tmp_path, "Hangs/asked", ONE, timeout=SHORT.job))
    check(found, ONE, "timed_out", "timeout")
    for stage in ("build", "run"):
        failure = found[f"bad-{stage}", "asked"]["failure"]
        assert failure["stage"] == stage
        assert failure["message"] == f"still in '{stage}' after 1.5 s"
        assert failure["stderr"] == f"{LAST_WORDS} in {stage}\n"


def test_a_worker_that_hangs_between_two_jobs_costs_neither(tmp_path: Path) -> None:
    names = ["good-0", "bad-run", "good-1"]
    ended = outcomes(tmp_path, "Lingers/asked", names, limits=Limits(job=0.3))
    assert [(name_of(job.case), outcome.kind) for job, outcome in ended] == [(name, "completed") for name in names]


def test_who_has_answered_is_not_blamed_for_who_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the parent is busy with one outcome, answers wait to be read and another job overruns its deadline."""
    pipe = tmp_path / "hangs"
    os.mkfifo(pipe)
    monkeypatch.setenv("HANGS", str(pipe))
    names = [*(f"good-{number}" for number in range(30)), "bad-run"]
    ending = engine("Hangs").run(jobs(tmp_path, "Hangs/asked", names))
    ended = [next(ending)]
    with pipe.open("rb", buffering=0) as hanging:
        assert hanging.read(5) == b"hangs"
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 1000, sleep=time.sleep)
    monkeypatch.setattr(local, "time", later)
    ended += ending
    assert [(name_of(job.case), outcome.kind) for job, outcome in ended] == [
        (name, "completed" if name.startswith("good") else "timed_out") for name in names
    ]


@pytest.mark.parametrize(
    ("fake", "message", "exception"),
    [
        ("CannotOpen", "libmissing.so.1: cannot open shared object file", "ImportError"),
        ("DiesInOpen", "the worker died by SIGSEGV", ""),
        ("ExitsInOpen", "the worker exited with status 0", ""),
    ],
)
def test_a_runner_that_cannot_start_leaves_its_jobs_not_run(
    tmp_path: Path, fake: str, message: str, exception: str
) -> None:
    names = ("good-0", "bad-run")
    finished = small_runs.run(tmp_path, fake, names)
    found = results(finished)
    assert len(found) == 4
    for result in found.values():
        assert (result["outcome"], result["verdict"], result["gate"]) == ("not_run", "not_run", "regression")
        failure = result["failure"]
        assert failure["message"].endswith(f"{STARTS} times: {message}")
        assert failure["stage"] == "open"
        assert failure.get("exception", "") == exception
        assert fake == "ExitsInOpen" or LAST_WORDS in failure["stderr"]
    assert not finished.run.complete
    assert finished.status == 2


def test_jobs_that_are_drawn_after_their_runner_was_given_up_are_not_run_either(tmp_path: Path) -> None:
    planned = jobs(tmp_path, "ExitsInOpen/asked", [f"good-{number}" for number in range(50)])
    ended = list(engine("ExitsInOpen").run(job for job in planned))
    assert [job for job, _ in ended] == planned
    assert {outcome.kind for _, outcome in ended} == {"not_run"}


def test_a_runner_that_hangs_in_open_is_given_up(tmp_path: Path) -> None:
    ended = outcomes(tmp_path, "HangsInOpen", ["good-0"], limits=Limits(open=0.5, job=30.0))
    assert [outcome.kind for _, outcome in ended] == ["not_run", "not_run"]
    assert ended[0][1].failure is not None
    assert "still in 'open' after 0.5 s" in ended[0][1].failure.message


def test_a_runner_is_tried_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = tmp_path / "attempts"
    monkeypatch.setenv("ATTEMPTS", str(attempts))
    finished = small_runs.run(tmp_path, "OpensAtTheThirdAttempt", ["good-0"])
    assert finished.status == 0
    assert attempts.read_text() == "xxx"


def test_a_runner_that_cannot_start_does_not_stop_the_others(tmp_path: Path) -> None:
    runners = tuple(FAKES + name for name in ("CannotOpen", "Right", "Crashes", "Duck"))
    finished = small_runs.run(tmp_path, "Right", BETWEEN, runners=runners, jobs=2)
    verdicts = Counter((result["runner"], result["verdict"]) for result in finished.run.results)
    assert verdicts == {
        (FAKES + "CannotOpen", "not_run"): 16,
        (FAKES + "Right", "match"): 16,
        (FAKES + "Crashes", "match"): 8,
        (FAKES + "Crashes", "crash"): 8,
        (FAKES + "Duck", "match"): 8,
    }
    assert finished.status == 2


def test_every_planned_job_comes_back_once_with_an_output_exactly_when_it_completed(tmp_path: Path) -> None:
    planned = jobs(tmp_path, "Crashes", BETWEEN)
    ended = outcomes(tmp_path, "Crashes", BETWEEN, slots=2)
    assert Counter(job.key for job, _ in ended) == Counter(job.key for job in planned)
    for job, outcome in ended:
        assert outcome.kind in OUTCOMES
        assert (outcome.output is not None) == (outcome.kind == "completed")
        assert (outcome.failure is not None) == (outcome.kind != "completed")
        if outcome.kind == "completed":
            assert outcome.output.shape == (1, 2, *job.case.output(job.case.pads))


def test_more_jobs_than_a_worker_is_given_at_once_come_back_in_order(tmp_path: Path) -> None:
    names = [f"good-{number}" for number in range(60)]
    names[31], names[45] = "bad-run", "bad-build"
    ended = outcomes(tmp_path, "Crashes/asked", names)
    assert [name_of(job.case) for job, _ in ended] == names
    assert [name for name, (_, outcome) in zip(names, ended, strict=True) if outcome.kind != "completed"] == [
        "bad-run",
        "bad-build",
    ]


def test_a_plans_jobs_are_made_as_the_worker_comes_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "AHEAD", 4)
    monkeypatch.setattr(local, "MOST_AHEAD", 4)
    selection = plan.select_runners([FAKES + "Right/asked"])
    planned = plan.plan(cases.load([case_file(tmp_path, [f"good-{number}" for number in range(300)])]), selection)
    assert planned.total == 300
    made: list[str] = []
    spelled = plan.spelled

    def spied(case: Case, name: str, *rest: Any) -> list[Job]:
        made.append(case.id)
        return spelled(case, name, *rest)

    monkeypatch.setattr(plan, "spelled", spied)
    ended = 0
    for _ in engine("Right").run(planned):
        ended += 1
        assert ended <= len(made) <= ended + 2 * 4  # what one reading brings has been followed by as many
    assert ended == len(made) == 300


def test_a_plan_that_has_fewer_jobs_than_it_counted_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    planned = jobs(tmp_path, "Right/asked", ("good-0", "good-1"))
    shrunk = SimpleNamespace(counts={FAKES + "Right": 3}, of=lambda runner: iter(planned))
    with pytest.raises(InputError, match=r"tests.fakes:Right has fewer jobs than were planned; allowed: the same each"):
        list(engine("Right").run(shrunk))


def test_the_channel_holds_more_than_a_pipe(tmp_path: Path) -> None:
    """A worker is asked for more, and answers more, than either side's pipe takes at once."""
    path = case_file(tmp_path, [f"good-{number}" for number in range(4)], batch="2048")
    text = path.read_text() + "".join(
        f"  - {{name: more-{n}, tags: [{', '.join(['x' * 900] * 3)}]}}\n" for n in range(80)
    )
    path.write_text(text)
    finished = pipeline.run(pipeline.Options((path,), (FAKES + "Duck",), out=tmp_path / "run", jobs=1))
    assert len(finished.run.results) == 84
    assert {result["verdict"] for result in finished.run.results} == {"match"}


@pytest.mark.parametrize("fake", ["Right", "Crashes", "CannotOpen", "LosesItsChannel"])
def test_no_process_and_no_descriptor_is_left(tmp_path: Path, fake: str) -> None:
    processes, before = children(), descriptors()
    outcomes(tmp_path, fake, BETWEEN, slots=2)
    assert children() == processes
    assert descriptors() == before


@pytest.mark.parametrize("fake", ["Right", "Hangs"])
def test_whoever_stops_listening_leaves_no_worker_behind(tmp_path: Path, fake: str) -> None:
    processes, before = children(), descriptors()
    names = [*(f"good-{number}" for number in range(100)), "bad-run"]  # more than a worker has at once
    ending = engine(fake).run(jobs(tmp_path, fake, names))
    next(ending)
    assert children() > processes
    ending.close()
    assert children() == processes
    assert descriptors() == before


@pytest.mark.parametrize("other", ["Right", "HangsInOpen"])
def test_workers_that_were_started_before_the_plan_do_its_jobs(tmp_path: Path, other: str) -> None:
    """No other one is started, and who has no job is not kept."""
    selection = plan.select_runners([FAKES + other, FAKES + "Wrong"])
    wanted = {FAKES + "Right", FAKES + "Wrong"} & set(selection.runners)
    names = [f"good-{number}" for number in range(2 * local.AHEAD)]
    planned = plan.plan(cases.load([case_file(tmp_path, names)]), selection)
    planned = planned.only(lambda job: job.runner in wanted)
    before = children()
    opened = local.LocalEngine(selection.specs, 2)
    opened.open()
    started = children() - before
    assert len(started) == 2
    ended = opened.run(planned)
    first = next(ended)
    workers = children() - before
    assert workers <= started
    assert len(workers) == len(wanted)
    assert Counter(job.key for job, _ in [first, *ended]) == Counter(job.key for job in planned)
    assert children() == before


def test_workers_that_stay_do_the_jobs_of_the_next_run(tmp_path: Path) -> None:
    before, held = children(), descriptors()
    first, second = (jobs(tmp_path, "Right/asked", [f"good-{each}", "good-2"]) for each in range(2))
    opened = engine("Right")
    stayed = []
    for planned in (first, [], second):
        assert [job for job, _ in opened.run(planned, stay=True)] == planned
        stayed.append(children() - before)
    assert len(stayed[0]) == 1
    assert stayed == [stayed[0]] * 3
    opened.close()
    assert (children(), descriptors()) == (before, held)


def test_a_worker_that_stays_makes_room_for_another_runners(tmp_path: Path) -> None:
    selection = plan.select_runners([FAKES + "Right/asked", FAKES + "Wrong/asked"])
    before = children()
    opened = local.LocalEngine(selection.specs, 1)
    planned = plan.plan(cases.load([case_file(tmp_path, ["good-0", "good-1"])]), selection)
    assert Counter(job.key for job, _ in opened.run(planned, stay=True)) == Counter(job.key for job in planned)
    assert len(children() - before) == 1
    opened.close()
    assert children() == before


def test_what_is_wrong_with_a_plan_leaves_no_worker_behind(tmp_path: Path) -> None:
    before, held = children(), descriptors()
    path = case_file(tmp_path, ONE, stride="0")
    with pytest.raises(InputError, match="stride: 0"):
        pipeline.run(pipeline.Options((path,), (FAKES + "Right",), out=tmp_path / "run"))
    assert (children(), descriptors()) == (before, held)
    assert not (tmp_path / "run").exists()


def test_answers_come_together_while_every_worker_has_enough_to_do() -> None:
    assert local.together([]) == local.together([0.0, 10.0]) == local.SHORTEST
    assert local.together([0.02, 10.0]) == pytest.approx(0.005)
    assert local.together([10.0, 10.0]) == local.LONGEST


def test_answers_that_fill_the_channel_do_not_wait_for_others() -> None:
    lane = local.Lane(Right(), "")
    worker: Any = SimpleNamespace(waiting=[None] * 8)
    assert lane.calm(worker) == 8 * lane.each
    lane.seconds, lane.finished, lane.received = 1.0, 100, 0
    assert lane.calm(worker) == pytest.approx(0.08)
    lane.received = 100 * ROOM
    assert lane.calm(worker) == pytest.approx(0.01), "one answer fills it"


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan])
def test_whatever_a_worker_says_of_its_seconds_it_has_jobs_and_is_heard(seconds: float) -> None:
    lane = local.Lane(Right(), "", seconds=seconds, finished=1, received=1)
    worker: Any = SimpleNamespace(waiting=[None], room=10**9)
    assert local.AHEAD <= lane.ahead(worker) <= local.MOST_AHEAD
    assert local.SHORTEST <= local.together([lane.calm(worker)]) <= local.LONGEST


def test_jobs_that_are_short_are_given_more_at_once_but_not_to_a_worker_that_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most that a worker ever has is seen from how many of a plan's jobs are made."""
    monkeypatch.setenv("ATTEMPTS", str(tmp_path / "attempts"))
    monkeypatch.setattr(local, "WATCH", 0.0)
    monkeypatch.setattr(local, "MOMENT", 1.0)
    names = [f"good-{number}" for number in range(400)]
    for fake, most in (("Right/asked", local.MOST_AHEAD), ("Leaks/asked", local.AHEAD)):
        taken = ended = ahead = 0

        def taking(fake: str = fake) -> Iterator[Job]:
            nonlocal taken
            for job in jobs(tmp_path, fake, names):
                taken += 1
                yield job

        for _ in engine(fake.partition("/")[0], limits=Limits(memory=512 << 20)).run(taking()):
            ended += 1
            ahead = max(ahead, taken - ended)
        assert ended == taken == len(names)
        assert most / 2 < ahead <= 2 * most


def test_what_a_worker_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    monkeypatch.setenv("HELD", str(held))
    pipe = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(pipe, True)
    ended = outcomes(tmp_path, "Spawns/asked", ["bad-run", "good-0"])
    assert [outcome.kind for _, outcome in ended] == ["completed", "completed"]
    read = b""
    while select.select([pipe], [], [], 20)[0]:
        part = os.read(pipe, 100)
        if not part:  # the last process that held the pipe has died
            break
        read += part
    else:
        pytest.fail("what the worker started is still there")
    os.close(pipe)
    assert read in (b"", b"up")


def test_a_runner_that_wanders_off_answers_all_the_same(tmp_path: Path) -> None:
    assert small_runs.run(tmp_path, "Wanders", BETWEEN).status == 0


def test_arrays_that_a_runner_scribbles_on_are_its_own(tmp_path: Path) -> None:
    assert small_runs.run(tmp_path, "Scribbles", ("good-0", "good-1")).status == 0


def test_state_that_a_runner_leaves_behind_shows_when_the_order_changes(tmp_path: Path) -> None:
    """A shuffled run gives the same verdicts for a runner that leaves none, and other verdicts for one that does."""
    names = ("good-0", "good-1", "bad-0", "good-2")

    def verdicts(fake: str, seed: int | None) -> dict[str, str]:
        found = results(small_runs.run(tmp_path, f"{fake}/asked", names, shuffle=seed))
        return {name: result["verdict"] for (name, _), result in found.items()}

    assert verdicts("LeavesState", None) == {
        "good-0": "match",
        "good-1": "match",
        "bad-0": "match",
        "good-2": "mismatch",
    }
    assert verdicts("LeavesState", 1) != verdicts("LeavesState", None)
    assert verdicts("Right", 1) == verdicts("Right", None)


@pytest.mark.parametrize(
    ("fake", "causes"),
    [
        (
            "WrongShape",
            {
                "flat": ["output-shape"],
                "channels-last": ["layout"],
                "one-more": ["output-shape"],
                "one-less": ["output-shape"],
                "shorter": ["pad-amount"],
                "longer": ["unattributed"],
                "empty": ["unattributed"],
                "number": ["unattributed"],
            },
        ),
        (
            "WrongType",
            {
                **{key: ["dtype"] for key in ("float64", "float16", "int32", "big-endian")},
                **{key: ["dtype"] for key in ("complex64", "text", "bytes", "datetime64", "record")},
                **{key: ["unattributed", "dtype"] for key in ("uint8", "bool")},  # which lose the numbers too
            },
        ),
        ("NotFinite", {"nan": ["non-finite"], "inf": ["non-finite"], "minus-inf": ["non-finite"]}),
        ("ListOfNumbers", {"list": ["dtype"]}),
        ("Wrong", {"number": ["unattributed"]}),
    ],
)
def test_a_wrong_output_is_a_mismatch_with_its_cause_and_never_a_fault_of_ours(
    tmp_path: Path, fake: str, causes: dict[str, list[str]]
) -> None:
    names = ["good-0", *(f"bad-{how}" for how in causes), "good-1"]
    finished = small_runs.run(tmp_path, f"{fake}/asked", names)
    found = results(finished)
    check(found, names, "completed", "mismatch")
    assert {how: found[f"bad-{how}", "asked"]["causes"] for how in causes} == causes
    assert finished.status == 1
    for line in (tmp_path / "run" / journal.NAME).read_text().splitlines():
        json.loads(line, parse_constant=lambda constant: pytest.fail(f"{constant} in the journal"))


def test_what_is_no_array_is_an_error_of_the_stage_run(tmp_path: Path) -> None:
    names = ["good-0", "bad-objects", "bad-none", "bad-mapping", "bad-ragged", "good-1"]
    found = results(small_runs.run(tmp_path, "NoArray/asked", names))
    check(found, names, "raised", "error")
    assert {found[name, "asked"]["failure"]["stage"] for name in names[1:-1]} == {"run"}
    assert "Python objects" in found["bad-objects", "asked"]["failure"]["message"]


def test_a_runner_that_is_always_wrong_never_matches(tmp_path: Path) -> None:
    finished = small_runs.run(tmp_path, "AlwaysWrong", ("good-0", "good-1"))
    assert [result["verdict"] for result in finished.run.results] == ["mismatch"] * 4


def test_ignored_pads_are_named(tmp_path: Path) -> None:
    found = results(small_runs.run(tmp_path, "IgnoresPads", ["good-0"]))
    assert found["good-0", "asked"]["causes"] == ["pads-ignored"]
    assert found["good-0", "by-rule"]["causes"] == ["auto-pad-ignored"]


def test_a_habit_is_a_hazard_and_holds(tmp_path: Path) -> None:
    finished = small_runs.run(tmp_path, "Habit", ["good-0"])
    found = results(finished)
    assert found["good-0", "symmetric"]["verdict"] == "hazard"
    assert found["good-0", "symmetric"]["causes"] == ["symmetric-for-asymmetric"]
    assert finished.status == 0


def test_a_class_that_inherits_nothing_is_a_runner(tmp_path: Path) -> None:
    assert small_runs.run(tmp_path, "Duck", ("good-0", "good-1")).status == 0


def test_a_class_that_only_converts_is_a_runner(tmp_path: Path) -> None:
    found = results(small_runs.run(tmp_path, "OnlyConverts", ("good-0", "good-1")))
    assert {key: result["verdict"] for key, result in found.items()} == {
        ("good-0", "pads"): "match",
        ("good-1", "pads"): "match",
        ("good-0", "auto_pad"): "error",
        ("good-1", "auto_pad"): "error",
    }
    assert found["good-0", "auto_pad"]["failure"]["stage"] == "convert"


def told(outcome: Outcome) -> dict[str, Any]:
    """What ``Tells`` tells."""
    assert outcome.failure is not None
    return json.loads(outcome.failure.message)  # type: ignore[no-any-return]


def test_a_worker_runs_on_one_thread_in_a_session_of_its_own_with_its_runners_environment(tmp_path: Path) -> None:
    (_, outcome), *_ = outcomes(tmp_path, "Tells", ["good-0"])
    seen = told(outcome)
    assert seen["environ"] == {**PINNED, "ONLY_FOR_TELLS": "yes"}
    assert "ONLY_FOR_TELLS" not in os.environ
    assert seen["session"] is True


def test_a_worker_sees_the_gpus_that_it_would_here_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.delenv("HIP_VISIBLE_DEVICES", raising=False)
    (_, outcome), *_ = outcomes(tmp_path, "Tells", ["good-0"], limits=Limits(gpu=True))
    seen = told(outcome)["environ"]
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["OMP_NUM_THREADS"]) == ("1", "1")
    assert "HIP_VISIBLE_DEVICES" not in seen


def test_a_worker_reads_nothing_from_the_terminal(tmp_path: Path) -> None:
    (_, outcome), *_ = outcomes(tmp_path, "Tells", ["good-0"])
    seen = told(outcome)
    assert seen["stdin"] == "/dev/null"


def test_a_worker_sees_nothing_of_what_is_expected(tmp_path: Path) -> None:
    path = case_file(tmp_path, ["good-0"], note='"a secret"', expect="{output: [4, 3]}")
    finished = pipeline.run(pipeline.Options((path,), (FAKES + "Tells",), out=tmp_path / "run", jobs=1))
    seen = json.loads(finished.run.results[0]["failure"]["message"])
    assert seen["wire"] == [None, "", ""]
    assert seen["id"] == "small/good-0"


def test_a_worker_loads_only_domain_and_runners(tmp_path: Path) -> None:
    (_, outcome), *_ = outcomes(tmp_path, "TellsModules", ["good-0"])
    assert outcome.failure is not None
    loaded = outcome.failure.message.split()
    strangers = [
        name
        for name in loaded
        if name != "conformance" and not name.startswith(("conformance.domain", "conformance.runners"))
    ]
    assert strangers == []
    assert "conformance.runners.contract" in loaded


def test_the_parent_never_loads_a_framework(tmp_path: Path) -> None:
    path = case_file(tmp_path, ["good-0"])
    code = """
import sys
from pathlib import Path
from conformance import pipeline
path, out = map(Path, sys.argv[1:])
finished = pipeline.run(pipeline.Options((path,), ("torch", "onnxruntime"), out=out))
assert finished.status == 0, finished.run.results
print(*sorted({"torch", "tensorflow", "keras", "tf_keras", "onnx", "onnxruntime", "onnx2keras"} & set(sys.modules)))
"""
    arguments = [sys.executable, "-c", code, str(path), str(tmp_path / "run")]
    ended = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "\n"), ended.stderr


def test_none_among_the_jobs_keeps_the_worker_for_those_that_are_still_to_come(tmp_path: Path) -> None:
    wanted: deque[Job] = deque()
    before = children()
    ending = engine("Right").run(wanted.popleft() if wanted else None for _ in count())
    workers = []
    for job in jobs(tmp_path, "Right", ("good-0", "good-1", "good-2")):
        wanted.append(job)
        assert next(ending)[0] == job
        workers.append(children() - before)
    assert len(workers[0]) == 1
    assert workers == workers[:1] * len(workers)
    ending.close()
    assert children() == before
