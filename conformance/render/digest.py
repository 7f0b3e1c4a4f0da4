"""What a run amounts to, computed once from its journal and shown by every renderer.

Nothing is decided here: verdicts, causes and gate results are the journal's; they are counted,
ordered and put into words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from conformance.domain.causes import ALGORITHMS, CAUSES
from conformance.domain.records import FAILURES, GATES, HOLDING, VERDICTS
from conformance.journal import Record, Run, alike_words, words
from conformance.render.plain import counted, one_line, printable

UNATTRIBUTED = "unattributed"
COMPUTED = "Computed otherwise than by a direct sum (accepted, and named)"
MEANINGS = {**CAUSES, **ALGORITHMS}
OF_VARIANT = itemgetter("runner", "variant", "verdict")
"""What of a result is counted together."""


@dataclass(frozen=True)
class Job:
    """One job as the reports show it: the journal's records and what is said about them."""

    case: Record
    result: Record
    control: bool
    line: str

    @property
    def id(self) -> str:
        """The case's identity."""
        return printable(self.result["case"])

    @property
    def runner(self) -> str:
        """The runner's name."""
        return printable(self.result["runner"])

    @property
    def variant(self) -> str:
        """The variant's name."""
        return printable(self.result["variant"])

    @property
    def where(self) -> str:
        """Runner and variant as people write them: ``torch/symmetric``."""
        return f"{self.runner}/{self.variant}"

    @property
    def anchor(self) -> str:
        """The job's permanent name within a report: ``case|runner|variant``."""
        return f"{self.id}|{self.runner}|{self.variant}"

    @property
    def verdict(self) -> str:
        """What its outcome means."""
        return str(self.result["verdict"])

    @property
    def gate(self) -> str:
        """What the gate says of it."""
        return str(self.result["gate"])

    @property
    def causes(self) -> tuple[str, ...]:
        """The named reasons of a wrong answer or a hazard."""
        return tuple(map(printable, self.result["causes"]))

    @property
    def algorithm(self) -> str:
        """The fast algorithm that explains it, or ``precision`` where sums of integers are not and none does."""
        return printable(self.result.get("algorithm") or ("precision" if self.result.get("inexact") else ""))

    @property
    def instead(self) -> str:
        """The variant to write instead, which was run and is right: ``torch/explicit``; empty where there is none."""
        fix = self.result.get("fix")
        return f"{self.runner}/{printable(fix['variant'])}" if fix else ""

    @property
    def holds(self) -> bool:
        """Whether the gate accepts it."""
        return self.gate in HOLDING

    @property
    def reason(self) -> str:
        """Why this was expected, where an expectation reaches the job."""
        return printable((self.result.get("expectation") or {}).get("reason", ""))


@dataclass(frozen=True)
class Cause:
    """A named cause, or the words of a refusal, with the jobs that it touches.

    ``controls`` of the ``jobs`` belong to negative controls; ``touches`` counts them per ``runner/variant``;
    ``example`` is the most important of them.
    """

    name: str
    meaning: str
    jobs: int
    controls: int
    touches: tuple[tuple[str, int], ...]
    example: Job

    @property
    def count(self) -> str:
        """How many jobs it touches, those of negative controls apart: ``14 jobs and 3 in negative controls``."""
        real = counted(self.jobs - self.controls, "job")
        return f"{real} and {self.controls:,} in negative controls" if self.controls else real


@dataclass(frozen=True)
class Finding:
    """The first of several jobs that ended alike, and how many there are."""

    job: Job
    alike: int


@dataclass(frozen=True)
class Runner:
    """A runner of the run with its versions; ``control`` says what is wrong with a negative control."""

    name: str
    packages: tuple[tuple[str, str], ...]
    control: str
    variants: tuple[str, ...]


@dataclass(frozen=True)
class Digest:
    """A run in numbers and words."""

    planned: int
    recorded: int
    complete: bool
    verdicts: Mapping[str, int]
    gates: Mapping[str, int]
    by_variant: Mapping[tuple[str, str], Mapping[str, int]]
    defects: tuple[Cause, ...]
    hazards: tuple[Cause, ...]
    refusals: tuple[Cause, ...]
    algorithms: tuple[Cause, ...]
    unattributed: int
    worst: tuple[Job, ...]
    findings: tuple[Finding, ...]
    runners: tuple[Runner, ...]
    missing: Mapping[str, str]
    stale: tuple[Record, ...]

    @property
    def not_run(self) -> int:
        """Jobs that never started, recorded as such or not recorded at all."""
        return self.verdicts["not_run"] + max(self.planned - self.recorded, 0)

    @property
    def holds(self) -> bool:
        """Whether the run is complete and every gate result holds."""
        return self.complete and not self.broken

    @property
    def broken(self) -> tuple[str, ...]:
        """What breaks the gate, counted: ``2 regressions``."""
        return tuple(_gate_words(gate, count) for gate, count in self.gates.items() if count and gate not in HOLDING)

    @property
    def sentence(self) -> str:
        """The run in one sentence."""
        shown = [_gate_words("regression", self.gates.get("regression", 0))]
        for gate, count in self.gates.items():
            if gate not in ("regression", "ok") and (count or gate == "known"):
                shown.append(_gate_words(gate, count))
        if self.verdicts["hazard"]:
            shown.append(counted(self.verdicts["hazard"], "hazard"))
        shown.append(f"{self.verdicts['match']:,} of {counted(self.planned, 'job')} match")
        shown.append(f"{self.not_run:,} did not run")
        if not self.complete:
            shown.insert(0, f"INCOMPLETE, {self.recorded:,} of {counted(self.planned, 'job')} recorded")
        return "; ".join(shown)

    @property
    def gate_line(self) -> str:
        """What the gate says of the run."""
        if not self.complete:
            also = f" (so far: {', '.join(self.broken)})" if self.broken else ""
            return f"The run is INCOMPLETE, so the gate does not hold{also}"
        return "The gate holds" if self.holds else f"The gate does not hold: {', '.join(self.broken)}"


def digest(run: Run) -> Digest:
    """Count, order and put into words what a journal holds."""
    controls = {name for name, about in run.header.get("runners", {}).items() if about.get("control")}
    verdicts: Counter[str] = Counter()
    by_variant: dict[tuple[str, str], Counter[str]] = {}
    for (runner, variant, verdict), count in Counter(map(OF_VARIANT, run.results)).items():
        verdicts[verdict] += count
        by_variant.setdefault((printable(runner), printable(variant)), Counter())[verdict] += count
    gates = Counter(result["gate"] for result in run.results)
    notable = [
        Job(run.case_of(result), result, result["runner"] in controls, explain(result))
        for result in run.results
        if not plain_match(result)
    ]
    worst = tuple(sorted(notable, key=importance))
    stale = tuple((run.footer or {}).get("stale", ()))
    gates["stale"] += len(stale)
    others = sorted(set(gates) - set(GATES))  # a gate result that this program does not know fails, and is shown
    return Digest(
        planned=run.planned,
        recorded=len(run.results),
        complete=run.complete,
        verdicts={verdict: verdicts[verdict] for verdict in VERDICTS},
        gates={gate: gates[gate] for gate in (*others, *GATES)},
        by_variant=by_variant,
        defects=_ranked((job, cause) for job in worst if job.verdict == "mismatch" for cause in job.causes),
        hazards=_ranked((job, cause) for job in worst if job.verdict == "hazard" for cause in job.causes),
        refusals=_refusals(worst),
        algorithms=_ranked((job, job.algorithm) for job in worst if job.algorithm),
        unattributed=sum(UNATTRIBUTED in job.causes for job in worst),
        worst=worst,
        findings=tuple(_findings(worst)),
        runners=tuple(_runners(run, by_variant)),
        missing={printable(name): printable(command) for name, command in run.header.get("missing", {}).items()},
        stale=stale,
    )


def plain_match(result: Mapping[str, object]) -> bool:
    """Whether there is nothing to say of a job: a match that the gate accepts, exact where it can be."""
    remarked = result.get("inexact") or result.get("algorithm")
    return result["verdict"] == "match" and result["gate"] == "ok" and not remarked


def importance(job: Job) -> tuple[int, bool, int]:
    """What people should look at first: what breaks the gate, then what is new, known, or a hazard.

    Among those negative controls come last, and a wrong number without a word first.
    """
    if not job.holds:
        rank = 0
    elif job.verdict in FAILURES:
        rank = 1 if job.gate == "new" else 2
    else:
        rank = 3
    return rank, job.control, VERDICTS.index(job.verdict)


def explain(result: Mapping[str, object]) -> str:
    """How a job ended, in one line."""
    record: Record = dict(result)
    if failure := record.get("failure"):
        where = f"stage {failure['stage']}" if failure.get("stage") else ""
        told = "; ".join(map(one_line, filter(None, (where, failure.get("again")))))
        return one_line(words(failure), 180) + (f" ({told})" if told else "")
    if record["verdict"] == "match":
        reason = (record.get("expectation") or {}).get("reason", "")
        return one_line("matches" + computed(record) + (f", against what is expected: {reason}" if reason else ""))
    parts = [record.get("evidence", ""), computed(record).removeprefix(", "), differing(record)]
    return "; ".join(filter(None, map(one_line, parts))) or one_line(", ".join(record["causes"])) or record["outcome"]


def computed(record: Record) -> str:
    """The remark on how an accepted output was computed, where no direct sum in its precision gives it."""
    algorithm = record.get("algorithm", "")
    if record.get("inexact"):
        within = f"within the bound of {algorithm}" if algorithm else "by no algorithm that is known (precision)"
        return f", though sums of integers are not integers: {within}"
    return f", outside the bound of a direct sum and within that of {algorithm}" if algorithm else ""


def differing(result: Mapping[str, object]) -> str:
    """How the output differs from the reference: its shape, or its first wrong number."""
    record: Record = dict(result)
    if where := record.get("difference"):
        return (
            f"expected {number(where['expected'])}, got {number(where['got'])} at {list(where['first'])}; "
            f"{where['wrong']:,} of {where['total']:,} elements differ, by up to {number(where['largest'])}"
        )
    sample = record.get("sample") or {}
    expected, got = sample.get("expected_shape", []), sample.get("got_shape", [])
    return f"shape {list(got)} where {list(expected)} is asked for" if expected != got else ""


def number(value: float | str) -> str:
    """A number as people write it: integers without a fraction."""
    if isinstance(value, str):
        return printable(value)
    return str(int(value)) if value == value and abs(value) < 1e15 and value == int(value) else f"{value:.6g}"


def _gate_words(gate: str, count: int) -> str:
    if gate == "regression":
        return counted(count, "regression")
    if gate == "stale":
        return counted(count, "stale expectation")
    return f"{count:,} {gate or 'without a gate result'}"


def _ranked(touched: Iterable[tuple[Job, str]]) -> tuple[Cause, ...]:
    """Causes by the number of jobs they touch, those of negative controls counting last."""
    jobs: dict[str, list[Job]] = {}
    for job, name in touched:
        jobs.setdefault(name, []).append(job)
    return tuple(sorted((_cause(name, MEANINGS.get(name, ""), found) for name, found in jobs.items()), key=_rank))


def _rank(cause: Cause) -> tuple[int, int, str, str]:
    return cause.controls - cause.jobs, -cause.jobs, cause.name, cause.meaning


def _cause(name: str, meaning: str, jobs: Sequence[Job]) -> Cause:
    touches = Counter(job.where for job in jobs)
    controls = {job.where for job in jobs if job.control}
    ordered = sorted(touches.items(), key=lambda touch: (touch[0] in controls, -touch[1], touch[0]))
    return Cause(name, meaning, len(jobs), sum(touches[where] for where in controls), tuple(ordered), jobs[0])


def _refusals(jobs: Iterable[Job]) -> tuple[Cause, ...]:
    """Jobs without an output, those with the same words together, whatever the sizes in them."""
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        if job.result.get("failure"):
            groups.setdefault((job.verdict, likeness(job)), []).append(job)
    found = (_cause(verdict, _words(alike[0], 140), alike) for (verdict, _), alike in groups.items())
    return tuple(sorted(found, key=_rank))


def _words(job: Job, limit: int) -> str:
    """A failure's exception and message."""
    return one_line(words(job.result.get("failure") or {}), limit)


def likeness(job: Job) -> str:
    """The beginning of a failure's words, the same whatever sizes it names."""
    return alike_words(_words(job, 500))


def _findings(worst: Iterable[Job]) -> Iterator[Finding]:
    """One job for each way of ending, in order of importance."""
    alike: dict[tuple[object, ...], list[Job]] = {}
    for job in worst:
        alike.setdefault((job.gate, job.verdict, job.runner, job.causes, likeness(job)), []).append(job)
    for jobs in alike.values():
        yield Finding(jobs[0], len(jobs))


def _runners(run: Run, by_variant: Iterable[tuple[str, str]]) -> Iterator[Runner]:
    """The runners in the header's order, with the variants that have results."""
    headers: dict[str, Record] = {printable(name): about for name, about in run.header.get("runners", {}).items()}
    found: dict[str, list[str]] = {name: [] for name in headers}
    for runner, variant in by_variant:
        found.setdefault(runner, []).append(variant)
    for name, variants in found.items():
        about = headers.get(name, {})
        order = dict.fromkeys([*map(printable, about.get("variants", ())), *variants])
        packages = about.get("packages", {}).items()
        yield Runner(
            name=name,
            packages=tuple((printable(package), printable(version)) for package, version in packages),
            control=printable(about.get("control") or ""),
            variants=tuple(variant for variant in order if variant in variants),
        )
