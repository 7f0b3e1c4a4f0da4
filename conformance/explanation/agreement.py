"""For which input sizes two paddings of one layer read the same elements.

The pads of a rule depend on an axis' size through its remainder by the stride alone. Let the size be
``extent + stride`` at least. Then every padding has a window whose first tap lies on an element, so
that two read the same elements exactly where they start alike and have as many windows (and count
alike, of an average). One stride more of input gives each one window more and the same pads, so
all of that repeats with the stride: one period proves it, and the smaller sizes are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd
from typing import NamedTuple

from conformance.domain.case import Case
from conformance.domain.geometry import AnyAxis, Axis, Pads, TransposedAxis, crops_by_rule, pads_by_rule, same_elements

Way = str | Pads
"""A padding: a rule of ``geometry.RULES``, or the pads of every axis."""

SMALL = 64
"""Up to this ``extent + stride`` every smaller size is looked at; above it, one period alone."""

LARGE = 4096
"""Above this ``extent + stride`` nothing is said."""


class Agreement(NamedTuple):
    """From size ``start`` on, two paddings agree exactly where ``size % period`` is one of ``residues``.

    ``exceptions`` are the sizes below ``start`` for which it is the other way round; ``checked`` tells
    whether those were looked at.
    """

    period: int
    residues: tuple[int, ...]
    start: int
    exceptions: tuple[int, ...] = ()
    checked: bool = True

    def holds(self, size: int) -> bool:
        """Whether they agree for a size."""
        return (size % self.period in self.residues) != (size in self.exceptions)

    def spell(self) -> str:
        """``for odd sizes``, ``for every size`` and so on."""
        text = "for every size" if self.residues else "for no size"
        if self.period == 2:
            text = f"for {('even', 'odd')[self.residues[0]]} sizes"
        elif self.period > 2:
            text = f"where size mod {self.period} is {_any(self.residues)}"
        if not self.checked:
            return f"{text} (from {self.start} on)"
        but = [size for size in self.exceptions if size % self.period in self.residues]
        also = [size for size in self.exceptions if size % self.period not in self.residues]
        return text + (f", but not for {_listed(but)}" if but else "") + (f", and for {_listed(also)}" if also else "")


def _any(numbers: Sequence[int]) -> str:
    *rest, last = map(str, numbers)
    return f"{', '.join(rest)} or {last}" if rest else last


def _listed(numbers: Sequence[int]) -> str:
    *rest, last = map(str, numbers)
    return f"{', '.join(rest)} and {last}" if rest else last


def along(case: Case, number: int, size: int, way: Way | None = None) -> AnyAxis:
    """One axis of a case at another size, under its own padding or another one.

    TensorFlow's SAME counts no padding and rounds down.
    """
    sizes = size, case.kernel[number], case.stride[number], case.dilation[number]
    padding = case.padding if way is None else way
    if isinstance(padding, str):
        by_rule: Callable[..., Pads] = crops_by_rule if case.transposed else pads_by_rule
        ((begin, end),) = by_rule(padding, *((value,) for value in sizes))
    else:
        begin, end = padding[number]
    if case.transposed:
        more = case.output_padding[number] if way is None and case.output_padding else 0
        return TransposedAxis(*sizes, begin, end - more)
    plain = way == "same" and case.pool
    return Axis(*sizes, begin, end, "floor" if plain else case.rounding, case.count_include_pad and not plain)


def under(case: Case, way: Way) -> tuple[AnyAxis, ...]:
    """The axes of a case under another padding."""
    return tuple(along(case, number, size, way) for number, size in enumerate(case.input))


def agreement(case: Case, number: int, way: Way) -> Agreement | None:
    """Where a padding reads what the case asks for along one axis; None where nothing can be said."""
    whole = _start(case, number) <= SMALL

    def agree(size: int) -> bool:
        one, other = along(case, number, size), along(case, number, size, way)
        if whole:
            return other.output > 0 and same_elements([one], [other])
        return (one.begin, one.output) == (other.begin, other.output)

    return None if case.count_include_pad and not whole else law(case, number, agree)


def _start(case: Case, number: int) -> int:
    return case.asked[number].extent + case.stride[number]


def law(case: Case, number: int, agree: Callable[[int], bool]) -> Agreement | None:
    """For which sizes of an axis something holds that repeats with its stride; None where nothing can be said."""
    stride, start = case.stride[number], _start(case, number)
    if case.output_shape or start > LARGE:
        return None
    whole = start <= SMALL
    found = [agree(size) for size in range(start, start + stride)]
    period = _period(found)
    residues = tuple(sorted(size % period for size in range(start, start + period) if found[size - start]))
    small = range(1, start) if whole else range(0)
    computed = [size for size in small if along(case, number, size).output > 0]
    exceptions = tuple(size for size in computed if agree(size) != (size % period in residues))
    return Agreement(period, residues, start, exceptions, whole)


def _period(found: Sequence[bool]) -> int:
    """The smallest divisor of the length after which the values repeat."""
    length = len(found)
    divisors = sorted({gcd(length, n) for n in range(1, length + 1)})
    return next(n for n in divisors if all(found[i] == found[i % n] for i in range(length)))


def overall(case: Case, find: Callable[[int], Agreement | None], alike: bool) -> tuple[tuple[str, Agreement], ...]:
    """What ``find`` says of every axis: once where that is one, nothing where it says nothing of an axis.

    ``alike`` tells that the axes do not differ, so that one is looked at.
    """
    told = [one for number in range(1 if alike else case.rank) if (one := find(number)) is not None]
    if len(told) < (1 if alike else case.rank):
        return ()
    if len(set(told)) == 1:
        return (("", told[0]),)
    return tuple((f"axis {number}", one) for number, one in enumerate(told))


def spell(laws: Sequence[tuple[str, Agreement]]) -> str:
    """What ``overall`` found, in words; empty for nothing."""
    return ", ".join(f"on {where} {one.spell()}" if where else one.spell() for where, one in laws)


def padding_by_residue(case: Case, number: int) -> list[tuple[str, tuple[int, int]]]:
    """The pads of a named rule, for each remainder of the size by the stride: where, and begin and end."""
    stride, extent = case.stride[number], case.asked[number].extent
    sizes = sorted(range(extent + stride, extent + 2 * stride), key=lambda size: size % stride)
    axes = [along(case, number, size) for size in sizes]
    return [(str(size % stride), (axis.begin, axis.end)) for size, axis in zip(sizes, axes, strict=True)]
