"""The run as lines for a log: one for each job that breaks the gate, then what the run amounts to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from conformance.render.digest import Digest
from conformance.render.plain import counted, one_line, printable


def lines(found: Digest, report: Path | None = None) -> Iterator[str]:
    """``GATE VERDICT CASE RUNNER/VARIANT CAUSES`` a job, ``stale VERDICT PLACE RUNNER CAUSES`` an entry; the sums.

    A line begins with a word of ours, and none holds what a CI system takes for a command to it
    (``::`` at its beginning, ``##[`` anywhere).
    """
    for line in _lines(found, report):
        yield one_line(line, 2000).replace("##[", "# #[")


def _lines(found: Digest, report: Path | None) -> Iterator[str]:
    for job in found.worst:
        if not job.holds:
            gate = job.gate or "no-gate-result"
            yield f"{gate} {job.verdict} {job.id} {job.where} {'+'.join(job.causes) or '-'}"
    for entry in found.stale:
        causes = "+".join(map(str, entry.get("causes", ()))) or "-"
        yield f"stale {entry.get('verdict') or '-'} {entry.get('where', '')} {entry.get('runner', '')} {causes}"
    for name, command in found.missing.items():
        yield f"not installed: {name}: {command}"
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in found.verdicts.items() if count)
    yield f"{counted(found.recorded, 'job')}: {counts}"
    for title, ranked in (("defect", found.defects), ("hazard", found.hazards)):
        for cause in ranked:
            yield f"{title}: {cause.name}: {cause.count}: {cause.meaning}"
    yield f"summary: {found.sentence}"
    yield f"gate: {found.gate_line}"
    if report is not None:
        yield f"report: {printable(str(report))}"
