"""After the hypotheses: what a probe reads where none fits, and what to write instead.

A fix is a variant of the same runner that gave the right answer to the very same case, so it is
verified by having run. Variants that the run leaves out are run for it where they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from conformance import hypotheses, oracle, probe, separate
from conformance.domain.case import Case
from conformance.domain.geometry import canonical, pads_for, same_elements
from conformance.domain.records import Group, Job, Judged, Key, Outcome, Spelling, Verdict
from conformance.errors import InputError
from conformance.oracle import Reading
from conformance.probe import Found, Like

WRONG = ("mismatch", "hazard")
UNKNOWN = "unattributed"

Execute = Callable[[Sequence[Job]], Iterable[tuple[Job, Outcome]]]
Judging = Callable[[Iterable[tuple[Job, Outcome]]], Iterable[Judged]]
Others = Callable[[Job], Sequence[Job]]
"""A job's case in all variants of its runner, those that the run leaves out included."""


def remedy(
    judged: Iterable[Judged],
    recorded: Mapping[Key, str],
    others: Others,
    like: Like,
    execute: Execute,
    judging: Judging,
) -> Iterator[Judged]:
    """Every verdict, the wrong ones with a fix and after a probe where no hypothesis fits.

    ``recorded`` has the verdicts of the planned jobs that an earlier run has judged.
    A wrong one waits until all its siblings have ended; those that need more jobs come last.
    """
    told: dict[object, str] = {}
    groups: dict[Group, Ended] = {}
    waiting: list[tuple[Judged, list[Job]]] = []
    for item in judged:
        job = item.job
        ended = groups.setdefault(job.group, Ended())
        ended.add(item)
        if item.verdict.kind not in WRONG:
            yield item
        if len(ended.verdicts) < job.siblings:
            continue
        del groups[job.group]
        if not ended.wrong:
            continue
        every = others(job)
        ran = {other.variant: recorded.get(other.key) or ended.verdicts.get(other.variant) for other in every}
        first = next((other for other in every if ran[other.variant] == "match"), None)
        left = [other for other in every if not ran[other.variant]]
        for one in ended.wrong:
            instead, apart = fix(first) if first else None, separating(one.job, one.verdict, like, told)
            one = one._replace(verdict=one.verdict._replace(fix=instead, separating=apart))
            more = [] if first else untried(left)
            if UNKNOWN in one.verdict.causes or more:
                waiting.append((one, more))
            else:
                yield one
    yield from _more(waiting, like, execute, judging)


@dataclass
class Ended:
    """What has ended of a group: the verdicts by variant, and those of wrong outputs whole."""

    verdicts: dict[str, str] = field(default_factory=dict)
    wrong: list[Judged] = field(default_factory=list)

    def add(self, item: Judged) -> None:
        """One more."""
        self.verdicts[item.job.variant] = item.verdict.kind
        if item.verdict.kind in WRONG:
            self.wrong.append(item)


def untried(left: Iterable[Job]) -> list[Job]:
    """The variant that may be a fix: of those left out that declare what is asked for, one with numbers first."""
    declared = ((job, job.case.axes(job.spelling.pads, job.spelling.rounding)) for job in left)
    able = [job for job, over in declared if same_elements(over, job.case.asked)]
    return sorted(able, key=lambda job: job.spelling.by_rule)[:1]


def fix(job: Job) -> dict[str, str]:
    """What to write instead: a variant that gave the right answer."""
    return {"variant": job.variant, "code": job.spelling.code}


def separating(job: Job, verdict: Verdict, like: Like, told: dict[object, str]) -> tuple[str, ...]:
    """For each alternative the smallest case that would tell it from the causes named; ``told`` remembers them."""

    def write(case: Case) -> Spelling | None:
        other = like(job, case)
        return other.spelling if other else None

    found = []
    for causes in verdict.alternatives:
        kind = replace(job.case, id="", seed=0, input=(), tags=())
        key = (job.runner, job.variant, kind, verdict.causes, causes)
        if key not in told:
            small = separate.smallest(job.case, write, verdict.causes, causes)
            told[key] = small.describe() if small else ""
        found.append(told[key])
    return tuple(found) if any(found) else ()


def _more(
    waiting: Sequence[tuple[Judged, Sequence[Job]]], like: Like, execute: Execute, judging: Judging
) -> Iterator[Judged]:
    """The verdicts that wait for more jobs: other variants, which may be a fix, and probes."""
    if not waiting:
        return
    fixes = {other.key: other for _, others in waiting for other in others}
    right: dict[Group, Job] = {}
    for item in judging(execute(list(fixes.values()))):
        if item.verdict.kind == "match":
            right.setdefault(item.job.group, item.job)
    probes = {item.job.key: probe_jobs(item.job, like) for item, _ in waiting if UNKNOWN in item.verdict.causes}
    outcomes = {job.key: outcome for job, outcome in execute([job for several in probes.values() for job in several])}
    for item, _ in waiting:
        verdict, job = item.verdict, item.job
        if job.key in probes:
            several = probes[job.key]
            verdict = probed(job, verdict, item.outcome, probe.read(several, outcomes) if several else None)
        instead = right.get(job.group)
        if instead and verdict.fix is None:
            verdict = verdict._replace(fix=fix(instead))
        yield Judged(job, item.outcome._replace(output=None), verdict)


def probe_jobs(job: Job, like: Like) -> list[Job]:
    """The probes of a job; none where it cannot be probed."""
    try:
        return probe.jobs(job, like)
    except InputError:
        return []


def probed(job: Job, verdict: Verdict, outcome: Outcome, found: Found | Outcome | None) -> Verdict:
    """A verdict with what its probe says: causes where all that differs has a name, else what differs."""
    if not isinstance(found, Found):
        return verdict._replace(evidence=f"{verdict.evidence}; no probe could be run")
    if found.problem:
        return verdict._replace(evidence=f"{verdict.evidence}; the probe: no such geometry: {found.problem}")
    if found.reading is None:
        known = "pad-mode" if job.case.op == "pad" else UNKNOWN
        told = tuple(known if cause == UNKNOWN else cause for cause in verdict.causes)
        return verdict._replace(causes=told, evidence=f"{verdict.evidence}; read by a probe: {probe.nameless(found)}")
    reading = stretched(found, job.case, outcome)
    asked = oracle.reading(job.case, job.case.pads)
    evidence = f"read by a probe: {hypotheses.explain(job.case, asked, reading)}"
    causes = name(job.case, job.spelling, reading)
    if reading.output_shape(job.case) != outcome.output.shape or not causes:
        return verdict._replace(evidence=f"{verdict.evidence}; {evidence}, which is not this output")
    return verdict._replace(
        causes=causes,
        evidence=evidence,
        effective=canonical(reading.axes(job.case)),
        geometry=hypotheses.changed(asked, reading),
    )


def stretched(found: Found, case: Case, outcome: Outcome) -> Reading:
    """The reading of a probe at the case's own size: its end pads are what the outputs need."""
    assert found.reading is not None
    reading = found.reading
    if found.case.input == case.input:
        return reading
    return reading._replace(pads=pads_for(reading.axes(case), outcome.output.shape[2:]))


def name(case: Case, spelling: Spelling, how: Reading) -> tuple[str, ...]:
    """The causes of a reading, in the order of the closed list; unknown where something that differs has no name.

    A dilation or stride that no window of this case tells is not compared.
    """
    asked = oracle.declared(case, spelling)
    over = how.axes(case)
    fill = asked.fill if how.fill == asked.fill else 0.0  # any other value has the same name
    for causes, changed in hypotheses.changes(case, asked):
        alike = changed._replace(pads=how.pads)
        if how._replace(stride=changed.stride, dilation=changed.dilation, fill=fill) != alike:
            continue
        if same_elements(over, alike.axes(case)):
            named = (
                some
                for some, pads in hypotheses.paddings(case, spelling, changed)
                if same_elements(over, changed._replace(pads=pads).axes(case))
            )
            together = (*next(named, (hypotheses.AMOUNT,)), *causes)
            return tuple(sorted(together, key=hypotheses.ORDER.__getitem__))
    return (UNKNOWN,)
