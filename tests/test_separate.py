"""The smallest case that tells two explanations apart: it exists, it is small, and it does."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import prod

import numpy as np
import pytest

from conformance import cases, hypotheses, oracle, packaged
from conformance.domain.case import OPS, Case
from conformance.domain.records import Spelling
from conformance.domain.tensors import tensors
from conformance.separate import smallest

SAMPLE = cases.load()[::29]


def by_numbers(case: Case) -> Spelling:
    """The pads as numbers."""
    return Spelling(case.pads, "f(x)")


def by_rule(case: Case) -> Spelling | None:
    """The rule's name, where there is one."""
    return Spelling(case.pads, "f(x)", by_rule=True) if isinstance(case.padding, str) else None


def test_an_ignored_dilation_and_the_first_axis_are_told_apart_by_unequal_dilations() -> None:
    case = Case("t/a", "conv", (9, 9), (3, 3), (1, 1), (1, 2), "same", channels=2, filters=2)
    found = smallest(case, by_numbers, ("dilation-ignored",), ("dilation-first-axis",))
    assert found is not None
    assert found.dilation[0] > 1
    assert prod(found.input) < prod(case.input)
    assert (found.channels, found.filters) == (2, 2)


def test_the_case_found_gives_both_explanations_other_outputs() -> None:
    case = Case("t/a", "conv", (8,), (2,), (2,), (1,), ((0, 1),))
    one, other = ("pads-ignored",), ("pads-begin-only",)
    found = smallest(case, by_numbers, one, other)
    assert found is not None
    data = tensors(found)
    left, right = (
        {oracle.compute(found, data, how).tobytes() for how in hypotheses.under(found, by_numbers(found), causes)}
        for causes in (one, other)
    )
    assert left
    assert right
    assert not left & right


def test_what_is_the_same_everywhere_has_no_separating_case() -> None:
    case = Case("t/a", "conv", (6,), (3,), (1,), (1,), "same")
    assert smallest(case, by_numbers, ("kernel-flipped",), ("kernel-flipped",)) is None


def test_an_amount_without_a_rule_says_nothing_about_another_case() -> None:
    case = Case("t/a", "conv", (6,), (3,), (1,), (1,), "same")
    assert smallest(case, by_numbers, (hypotheses.AMOUNT,), ("kernel-flipped",)) is None


def test_a_case_that_the_variant_does_not_write_is_no_answer() -> None:
    case = Case("t/a", "conv", (6,), (3,), (1,), (1,), ((1, 1),))
    assert smallest(case, by_rule, ("pads-ignored",), ("kernel-flipped",)) is None


@pytest.mark.parametrize("case", SAMPLE, ids=[case.id for case in SAMPLE])
def test_no_pair_of_causes_of_any_operator_is_too_much(case: Case) -> None:
    for causes in combinations(hypotheses.names(case, by_numbers(case)), 2):
        found = smallest(case, by_numbers, causes[:1], causes[1:])
        assert found is None or prod(found.input) <= 11**case.rank
        if found is not None:
            assert np.isfinite(tensors(replace(found, batch=1)).input).all()


def test_only_cases_whose_sums_are_exact_are_looked_at() -> None:
    case = Case("t/a", "conv", (7, 8), (1, 1), (1, 1), (1, 1), "same", channels=512, dtype="float16", data="normal")
    assert smallest(case, by_numbers, ("same-lower-for-upper",), ("auto-pad-ignored",)) is None


def test_the_packaged_cases_are_sampled_over_every_operator() -> None:
    assert packaged.cases().is_dir()
    assert {case.op for case in SAMPLE} == set(OPS)
