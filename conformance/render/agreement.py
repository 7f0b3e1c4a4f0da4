"""The map of hazards: on which configurations the usual paddings read the same elements, and where not.

It holds for every input that is at least as long as the kernel spans: there the paddings depend on
the input's size by its remainder modulo the stride alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.domain.geometry import RULES, Axis

PADDINGS = ("same", "same_lower", "symmetric", "fixed")
KERNELS = range(1, 9)
STRIDES = range(1, 5)
DILATIONS = range(1, 4)

KINDS: dict[tuple[int, ...], tuple[str, str, str]] = {
    (0, 0, 0, 0): ("●", "all", "all four agree: write any of them"),
    (0, 0, 2, 2): ("◒", "two", "same and same_lower agree, symmetric and fixed agree, the two read other elements"),
    (0, 1, 1, 1): ("◐", "alone", "same stands alone: the other three agree, one element apart from it"),
    (0, 1, 2, 2): ("◔", "three", "three answers: same, same_lower, and symmetric with fixed"),
    (0, 1, 2, 0): (
        "◇",
        "shape",
        "same and fixed agree; same_lower reads other elements; symmetric is one output short",
    ),
}
"""Each way in which the paddings may agree (by the first one that each agrees with): glyph, name, meaning."""


@dataclass(frozen=True)
class Cell:
    """One configuration: its glyph, its kind, and the pads that ``same`` asks for there."""

    glyph: str
    kind: str
    pads: tuple[int, int]


def agreement(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, ...]:
    """For each of ``PADDINGS`` the first of them that reads the same elements."""
    over = [Axis(size, kernel, stride, dilation, *RULES[rule](size, kernel, stride, dilation)) for rule in PADDINGS]
    read = [(axis.output, axis.canonical()) for axis in over]
    return tuple(map(read.index, read))


def cell(kernel: int, stride: int, dilation: int, rest: int) -> Cell:
    """The configuration at every input of that remainder modulo the stride."""
    extent = (kernel - 1) * dilation + 1
    size = -(-extent // stride) * stride + rest
    glyph, kind, _ = KINDS[agreement(size, kernel, stride, dilation)]
    return Cell(glyph, kind, RULES["same"](size, kernel, stride, dilation))


def rows(dilation: int) -> Iterator[tuple[int, list[Cell]]]:
    """Each kernel with its configurations, by stride and then by remainder."""
    for kernel in KERNELS:
        yield kernel, [cell(kernel, stride, dilation, rest) for stride in STRIDES for rest in range(stride)]
