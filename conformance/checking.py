"""The ``check`` command: a model's padded layers, where a target's habits part from them, and layers as case files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from conformance import environments, expectations, models, plan, runners
from conformance.domain.case import Case
from conformance.domain.facts import facts
from conformance.domain.geometry import Sizes
from conformance.errors import InputError
from conformance.expectations import Expectations, Known
from conformance.files import write_whole
from conformance.gate import job_facts
from conformance.journal import case_record
from conformance.models import layers, targets
from conformance.models.layers import Layer, Model
from conformance.models.targets import Hazard, Target
from conformance.runners.contract import Runner

DIGITS = 12
"""Digits of a size on the command line."""


SPECS = ("onnx", "tensorflow")
"""Whose rules the formats follow that are read; a case says which where they differ."""


@dataclass(frozen=True)
class Row:
    """A layer, where habits part from it, and what is known of targets that get it right on paper only."""

    layer: Layer
    hazards: tuple[Hazard, ...]
    known: tuple[tuple[Target, Known], ...] = ()


@dataclass(frozen=True)
class Checked:
    """A model's layers, in its order, against some targets."""

    model: Model
    targets: tuple[Target, ...]
    rows: tuple[Row, ...]

    @property
    def parted(self) -> list[Row]:
        """The rows with a hazard or a known deviation."""
        return [row for row in self.rows if row.hazards or row.known]


def check(path: Path, wanted: Sequence[str], shapes: Sequence[str], external: bool) -> Checked:
    """Read a model and hold every layer against the habits of some targets, by default of all."""
    chosen = targets.select(wanted)
    model = models.read(path, shapes_given(shapes), external)
    entries = expectations.load()
    known_of = {target: About.of(target, entries[target.runner]) for target in chosen if target.runner in entries}
    found: dict[Case, Row] = {}
    for case, same in layers.distinct(model.layers):
        hazards = tuple(one for target in chosen if (one := targets.hazard(target, case)))
        known = [(target, entry) for target, about in known_of.items() for entry in deviations(target, case, about)]
        found[case] = Row(same[0], hazards, tuple(known))
    rows = [replace(found[layers.configuration(layer.case)], layer=layer) for layer in model.layers]
    return Checked(model, tuple(chosen), tuple(replace(row, hazards=()) if row.layer.apart else row for row in rows))


def shapes_given(texts: Sequence[str]) -> dict[str, Sizes]:
    """``x=1,3,224,224``, repeatable, as sizes by name."""
    found: dict[str, Sizes] = {}
    for text in texts:
        name, _, numbers = text.rpartition("=")
        if not name or not re.fullmatch(rf"[0-9]{{1,{DIGITS}}}([x,][0-9]{{1,{DIGITS}}})*", numbers):
            raise InputError(f"--shape {text!r}; allowed: NAME=SIZES, such as x=1,3,224,224")
        sizes = tuple(int(part) for part in re.split("[x,]", numbers))
        found[name] = tuple(layers.size(size, f"--shape {name}", "") for size in sizes)
    return found


@dataclass(frozen=True)
class About:
    """A target's runner, what is expected of it, and the header that a run here would have."""

    runner: Runner
    expected: Expectations
    header: Mapping[str, Any]

    @classmethod
    def of(cls, target: Target, expected: Expectations) -> About:
        """What there is to know about a target that has a runner."""
        runner = runners.load(target.runner)
        packages = {"runners": {target.runner: {"packages": environments.installed(runner)}}}
        return cls(runner, expected, {**packages, "platform": plan.platform_name()})


def deviations(target: Target, case: Case, about: About) -> list[Known]:
    """What expectations know of the target where it is written right, in the versions that are installed."""
    if not targets.listable(case) or not layers.pads_something(case):
        return []
    by_rule = target.name == "onnx" and about.runner.variants["auto_pad"](case) is not None
    variant = "auto_pad" if by_rule else targets.variant(target, case)
    result = {"runner": target.runner, "variant": variant}
    job = job_facts(facts(case_record(case)), result, about.header)
    return [entry for entry in about.expected.known if entry.reaches(job)] if variant else []


@dataclass(frozen=True)
class Saved:
    """A file of cases, and the layers that no case file can hold, each with the reason."""

    path: Path
    cases: int
    left: tuple[str, ...]


def save(model: Model, folder: Path) -> Saved:
    """Write each distinct padded layer as a case, as the suite's own loader reads it."""
    from conformance import cases as case_files

    lines: list[str] = []
    left: list[str] = []
    taken: set[str] = set()
    for case, same in layers.distinct(model.layers):
        if not layers.pads_something(case):
            continue
        name = layers.unique(word(same[0].name), taken)
        found = fields(case)
        if isinstance(found, InputError):
            left.append(f"{same[0].name}: {found}")
            continue
        called = ", ".join(layer.name for layer in same[:8]) + (f" and {len(same) - 8} more" if len(same) > 8 else "")
        entry = {"name": name, **found, "note": f"{same[0].operator}: {called}"}
        lines.append("  - " + json.dumps(entry, ensure_ascii=True))
    path = folder / f"{word(model.path.stem)}.yaml"
    if lines:
        head = [
            "schema: 1",
            f"title: {json.dumps(f'The padded layers of {model.path.name}')}",
            f"source: {json.dumps(f'conformance check {model.path.name} --save-cases')}",
            "cases:",
        ]
        place(path, "\n".join([*head, *lines, ""]).encode())
        case_files.load([path])
    return Saved(path, len(lines), tuple(left))


def fields(case: Case) -> dict[str, Any] | InputError:
    """A case as a file's fields, with real values where no integers are exact; the reason where no file can hold it."""
    from conformance import cases as case_files

    found: dict[str, Any] = {"op": case.op, "input": list(case.input), "kernel": list(case.kernel)}
    padding = case.padding if isinstance(case.padding, str) else [list(pair) for pair in case.padding]
    found.update(stride=list(case.stride), dilation=list(case.dilation), padding=padding, channels=case.channels)
    if case.weighted:
        found.update(filters=case.filters, groups=case.groups, bias=case.bias)
    for name in ("output_padding", "output_shape"):
        if getattr(case, name):
            found[name] = list(getattr(case, name))
    for name in ("ceil_mode", "count_include_pad"):
        if getattr(case, name):
            found[name] = True
    if case.dtype != "float32":
        found["dtype"] = case.dtype
    reason = InputError(f"sizes {case.input}; allowed: up to {targets.LISTED} taps along an axis")
    specs = [{}, *({"spec": spec} for spec in SPECS if case.read_by(spec).asked == case.asked)]
    for more in product(specs, ({}, {"data": "normal"})) if targets.listable(case) else ():
        made = {**found, **more[0], **more[1]}
        try:
            case_files.from_fields(made)
        except InputError as error:
            reason = error
        else:
            return made
    return reason


def word(text: str) -> str:
    """A name as a case's identity may have it."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")[:100] or "layer"


def place(path: Path, data: bytes) -> None:
    """Write a file as a whole; ``InputError`` where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", str(path)) from None
