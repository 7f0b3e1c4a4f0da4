"""What moves through the pipeline between plan and report: frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Protocol, Tuple, runtime_checkable

from conformance.domain.case import Case
from conformance.domain.geometry import Pads, Sizes

OUTCOMES = ("completed", "unsupported", "raised", "crashed", "timed_out", "not_run")

STAGES = ("open", "build", "convert", "load", "run", "answer")
"""What a worker can be doing: ``open`` is the framework's import, before any job; ``answer`` sends the output."""

FAILURES = ("mismatch", "crash", "timeout", "error", "unsupported", "not_run")
"""Verdicts that need an expectation, worst first: a wrong number without a word is the worst ending."""

VERDICTS = (*FAILURES, "hazard", "match")


HOLDING = ("ok", "known", "new")
GATES = ("regression", "changed", "fixed", "expired", "stale", *reversed(HOLDING))
"""The gate's results, those first that do not hold."""


@dataclass(frozen=True)
class Spelling:
    """How a variant writes one case, and the pads that it thereby declares.

    ``code`` is the very text that the runner executes and that ``explain`` prints; ``by_rule`` tells
    that the padding is written as a rule's name (``same``, ``auto_pad``) and not as numbers. ``rounding``
    is how the number of a pool's windows is thereby rounded, empty for as asked. ``converted`` is the
    input's size at conversion where that is not the case's: the pads are then those that a converter
    of dynamic sizes promises, the ones of the case's size.
    """

    pads: Pads
    code: str
    by_rule: bool = False
    rounding: str = ""
    converted: Sizes = ()


Key = Tuple[str, str, str]
"""Case, runner and variant: what names a job everywhere."""


Group = Tuple[str, str]
"""Runner and case: what stays together, in a worker and in a part of a plan."""


class Job(NamedTuple):
    """One case in one variant of one runner; ``precision`` is what the runner declares, empty for the case's dtype.

    ``siblings`` counts the jobs of its group that are to run, itself included.
    """

    case: Case
    runner: str
    variant: str
    spelling: Spelling
    precision: str = ""
    siblings: int = 1

    @property
    def key(self) -> Key:
        """What names a job everywhere: case, runner and variant."""
        return self.case.id, self.runner, self.variant

    @property
    def group(self) -> Group:
        """Its runner and its case."""
        return self.runner, self.case.id


@runtime_checkable
class Planned(Protocol):
    """Jobs by runner, which are made when they are taken, and their numbers, which are known before."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many jobs each runner has."""

    def of(self, runner: str) -> Iterator[Job]:
        """The jobs of a runner, a case's next to each other."""


@dataclass(frozen=True)
class Failure:
    """Why a job gave no output, in the words of whoever refused, raised or killed it.

    ``again`` is how it went, once more and alone in a fresh worker, with a job that ended one: ``alone too``,
    ``only after others``, or ``not again`` where it had been the first of its worker.
    """

    message: str
    stage: str = ""
    exception: str = ""
    stderr: str = ""
    again: str = ""


class Outcome(NamedTuple):
    """What happened to a job. ``output`` (``N O spatial…``) is there exactly when it ``completed``."""

    kind: str
    output: Any = None
    failure: Optional[Failure] = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Difference:
    """Where and by how much an output differs from the reference; indices are ``N O spatial…``.

    ``worst`` is where the difference is ``largest``, or not finite.
    """

    wrong: int
    total: int
    first: Tuple[int, ...]
    expected: float
    got: float
    largest: float
    worst: Tuple[int, ...] = ()


class Verdict(NamedTuple):
    """What an outcome means against the reference, with the causes and their evidence.

    ``effective`` is the canonical geometry found, None where it is not known; ``alternatives`` are
    other sets of causes that reproduce the output as well; ``sample`` holds the numbers around the
    first difference; ``tried`` counts the hypotheses that were run; ``fix`` is a variant of the same
    runner, and what it writes, that was run and is right; ``algorithm`` is the fast one whose bound
    explains an accepted output that no direct sum gives. ``rejected`` are the causes that came into
    question and explain nothing; ``geometry`` is what of the effective geometry, besides the pads, is
    not as asked for; ``separating`` is, for each alternative, the smallest case that would tell it apart.
    """

    kind: str
    causes: Tuple[str, ...] = ()
    evidence: str = ""
    alternatives: Tuple[Tuple[str, ...], ...] = ()
    effective: Optional[Pads] = None
    difference: Optional[Difference] = None
    sample: Optional[Dict[str, Any]] = None
    tried: int = 0
    rejected: Tuple[str, ...] = ()
    geometry: Optional[Dict[str, Any]] = None
    separating: Tuple[str, ...] = ()
    fix: Optional[Dict[str, str]] = None
    message: str = ""
    integral: bool = True
    algorithm: str = ""


class Judged(NamedTuple):
    """A job with its outcome and verdict; the output array has been dropped."""

    job: Job
    outcome: Outcome
    verdict: Verdict
