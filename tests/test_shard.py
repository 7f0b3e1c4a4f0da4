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
JOBS = plan.plan(CASES, select_runners(["torch", "onnxruntime", FAKE]))


def keys(jobs: list[Job]) -> list[tuple[str, str, str]]:
    """What names the jobs."""
    return [job.key for job in jobs]


def spent(jobs: list[Job]) -> float:
    """What a part costs, its runners' starts included."""
    return sum(map(shard.cost, jobs)) + sum(shard.cost_of(runner, "open") for runner in {job.runner for job in jobs})


@pytest.mark.parametrize("count", [1, 2, 3, 7, 500])
def test_parts_are_disjoint_and_together_the_plan_and_keep_a_runners_case_together(count: int) -> None:
    parts = [shard.shard(JOBS, index, count) for index in range(1, count + 1)]
    assert Counter(key for part in parts for key in keys(part)) == Counter(keys(JOBS))
    assert all(keys(part) == [key for key in keys(JOBS) if key in keys(part)] for part in parts)
    homes = [{(job.runner, job.case.id) for job in part} for part in parts]
    assert sum(map(len, homes)) == len(set().union(*homes))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_other_cuts_make_the_dearest_part_cheaper(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held against every way to cut a plan of two runners in two, or against what the dearest part has to cost."""
    costs = {
        "torch": {"open": 50, "conv": 9, "max_pool": 1, "conv_transpose": 4},
        "onnxruntime": {"open": 5, "conv": 1},
    }
    monkeypatch.setattr(shard, "COSTS", costs)
    parts = shard.parts(JOBS, count)
    assert all(parts)
    dearest = max(map(spent, parts))
    mixed = list(shard.mixed(JOBS))
    groups = list(dict.fromkeys((job.runner, job.case.id) for job in mixed))
    least = spent(JOBS) / count
    if count == 2:
        heads = [[job for job in mixed if (job.runner, job.case.id) in groups[:cut]] for cut in range(1, len(groups))]
        least = min(max(spent(head), spent(mixed[len(head) :])) for head in heads)
    assert least <= dearest * 1.001 <= (least if count == 2 else least + 50 + 2 * 9) * 1.002


def test_a_part_has_its_share_of_what_stands_together_in_the_plan() -> None:
    jobs = [job for job in JOBS if job.runner == "torch"]
    one, two = ({job.case.op for job in part} for part in shard.parts(jobs, 2))
    assert one == two == {"conv", "max_pool", "conv_transpose"}


def test_one_group_is_one_part_and_the_others_are_empty() -> None:
    jobs = [job for job in JOBS if job.runner == "torch" and job.case.id == "topic/f/0"]
    assert shard.parts(jobs, 3) == [jobs, [], []]
    assert shard.parts([], 2) == [[], []]


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
    changed = [replace(JOBS[0], case=replace(JOBS[0].case, seed=1)), *JOBS[1:]]
    plans = [JOBS, JOBS[1:], JOBS[::-1], changed, [replace(JOBS[0], variant="other"), *JOBS[1:]]]
    assert len({shard.fingerprint(jobs) for jobs in plans}) == len(plans)
    retold = [
        replace(job, case=replace(job.case, title="told otherwise", entry=Entry("elsewhere:1:1"))) for job in JOBS
    ]
    assert shard.fingerprint(retold) == shard.fingerprint(JOBS)
    assert Counter(keys(retold)) == Counter(keys(JOBS))
