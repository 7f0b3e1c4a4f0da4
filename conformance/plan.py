"""Cases × variants → jobs, for the runners that are selected and installed."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from conformance import runners
from conformance.domain.case import Case
from conformance.domain.records import Job
from conformance.errors import InputError
from conformance.runners.contract import Runner
from conformance.selection import compile_expression
from conformance.strict_yaml import shown_path


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

    ``wanted`` are ``NAME[/VARIANT]`` with globs, or ``package.module:Class``. Raises ``InputError``
    for an unknown name or variant, and where a runner that was asked for is not installed.
    """
    patterns = list(wanted) or list(runners.CORE)
    chosen: dict[str, Selected] = {}
    missing: dict[str, str] = {}
    for pattern in [*patterns, *required]:
        asked = bool(wanted) or pattern in required
        loaded = [(spec, variant, _load(spec)) for spec, variant in _expand(pattern)]
        several = len(loaded) > 1 and any(_matching(runner, variant) for _, variant, runner in loaded)
        for spec, variant, runner in loaded:
            variants = _matching(runner, variant)
            if not variants:
                if several:
                    continue
                raise InputError(
                    f"unknown variant {variant!r} of runner {runner.name}; allowed: {', '.join(runner.variants)}"
                )
            packages = installed(runner)
            absent = [name for name in runner.distributions if name not in packages]
            if absent:
                missing[runner.name] = install_command(runner)
                if asked and "*" not in pattern:
                    raise InputError(
                        f"runner {runner.name} needs {', '.join(absent)}, which is not installed; "
                        f"try: {missing[runner.name]}"
                    )
                continue
            before = chosen[runner.name].variants if runner.name in chosen else ()
            chosen[runner.name] = Selected(spec, runner, tuple(dict.fromkeys([*before, *variants])), packages)
    return Selection(chosen, missing)


def _matching(runner: Runner, variant: str) -> list[str]:
    """The variants of a runner that a pattern names."""
    return [name for name in runner.variants if fnmatchcase(name, variant)]


def installed(runner: Runner) -> dict[str, str]:
    """The versions of those of a runner's packages that are installed here."""
    from importlib.metadata import PackageNotFoundError, version  # slow to load

    found = {}
    for name in runner.distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def install_command(runner: Runner) -> str:
    """What installs a runner's packages."""
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


def _load(spec: str) -> Runner:
    try:
        return runners.load(spec)
    except LookupError as error:
        raise InputError(str(error.args[0])) from error


def plan(cases: Sequence[Case], selection: Selection, shuffle: int | None = None) -> list[Job]:
    """Every case in every variant that applies to it, runner by runner, in the cases' order.

    ``shuffle`` is the seed of another order, in which a case's variants stay together.
    """
    ordered = list(cases)
    if shuffle is not None:
        random.Random(shuffle).shuffle(ordered)
    return [
        job
        for name, chosen in selection.runners.items()
        for case in ordered
        for job in spelled(case, name, chosen.runner, chosen.variants)
    ]


def spelled(case: Case, name: str, runner: Runner, variants: Iterable[str] | None = None) -> list[Job]:
    """A case in those of some variants of a runner, or of all, that apply to it.

    A variant that declares pads with no output at all is left out.
    """
    if case.op not in runner.ops:
        return []
    return [
        Job(case, name, variant, spelling, runner.precision)
        for variant in (runner.variants if variants is None else variants)
        if (spelling := runner.variants[variant](case)) is not None
        and all(axis.output > 0 for axis in case.axes(spelling.pads, spelling.rounding))
    ]


def shard(jobs: Sequence[Job], index: int, count: int) -> list[Job]:
    """One of ``count`` parts of a plan, the same on every machine; a runner's case stays in one part."""
    groups = list(dict.fromkeys((job.runner, job.case.id) for job in jobs))
    mine = set(groups[index - 1 :: count])
    return [job for job in jobs if (job.runner, job.case.id) in mine]


def select_cases(cases: Sequence[Case], expression: str = "", tags: Sequence[str] = ()) -> list[Case]:
    """The cases whose identity an expression matches and that have one of the tags.

    The expression is pytest's: words joined by ``and``, ``or``, ``not`` and parentheses.
    """
    matches = compile_expression(expression) if expression else None
    return [
        case for case in cases if (matches is None or matches(case.id)) and (not tags or set(tags) & set(case.tags))
    ]


def platform_name() -> str:
    """The platform as expectations name it, such as ``linux-x86_64``."""
    import platform

    return f"{sys.platform}-{platform.machine().lower()}"
