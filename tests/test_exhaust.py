"""All small geometries: what is run, what shares an execution, and that a mistake in one corner is found."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import prod

import numpy as np
import pytest

from conformance import oracle, plan, tools
from conformance.domain.case import Case
from conformance.domain.tensors import tensors
from conformance.errors import NothingSelectedError
from conformance.exhaust import Count, Scope, executions
from tests.small_runs import FAKES
from tests.test_cli import conformance, loaded

SMALL = Scope(input=5, kernel=4, stride=3, dilation=2, pads=3, ops=("conv",))
TINY = Scope(input=3, kernel=2, stride=2, dilation=2, pads=1)


def exhaust(fake: str, scope: Scope) -> Count:
    """The count of one fake in one worker."""
    return tools.exhaust(scope, [FAKES + fake], jobs=1)


def cases(scope: Scope) -> list[Case]:
    """All cases of a scope."""
    return [case for alike in scope.cases() for case in alike]


def test_one_axis_is_run_in_every_way_that_has_an_output() -> None:
    scope = Scope(3, 2, 2, 2, 1, ("conv",), (1,))
    wanted = {
        (i, k, s, d, b, e)
        for i, k, s, d, b, e in product((1, 2, 3), (1, 2), (1, 2), (1, 2), (0, 1), (0, 1))
        if i + b + e >= (k - 1) * d + 1
    }
    numbers = [case for case in cases(scope) if not isinstance(case.padding, str)]
    found = [(*c.input, *c.kernel, *c.stride, *c.dilation, *c.pads[0]) for c in numbers]
    assert len(found) == len(set(found))
    assert set(found) == wanted
    rules = Counter(case.padding for case in cases(scope) if isinstance(case.padding, str))
    assert rules == {"valid": 18, "same": 24, "same_lower": 24, "causal": 24, "fixed": 24}


def test_identities_are_unique_and_every_case_has_outputs_and_an_answer() -> None:
    found = cases(TINY)
    assert len({case.id for case in found}) == len(found)
    assert {case.op for case in found} == set(TINY.ops)
    assert {case.rank for case in found} == {1, 2, 3}
    assert all(axis.output > 0 for case in found for axis in case.asked)
    for case in found:
        if case.op == "avg_pool" and not case.count_include_pad:
            assert all(any(place is not None for place in taps) for axis in case.asked for taps in axis.reads())


@pytest.mark.parametrize("rank", [2, 3])
def test_lifted_axes_are_unequal_and_every_ordered_pair_lies_on_any_two_places(rank: int) -> None:
    layers = [axes for axes, _ in Scope().lifted(rank)]
    different = {axis for axes in layers for axis in axes}
    assert len(layers) == len(set(layers))
    assert all(len(set(axes)) > 1 for axes in layers)
    for one, two in product(range(rank), repeat=2):
        if one != two:
            assert {(axes[one], axes[two]) for axes in layers} >= {
                (a, b) for a in different for b in different if a != b
            }
    assert {axes[::-1] for axes in layers} == set(layers)


def test_the_reference_of_several_axes_is_the_product_of_its_axes() -> None:
    """Entry by entry, with nothing of the reference's arithmetic: which tap of each axis reads which element."""
    for case in cases(Scope(4, 3, 3, 2, 2, ("conv",), (2, 3)))[::7]:
        answer = oracle.compute(case, tensors(case), oracle.reading(case, case.pads))
        reads = [axis.reads() for axis in case.asked]
        for place in np.ndindex(*(len(windows) for windows in reads)):
            row = np.full(prod(case.input), -1.0)
            for tap in np.ndindex(*case.kernel):
                element = [windows[o][t] for windows, o, t in zip(reads, place, tap, strict=True)]
                if None not in element:
                    row[np.ravel_multi_index(element, case.input)] += 1 + np.ravel_multi_index(tap, case.kernel)
            assert (answer[(slice(1, None), 0, *place)] == row).all(), case.id


def test_cases_share_an_execution_only_where_text_and_output_are_the_same() -> None:
    selection = plan.select_runners([FAKES + "Habit"])
    runs = list(executions(TINY.cases(), lambda case: list(plan.plan([case], selection))))
    assert sum(map(len, runs)) > len(runs)
    for jobs in runs:
        first = jobs[0].case
        for job in jobs:
            assert (job.variant, job.spelling.code) == (jobs[0].variant, jobs[0].spelling.code)
            assert job.case.output(job.case.pads) == first.output(first.pads)
            assert all(map(np.array_equal, tensors(job.case)[:2], tensors(first)[:2]))


def test_a_right_runner_is_proven() -> None:
    found = exhaust("Right", TINY)
    assert found.status == 0
    cases_of_it = cases(Scope(3, 2, 2, 2, 1, ("conv",)))
    rows = {rank: row for (variant, _, rank), row in found.rows.items() if variant.endswith("/asked")}
    for rank, row in rows.items():
        assert row.verdicts == {"match": sum(case.rank == rank for case in cases_of_it)}
    assert set(rows) == {1, 2, 3}


def test_what_is_declared_otherwise_is_counted_apart() -> None:
    found = exhaust("Habit", TINY)
    assert found.status == 0
    assert found.total("hazard") > 0
    assert found.total("mismatch", "error") == 0


def test_a_mistake_in_one_corner_is_found_and_shown_as_the_smallest() -> None:
    found = exhaust("WrongInOneCorner", SMALL)
    assert found.status == 1
    (row,) = (row for row in found.rows.values() if row.smallest and row.executions > row.count("mismatch"))
    assert row.smallest is not None
    case = row.smallest.job.case
    assert (case.input, case.kernel, case.stride, case.dilation, case.pads) == ((3,), (4,), (3,), (2,), ((3, 1),))
    assert row.count("mismatch") == 3  # inputs 3 to 5
    assert sum(row.causes.values()) == 3
    assert "asked pads 3.1" in row.smallest.text


def test_swapped_axes_are_caught_by_the_lifting_alone() -> None:
    found = exhaust("SwapsAxes", TINY)
    assert found.status == 1
    assert {rank for (_, _, rank), row in found.rows.items() if row.smallest} == {2, 3}


def test_refusals_are_counted_apart_and_prove_nothing() -> None:
    count = Count()
    assert count.status == 1
    with pytest.raises(NothingSelectedError):
        exhaust("Right", Scope(3, 2, 2, 2, 1, ("max_pool",)))


def test_a_runner_that_cannot_start_leaves_the_count_incomplete() -> None:
    found = exhaust("CannotOpen", Scope(2, 1, 1, 1, 0, ("conv",), (1,)))
    assert found.status == 2
    assert found.total("not_run") == sum(row.count("not_run") for row in found.rows.values()) > 0


LIMITS = ("--input", "3", "--kernel", "2", "--stride", "2", "--dilation", "1", "--pads", "1", "--op", "conv")


def test_the_command_says_how_many_are_proven() -> None:
    ended = conformance("exhaust", "--runner", FAKES + "Right/asked", *LIMITS)
    assert ended.returncode == 0, ended.stderr
    last = ended.stdout.splitlines()[-1]
    assert "geometries proven in" in last
    assert "wrong" not in last


def test_the_command_shows_the_smallest_counterexample() -> None:
    ended = conformance("exhaust", "--runner", FAKES + "SwapsAxes", *LIMITS)
    assert ended.returncode == 1, ended.stderr
    assert "the smallest:" in ended.stdout
    assert "NOT as asked" in ended.stdout
    assert "wrong" in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 4),
        (("--runner", "nonsense"), 4),
        (("--runner", FAKES + "Right", "--rank", "4"), 4),
        (("--runner", FAKES + "Right", "--op", "max_pool"), 5),
    ],
)
def test_bad_usage_and_nothing_selected(arguments: tuple[str, ...], status: int) -> None:
    assert conformance("exhaust", *arguments).returncode == status


def test_help_imports_nothing_heavy() -> None:
    assert loaded("exhaust", "--help") == []
