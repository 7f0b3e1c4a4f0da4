"""An explanation as text, JSON, Markdown, SVG and HTML; it decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.domain.case import by, spell_padding
from conformance.domain.geometry import AnyAxis, Axis
from conformance.explanation.agreement import spell
from conformance.explanation.explain import Comparison, Explanation, arithmetic, heading, spelled
from conformance.explanation.targets import Snippet
from conformance.render.assets import asset, template

WIDEST = 72
"""Columns of a drawing as text; longer rows are cut in the middle."""

MOST = 8
"""Windows of a drawing as text; of more, the first and the last are shown."""

RESIDUES = 8
"""Remainders whose pads are listed."""

BESIDE = ("symmetric", "same", "fixed", "same_lower", "valid")
"""The paddings of which one is drawn beside what is asked for, those first that people take for it."""

FORMATS = ("text", "json", "markdown", "svg", "html")


def text(found: Explanation) -> str:
    """The whole explanation as plain text."""
    lines = [*_title(found), ""]
    for name, axis, steps in _axes(found):
        if name:
            lines.append(name.capitalize())
        lines += [f"  {step}" for step in steps]
        lines += ["", *picture(axis), ""]
    lines += _by_residue(found)
    lines += ["The other paddings on this configuration, and for which input sizes they agree with it:"]
    lines += _columns(found)
    if period(found):
        lines += ["", f"  {period(found)}"]
    lines += ["", "What to write:"]
    for snippet in found.snippets:
        lines += ["", *(f"  {line}".rstrip() for line in written(snippet).splitlines())]
    return "\n".join(lines)


def _title(found: Explanation) -> list[str]:
    """The layer, the configuration, and what was taken for granted."""
    layer = found.layer
    said = [f"{layer.text} ({layer.framework})"] if layer else []
    return [*said, heading(found.case), *(f"note: {note}" for note in found.notes)]


def _axes(found: Explanation) -> Iterator[tuple[str, AnyAxis, list[str]]]:
    """Each axis with its arithmetic."""
    for number, (name, axis) in enumerate(found.axes()):
        yield name, axis, arithmetic(found.case, axis, number)


def _by_residue(found: Explanation) -> list[str]:
    """The pads of a rule for each remainder of the size."""
    lines = []
    for name, pads in found.by_residue():
        of = f" of {name}" if name else ""
        listed = ", ".join(f"{rest} → {pair}" for rest, pair in pads[:RESIDUES])
        more = ", …" if len(pads) > RESIDUES else ""
        lines.append(f"Pads by the size{of} mod {len(pads)}: {listed}{more}")
    return [*lines, ""] if lines else []


def _rows(found: Explanation) -> list[tuple[str, str, str, str, str]]:
    """The comparisons in words: rule, pads, what it means here, for which sizes it agrees, who writes it."""
    return [
        (one.rule, spell_padding(one.pads), spelled(one, found.case), spell(one.sizes), one.who)
        for one in found.comparisons
    ]


def _columns(found: Explanation) -> list[str]:
    rows = [
        (rule, pads, means, f"agrees {sizes}" if sizes else "", who) for rule, pads, means, sizes, who in _rows(found)
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    return [
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    ]


def period(found: Explanation) -> str:
    """What the statements about sizes rest on."""
    laws = [law for one in found.comparisons for _, law in one.sizes]
    if not laws or found.case.transposed:
        return ""
    strides = tuple(sorted(set(found.case.stride)))
    below = max(law.start for law in laws)
    looked = f", and each size below {below}" if all(law.checked for law in laws) else ""
    return f"Proven: pads and windows repeat with the stride ({by(strides)}); each remainder was computed{looked}."


def written(snippet: Snippet) -> str:
    """A snippet with what is to be known of it as comments."""
    head = [f"# {snippet.title}, right {snippet.sizes}" if snippet.sizes else f"# {snippet.title}"]
    if not snippet.code:
        head = [f"# {snippet.title}: not to be written. {' '.join(snippet.notes)}"]
        return "\n".join(head)
    head += [f"# {note}" for note in snippet.notes]
    head.append("# " + "; ".join(f"{name}: {layout} {shape}" for name, (layout, shape) in snippet.shapes.items()))
    return "\n".join([*head, snippet.code])


def picture(axis: AnyAxis) -> list[str]:
    """The padded row and the windows below it: ``.`` is padding, digits are elements, ``#`` is a tap.

    Of a transposed convolution the row is the output, ``.`` is cropped, and below it are the elements' taps.
    """
    size = axis.size if isinstance(axis, Axis) else axis.output
    low, high = -axis.begin, size + max(axis.end, 0)
    half = WIDEST // 2
    whole = high - low <= WIDEST
    places: list[int | None] = (
        [*range(low, high)] if whole else [*range(low, low + half), None, *range(high - half, high)]
    )

    def row(sign: Any) -> str:
        return "".join("…" if place is None else sign(place) for place in places)

    label = "input" if isinstance(axis, Axis) else "output"
    lines = [f"  {label:>12} |{row(lambda place: str(place % 10) if 0 <= place < size else '.')}|"]
    starts = axis.starts
    shown = list(range(min(len(starts), MOST)))
    if len(starts) > MOST:
        shown = [*range(MOST - 3), -1, len(starts) - 2, len(starts) - 1]
    for number in shown:
        if number < 0:
            lines.append(f"  {'…':>12}")
            continue
        start = starts[number]
        taps = range(start, start + axis.extent, axis.dilation)
        label = f"{number} from {start}"
        lines.append(f"  {label:>12} |{row(lambda place, taps=taps: '#' if place in taps else ' ')}|")
    return lines


def record(found: Explanation) -> dict[str, Any]:
    """The explanation as JSON values."""
    case, layer = found.case, found.layer
    return {
        "layer": {"text": layer.text, "framework": layer.framework, "notes": found.notes} if layer else None,
        "case": {name: value for name, value in case.to_wire().items() if name not in ("id", "tags")},
        "pads": case.pads,
        "output": found.output,
        "axes": [
            {
                "begin": axis.begin,
                "end": axis.end,
                "read": axis.canonical(),
                "output": axis.output,
                "arithmetic": arithmetic(case, axis, number),
            }
            for number, axis in enumerate(case.asked)
        ],
        "paddings": [_compared(one) for one in found.comparisons],
        "snippets": [snippet_record(snippet) for snippet in found.snippets],
    }


def _compared(one: Comparison) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "who": one.who,
        "pads": one.pads,
        "output": one.output,
        "same": one.same,
        "sizes": [{"axis": where or None, "text": law.spell(), **law._asdict()} for where, law in one.sizes],
    }


def snippet_record(snippet: Snippet) -> dict[str, Any]:
    """A snippet as JSON values."""
    shapes = {name: {"layout": layout, "shape": shape} for name, (layout, shape) in snippet.shapes.items()}
    return {**snippet._asdict(), "shapes": shapes}


def as_json(value: dict[str, Any]) -> str:
    """JSON for people and programs."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)


def markdown(found: Explanation) -> str:
    """The explanation as Markdown; all text from outside is escaped."""
    from conformance.render.markdown import code, escape, table

    layer, case = found.layer, found.case
    lines = [f"## {code(layer.text) if layer else 'Padding'}", "", escape(heading(case)), ""]
    lines += [line for note in found.notes for line in (escape(note), "")]
    for name, axis, steps in _axes(found):
        lines += [f"### {name.capitalize()}", ""] if name else []
        lines += ["```text", *steps, "", *picture(axis), "```", ""]
    lines += [escape(line) for line in _by_residue(found)]
    header = ["padding", "pads", "here", "agrees", "who writes it"]
    lines += ["### The other paddings", "", *table(header, [map(escape, row) for row in _rows(found)])]
    lines += [escape(period(found)), ""] if period(found) else []
    lines += ["### What to write", ""]
    for snippet in found.snippets:
        language = "protobuf" if snippet.target == "caffe" else "python"
        lines += [f"```{language}", written(snippet), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def svg(found: Explanation) -> str:
    """The drawing of each axis, below each other, in one file; beside it the padding that gives other numbers."""
    from conformance.render import drawing

    wrongs = {one.rule: one for one in found.comparisons if not one.same and one.output == found.output}
    wrong = next((wrongs[rule] for rule in BESIDE if rule in wrongs), None)
    names = found.axes()
    parts, top, widest = [], 0, 0
    for number, (name, axis) in enumerate(names):
        other = under_axis(wrong, axis, number) if wrong else None
        geometry = drawing.Geometry(drawing.windows(axis), drawing.windows(other) if other else None)
        if geometry.other and geometry.first_difference is None:
            geometry = drawing.Geometry(geometry.asked, None)
        drawn = drawing.svg(geometry, wrong.rule if wrong and geometry.other else spell_padding(found.case.padding))
        width, height = _extent(drawn)
        title = f'<text class="t" x="0" y="{top + 12}">{name}</text>' if name else ""
        top += 20 if name else 0
        parts.append(f'{title}<g transform="translate(0 {top})">{drawn}</g>')
        top, widest = top + height + 8, max(widest, width)
    style = asset("drawing.css")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" width="{widest}" height="{top}" '
        f'viewBox="0 0 {widest} {top}"><style>{style}</style>'
        f'<rect width="{widest}" height="{top}" style="fill: var(--page)"/>{"".join(parts)}</svg>\n'
    )


def under_axis(wrong: Comparison, axis: AnyAxis, number: int) -> AnyAxis:
    """An axis with the pads of another padding."""
    from dataclasses import replace

    begin, end = wrong.pads[number]
    return replace(axis, begin=begin, end=end)


def _extent(drawn: str) -> tuple[int, int]:
    """Width and height of a drawing."""
    width, height = (drawn.partition(f' {name}="')[2].partition('"')[0] for name in ("width", "height"))
    return int(width), int(height)


def fragment(found: Explanation) -> str:
    """The explanation as HTML that a notebook's page can hold."""
    return _template("fragment", found)


def html(found: Explanation) -> str:
    """The explanation as a page of its own."""
    return _template("page", found)


def _template(name: str, found: Explanation) -> str:
    import base64

    axes = [(axis_name, "\n".join(steps)) for axis_name, _, steps in _axes(found)]
    return template("explained.html.j2").render(
        whole=name == "page",
        style=asset("drawing.css"),
        title=found.layer.text if found.layer else heading(found.case),
        notes=found.notes,
        heading=heading(found.case),
        axes=axes,
        residues=[line for line in _by_residue(found) if line],
        drawing=base64.b64encode(svg(found).encode()).decode(),
        rows=_rows(found),
        period=period(found),
        snippets=[(snippet, written(snippet)) for snippet in found.snippets],
    )


def render(found: Explanation, form: str) -> str:
    """The explanation in one of ``FORMATS``."""
    if form == "json":
        return as_json(record(found))
    return {"text": text, "markdown": markdown, "svg": svg, "html": html}[form](found)
