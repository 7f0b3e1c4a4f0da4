"""What a run amounts to, on the terminal: counts, causes, the worst jobs, the gate, and where the report lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from conformance.render.digest import COMPUTED, Cause, Digest, Finding
from conformance.render.plain import counted, one_line, printable

WORST = 10
"""Jobs that are shown, one for each way of ending."""

NAMED = 100
"""Jobs that break the gate and are named."""

RANKED = 12
"""Causes that are shown of each kind."""

STYLES = {
    "mismatch": "bold red",
    "crash": "bold magenta",
    "timeout": "bold magenta",
    "error": "red",
    "unsupported": "default",
    "not_run": "bold",
    "hazard": "yellow",
    "match": "green",
}


def show(found: Digest, report: Path | None, no_color: bool = False) -> None:
    """Print a run's summary to standard output; ``report`` is None where none was written."""
    summarise(Console(no_color=no_color, highlight=False), found, report)


def summarise(console: Console, found: Digest, report: Path | None = None) -> None:
    """Print the summary to a console; all text from outside is shown as it is, without markup or escapes."""
    _verdicts(console, found)
    _causes(console, "Defects by cause", found.defects)
    if found.defects:
        console.print(Text(f"  {counted(found.unattributed, 'job')} unattributed", "dim"))
    _causes(console, "Hazards by cause (what people write by habit, no defects)", found.hazards)
    _causes(console, "No answer", found.refusals)
    _causes(console, COMPUTED, found.algorithms)
    _worst(console, found.findings)
    _breaking(console, found)
    _stale(console, found)
    for name, command in found.missing.items():
        console.print(Text(f"Not installed: {one_line(name)}   {one_line(command)}", "dim"))
    console.print()
    console.print(Text(found.sentence, "bold"))
    console.print(Text(found.gate_line, "bold green" if found.holds else "bold red"))
    if report is not None:
        console.print(Text(f"Report: {printable(str(report))}"), soft_wrap=True)


def _verdicts(console: Console, found: Digest) -> None:
    console.print()
    line = Text(f"{counted(found.recorded, 'job')}: ", "bold")
    shown = [Text(f"{count:,} {verdict}", STYLES[verdict]) for verdict, count in found.verdicts.items() if count]
    console.print(line + Text(", ").join(shown))


def _causes(console: Console, title: str, causes: Sequence[Cause]) -> None:
    if not causes:
        return
    console.print()
    console.print(Text(title, "bold"))
    table = _table()
    for cause in causes[:RANKED]:
        touches = ", ".join(f"{where} {count:,}" for where, count in cause.touches[:3])
        more = f" and {len(cause.touches) - 3} more" if len(cause.touches) > 3 else ""
        name = Text(cause.name, STYLES.get(cause.name, "bold"))
        about = Text(one_line(cause.meaning, 140)) if cause.meaning else Text()
        about.append(f"\n{touches}{more}" if cause.meaning else f"{touches}{more}", "dim")
        if cause.controls:
            about.append(f"; and {cause.controls:,} in negative controls", "dim")
        table.add_row(Text(f"{cause.jobs - cause.controls:,}"), name, about)
    console.print(table)
    if len(causes) > RANKED:
        console.print(Text(f"  and {len(causes) - RANKED} more", "dim"))


def _worst(console: Console, findings: Sequence[Finding]) -> None:
    """The jobs that break the gate; where none does, the worst of those that are known."""
    broken = [finding for finding in findings if not finding.job.holds]
    shown = broken or [finding for finding in findings if finding.job.gate in ("new", "known")]
    if not shown:
        return
    console.print()
    title = "The worst jobs, which break the gate" if broken else "The worst jobs, all of them known or new"
    console.print(Text(title, "bold"))
    for finding in shown[:WORST]:
        job = finding.job
        line = Text.assemble((f"{job.verdict} ", STYLES[job.verdict]), (f"{job.gate} ", "dim" if job.holds else "bold"))
        line.append(f"{one_line(job.where)}  {one_line(job.id)}")
        if job.control:
            line.append("  (negative control)", "dim")
        if finding.alike > 1:
            line.append(f"  and {finding.alike - 1:,} alike", "dim")
        console.print(Padding(line, (0, 0, 0, 2)))
        console.print(Padding(Text(job.line, "dim"), (0, 0, 0, 6)))
        if job.instead:
            console.print(Padding(Text(f"write instead: {one_line(job.instead)}"), (0, 0, 0, 6)))
    if left := sum(finding.alike for finding in shown[WORST:]):
        console.print(Text(f"  and {counted(left, 'more job', 'more jobs')}", "dim"))


def _breaking(console: Console, found: Digest) -> None:
    """The name of every job that breaks the gate, the most important first."""
    jobs = [job for job in found.worst if not job.holds]
    if not jobs:
        return
    console.print()
    console.print(Text(f"{counted(len(jobs), 'job')} that break{'s' if len(jobs) == 1 else ''} the gate", "bold"))
    for job in jobs[:NAMED]:
        console.print(Text(f"  {job.gate} {job.where} {one_line(job.id)}"), soft_wrap=True)
    if len(jobs) > NAMED:
        console.print(Text(f"  and {len(jobs) - NAMED:,} more, all of them in the report", "dim"))


def _stale(console: Console, found: Digest) -> None:
    for entry in found.stale[:WORST]:
        words = f"stale expectation {entry.get('where', '')}: reaches no job ({entry.get('reason', '')})"
        console.print(Text(one_line(words), "bold"))


def _table() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 1), pad_edge=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table
