"""How large the report is and how fast it answers: ``python -m benchmarks.report``; exit status 1 over a budget.

The journals are made up: two-dimensional convolutions in twelve variants, the failing ones with
their numbers, a fix, and everything else that a failing job keeps. Times are those of headless Chromium, opening
the file from disk: until the page can be used, and from a key in the filter until the next frame.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks import workload
from benchmarks.measure import Budget
from conformance import journal, render
from conformance.domain.case import Entry
from conformance.journal import Record

VARIANTS = 12
JOBS, FAILING = 12_000, 500
MANY = 100_000
QUERIES = ("k", "verdict:mismatch", "runner:bench cause:sym* k:3 s:2", "-verdict:match", "")

OPEN = """() => {
    const timing = performance.getEntriesByType("navigation")[0];
    return (timing.domContentLoadedEventEnd - timing.startTime) / 1000;
}"""
FILTER = """query => new Promise(resolve => {
    const input = document.getElementById("filter");
    const started = performance.now();
    input.value = query;
    input.dispatchEvent(new Event("input"));
    requestAnimationFrame(() => setTimeout(() => resolve((performance.now() - started) / 1000)));
})"""


def write(folder: Path, jobs: int, failing: int) -> Path:
    """The report of a made-up run."""
    journal_of(folder, jobs, failing)
    return render.write(journal.read(folder), folder)


def journal_of(folder: Path, jobs: int, failing: int, variants: int = VARIANTS) -> None:
    """The journal of a made-up run."""
    rng = random.Random(0)
    names = [f"variant-{number}" for number in range(variants)]
    runners = {"bench": {"packages": {"bench": "1.0"}, "control": "", "variants": names}}
    with journal.Writer(folder / journal.NAME, {"planned": jobs, "version": "0", "runners": runners}) as writer:
        for number, record in enumerate(records(jobs // variants)):
            for at, variant in enumerate(names):
                wrong = (number * variants + at) * failing // jobs != (number * variants + at + 1) * failing // jobs
                writer.result(record, result(record, variant, rng if wrong else None))
        writer.footer()


def records(count: int) -> Iterator[Record]:
    """As many cases, each as a journal has it."""
    written = (
        "defaults: {op: conv, filters: 4, bias: true}\n- name: i{input}-k{kernel}-s{stride}-p{padding}-c{channels}"
    )
    for number, case in enumerate(islice(workload.cases((count // workload.PER_SEED + 1) * workload.PER_SEED), count)):
        name = f"bench/file-{number // 200}/i{case.input}-k{case.kernel}-{number}".replace(", ", "x")
        yield journal.case_record(
            replace(case, id=name, title="A made-up case", entry=Entry(f"bench.yaml:{number}:5", written))
        )


def result(case: Record, variant: str, rng: random.Random | None) -> Record:
    """A job's record: a match, or with ``rng`` a mismatch with random numbers."""
    kind = "mismatch" if rng else "match"
    base = {"case": case["id"], "runner": "bench", "variant": variant, "outcome": "completed", "verdict": kind}
    pads = {"asked": case["pads"], "declared": case["pads"], "effective": [[1, 1]] * case["rank"]}
    record: Record = {"kind": "result", **base, **pads, "causes": [], "gate": "ok", "seconds": 0.001}
    if rng is None:
        return record
    height, width = (min(size, 16) for size in case["output"])
    channels = max(min(case["filters"], 512 // (height * width)), 1)
    shape = [case["batch"], case["filters"], *case["output"]]

    def numbers() -> list[Any]:
        return [[[[rng.randrange(-400, 400) for _ in range(width)] for _ in range(height)] for _ in range(channels)]]

    code = f"F.conv2d(F.pad(x, (1, 1, 1, 1)), weight, bias, stride={case['stride']}, dilation={case['dilation']})"
    return {
        **record,
        "gate": rng.choice(["regression", "known"]),
        "causes": [rng.choice(["symmetric-for-asymmetric", "dilation-ignored", "bias-dropped"])],
        "evidence": f"pads (1,1)×(1,1) where {case['pads']} is asked for",
        "tried": 100,
        "rejected": ["pads-ignored", "kernel-flipped", "axes-swapped", "bias-dropped"],
        "code": code,
        "fix": {"variant": "explicit", "code": code},
        "expectation": {"where": "bench.yaml:1:5", "reason": "Made up.", "link": "https://example.org/issues/1"},
        "difference": {"wrong": 60, "total": 256, "first": [0] * 4, "expected": 1.0, "got": -7.0, "largest": 8.0,
                       "worst": [0] * 4},
        "sample": {"expected_shape": shape, "got_shape": shape, "start": [0] * 4, "expected": numbers(),
                   "got": numbers()},
    }  # fmt: skip


def opened(page: Page, report: Path) -> float:
    """Seconds until the page is read and its script has run."""
    page.goto(report.as_uri())
    return float(page.evaluate(OPEN))


def budgets(quick: bool) -> Iterator[Budget]:
    """Each budget of the report with what was measured."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("no browser: 'chromium' is not on PATH; try: apt-get install chromium")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folders = [Path(name, part) for part in ("shell", "usual", "many")]
        for folder in folders:
            folder.mkdir()
        yield Budget("report without jobs that differ", size(write(folders[0], VARIANTS, 0)), 80e3, "kB")
        usual = write(folders[1], JOBS, FAILING)
        yield Budget(f"report of {JOBS:,} jobs, {FAILING} failing", size(usual), 3e6, "MB")
        yield Budget(f"report of {MANY:,} jobs, 4,000 failing", size(write(folders[2], MANY, 4_000)), 10e6, "MB")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        seconds = median(opened(page, usual) for _ in range(3 if quick else 7))
        yield Budget(f"{JOBS:,} jobs until interactive", seconds, 1.5, "s")
        repeats = 3 if quick else 7
        for query in QUERIES:
            seconds = median(float(page.evaluate(FILTER, query)) for _ in range(repeats))
            yield Budget(f"filter {query!r}", seconds, 0.1, "ms")
        browser.close()


def size(path: Path) -> int:
    """Bytes of a file."""
    return path.stat().st_size


def main(quick: bool = False) -> int:
    """Print each budget; 1 where one is not kept."""
    held = True
    for budget in budgets(quick):
        held &= budget.holds
        print(budget, flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
