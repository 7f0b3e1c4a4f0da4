"""A plan in parts: the same everywhere, disjoint, whole, and balanced."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from conformance import plan, runners, shard
from conformance.domain.case import Case, Entry
from conformance.domain.records import Job
from conformance.plan import select_runners
from tests.small_runs import FAKES

CASES = [
    Case(f"topic/f/{number}", op, (8,), (3,), (2,), (1,), "same")
    for number, op in enumerate(["conv"] * 12 + ["max_pool"] * 6 + ["conv_transpose"] * 6)
]
FAKE = FAKES + "Right"
JOBS = list(plan.plan(CASES, select_runners(["torch", "onnxruntime", FAKE])))


def keys(jobs: list[Job]) -> list[tuple[str, str, str]]:
    """What names the jobs."""
    return [job.key for job in jobs]


def spent(jobs: list[Job]) -> float:
    """What a part costs, its runners' starts included."""
    return sum(map(shard.cost, jobs)) + sum(shard.cost_of(runner, "open") for runner in {job.runner for job in jobs})


def parts_of(jobs: list[Job], count: int) -> list[list[Job]]:
    """The jobs of every part."""
    return [[job for job in jobs if job.group in own] for own in shard.parts(jobs, count)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 500])
def test_parts_are_disjoint_and_together_the_plan(count: int) -> None:
    parts = [shard.part(JOBS, index, count) for index in range(1, count + 1)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert set().union(*parts) == {job.group for job in JOBS}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_other_cuts_make_the_dearest_part_cheaper(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held against every way to cut a plan of two runners in two, or against what the dearest part has to cost."""
    costs = {
        "torch": {"open": 50, "conv": 9, "max_pool": 1, "conv_transpose": 4},
        "onnxruntime": {"open": 5, "conv": 1},
    }
    monkeypatch.setattr(shard, "COSTS", costs)
    parts = parts_of(JOBS, count)
    assert all(parts)
    dearest = max(map(spent, parts))
    groups = [one.group for one in shard.mixed(JOBS)]
    least = spent(JOBS) / count
    if count == 2:
        cuts = ((groups[:cut], groups[cut:]) for cut in range(1, len(groups)))
        least = min(max(spent([job for job in JOBS if job.group in half]) for half in halves) for halves in cuts)
    assert least <= dearest * 1.001 <= (least if count == 2 else least + 50 + 2 * 9) * 1.002


def test_a_part_has_its_share_of_what_stands_together_in_the_plan() -> None:
    jobs = [job for job in JOBS if job.runner == "torch"]
    one, two = ({job.case.op for job in part} for part in parts_of(jobs, 2))
    assert one == two == {"conv", "max_pool", "conv_transpose"}


def test_one_group_is_one_part_and_the_others_are_empty() -> None:
    jobs = [job for job in JOBS if job.group == ("torch", "topic/f/0")]
    assert shard.parts(jobs, 3) == [{("torch", "topic/f/0")}, set(), set()]
    assert shard.parts([], 2) == [set(), set()]


def test_a_runner_or_operator_that_was_not_measured_costs_what_the_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "COSTS", {"a": {"conv": 1, "pad": 5}, "b": {"conv": 3}, "c": {"conv": 8}})
    assert shard.cost_of("b", "conv") == 3
    assert shard.cost_of("theirs", "conv") == 3
    assert shard.cost_of("b", "pad") == 5


def test_every_core_runner_was_measured_with_its_operators() -> None:
    assert set(shard.COSTS) == set(runners.CORE)
    for name, costs in shard.COSTS.items():
        assert {"open", "conv"} <= set(costs) <= {"open", *runners.load(name).ops}


def test_a_fingerprint_tells_plans_apart() -> None:
    changed = [JOBS[0]._replace(case=replace(JOBS[0].case, seed=1)), *JOBS[1:]]
    plans = [JOBS, JOBS[1:], JOBS[::-1], changed, [JOBS[0]._replace(variant="other"), *JOBS[1:]]]
    assert len({shard.fingerprint(jobs) for jobs in plans}) == len(plans)
    retold = [
        job._replace(case=replace(job.case, title="told otherwise", entry=Entry("elsewhere:1:1"))) for job in JOBS
    ]
    assert shard.fingerprint(retold) == shard.fingerprint(JOBS)
    assert Counter(keys(retold)) == Counter(keys(JOBS))
