"""Annotations and the job summary of GitHub Actions.

A command is ``::error file=…,line=…,title=…::message``, escaped as actions/toolkit does it
(packages/core/src/command.ts). Ten errors of a step are shown (actions/toolkit, docs/problem-matchers.md),
and a step's summary holds 1 MiB (docs.github.com, "Workflow commands").
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from conformance.journal import Run
from conformance.render import markdown
from conformance.render.digest import Digest
from conformance.render.plain import counted
from conformance.render.problems import Place, problems

ANNOTATIONS = 10
SUMMARY = 1024 * 1024


def show(run: Run, found: Digest) -> Iterator[str]:
    """The annotations, one a line; the summary is added to the file that ``GITHUB_STEP_SUMMARY`` names."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        summarise(markdown.render(run, found), Path(path))
    return errors(run, found)


def errors(run: Run, found: Digest) -> Iterator[str]:
    """At most ten errors, the most important first; where there are more, the last one counts what is left."""
    shown = [(problem.title, problem.message, problem.place) for problem in problems(run, found)]
    if not found.complete:
        shown.insert(0, ("incomplete", found.gate_line, None))
    if len(shown) > ANNOTATIONS:
        rest = f"{counted(len(shown) - ANNOTATIONS + 1, 'more problem')}; all of them are in the report"
        shown[ANNOTATIONS - 1 :] = [("more", f"{rest}. {found.gate_line}", None)]
    return (error(*each) for each in shown)


def error(title: str, message: str, place: Place | None) -> str:
    """One annotation, without a file where that is not part of the checkout."""
    about = {"file": place.path, "line": str(place.line)} if place and place.inside else {}
    properties = ",".join(f"{name}={_property(text)}" for name, text in {**about, "title": title}.items())
    return f"::error {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summarise(text: str, path: Path) -> None:
    """Add a summary to a step's; whole lines are left out and counted where it would not fit. Raises ``OSError``."""
    room = SUMMARY - (path.stat().st_size if path.exists() else 0)
    with path.open("ab") as file:
        file.write(fitting(text, room))


def fitting(text: str, room: int) -> bytes:
    """As many of the first lines as fit into so many bytes, and how many are left out."""
    data = text.encode("utf-8", errors="replace")
    if len(data) <= room:
        return data
    lines = data.splitlines(keepends=True)
    size, kept = len(more(len(lines))), 0
    while kept < len(lines) and size + len(lines[kept]) <= room:
        size += len(lines[kept])
        kept += 1
    last = more(len(lines) - kept)
    return b"".join(lines[:kept]) + last if size <= room else b""


def more(lines: int) -> bytes:
    """What stands where lines are left out."""
    return f"\nAnd {counted(lines, 'more line')}, in summary.md of the run folder.\n".encode()
