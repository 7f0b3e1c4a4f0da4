"""Reports for people, programs and CI systems, each rendered from the journal; they decide nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conformance.files import write_whole

if TYPE_CHECKING:
    from conformance.journal import Run


def write(run: Run, folder: Path) -> Path:
    """Write a run folder's reports, all but the journal; the path of report.html.

    Everything is rendered before anything is written, and each file is moved into place as a whole:
    who reads one while it is replaced sees the old one or the new one. Raises ``OSError``.
    """
    from conformance.render import html, junit, markdown, sarif, summary_json
    from conformance.render.digest import digest

    found = digest(run)
    files = {
        **html.render(run, found),
        "summary.json": summary_json.render(run, found),
        "summary.md": markdown.render(run, found),
        "junit.xml": junit.render(run, found),
        "results.sarif": sarif.render(run, found),
    }
    for name, text in files.items():
        write_whole(folder / name, text.encode("utf-8", errors="replace"))
    for page in folder.glob("report-[0-9]*.html"):
        if page.name not in files:  # of a longer report that was here before
            page.unlink()
    return folder / html.NAME
