"""Rewrites expectations so that they describe a finished run: few predicates, each with a reason.

Entries that still hold exactly stay as they are, with their comments; the others go. What is left
is covered by rules: conjunctions of facts that reach only jobs that end the same way.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from conformance import expectations
from conformance.domain.facts import facts, spell_fact
from conformance.domain.records import FAILURES
from conformance.expectations import Facts, Known
from conformance.gate import deciding, holds, job_facts
from conformance.journal import Record, Run

BEAM = 24
DEEPEST = 4
PLACEHOLDER = "REASON"

Ending = tuple[str, tuple[str, ...], str]
"""What one rule says: a verdict, one cause of a mismatch, or the words of a failure's message."""

USED = (
    "variant",
    "op",
    "rank",
    "kernel",
    "stride",
    "dilation",
    "groups",
    "multiplier",
    "bias",
    "padding",
    "padded",
    "asymmetric",
    "unequal",
    "differs_from",
    "agrees_with",
    "undilated_differs_from",
    "first_dilation_differs_from",
    "undilated_odd",
    "first_dilation",
    "length_fits_channels",
    "width_is_filters",
    "dtype",
    "tags",
)
"""The facts that rules are made of; what tells single cases apart is the last resort."""


@dataclass(frozen=True)
class Change:
    """One expectation file before and after; new entries still lack their reason."""

    path: Path
    before: str
    after: str
    new: int

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), str(self.path), str(self.path), lineterm=""
        )
        return "\n".join(lines)

    def write(self, reason: str) -> None:
        """Write the file, the reason filled in."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(
            self.after.replace(json.dumps(PLACEHOLDER), json.dumps(reason, ensure_ascii=False)), "utf-8"
        )


def accept(run: Run, folder: Path, names: Sequence[str] = ()) -> list[Change]:
    """The changes to a folder of expectations after which a finished run's gate holds."""
    by_runner: dict[str, list[Record]] = {}
    for result in run.results:
        by_runner.setdefault(result["runner"], []).append(result)
    about = {name: facts(case) for name, case in run.cases.items()}
    changes = []
    for runner, results in by_runner.items():
        if names and not any(fnmatchcase(runner, name) for name in names):
            continue
        path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', runner)}.yaml"
        before = path.read_text("utf-8") if path.is_file() else ""
        jobs = [(job_facts(about[result["case"]], result, run.header), result) for result in results]
        kept, texts = _keep(path, before, jobs)
        rules = list(_rules(jobs, kept))
        entries = [*texts, *(_entry(when, ending) for when, ending in rules)]
        head = f'schema: 1\nrunner: {_yaml(runner)}\ncases: "{run.header["cases"]}"\n'
        if entries:
            after = f"{_comment(before)}{head}known:\n" + "".join(entries)
        else:
            after = f"{_comment(before)}{head}known: []\n" if before else ""
        if after != before:
            changes.append(Change(path, before, after, len(rules)))
    return changes


def _comment(before: str) -> str:
    """The comment at the top of a file."""
    lines = []
    for line in before.splitlines(True):
        if not line.startswith("#"):
            break
        lines.append(line)
    return "".join(lines)


def _keep(path: Path, before: str, jobs: Sequence[tuple[Facts, Record]]) -> tuple[list[Known], list[str]]:
    """The entries of a file that reach something and hold for all that they reach, with their text.

    Entries add up, so they are held to the jobs together; those that reach a job that ended otherwise go.
    """
    if not before:
        return [], []
    known = expectations.read_file(path).known
    lines = before.splitlines(True)
    starts = [int(entry.where.rsplit(":", 2)[1]) - 1 for entry in known]
    for number, start in enumerate(starts):  # an entry's comments stand above it
        while start > 0 and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        starts[number] = start
    texts = ["".join(lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    broken: set[str] = set()
    reached: set[str] = set()
    for fact, result in jobs:
        entries = [entry for entry in known if entry.reaches(fact)]
        reached.update(entry.where for entry in entries)
        if entries and not holds(entries, result):
            broken.update(entry.where for entry in entries if not _true_of(entry, result))
    kept = [(entry, text) for entry, text in zip(known, texts, strict=True) if entry.where in reached - broken]
    return [entry for entry, _ in kept], [text for _, text in kept]


def _true_of(entry: Known, result: Record) -> bool:
    """Whether an entry says nothing of a job that is not so.

    Its causes are among the job's, or the job gives no output, of which another entry will speak.
    """
    if entry.verdict != result["verdict"]:
        return entry.verdict == "mismatch" and result["verdict"] in FAILURES
    explanations = [result["causes"], *result.get("alternatives", ())]
    said = entry.message in result.get("failure", {}).get("message", "")
    return said and any(set(entry.causes) <= set(causes) for causes in explanations)


def _rules(jobs: Sequence[tuple[Facts, Record]], kept: Sequence[Known]) -> Iterator[tuple[dict[str, Any], Ending]]:
    """Rules that, with the entries kept, say of every failing job how it ended, and nothing of the others.

    A rule is learned for each refusal, for each error, and for each cause by itself: causes of
    several rules add up. What a rule about causes says of a job without output does not matter.
    """
    endings: dict[Ending, int] = {}
    covered: dict[Ending, int] = {}
    silent = 0
    frequent = Counter(cause for _, result in jobs for cause in result["causes"])
    for number, (fact, result) in enumerate(jobs):
        bit = 1 << number
        entries = deciding([entry for entry in kept if entry.reaches(fact)])
        if result["verdict"] == "mismatch":
            said = {cause for entry in entries for cause in entry.causes}
            explanations = [result["causes"], *result.get("alternatives", ())]
            fitting = [causes for causes in explanations if said <= set(causes)] or explanations
            for cause in max(fitting, key=lambda causes: min((frequent[cause] for cause in causes), default=0)):
                endings[("mismatch", (cause,), "")] = endings.get(("mismatch", (cause,), ""), 0) | bit
                if cause in said:
                    covered[("mismatch", (cause,), "")] = covered.get(("mismatch", (cause,), ""), 0) | bit
        elif result["verdict"] in FAILURES:
            silent |= bit
            ending: Ending = (result["verdict"], (), _words(result.get("failure", {}).get("message", "")))
            endings[ending] = endings.get(ending, 0) | bit
            if entries:
                covered[ending] = covered.get(ending, 0) | bit
    atoms = _atoms(jobs)
    everything = (1 << len(jobs)) - 1
    for ending, mask in sorted(endings.items(), key=lambda item: -item[1].bit_count()):
        good = mask | silent if ending[0] == "mismatch" else mask
        missing = mask & ~covered.get(ending, 0)
        while missing:
            rule, reached = _widest(atoms, good, missing, everything)
            if not reached & missing:  # no few facts tell these jobs from others: name one
                number = (missing & -missing).bit_length() - 1
                rule = {"case": jobs[number][0]["case"], "variant": jobs[number][0]["variant"]}
                reached = 1 << number
            yield rule, ending
            missing &= ~reached


def _words(message: str) -> str:
    """The longest run of words in a message's text that no case's numbers change."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "\n", message)
    parts = re.split(r"[\n\r]|[^\n ]*\d[^\n ]*|[`'\"<>{}()\[\]]", plain)
    return max((part.strip(" .,:;") for part in parts), key=len, default="")


def _atoms(jobs: Sequence[tuple[Facts, Record]]) -> dict[tuple[str, Any], int]:
    """Every simple predicate with the jobs that it reaches, as a bit set."""
    found: dict[tuple[str, Any], int] = {}
    for name in USED:
        having: dict[str, tuple[Any, int]] = {}  # equal values, and the jobs that have them
        for number, (fact, _) in enumerate(jobs):
            value, bits = having.get(repr(fact[name]), (fact[name], 0))
            having[repr(fact[name])] = value, bits | 1 << number
        for wanted in dict.fromkeys(wanted for value, _ in having.values() for wanted in _wanted(value)):
            test = expectations.predicate(name, wanted)
            found[name, wanted] = sum(bits for value, bits in having.values() if test(value))
    return found


def _wanted(value: Any) -> Iterator[Any]:
    """The ways in which a predicate can ask for a value."""
    if isinstance(value, list):
        yield from value
    elif isinstance(value, tuple):
        yield value[0] if len(set(value)) == 1 else spell_fact(value)
        yield from (f">{bound}" for bound in range(1, min(max(value), 4)))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value
        yield from (f">{bound}" for bound in range(min(value, 4)))
    else:
        yield value
        if isinstance(value, str) and "-" in value:
            yield "*-" + value.split("-", 1)[1]
            yield value.split("-", 1)[0] + "*"


def _widest(
    atoms: Mapping[tuple[str, Any], int], good: int, missing: int, everything: int
) -> tuple[dict[str, Any], int]:
    """The conjunction of few facts that reaches the most of what is missing, and nothing outside ``good``."""
    bad = everything & ~good
    beam: list[tuple[tuple[tuple[str, Any], ...], int]] = [((), everything)]
    best: tuple[int, tuple[tuple[str, Any], ...], int] = (0, (), 0)
    for _ in range(DEEPEST):
        grown: dict[int, tuple[tuple[str, Any], ...]] = {}
        for chosen, reached in beam:
            for atom, mask in atoms.items():
                both = reached & mask
                if both != reached and both & good & missing and not any(atom[0] == name for name, _ in chosen):
                    grown.setdefault(both, (*chosen, atom))
        for both, chosen in grown.items():
            gain = (both & missing & good).bit_count()
            if not both & bad and gain > best[0]:
                best = (gain, chosen, both)
        impure = [(chosen, both) for both, chosen in grown.items() if both & bad]
        impure.sort(key=lambda item: _score(item[1], good & missing, bad), reverse=True)
        beam = impure[:BEAM]
        if best[0] and best[0] >= max(((both & missing & good).bit_count() for _, both in beam), default=0):
            break
    return dict(best[1]), best[2]


def _score(reached: int, good: int, bad: int) -> float:
    hits, misses = (reached & good).bit_count(), (reached & bad).bit_count()
    return hits * hits / (hits + misses + 1)


def _entry(when: Mapping[str, Any], ending: Ending) -> str:
    """One entry's text."""
    verdict, causes, message = ending
    order = {name: number for number, name in enumerate(USED)}
    facts_text = ", ".join(
        f"{name}: {_yaml(when[name])}" for name in sorted(when, key=lambda name: order.get(name, -1))
    )
    lines = [f"  - when: {{{facts_text}}}", f"    verdict: {verdict}"]
    if causes:
        lines.append(f"    causes: [{', '.join(causes)}]")
    if message:
        lines.append(f"    message: {json.dumps(message, ensure_ascii=False)}")
    lines.append(f"    reason: {json.dumps(PLACEHOLDER)}")
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    """A value as YAML spells it."""
    if isinstance(value, str) and not re.fullmatch(r"[a-z][a-z0-9_-]*", value):
        return json.dumps(value)
    return json.dumps(value) if isinstance(value, bool) else str(value)
