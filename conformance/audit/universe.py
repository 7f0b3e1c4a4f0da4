"""Every small case of an operator, the simplest first: all combinations of what a mistake can turn on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from conformance.domain.case import PAD_MODES, Case
from conformance.domain.geometry import Pads, Sizes


def universe(op: str) -> Iterator[Case]:
    """Small cases that a case file could hold: one axis, two, and a few of three."""
    if op == "pad":
        yield from _pads()
        return
    cases = filter(_allowed, (*_line(op), *_plane(op), *_space(op)))
    yield from sorted(cases, key=lambda case: (case.rank, sum(case.kernel + case.stride + case.dilation), case.filters))


def _line(op: str) -> Iterator[Case]:
    numbers = [((1, 1),), ((0, 1),), ((1, 0),), ((2, 1),), ((0, 2),)]
    for size, kernel, stride, dilation, padding, fields in product(
        range(4, 8), range(1, 5), range(1, 4), range(1, 4), [*_rules(op, 1), *numbers], _features(op, 1)
    ):
        yield Case("", op, (size,), (kernel,), (stride,), (dilation,), padding, **fields)


def _plane(op: str) -> Iterator[Case]:
    numbers = [((0, 1), (1, 0)), ((1, 1), (0, 0)), ((1, 0), (2, 1)), ((1, 2), (0, 1))]
    for size, kernel, stride, dilation, padding, fields in product(
        [(6, 5), (5, 5)],
        [(2, 2), (3, 3), (3, 2)],
        [(1, 1), (2, 1), (2, 2)],
        [(1, 1), (2, 1), (2, 2)],
        [*_rules(op, 2), *numbers],
        _features(op, 2),
    ):
        yield Case("", op, size, kernel, stride, dilation, padding, **fields)


def _space(op: str) -> Iterator[Case]:
    """Pads of three axes, which have more orders than those of two."""
    numbers = [((1, 2), (0, 1), (1, 0)), ((0, 0), (1, 0), (1, 1))]
    for stride, dilation, padding, fields in product((1, 2), (1, 2), [*_rules(op, 3), *numbers], _features(op, 3)):
        yield Case("", op, (6, 5, 7), (3, 2, 3), (stride,) * 3, (dilation,) * 3, padding, **fields)


def _pads() -> Iterator[Case]:
    """Pads by themselves, in every mode."""
    sizes: list[tuple[Sizes, list[Pads]]] = [
        ((4,), [((1, 1),), ((0, 1),), ((1, 0),), ((2, 1),), ((0, 2),), ((4, 5),)]),
        ((6, 5), [((0, 1), (1, 0)), ((1, 1), (0, 0)), ((1, 0), (2, 1)), ((1, 2), (0, 1)), ((2, 2), (2, 2))]),
        ((6, 5, 7), [((1, 2), (0, 1), (1, 0)), ((0, 0), (1, 0), (1, 1))]),
    ]
    ways = [("constant", 0.0), ("constant", 1.0), *((mode, 0.0) for mode in PAD_MODES[1:])]
    for (size, some), (mode, value) in product(sizes, ways):
        ones = (1,) * len(size)
        for pads in some:
            yield Case("", "pad", size, ones, ones, ones, pads, channels=2, filters=2, mode=mode, value=value)


def _rules(op: str, rank: int) -> list[Any]:
    more = {"conv": ["fixed", "causal"] if rank == 1 else ["fixed"], "conv_transpose": []}
    return ["valid", "same", "same_lower", *more.get(op, ["fixed"])]


def _features(op: str, rank: int) -> list[dict[str, Any]]:
    """The other fields of a case, each in some combination with the others."""
    if op == "max_pool":
        return [{"channels": 2, "filters": 2, "ceil_mode": ceil} for ceil in (False, True)]
    if op == "avg_pool":
        both = product((False, True), repeat=2)
        return [
            {"channels": 2, "filters": 2, "ceil_mode": ceil, "count_include_pad": counted} for ceil, counted in both
        ]
    plain = [
        {"channels": 2, "filters": 3, "bias": True},
        {"channels": 4, "filters": 4, "groups": 2, "bias": True},
    ]
    if op == "conv":
        return plain
    return [*plain, {**plain[0], "output_padding": (1,) * rank}, {**plain[0], "output_shape": (9,) * rank}]


def _allowed(case: Case) -> bool:
    """Whether a case file could hold such a case."""
    if case.output_padding and isinstance(case.padding, str) and case.padding != "valid":
        return False
    if case.output_shape and case.padding not in ("same", "same_lower"):
        return False
    if any(more >= stride for more, stride in zip(case.output_padding, case.stride, strict=False)):
        return False
    if case.disputed:
        return False
    return case.unanswered is None and (case.op != "avg_pool" or case.average_limit >= 1)
