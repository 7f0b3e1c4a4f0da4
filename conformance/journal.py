"""The journal (``results.jsonl``): the truth of a run, from which everything else is rendered.

One JSON object a line: a ``header``; a ``case`` before the first result that names it; a ``result``
for each job; at the end a ``footer`` with the counts. Without a footer, or with fewer results than
planned, the run is incomplete. ``docs/journal.md`` describes each field.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from conformance.domain.case import OWN, Case
from conformance.domain.records import HOLDING, Judged
from conformance.errors import InputError

SCHEMA = 1
NAME = "results.jsonl"
FLUSH_EVERY = 64
"""Results that are written at a time."""

REQUIRED: dict[Any, tuple[str, ...]] = {
    "header": ("schema", "planned"),
    "case": ("id",),
    "result": ("case", "runner", "variant", "outcome", "verdict", "causes", "gate"),
    "footer": (),
}
"""The kinds of line, and the fields that each must have."""

Record = dict[str, Any]
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def case_record(case: Case) -> Record:
    """A case as the journal has it: the configuration, and where it comes from."""
    record: Record = {
        "kind": "case",
        "id": case.id,
        "op": case.op,
        "rank": case.rank,
        "input": case.input,
        "kernel": case.kernel,
        "stride": case.stride,
        "dilation": case.dilation,
        "padding": case.padding,
        "pads": case.pads,
        "output": case.output(case.pads),
        "batch": case.batch,
        "channels": case.channels,
        "filters": case.filters,
        "groups": case.groups,
        "bias": case.bias,
        "dtype": case.dtype,
        "data": case.data if isinstance(case.data, str) else type(case.data).__name__.lower(),
        "seed": case.seed,
        "since": case.since,
    }
    own = {name: _finite(value) for name, default in OWN.items() if (value := getattr(case, name)) != default}
    people = {"tags": case.tags, "title": case.title, "source": case.source, "note": case.note}
    people |= {"where": case.where, "written": case.written}
    return {**record, **own, **{name: value for name, value in people.items() if value}}


def result_record(judged: Judged) -> Record:
    """One job's line; the gate's result is still to come."""
    job, outcome, verdict = judged.job, judged.outcome, judged.verdict
    record: Record = {
        "kind": "result",
        "case": job.case.id,
        "runner": job.runner,
        "variant": job.variant,
        "outcome": outcome.kind,
        "verdict": verdict.kind,
        "causes": verdict.causes,
        "gate": "",
        "asked": job.case.pads,
        "declared": job.spelling.pads,
        "effective": verdict.effective,
        "seconds": round(outcome.seconds, 6),
    }
    if verdict.algorithm:
        record["algorithm"] = verdict.algorithm
    if not verdict.integral:
        record["inexact"] = True
    elif verdict.kind == "match" and not verdict.algorithm:
        return record
    record["code"] = job.spelling.code
    for name in ("evidence", "alternatives", "separating", "tried", "rejected", "geometry", "fix", "sample"):
        if getattr(verdict, name):
            record[name] = getattr(verdict, name)
    if verdict.difference:
        record["difference"] = {name: _finite(value) for name, value in asdict(verdict.difference).items()}
    if outcome.failure:
        record["failure"] = {name: value for name, value in asdict(outcome.failure).items() if value}
        if outcome.kind in ("raised", "unsupported"):  # what it printed says less than what it raised
            record["failure"].pop("stderr", None)
    return record


def words(failure: Mapping[str, Any]) -> str:
    """A failure in its own words: the exception and its message."""
    return ": ".join(filter(None, (failure.get("exception"), failure.get("message"))))


def alike_words(said: str) -> str:
    """The beginning of a failure's words, the same whatever sizes they name."""
    return re.sub(r"\d+(, ?\d+)*", "#", " ".join(said.split()))[:100]


def _finite(value: Any) -> Any:
    """A value that JSON has: what is not finite becomes text."""
    return str(value) if isinstance(value, float) and not isfinite(value) else value


class Writer:
    """Appends to a journal, in batches that reach the disk whole."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", errors="backslashreplace")
        self._lines: list[str] = []
        self._cases: set[str] = set()
        self.verdicts: Counter[str] = Counter()
        self.gates: Counter[str] = Counter()
        self._write({"kind": "header", "schema": SCHEMA, **header})
        self.flush()

    def result(self, case: Record, result: Record) -> None:
        """Write a job's result, its case first if it is new."""
        if case["id"] not in self._cases:
            self._cases.add(case["id"])
            self._write(case)
        self._write(result)
        self.verdicts[result["verdict"]] += 1
        self.gates[result["gate"]] += 1
        if len(self._lines) >= FLUSH_EVERY:
            self.flush()

    @property
    def written(self) -> int:
        """The results so far."""
        return self.gates.total()

    @property
    def failing(self) -> int:
        """Those of them that do not hold at the gate."""
        return self.written - sum(self.gates[gate] for gate in HOLDING)

    def footer(self, **counts: Any) -> None:
        """Write the last line; without it the run counts as incomplete."""
        self._write({"kind": "footer", "verdicts": dict(self.verdicts), "gates": dict(self.gates), **counts})

    def _write(self, record: Mapping[str, Any]) -> None:
        self._lines.append(_encode(record) + "\n")

    def flush(self) -> None:
        """Hand what is waiting to the operating system."""
        self._file.write("".join(self._lines))
        self._file.flush()
        self._lines.clear()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.flush()
        self._file.close()


@dataclass
class Run:
    """A run folder's journal, read back."""

    folder: Path
    header: Record
    cases: dict[str, Record] = field(default_factory=dict)
    results: list[Record] = field(default_factory=list)
    footer: Record | None = None

    @property
    def planned(self) -> int:
        """Jobs that the run set out to do."""
        return int(self.header["planned"])

    @property
    def complete(self) -> bool:
        """Whether every planned job ran and the run came to its end."""
        return (
            self.footer is not None
            and len(self.results) == self.planned
            and not any(result["verdict"] == "not_run" for result in self.results)
        )

    def case_of(self, result: Mapping[str, Any]) -> Record:
        """The case of a result."""
        return self.cases[result["case"]]


def read(folder: Path) -> Run:
    """The journal of a run folder; a line that was cut off at the end is left out.

    Raises ``InputError`` where there is no journal or it is not one of this schema.
    """
    path = folder / NAME if folder.is_dir() else folder
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"no journal there ({error.strerror}); allowed: a folder that 'conformance run' wrote", str(path)
        ) from error
    run: Run | None = None
    seen: set[tuple[str, str, str]] = set()
    for number, record in _records(text, path):
        kind = record.get("kind") if isinstance(record, dict) else None
        if run is None and (kind != "header" or record.get("schema") != SCHEMA):
            raise InputError(f"not a journal of schema {SCHEMA}", f"{path}:{number}:1")
        lacking = [name for name in REQUIRED.get(kind, ()) if name not in record]
        if kind not in REQUIRED or lacking:
            what = f"a {kind} without {', '.join(lacking)}" if lacking else f"kind {kind!r}"
            raise InputError(
                f"{what}; allowed: {', '.join(REQUIRED)} as docs/journal.md has them", f"{path}:{number}:1"
            )
        if kind == "header" and run is not None:
            raise InputError("a second header; allowed: one", f"{path}:{number}:1")
        if run is None:
            run = Run(path.parent, record)
        elif kind == "case":
            run.cases[record["id"]] = record
        elif kind == "result":
            key = (record["case"], record["runner"], record["variant"])
            if key in seen:
                raise InputError(f"a second result of {' '.join(key)}", f"{path}:{number}:1")
            seen.add(key)
            run.results.append(record)
        else:
            run.footer = record
    if run is None:
        raise InputError("an empty journal", f"{path}:1:1")
    return run


def _records(text: str, path: Path) -> Iterator[tuple[int, Record]]:
    *lines, _torn = text.split("\n")  # not splitlines: JSON text may hold other line separators
    for number, line in enumerate(lines, start=1):
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"not JSON: {error.msg}", f"{path}:{number}:{error.colno}") from error
