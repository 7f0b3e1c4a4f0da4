"""Padding drawings: one axis' row with its pads, and the windows under it, from integers to SVG.

Of a convolution or a pool the row is the input, and a window is what an output reads. Of a transposed
convolution the row is the output, with what is cropped on either side, and a window is what an input
element adds to. All that goes into the SVG is integers and the fixed words below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.domain.geometry import Axis, TransposedAxis, outside, rounding_by

CELL = 16
"""Width and height of an element."""

LEFT = 88
"""Room for the labels in front of the rows."""

RIGHT = 76
"""Room for the remark behind a window."""

NARROWEST = 420
"""Room for a geometry's title."""

WIDEST = 44
"""Elements that are drawn in full; wider rows show ``SIDE`` elements of either end."""

SIDE = 20
GAP = 2
"""Cells between the two ends of a cropped row."""

MOST = 8
"""Windows that are drawn in full; of more, the first and last, and those around the first that differs."""

ALIKE = {"effective": "asked for and done", "declared": "asked for and declared (what was done is not known)"}
"""The title of what is drawn once, because the geometry asked for and the other one read the same elements."""


@dataclass(frozen=True)
class Windows:
    """The windows over one axis' row of ``size`` elements: its pads, and where each window's first tap is.

    The pads hold a value, or the elements that a ``mode`` of ``geometry.MODES`` repeats there.
    """

    size: int
    begin: int
    end: int
    kernel: int
    dilation: int
    starts: Sequence[int]
    crops: bool = False
    mode: str = "constant"

    @property
    def extent(self) -> int:
        """Elements from a window's first tap to its last, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def read(self) -> int:
        """Index behind the last tap of the last window."""
        return self.starts[-1] + self.extent if self.starts else 0

    def taps(self, window: int) -> range:
        """Indices of a window's taps, those in the pads included."""
        start = self.starts[window]
        return range(start, start + self.extent, self.dilation)

    def element(self, place: int) -> int:
        """The element that is met there, -1 for none."""
        if 0 <= place < self.size:
            return place
        return -1 if self.crops or self.mode == "constant" else outside(self.mode, place, self.size)

    def meets(self, window: int) -> list[int]:
        """The elements that a window's taps meet."""
        return list(map(self.element, self.taps(window)))

    def describe(self, title: str) -> str:
        """The geometry in words."""
        if self.crops:
            cropped = f"{max(self.begin, 0)} and {max(self.end, 0)} cropped"
            added = f", {max(-self.begin, 0)} and {max(-self.end, 0)} added" if min(self.begin, self.end) < 0 else ""
            return f"{title}: {cropped}{added}, {self.size} output{'' if self.size == 1 else 's'}"
        count, mode = len(self.starts), "" if self.mode == "constant" else f" by {self.mode}"
        return f"{title}: pads {self.begin} and {self.end}{mode}, {count} window{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Geometry:
    """What is drawn of one axis: what the case asks for, and what was done (None where they are the same)."""

    asked: Windows
    other: Windows | None

    @property
    def first_difference(self) -> int | None:
        """The first window that reads other elements, or that only one of the two has."""
        if self.other is None:
            return None
        one, two = len(self.asked.starts), len(self.other.starts)
        for window in range(min(one, two)):
            if self.asked.meets(window) != self.other.meets(window):
                return window
        return min(one, two) if one != two else None


def windows(axis: Axis | TransposedAxis) -> Windows:
    """The windows of one axis of an operator."""
    crops = isinstance(axis, TransposedAxis)
    size = max(axis.output, 0) if crops else axis.size
    mode = "constant" if isinstance(axis, TransposedAxis) else axis.mode
    return Windows(size, axis.begin, axis.end, axis.kernel, axis.dilation, axis.starts, crops, mode)


def phased(axis: Axis, count: int) -> Windows:
    """The windows of a convolution that strides within each phase of its dilation (space-to-batch)."""
    starts = [o % axis.dilation + axis.dilation * axis.stride * (o // axis.dilation) - axis.begin for o in range(count)]
    return Windows(axis.size, axis.begin, axis.end, axis.kernel, axis.dilation, starts)


def geometries(case: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[str, list[Geometry]]:
    """What there is to draw of each axis, and whether what was done is known (``effective``) or only ``declared``.

    Canonical pads hold as many windows as were found, however their number was rounded.
    """
    known = result.get("effective") is not None
    word = "effective" if known else "declared"
    changed = (result.get("geometry") or {}) if known else {}
    kernel = case["kernel"][::-1] if changed.get("swap") else case["kernel"]
    stride, dilation = (changed.get(name, case[name]) for name in ("stride", "dilation"))
    rounding = rounding_by(case.get("spec", ""), case["padding"], case.get("ceil_mode", False))
    shape = (result.get("sample") or {}).get("got_shape", ())
    counts = shape[2:] if len(shape) == case["rank"] + 2 else case["output"]

    mode = case.get("mode", "constant")

    def over(
        size: int, k: int, s: int, d: int, pads: Sequence[int], rounding: str, mode: str, count: int = 0
    ) -> Windows:
        begin, end = pads
        if case["op"] == "conv_transpose":
            return windows(TransposedAxis(size, k, s, d, begin, end))
        axis = Axis(size, k, s, d, begin, end, rounding, mode=mode)
        return phased(axis, count) if count else windows(axis)

    drawn = []
    asked_for = case["input"], case["kernel"], case["stride"], case["dilation"], case["pads"]
    done = case["input"], kernel, stride, dilation, result[word]
    for axis, (one, two) in enumerate(zip(zip(*asked_for, strict=True), zip(*done, strict=True), strict=True)):
        asked = over(*one, rounding, mode)
        rounded, phases = "floor" if known else rounding, counts[axis] if changed.get("phased") else 0
        other = over(*two, rounded, changed.get("mode", mode), phases)
        alike = Geometry(asked, other).first_difference is None and asked.size == other.size
        drawn.append(Geometry(asked, None if alike else other))
    return word, drawn


def svg(geometry: Geometry, word: str) -> str:
    """The drawing of one axis: asked for above, ``word`` (effective, declared) below, the first difference marked."""
    asked, other = geometry.asked, geometry.other
    both = [asked] if other is None else [asked, other]
    view = View(min(min(-it.begin, 0) for it in both), max(max(it.size + max(it.end, 0), it.read) for it in both))
    first = geometry.first_difference
    titles = [ALIKE.get(word, word)] if other is None else ["asked for", word]
    parts: list[str] = []
    y = 0
    for it, title in zip(both, titles, strict=True):
        block, y = _block(it, view, title, first, y)
        parts += block
    label = "; ".join(it.describe(title) for it, title in zip(both, titles, strict=True))
    if first is not None:
        label += f"; window {first} is the first that differs"
    width = view.width
    return (
        f'<svg class="drawing" role="img" aria-label="{label}" viewBox="0 0 {width} {y}" width="{width}" height="{y}">'
        + "".join(parts)
        + "</svg>"
    )


@dataclass(frozen=True)
class View:
    """Which indices are drawn, and where: all of them, or both ends."""

    low: int
    high: int

    @property
    def cropped(self) -> bool:
        """Whether the middle is left out."""
        return self.high - self.low > WIDEST

    @property
    def width(self) -> int:
        """Width of the drawing, at least that of its titles."""
        cells = 2 * SIDE + GAP if self.cropped else self.high - self.low
        return max(LEFT + cells * CELL + RIGHT, NARROWEST)

    def x(self, place: int) -> int | None:
        """Where an index is drawn; None where it is left out."""
        if not self.cropped or place < self.low + SIDE:
            return LEFT + CELL * (place - self.low)
        if place >= self.high - SIDE:
            return LEFT + CELL * (SIDE + GAP + place - (self.high - SIDE))
        return None

    def near(self, place: int) -> int:
        """Where an index is drawn, or the gap's middle."""
        x = self.x(place)
        return LEFT + CELL * SIDE + CELL * GAP // 2 - CELL // 2 if x is None else x

    def runs(self, begin: int, end: int) -> Iterator[range]:
        """The drawn indices of a range, in one or two pieces."""
        pieces = [range(begin, end)]
        if self.cropped:
            pieces = [range(begin, min(end, self.low + SIDE)), range(max(begin, self.high - SIDE), end)]
        yield from filter(None, pieces)


def _block(it: Windows, view: View, title: str, first: int | None, top: int) -> tuple[list[str], int]:
    """A title, the padded row and the windows of one geometry; and where the next one begins."""
    y = top + 18
    parts = [
        f'<text class="t" x="0" y="{top + 13}">{it.describe(title)}</text>',
        f'<text x="0" y="{y + 11}">{"output" if it.crops else "input"}</text>',
    ]
    read = it.size + it.end if it.crops else max(min(it.read, it.size + it.end), it.size)
    for name, spans in (
        ("i", [(0, it.size)]),
        ("p", [(-it.begin, 0), (it.size, read)]),
        ("u", [(read, it.size + it.end)]),
    ):
        if cells := "".join(_cells(view, run, y) for begin, end in spans for run in view.runs(begin, end)):
            parts.append(f'<path class="{name}" d="{cells}"/>')
    row = view.runs(min(-it.begin, 0), it.size + max(it.end, 0))
    places = [place for run in row for place in run if it.element(place) >= 0]
    if places:
        middles = " ".join(str(view.near(place) + CELL // 2) for place in places)
        digits = "".join(str(it.element(place) % 10) for place in places)
        parts.append(f'<text class="n" x="{middles}" y="{y + 11}">{digits}</text>')
    if view.cropped:
        parts.append(f'<text class="g" x="{LEFT + CELL * SIDE + CELL * GAP // 2}" y="{y + 12}">…</text>')
    y += CELL + 4
    last = -1
    for window in shown(len(it.starts), first):
        if window > last + 1:
            parts.append(f'<text x="{LEFT}" y="{y + 8}">⋮</text>')
            y += 14
        parts += _window(it, view, window, window == first, y)
        y += CELL + 2
        last = window
    return parts, y + 6


def _cells(view: View, run: range, y: int) -> str:
    """The outline of neighbouring elements, and the lines between them."""
    between = f"m{CELL} -{CELL}v{CELL}" * (len(run) - 1)
    return f"M{view.x(run[0])} {y}h{CELL * len(run)}v{CELL}h-{CELL * len(run)}v-{CELL}m0 {CELL}{between}"


def shown(count: int, first: int | None) -> list[int]:
    """The windows that are drawn: all, or the first, the last, and those around the first that differs."""
    if count <= MOST:
        return list(range(count))
    around = [] if first is None else [first - 1, first, first + 1]
    return sorted({window for window in (0, 1, 2, *around, count - 2, count - 1) if 0 <= window < count})


def _window(it: Windows, view: View, window: int, differs: bool, y: int) -> list[str]:
    """One window: its number and first index, a line along its extent, a square for each tap."""
    taps = it.taps(window)
    parts = []
    if differs:
        width = view.width
        parts.append(f'<rect class="f" x="0" y="{y - 1}" width="{width}" height="{CELL + 2}"/>')
        parts.append(f'<text class="f" x="{width - RIGHT + 6}" y="{y + 12}">first to differ</text>')
    start = f"−{-taps[0]}" if taps[0] < 0 else f"{taps[0]}"
    parts.append(f'<text x="0" y="{y + 12}">{window} {"to" if it.crops else "from"} {start}</text>')
    left, right = view.near(taps[0]), view.near(taps[-1]) + CELL
    parts.append(f'<path class="s" d="M{left} {y + CELL // 2}H{right}"/>')
    for name, inside in (("w", True), ("o", False)):
        drawn = [x for place in taps if (0 <= place < it.size) == inside and (x := view.x(place)) is not None]
        if drawn:
            squares = "".join(f"M{x + 2} {y + 2}h{CELL - 4}v{CELL - 4}h-{CELL - 4}z" for x in drawn)
            parts.append(f'<path class="{name}" d="{squares}"/>')
    return parts
