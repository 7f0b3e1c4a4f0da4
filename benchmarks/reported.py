"""``python -m benchmarks.reported [RUN]``: what was reported in public, and whether today's frameworks still show it.

Prints docs/reported.md from a run that has every case of ``cases/reported``; without RUN one is made. Reports that
leave something open are in docs/reported.yaml. A case's first tag is the cause that was reported.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from conformance import journal, packaged, pipeline
from conformance.journal import Record, Run

OPEN = packaged.ROOT / "docs" / "reported.yaml"
OTHER_LAYOUT = re.compile("-(change-ordering|channels-first)$")
ENDINGS = {"unsupported": "refused by", "error": "raises in", "crash": "crashes", "timeout": "overruns in"}


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1]) if sys.argv[1:] else Path(name)
        if not sys.argv[1:]:
            pipeline.run(pipeline.Options(paths=(packaged.cases() / "reported",), out=folder))
        run = journal.read(folder)
    if not run.complete:
        raise SystemExit(f"{run.folder}: the run is incomplete")
    print("\n".join(document(run)))
    return 0


def document(run: Run) -> Iterator[str]:
    """The lines of docs/reported.md."""
    results = defaultdict(list)
    places = {name: number for number, name in enumerate(run.header["runners"])}
    for result in sorted(run.results, key=lambda result: places[result["runner"]]):
        if not run.header["runners"][result["runner"]]["control"]:
            results[result["case"]].append(result)
    replayed = [run.cases[name] for name in sorted(run.cases) if name.startswith("reported/")]
    told = {case["id"]: today(case, results[case["id"]]) for case in replayed}
    left = yaml.safe_load(OPEN.read_text("utf-8"))
    shown = sum(text.startswith("shown") for text in told.values())
    yield "# Reported mismatches"
    yield ""
    yield f"{len(replayed) + len(left)} mismatches between frameworks that were reported in public. {len(replayed)} say"
    yield "enough to run them, as cases in `cases/reported`; today's frameworks and converters still show"
    yield f"{shown}. This page is what `python -m benchmarks.reported` prints, with {packages(run)}."
    yield ""
    yield "## Replayed"
    yield ""
    yield "*shown*: some variant ends with the cause that was reported; *by habit*: it declares other pads than the"
    yield "case asks for, and does what it declares. Variants that differ in their layout alone are one."
    yield ""
    yield "| report | cause | today |"
    yield "| --- | --- | --- |"
    for case in replayed:
        name = case["id"].removeprefix("reported/")
        yield f"| {named(name, case['source'])} {case['note']} | `{case['tags'][0]}` | {told[case['id']]} |"
    yield ""
    yield "## Not replayed"
    yield ""
    yield "| report | what is left open |"
    yield "| --- | --- |"
    for report in left:
        yield f"| {named(report['id'], report['source'])} {report['title']} | {report['open']} |"


def named(name: str, source: str) -> str:
    """A report with its source: a link to a page, or a thread as ``owner/repository#number``."""
    return f"{name} ({source})" if "#" in source else f"[{name}](https://{source})"


def packages(run: Run) -> str:
    """The packages of every runner with their versions, without the interpreter."""
    found = {name: version for one in run.header["runners"].values() for name, version in one["packages"].items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()) if name != "python")


def today(case: Record, results: Sequence[Record]) -> str:
    """How the case's jobs end that are no match, those with the reported cause first."""
    reported = case["tags"][0]
    groups: dict[str, dict[str, None]] = {"shown by": {}}
    for result in results:
        variant = f"{result['runner']}/{OTHER_LAYOUT.sub('', result['variant'])}"
        if reported in result["causes"]:
            groups["shown by"][f"`{variant}`" + " by habit" * (result["verdict"] == "hazard")] = None
        elif result["causes"]:
            causes = ", ".join(result["causes"])
            way = "by habit" if result["verdict"] == "hazard" else "wrong"
            groups.setdefault(f"{way} with {causes}:", {})[f"`{variant}`"] = None
        elif result["verdict"] != "match":
            groups.setdefault(ENDINGS[result["verdict"]], {})[f"`{variant}`"] = None
    told = [f"{how} {', '.join(variants)}" for how, variants in groups.items() if variants]
    return "; ".join(told if groups["shown by"] else ["not shown", *told])


if __name__ == "__main__":
    sys.exit(main())
