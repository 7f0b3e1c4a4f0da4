"""What breaks the gate, with a place in the user's files: what annotations and SARIF show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from conformance.journal import Record, Run, key_of
from conformance.render.detail import command
from conformance.render.digest import Digest, Finding, Job, likeness
from conformance.render.plain import counted, one_line, printable


@dataclass(frozen=True)
class Place:
    """A line of a file; ``inside`` the folder that the run was started in, or elsewhere on that machine."""

    path: str
    line: int = 1

    @property
    def inside(self) -> bool:
        """Whether the path is one below that folder, as a checkout's paths are."""
        path = PurePath(self.path)
        return bool(self.path) and not path.is_absolute() and ".." not in path.parts


@dataclass(frozen=True)
class Problem:
    """Jobs that break the gate in the same way at the same place, or an expectation that reaches nothing.

    ``rule`` is the first of the causes, else the verdict, else the gate's result; ``key`` names the
    problem whatever cases show it; ``place`` is None where no file is known.
    """

    rule: str
    title: str
    message: str
    place: Place | None
    jobs: int
    key: tuple[str, ...]


def problems(run: Run, found: Digest) -> list[Problem]:
    """What breaks the gate, the most important first."""
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in found.worst:
        if not job.holds:
            at = place(run.header, job.result)
            groups.setdefault((at, job.gate, job.verdict, job.runner, job.causes, likeness(job)), []).append(job)
    return [*(_problem(run.header, Finding(jobs[0], len(jobs))) for jobs in groups.values()), *_stale(found)]


def place(header: Mapping[str, Record], result: Mapping[str, Record]) -> Place | None:
    """Where to look for a job: its expectation, else its runner's class, else its runner's expectations.

    What lies in the folder that the run was started in goes before what lies elsewhere.
    """
    runner = str(result["runner"])
    written = (
        (result.get("expectation") or {}).get("where", "").split(", ")[0],
        header.get("runners", {}).get(runner, {}).get("where", ""),
        header.get("expectations", {}).get(runner, ""),
    )
    places = [located(text) for text in written if text]
    return next((one for one in places if one.inside), places[0] if places else None)


def located(text: str) -> Place:
    """The place that ``file:line:column`` names."""
    path, *numbers = text.rsplit(":", 2)
    if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
        return Place(printable(path), max(int(numbers[0]), 1))
    return Place(printable(text))


def _problem(header: Mapping[str, Record], finding: Finding) -> Problem:
    job = finding.job
    causes = " + ".join(job.causes)
    if job.verdict == "mismatch" and job.causes:
        rule = job.causes[0]
    else:
        rule = job.gate if job.verdict in ("match", "hazard") else job.verdict
    lines = [
        f"{job.id} in {job.where}: {job.line}",
        f"and {counted(finding.alike - 1, 'job')} alike" if finding.alike > 1 else "",
        f"expected: {one_line(job.reason, 300)}" if job.reason else "",
        f"write instead: {job.instead}" if job.instead else "",
        command(header, *key_of(job.result)),
    ]
    return Problem(
        rule=rule,
        title=one_line(f"{job.gate}: {job.verdict}{' ' + causes if causes else ''} in {job.runner}"),
        message="\n".join(filter(None, lines)),
        place=place(header, job.result),
        jobs=finding.alike,
        key=(job.gate, job.verdict, job.runner, *job.causes, likeness(job)),
    )


def _stale(found: Digest) -> Iterator[Problem]:
    for entry in found.stale:
        runner, where, reason = (one_line(str(entry.get(name, "")), 300) for name in ("runner", "where", "reason"))
        yield Problem(
            rule="stale",
            title=one_line(f"stale: an expectation of {runner} reaches no job"),
            message=f"{where} reaches no job of this run ({reason}); drop it, or ask for what it was meant for",
            place=located(where) if where else None,
            jobs=0,
            key=("stale", runner, str(entry.get("when", "")), reason),
        )
