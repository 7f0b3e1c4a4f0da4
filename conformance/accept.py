"""Rewrites expectations so that they describe a finished run: few predicates, each with a reason.

An entry that holds stays as it is, with its comments, and so does one of which the run says nothing:
about other versions or another platform, or reaching no job of a run that left some out. One that holds
for a part of what it reaches, which a few facts more tell, is narrowed by them. What is then not
described is covered by rules; one that describes mostly what an entry described that goes takes over its
reason and link. The others are new, and ask for a reason. No entry is widened: nobody has said that its
reason holds elsewhere.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import reduce
from itertools import pairwise
from operator import or_
from pathlib import Path
from typing import Any

from conformance import expectations
from conformance.domain.facts import FACTS, facts
from conformance.domain.records import FAILURES
from conformance.errors import InputError
from conformance.expectations import Expectations, Facts, Known
from conformance.files import write_whole
from conformance.gate import holds, is_about, is_new, is_overdue, job_facts, left_out, version_key
from conformance.journal import Record, Run
from conformance.rules import Jobs, Table

PLACEHOLDER = "REASON"
ORDER = tuple(dict.fromkeys(("op", "rank", "variant", *FACTS)))
"""The order of the facts in a new entry."""

FEW = 3
"""So many messages that agree in a number are no chance."""

_NUMBER = re.compile(r"([^\s]*\d[^\s]*)")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_BREAK = re.compile(r"[\n\"{}()\[\]]|\B'|'\B|[.:] ")
_WORD = re.compile(r"(?<!\S)[\w`'-]+(?!\S)")


@dataclass(frozen=True)
class Entry:
    """One entry's text, and whether it lacks its reason."""

    text: str
    new: bool = False


@dataclass(frozen=True)
class Change:
    """One expectation file before and after; new entries still lack their reason.

    ``younger`` counts the failing jobs that were ``new`` and of which the file speaks from now on;
    ``narrowed`` tells that the run left jobs out, which the new entries may reach.
    """

    path: Path
    before: str
    head: str
    entries: tuple[Entry, ...]
    younger: int = 0
    narrowed: bool = False

    def after(self, reasons: Iterable[str] = ()) -> str:
        """The new text, its new entries with these reasons."""
        given = iter(reasons)
        texts = [
            entry.text.replace(json.dumps(PLACEHOLDER), json.dumps(next(given, PLACEHOLDER), ensure_ascii=False))
            if entry.new
            else entry.text
            for entry in self.entries
        ]
        return self.head + "".join(texts)

    @property
    def new(self) -> list[str]:
        """The texts of the entries that lack their reason."""
        return [entry.text for entry in self.entries if entry.new]

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        texts = self.before.splitlines(), self.after().splitlines()
        return "\n".join(difflib.unified_diff(*texts, str(self.path), str(self.path), lineterm=""))

    @property
    def summary(self) -> str:
        """The change in one line, with what a person might overlook."""
        parts = [f"{self.path}: {len(self.entries)} known, {len(self.new)} of them new"]
        if self.younger:
            parts.append(f"{self.younger} failing jobs of cases younger than it were new, and are known from now on")
        if self.narrowed:
            parts.append("the run left jobs out, which its new entries may reach too")
        return "; ".join(parts)

    def write(self, reasons: Iterable[str]) -> None:
        """Write the file, a reason for each new entry filled in."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, self.after(reasons).encode())


def accept(
    run: Run, folder: Path, today: str, names: Sequence[str] = (), others: Mapping[str, Expectations] | None = None
) -> list[Change]:
    """The changes to a folder of expectations after which a finished run's gate holds.

    A runner without a file there starts from its expectations among the ``others``, and gets a file
    where those do not describe the run. Raises ``InputError`` for an incomplete run, and for one that
    left jobs out where an entry would go that may reach them.
    """
    if not run.complete:
        raise InputError("the run is incomplete; allowed: a run that came to its end", str(run.folder))
    own = expectations.read_folder(folder) if folder.is_dir() else {}
    by_runner: dict[str, list[Record]] = {}
    for result in run.results:
        by_runner.setdefault(result["runner"], []).append(result)
    about = {name: facts(case) for name, case in run.cases.items()}
    changes = []
    for runner, results in by_runner.items():
        if names and not any(fnmatchcase(runner, name) for name in names):
            continue
        expected = own.get(runner) or (others or {}).get(runner) or Expectations(runner, run.header["cases"])
        text = Path(expected.where).read_text("utf-8") if expected.where else ""
        path = Path(expected.where) if runner in own else folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', runner)}.yaml"
        jobs = [(job_facts(about[result["case"]], result, run.header), result) for result in results]
        change = _Accepting(expected, run.header, jobs, today).change(path, text, text if runner in own else "")
        if change.after() != text and (change.entries or text):
            changes.append(change)
    return changes


@dataclass(frozen=True)
class _Rule:
    """An entry that was learned, the jobs that it reaches, and those of which it has to speak."""

    entry: Known
    reached: Jobs
    meant: Jobs


class _Accepting:
    """One runner's expectations held to its jobs, and what becomes of each entry.

    ``known`` are the file's entries, ``entries`` those that reach each job from now on.
    """

    def __init__(
        self, expected: Expectations, header: Mapping[str, Any], jobs: Sequence[tuple[Facts, Record]], today: str
    ) -> None:
        self.expected = expected
        self.known = expected.known
        self.header = header
        self.facts = [fact for fact, _ in jobs]
        self.results = [result for _, result in jobs]
        self.table = Table(self.facts)
        self.whole = not left_out(header, expected.runner)
        reaching = [[at for at, entry in enumerate(self.known) if entry.reaches(fact)] for fact in self.facts]
        self.reach = [_bits(at in each for each in reaching) for at in range(len(self.known))]
        self.expired = {at for at, entry in enumerate(self.known) if self.reach[at] and is_overdue(entry, today)}
        self.standing = self._standing(reaching)
        self.entries = [[self.known[at] for at in each if at in self.standing] for each in reaching]
        self.explained = self._explained()
        self.words = self._words()
        self.young = _bits(
            result["verdict"] in FAILURES and not each and is_new(fact["since"], expected.cases)
            for fact, result, each in zip(self.facts, self.results, reaching, strict=True)
        )
        """The jobs that are ``new``; they stay so where the run left jobs out."""

    def change(self, path: Path, text: str, before: str) -> Change:
        """The file as it is to be; ``text`` is what it is now, or what it starts from."""
        going = [at for at in range(len(self.known)) if at not in self.standing]
        if going and not self.whole:
            raise InputError(
                f"does not hold any more (one of {len(going)}), and may reach jobs that this run left out; "
                "allowed: a whole run",
                self.known[going[0]].where,
            )
        narrowed = {at: entry for at in going if (entry := self._narrowed(at))}
        heirs: dict[int, list[Known]] = {}
        new: list[Known] = []
        for rule in self._pruned(self._rules()):
            at = self._predecessor(rule, [at for at in going if at not in self.expired])
            if at is None:
                new.append(rule.entry)
            else:
                heirs.setdefault(at, []).append(
                    replace(rule.entry, reason=self.known[at].reason, link=self.known[at].link)
                )
        head, texts = _parts(text, self.known)
        indent = " " * (len(texts[0]) - len(texts[0].lstrip(" "))) if texts else "  "
        entries = []
        for at, own in enumerate(texts):
            if at in self.standing:
                entries.append(Entry(own))
            elif at in narrowed:
                entries.append(Entry(_reworded(own, narrowed[at], indent)))
            elif at in heirs:
                spelled = "".join(_spell(entry, indent) for entry in heirs[at])
                entries.append(Entry(_comment(own) + spelled))
        entries += [Entry(_spell(entry, indent), new=True) for entry in new]
        version = self.header["cases"]
        if not self.whole or version_key(version) < version_key(self.expected.cases):
            version = self.expected.cases
        head = _head(head, self.expected.runner, version, bool(entries))
        younger = self.young.bit_count() if self.whole else 0
        return Change(path, before, head, tuple(entries), younger, not self.whole)

    def _standing(self, reaching: Sequence[Sequence[int]]) -> set[int]:
        silent = [not self.whole or not is_about(entry, self.header) for entry in self.known]
        standing = {at for at in range(len(self.known)) if self.reach[at] or silent[at]} - self.expired
        while broken := {
            at
            for each, result in zip(reaching, self.results, strict=True)
            for at in self._broken([at for at in each if at in standing], result)
        }:
            standing -= broken
        return standing

    def _broken(self, reaching: Sequence[int], result: Record) -> Iterable[int]:
        """The entries that say of a job what is not so; of one without output those about numbers say nothing."""
        if result["verdict"] not in FAILURES:
            return reaching
        numbers = [at for at in reaching if self.known[at].verdict == "mismatch"]
        endings = [at for at in reaching if self.known[at].verdict != "mismatch"]
        if result["verdict"] != "mismatch":
            return [at for at in endings if not holds([self.known[at]], result)]
        untrue = [[at for at in numbers if not {*self.known[at].causes} <= causes] for causes in _explanations(result)]
        return [*endings, *min(untrue, key=len)]

    def _explained(self) -> list[set[str]]:
        """The causes of each mismatch: of the explanations that hold what its entries say, the commonest."""
        frequent = Counter(cause for result in self.results for cause in result["causes"])
        found = []
        for entries, result in zip(self.entries, self.results, strict=True):
            said = _causes(entries)
            fitting = [causes for causes in _explanations(result) if said <= causes]
            found.append(max(fitting, key=lambda causes: min(map(frequent.__getitem__, causes)), default=set()))
        return found

    def _words(self) -> list[str]:
        """What an entry would ask of each failure's message: what one asks already, or its own words."""
        said = [entry for entry in self.known if entry.message]
        own = words([_message(result) for result in self.results])
        return [
            next((entry.message for entry in said if holds([entry], result)), own[_message(result)])
            for result in self.results
        ]

    def _true(self, entry: Known, number: int) -> bool:
        """Whether an entry may reach a job: what it says is so, or does not matter."""
        result = self.results[number]
        if not self.whole and self.young >> number & 1:
            return False
        if entry.verdict != "mismatch":
            return holds([entry], result) and bool(entry.message or not self.words[number])
        silent = result["verdict"] in FAILURES and result["verdict"] != "mismatch"
        return silent or (result["verdict"] == "mismatch" and {*entry.causes} <= self.explained[number])

    def _good(self, entry: Known) -> Jobs:
        return _bits(self._true(entry, number) for number in range(len(self.results)))

    def _missing(self) -> list[tuple[Known, Jobs]]:
        """What no entry says yet, as entries without ``when``, and the jobs of which it has to be said."""
        missing: dict[tuple[str, str], Jobs] = {}
        for number, (entries, result) in enumerate(zip(self.entries, self.results, strict=True)):
            ends: Iterable[tuple[str, str]] = ()
            if result["verdict"] == "mismatch":
                ends = [("mismatch", cause) for cause in sorted(self.explained[number] - _causes(entries))]
            elif result["verdict"] in FAILURES and all(entry.verdict == "mismatch" for entry in entries):
                ends = [(result["verdict"], self.words[number])]
            if self.whole or not self.young >> number & 1:
                for end in ends:
                    missing[end] = missing.get(end, 0) | 1 << number
        return [(self._entry(*end), jobs) for end, jobs in missing.items()]

    def _entry(self, verdict: str, said: str) -> Known:
        causes = (said,) if verdict == "mismatch" else ()
        return Known(self.expected.runner, {}, verdict, causes, PLACEHOLDER, "" if causes else said)

    def _add(self, entry: Known, reached: Jobs) -> Known:
        for number in _numbers(reached):
            self.entries[number].append(entry)
        return entry

    def _narrowed(self, at: int) -> Known | None:
        """An entry that goes, with the facts more with which it holds wherever it is still needed and true."""
        entry = self.known[at]
        good = self._good(entry)
        needed = (jobs for one, jobs in self._missing() if _says(entry, one))
        missing = self.reach[at] & good & _union(needed)
        rule, reached = self.table.widest(good, missing, self.reach[at], entry.when)
        if at in self.expired or not rule or missing & ~reached:
            return None
        return self._add(replace(entry, when={**entry.when, **rule}), reached)

    def _rules(self) -> list[_Rule]:
        """Rules that say what no entry says yet, and nothing else."""
        found = []
        for entry, missing in sorted(self._missing(), key=lambda item: -item[1].bit_count()):
            for when, reached in self.table.cover(self._good(entry), missing):
                learned = replace(entry, when={name: when[name] for name in ORDER if name in when})
                found.append(_Rule(self._add(learned, reached), reached, reached & missing))
        return found

    def _pruned(self, rules: Sequence[_Rule]) -> list[_Rule]:
        """The rules without which the gate would not hold; the narrowest goes first."""
        for rule in sorted(rules, key=lambda rule: rule.meant.bit_count()):
            left = {
                number: [entry for entry in self.entries[number] if entry is not rule.entry]
                for number in _numbers(rule.reached)
            }
            if all(entries and holds(entries, self.results[number]) for number, entries in left.items()):
                for number, entries in left.items():
                    self.entries[number] = entries
                return self._pruned([other for other in rules if other is not rule])
        return list(rules)

    def _predecessor(self, rule: _Rule, going: Sequence[int]) -> int | None:
        """The entry that goes and said the same of most of the jobs for which a rule was made."""
        overlap = {at: (self.reach[at] & rule.meant).bit_count() for at in going if _says(self.known[at], rule.entry)}
        at = max(overlap, key=overlap.__getitem__, default=None)
        return at if at is not None and 2 * overlap[at] >= rule.meant.bit_count() else None


def _bits(having: Iterable[bool]) -> Jobs:
    return sum(1 << number for number, has in enumerate(having) if has)


def _numbers(jobs: Jobs) -> Iterator[int]:
    while jobs:
        yield (jobs & -jobs).bit_length() - 1
        jobs &= jobs - 1


def _union(sets: Iterable[Jobs]) -> Jobs:
    return reduce(or_, sets, 0)


def _message(result: Record) -> str:
    return str(result.get("failure", {}).get("message", ""))


def _explanations(result: Record) -> list[set[str]]:
    """The sets of causes that explain a mismatch; none for another ending."""
    if result["verdict"] != "mismatch":
        return []
    return [set(causes) for causes in (result["causes"], *result.get("alternatives", ()))]


def _causes(entries: Iterable[Known]) -> set[str]:
    return {cause for entry in entries for cause in entry.causes}


def _says(entry: Known, other: Known) -> bool:
    """Whether an entry says what another one says, perhaps with more causes or fewer words."""
    same = entry.verdict == other.verdict and entry.message in other.message
    return same and {*other.causes} <= {*entry.causes}


def words(messages: Iterable[str]) -> dict[str, str]:
    """The part of each message that says most and that no case's numbers change.

    A number in which messages of the same words agree stays, where there are a few of them.
    """
    alike: dict[str, list[tuple[str, list[str]]]] = {}
    for message in messages:
        parts = _NUMBER.split("".join(char if char.isprintable() else "\n" for char in _COLOR.sub("\n", message)))
        alike.setdefault("0".join(parts[::2]), []).append((message, parts))
    found = {}
    for same in alike.values():
        columns = zip(*(parts for _, parts in same), strict=True)
        constant = [len(set(column)) == 1 and len(same) >= FEW for column in columns]
        for message, parts in same:
            kept = [part if at % 2 == 0 or constant[at] else "\n" for at, part in enumerate(parts)]
            phrases = [part.strip(" .,:;=") for part in _BREAK.split("".join(kept))]
            found[message] = max(phrases, key=lambda phrase: (len(_WORD.findall(phrase)), len(phrase)))
    return found


def _parts(text: str, known: Sequence[Known]) -> tuple[str, list[str]]:
    """A file's text before its entries, and each entry's with the comments above it."""
    lines = text.splitlines(True)
    starts = [int(entry.where.rsplit(":", 2)[1]) - 1 for entry in known]
    plain = len(set(starts)) == len(starts) and all(lines[start].lstrip().startswith("- ") for start in starts)
    if starts and (not plain or any(re.match(r"\w", line) for line in lines[starts[0] :])):
        above = [line for line in lines if line.startswith("#")]  # written otherwise than we do: spelled anew
        return "".join(above), [_spell(entry, "  ") for entry in known]
    for number, start in enumerate(starts):
        while start > 0 and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        starts[number] = start
    ends = [*starts, len(lines)]
    pieces = ["".join(lines[start:end]) for start, end in pairwise(ends)]
    return "".join(lines[: ends[0]]), pieces


def _head(head: str, runner: str, cases: str, known: bool) -> str:
    """The text before the entries, with the case set's version and whether there are any."""
    if not re.search(r"^runner:", head, flags=re.M):
        head += f'schema: 1\nrunner: {_yaml(runner)}\ncases: ""\n'
    head = re.sub(r"^(cases:\s*)(\"[^\"]*\"|'[^']*')", rf'\g<1>"{cases}"', head, flags=re.M)
    head, found = re.subn(r"^known:[ \t]*(\[[ \t]*\])?", "known:" if known else "known: []", head, flags=re.M)
    return head if found else head + ("known:\n" if known else "known: []\n")


def _reworded(text: str, entry: Known, indent: str) -> str:
    """An entry's text with another ``when``, the rest as it was where that is on one line."""
    comment = _comment(text)
    reworded, found = re.subn(
        r"\bwhen: \{[^{}\n]*\}", lambda _: f"when: {_flow(entry.when)}", text[len(comment) :], count=1
    )
    return comment + (reworded if found else _spell(entry, indent))


def _comment(text: str) -> str:
    """The comment lines above an entry."""
    lines = text.splitlines(True)
    return "".join(lines[: next(at for at, line in enumerate(lines) if line.lstrip().startswith("- "))])


def _spell(entry: Known, indent: str) -> str:
    """An entry's text."""
    fields = {
        "when": _flow(entry.when),
        "verdict": entry.verdict,
        "causes": f"[{', '.join(entry.causes)}]" if entry.causes else "",
        "message": json.dumps(entry.message, ensure_ascii=False) if entry.message else "",
        "reason": json.dumps(entry.reason, ensure_ascii=False),
        "link": json.dumps(entry.link, ensure_ascii=False) if entry.link else "",
        "expires": entry.expires,
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return f"{indent}- " + f"\n{indent}  ".join(lines) + "\n"


def _flow(when: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_yaml(value)}" for name, value in when.items()) + "}"


def _yaml(value: Any) -> str:
    """A value as YAML spells it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, str) and not re.fullmatch(r"[a-z][a-z0-9_-]*", value):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if isinstance(value, bool) else str(value)
