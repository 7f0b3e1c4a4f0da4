"""Padding drawings: one axis' input row with its pads, and the windows under it, from integers to SVG.

``report.js`` draws the same from the same integers, byte for byte, so that a report with thousands
of jobs carries no drawings; ``tests/render/test_browser.py`` holds the two against each other. All
that goes into the SVG is integers and the fixed words below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    """The windows over one axis: its pads, and where each window's taps are (input indices)."""

    begin: int
    end: int
    kernel: int
    dilation: int
    starts: Sequence[int]

    @property
    def extent(self) -> int:
        """Elements from a window's first tap to its last, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def read(self) -> int:
        """Input index behind the last tap of the last window."""
        return self.starts[-1] + self.extent if self.starts else 0

    def taps(self, window: int) -> range:
        """Input indices of a window's taps, those in the pads included."""
        start = self.starts[window]
        return range(start, start + self.extent, self.dilation)


@dataclass(frozen=True)
class Geometry:
    """What is drawn of one axis: what the case asks for, and what was done (None where they are the same)."""

    size: int
    asked: Windows
    other: Windows | None

    @property
    def first_difference(self) -> int | None:
        """The first window that reads other elements, or that only one of the two has."""
        if self.other is None:
            return None
        one, two = len(self.asked.starts), len(self.other.starts)
        for window in range(min(one, two)):
            if self._reads(self.asked, window) != self._reads(self.other, window):
                return window
        return min(one, two) if one != two else None

    def _reads(self, windows: Windows, window: int) -> list[int]:
        return [place if 0 <= place < self.size else -1 for place in windows.taps(window)]


def plain(size: int, kernel: int, stride: int, dilation: int, pads: Sequence[int]) -> Windows:
    """The windows of an ordinary convolution along one axis."""
    begin, end = pads
    count = max((size + begin + end - (kernel - 1) * dilation - 1) // stride + 1, 0)
    return Windows(begin, end, kernel, dilation, range(-begin, -begin + count * stride, stride))


def phased(count: int, kernel: int, stride: int, dilation: int, pads: Sequence[int]) -> Windows:
    """The windows of a convolution that strides within each phase of its dilation (space-to-batch)."""
    begin, end = pads
    starts = [o % dilation + dilation * stride * (o // dilation) - begin for o in range(count)]
    return Windows(begin, end, kernel, dilation, starts)


def found(case: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[str, list[list[int]]]:
    """What a job did along each axis, and whether that is known (``effective``) or only ``declared``.

    Each axis is ``[begin, end, kernel, stride, dilation, phased]``, ``phased`` the number of windows
    where the stride is taken within each phase of the dilation and 0 otherwise. There are none where
    the windows are not as many as fit into the padding, or go over the output.
    """
    known = result.get("effective") is not None
    word, pads = ("effective", result["effective"]) if known else ("declared", result["declared"])
    changed = (result.get("geometry") or by_causes(case, result["causes"])) if known else {}
    if case["op"] == "conv_transpose" or case.get("ceil_mode") or "rounding" in changed:
        return word, []
    kernel = case["kernel"][::-1] if changed.get("swap") else case["kernel"]
    stride, dilation = (changed.get(name, case[name]) for name in ("stride", "dilation"))
    counts = [0] * len(pads)
    if changed.get("phased"):
        shape = (result.get("sample") or {}).get("got_shape", ())
        counts = list(shape[2:]) if len(shape) == len(pads) + 2 else list(case["output"])
    rows = zip(pads, kernel, stride, dilation, counts, strict=True)
    return word, [[b, e, k, s, d, n] for (b, e), k, s, d, n in rows]


def by_causes(case: Mapping[str, Any], causes: Sequence[str]) -> dict[str, Any]:
    """What causes say of a geometry, as ``geometry`` has it, for a journal from before that field."""
    rank, stride, dilation = len(case["kernel"]), case["stride"], case["dilation"]
    told: dict[str, dict[str, Any]] = {
        "axes-swapped": {"swap": True},
        "stride-first-axis": {"stride": stride[:1] * rank},
        "dilation-ignored": {"dilation": [1] * rank},
        "dilation-first-axis": {"dilation": dilation[:1] * rank},
        "dilation-with-stride": {"phased": True},
        "ceil-mode": {"rounding": ""},
        "last-window": {"rounding": ""},
    }
    return {name: value for cause in causes for name, value in told.get(cause, {}).items()}


def geometries(case: Mapping[str, Any], axes: Sequence[Sequence[int]]) -> list[Geometry]:
    """What there is to draw of each axis, from a case and the axes that ``found`` gives."""
    drawn: list[Geometry] = []
    if not axes:
        return drawn
    rows = zip(case["input"], case["kernel"], case["stride"], case["dilation"], case["pads"], axes, strict=True)
    for size, kernel, stride, dilation, pads, (begin, end, k, s, d, count) in rows:
        asked = plain(size, kernel, stride, dilation, pads)
        other = phased(count, k, s, d, (begin, end)) if count else plain(size, k, s, d, (begin, end))
        geometry = Geometry(size, asked, other)
        drawn.append(geometry if geometry.first_difference is not None else Geometry(size, asked, None))
    return drawn


class Words(NamedTuple):
    """What a row holds, what the two amounts beside it are, and what lies over it."""

    row: str = "input"
    amounts: str = "pads"
    over: str = "window"


WINDOWS = Words()

CONTRIBUTIONS = Words("output", "crops", "element")
"""Of a transposed convolution, which lays each element's taps over the output."""


def svg(geometry: Geometry, word: str, words: Words = WINDOWS) -> str:
    """The drawing of one axis: asked for above, ``word`` (effective, declared) below, the first difference marked."""
    asked, other, size = geometry.asked, geometry.other, geometry.size
    both = [asked] if other is None else [asked, other]
    low = min(min(-windows.begin, *windows.starts[:1]) for windows in both)
    high = max(max(size + windows.end, windows.read) for windows in both)
    view = View(low, high)
    first = geometry.first_difference
    parts: list[str] = []
    y = 0
    for windows, title in zip(both, ("asked for" if other else ALIKE.get(word, word), word), strict=False):
        block, y = _block(windows, size, view, title, first, y, words)
        parts += block
    label = "; ".join(_sentence(windows, name, words) for windows, name in zip(both, ("asked for", word), strict=False))
    if first is not None:
        label += f"; {words.over} {first} is the first that differs"
    width = view.width
    return (
        f'<svg class="drawing" role="img" aria-label="{label}" viewBox="0 0 {width} {y}" width="{width}" height="{y}">'
        + "".join(parts)
        + "</svg>"
    )


@dataclass(frozen=True)
class View:
    """Which input indices are drawn, and where: all of them, or both ends."""

    low: int
    high: int

    @property
    def cropped(self) -> bool:
        """Whether the middle is left out."""
        return self.high - self.low > WIDEST

    @property
    def cells(self) -> int:
        """Width in cells."""
        return 2 * SIDE + GAP if self.cropped else self.high - self.low

    @property
    def width(self) -> int:
        """Width of the drawing, at least that of its titles."""
        return max(LEFT + self.cells * CELL + RIGHT, NARROWEST)

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

    def places(self, begin: int, end: int) -> Iterator[int]:
        """The drawn indices of a range."""
        if not self.cropped:
            yield from range(begin, end)
        else:
            yield from range(begin, min(end, self.low + SIDE))
            yield from range(max(begin, self.high - SIDE), end)


def _sentence(windows: Windows, title: str, words: Words) -> str:
    count = len(windows.starts)
    amounts = f"{words.amounts} {windows.begin} and {windows.end}"
    return f"{title}: {amounts}, {count} {words.over}{'' if count == 1 else 's'}"


def _block(
    windows: Windows, size: int, view: View, title: str, first: int | None, top: int, words: Words
) -> tuple[list[str], int]:
    """A title, the padded row and the windows of one geometry; and where the next one begins."""
    middle = top + 14 + CELL // 2 + 7
    parts = [
        f'<text class="t" x="0" y="{top + 13}">{_sentence(windows, title, words)}</text>',
        f'<text x="0" y="{middle}">{words.row}</text>',
    ]
    y = top + 18
    pads = [*view.places(-windows.begin, 0), *view.places(size, size + windows.end)]
    for name, places in (
        ("i", list(view.places(0, size))),
        ("p", [place for place in pads if place < windows.read]),
        ("u", [place for place in pads if place >= windows.read]),
    ):
        if places:
            squares = "".join(f"M{view.x(place)} {y}h{CELL}v{CELL}h-{CELL}z" for place in places)
            parts.append(f'<path class="{name}" d="{squares}"/>')
    numbered = [place for place in view.places(0, size) if place < 1000]
    digits = "".join(f'<tspan x="{view.near(place) + CELL // 2}">{place}</tspan>' for place in numbered)
    parts.append(f'<text class="n" y="{y + 11}">{digits}</text>')
    if view.cropped:
        parts.append(f'<text class="g" x="{LEFT + CELL * SIDE + CELL * GAP // 2}" y="{y + 12}">…</text>')
    y += CELL + 4
    last = -1
    for window in shown(len(windows.starts), first):
        if window > last + 1:
            parts.append(f'<text x="{LEFT}" y="{y + 8}">⋮</text>')
            y += 14
        parts += _window(windows, size, view, window, window == first, y)
        y += CELL + 2
        last = window
    return parts, y + 6


def shown(count: int, first: int | None) -> list[int]:
    """The windows that are drawn: all, or the first, the last, and those around the first that differs."""
    if count <= MOST:
        return list(range(count))
    around = [] if first is None else [first - 1, first, first + 1]
    return sorted({window for window in (0, 1, 2, *around, count - 2, count - 1) if 0 <= window < count})


def _window(windows: Windows, size: int, view: View, window: int, differs: bool, y: int) -> list[str]:
    """One window: its number and first index, a line along its extent, a square for each tap."""
    taps = windows.taps(window)
    start = taps[0]
    parts = []
    if differs:
        width = view.width
        parts.append(f'<rect class="f" x="0" y="{y - 1}" width="{width}" height="{CELL + 2}"/>')
        parts.append(f'<text class="f" x="{width - RIGHT + 6}" y="{y + 12}">first to differ</text>')
    sign = f"−{-start}" if start < 0 else f"{start}"
    parts.append(f'<text x="0" y="{y + 12}">{window} from {sign}</text>')
    left, right = view.near(start), view.near(taps[-1]) + CELL
    parts.append(f'<path class="s" d="M{left} {y + CELL // 2}H{right}"/>')
    for name, places in (
        ("w", [place for place in taps if 0 <= place < size]),
        ("o", [place for place in taps if not 0 <= place < size]),
    ):
        drawn = [x for place in places if (x := view.x(place)) is not None]
        squares = "".join(f"M{x + 2} {y + 2}h{CELL - 4}v{CELL - 4}h-{CELL - 4}z" for x in drawn)
        if squares:
            parts.append(f'<path class="{name}" d="{squares}"/>')
    return parts
