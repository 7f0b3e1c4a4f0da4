"""What ``exhaust`` found, on the terminal: a row for each variant, operator and rank, then counterexamples."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.exhaust import NOT_RUN, OTHERWISE, PROVEN, REFUSED, WRONG, Count, Row
from conformance.render.plain import counted, one_line, printable

COLUMNS = ("proven", "otherwise", "refused", "wrong", "runs")
"""``otherwise``: the variant declares other pads than asked for, and is proven for those; ``runs``: executions."""

RANKED = 5
"""Causes that are shown of a row."""


def show(found: Count, no_color: bool = False) -> None:
    """Print the count to standard output."""
    console = Console(no_color=no_color, highlight=False)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("operator", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for (variant, op, rank), row in sorted(found.rows.items()):
        counts = (row.count(PROVEN), row.count(OTHERWISE), row.count(REFUSED), row.count(*WRONG), row.executions)
        style = "red" if row.count(*WRONG) else ""
        table.add_row(
            one_line(variant), f"{op} {rank}-D", *(f"{count:,}" if count else "-" for count in counts), style=style
        )
    console.print(table)
    for (variant, op, rank), row in sorted(found.rows.items()):
        if row.smallest is None:
            continue
        wrong = f"{counted(row.count(*WRONG), 'geometry', 'geometries')} wrong: {causes(row)}"
        console.print(Text(f"\n{one_line(variant)}, {op} {rank}-D: {wrong}", "bold red"), soft_wrap=True)
        console.print(Text(f"the smallest:\n{printable(row.smallest.text)}"), soft_wrap=True)
        if row.smallest.verdict.evidence:
            console.print(Text(f"  {printable(row.smallest.verdict.evidence)}"), soft_wrap=True)
    console.print()
    console.print(Text(sentence(found), "bold green" if found.status == 0 else "bold red"), soft_wrap=True)


def causes(row: Row) -> str:
    """The causes of a row's wrong geometries, the most frequent first, and how many were not looked into."""
    named = Counter({cause: count for cause, count in row.causes.items() if cause})
    parts = [f"{count:,} {cause}" for cause, count in named.most_common(RANKED)]
    for words, count in (
        ("of other causes", sum(named.values()) - sum(count for _, count in named.most_common(RANKED))),
        ("not looked into", row.causes[""]),
    ):
        if count:
            parts.append(f"{count:,} {words}")
    return ", ".join(parts)


def sentence(found: Count) -> str:
    """The whole count in one sentence."""
    runs = counted(sum(row.executions for row in found.rows.values()), "execution")
    parts = [f"{counted(found.total(PROVEN), 'geometry', 'geometries')} proven in {runs}"]
    for words, kinds in (
        ("declared otherwise and proven so", [OTHERWISE]),
        ("refused", [REFUSED]),
        ("wrong", WRONG),
        ("not run", [NOT_RUN]),
    ):
        if count := found.total(*kinds):
            parts.append(f"{count:,} {words}")
    return ", ".join(parts) + ("." if found.complete else "; interrupted.")
