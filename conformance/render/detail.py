"""One job in full, as the report shows it: what its journal record says, in words, drawings and tables."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from markupsafe import Markup, escape

from conformance.domain.causes import CAUSES
from conformance.journal import Record, key_of
from conformance.render import drawing
from conformance.render.digest import Job, number
from conformance.render.plain import head, printable, tail

MESSAGE = 2000
"""Characters of a failure's message, and of what it printed."""

Numbers = Sequence[Sequence[Any]]


def detail(job: Job, header: Mapping[str, Any]) -> Record:
    """A job as the template writes it out."""
    case, result = job.case, job.result
    failure, entry, where = result.get("failure") or {}, result.get("expectation") or {}, result.get("difference") or {}
    word, geometries = drawing.geometries(case, result)
    stage = f" while in stage {failure['stage']}" if failure.get("stage") else ""
    people = ((name, case.get(name)) for name in ("title", "note", "source"))
    others = zip_longest(result.get("alternatives", ()), result.get("separating", ()), fillvalue="")
    return {
        "job": job,
        "configuration": configuration(case),
        "meanings": [(cause, CAUSES.get(cause, "")) for cause in job.causes],
        "alternatives": [(" + ".join(map(printable, causes)), printable(smallest)) for causes, smallest in others],
        "tried": result.get("tried"),
        "rejected": ", ".join(map(printable, result.get("rejected", ()))),
        "fix": printable((result.get("fix") or {}).get("code", "")),
        "drawings": drawings(word, geometries),
        "in_place": word == "effective" and all(geometry.other is None for geometry in geometries),
        "worst": where.get("worst"),
        "tables": tables(result.get("sample") or {}, where.get("first")),
        "code": printable(result.get("code", "")),
        "failed": printable((failure.get("exception") or "Message") + stage),
        "message": head(failure.get("message", ""), MESSAGE),
        "again": printable(failure.get("again", "")),
        "stderr": tail(failure.get("stderr", ""), MESSAGE),
        "entry": {name: printable(entry.get(name) or "") for name in ("where", "reason", "link")},
        "people": [(name, printable(str(text))) for name, text in people if text],
        "where": printable(case.get("where", "")),
        "written": printable(case.get("written", "")),
        "command": command(header, *key_of(result)),
    }


def command(header: Mapping[str, Any], case: str, runner: str, variant: str) -> str:
    """What writes one job as a script, for a shell."""
    about = header.get("runners", {}).get(runner, {})
    python = f"@{about['interpreter']}" if about.get("interpreter") else ""
    paths = header.get("selection", {}).get("paths", [])
    where = [part for path in paths for part in ("--cases", path)]
    job = f"{about.get('spec', runner)}/{variant}{python}"
    parts = ["conformance", "reproduce", case, job, *where, "-o", "reproduce.py"]
    return printable(shlex.join(parts))


def configuration(case: Record) -> str:
    """A case's configuration in one line."""

    def by(sizes: Sequence[int]) -> str:
        return "×".join(map(str, sizes))

    padding = case["padding"]
    if not isinstance(padding, str):
        padding = "×".join(f"({begin},{end})" for begin, end in padding)
    parts = [f"{case['op']} {by(case['input'])}", f"k {by(case['kernel'])}", f"s {by(case['stride'])}"]
    parts += [f"d {by(case['dilation'])}", f"padding {padding}", f"{case['channels']}→{case['filters']}"]
    parts += [f"output padding {by(case['output_padding'])}"] if case.get("output_padding") else []
    parts += [f"output {by(case['output_shape'])}"] if case.get("output_shape") else []
    parts += ["ceil"] if case.get("ceil_mode") else []
    parts += ["padding counted"] if case.get("count_include_pad") else []
    parts += [f"by {case['spec']}"] if case.get("spec") else []
    parts += [case["mode"]] if case.get("mode") else []
    parts += [f"value {case['value']}"] if case.get("value") else []
    parts += [f"groups {case['groups']}"] if case["groups"] > 1 else []
    parts += ["bias"] if case["bias"] else []
    parts += [f"batch {case['batch']}"] if case["batch"] > 1 else []
    parts += [case["dtype"]] if case["dtype"] != "float32" else []
    return printable(" · ".join(parts))


def drawings(word: str, geometries: Sequence[drawing.Geometry]) -> list[tuple[str, Markup]]:
    """The drawings of a job's axes with their titles, axes that are drawn alike together."""
    alike: dict[str, list[int]] = {}
    for axis, geometry in enumerate(geometries):
        alike.setdefault(drawing.svg(geometry, word), []).append(axis)
    several = len(geometries) > 1
    return [(axis_title(axes) if several else "", Markup(svg)) for svg, axes in alike.items()]


def axis_title(axes: Sequence[int]) -> str:
    """Which axes a drawing is of."""
    return f"Axis {axes[0]}" if len(axes) == 1 else f"Axes {' and '.join(map(str, axes))}"


def tables(sample: Mapping[str, Any], first: Sequence[int] | None) -> list[tuple[int, Markup]]:
    """The tables of each channel in a job's ``sample``: what was expected beside what was got.

    That with the first difference comes first. There are none where no numbers were kept.
    """
    start = sample.get("start", ())
    if len(start) < 3 or len(start) != len(sample.get("expected_shape", ())):
        return []
    index = list(first) if first else []
    corner = (start[-2] if len(start) > 3 else 0, start[-1])
    place = (index[-2] if len(start) > 3 else 0, index[-1]) if index else None
    found = []
    for offset, (expected, got) in enumerate(zip_longest(_channels(sample["expected"]), _channels(sample["got"]))):
        channel = start[1] + offset
        fixed = ", ".join(map(str, (start[0], channel, *start[2:-2])))
        title = f"[{fixed}, {', '.join(':' * min(len(start) - 2, 2))}]"
        marked = place if index[1:2] == [channel] else None
        one = table(f"expected {title}", expected or [], None, corner, marked)
        two = table(f"actual {title}", got or [], expected or [], corner, marked)
        found.append((channel, one + two))
    return sorted(found, key=lambda one: ([one[0]] != index[1:2], one[0]))


def _channels(numbers: Any) -> Iterator[Numbers]:
    """The rows of each channel in nested lists ``N C spatial…``, of which only the last two axes are long."""
    for channel in numbers[0] if numbers else ():
        while channel and isinstance(channel[0], list) and channel[0] and isinstance(channel[0][0], list):
            channel = channel[0]
        yield channel if channel and isinstance(channel[0], list) else [channel]


def table(
    title: str, numbers: Numbers, other: Numbers | None, corner: tuple[int, int], first: tuple[int, int] | None
) -> Markup:
    """One table of numbers, in few bytes; those that ``other`` has not in their place are marked, and the first one."""
    columns = max(map(len, numbers), default=0)
    parts = [f"<table><caption>{escape(title)}</caption><tr><td>"]
    parts += [f"<th>{corner[1] + x}" for x in range(columns)]
    for y, row in enumerate(numbers):
        parts.append(f"<tr><th>{corner[0] + y}")
        for x, value in enumerate(row):
            same = other is None or (y < len(other) and x < len(other[y]) and other[y][x] == value)
            mark = (
                " class=f" if first and (corner[0] + y, corner[1] + x) == tuple(first) else "" if same else " class=d"
            )
            parts.append(f"<td{mark}>{escape(number(value))}")
    return Markup("".join(parts) + "</table>")
