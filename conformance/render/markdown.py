"""summary.md: the run on a page, for a CI's job summary or a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from conformance.domain.records import VERDICTS
from conformance.journal import Run
from conformance.render.digest import COMPUTED, Cause, Digest, Runner
from conformance.render.plain import counted, one_line

MOST = 30
"""Rows of a table; what is left is counted."""


def render(run: Run, found: Digest) -> str:
    """The summary as Markdown; all text from outside is escaped."""
    lines = ["# Padding conformance", "", f"**{found.sentence}**", "", f"{found.gate_line}.", ""]
    lines += [*verdicts(found), *causes("Defects by cause", found.defects), *causes("Hazards by cause", found.hazards)]
    lines += [*causes("No answer", found.refusals), *causes(COMPUTED, found.algorithms)]
    lines += [*failing(found), *stale(found)]
    missing = (f"- {escape(name)} is not installed: {code(command)}" for name, command in found.missing.items())
    lines += [*missing, ""] if found.missing else []
    lines.append("Versions: " + escape("; ".join(map(versions, found.runners)), 2000))
    return "\n".join(lines) + "\n"


def versions(runner: Runner) -> str:
    """A runner with its packages' versions."""
    return f"{runner.name} ({', '.join(f'{name} {version}' for name, version in runner.packages)})"


def verdicts(found: Digest) -> Iterator[str]:
    """How many jobs of each verdict every runner's variants have."""
    used = [verdict for verdict in VERDICTS if found.verdicts[verdict]]
    rows = []
    for runner in found.runners:
        name = f"{runner.name} (negative control)" if runner.control else runner.name
        for variant in runner.variants:
            counts = found.by_variant[runner.name, variant]
            numbers = (f"{counts[verdict]:,}" if counts.get(verdict) else "" for verdict in used)
            rows.append([escape(f"{name} / {variant}"), *numbers])
    rows.append(["**all**", *(f"**{found.verdicts[verdict]:,}**" for verdict in used)])
    yield from table(["runner / variant", *used], rows)


def causes(title: str, ranked: Sequence[Cause]) -> Iterator[str]:
    """A ranking of causes, with what they touch."""
    if not ranked:
        return
    yield from (f"## {title}", "")
    rows = []
    for cause in ranked[:MOST]:
        touches = ", ".join(f"{where} {count:,}" for where, count in cause.touches[:5])
        more = f", and {len(cause.touches) - 5} more" if len(cause.touches) > 5 else ""
        rows.append([cause.count, code(cause.name), escape(cause.meaning), escape(touches + more, 400)])
    yield from table(["how many", "cause", "meaning", "where"], rows)
    if len(ranked) > MOST:
        yield from (f"And {len(ranked) - MOST:,} more.", "")


def failing(found: Digest) -> Iterator[str]:
    """The jobs that break the gate, one for each way of ending."""
    findings = [finding for finding in found.findings if not finding.job.holds]
    if not findings:
        return
    yield from ("## Jobs that break the gate", "")
    rows = []
    for finding in findings[:MOST]:
        job = finding.job
        alike = f" and {finding.alike - 1:,} alike" if finding.alike > 1 else ""
        instead = f"; write instead: {code(job.instead)}" if job.instead else ""
        rows.append([job.gate, job.verdict, escape(job.where), code(job.id) + alike, escape(job.line, 240) + instead])
    yield from table(["gate", "verdict", "runner / variant", "case", "how"], rows)
    if left := sum(finding.alike for finding in findings[MOST:]):
        yield from (f"And {counted(left, 'more job', 'more jobs')}.", "")


def stale(found: Digest) -> Iterator[str]:
    """The expectations that reach nothing."""
    if found.stale:
        yield from ("## Stale expectations", "")
        for entry in found.stale[:MOST]:
            runner, where, reason = (str(entry.get(name, "")) for name in ("runner", "where", "reason"))
            yield f"- {escape(runner)}, {code(where)}: {escape(reason)}"
        yield ""


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table of cells that are Markdown already."""
    names = list(header)
    yield "| " + " | ".join(names) + " |"
    yield "|" + " --- |" * len(names)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def escape(text: str, limit: int = 200) -> str:
    """Text from outside as Markdown that shows it literally, on one line."""
    shown = html.escape(one_line(text, limit), quote=False)
    shown = re.sub(r"([\\`*_{}\[\]()#+!|~$-])", r"\\\1", shown)
    return re.sub(r"@|:(?=//)|www(?=\.)", "\\g<0>\u200b", shown)  # neither a mention nor a link


def code(text: str) -> str:
    """Text from outside as a code span, which a table's cell can hold."""
    shown = html.escape(one_line(text), quote=False)
    return "<code>" + re.sub(r"[|*_`\[\]\\~$@!:]", lambda sign: f"&#{ord(sign[0])};", shown) + "</code>"
