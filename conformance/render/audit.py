"""What a set of cases can see, on the terminal and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from string import ascii_letters

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.audit import RIGHT, Power
from conformance.render.plain import counted, one_line
from conformance.runners.onnx_node_tests import Skipped

WIDTH = 100
"""Columns where there is no terminal: the whole table."""

LISTED = 100
"""Cases that are named in a list."""


def show(powers: Sequence[Power], skipped: Sequence[Skipped], matrix: bool, no_color: bool = False) -> None:
    """Print the scores, what is not told apart, and with ``matrix`` every case's answers."""
    console = Console(no_color=no_color, highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("operator", "cases", "mistakes seen", "pairs told apart", "score", "vacuous", "spare"):
        table.add_column(title, justify="left" if title == "operator" else "right", no_wrap=True)
    for power in powers:
        mistakes = len(power.implementations) - 1
        table.add_row(
            power.op,
            f"{len(power.rows):,}",
            f"{mistakes - len(power.missed)} of {mistakes}",
            f"{power.separated} of {power.pairs}",
            percent(power.separated, power.pairs),
            str(len(power.vacuous)),
            f"{len(power.rows) - len(power.enough):,}",
        )
    separated, pairs = sum(power.separated for power in powers), sum(power.pairs for power in powers)
    table.add_row("overall", "", "", f"{separated} of {pairs}", percent(separated, pairs), "", "", style="bold")
    console.print(table)
    for power in powers:
        _details(console, power)
        if matrix:
            _matrix(console, power)
    _list(console, "Skipped", [f"{test.name}: {test.reason}" for test in skipped])


def percent(part: int, whole: int) -> str:
    """A share of which 100.0 % means all, not nearly all."""
    return f"{1000 * part // whole / 10:.1f} %" if whole else "–"


def _details(console: Console, power: Power) -> None:
    missed = [f"{pair.right}: {pair.witness.describe()}" for pair in power.unseen if pair.left == RIGHT.name]
    _list(console, f"{power.op}: mistakes that no case sees, and a small one that would", missed)
    mixed = []
    for names in power.groups:
        pair = next((pair for pair in power.unseen if pair.left in names and pair.right in names), None)
        if pair and RIGHT.name not in names:
            mixed.append(f"{' | '.join(names)}: {pair.witness.describe()}")
    _list(console, f"{power.op}: mistakes that no case tells apart, and a small one that would", mixed)
    equivalent = [f"{left} | {right}" for left, right in power.equivalent]
    _list(console, f"{power.op}: mistakes that are the same in every small case, and do not count", equivalent)
    _list(console, f"{power.op}: vacuous cases, which no wrong padding can fail", power.vacuous)


def _list(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    console.print()
    console.print(Text(title, "bold"))
    for line in lines[:LISTED]:
        console.print(Text(f"  {one_line(line, 400)}"), soft_wrap=True)
    if len(lines) > LISTED:
        console.print(Text(f"  and {counted(len(lines) - LISTED, 'more', 'more')} (--format json has all)", "dim"))


def _matrix(console: Console, power: Power) -> None:
    """A row a case, a column an implementation: ``.`` is the right answer, a letter each other answer."""
    _list(console, f"{power.op}: columns", [f"{n:>2} {wrong.name}" for n, wrong in enumerate(power.implementations)])
    console.print()
    for row in power.rows:
        order = {number: place for place, number in enumerate(dict.fromkeys(row.answers))}
        letters = "".join(f".{ascii_letters}"[order[number]] for number in row.answers)
        console.print(Text(f"  {letters}  {one_line(row.case)}"), soft_wrap=True)


def as_json(powers: Sequence[Power], skipped: Sequence[Skipped], matrix: bool) -> str:
    """All of it as one JSON object."""
    operators = {}
    for power in powers:
        found = {
            "cases": len(power.rows),
            "implementations": [{"name": wrong.name, "cause": wrong.cause} for wrong in power.implementations],
            "pairs": power.pairs,
            "separated": power.separated,
            "score": power.separated / power.pairs,
            "missed": power.missed,
            "unseen": [
                {"left": pair.left, "right": pair.right, "witness": pair.witness.describe()} for pair in power.unseen
            ],
            "equivalent": power.equivalent,
            "vacuous": power.vacuous,
            "enough": power.enough,
        }
        if matrix:
            found["matrix"] = {row.case: row.answers for row in power.rows}
        operators[power.op] = found
    separated, pairs = sum(power.separated for power in powers), sum(power.pairs for power in powers)
    whole = {
        "score": separated / pairs,
        "operators": operators,
        "skipped": [{"name": test.name, "reason": test.reason} for test in skipped],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)
