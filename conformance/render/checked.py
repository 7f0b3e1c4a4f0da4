"""What ``check`` found: as text, as JSON, and as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from conformance.checking import Checked, Row, Saved
from conformance.domain.case import by
from conformance.domain.geometry import Pads, Sizes
from conformance.models.layers import Layer
from conformance.models.targets import Hazard
from conformance.render.assets import asset, template
from conformance.render.plain import counted, one_line

FIELDS = (
    "op", "input", "kernel", "stride", "dilation", "padding", "pads", "channels", "filters", "groups", "dtype",
)  # fmt: skip
"""What the JSON has of a layer's case."""

FIELDS = (
    "op", "input", "kernel", "stride", "dilation", "padding", "pads", "channels", "filters", "groups", "dtype",
)  # fmt: skip
"""What the JSON has of a layer's case."""


def text(checked: Checked) -> str:
    """A line a layer, one more for each habit that parts from it, and what the whole comes to."""
    lines = []
    for row in checked.rows:
        parted = hazards(row)
        lines.append(f"layer {geometry(row.layer)}" + (f"; {parted[0]}" if parted else ""))
        lines += [f"    {line}" for line in parted[1:]]
        lines += [
            f"    {target.name}: {one_line(entry.verdict)} is known here: {one_line(entry.reason)}"
            for target, entry in row.known
        ]
        lines += [f"    write: {hazard.write}" for hazard in row.hazards if hazard.write]
    lines += [f"not read: {one_line(name)}" for name in checked.model.unread]
    return "\n".join([*lines, sentence(checked)])


def saved(saved: Saved) -> str:
    """What ``--save-cases`` wrote, and how to run it."""
    lines = [f"left out: {one_line(reason)}" for reason in saved.left]
    if not saved.cases:
        return "\n".join([*lines, "no padded layer to save"])
    return "\n".join([*lines, f"saved {counted(saved.cases, 'case')}: conformance run {saved.path}"])


def sentence(checked: Checked) -> str:
    """The whole in one sentence."""
    names = ", ".join(target.name for target in checked.targets)
    model, parted = checked.model, len(checked.parted)
    verdict = f"{counted(parted, 'parts', 'part')} from the habits of {names}" if parted else f"none parts from {names}"
    given = "; ".join(f"{name} as {by(shape)}" for name, shape in model.shapes.items())
    remark = f" (with {given}: other sizes may pad otherwise)" if given else ""
    left = f"; {counted(len(model.unread), 'operator')} not read" if model.unread else ""
    return (
        f"{model.path.name}, {model.format}: {counted(len(model.layers), 'padded operator')}, {verdict}{left}{remark}"
    )


def geometry(layer: Layer) -> str:
    """``conv1, 224 → 112, k 7, s 2: pads (3,3)``."""
    case = layer.case
    parts = [f"{one_line(layer.name)}, {sizes(case.input)} → {sizes(case.output(case.pads))}, k {sizes(case.kernel)}"]
    if set(case.stride) != {1}:
        parts.append(f"s {sizes(case.stride)}")
    if set(case.dilation) != {1}:
        parts.append(f"d {sizes(case.dilation)}")
    if case.groups > 1:
        parts.append("depthwise" if case.depthwise else f"groups {case.groups}")
    named = f" ({case.padding})" if isinstance(case.padding, str) and case.padding != "valid" else ""
    return f"{', '.join(parts)}: {'crops' if case.transposed else 'pads'} {pads(case.pads)}{named}"


def hazards(row: Row) -> list[str]:
    """A line for each habit; targets of one habit share it."""
    grouped: dict[tuple[Any, ...], list[Hazard]] = {}
    for hazard in row.hazards:
        grouped.setdefault((hazard.target.rule, hazard.pads, hazard.output), []).append(hazard)
    return [
        f"{' and '.join(hazard.target.title for hazard in same)} would pad {pads(same[0].pads)}: {off(same[0])}"
        for same in grouped.values()
    ]


def off(hazard: Hazard) -> str:
    """How far off a habit is, in words."""
    if not hazard.silent:
        return f"another shape, {sizes(hazard.output)}"
    if hazard.off == 0:
        return "another divisor"
    return "one pixel off" if hazard.off == 1 else f"{hazard.off} pixels off"


def sizes(numbers: Sizes) -> str:
    """One number where all axes agree."""
    return str(numbers[0]) if len(set(numbers)) == 1 else by(numbers)


def pads(pairs: Pads) -> str:
    """``(3,3)`` where all axes agree, else ``(3,3)x(2,3)``."""
    shown = [f"({begin},{end})" for begin, end in pairs]
    return shown[0] if len(set(shown)) == 1 else "x".join(shown)


def as_json(checked: Checked) -> str:
    """The same as one JSON object."""
    model = checked.model
    return json.dumps(
        {
            "schema": 1,
            "model": model.path.name,
            "format": model.format,
            "targets": [target.name for target in checked.targets],
            "shapes": {name: list(shape) for name, shape in model.shapes.items()},
            "layers": [layer_record(row) for row in checked.rows],
            "unread": list(model.unread),
            "parted": len(checked.parted),
        },
        indent=2,
        ensure_ascii=False,
    )


def layer_record(row: Row) -> dict[str, Any]:
    """A layer, its geometry, and where habits part from it."""
    case = row.layer.case
    return {
        "name": row.layer.name,
        "operator": row.layer.operator,
        **{name: getattr(case, name) for name in FIELDS},
        "output": case.output(case.pads),
        "hazards": [
            {
                "target": hazard.target.name,
                "habit": hazard.target.title,
                "pads": hazard.pads,
                "output": hazard.output,
                "off": hazard.off,
                "silent": hazard.silent,
                "write": hazard.write,
            }
            for hazard in row.hazards
        ],
        "known": [
            {"target": target.name, "verdict": entry.verdict, "causes": entry.causes, "reason": entry.reason}
            for target, entry in row.known
        ],
    }


def html(checked: Checked) -> str:
    """A page of its own: a table of the layers, and a drawing of each habit that parts."""
    from markupsafe import Markup

    return template("checked.html.j2").render(
        title=one_line(checked.model.path.name),
        sentence=sentence(checked),
        parted=len(checked.parted),
        rows=[
            {
                "operator": row.layer.operator,
                "geometry": geometry(row.layer),
                "hazards": hazards(row),
                "known": [f"{target.name}: {one_line(entry.reason)}" for target, entry in row.known],
                "write": [hazard.write for hazard in row.hazards if hazard.write],
                "drawings": [Markup(drawn) for drawn in drawings(row)],
            }
            for row in checked.rows
        ],
        unread=[one_line(name) for name in checked.model.unread],
        style=Markup(asset("drawing.css") + asset("report.css")),
    )


def drawings(row: Row) -> Sequence[str]:
    """The first axis on which the first habit parts."""
    from conformance.render import drawing

    case = row.layer.case
    if not row.hazards:
        return []
    over = zip(case.asked, case.axes(row.hazards[0].pads), strict=True)
    drawn = (drawing.Geometry(drawing.windows(asked), drawing.windows(other)) for asked, other in over)
    return [drawing.svg(geometry, "declared") for geometry in drawn if geometry.first_difference is not None][:1]
