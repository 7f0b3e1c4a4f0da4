"""What a command prints of a run: ``--format NAME``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.journal import Run
    from conformance.render.digest import Digest

LOGS = ("rich", "text", "github")
"""For people and logs; several can be asked for."""

DOCUMENTS = ("json", "junit", "sarif", "markdown")
"""One whole file each, which stands alone on standard output."""

FORMATS = (*LOGS, *DOCUMENTS)


def show(run: Run, report: Path | None, formats: Sequence[str] = (), no_color: bool = False) -> None:
    """Print a run; by default for people on a terminal, and as lines of text elsewhere.

    ``report`` is None where none was written.
    """
    from conformance.render import terminal
    from conformance.render.digest import digest

    found = digest(run)
    for name in formats or ["rich" if sys.stdout.isatty() else "text"]:
        if name == "rich":
            terminal.show(found, report, no_color)
        else:
            for line in printed(name, run, found, report):
                sys.stdout.write(line.encode("utf-8", "replace").decode() + "\n")


def printed(name: str, run: Run, found: Digest, report: Path | None) -> Iterator[str]:
    """The lines, or the document as one text, of one format."""
    from conformance.render import github, junit, markdown, sarif, summary_json, text

    if name == "text":
        return text.lines(found, report)
    if name == "github":
        return github.show(run, found)
    document = {"json": summary_json, "junit": junit, "sarif": sarif, "markdown": markdown}[name]
    return iter([document.render(run, found).rstrip("\n")])
