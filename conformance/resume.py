"""What an interrupted run has recorded, where it is of the very run that is asked for now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from conformance import journal
from conformance.domain.records import Job, Key
from conformance.errors import InputError
from conformance.journal import NAME, Reader, Record


def recorded(folder: Path, header: Record, jobs: Iterable[Job]) -> dict[Key, str]:
    """The verdicts of the jobs that the journal of a folder has; those that were not run are missing.

    Without a journal there are none. Raises ``InputError``, which names what differs, where one of its
    results is not of these jobs: of the same case, runner, variant, versions and options.
    """
    if not (folder / NAME).exists():
        return {}
    reader = Reader(folder)
    refuse(reader.path, journal.differences(journal.settings(reader.header), journal.settings(header)))
    planned = {job.key: job for job in jobs}
    found: dict[Key, str] = {}
    checked: set[str] = set()
    for case, result in reader.results():
        key = journal.key_of(result)
        if key not in planned:
            refuse(reader.path, [f"{key[0]} in {key[1]}/{key[2]} has a result and is not planned"])
        if key[0] not in checked:
            checked.add(key[0])
            now = journal.case_record(planned[key].case)
            apart = journal.differences(journal.content(case), journal.content(now))
            refuse(reader.path, [f"{key[0]}: {each}" for each in apart])
        if result["verdict"] != "not_run":
            found[key] = result["verdict"]
    return found


def kept(folder: Path) -> Iterator[tuple[Record, Record]]:
    """The results that are kept, with their cases."""
    for case, result in Reader(folder).results():
        if result["verdict"] != "not_run":
            yield case, result


def refuse(path: Path, apart: Sequence[str]) -> None:
    """``InputError`` where anything differs."""
    if apart:
        raise InputError(
            f"not the run to resume: {journal.listed(apart)}; "
            "allowed: the same cases, runners, versions and options; try: without --resume",
            str(path),
        )
