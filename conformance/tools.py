"""The tools beside a run, composed of the pipeline's steps: attended runs, probe, reproduce, exhaust, fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from conformance import fixing, journal, reproduction
from conformance import plan as planning
from conformance import probe as probing
from conformance.domain.case import Case
from conformance.domain.geometry import Sizes
from conformance.domain.records import Job, Key, Outcome
from conformance.errors import NothingSelectedError
from conformance.execute.local import Limits, Standing
from conformance.exhaust import Count, Counterexample, Scope, executions
from conformance.journal import Record
from conformance.judge import Judge
from conformance.pipeline import Options, attribute, decide, engine, execute, judge, nothing_selected, prepare
from conformance.plan import Selection
from conformance.probe import Found
from conformance.probing import describe as describe_probe
from conformance.remedy import remedy
from conformance.reproduction import Reproduction


class Attended:
    """A run whose results are asked for one by one; its workers stay until it is closed.

    For a test runner, which has an order, a selection and a report of its own.
    """

    def __init__(self, options: Options) -> None:
        self._selection = planning.select_runners(options.runners, options.require)
        self.jobs, self.header, self._gate = prepare(options, self._selection)
        self._come: dict[object, Outcome] = {}
        self._judge = Judge()
        self._engine = Standing(engine(self._selection, options))
        self.expect, self.close = self._engine.expect, self._engine.close

    def _execute(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        self.expect(jobs)
        return ((job, self._outcome(job)) for job in jobs)

    def _outcome(self, job: Job) -> Outcome:
        while job.key not in self._come:
            other, outcome = self._engine.next()
            self._come[other.key] = outcome
        return self._come.pop(job.key)

    def result(self, job: Job) -> tuple[Record, Record]:
        """The records of a job that is expected, its case's and its own."""
        judging = partial(judge, judging=self._judge)
        judged = judging([(job._replace(siblings=1), self._outcome(job))])
        explained = remedy(judged, {}, self._selection.others, self._selection.like, self._execute, judging)
        return next(decide(explained, self._gate))


def probe(case: Case, runners: Sequence[str], timeout: float) -> Iterator[tuple[Job, Found | Outcome]]:
    """What each selected variant that applies really does with a case; its outcome where it gives no output.

    Where that is no geometry, the same of the smallest input with which it is none.
    """
    selection = planning.select_runners(runners)
    jobs = list(planning.plan([case], selection))
    if not jobs:
        raise NothingSelectedError(nothing_selected([case], selection))
    for job, found in zip(jobs, read(jobs, selection, timeout), strict=True):
        if isinstance(found, Found) and found.problem:
            others = [other for small in probing.smaller(case) if (other := selection.like(job, small))]
            smaller = read(others, selection, timeout)
            found = next((one for one in smaller if isinstance(one, Found) and one.problem), found)
        yield job, found


def reproduce(case: Case, pattern: str, folder: Path | None, timeout: float = Limits.job) -> Reproduction:
    """A job with its verdict, run here or found in a run folder; of several variants the one that ends worst."""
    runner, jobs = planning.jobs_of(case, pattern)
    if folder is None:
        selection = planning.select_runners([pattern])
        options = Options(timeout=timeout)
        judged = attribute(judge(execute(jobs, selection, options)), selection, options, {})
        records = [journal.result_record(item) for item in judged]
        packages = selection.runners[runner.name].packages
    else:
        finished = journal.read(folder)
        records = journal.results_of(finished, case, runner.name)
        packages = finished.header["runners"][runner.name]["packages"]
    return reproduction.worst(jobs, records, runner, packages)


def read(jobs: Sequence[Job], selection: Selection, timeout: float) -> list[Found | Outcome]:
    """What a probe says of each job; the outcome where there is no output to read."""
    probes = [probing.jobs(job, selection.like) for job in jobs]
    asked = [probe for several in probes for probe in several]
    outcomes = {job.key: outcome for job, outcome in execute(asked, selection, Options(timeout=timeout))}
    return [probing.read(several, outcomes) for several in probes]


def exhaust(scope: Scope, runners: Sequence[str], jobs: int = 0, timeout: float = Limits.job) -> Count:
    """Every small geometry through the selected variants; an interrupt leaves the count incomplete."""
    selection = planning.select_runners(runners)
    answered: dict[Key, list[Job]] = {}

    def planned() -> Iterator[Job]:
        for several in executions(scope.cases(), lambda case: list(planning.plan([case], selection))):
            answered[several[0].key] = several
            yield several[0]

    found, judging = Count(), Judge()
    try:
        for job, outcome in execute(planned(), selection, Options(jobs=jobs, timeout=timeout)):
            found.add(answered.pop(job.key), outcome, judging.judge)
    except KeyboardInterrupt:
        found.complete = False
    if not found.rows and found.complete:
        raise NothingSelectedError("no geometry applies to the selected variants; try: conformance list --runner NAME")
    for row in found.rows.values():
        if row.smallest:
            row.smallest = explain(row.smallest, judging)
    return found


def explain(found: Counterexample, judging: Judge) -> Counterexample:
    """A counterexample with its causes and what its output, a probe's, says."""
    job, outcome = found.job, found.outcome
    read = probing.conclude([job.case], [outcome.output]) if outcome.kind == "completed" else outcome
    return replace(found, verdict=judging.judge(job, outcome), text=describe_probe(job, read)[0])


def fix(
    path: Path, out: Path, target: str, shapes: Mapping[str, Sizes], external: bool, timeout: float = Limits.job
) -> tuple[fixing.Plan, list[fixing.Proof]]:
    """Rewrite an ONNX model's padding and prove every rewritten node; the file is written where all proofs hold."""
    planned = fixing.prepare(path, target, shapes, external, out)
    with fixing.workbench(planned) as (selection, jobs, names):
        probes = {job.key: fixing.probed(job, selection) for job in jobs}
        asked = [*jobs, *(probe for several in probes.values() for probe in several)]
        outcomes = {job.key: outcome for job, outcome in execute(asked, selection, Options(timeout=timeout))}
    proofs = fixing.prove(planned, names, jobs, probes, outcomes, Judge().judge, describe_probe)
    if all(proof.holds for proof in proofs):
        fixing.write(planned, out)
    return planned, proofs
