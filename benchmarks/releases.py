"""``python -m benchmarks.releases OLD NEW [OLD NEW]``: what changed between two releases of onnx2keras, and why.

Prints docs/releases.md, or writes it with ``--out FILE``, from two run folders, or those of two layouts. The reasons
are in docs/releases.yaml: of a change, the first whose patterns are in its two endings.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from conformance import journal, packaged
from conformance.comparing import KINDS, Change, Comparison, compare
from conformance.journal import Run
from conformance.render import compared
from conformance.render.markdown import code, escape, table

WHY = packaged.ROOT / "docs" / "releases.yaml"

INTRODUCTION = """\
# Two releases of onnx2keras

Written by `nox -s releases`: each release in an environment of its own, with the TensorFlow and Keras that it needs,
runs every packaged case; `conformance compare` says what changed ([compare.md](compare.md)), and the reasons are from
the sources of the two releases ([releases.yaml](releases.yaml), read by `python -m benchmarks.releases`). The variants
that go through PyTorch's newer exporter are left out: it needs ml_dtypes 0.5, and TensorFlow 2.15 needs 0.3. Those with
`change_ordering` have a run of their own: in TensorFlow 2.15 a process that pools the same sizes channels first and
then channels last gets wrong numbers from the second (`tf.nn.max_pool2d(x, ..., data_format="NCHW")`, then without;
right in 2.21).
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = compare(joined(given.runs[::2]), joined(given.runs[1::2]))
    text = "\n".join(document(found, yaml.safe_load(WHY.read_text("utf-8"))))
    if given.out:
        given.out.write_text(text + "\n", "utf-8")
    else:
        print(text)
    return 0


def joined(folders: Sequence[Path]) -> Run:
    """Several complete runs of other jobs as one, with the first one's header."""
    first, *others = map(journal.read, folders)
    for run in others:
        first.cases |= run.cases
        first.results += run.results
        first.header["planned"] += run.planned
    return first


def document(found: Comparison, reasons: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The lines of docs/releases.md."""
    if found.incomplete:
        raise SystemExit(compared.sentence(found))
    yield INTRODUCTION
    for runner, told in compared.versions(found):
        yield f"**{runner}**: {escape(told, 2000)}."
    yield ""
    yield f"{escape(compared.sentence(found), 2000).capitalize()}."
    yield ""
    rows = ([code(name), f"{old:,}", f"{new:,}", escape(meaning)] for name, old, new, meaning in compared.counts(found))
    both = (run.header["runners"]["onnx2keras"]["packages"]["onnx2keras"] for run in (found.old, found.new))
    yield from table(["jobs that end so", *both, "meaning"], rows)
    for kind in KINDS:
        several = grouped(found, reasons, kind)
        if several:
            yield f"## {kind.capitalize()}: {found.count(kind):,} jobs"
            yield ""
            yield from table(["jobs", "was", "is now", "why"], several)


def grouped(found: Comparison, reasons: Sequence[dict[str, Any]], kind: str) -> list[list[str]]:
    """A row for each reason, the one with the most jobs first; what has none has a row for each ending."""
    groups: dict[object, list[Change]] = {}
    for change in (change for change in found.changes if change.kind == kind):
        number = next((number for number, reason in enumerate(reasons) if explains(reason, change)), None)
        groups.setdefault((compared.was(change), compared.now(change)) if number is None else number, []).append(change)
    rows = []
    for key, changes in groups.items():
        why = reasons[key]["why"] if isinstance(key, int) else "not looked into"
        jobs = sum(len(change.jobs) for change in changes)
        rows.append(
            (jobs, [f"{jobs:,}", ended(changes, compared.was), ended(changes, compared.now), escape(why, 2000)])
        )
    return [row for _, row in sorted(rows, key=lambda row: -row[0])]


def explains(reason: dict[str, Any], change: Change) -> bool:
    """Whether a reason's patterns are in both endings of a change."""
    return bool(
        re.search(reason.get("was", ""), compared.was(change))
        and re.search(reason.get("now", ""), compared.now(change))
    )


def ended(changes: Sequence[Change], side: Any) -> str:
    """How the jobs of some changes end: each verdict once, with the number of jobs of each cause or wording."""
    endings: Counter[str] = Counter()
    for change in changes:
        verdict, _, causes = side(change).partition(": ")
        for cause in causes.split(" + ") if verdict in ("mismatch", "hazard") else [causes]:
            endings[f"{verdict}: {cause}" if cause else verdict] += len(change.jobs)
    shown = [
        f"{escape(ending, 120)} {count:,}"
        for ending, count in sorted(endings.items(), key=lambda one: (-one[1], one[0]))[:5]
    ]
    return ", ".join(shown) + (f", and {len(endings) - 5} more" if len(endings) > 5 else "")


if __name__ == "__main__":
    sys.exit(main())
