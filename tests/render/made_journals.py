"""Small journals made by hand: cases and results as ``journal.py`` writes them, without running anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance import journal
from conformance.domain.geometry import pads_by_rule
from conformance.journal import Record, Run

HOSTILE = (
    "<script>window.hacked = 1</script></script>\"'`&amp; \u2028\u2029 \u202e \x1b[31m [bold]x[/bold] \x00 | "
    "<img src=x onerror=hacked=1>"
)
"""Text that is markup, script, terminal escape, console markup, table syntax and line separator at once."""


def case(name: str, size: int = 6, kernel: int = 3, stride: int = 2, dilation: int = 1, **fields: Any) -> Record:
    """A case of rank 1 that asks for SAME."""
    pads = pads_by_rule("same", (size,), (kernel,), (stride,), (dilation,))
    record: Record = {
        "kind": "case",
        "id": name,
        "op": "conv",
        "rank": 1,
        "input": [size],
        "kernel": [kernel],
        "stride": [stride],
        "dilation": [dilation],
        "padding": "same",
        "pads": [list(pads[0])],
        "output": [-(-size // stride)],
        "batch": 1,
        "channels": 1,
        "filters": 1,
        "groups": 1,
        "bias": False,
        "dtype": "float32",
        "data": "lattice",
        "seed": 0,
        "since": "1.0",
        "where": "cases/made.yaml:7:5",
        "written": "- name: made\n  kernel: 3",
    }
    return {**record, **fields}


def result(about: Record, runner: str, variant: str, verdict: str = "match", gate: str = "", **fields: Any) -> Record:
    """A result of a case, at the gate as without expectations unless told."""
    outcomes = {"crash": "crashed", "timeout": "timed_out", "error": "raised", "unsupported": "unsupported"}
    ok = verdict in ("match", "hazard")
    record: Record = {
        "kind": "result",
        "case": about["id"],
        "runner": runner,
        "variant": variant,
        "outcome": outcomes.get(verdict, "not_run" if verdict == "not_run" else "completed"),
        "verdict": verdict,
        "causes": [],
        "gate": gate or ("ok" if ok else "regression"),
        "asked": about["pads"],
        "declared": about["pads"],
        "effective": about["pads"] if ok else None,
        "seconds": 0.001,
    }
    return {**record, **fields}


def mismatch(
    about: Record, runner: str = "torch", variant: str = "explicit", gate: str = "regression", **fields: Any
) -> Record:
    """A mismatch of ``case()`` by symmetric pads, with its numbers."""
    found = {
        "causes": ["symmetric-for-asymmetric"],
        "effective": [[1, 0]],
        "evidence": "pads (1,0) where (0,1) is asked for",
        "tried": 5,
        "code": "F.conv1d(x, weight, padding=1)",
        "difference": {
            "wrong": 2,
            "total": 3,
            "first": [0, 0, 1],
            "expected": 4.0,
            "got": -7.0,
            "largest": 11.0,
            "worst": [0, 0, 1],
        },
        "sample": {
            "expected_shape": [1, 1, 3],
            "got_shape": [1, 1, 3],
            "start": [0, 0, 0],
            "expected": [[[1, 4, 9]]],
            "got": [[[1, -7, 8]]],
        },
    }
    return result(about, runner, variant, "mismatch", gate, **{**found, **fields})


REMEDIED: Record = {
    "alternatives": [["pads-begin-only"], ["pad-amount", "bias-dropped"]],
    "separating": ["conv 3 · k 2 · s 2", ""],
    "rejected": ["pads-ignored", "kernel-flipped"],
    "fix": {"variant": "same", "code": "F.conv1d(F.pad(x, (0, 1)), weight)"},
}
"""What a mismatch of ``torch`` has where a variant of it is right, and other explanations fit as well."""


def run(folder: Path, *records: Record, planned: int | None = None, footer: Record | None = None, **header: Any) -> Run:
    """A journal of these cases and results, read back from a file; ``footer={}`` leaves the run unfinished."""
    results = [record for record in records if record["kind"] == "result"]
    runners = {each["runner"]: {"packages": {each["runner"]: "1.2.3"}, "control": ""} for each in results}
    first = {
        "kind": "header",
        "schema": 1,
        "planned": len(results) if planned is None else planned,
        "version": "0.1.0",
        "cases": "1.0",
        "started": "2026-01-01T00:00:00+00:00",
        "platform": "linux-x86_64",
        "runners": runners,
        "missing": {},
        **header,
    }
    lines = [first, *records]
    if footer != {}:
        lines.append({"kind": "footer", "seconds": 1.5, **(footer or {})})
    (folder / journal.NAME).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return journal.read(folder)


def varied(folder: Path) -> Run:
    """A run with one job of every ending, a negative control and a stale expectation."""
    one, two = case("made/one", title="One", source="a forum"), case("made/two", size=5)
    failure = {"message": "no such thing\nsecond line", "stage": "build", "exception": "ValueError"}
    known = {"where": "expectations/torch.yaml:5:5", "reason": "never read", "link": "https://example.org/1"}
    records = [
        one,
        two,
        result(one, "torch", "same"),
        result(two, "torch", "same", "unsupported", "known", failure=failure, expectation=known),
        mismatch(one, **REMEDIED),
        result(two, "torch", "explicit", "match", "fixed", expectation=known),
        result(
            one,
            "torch",
            "symmetric",
            "hazard",
            causes=["symmetric-for-asymmetric"],
            declared=[[1, 1]],
            effective=[[1, 0]],
        ),
        result(
            two,
            "keras",
            "same",
            "crash",
            failure={"message": "killed by SIGSEGV", "stage": "run", "stderr": "Segfault"},
        ),
        result(one, "keras", "same", "error", "changed", failure=failure, expectation=known),
        mismatch(one, "broken", "pads", "known", causes=["bias-dropped", "dilation-ignored"], expectation=known),
    ]
    header = {
        "torch": {"packages": {"torch": "2.4.0"}, "control": "", "variants": ["explicit", "same", "symmetric"]},
        "keras": {"packages": {"keras": "3.5"}, "control": ""},
        "broken": {"packages": {}, "control": "broken on purpose"},
    }
    stale = {
        "runner": "torch",
        "when": {"rank": 3},
        "verdict": "mismatch",
        "causes": ["layout"],
        "reason": "was so once",
        "where": "expectations/torch.yaml:9:5",
    }
    return run(folder, *records, runners=header, footer={"stale": [stale]}, missing={"tf1": "pip install tensorflow"})


def hostile(folder: Path) -> Run:
    """A run in which every text is hostile."""
    about = case(
        f"made/{HOSTILE}", title=HOSTILE, note=HOSTILE, source=HOSTILE, where=HOSTILE, written=HOSTILE, tags=[HOSTILE]
    )
    entry = {"where": HOSTILE, "reason": HOSTILE, "link": "javascript:hacked=1"}
    failure = {"message": HOSTILE + "x" * 10_000, "stage": "run", "exception": HOSTILE, "stderr": HOSTILE}
    return run(
        folder,
        about,
        mismatch(
            about,
            HOSTILE,
            HOSTILE,
            evidence=HOSTILE,
            code=HOSTILE,
            expectation=entry,
            alternatives=[[HOSTILE]],
            separating=[HOSTILE],
            rejected=[HOSTILE],
            geometry={HOSTILE: HOSTILE},
            fix={"variant": HOSTILE, "code": HOSTILE},
        ),
        result(about, "torch", "same", "crash", failure=failure, code=HOSTILE),
        result(about, "torch", "explicit", "mismatch", causes=[HOSTILE], alternatives=[[HOSTILE]]),
        runners={
            HOSTILE: {"packages": {HOSTILE: HOSTILE}, "control": HOSTILE},
            "torch": {"packages": {}, "control": ""},
        },
        missing={HOSTILE: HOSTILE},
        footer={
            "stale": [{"runner": HOSTILE, "when": {}, "verdict": "", "causes": [], "reason": HOSTILE, "where": HOSTILE}]
        },
    )
