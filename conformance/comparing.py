"""Two finished runs side by side: which jobs end otherwise, and by which causes.

Jobs are the same where identity and content of the case, runner and variant agree. ``now wrong``,
``changed for the worse`` and so on follow the order of verdicts, a wrong number without a word the worst:

====================== ==================================================================
kind                   when
====================== ==================================================================
now wrong              right, or a hazard, before; it fails now
changed for the worse  failed before, and fails now with a verdict that is worse
changed                another ending that is neither better nor worse: other causes or words
changed for the better failed before, and fails now with a verdict that is less bad
now right              failed before; right, or a hazard, now
changed case           the case is not what it was, so that its two endings say nothing
appeared, gone         a job of one of the runs alone
====================== ==================================================================
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conformance.domain.records import FAILURES, VERDICTS, Key
from conformance.journal import PEOPLES, Record, Run, alike_words, key_of, words

KINDS = (
    "now wrong",
    "changed for the worse",
    "changed",
    "changed for the better",
    "now right",
    "changed case",
    "appeared",
    "gone",
)
WORSE = KINDS[:2]

PEOPLE = (*PEOPLES, "tags", "since")
"""What of a case's record decides nothing about an output."""


@dataclass(frozen=True)
class Ending:
    """How a job ended: the verdict, and its causes or, where there is no output, the words of the failure."""

    verdict: str
    causes: tuple[str, ...] = ()
    words: str = ""

    @property
    def failing(self) -> bool:
        """Whether it is a defect, or no answer."""
        return self.verdict in FAILURES


@dataclass(frozen=True)
class Change:
    """Jobs of one runner that went from one ending to another; one of them is None where the jobs are of one run alone.

    ``why`` says what differs in a changed case, or what the other run lacks; ``example`` are the results of the
    first of the jobs in the two runs.
    """

    kind: str
    runner: str
    old: Ending | None
    new: Ending | None
    why: str
    jobs: tuple[Key, ...]
    example: tuple[Record | None, Record | None]

    @property
    def variants(self) -> Mapping[str, int]:
        """How many of the jobs each variant has."""
        return Counter(variant for _, _, variant in self.jobs)


@dataclass(frozen=True)
class Comparison:
    """What changed from one run to another, the worst first.

    ``verdicts`` and ``causes`` count the jobs that are the same in both, in the old run and in the new one;
    ``alike`` of them end alike.
    """

    old: Run
    new: Run
    alike: int
    verdicts: Mapping[str, tuple[int, int]]
    causes: Mapping[str, tuple[int, int]]
    changes: tuple[Change, ...]

    def count(self, *kinds: str) -> int:
        """How many jobs changed in one of these ways."""
        return sum(len(change.jobs) for change in self.changes if change.kind in kinds)

    @property
    def incomplete(self) -> tuple[Run, ...]:
        """Those of the two runs that did not come to their end."""
        return tuple(run for run in (self.old, self.new) if not run.complete)

    def __str__(self) -> str:
        from conformance.render import compared

        return compared.text(self)

    def __repr__(self) -> str:
        from conformance.render import compared

        return f"<{compared.sentence(self)}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    @property
    def status(self) -> int:
        """The exit status: 2 where a run is incomplete, 1 where something got worse."""
        return 2 if self.incomplete else int(self.count(*WORSE) > 0)


def compare(old: Run, new: Run) -> Comparison:
    """What changed from one run to another."""
    before = {key_of(result): result for result in old.results}
    after = {key_of(result): result for result in new.results}
    edited = {name: ", ".join(differing(old.cases[name], new.cases[name])) for name in old.cases.keys() & new.cases}
    alike, had, has = 0, Counter[str](), Counter[str]()
    groups: dict[tuple[str, str, Ending | None, Ending | None, str], list[Key]] = {}
    for job in {**before, **after}:
        one, other = before.get(job), after.get(job)
        was, now = ending(one) if one else None, ending(other) if other else None
        if was and now and edited[job[0]]:
            kind, why = "changed case", edited[job[0]]
        elif was and now:
            kind, why = moved(was, now), ""
            had.update((was.verdict, *was.causes))
            has.update((now.verdict, *now.causes))
        elif now:
            kind, why = "appeared", lacking(old, job)
        else:
            kind, why = "gone", lacking(new, job)
        if kind:
            groups.setdefault((kind, job[1], was, now, why), []).append(job)
        else:
            alike += 1
    changes = [Change(*group, tuple(jobs), (before.get(jobs[0]), after.get(jobs[0]))) for group, jobs in groups.items()]
    names = {name: (had[name], has[name]) for name in sorted({**had, **has})}
    verdicts = {name: names.pop(name) for name in VERDICTS if name in names}
    return Comparison(old, new, alike, verdicts, names, tuple(sorted(changes, key=importance)))


def ending(result: Record) -> Ending:
    """How a job ended, whatever sizes the words of a failure name."""
    return Ending(result["verdict"], tuple(result["causes"]), alike_words(words(result.get("failure") or {})))


def moved(was: Ending, now: Ending) -> str:
    """In which way an ending changed; empty where it did not."""
    if was == now:
        return ""
    if was.failing != now.failing:
        return "now wrong" if now.failing else "now right"
    step = VERDICTS.index(now.verdict) - VERDICTS.index(was.verdict) if now.failing else 0
    return "changed" if step == 0 else "changed for the worse" if step < 0 else "changed for the better"


def differing(one: Record, other: Record) -> Iterator[str]:
    """The fields in which two records of a case say something else to a runner."""
    yield from (name for name in {**one, **other} if name not in PEOPLE and one.get(name) != other.get(name))


def lacking(run: Run, job: Key) -> str:
    """What a run lacks of a job that it does not have."""
    if job[1] not in run.header.get("runners", {}):
        return "runner"
    return "variant" if job[0] in run.cases else "case"


def importance(change: Change) -> tuple[int, int, int, str]:
    """The worst kind first, then the worst ending, then what most jobs share."""
    last = change.new or change.old
    rank = VERDICTS.index(last.verdict) if last else 0
    return KINDS.index(change.kind), rank, -len(change.jobs), change.runner
