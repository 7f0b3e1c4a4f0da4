"""report.html: one file that opens from disk, in which somebody sees what is wrong, why, and what to write instead.

The page is the template, its stylesheet and its script; what is in it comes from the journal alone,
so that one journal gives the same bytes every time. Jinja escapes all text; the script gets what it
filters as JSON and puts it into the page as text. The most important jobs are written out in the
page itself; the others, a few hundred a page, on pages beside it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from markupsafe import Markup

from conformance.domain.records import FAILURES, HOLDING, VERDICTS
from conformance.journal import Record, Run
from conformance.render import agreement
from conformance.render.assets import asset, template
from conformance.render.detail import command, detail
from conformance.render.digest import Digest, plain_match
from conformance.render.plain import counted, printable

NAME = "report.html"

INLINE = 200
"""Jobs that are written out in the page itself."""

PER_PAGE = 500
"""Jobs that are written out on each of the other pages."""

LARGEST = 1_900_000
"""Characters of written out jobs on a page; where these are long, a page has fewer."""

MARK = 'document.documentElement.classList.add("js");'
"""What tells the stylesheet that scripts run, before anything is laid out."""

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
    "op", "input", "kernel", "stride", "dilation", "padding", "mode", "spec", "dtype", "tags",
    "title", "note", "source", "where",
)  # fmt: skip
JOB_FIELDS = ("verdict", "gate", "causes", "line")
"""What the data has of a case and of a job, in this order; the script reads the names from the data."""


def render(run: Run, found: Digest) -> dict[str, str]:
    """The report and the pages beside it, by the names of their files."""
    style, script = asset("drawing.css") + asset("report.css"), asset("report.js")
    used = {"shown": SHOWN, "counted": counted, "agreement": agreement}
    job, page = (template(name, **used) for name in ("job.html.j2", "report.html.j2"))
    pages = list(split([job.render(detail(each, run.header)) for each in found.worst]))
    names = [NAME, *(f"report-{number}.html" for number in range(2, len(pages) + 1))]
    jobs = iter(found.worst)
    slices = [list(islice(jobs, len(texts))) for texts in pages]
    beside = {job.anchor: name for name, several in zip(names[1:], slices[1:], strict=True) for job in several}
    pythons = sorted({dict(runner.packages).get("python", "") for runner in found.runners} - {""})
    return {
        name: page.render(
            found=found,
            header={
                key: printable(str(run.header.get(key, ""))) for key in ("version", "cases", "platform", "started")
            },
            seconds=(run.footer or {}).get("seconds"),
            pages=[(other, len(texts)) for other, texts in zip(names, pages, strict=True)],
            page=number,
            jobs=slices[number],
            beside=beside,
            pythons=pythons,
            articles=Markup("".join(texts)),
            stale=[stale_entry(entry) for entry in found.stale],
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            mark=Markup(MARK),
            mark_hash=_hash(MARK),
            data=Markup(embedded(payload(run, found, [len(texts) for texts in pages]) if number == 0 else None)),
        )
        for number, (name, texts) in enumerate(zip(names, pages, strict=True))
    }


def split(texts: Iterable[str]) -> Iterator[list[str]]:
    """The written out jobs of each page; the first page is there whatever there is to write."""
    page: list[str] = []
    size, most = 0, INLINE
    for text in texts:
        if len(page) == most or (page and size + len(text) > LARGEST):
            yield page
            page, size, most = [], 0, PER_PAGE
        page.append(text)
        size += len(text)
    yield page


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def embedded(value: object) -> str:
    """JSON that can stand inside a script element, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


class Values:
    """Values that are written once and then named by their number; 0 is nothing."""

    def __init__(self) -> None:
        self.values: list[Any] = [None]
        self._numbers: dict[object, int] = {}

    def intern(self, value: Any) -> int:
        """The number of a value; empty ones are nothing."""
        if value is None or value is False or value in ("", [], ()):
            return 0
        key = value if isinstance(value, str) else (type(value), repr(value))
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(_clean(value))
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
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def payload(run: Run, found: Digest, pages: Sequence[int]) -> Record:
    """What the script filters: a table of cases, a row of cells for each, and the jobs that are not plain matches.

    A row has a character for each column: ``m`` for a match that the gate accepts, ``.`` for no job
    or one of ``jobs``. A job is the number of its case and of its column, and ``JOB_FIELDS``; ``pages``
    tells how many of them each page has written out.
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
        place = case_of[job.result["case"]], column_of[job.runner, job.variant]
        jobs.append([*place, *values.row([getattr(job, name) for name in JOB_FIELDS])])
    return {
        "case_fields": CASE_FIELDS,
        "job_fields": JOB_FIELDS,
        "verdicts": {name: SHOWN[name] for name in VERDICTS},
        "failures": FAILURES,
        "holding": HOLDING,
        "columns": [[*column, command(run.header, "CASE", *column[:2])] for column in columns],
        "values": values.values,
        "cases": cases,
        "rows": ["".join(row) for row in rows],
        "jobs": jobs,
        "pages": pages,
    }


def stale_entry(entry: Record) -> Record:
    """A stale expectation as the template writes it."""
    return {
        "runner": printable(str(entry.get("runner", ""))),
        "when": printable(json.dumps(entry.get("when", {}), ensure_ascii=False)),
        "ends": printable(" ".join((str(entry.get("verdict", "")), *entry.get("causes", ())))),
        "reason": printable(str(entry.get("reason", ""))),
        "where": printable(str(entry.get("where", ""))),
    }
