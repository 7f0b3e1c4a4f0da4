"""Padding geometry: what a padding resolves to, in pure integers.

One axis of a sliding window has a size, a kernel, a stride, a dilation and two pads. All that
a padding changes is which elements each window reads, so two geometries are equal when they
read the same elements: compare their canonical form. A transposed convolution is the adjoint of a
convolution: its pads are what is cropped from the full output, less its output padding, so that an
end pad below zero adds elements.

Every rule with its formula and source, its edge cases and where specifications disagree: docs/semantics.md.

A pad by itself is a window of one element that moves by one. Its mode says what lies outside the
input, and so which element a place there stands for (``outside``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from operator import eq
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

Sizes = Tuple[int, ...]
"""One number per spatial axis."""

Pads = Tuple[Tuple[int, int], ...]
"""``(begin, end)`` for each spatial axis."""

KEPT = 2**14
"""Geometries at hand: cases, and the variants of one, often share theirs."""

SPECS = ("onnx", "pytorch", "tensorflow", "caffe")
"""Whose rule a configuration can be read by; ``crops_by_rule`` and ``rounding_by`` are all that differs."""


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a sliding window with its padding resolved.

    ``rounding`` is ``floor``; ``ceil``, with one more window where some elements are left, unless it
    would start in the end pad (PyTorch ``ceil_mode``, ONNX); or ``keep``, with that one too.
    ``counted`` tells that an average counts the padding (but nothing beyond the end pad). ``mode``
    is one of ``MODES``.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    begin: int = 0
    end: int = 0
    rounding: str = "floor"
    counted: bool = False
    mode: str = "constant"

    @property
    def extent(self) -> int:
        """Elements from a window's first tap to its last, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @cached_property
    def output(self) -> int:
        """Number of windows; zero or less when the kernel does not fit the padded input."""
        span = self.size + self.begin + self.end - self.extent
        if self.rounding == "floor":
            return span // self.stride + 1
        count = -(-span // self.stride) + 1
        late = self.rounding == "ceil" and (count - 1) * self.stride >= self.size + self.begin
        return count - late

    def end_for(self, count: int) -> int:
        """The end pad that so many windows need, the last one filled."""
        return (count - 1) * self.stride + self.extent - self.size - self.begin

    @property
    def starts(self) -> range:
        """Input index of each window's first tap; negative inside the begin pad."""
        return range(-self.begin, -self.begin + self.output * self.stride, self.stride)

    def reads(self) -> List[List[Optional[int]]]:
        """The sampling map: for each window, the input index each tap reads.

        None stands for what is no element, -1 for padding that an average counts.
        """
        return [list(window) for window in self.windows()]

    def windows(self) -> Iterator[Iterator[Optional[int]]]:
        """``reads``, one tap of one window after another."""
        return map(self.window, self.starts)

    def window(self, start: int) -> Iterator[Optional[int]]:
        """What each tap of the window from ``start`` on reads."""
        return map(self._read, range(start, start + self.extent, self.dilation))

    def _read(self, place: int) -> Optional[int]:
        if 0 <= place < self.size or self.mode != "constant":
            return outside(self.mode, place, self.size)
        return -1 if self.counted and place in self.counting else None

    @property
    def counting(self) -> range:
        """The places that an average counts: the elements, with ``counted`` the pads too, and nothing beyond."""
        if not self.counted:
            return range(self.size)
        return range(min(-self.begin, 0), max(self.size + self.end, self.size))

    def divisors(self) -> List[int]:
        """For each window, how many of its taps an average divides by along this axis."""
        if self.mode != "constant":
            return [self.kernel] * self.output
        return [self._taps_in(self.counting, start) for start in self.starts]

    def distinct_divisors(self) -> Set[int]:
        """The numbers in ``divisors`` of an axis that has windows, each once."""
        return {self.kernel} if self.mode != "constant" else self.taps_in(self.counting)

    @cached_property
    def lonely(self) -> bool:
        """Whether some window lies in the padding alone."""
        return 0 in self.taps_in(range(self.size))

    @property
    def meets_input(self) -> bool:
        """Whether any tap of any window reads an element, rather than padding only."""
        return any(self.taps_in(range(self.size)))

    def taps_in(self, places: range) -> Set[int]:
        """How many taps of a window lie in some places: the distinct numbers over all windows.

        From window to window the number changes only where a tap comes to either end of the places, so of more
        windows than that the first and those there are enough.
        """
        starts: Iterable[int] = self.starts
        if len(self.starts) > 2 * self.kernel:
            turns = (end - tap * self.dilation for end in (places.start, places.stop) for tap in range(self.kernel))
            numbers = {0, *(-(-(turn + self.begin) // self.stride) for turn in turns)}
            starts = [self.starts[number] for number in numbers if 0 <= number < self.output]
        return {self._taps_in(places, start) for start in starts}

    def _taps_in(self, places: range, start: int) -> int:
        """Of the window from ``start`` on, the taps before the end of some places less those before the places."""
        before = min(max(-((start - places.start) // self.dilation), 0), self.kernel)
        return min(max(-((start - places.stop) // self.dilation), 0), self.kernel) - before

    def canonical(self) -> Tuple[int, int]:
        """``(begin, end)`` of the smallest padding that reads the same elements.

        The end pad counts only as far as any window reads. The begin pad is always read by the
        first window, so it can shrink only where no tap at all meets the input.
        """
        return self._canonical

    @cached_property
    def _canonical(self) -> Tuple[int, int]:
        if self.output <= 0:
            return self.begin, self.end
        axis = self
        if not axis.meets_input:
            total = self.begin + self.end
            shifted = (replace(self, begin=b, end=total - b) for b in range(self.begin))
            alike = (other for other in shifted if not other.meets_input and other.output == self.output)
            axis = next(alike, self)
        return axis.begin, max(axis.end_for(axis.output), 0)


@dataclass(frozen=True)
class TransposedAxis:
    """One spatial axis of a transposed convolution; ``begin`` and ``end`` are cropped from the full output."""

    size: int
    kernel: int
    stride: int
    dilation: int
    begin: int = 0
    end: int = 0

    @property
    def extent(self) -> int:
        """Elements from the first tap to the last, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def output(self) -> int:
        """Number of outputs."""
        return (self.size - 1) * self.stride + self.extent - self.begin - self.end

    def end_for(self, count: int) -> int:
        """The crop at the end that leaves so many outputs."""
        return replace(self, end=0).output - count

    @property
    def starts(self) -> range:
        """Output index at which each input element's first tap lands; negative where it is cropped."""
        return range(-self.begin, -self.begin + self.size * self.stride, self.stride)

    def reads(self) -> List[List[Optional[int]]]:
        """The sampling map: for each output, the input index that each tap brings to it, None for none."""
        return [list(window) for window in self.windows()]

    def windows(self) -> Iterator[Iterator[Optional[int]]]:
        """``reads``, one tap of one output after another."""
        firsts = range(self.begin, self.begin + self.output)
        return (map(self._read, range(first, first - self.extent, -self.dilation)) for first in firsts)

    def _read(self, place: int) -> Optional[int]:
        index, rest = divmod(place, self.stride)
        return index if not rest and 0 <= index < self.size else None

    def canonical(self) -> Tuple[int, int]:
        """``(begin, end)``: every output is seen, so no other pads give the same ones."""
        return self.begin, self.end


AnyAxis = Union[Axis, TransposedAxis]

MODES = ("constant", "reflect", "edge", "circular", "symmetric")
"""What lies outside an input: a value; the elements mirrored at the first and last; these repeated; the input
again; or mirrored with the first and last repeated."""


def outside(mode: str, place: int, size: int) -> int:
    """The element that a place stands for in a mode of ``MODES`` but ``constant`` (NumPy's ``pad``)."""
    if mode == "edge":
        return min(max(place, 0), size - 1)
    if mode == "circular":
        return place % size
    last = size - (mode == "reflect")
    place %= 2 * last or 1
    return place if place < size else 2 * last - place - (mode == "symmetric")


def same_total(size: int, kernel: int, stride: int, dilation: int) -> int:
    """Pads in all that give ``ceil(size / stride)`` windows (TensorFlow, "Notes on padding")."""
    extent = (kernel - 1) * dilation + 1
    rest = size % stride
    return max(extent - (rest if rest else stride), 0)


def _valid(size: int, kernel: int, stride: int, dilation: int) -> Tuple[int, int]:
    return 0, 0


def _same(size: int, kernel: int, stride: int, dilation: int) -> Tuple[int, int]:
    total = same_total(size, kernel, stride, dilation)
    return total // 2, total - total // 2


def _same_lower(size: int, kernel: int, stride: int, dilation: int) -> Tuple[int, int]:
    total = same_total(size, kernel, stride, dilation)
    return total - total // 2, total // 2


def _causal(size: int, kernel: int, stride: int, dilation: int) -> Tuple[int, int]:
    return (kernel - 1) * dilation, 0


def _fixed(size: int, kernel: int, stride: int, dilation: int) -> Tuple[int, int]:
    total = (kernel - 1) * dilation
    return total // 2, total - total // 2


def _symmetric(size: int, kernel: int, stride: int, dilation: int) -> Tuple[int, int]:
    amount = dilation * (kernel - 1) // 2
    return amount, amount


RULES: Dict[str, Callable[[int, int, int, int], Tuple[int, int]]] = {
    "valid": _valid,
    "same": _same,
    "same_lower": _same_lower,
    "causal": _causal,
    "fixed": _fixed,
    "symmetric": _symmetric,
}
"""Rule name -> ``(size, kernel, stride, dilation) -> (begin, end)`` for one axis."""


@lru_cache(maxsize=KEPT)
def pads_by_rule(rule: str, size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Pads:
    """The pads of every axis under a rule of ``RULES``; ``KeyError`` for an unknown rule."""
    one = RULES[rule]
    return tuple(one(*axis) for axis in zip(size, kernel, stride, dilation))


def crops_by_rule(rule: str, size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes, spec: str = "") -> Pads:
    """What a rule crops of a transposed convolution's full output, on every axis (docs/semantics.md#conv_transpose)."""
    totals = [(k - 1) * d + 1 - s for k, d, s in zip(kernel, dilation, stride)]
    if rule.startswith("same"):
        return tuple(split_crop(total, rule == "same_lower", spec) for total in totals)
    if rule == "valid" and spec == "tensorflow":  # Keras': docs/semantics.md#transposed-valid-beyond
        return tuple((0, min(total, 0)) for total in totals)
    return pads_by_rule(rule, size, kernel, stride, dilation)


def split_crop(total: int, lower: bool, spec: str = "") -> Tuple[int, int]:
    """A crop divided between the sides, the odd one at the end or with ``lower`` at the beginning.

    One below zero is ONNX's to divide as well, also where it asks for ``lower``, which is its alone;
    else all of it is at the end (docs/semantics.md#transposed-beyond).
    """
    begin = ((total if lower or spec == "onnx" else max(total, 0)) + lower) // 2
    return begin, total - begin


def rounding_by(spec: str, padding: Union[str, Sequence[Sequence[int]]], ceil_mode: bool) -> str:
    """How the number of a pool's windows is rounded (``Axis.rounding``).

    ONNX's VALID is never rounded up (docs/semantics.md#ceil-valid); without pads Caffe keeps every
    window (docs/semantics.md#ceil-beyond).
    """
    if not ceil_mode or (spec, padding) == ("onnx", "valid"):
        return "floor"
    return "keep" if spec == "caffe" and (padding == "valid" or not any(map(any, padding))) else "ceil"


@lru_cache(maxsize=KEPT)
def axes(
    size: Sizes,
    kernel: Sizes,
    stride: Sizes,
    dilation: Sizes,
    pads: Pads,
    rounding: str = "floor",
    counted: bool = False,
    mode: str = "constant",
) -> Tuple[Axis, ...]:
    """One ``Axis`` for each spatial axis, from per-axis numbers; cases share them."""
    return tuple(
        _axis(n, k, s, d, begin, end, rounding, counted, mode)
        for n, k, s, d, (begin, end) in zip(size, kernel, stride, dilation, pads)
    )


_axis = lru_cache(maxsize=KEPT)(Axis)


@lru_cache(maxsize=KEPT)
def transposed_axes(
    size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes, pads: Pads
) -> Tuple[TransposedAxis, ...]:
    """One ``TransposedAxis`` for each spatial axis, from per-axis numbers."""
    return tuple(
        TransposedAxis(n, k, s, d, begin, end) for n, k, s, d, (begin, end) in zip(size, kernel, stride, dilation, pads)
    )


def pads_for(over: Sequence[AnyAxis], output: Sizes) -> Pads:
    """The pads that an output of this size needs: the begin pads as they are, with the ends that fit."""
    return tuple((axis.begin, axis.end_for(count)) for axis, count in zip(over, output))


def canonical(over: Sequence[AnyAxis]) -> Pads:
    """The canonical pads of every axis (see ``Axis.canonical``)."""
    return tuple(axis.canonical() for axis in over)


def same_elements(left: Sequence[AnyAxis], right: Sequence[AnyAxis]) -> bool:
    """Whether two geometries over one input have as many windows, and each reads the same elements."""
    return all(map(_same_reads, left, right))


def _same_reads(a: AnyAxis, b: AnyAxis) -> bool:
    """Whether two sampling maps are equal; of taps in other places the first that reads another element ends it."""
    if _same_taps(a, b):
        return not isinstance(a, Axis) or not isinstance(b, Axis) or _same_outside(a, b)
    return max(a.output, 0) == max(b.output, 0) and all(
        a.kernel == b.kernel and all(map(eq, one, two)) for one, two in zip(a.windows(), b.windows())
    )


def _same_taps(a: AnyAxis, b: AnyAxis) -> bool:
    """Whether every tap of every window lies in the same place, read or not."""
    return (a.size, a.kernel, a.dilation, a.starts, a.output) == (b.size, b.kernel, b.dilation, b.starts, b.output)


def _same_outside(a: Axis, b: Axis) -> bool:
    """Of the same taps, whether those that lie outside of the input read the same."""
    if a.mode != b.mode:
        before, behind = bisect_left(a.starts, 0), bisect_right(a.starts, a.size - a.extent)
        edges = chain(a.starts[:before], a.starts[behind:])
        return all(all(map(eq, a.window(start), b.window(start))) for start in edges)
    if a.mode != "constant":
        return True
    starts, stops = zip(*((axis.counting.start, axis.counting.stop) for axis in (a, b)))
    return not any(any(a.taps_in(range(min(ends), max(ends)))) for ends in (starts, stops))
