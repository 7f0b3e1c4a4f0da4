"""The whole design: one direction, each step a verb that takes records and returns records.

    case file ─► load ─► plan ─► execute ─► judge ─► attribute ─► gate ─► record ─► render

``execute`` to ``record`` are lazy: a job goes through all of them before the journal has it, and its
output array is dropped as soon as it is judged. ``attribute`` runs more jobs through ``execute`` where
it needs them: probes, and the variants that may be a fix.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance import __version__, expectations, gate, journal, merge, packaged, resume
from conformance import accept as accepting
from conformance import cases as case_files
from conformance import plan as planning
from conformance import shard as sharding
from conformance.domain.case import Case
from conformance.domain.records import HOLDING, Job, Judged, Key, Outcome
from conformance.errors import NothingSelectedError
from conformance.execute.local import Limits, LocalEngine
from conformance.expectations import Expectations, Known
from conformance.gate import Gate
from conformance.journal import Record, Run
from conformance.judge import Judge
from conformance.plan import Plan, Selected, Selection
from conformance.remedy import UNKNOWN, remedy
from conformance.render import notebook, summary_json
from conformance.render.digest import digest
from conformance.selection import select_cases
from conformance.strict_yaml import shown_path

WHOLE = (1, 1)
"""The only shard of a run that has no others."""


@dataclass(frozen=True)
class Options:
    """What a run is asked to do; the command line's options, under their names."""

    paths: tuple[Path, ...] = ()
    runners: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    expression: str = ""
    tags: tuple[str, ...] = ()
    expectations: tuple[Path, ...] = ()
    out: Path = Path("reports/latest")
    jobs: int = 0
    shard: tuple[int, int] = WHOLE
    timeout: float = Limits.job
    open_timeout: float = Limits.open
    build_timeout: float = 0.0
    memory: int = 0
    gpu: bool = False
    shuffle: int | None = None
    resume: bool = False
    strict_new: bool = False
    min_jobs: int = 0
    maxfail: int = 0
    last_failed: bool = False
    engine: str = "local"
    scheduler: str = ""


@dataclass(frozen=True)
class Finished:
    """A run that has come to its end, with what the gate says of it; shows itself, in a notebook as HTML.

    ``run`` has the journal's records: ``results``, one a job, ``cases`` by identity, ``header`` and ``footer``.
    """

    run: Run
    stale: tuple[Known, ...]
    report: Path
    interrupted: bool = False

    @property
    def status(self) -> int:
        """The exit status."""
        return gate.exit_status([result["gate"] for result in self.run.results], self.stale, self.run.complete)

    @property
    def holds(self) -> bool:
        """Whether the gate holds."""
        return self.status == 0

    @property
    def summary(self) -> Record:
        """What ``summary.json`` says: the counts, the causes and the jobs that break the gate."""
        return summary_json.summary(self.run, digest(self.run))

    def __repr__(self) -> str:
        found = digest(self.run)
        return f"<{found.sentence}; {found.gate_line}; {self.report}>"

    def _repr_html_(self) -> str:
        return notebook.fragment(digest(self.run), self.report)


def run(options: Options) -> Finished:
    """Run the selected cases through the selected runners, and write the run folder."""
    recorded, stale, interrupted = work_through(options)  # what it planned is forgotten before reports take memory
    return render(recorded, stale, interrupted)


def work_through(options: Options) -> tuple[Run, list[Known], bool]:
    """Run the selected cases through the selected runners, and write the journal.

    What that says, the expectations that reached nothing, and whether the run was interrupted.
    """
    selection = planning.select_runners(options.runners, options.require)
    with closing(engine(selection, options)) as workers:
        if options.engine == "local":
            workers.open()  # frameworks load while cases are read and planned
        jobs, header, judging = prepare(options, selection)
        recorded = resume.recorded(options.out, header, jobs) if options.resume else {}
        kept = decide_again(resume.kept(options.out), judging) if recorded else ()

        left = jobs.only(lambda job: job.key not in recorded) if recorded else jobs
        outcomes = execute(left, selection, options, workers)
        judged = judge(outcomes)
        explained = attribute(judged, selection, options, recorded, workers)
        records = decide(explained, judging)
        written, interrupted = record(records, header, judging, options.out, kept, options.maxfail)
        outcomes.close()  # what a run that was stopped still has on a cluster
    return written, judging.stale(), interrupted


def prepare(options: Options, selection: Selection) -> tuple[Plan, Record, Gate]:
    """What is to run, and the gate that it has to pass; no job has run when something in it is wrong."""
    cases = select_cases(case_files.load(options.paths), options.expression, options.tags)
    case_files.check_values(cases)
    known = expectations.load(options.expectations)
    plan = planning.plan(cases, selection, options.shuffle)
    jobs = plan
    if options.shard != WHOLE:
        own = sharding.part(plan, *options.shard)
        jobs = plan.only(lambda job: job.group in own)
    if options.last_failed:
        jobs = failed_last(jobs, options.out)
    if not jobs.total:
        raise NothingSelectedError(nothing_selected(cases, selection, plan.total))
    enough(jobs.total, options.min_jobs)
    header = describe(options, selection, jobs, plan)
    header["expectations"] = files(known, header)
    return jobs, header, Gate(known, header, today(), options.strict_new)


def execute(
    jobs: Iterable[Job], selection: Selection, options: Options, workers: LocalEngine | None = None
) -> Generator[tuple[Job, Outcome], None, None]:
    """Every job's outcome, from workers that run side by side: those of an engine that is open, or of one anew."""
    if options.engine == "local":
        return workers.run(jobs, stay=True) if workers else engine(selection, options).run(jobs)
    from conformance.execute.cluster import DaskEngine

    return DaskEngine(selection.specs, options.scheduler, options.jobs, limits(options)).run(jobs)


def engine(selection: Selection, options: Options) -> LocalEngine:
    """The engine of this machine."""
    return LocalEngine(selection.specs, options.jobs, limits(options))


def limits(options: Options) -> Limits:
    """What each worker may use."""
    seconds = options.open_timeout, options.timeout, options.build_timeout
    return Limits(*seconds, memory=options.memory << 20, gpu=options.gpu)


def judge(outcomes: Iterable[tuple[Job, Outcome]], judging: Judge | None = None) -> Iterator[Judged]:
    """Every outcome's verdict against the reference, with its causes."""
    judging = judging or Judge()
    for job, outcome in outcomes:
        verdict = judging.judge(job, outcome)
        kept = outcome.output if UNKNOWN in verdict.causes else None
        yield Judged(job, Outcome(outcome.kind, kept, outcome.failure, outcome.seconds), verdict)


def attribute(
    judged: Iterable[Judged],
    selection: Selection,
    options: Options,
    recorded: Mapping[Key, str],
    workers: LocalEngine | None = None,
) -> Iterator[Judged]:
    """Every verdict, the wrong ones with what to write instead, and probed where no hypothesis fits.

    Of jobs that are ``recorded`` already the verdict is enough.
    """

    def more(jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        return execute(jobs, selection, options, workers)

    return remedy(judged, recorded, selection.others, selection.like, more, judge)


def decide(judged: Iterable[Judged], judging: Gate) -> Iterator[tuple[Record, Record]]:
    """Every verdict's result at the gate: the case's record and the job's."""
    cases: dict[str, Record] = {}  # the journal keeps them as well
    for item in judged:
        case = cases.get(item.job.case.id)
        if case is None:
            case = cases[item.job.case.id] = journal.case_record(item.job.case)
        result = journal.result_record(item)
        yield case, decided(case, result, judging)


def decide_again(results: Iterable[tuple[Record, Record]], judging: Gate) -> Iterator[tuple[Record, Record]]:
    """Results of a journal, with their cases, at the gate as it is now."""
    for case, result in results:
        yield case, decided(case, result, judging)


def decided(case: Record, result: Record, judging: Gate) -> Record:
    """A job's record with the gate's result and the expectation that it comes from."""
    result.pop("expectation", None)
    result["gate"], entries = judging.judge(case, result)
    if entries:
        result["expectation"] = {
            "where": ", ".join(entry.where for entry in entries),
            "reason": " ".join(dict.fromkeys(entry.reason for entry in entries)),
            "link": next((entry.link for entry in entries if entry.link), ""),
        }
    return result


def record(
    records: Iterable[tuple[Record, Record]],
    header: Record,
    judging: Gate,
    out: Path,
    kept: Iterable[tuple[Record, Record]] = (),
    maxfail: int = 0,
    spent: float = 0.0,
) -> tuple[Run, bool]:
    """Write the journal as results come, after those that are ``kept``: what it says, and whether it was interrupted.

    That leaves it without its footer, and so do ``maxfail`` more results that do not hold, where
    more jobs are planned. ``spent`` are seconds that it took elsewhere. The reports of an earlier run go:
    this one may end without a chance to write its own.
    """
    from conformance import render as rendering

    out.mkdir(parents=True, exist_ok=True)
    rendering.remove(out)
    started = time.monotonic()
    with journal.Writer(out / journal.NAME, header, kept) as writer, suppress(KeyboardInterrupt):
        failed = writer.failing
        for case, result in records:
            writer.result(case, result)
            if 0 < maxfail <= writer.failing - failed and writer.written < header["planned"]:
                return writer.run, False
        writer.footer(
            stale=list(map(describe_entry, judging.stale())), seconds=round(spent + time.monotonic() - started, 3)
        )
        return writer.run, False
    return journal.read(out), True  # wherever the interrupt struck


def render(finished: Run, stale: Sequence[Known], interrupted: bool = False) -> Finished:
    """Write the reports of a run folder from what its journal says."""
    from conformance import render as rendering

    return Finished(finished, tuple(stale), rendering.write(finished, finished.folder), interrupted)


def join(folders: Sequence[Path], out: Path, known: Sequence[Path], strict_new: bool = False) -> Finished:
    """The runs of all shards as one run folder, judged and rendered as if one machine had run all."""
    shards = merge.shards(folders, out)
    header = merge.header(shards)
    loaded = expectations.load(known)
    header["expectations"] = files(loaded, header)
    judging = Gate(loaded, header, today(), strict_new)
    results = decide_again(merge.results(shards), judging)
    joined, _ = record((), header, judging, out, results, spent=merge.seconds(shards))
    return render(joined, judging.stale())


def judge_again(
    folder: Path, folders: Sequence[Path], min_jobs: int = 0, strict_new: bool = False
) -> tuple[Run, list[Known]]:
    """A finished run against expectations as they are now; the journal stays as it is."""
    finished = journal.read(folder)
    enough(finished.planned, min_jobs)
    known = expectations.load(folders)
    finished.header["expectations"] = files(known, finished.header)
    judging = Gate(known, finished.header, today(), strict_new)
    for result in finished.results:
        decided(finished.case_of(result), result, judging)
    stale = judging.stale()
    if finished.footer is not None:
        finished.footer["stale"] = list(map(describe_entry, stale))
    return finished, stale


def accept(
    folder: Path, target: Path, runners: Sequence[str] = (), folders: Sequence[Path] = ()
) -> list[accepting.Change]:
    """What has to change in a folder of expectations for a finished run's gate to hold.

    Where ``folders`` are given, a runner without a file in ``target`` keeps those in effect, if they hold.
    """
    finished = journal.read(folder)
    others = expectations.load([each for each in folders if each.is_dir()]) if folders else {}
    return accepting.accept(finished, target, today(), runners, others)


def failed_last(jobs: Plan, out: Path) -> Plan:
    """The jobs that did not hold in the run that ``out`` has; all where none of these did, or no run is there."""
    if not (out / journal.NAME).exists():
        return jobs
    failed = {journal.key_of(result) for result in journal.read(out).results if result["gate"] not in HOLDING}
    again = jobs.only(lambda job: job.key in failed)
    return again if again.total else jobs


def enough(jobs: int, wanted: int) -> None:
    """Raise ``NothingSelectedError`` where a run has next to nothing to say."""
    if jobs < wanted:
        raise NothingSelectedError(f"{jobs:,} of at least {wanted:,} jobs (--min-jobs); try: conformance list")


def nothing_selected(cases: Sequence[Case], selection: Selection, planned: int = 0) -> str:
    """Why there is no job, and what to try."""
    if planned:
        return f"no job is left for this shard: there are {planned} in all; try: fewer shards"
    if not cases:
        return "no case is selected; try: conformance list"
    if not selection.runners:
        return "no runner is installed; try: " + ", or ".join(dict.fromkeys(selection.missing.values()))
    return "no case applies to the selected variants; try: conformance list --runner NAME"


def describe(options: Options, selection: Selection, jobs: Plan, plan: Plan) -> Record:
    """The journal's header: what runs, in which versions, and what was left out; of a shard, what the whole is."""
    narrowed = any((options.paths, options.expression, options.tags, options.last_failed))
    part = options.shard != WHOLE
    whole = {"jobs": plan.total, "narrowed": narrowed, "fingerprint": sharding.fingerprint(plan)} if part else None
    return {
        "planned": jobs.total,
        "version": __version__,
        "cases": packaged.case_set_version(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": planning.platform_name(),
        "options": {
            name: getattr(options, name) for name in ("timeout", "open_timeout", "build_timeout", "memory", "gpu")
        },
        "selection": {
            "paths": [shown_path(path) for path in options.paths],
            "expression": options.expression,
            "tags": list(options.tags),
            "shard": list(options.shard),
            "narrowed": narrowed or part,
        },
        "runners": {name: describe_runner(chosen) for name, chosen in selection.runners.items()},
        "missing": selection.missing,
        **({"plan": whole} if whole else {}),
    }


def describe_runner(chosen: Selected) -> Record:
    """What the header says of a runner; nothing of what it does not have."""
    environ = {name: value for name, value in chosen.runner.environ.items() if name != "PYTHONPATH"}  # a place
    own = {"interpreter": chosen.runner.python, "environ": environ}
    return {
        "spec": chosen.spec,
        "where": chosen.where,
        "packages": chosen.packages,
        **{name: value for name, value in own.items() if value},
        "control": chosen.runner.control,
        "variants": list(chosen.variants),
        "narrowed": len(chosen.variants) < len(chosen.runner.variants),
    }


def files(known: Mapping[str, Expectations], header: Record) -> dict[str, str]:
    """Where the expectations of the run's runners are."""
    return {name: shown_path(Path(known[name].where)) for name in header["runners"] if name in known}


def describe_entry(entry: Known) -> dict[str, Any]:
    """An expectation as the journal's footer lists it."""
    names = ("runner", "when", "verdict", "causes", "reason", "where")
    return {name: getattr(entry, name) for name in names}


def today() -> str:
    """The date, as expectations write it."""
    return datetime.now(UTC).date().isoformat()
