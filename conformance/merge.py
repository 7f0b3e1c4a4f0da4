"""The journals of shards → one, as if one machine had run all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance import journal
from conformance.domain.records import Key
from conformance.errors import InputError
from conformance.journal import Reader, Record


def shards(folders: Sequence[Path], out: Path) -> list[Reader]:
    """The journals of all shards of one run, in their order.

    Raises ``InputError`` where one is no shard, is of another run (with what differs), comes twice or is missing,
    or where ``out`` is one of them.
    """
    found: dict[int, Reader] = {}
    for folder in folders:
        reader = Reader(folder)
        if "plan" not in reader.header:
            raise InputError("not a shard; allowed: what 'conformance run --shard I/N' wrote", str(reader.path))
        if reader.path.parent.resolve() == out.resolve():
            raise InputError(f"--out {out} is one of the runs; allowed: another folder")
        first = next(iter(found.values()), reader)
        apart = journal.differences(*(described(each.header) for each in (first, reader)))
        if apart:
            raise InputError(f"not of the same run as {first.path}: {journal.listed(apart)}", str(reader.path))
        index, _ = reader.header["selection"]["shard"]
        if index in found:
            raise InputError(f"shard {index} again, which {found[index].path} is", str(reader.path))
        found[index] = reader
    ordered = [found[index] for index in sorted(found)]
    planned = sum(int(reader.header["planned"]) for reader in ordered)
    if planned != ordered[0].header["plan"]["jobs"]:
        count = ordered[0].header["selection"]["shard"][1]
        missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in found]
        if missing:
            raise InputError(f"a shard is missing: {journal.listed(missing)}; allowed: all that have jobs")
        raise InputError(f"the shards have {planned:,} jobs; allowed: the {ordered[0].header['plan']['jobs']:,} of all")
    return ordered


def described(header: Record) -> Record:
    """What of a shard's header has to be equal; of the selection all but which part it is."""
    selection = {**header["selection"], "shard": header["selection"]["shard"][1]}
    return {**journal.settings(header), "selection": selection, "plan": header["plan"]}


def header(readers: Sequence[Reader]) -> Record:
    """The header of the whole run."""
    first = readers[0].header
    selection = {**first["selection"], "shard": [1, 1], "narrowed": first["plan"]["narrowed"]}
    started = min(reader.header["started"] for reader in readers)
    merged = {**first, "planned": first["plan"]["jobs"], "started": started, "selection": selection}
    return {name: value for name, value in merged.items() if name not in ("kind", "schema", "plan")}


def results(readers: Sequence[Reader]) -> Iterator[tuple[Record, Record]]:
    """All their results, with their cases."""
    seen: dict[Key, Path] = {}
    for reader in readers:
        for case, result in reader.results():
            key = journal.key_of(result)
            if key in seen:
                raise InputError(f"a result of {' '.join(key)}, of which {seen[key]} has one", str(reader.path))
            seen[key] = reader.path
            yield case, result
        reader.cases.clear()


def seconds(readers: Sequence[Reader]) -> float:
    """The time of the slowest shard, where they have come to their ends."""
    return max(float((reader.footer or {}).get("seconds", 0.0)) for reader in readers)
