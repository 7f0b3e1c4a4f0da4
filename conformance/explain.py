"""One padding, worked out: the rule with this input's numbers, a drawing, and how each framework spells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance import arguments, runners
from conformance.domain.case import Case, by, spell_padding
from conformance.domain.geometry import Axis, same_elements, same_total
from conformance.errors import InputError

WIDEST = 72
"""Columns of a drawing; longer inputs are cut in the middle."""

MOST = 8
"""Windows of a drawing; of more, the first and the last are shown."""


def configuration(sizes: str, kernel: str, stride: str, dilation: str, padding: str) -> Case:
    """A case from the command line's texts; ``InputError`` where they are none."""
    size = arguments.sizes("input", sizes)
    rank = len(size)
    if rank > 3:
        raise InputError(f"--input {sizes!r}; allowed: one to three sizes")

    def per_axis(name: str, text: str, values: Sequence[Any], kind: str = "number") -> tuple[Any, ...]:
        if len(values) not in (1, rank):
            raise InputError(f"--{name} {text!r}; allowed: one {kind}, or one for each of the input's {rank} axes")
        return tuple(values) * (rank if len(values) == 1 else 1)

    def numbers(name: str, text: str) -> tuple[int, ...]:
        return per_axis(name, text, arguments.sizes(name, text))

    given = arguments.padding(padding)
    if isinstance(given, int):
        given = [[given, given]]
    case = Case(
        id="explain",
        op="conv",
        input=tuple(size),
        kernel=numbers("kernel", kernel),
        stride=numbers("stride", stride),
        dilation=numbers("dilation", dilation),
        padding=given if isinstance(given, str) else per_axis("padding", padding, list(map(tuple, given)), "BEGIN.END"),
    )
    if case.padding == "causal" and rank > 1:
        raise InputError("--padding causal; allowed: rank 1")
    for axis in case.axes(case.pads):
        if axis.output < 1:
            raise InputError(
                f"--kernel {kernel} spans {axis.extent}; allowed: up to the padded input "
                f"({axis.begin} + {axis.size} + {axis.end})"
            )
    return case


def text(case: Case) -> str:
    """The whole explanation as plain text."""
    output = by(case.output(case.pads))
    lines = [
        f"{spell_padding(case.padding)} padding: input {by(case.input)}, kernel {by(case.kernel)}, "
        f"stride {by(case.stride)}, dilation {by(case.dilation)} → output {output}",
        "",
    ]
    for number, axis in enumerate(case.asked):
        if case.rank > 1:
            lines.append(f"Axis {number}")
        assert isinstance(axis, Axis)
        lines += arithmetic(case.padding if isinstance(case.padding, str) else "", axis)
        lines += ["", *drawing(axis), ""]
    lines += comparison(case)
    lines += ["", *spellings(case)]
    return "\n".join(lines)


def arithmetic(rule: str, axis: Axis) -> list[str]:
    """The rule's formula with the axis' numbers."""
    lines = []
    extent = f"({axis.kernel} - 1) * {axis.dilation} + 1 = {axis.extent}" if axis.dilation > 1 else str(axis.extent)
    if axis.dilation > 1:
        lines.append(f"  effective kernel = {extent}")
    if rule in ("same", "same_lower"):
        rest = axis.size % axis.stride
        total = same_total(axis.size, axis.kernel, axis.stride, axis.dilation)
        if rest:
            lines.append(f"  {axis.size} mod {axis.stride} = {rest}: total = max({axis.extent} - {rest}, 0) = {total}")
        else:
            lines.append(
                f"  {axis.size} mod {axis.stride} = 0: total = max({axis.extent} - {axis.stride}, 0) = {total}"
            )
        if rule == "same":
            lines.append(f"  begin = {total} // 2 = {axis.begin}; end = {total} - {axis.begin} = {axis.end}")
        else:
            lines.append(f"  end = {total} // 2 = {axis.end}; begin = {total} - {axis.end} = {axis.begin}")
    elif rule == "fixed":
        total = axis.extent - 1
        lines.append(f"  total = {axis.extent} - 1 = {total}, whatever the input's size")
        lines.append(f"  begin = {total} // 2 = {axis.begin}; end = {total} - {axis.begin} = {axis.end}")
    elif rule == "causal":
        lines.append(f"  begin = {axis.extent} - 1 = {axis.begin}; end = 0")
    else:
        lines.append(f"  begin = {axis.begin}; end = {axis.end}")
    lines.append(
        f"  output = ({axis.size} + {axis.begin} + {axis.end} - {axis.extent}) // {axis.stride} + 1 = {axis.output}"
    )
    begin, end = axis.canonical()
    if (begin, end) != (axis.begin, axis.end):
        lines.append(f"  pads that any window reads: ({begin}, {end})")
    return lines


def drawing(axis: Axis) -> list[str]:
    """The padded row and the windows below it: ``.`` is padding, digits are elements, ``#`` is a tap."""
    width = axis.begin + axis.size + axis.end
    places = range(-axis.begin, width - axis.begin)
    row = "".join(str(place % 10) if 0 <= place < axis.size else "." for place in places)
    lines = [f"  {'input':>12} |{_cut(row)}|"]
    starts = list(axis.starts)
    for number, start in enumerate(starts):
        if len(starts) > MOST and MOST - 3 <= number < len(starts) - 2:
            lines += [f"  {'…':>12}"] if number == MOST - 3 else []
            continue
        taps = {start + tap * axis.dilation for tap in range(axis.kernel)}
        label = f"{number} from {start}"
        lines.append(f"  {label:>12} |{_cut(''.join('#' if place in taps else ' ' for place in places))}|")
    return lines


def _cut(row: str) -> str:
    """A row that fits, its middle left out where it is too long: the pads are at its ends."""
    return row if len(row) <= WIDEST else f"{row[: WIDEST // 2]}…{row[-(WIDEST // 2) :]}"


def comparison(case: Case) -> list[str]:
    """Which other rules read the same elements here."""
    asked = case.axes(case.pads)
    lines = ["The other rules on this configuration:"]
    for rule in ("same", "same_lower", "fixed", "symmetric", "valid"):
        if rule == case.padding:
            continue
        pads = case.pads_by(rule)
        over = case.axes(pads)
        if same_elements(asked, over):
            verdict = "reads the same elements"
        elif case.output(pads) == case.output(case.pads):
            verdict = "same shape, OTHER NUMBERS"
        else:
            verdict = f"another shape: {by(tuple(max(axis.output, 0) for axis in over))}"
        lines.append(f"  {rule:<11} {spell_padding(pads):<16} {verdict}")
    return lines


def spellings(case: Case) -> list[str]:
    """How each variant of each core runner writes this case, and what that means."""
    asked = case.axes(case.pads)
    lines = ["How it is written (the code that the runners execute):"]
    for name in runners.CORE:
        runner = runners.load(name)
        if runner.control:
            continue
        for variant, write in runner.variants.items():
            spelling = write(case)
            if spelling is None or "change-ordering" in variant:
                continue
            right = same_elements(asked, case.axes(spelling.pads, spelling.rounding))
            remark = "" if right else f"   ← not what is asked for: pads {spell_padding(spelling.pads)}"
            lines.append(f"  {name}/{variant}{remark}")
            lines.append(f"      {spelling.code}")
    return lines
