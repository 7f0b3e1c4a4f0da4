"""Selected cases: by tags, and by expressions of words, ``and``, ``or``, ``not`` and parentheses, as in pytest."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.domain.case import Case
from conformance.errors import InputError
from conformance.selection import compile_expression, select_cases

NAME = "sweeps/conv2d/same-k3x2-s2"


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ("conv2d", True),
        ("conv", True),
        ("conv3d", False),
        ("same-k3x2-s2", True),
        ("sweeps/conv2d/same", True),
        ("conv2d and same", True),
        ("conv2d and valid", False),
        ("conv3d or same", True),
        ("conv3d or valid", False),
        ("not conv3d", True),
        ("not conv2d", False),
        ("not not conv2d", True),
        ("not conv3d and same", True),
        ("not conv3d and valid", False),
        ("not (conv3d or same)", False),
        ("not conv3d or same and valid", True),
        ("valid and conv2d or same", True),
        ("same or valid and conv3d", True),
        ("(same or valid) and conv3d", False),
        ("conv2d and(same)", True),
        ("( ( conv2d ) )", True),
        ("conv3d or not valid and conv2d", True),
    ],
)
def test_an_expression_selects_as_in_pytest(expression: str, selected: bool) -> None:
    assert compile_expression(expression)(NAME) is selected


def test_words_inside_names_are_no_operators() -> None:
    assert compile_expression("android")("x/android-or-not")
    assert compile_expression("nothing or orange")("x/orange")


@pytest.mark.parametrize(
    "expression", ["(", ")", "a b", "a and", "and a", "or", "not", "(a", "a)", "a or or b", "()", "a (b)", "not )", " "]
)
def test_what_is_no_expression_is_bad_usage(expression: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_expression(expression)
    assert str(caught.value) == f"-k {expression!r}; allowed: words joined by 'and', 'or', 'not' and parentheses"
    assert caught.value.status == 4


def test_cases_are_selected_by_expression_and_by_any_of_the_tags() -> None:
    one = (1,)
    tagged = {"a": (), "b": (), "c": ("x",), "d": ("x", "y")}
    cases = [Case(f"topic/f/{name}", "conv", (8,), one, one, one, "same", tags=tags) for name, tags in tagged.items()]

    def names(expression: str = "", tags: Sequence[str] = ()) -> list[str]:
        return [case.id[-1] for case in select_cases(cases, expression, tags)]

    assert names() == ["a", "b", "c", "d"]
    assert names("f/a or f/c") == ["a", "c"]
    assert names(tags=["x"]) == ["c", "d"]
    assert names(tags=["y", "z"]) == ["d"]
    assert names("not f/d", ["x"]) == ["c"]
    assert names(tags=["z"]) == []
