"""Rules: conjunctions of few facts that reach only jobs that end alike; a greedy cover by beam search.

Sets of jobs are integers, a bit for each job in the order of the run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from conformance.domain.facts import FACTS, spell_fact
from conformance.expectations import Facts, predicate

Jobs = int
Rule = dict[str, Any]

UNUSED = ("case", "input", "batch", "channels", "filters", "pads", "tags", "since")
"""The facts that tell single cases apart, or how people sort them."""

USED = ("variant", *(name for name in FACTS if name not in UNUSED))

BEAM = 24
DEEPEST = 7
CANDIDATES = 8
MOST_VALUES = 6
"""Rules kept from one step of the search to the next, facts in a rule, rules that are widened, values of one fact."""


class Table:
    """What can be asked of the jobs of a run, and which of them have it."""

    def __init__(self, facts: Sequence[Facts]) -> None:
        self.facts = facts
        self.everything: Jobs = (1 << len(facts)) - 1
        self.having: dict[str, dict[Any, Jobs]] = {name: self._having(name) for name in USED}

    def _having(self, name: str) -> dict[Any, Jobs]:
        equal: dict[str, tuple[Any, Jobs]] = {}  # equal values, and the jobs that have them
        for number, fact in enumerate(self.facts):
            value, jobs = equal.get(repr(fact[name]), (fact[name], 0))
            equal[repr(fact[name])] = value, jobs | 1 << number
        found = {}
        for wanted in dict.fromkeys(wanted for value, _ in equal.values() for wanted in _wanted(value)):
            test = predicate(name, wanted)
            found[wanted] = sum(jobs for value, jobs in equal.values() if test(value))
        return found

    def cover(self, good: Jobs, missing: Jobs) -> Iterator[tuple[Rule, Jobs]]:
        """Rules that together reach all of ``missing``, and nothing outside ``good``."""
        while missing:
            rule, reached = self.widest(good, missing)
            if not reached:
                rule, reached = self._named(good, missing)
            yield rule, reached
            missing &= ~reached

    def widest(self, good: Jobs, missing: Jobs, within: Jobs = -1, besides: Collection[str] = ()) -> tuple[Rule, Jobs]:
        """The rule, and whom it reaches, that reaches the most of ``missing`` and nothing outside ``good``.

        All of it ``within`` some jobs, and by no fact ``besides``. Where there is none it reaches no job.
        """
        bad, within = self.everything & ~good, self.everything & within
        wanted = good & missing & within
        beam: list[tuple[Rule, Jobs]] = [({}, within)]
        pure = [each for each in beam if not within & bad]
        atoms = [(name, value, jobs) for name, values in self.having.items() for value, jobs in values.items()]
        atoms = [each for each in atoms if each[0] not in besides]
        for _ in range(DEEPEST):
            grown: dict[Jobs, Rule] = {}
            for rule, reached in beam:
                for name, value, jobs in atoms:
                    both = reached & jobs
                    if both != reached and both & wanted and name not in rule and both not in grown:
                        grown[both] = {**rule, name: value}
            impure = [(rule, both) for both, rule in grown.items() if both & bad]
            beam = sorted(impure, key=lambda each: _score(each[1], wanted, bad), reverse=True)[:BEAM]
            pure += [(rule, both) for both, rule in grown.items() if not both & bad]
            pure = sorted(pure, key=lambda each: -(each[1] & wanted).bit_count())[:CANDIDATES]
            if pure and (pure[0][1] & wanted).bit_count() >= max(
                ((both & wanted).bit_count() for _, both in beam), default=0
            ):
                break
        widened = [self._widened(self._shortened(rule, within, bad), within, bad, missing) for rule, _ in pure]
        return max(widened, key=lambda each: (each[1] & wanted).bit_count(), default=({}, 0))

    def _shortened(self, rule: Rule, within: Jobs, bad: Jobs) -> Rule:
        """A rule without the facts that it does not need."""
        for name in rule:
            shorter = {other: value for other, value in rule.items() if other != name}
            if not self._reached(shorter, within) & bad:
                return self._shortened(shorter, within, bad)
        return rule

    def _widened(self, rule: Rule, within: Jobs, bad: Jobs, missing: Jobs) -> tuple[Rule, Jobs]:
        """A rule with more values of its facts, each of which reaches more of what is missing."""
        for name in rule:
            for _ in range(MOST_VALUES - 1):
                reached = self._reached(rule, within)
                values = rule[name] if isinstance(rule[name], list) else [rule[name]]
                wider = [
                    (self._reached({**rule, name: [*values, value]}, within), value) for value in self.having[name]
                ]
                wider = [(jobs, value) for jobs, value in wider if jobs & missing & ~reached and not jobs & bad]
                if not wider:
                    break
                rule = {**rule, name: [*values, max(wider, key=lambda each: (each[0] & missing).bit_count())[1]]}
        return rule, self._reached(rule, within)

    def _reached(self, rule: Rule, within: Jobs) -> Jobs:
        for name, value in rule.items():
            jobs = 0
            for one in value if isinstance(value, list) else [value]:
                jobs |= self.having[name][one]
            within &= jobs
        return within

    def _named(self, good: Jobs, missing: Jobs) -> tuple[Rule, Jobs]:
        """A few jobs by their names, where no few facts tell them from others."""
        numbers = [number for number in range(missing.bit_length()) if missing >> number & 1]
        variant = self.facts[numbers[0]]["variant"]
        alike = [number for number in numbers if self.facts[number]["variant"] == variant][:MOST_VALUES]
        cases = [self.facts[number]["case"] for number in alike]
        named: Rule = {"case": cases if len(cases) > 1 else cases[0]}
        reached = sum(1 << number for number, fact in enumerate(self.facts) if fact["case"] in cases)
        if not reached & ~good:
            return named, reached
        return {**named, "variant": variant}, sum(1 << number for number in alike)


def _wanted(value: Any) -> Iterator[Any]:
    """The ways in which a predicate can ask for a value."""
    if isinstance(value, list):
        yield from value
    elif isinstance(value, tuple):
        yield value[0] if len(set(value)) == 1 else spell_fact(value)
        yield from (f">{bound}" for bound in range(1, min(max(value), 4)))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value if value >= 0 else "<0"
        yield from (f">{bound}" for bound in range(min(value, 4)))
    else:
        yield value
        if isinstance(value, str) and "-" in value:
            yield "*-" + value.split("-", 1)[1]
            yield value.split("-", 1)[0] + "*"


def _score(reached: Jobs, good: Jobs, bad: Jobs) -> float:
    hits, misses = (reached & good).bit_count(), (reached & bad).bit_count()
    return hits * hits / (hits + misses + 1)
