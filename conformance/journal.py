"""The journal (``results.jsonl``): the truth of a run, from which everything else is rendered.

One JSON object a line: a ``header``; a ``case`` before the first result that names it; a ``result``
for each job; at the end a ``footer`` with the counts. Each line ends with its checksum. Without a
footer, or with fewer results than planned, the run is incomplete. ``docs/journal.md`` describes each field.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from io import FileIO
from itertools import islice
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any
from zlib import crc32

from conformance.domain.case import OWN, Case, Written
from conformance.domain.geometry import KEPT
from conformance.domain.records import HOLDING, Judged, Key
from conformance.errors import InputError
from conformance.files import beside, sweep

SCHEMA = 1
NAME = "results.jsonl"
FLUSH_EVERY = 64
"""Lines that wait at most; none waits longer than ``FLUSH_AFTER`` seconds while more come."""
FLUSH_AFTER = 1.0

LISTED = 5
"""Differences that an error names."""

READ_AT_ONCE = 256
"""Lines that are read together, which takes a third of the time."""

REQUIRED: dict[Any, tuple[str, ...]] = {
    "header": ("schema", "planned"),
    "case": ("id",),
    "result": ("case", "runner", "variant", "outcome", "verdict", "causes", "gate"),
    "footer": (),
}
"""The kinds of line, and the fields that each must have."""

PEOPLES = ("title", "source", "note", "where", "written")
"""The fields of a case that only people read: two cases are the same where all others are equal."""

SUM = ',"crc":"%08x"}'
"""How a line ends."""
SUM_LENGTH = len(SUM % 0)
SUMMED = re.compile(rb',"crc":"([0-9a-f]{8})"\}$')

PLAIN = frozenset((str, int, bool, type(None)))
"""The types of which a journal gives back what it was given."""

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
    if isinstance(case.data, Written):
        record["values"] = f"{crc32(_encode(case.to_wire()['data']).encode()):08x}"
    fields = vars(case)
    own = {name: fields[name] for name, default in OWN.items() if fields[name] != default}
    said = {name: value for name in ("tags", *PEOPLES) if (value := getattr(case, name))}
    return plain({**record, **own, **said})


def content(case: Mapping[str, Any]) -> Record:
    """What a case's record says besides what only people read."""
    return {name: value for name, value in case.items() if name not in PEOPLES}


def settings(header: Mapping[str, Any]) -> Record:
    """What of a run's header its results depend on; where a runner's class lies is not of it."""
    names = ("version", "cases", "platform", "options", "selection")
    runners = {
        runner: {name: value for name, value in about.items() if name != "where"}
        for runner, about in header.get("runners", {}).items()
    }
    return {**{name: header.get(name) for name in names}, "runners": runners}


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What two records do not have in common: ``runners.torch.packages.torch is 2.13.0, was 2.12.1``."""
    before, after = (dict(_leaves(record)) for record in (was, now))
    names = dict.fromkeys([*before, *after])
    return [
        f"{name} is {after.get(name, 'missing')}, was {before.get(name, 'missing')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def listed(apart: Sequence[str]) -> str:
    """Differences as an error names them: the first few, and how many more there are."""
    more = f"; and {len(apart) - LISTED} more" if len(apart) > LISTED else ""
    return "; ".join(apart[:LISTED]) + more


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, _encode(value)


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
        return plain(record)
    record["code"] = job.spelling.code
    for name in ("evidence", "alternatives", "separating", "tried", "rejected", "geometry", "fix", "sample"):
        if getattr(verdict, name):
            record[name] = getattr(verdict, name)
    if verdict.difference:
        record["difference"] = asdict(verdict.difference)
    if outcome.failure:
        record["failure"] = {name: value for name, value in asdict(outcome.failure).items() if value}
        if outcome.kind in ("raised", "unsupported"):  # what it printed says less than what it raised
            record["failure"].pop("stderr", None)
    return plain(record)


def plain(record: Mapping[str, Any]) -> Record:
    """A record as a journal gives it back: lists for tuples, and text for what is not finite."""
    return {name: value if type(value) in PLAIN else _plain(value) for name, value in record.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return _list(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, list):
        return list(map(_plain, value))
    return plain(value) if isinstance(value, dict) else value


@lru_cache(maxsize=KEPT)
def _list(values: tuple[Any, ...]) -> list[Any]:
    """Sizes, pads and names as a list; equal ones are the same object."""
    return list(map(_plain, values))


def key_of(result: Mapping[str, Any]) -> Key:
    """What names the job of a result."""
    return result["case"], result["runner"], result["variant"]


def words(failure: Mapping[str, Any]) -> str:
    """A failure in its own words: the exception and its message."""
    return ": ".join(filter(None, (failure.get("exception"), failure.get("message"))))


def alike_words(said: str) -> str:
    """The beginning of a failure's words, the same whatever sizes they name."""
    return re.sub(r"\d+(, ?\d+)*", "#", " ".join(said.split()))[:100]


@dataclass
class Run:
    """What a run folder's journal says: as it was written, or read back, which is the same."""

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


class Writer:
    """Appends to a journal, in batches that reach the operating system whole.

    The journal takes the place of the one before it with its header and the results that are ``kept``,
    cases and results, already in it. ``run`` is what it says so far. ``InputError`` where another run is writing there.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], kept: Iterable[tuple[Record, Record]] = ()) -> None:
        self._lines: list[bytes] = []
        self._flushed = time.monotonic()
        self.run = Run(path.parent, plain({"kind": "header", "schema": SCHEMA, **header}))
        self.verdicts: Counter[str] = Counter()
        self.gates: Counter[str] = Counter()
        with _alone(path), beside(path) as side:
            self._file = side.open("wb", buffering=0)
            try:
                _hold(self._file, path)
                self._write(self.run.header)
                for case, result in kept:
                    self.result(case, result)
                self.flush()
            except BaseException:
                self._file.close()
                raise

    def result(self, case: Record, result: Record) -> None:
        """Write a job's result, its case first if it is new."""
        if case["id"] not in self.run.cases:
            self.run.cases[case["id"]] = case
            self._write(case)
        self.run.results.append(result)
        self._write(result)
        self.verdicts[result["verdict"]] += 1
        self.gates[result["gate"]] += 1
        if len(self._lines) >= FLUSH_EVERY or time.monotonic() - self._flushed > FLUSH_AFTER:
            self.flush()

    @property
    def written(self) -> int:
        """The results so far."""
        return len(self.run.results)

    @property
    def failing(self) -> int:
        """Those of them that do not hold at the gate."""
        return self.written - sum(self.gates[gate] for gate in HOLDING)

    def footer(self, **counts: Any) -> None:
        """Write the last line; without it the run counts as incomplete."""
        self.run.footer = plain({"kind": "footer", "verdicts": self.verdicts, "gates": self.gates, **counts})
        self._write(self.run.footer)

    def _write(self, record: Mapping[str, Any]) -> None:
        self._lines.append(line(record))

    def flush(self) -> None:
        """Hand what is waiting to the operating system, in one piece; what an interrupt stops here waits no longer."""
        waiting, self._lines = memoryview(b"".join(self._lines)), []
        self._flushed = time.monotonic()
        while waiting:
            waiting = waiting[self._file.write(waiting) :]

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.flush()
        self._file.close()


def line(record: Mapping[str, Any]) -> bytes:
    """A record as the journal has it: JSON whose last member is the checksum (CRC-32) of the JSON without it."""
    from pydantic_core import to_json  # a fourth of json's time, and loaded in every run

    try:
        text = to_json(record, inf_nan_mode="strings")
    except ValueError:  # half a surrogate pair, from the name of a file
        text = _encode(record).encode("utf-8", "backslashreplace")
    return b"%s%s\n" % (text[:-1], (SUM % crc32(text)).encode())


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While no other run writes this journal; what a killed one left beside it is gone."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(FileNotFoundError):
            _hold(stack.enter_context(path.open("rb", buffering=0)), path)
        sweep(path.parent, path.name)
        yield


def _hold(file: FileIO, path: Path) -> None:
    """Hold a journal until it is closed, or its process is gone; where there are no locks, nothing is held."""
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError("another run is writing there; allowed: one at a time", str(path)) from error
        except OSError:  # a file system without them
            return


class Reader:
    """A journal as a stream: its header at once, then ``results``, and after them its footer.

    ``cases`` are those that have come so far. A line that was cut off at the end is left out. Raises
    ``InputError`` where there is no journal, it is not one of this schema, or a line is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME if folder.is_dir() else folder
        self.cases: dict[str, Record] = {}
        self.footer: Record | None = None
        self._records = _records(self.path)
        number, self.header = next(self._records, (1, {}))
        if not self.header:
            raise InputError("an empty journal", f"{self.path}:1:1")
        if self.header.get("kind") != "header" or self.header.get("schema") != SCHEMA:
            raise InputError(f"not a journal of schema {SCHEMA}", f"{self.path}:{number}:1")

    def results(self) -> Iterator[tuple[Record, Record]]:
        """Every result with its case."""
        seen: set[Key] = set()
        for number, record in self._records:
            kind, place = record["kind"], f"{self.path}:{number}:1"
            if self.footer is not None:
                raise InputError("a line after the footer; allowed: none", place)
            if kind == "result":
                key = key_of(record)
                if key in seen:
                    raise InputError(f"a second result of {' '.join(key)}", place)
                if key[0] not in self.cases:
                    raise InputError(f"a result of {key[0]}, a case that no line before it has", place)
                seen.add(key)
                yield self.cases[key[0]], record
            elif kind == "case":
                self.cases[record["id"]] = record
            elif kind == "footer":
                self.footer = record
            else:
                raise InputError("a second header; allowed: one", place)


def read(folder: Path) -> Run:
    """The whole journal of a run folder; raises what ``Reader`` does."""
    reader = Reader(folder)
    results = [result for _, result in reader.results()]
    return Run(reader.path.parent, reader.header, reader.cases, results, reader.footer)


def _records(path: Path) -> Iterator[tuple[int, Record]]:
    """The records of a journal with their lines' numbers; equal values in them are the same objects."""
    texts: dict[str, str] = {}
    lists: dict[str, list[Any]] = {}
    for number, record in _decoded(path):
        kind = str(record.get("kind")) if isinstance(record, dict) else None
        lacking = [name for name in REQUIRED.get(kind, ()) if name not in record]
        if kind not in REQUIRED or lacking:
            what = f"a {kind} without {', '.join(lacking)}" if lacking else f"kind {kind!r}"
            place = f"{path}:{number}:1"
            if number == 1:
                raise InputError(f"not a journal of schema {SCHEMA}: {what}", place)
            raise InputError(f"{what}; allowed: {', '.join(REQUIRED)} as docs/journal.md has them", place)
        record.pop("crc", None)
        for name, value in record.items():
            if type(value) is str:
                record[name] = texts.setdefault(value, value)
            elif type(value) is list and len(value) <= 3:  # sizes and pads, one for each axis
                record[name] = lists.setdefault(repr(value), value)
        yield number, record


def _decoded(path: Path) -> Iterator[tuple[int, Any]]:
    """What the lines of a journal say, many lines at a time."""
    lines = _lines(path)
    while batch := list(islice(lines, READ_AT_ONCE)):
        first = batch[0][0]
        try:
            records = json.loads(b"[%s]" % b",".join(text for _, text in batch))
        except ValueError:
            records = []
        if len(records) != len(batch):
            records = [_value(text, f"{path}:{number}") for number, text in batch]
        yield from enumerate(records, first)


def _value(text: bytes, place: str) -> Any:
    try:
        return json.loads(text.decode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", f"{place}:{error.colno}") from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a journal with their numbers, each held against its checksum.

    In a journal of a version before checksums, which then has none anywhere, nothing is.
    """
    summed = None
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if not text.endswith(b"\n"):
                    return
                text = text[:-1]
                given = SUMMED.search(text, max(len(text) - SUM_LENGTH, 0))
                if summed is None:
                    summed = given is not None
                if summed != (given is not None):
                    has = "no checksum" if summed else "a checksum"
                    raise InputError(f"a damaged line: it has {has}, unlike the first line", f"{path}:{number}:1")
                if given and int(given[1], 16) != crc32(b"}", crc32(text[:-SUM_LENGTH])):
                    raise InputError("a damaged line: its text does not have its checksum", f"{path}:{number}:1")
                yield number, text
    except OSError as error:
        raise InputError(
            f"no journal there ({error.strerror}); allowed: a folder that 'conformance run' wrote", str(path)
        ) from error


def results_of(run: Run, case: Case, runner: str) -> list[Record]:
    """What a run says of a case in a runner; ``InputError`` where it says nothing, or of another case of that name."""
    found = [result for result in run.results if (result["case"], result["runner"]) == (case.id, runner)]
    if not found:
        raise InputError(f"no result of {case.id} in {runner}; allowed: one of this run's", str(run.folder))
    apart = differences(content(run.cases[case.id]), content(case_record(case)))
    if apart:
        raise InputError(f"{case.id}: {listed(apart)}; allowed: the case as it was run", str(run.folder))
    return found
