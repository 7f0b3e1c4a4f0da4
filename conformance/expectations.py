"""Expectation files: what is known to deviate, as predicates on a case, each with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from conformance import packaged, strict_yaml
from conformance.domain.causes import CAUSES
from conformance.domain.facts import AXIS_FACTS, COUNTS, FACTS, spell_fact
from conformance.domain.records import FAILURES
from conformance.errors import InputError
from conformance.strict_yaml import Document, shown

CONTEXT = {
    "variant": "the variant",
    "versions": 'packages, such as "onnx2keras<0.0.26"',
    "platform": "the platform, such as linux-x86_64",
}
RUN = frozenset(("versions", "platform"))
EVERYTHING = frozenset((*FACTS, *CONTEXT))
"""The facts that all jobs of a runner share, and all facts."""

KEYS = ("when", "verdict", "causes", "message", "reason", "link", "expires")
_COMPARISON = re.compile(r"(<=|>=|<|>)\s*(\d+)\Z")

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """One entry: the jobs it reaches must all end with this verdict and these causes."""

    runner: str
    when: Mapping[str, Any]
    verdict: str
    causes: tuple[str, ...]
    reason: str
    message: str = ""
    link: str = ""
    expires: str = ""
    where: str = ""
    tests: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict, compare=False)
    """What tells of each fact in ``when`` whether its value is as wanted."""

    def reaches(self, facts: Facts, names: Collection[str] = EVERYTHING) -> bool:
        """Whether a job is meant, as far as the facts of these names tell."""
        for name, test in self.tests.items():  # noqa: SIM110 (a generator takes longer than the tests)
            if name in names and not test(facts[name]):
                return False
        return True


@dataclass(frozen=True)
class Expectations:
    """What one runner is expected to do, accepted against a version of the case set."""

    runner: str
    cases: str = ""
    known: tuple[Known, ...] = ()
    where: str = ""


def load(folders: Sequence[Path] = ()) -> dict[str, Expectations]:
    """The expectations of every runner; a file in a later folder replaces an earlier one's.

    The packaged ones come first. Raises ``InputError`` for the first thing that is wrong.
    """
    found: dict[str, Expectations] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder; allowed: a folder of expectation files (<runner>.yaml)")
    for folder in dict.fromkeys((packaged.expectations(), *folders)):
        found |= read_folder(folder)
    return found


def read_folder(folder: Path) -> dict[str, Expectations]:
    """The expectations in one folder; two files about one runner are an error."""
    found: dict[str, Expectations] = {}
    for file in sorted(folder.glob("*.yaml")):
        expected = read_file(file)
        if expected.runner in found:
            other = found[expected.runner].where
            message = f"runner: {expected.runner!r} has a file already, {other}; allowed: one file a runner in a folder"
            raise strict_yaml.read(file).error(message, ("runner",))
        found[expected.runner] = expected
    return found


def read_file(path: Path) -> Expectations:
    """One file's expectations."""
    document = strict_yaml.read(path)
    data = _mapping(document, document.data, (), ("schema", "runner", "cases", "known"))
    if type(data.get("schema")) is not int or data["schema"] != 1:
        raise document.error(f"schema: {shown(data.get('schema'))}; allowed: 1", ("schema",))
    runner = _text(document, data, (), "runner", required=True)
    cases = _text(document, data, (), "cases", required=True)
    if not re.match(r"\d+\.\d+\Z", cases):
        raise document.error(f'cases: {shown(cases)}; allowed: a version of the case set in quotes, "1.0"', ("cases",))
    entries = [] if data.get("known") is None else data["known"]
    if not isinstance(entries, list):
        raise document.error(f"known: {shown(entries)}; allowed: a list of entries", ("known",))
    known = tuple(_entry(document, runner, index, entry) for index, entry in enumerate(entries))
    return Expectations(runner, cases, known, str(path))


def _entry(document: Document, runner: str, index: int, raw: Any) -> Known:
    path = ("known", index)
    entry = _mapping(document, raw, path, KEYS)
    verdict = _text(document, entry, path, "verdict", required=True)
    if verdict not in FAILURES:
        raise document.error(f"verdict: {shown(verdict)}; allowed: {', '.join(FAILURES)}", (*path, "verdict"))
    causes = [] if entry.get("causes") is None else entry["causes"]
    if not isinstance(causes, list) or not all(isinstance(cause, str) and cause in CAUSES for cause in causes):
        raise document.error(f"causes: {shown(causes)}; allowed: a list of {', '.join(CAUSES)}", (*path, "causes"))
    if bool(causes) != (verdict == "mismatch"):
        raise document.error(
            f"causes: {shown(causes)} with {verdict}; allowed: some for mismatch, none for others", path
        )
    expires = _text(document, entry, path, "expires")
    if expires and not _is_date(expires):
        raise document.error(f"expires: {shown(expires)}; allowed: a date, 2027-01-31", (*path, "expires"))
    when = entry.get("when")
    when = _mapping(document, {} if when is None else when, (*path, "when"), (*FACTS, *CONTEXT))
    return Known(
        runner=runner,
        when=when,
        verdict=verdict,
        causes=tuple(causes),
        reason=_text(document, entry, path, "reason", required=True),
        message=_text(document, entry, path, "message"),
        link=_text(document, entry, path, "link"),
        expires=expires,
        where=document.place(path),
        tests={name: _predicate(document, (*path, "when", name), name, wanted) for name, wanted in when.items()},
    )


def _mapping(document: Document, value: Any, path: tuple[Any, ...], allowed: Iterable[str]) -> dict[str, Any]:
    allowed = list(allowed)
    if not isinstance(value, dict):
        raise document.error(f"{shown(value)}; allowed: a mapping with {', '.join(allowed)}", path)
    for key in value:
        if key not in allowed:
            raise document.error(f"unknown key {shown(key)}; allowed: {', '.join(allowed)}", (*path, key), key=True)
    return value


def _text(document: Document, data: Mapping[str, Any], path: tuple[Any, ...], name: str, required: bool = False) -> str:
    value = data.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value.strip():
        arrived = "is missing" if value is None else f"{shown(value)}"
        raise document.error(f"{name}: {arrived}; allowed: text", (*path, name) if name in data else path)
    return value


def _predicate(document: Document, path: tuple[Any, ...], name: str, wanted: Any) -> Callable[[Any], bool]:
    """What tells whether a job's fact is as wanted.

    A list means any of its values. A number means every axis; a comparison looks at the largest
    axis; text is a glob, sizes as ``3x2``. A fact that is a list has to hold the value.
    """
    choices = wanted if isinstance(wanted, list) else [wanted]
    if not choices or any(isinstance(choice, (list, dict)) or choice is None for choice in choices):
        raise document.error(
            f"{name}: {shown(wanted)}; allowed: a value, a comparison such as '>1', or a list of them", path
        )
    if name == "versions":
        return _versions(document, path, choices)
    if name not in COUNTS and any(isinstance(choice, str) and _COMPARISON.match(choice) for choice in choices):
        raise document.error(f"{name}: {shown(wanted)}; allowed: a comparison only of {', '.join(COUNTS)}", path)
    tests = [predicate(name, choice) for choice in choices]
    answers: dict[Any, bool] = {}  # a fact has few values, and many jobs have each

    def ask(value: Any) -> bool:
        key = tuple(value) if isinstance(value, list) else value
        if key not in answers:
            answers[key] = any(test(value) for test in tests)
        return answers[key]

    return ask


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def predicate(name: str, wanted: Any) -> Callable[[Any], bool]:
    """What tells whether one fact's value is as one value wants it."""
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    comparison = _COMPARISON.match(wanted) if isinstance(wanted, str) else None
    if comparison:
        return _comparison(comparison[1], int(comparison[2]))
    if isinstance(wanted, int):
        if name in AXIS_FACTS:
            return lambda value: all(size == wanted for size in value)
        return lambda value: bool(value == wanted)
    text = str(wanted)
    return lambda value: any(
        fnmatchcase(spell_fact(item), text) for item in (value if isinstance(value, list) else [value])
    )


def _comparison(operator: str, bound: int) -> Callable[[Any], bool]:
    def compare(value: Any) -> bool:
        largest = max(value) if isinstance(value, tuple) else value
        if operator == "<":
            return bool(largest < bound)
        if operator == "<=":
            return bool(largest <= bound)
        return bool(largest > bound) if operator == ">" else bool(largest >= bound)

    return compare


def _versions(document: Document, path: tuple[Any, ...], choices: list[Any]) -> Callable[[Any], bool]:
    """All of the named packages have to be in the range given."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirements = [Requirement(str(choice)) for choice in choices]
    except InvalidRequirement as error:
        raise document.error(
            f'versions: {shown(choices)}; allowed: packages with ranges, "onnx2keras<0.0.26"', path
        ) from error
    return lambda versions: all(
        requirement.name in versions and requirement.specifier.contains(versions[requirement.name], prereleases=True)
        for requirement in requirements
    )
