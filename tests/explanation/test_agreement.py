"""For which sizes two paddings agree: the law that one period proves, held against every size up to 120."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.domain.case import Case
from conformance.domain.geometry import RULES, same_elements
from conformance.explanation import agreement
from conformance.explanation.agreement import Agreement, along, overall, padding_by_residue, spell


def layer(kernel: int, stride: int, padding: Any, op: str = "conv", dilation: int = 1, **fields: Any) -> Case:
    """A layer of rank 1."""
    return Case("a", op, (50,), (kernel,), (stride,), (dilation,), padding, **fields)


def agree(case: Case, size: int, way: Any) -> bool:
    """Whether a size's windows read the same elements, looked at by itself."""
    one, other = along(case, 0, size), along(case, 0, size, way)
    return other.output > 0 and same_elements([one], [other])


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "way", "words"),
    [
        (3, 2, "same", "fixed", "for odd sizes"),
        (3, 2, "same", "symmetric", "for odd sizes"),
        (4, 2, "same", "symmetric", "for even sizes"),
        (3, 2, ((1, 1),), "same", "for odd sizes"),
        (3, 2, ((1, 1),), "same_lower", "for every size"),
        (3, 1, "same", "symmetric", "for every size"),
        (2, 1, "same", "symmetric", "for no size"),
        (7, 4, "same", "fixed", "where size mod 4 is 1"),
        (3, 3, "same", "valid", "where size mod 3 is 0"),
        (2, 5, "same", "valid", "where size mod 5 is 0, 2, 3 or 4"),
        (7, 2, "same", "symmetric", "for odd sizes"),
    ],
)
def test_the_sizes_in_words(kernel: int, stride: int, padding: Any, way: str, words: str) -> None:
    found = agreement.agreement(layer(kernel, stride, padding), 0, way)
    assert found is not None
    assert found.spell() == words


@st.composite
def layers(draw: st.DrawFn) -> Case:
    op = draw(st.sampled_from(["conv", "max_pool", "avg_pool", "conv_transpose"]))
    kernel, stride, dilation = (draw(st.integers(1, most)) for most in (7, 6, 3))
    rules = ["same", "same_lower", "valid", *(["fixed", "causal"] if op == "conv" else [])]
    amounts = st.tuples(st.integers(0, kernel), st.integers(0, kernel))
    padding = draw(st.one_of(st.sampled_from(rules), st.tuples(amounts)))
    flags = {name: draw(st.booleans()) for name in ("ceil_mode", "count_include_pad")} if op == "avg_pool" else {}
    return layer(kernel, stride, padding, op, dilation, **flags)


@settings(max_examples=120, deadline=None)
@given(layers(), st.sampled_from([*RULES, ((1, 0),), ((2, 3),)]))
def test_the_law_holds_for_every_size(case: Case, way: Any) -> None:
    found = agreement.agreement(case, 0, way)
    assert found is not None
    assert case.stride[0] % found.period == 0
    for size in range(1, 120):
        if along(case, 0, size).output > 0:
            assert found.holds(size) == agree(case, size, way), (size, found)


def test_small_sizes_that_break_the_law_are_named() -> None:
    # k 3, s 2, d 1, pads 2 and 0 against valid: never, but of one element the only window reads the same
    case = layer(5, 1, "same")
    found = agreement.agreement(case, 0, ((2, 4),))
    assert found is not None
    assert found.spell() == "for no size"
    assert Agreement(2, (1,), 9, (1, 4)).spell() == "for odd sizes, but not for 1, and for 4"
    assert Agreement(1, (), 9, (1, 2, 3)).spell() == "for no size, and for 1, 2 and 3"
    assert Agreement(1, (0,), 90, (), checked=False).spell() == "for every size (from 90 on)"


def test_large_kernels_are_looked_at_for_one_period() -> None:
    found = agreement.agreement(layer(301, 2, "same"), 0, "symmetric")
    assert found is not None
    assert not found.checked
    assert found.spell() == "for odd sizes (from 303 on)"
    for size in (303, 304, 500, 501):
        assert found.holds(size) == agree(layer(301, 2, "same"), size, "symmetric")
    assert agreement.agreement(layer(3, 5000, "same"), 0, "symmetric") is None
    counted = layer(301, 2, "same", "avg_pool", count_include_pad=True)
    assert agreement.agreement(counted, 0, "symmetric") is None


def test_an_output_that_is_given_says_nothing_of_other_sizes() -> None:
    case = Case("a", "conv_transpose", (5,), (3,), (2,), (1,), "same", output_shape=(9,))
    assert agreement.agreement(case, 0, "same_lower") is None


def test_what_is_said_of_all_axes() -> None:
    one, two = Agreement(2, (1,), 5), Agreement(1, (0,), 4)
    case = Case("a", "conv", (6, 6), (3, 3), (2, 1), (1, 1), "same")
    assert spell(overall(case, lambda number: one, alike=False)) == "for odd sizes"
    both = overall(case, lambda number: (one, two)[number], alike=False)
    assert spell(both) == "on axis 0 for odd sizes, on axis 1 for every size"
    assert overall(case, lambda number: (one, None)[number], alike=False) == ()


def test_the_pads_of_a_rule_by_the_sizes_remainder() -> None:
    assert padding_by_residue(layer(3, 2, "same"), 0) == [("0", (0, 1)), ("1", (1, 1))]
    assert padding_by_residue(layer(7, 4, "same"), 0) == [("0", (1, 2)), ("1", (3, 3)), ("2", (2, 3)), ("3", (2, 2))]
