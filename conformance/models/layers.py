"""A model's padded operators as cases, whatever the format; every number is held against its limit first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from conformance.domain.case import Case
from conformance.domain.geometry import Pads, Sizes
from conformance.errors import InputError

LARGEST = 2**31 - 1
"""The largest size that a model may state, as in a case file."""

PADS = 2**14
"""The largest pad: many times what any layer needs, and few enough windows to look through."""

RANKS = (1, 2, 3)


@dataclass(frozen=True)
class Layer:
    """A padded operator: its name in the model, what the format calls it, and what it computes, as a case.

    ``apart`` tells that an operator of its own pads in front of it. That goes over to any target as
    it stands, and so no habit parts from it.
    """

    name: str
    operator: str
    case: Case
    apart: bool = False


@dataclass(frozen=True)
class Model:
    """What a file says, statically. ``unread`` names what may pad and was not read, and why."""

    path: Path
    format: str
    layers: tuple[Layer, ...]
    unread: tuple[str, ...] = ()
    shapes: Mapping[str, Sizes] = field(default_factory=dict)


def size(value: Any, what: str, place: str, least: int = 1, most: int = LARGEST) -> int:
    """A number of the model within its limits; ``InputError`` where it is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"{what}: {str(value)[:40]}; allowed: an integer from {least} to {most}", place)
    return value


def sizes(values: Sequence[Any], rank: int, what: str, place: str, least: int = 1, most: int = LARGEST) -> Sizes:
    """One number for each axis, each within its limits."""
    if len(values) != rank:
        raise InputError(f"{what}: {len(values)} numbers; allowed: {rank}, one for each axis", place)
    return tuple(size(value, what, place, least, most) for value in values)


def pairs(values: Sequence[Sequence[Any]], rank: int, what: str, place: str) -> Pads:
    """``(begin, end)`` for each axis, each within its limits."""
    if len(values) != rank:
        raise InputError(f"{what}: {len(values)} pairs; allowed: {rank}, one for each axis", place)
    found = [sizes(pair, 2, what, place, 0, PADS) for pair in values]
    return tuple((begin, end) for begin, end in found)


def checked(case: Case, place: str) -> Case:
    """The case, once its fields fit together; ``InputError`` where they do not."""
    if case.rank not in RANKS:
        raise InputError(f"{case.rank} spatial axes; allowed: 1 to 3", place)
    for name in ("channels", "filters"):
        if getattr(case, name) % case.groups:
            raise InputError(f"{case.groups} groups with {getattr(case, name)} {name}; allowed: a divisor", place)
    if max(max(pair) for pair in case.pads) > 2 * PADS:
        raise InputError(f"pads {case.pads}; allowed: up to {PADS}", place)
    for number, axis in enumerate(case.asked):
        if axis.output < 1:
            raise InputError(
                f"a kernel that spans {axis.extent} on axis {number}; "
                f"allowed: up to the padded input ({axis.begin} + {axis.size} + {axis.end})",
                place,
            )
        size(axis.output, "output", place)
    return case


def after_pad(case: Case, pads: Pads, value: float) -> Case | None:
    """One case for a padding operator and the layer behind it; None where no padding of the layer says the same.

    ``case`` has the padded input. A convolution and an average that counts its padding take zeros,
    a max pool what never wins.
    """
    inner = tuple(whole - begin - end for whole, (begin, end) in zip(case.input, pads, strict=True))
    fits = value == (float("-inf") if case.op == "max_pool" else 0) and min(inner) >= 1
    counted = case.op == "avg_pool"
    if not fits or case.transposed or (counted and (case.ceil_mode or any(map(any, case.pads)))):
        return None
    both = tuple((b + begin, e + end) for (b, e), (begin, end) in zip(case.pads, pads, strict=True))
    made = replace(case, input=inner, padding=both, count_include_pad=counted)
    return made if made.output(both) == case.output(case.pads) else None


def configuration(case: Case) -> Case:
    """What makes two layers the same case."""
    return replace(case, id="", batch=1)


def distinct(layers: Sequence[Layer]) -> list[tuple[Case, list[Layer]]]:
    """The different configurations, each with its layers, in the model's order."""
    found: dict[Case, list[Layer]] = {}
    for layer in layers:
        found.setdefault(configuration(layer.case), []).append(layer)
    return list(found.items())


def pads_something(case: Case) -> bool:
    """Whether the padding of a layer, or its rounding, can go wrong: any that is not plainly valid."""
    return case.padding not in ("valid", ((0, 0),) * case.rank) or case.ceil_mode or prod(case.output_shape or (0,)) > 0


def unique(name: str, taken: set[str], joint: str = "-") -> str:
    """A name, with a number behind it where it is taken; it is taken from now on."""
    number, made = 1, name
    while made in taken:
        number += 1
        made = f"{name}{joint}{number}"
    taken.add(made)
    return made
