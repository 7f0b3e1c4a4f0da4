"""Cases × variants → jobs, for the runners that are selected and installed."""

from __future__ import annotations

import inspect
import random
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from threading import Lock

from conformance import environments, runners
from conformance.domain.case import Case, spell_padding
from conformance.domain.geometry import AnyAxis
from conformance.domain.limits import excess
from conformance.domain.records import Job, Spelling
from conformance.errors import InputError
from conformance.runners.contract import Runner
from conformance.strict_yaml import shown_path

PARSING = Lock()
"""To find a class, Python parses its file, and 3.11 counts wrong where two threads do so (gh-106905)."""


@dataclass(frozen=True)
class Selected:
    """A runner that takes part: where its class is, and which of its variants."""

    spec: str
    runner: Runner
    variants: tuple[str, ...]
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The ``file:line:column`` of its author's class; empty where that has no source."""
        own = next(kind for kind in type(self.runner).__mro__ if kind.__module__ != runners.__name__)
        try:
            with PARSING:
                return f"{shown_path(Path(inspect.getfile(own)))}:{inspect.getsourcelines(own)[1]}:1"
        except (OSError, TypeError):
            return ""


@dataclass(frozen=True)
class Selection:
    """The runners that take part, by name, and how to install those that are missing."""

    runners: dict[str, Selected]
    missing: dict[str, str]

    @property
    def specs(self) -> dict[str, tuple[str, Runner]]:
        """By name, where each runner's class is and what it says of itself: what an engine needs."""
        return {name: (chosen.spec, chosen.runner) for name, chosen in self.runners.items()}

    def others(self, job: Job) -> list[Job]:
        """A job's case in every variant of its runner that applies, those that are not selected included."""
        return spelled(job.case, job.runner, self.runners[job.runner].runner)

    def like(self, job: Job, case: Case) -> Job | None:
        """Another case in the same variant; None where that does not apply."""
        return next(iter(spelled(case, job.runner, self.runners[job.runner].runner, [job.variant])), None)


def select_runners(wanted: Sequence[str] = (), required: Sequence[str] = ()) -> Selection:
    """The runners that ``--runner`` and ``--require`` ask for: by default, all that are installed.

    ``wanted`` are ``NAME[/VARIANT]`` with globs, or ``package.module:Class``, each with ``@PATH`` where
    it runs in another interpreter. Raises ``InputError`` for an unknown name or variant, where a runner
    that was asked for is not installed, and where one is asked for in two interpreters.
    """
    patterns = list(wanted) or list(runners.CORE)
    chosen: dict[str, Selected] = {}
    missing: dict[str, str] = {}
    for pattern in [*patterns, *required]:
        asked = bool(wanted) or pattern in required
        loaded = load(pattern)
        several = len(loaded) > 1 and any(_matching(runner, variant) for _, variant, runner in loaded)
        for spec, variant, runner in loaded:
            variants = _matching(runner, variant)
            if not variants:
                if several:
                    continue
                raise InputError(
                    f"unknown variant {variant!r} of runner {runner.name}; allowed: {', '.join(runner.variants)}"
                )
            before = chosen.get(runner.name)
            if before and "@" in pattern and runner.python != before.runner.python:
                raise InputError(
                    f"runner {runner.name} in two interpreters; allowed: one a run, and then: conformance compare"
                )
            found = before or Selected(spec, runner, (), environments.installed(runner))
            absent = [name for name in environments.needs(found.runner) if name not in found.packages]
            if absent:
                missing[runner.name] = install_command(runner)
                if asked and "*" not in pattern.partition("@")[0]:
                    raise InputError(
                        f"runner {runner.name} needs {', '.join(absent)}, which is not installed"
                        f"{' in ' + runner.python if runner.python else ''}; try: {missing[runner.name]}"
                    )
                continue
            chosen[runner.name] = replace(found, variants=tuple(dict.fromkeys([*found.variants, *variants])))
    return Selection(chosen, missing)


def load(pattern: str) -> list[tuple[str, str, Runner]]:
    """The runners that a pattern names: each one's spec, a pattern for its variants, and the runner itself."""
    name, at, path = pattern.partition("@")
    python = environments.interpreter(path) if at else ""
    return [(spec, variant, _load(spec, python)) for spec, variant in _expand(name)]


def _matching(runner: Runner, variant: str) -> list[str]:
    """The variants of a runner that a pattern names."""
    return [name for name in runner.variants if fnmatchcase(name, variant)]


def install_command(runner: Runner) -> str:
    """What installs a runner's packages."""
    if runner.python:
        return f"{shlex.quote(runner.python)} -m pip install {' '.join(environments.needs(runner))}"
    if runner.extra:
        return f"python -m pip install 'padding-conformance[{runner.extra}]'"
    return f"python -m pip install {' '.join(runner.distributions)}"


def _expand(pattern: str) -> Iterator[tuple[str, str]]:
    """The runners' specs that a pattern names, each with a pattern for its variants."""
    name, slash, variant = pattern.partition("/")
    if ":" in name:
        yield name, variant or "*"
        return
    matches = [core for core in runners.CORE if fnmatchcase(core, name)] or [name]
    for match in matches:
        yield match, variant if slash else "*"


def _load(spec: str, python: str) -> Runner:
    try:
        runner = runners.load(spec)
    except LookupError as error:
        raise InputError(str(error.args[0])) from error
    if python or runner.python:
        runner.python = python or environments.interpreter(runner.python)
    return runner


class Plan:
    """Every case in every variant that applies to it, runner by runner: a stream, which can be taken again.

    Cases are kept, their jobs are made as they are taken. All are made once to count them, so that nothing has
    run where one of them is too large (``InputError``).
    """

    def __init__(self, cases: Sequence[Case], selection: Selection, wanted: Callable[[Job], bool] | None = None):
        self.cases = cases
        self.selection = selection
        self.wanted = wanted

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many jobs each runner has."""
        return {name: sum(1 for _ in self.of(name)) for name in self.selection.runners}

    @property
    def total(self) -> int:
        """How many jobs there are: no ``len``, for which whoever makes a list of them would have them made twice."""
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[Job]:
        for name in self.selection.runners:
            yield from self.of(name)

    def of(self, runner: str) -> Iterator[Job]:
        """The jobs of a runner in the cases' order."""
        chosen = self.selection.runners[runner]
        for case in self.cases:
            jobs = spelled(case, runner, chosen.runner, chosen.variants)
            if self.wanted:
                jobs = list(filter(self.wanted, jobs))
                jobs = [job if job.siblings == len(jobs) else job._replace(siblings=len(jobs)) for job in jobs]
            yield from jobs

    def only(self, wanted: Callable[[Job], bool]) -> Plan:
        """Those of its jobs that are wanted."""
        before = self.wanted
        return Plan(self.cases, self.selection, lambda job: (not before or before(job)) and wanted(job))


def plan(cases: Sequence[Case], selection: Selection, shuffle: int | None = None) -> Plan:
    """The plan of some cases, in their order; ``shuffle`` is the seed of another, a case's variants still together."""
    ordered = list(cases)
    if shuffle is not None:
        random.Random(shuffle).shuffle(ordered)
    return Plan(ordered, selection)


def spelled(case: Case, name: str, runner: Runner, variants: Iterable[str] | None = None) -> list[Job]:
    """A case in those of some variants of a runner, or of all, that apply to it.

    A variant that declares pads with no output at all is left out. Raises ``InputError`` for a job that is too large,
    wherever its case comes from.
    """
    if case.op not in runner.ops:
        return []
    found: list[tuple[str, Spelling]] = []
    checked: Sequence[AnyAxis] = ()
    for variant in runner.variants if variants is None else variants:
        spelling = runner.written(case, variant)
        if spelling is None:
            continue
        over = case.axes(spelling.pads, spelling.rounding)
        if over is not checked:
            if min(axis.output for axis in over) < 1:
                continue
            if problem := excess(case, over):
                declared = f"{name}/{variant} with pads {spell_padding(spelling.pads)}"
                raise InputError(f"{case.id} in {declared}: {': '.join(problem)}", case.where)
            checked = over
        found.append((variant, spelling))
    return [Job(case, name, variant, spelling, runner.precision, len(found)) for variant, spelling in found]


def jobs_of(case: Case, pattern: str) -> tuple[Runner, list[Job]]:
    """A case in the variants of one runner, whether that is installed or not; ``InputError`` where there is none."""
    named = load(pattern)
    if len(named) > 1:
        raise InputError(f"{pattern!r} names {len(named)} runners; allowed: one, as NAME[/VARIANT]")
    ((_, variant, runner),) = named
    variants = _matching(runner, variant)
    if not variants:
        raise InputError(f"unknown variant {variant!r} of runner {runner.name}; allowed: {', '.join(runner.variants)}")
    jobs = spelled(case, runner.name, runner, variants)
    if not jobs:
        raise InputError(
            f"{case.id} does not apply to {pattern}; try: conformance list --runner {pattern.partition('/')[0]}"
        )
    return runner, jobs


def platform_name() -> str:
    """The platform as expectations name it, such as ``linux-x86_64``."""
    import platform

    return f"{sys.platform}-{platform.machine().lower()}"
