"""Verdicts against expectations: does anything differ from what is known?

Entries that reach the same job add up: the causes of several mismatches are joined, as defects
compose. An entry about a job that gives no output (an error, a refusal) goes before those about its
numbers. ``ok``, ``known`` and ``new`` hold; every other result fails:

========== =================================================================================
result     when
========== =================================================================================
ok         right, or a hazard, and no entry reaches the job
known      an entry reaches it and it ends exactly so
regression wrong, and no entry reaches it
changed    an entry reaches it and it ends otherwise, as a hazard too
fixed      an entry reaches it and it is right now
expired    an entry reaches it whose date has passed
new        wrong, no entry reaches it, and its case is younger than the expectations;
           a regression with ``--strict-new``
stale      an entry that reaches no job of a run that left none of the runner's jobs out
========== =================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from conformance.domain.facts import facts
from conformance.domain.records import FAILURES, HOLDING
from conformance.expectations import EVERYTHING, RUN, Expectations, Facts, Known

JOB = frozenset(("variant",))
CASE = EVERYTHING - RUN - JOB
"""What a job has for itself, and what it has of its case."""
OP = frozenset(("op",))
NONE: Mapping[str, Sequence[Known]] = {}
"""The entries about a case that none is about, one object for all of these."""


class Gate:
    """Judges verdicts one at a time, and at the end the entries that reached nothing.

    With ``strict_new`` a failure of a case younger than the expectations is a regression, as of any other.
    """

    def __init__(
        self,
        expectations: Mapping[str, Expectations],
        header: Mapping[str, Any],
        today: str,
        strict_new: bool = False,
    ) -> None:
        self.expectations = expectations
        self.header = header
        self.today = today
        self.strict_new = strict_new
        self._reached: set[str] = set()
        self._meant = {
            name: [entry for entry in expected.known if is_about(entry, header)]
            for name, expected in expectations.items()
            if name in header["runners"]
        }
        self._of_op: dict[str, Mapping[str, Sequence[Known]]] = {}
        self._cases: dict[str, Mapping[str, Sequence[Known]]] = {}

    def judge(self, case: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[str, Sequence[Known]]:
        """The gate's result for one job, and the entries that it comes from."""
        expected = self.expectations.get(result["runner"])
        failing = result["verdict"] in FAILURES
        if expected is None:
            return ("regression" if failing else "ok"), ()
        entries = [entry for entry in self._about(case, expected.runner) if entry.reaches(result, JOB)]
        self._reached.update(entry.where for entry in entries)
        if not entries:
            if not failing:
                return "ok", ()
            new = not self.strict_new and is_new(case["since"], expected.cases)
            return ("new" if new else "regression"), ()
        overdue = [entry for entry in entries if is_overdue(entry, self.today)]
        if overdue:
            return "expired", overdue
        if result["verdict"] == "match":
            return "fixed", entries
        return ("known" if holds(entries, result) else "changed"), deciding(entries)

    def _about(self, case: Mapping[str, Any], runner: str) -> Sequence[Known]:
        """The entries that reach some variant's job of a case; its facts are worked out for all runners at once."""
        found = self._cases.get(case["id"])
        if found is None:
            op, about = case["op"], facts(case)
            if op not in self._of_op:
                self._of_op[op] = reaching(self._meant, {"op": op}, OP)
            found = self._cases[case["id"]] = reaching(self._of_op[op], about, CASE) or NONE
        return found.get(runner, ())

    def stale(self) -> list[Known]:
        """The entries that reached nothing, of runners of which the run left nothing out."""
        return [
            entry
            for name, entries in self._meant.items()
            if not left_out(self.header, name)
            for entry in entries
            if entry.where not in self._reached
        ]


def reaching(entries: Mapping[str, Sequence[Known]], about: Facts, names: Collection[str]) -> dict[str, list[Known]]:
    """Those entries of each runner that reach a job as far as the facts of these names tell; no runner without any."""
    found = {name: [entry for entry in several if entry.reaches(about, names)] for name, several in entries.items()}
    return {name: several for name, several in found.items() if several}


class JobFacts(dict[str, Any]):
    """What is said of a job alone, and behind it the facts of its case, which stay lazy."""

    def __init__(self, case: Facts, **own: Any) -> None:
        super().__init__(own)
        self.case = case

    def __missing__(self, name: str) -> Any:
        return self.case[name]


def job_facts(about: Facts, result: Mapping[str, Any], header: Mapping[str, Any]) -> Facts:
    """The facts of a job: its case's, its variant, and the versions and platform it ran with."""
    return JobFacts(
        about,
        variant=result["variant"],
        versions=header["runners"][result["runner"]]["packages"],
        platform=header["platform"],
    )


def deciding(entries: Sequence[Known]) -> Sequence[Known]:
    """The entries that say how a job ends: those about a job without output, if there are any."""
    return [entry for entry in entries if entry.verdict != "mismatch"] or entries


def holds(entries: Sequence[Known], result: Mapping[str, Any]) -> bool:
    """Whether a job ended exactly as the entries that reach it say.

    A mismatch has to have all of their causes and no other, in one of the explanations that fit.
    """
    last = deciding(entries)
    if any(entry.verdict != result["verdict"] for entry in last):
        return False
    if result["verdict"] == "mismatch":
        joined = {cause for entry in last for cause in entry.causes}
        return any(joined == set(causes) for causes in [result["causes"], *result.get("alternatives", ())])
    message = result.get("failure", {}).get("message", "")
    return all(entry.message in message for entry in last)


def left_out(header: Mapping[str, Any], runner: str) -> bool:
    """Whether a run left cases, or variants of a runner, out: by a path, ``-k``, a tag, a shard or ``--runner``."""
    return bool(header["selection"].get("narrowed") or header["runners"][runner].get("narrowed"))


def is_about(entry: Known, header: Mapping[str, Any]) -> bool:
    """Whether an entry is about a run's versions and platform at all."""
    about = {"versions": header["runners"][entry.runner]["packages"], "platform": header["platform"]}
    return entry.reaches(about, RUN)


def is_overdue(entry: Known, today: str) -> bool:
    """Whether an entry's date has passed."""
    return bool(entry.expires) and entry.expires < today


def is_new(since: str, cases: str) -> bool:
    """Whether a case is younger than expectations that were accepted against a version of the case set."""
    return version_key(since) > version_key(cases)


def version_key(version: str) -> tuple[int, ...]:
    """A version of the case set in the order of its numbers."""
    return tuple(map(int, version.split(".")))


def failing(results: Iterable[str]) -> list[str]:
    """The results that do not hold."""
    return [result for result in results if result not in HOLDING]


def exit_status(gates: Sequence[str], stale: Sequence[Known], complete: bool) -> int:
    """0 the gate holds, 1 it does not, 2 the run is incomplete (which wins)."""
    if not complete:
        return 2
    return 1 if stale or failing(gates) else 0
