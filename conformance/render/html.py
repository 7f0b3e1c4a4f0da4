"""report.html: one file that opens from disk, in which somebody sees what is wrong, why, and where.

The page is the template, its stylesheet and its script; what is in it comes from the journal alone,
so that one journal gives the same bytes every time. Jinja escapes all text; the script gets its data
as JSON and puts it into the page as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import zip_longest
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from conformance.domain.causes import CAUSES
from conformance.domain.records import VERDICTS
from conformance.journal import Record, Run
from conformance.render import drawing
from conformance.render.digest import Digest, Finding, Job, differing, number, plain_match
from conformance.render.plain import counted, head, printable, tail

STATIC = 50
"""Jobs that are written out as HTML, for those who read without a script."""

BUDGET = 2_500_000
"""Characters of different values in the data; what comes after is left out of the details, and the page says so."""

MESSAGE = 2000
"""Characters of a failure's message, and of what it printed."""

SHOWN = {
    "mismatch": ("✕", "mismatch"),
    "crash": ("‼", "crash"),
    "timeout": ("◷", "timeout"),
    "error": ("!", "error"),
    "unsupported": ("⊘", "unsupp."),
    "not_run": ("–", "not run"),
    "hazard": ("▲", "hazard"),
    "match": ("✓", "match"),
}
"""Each verdict's glyph and its word in a cell."""

CASE_FIELDS = (
    "input", "kernel", "stride", "dilation", "padding", "pads", "op", "batch", "channels", "filters", "groups", "bias",
    "output_padding", "output_shape", "ceil_mode", "count_include_pad", "spec",
    "dtype", "data", "seed", "since", "tags", "title", "source", "note", "where",
)  # fmt: skip
JOB_FIELDS = (
    "verdict", "gate", "causes", "word", "axes", "evidence", "differs", "line", "alternatives", "tried",
    "reason", "entry", "link", "instead", "first", "sample", "code", "exception", "stage", "message", "stderr",
    "separating", "rejected", "fix", "cut",
)  # fmt: skip
"""What the data has of a case and of a job, in this order; the script reads the names from the data."""


def render(run: Run, found: Digest) -> str:
    """The whole page."""
    style, script = _asset("drawing.css") + _asset("report.css"), _asset("report.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_asset("report.html.j2")).render(
        found=found,
        header={name: printable(str(run.header.get(name, ""))) for name in ("version", "cases", "platform", "started")},
        seconds=(run.footer or {}).get("seconds"),
        shown=SHOWN,
        jobs=[detail(finding) for finding in found.findings[:STATIC]],
        left=sum(finding.alike for finding in found.findings[STATIC:]),
        stale=[stale_entry(entry) for entry in found.stale],
        counted=counted,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=Markup(embedded(payload(run, found))),
    )


def _asset(name: str) -> str:
    return resources.files("conformance.render").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def embedded(value: object) -> str:
    """JSON that can stand inside a script element, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Values:
    """Values that are written once and then named by their number; 0 is nothing."""

    def __init__(self) -> None:
        self.values: list[Any] = [None]
        self.size = 0
        self._numbers: dict[object, int] = {}

    def intern(self, value: Any) -> int:
        """The number of a value; empty ones are nothing."""
        if value is None or value is False or value in ("", [], ()):
            return 0
        key = value if isinstance(value, str) else (type(value), repr(value))
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(_clean(value))
            self.size += len(_compact(self.values[-1]))
        return self._numbers[key]

    def row(self, values: Sequence[Any]) -> list[int]:
        """The numbers of a record's values, without the nothings at its end."""
        numbers = [self.intern(value) for value in values]
        while numbers and not numbers[-1]:
            numbers.pop()
        return numbers


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(name): _clean(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def payload(run: Run, found: Digest) -> Record:
    """What the script draws from: a table of cases, a row of cells for each, and the jobs that are not plain matches.

    A row has a character for each column: ``m`` for a match that the gate accepts, ``.`` for no job
    or one of ``jobs``. A job is the number of its case and of its column, and ``JOB_FIELDS``.
    """
    values = Values()
    columns = [(runner.name, variant, runner.control) for runner in found.runners for variant in runner.variants]
    column_of = {(runner, variant): number for number, (runner, variant, _) in enumerate(columns)}
    case_of = {name: number for number, name in enumerate(run.cases)}
    rows = [["."] * len(columns) for _ in run.cases]
    for result in run.results:
        if plain_match(result):
            rows[case_of[result["case"]]][column_of[printable(result["runner"]), printable(result["variant"])]] = "m"
    cases = [[printable(name), *values.row([case.get(it) for it in CASE_FIELDS])] for name, case in run.cases.items()]
    jobs = []
    for job in found.worst:
        fields = job_fields(job, values.size < BUDGET)
        place = case_of[job.result["case"]], column_of[job.runner, job.variant]
        jobs.append([*place, *values.row([fields.get(name) for name in JOB_FIELDS])])
    used = {cause for job in found.worst for cause in job.causes}
    return {
        "case_fields": CASE_FIELDS,
        "job_fields": JOB_FIELDS,
        "verdicts": {name: SHOWN[name] for name in VERDICTS},
        "gates": [gate for gate in found.gates if found.gates[gate]],
        "causes": {name: CAUSES.get(name, "") for name in sorted(used)},
        "columns": columns,
        "values": values.values,
        "cases": cases,
        "rows": ["".join(row) for row in rows],
        "jobs": jobs,
    }


def job_fields(job: Job, whole: bool) -> Record:
    """A job's values for the script; without its numbers, code and messages unless ``whole``."""
    result = job.result
    entry, failure = result.get("expectation") or {}, result.get("failure") or {}
    evidence, differs = result.get("evidence", ""), differing(result)
    word, axes = drawing.found(job.case, result)
    fields: Record = {
        "verdict": job.verdict,
        "gate": job.gate,
        "causes": job.causes,
        "word": word,
        "axes": axes,
        "evidence": evidence,
        "differs": differs,
        "line": "" if job.line == "; ".join(filter(None, (evidence, differs))) else job.line,
        "alternatives": result.get("alternatives"),
        "tried": result.get("tried"),
        "inexact": result.get("inexact"),
        "reason": entry.get("reason"),
        "entry": entry.get("where"),
        "link": entry.get("link"),
        "instead": job.instead,
    }
    if not whole:
        return {**fields, "cut": 1}
    return {
        **fields,
        "first": (result.get("difference") or {}).get("first"),
        "sample": result.get("sample"),
        "code": result.get("code"),
        "exception": failure.get("exception"),
        "stage": failure.get("stage"),
        "message": head(failure.get("message", ""), MESSAGE),
        "stderr": tail(failure.get("stderr", ""), MESSAGE),
        "separating": result.get("separating"),
        "rejected": result.get("rejected"),
        "fix": (result.get("fix") or {}).get("code"),
    }


@dataclass(frozen=True)
class Table:
    """Numbers around the first difference, expected or got; each cell with its mark (``d`` differs, ``f`` first)."""

    title: str
    columns: tuple[int, ...]
    rows: tuple[tuple[int, tuple[tuple[str, str], ...]], ...]


def tables(sample: Mapping[str, Any] | None, first: Sequence[int] | None) -> tuple[Table, ...]:
    """The tables of a job's ``sample``, the first difference marked; none where no numbers were kept."""
    if not sample or "got" not in sample:
        return ()
    expected, got, start = sample["expected"], sample["got"], sample["start"]
    if len(start) == 1:
        expected, got, start = [expected], [got], [0, *start]
    wrong = differences(expected, got)
    place = (first[-2] - start[0], first[-1] - start[1]) if first and len(sample["start"]) == 2 else None
    if first and len(sample["start"]) == 1:
        place = (0, first[-1] - start[1])
    marked = place if place in wrong else min(wrong, default=None)

    def table(title: str, numbers: list[list[Any]]) -> Table:
        columns = range(start[1], start[1] + max(map(len, numbers), default=0))
        rows = [
            (start[0] + y, tuple((number(value), _mark((y, x), wrong, marked)) for x, value in enumerate(row)))
            for y, row in enumerate(numbers)
        ]
        return Table(title, tuple(columns), tuple(rows))

    return table("expected", expected), table("got", got)


def differences(expected: Sequence[Sequence[Any]], got: Sequence[Sequence[Any]]) -> set[tuple[int, int]]:
    """Where two tables differ, or only one of them has a number."""
    tall = max(len(expected), len(got))

    def at(table: Sequence[Sequence[Any]], y: int) -> Sequence[Any]:
        return table[y] if y < len(table) else ()

    found = set()
    for y in range(tall):
        one, two = at(expected, y), at(got, y)
        for x in range(max(len(one), len(two))):
            if x >= len(one) or x >= len(two) or one[x] != two[x]:
                found.add((y, x))
    return found


def _mark(place: tuple[int, int], wrong: set[tuple[int, int]], first: tuple[int, int] | None) -> str:
    return "f" if place == first else "d" if place in wrong else ""


def drawings(job: Job) -> tuple[tuple[str, Markup], ...]:
    """The drawings of a job's axes with their titles, axes that are drawn alike together."""
    word, axes = drawing.found(job.case, job.result)
    titles: dict[str, list[int]] = {}
    for axis, geometry in enumerate(drawing.geometries(job.case, axes)):
        titles.setdefault(drawing.svg(geometry, word), []).append(axis)
    return tuple((axis_title(numbers, len(axes)), Markup(text)) for text, numbers in titles.items())


def axis_title(axes: Sequence[int], rank: int) -> str:
    """Which axes a drawing is of; nothing where there is only one."""
    if rank == 1:
        return ""
    return f"Axis {axes[0]}" if len(axes) == 1 else f"Axes {' and '.join(map(str, axes))}"


def detail(finding: Finding) -> Record:
    """A job as the template writes it out."""
    job = finding.job
    result = job.result
    failure, entry = result.get("failure") or {}, result.get("expectation") or {}
    stage = f" while in stage {failure['stage']}" if failure.get("stage") else ""
    people = ((name, job.case.get(name)) for name in ("title", "source", "note", "where"))
    return {
        "job": job,
        "alike": finding.alike,
        "configuration": configuration(job.case),
        "meanings": [(cause, CAUSES.get(cause, "")) for cause in job.causes],
        "alternatives": [
            (" + ".join(map(printable, causes)), printable(smallest))
            for causes, smallest in zip_longest(
                result.get("alternatives", ()), result.get("separating", ()), fillvalue=""
            )
        ],
        "tried": result.get("tried"),
        "rejected": ", ".join(map(printable, result.get("rejected", ()))),
        "fix": printable((result.get("fix") or {}).get("code", "")),
        "drawings": drawings(job),
        "tables": tables(result.get("sample"), (result.get("difference") or {}).get("first")),
        "code": printable(result.get("code", "")),
        "failed": printable((failure.get("exception") or "Message") + stage),
        "message": head(failure.get("message", ""), MESSAGE),
        "stderr": tail(failure.get("stderr", ""), MESSAGE),
        "entry": {name: printable(entry.get(name) or "") for name in ("where", "reason", "link")},
        "people": [(name, printable(str(text))) for name, text in people if text],
    }


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
    parts += [f"groups {case['groups']}"] if case["groups"] > 1 else []
    parts += ["bias"] if case["bias"] else []
    parts += [f"batch {case['batch']}"] if case["batch"] > 1 else []
    parts += [case["dtype"]] if case["dtype"] != "float32" else []
    return printable(" · ".join(parts))


def stale_entry(entry: Record) -> Record:
    """A stale expectation as the template writes it."""
    return {
        "runner": printable(str(entry.get("runner", ""))),
        "when": printable(json.dumps(entry.get("when", {}), ensure_ascii=False)),
        "ends": printable(" ".join((str(entry.get("verdict", "")), *entry.get("causes", ())))),
        "reason": printable(str(entry.get("reason", ""))),
        "where": printable(str(entry.get("where", ""))),
    }
