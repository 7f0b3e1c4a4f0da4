"""Reports: html, json, markdown, junit and the terminal, each rendered from the journal; they decide nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.journal import Run

REPORT = "report.html"


def write(run: Run, folder: Path) -> Path:
    """Write report.html, summary.json, summary.md and junit.xml into a folder, and return the report's path.

    Everything is rendered before anything is written, and each file is moved into place as a whole:
    who reads one while it is replaced sees the old one or the new one. Raises ``OSError``.
    """
    from conformance.render import html, junit, markdown, summary_json
    from conformance.render.digest import digest

    found = digest(run)
    files = {
        REPORT: html.render(run, found),
        "summary.json": summary_json.render(run, found),
        "summary.md": markdown.render(run, found),
        "junit.xml": junit.render(run, found),
    }
    for name, text in files.items():
        _place(folder / name, text)
    return folder / REPORT


def _place(path: Path, text: str) -> None:
    side = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        side.write_bytes(text.encode("utf-8", errors="replace"))
        os.replace(side, path)
    finally:
        side.unlink(missing_ok=True)
