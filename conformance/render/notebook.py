"""A run as a notebook shows it: a small fragment of HTML that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from conformance.domain.records import VERDICTS
from conformance.render.assets import template
from conformance.render.digest import Digest

MOST = 10
"""Rows of a table; what is left is counted."""


def fragment(found: Digest, report: Path) -> str:
    """The sentence, the counts, the causes and the worst jobs that break the gate; all text is escaped."""
    return template("notebook.html.j2").render(
        found=found,
        report=report,
        verdicts=[verdict for verdict in VERDICTS if found.verdicts[verdict]],
        broken=[finding for finding in found.findings if not finding.job.holds],
        most=MOST,
    )
