"""Selected cases: by tags, and by expressions of words, ``and``, ``or``, ``not`` and parentheses, as in pytest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from conformance.domain.case import Case
from conformance.errors import InputError

Match = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


def select_cases(cases: Sequence[Case], expression: str = "", tags: Sequence[str] = ()) -> list[Case]:
    """The cases whose identity an expression matches and that have one of the tags.

    The expression is pytest's: words joined by ``and``, ``or``, ``not`` and parentheses.
    """
    matches = compile_expression(expression) if expression else None
    return [
        case for case in cases if (matches is None or matches(case.id)) and (not tags or set(tags) & set(case.tags))
    ]


def compile_expression(text: str) -> Match:
    """What tells whether a case's identity matches; ``InputError`` where the expression is none."""
    tokens = _TOKEN.findall(text)
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return str(tokens[position - 1])

    def either() -> Match:
        parts = [both()]
        while peek() == "or":
            take()
            parts.append(both())
        return lambda name: any(part(name) for part in parts)

    def both() -> Match:
        parts = [one()]
        while peek() == "and":
            take()
            parts.append(one())
        return lambda name: all(part(name) for part in parts)

    def one() -> Match:
        token = take() if peek() else ""
        if token == "not":
            inner = one()
            return lambda name: not inner(name)
        if token == "(":
            inner = either()
            if not peek() or take() != ")":
                raise _error(text)
            return inner
        if token in ("", ")", "and", "or"):
            raise _error(text)
        return lambda name: token in name

    match = either()
    if position != len(tokens):
        raise _error(text)
    return match


def _error(text: str) -> InputError:
    return InputError(f"-k {text!r}; allowed: words joined by 'and', 'or', 'not' and parentheses")
