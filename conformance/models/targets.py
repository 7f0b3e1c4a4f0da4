"""What people write by habit in the framework that a model goes to, and where that parts from the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from conformance import runners
from conformance.domain.case import Case
from conformance.domain.geometry import AnyAxis, Axis, Pads, Sizes
from conformance.errors import InputError

LISTED = 2**20
"""Taps of all windows along an axis, at most, that are gone through one by one."""


@dataclass(frozen=True)
class Target:
    """A framework: the rule that its users write by habit, how they write it, and the runner that spells it right.

    ``same`` frameworks have SAME and VALID in their operators, ``symmetric`` ones a number for both
    sides of an axis, and ``any`` holds all pads.
    """

    name: str
    title: str
    rule: str
    runner: str = ""


TARGETS = {
    target.name: target
    for target in (
        Target("keras", "Keras `same`", "same", "keras"),
        Target("tensorflow", "TensorFlow `SAME`", "same", "tensorflow"),
        Target("tflite", "TFLite `SAME`", "same"),
        Target("torch", "PyTorch `padding=d*(k-1)//2`", "symmetric", "torch"),
        Target("caffe", "Caffe `pad: d*(k-1)/2`", "symmetric"),
        Target("onnx", "ONNX `pads`", "any", "onnxruntime"),
    )
}


@dataclass(frozen=True)
class Hazard:
    """Where a habit parts from a layer: the pads and output that it gives, and what is right there instead.

    ``off`` is by how many elements the windows are moved, at most; 0 where they lie alike, and only
    the divisor of an average or the output's size differs. ``write`` is empty for a framework that
    this suite has no runner of.
    """

    target: Target
    pads: Pads
    output: Sizes
    off: int
    silent: bool
    write: str


def select(names: Sequence[str]) -> list[Target]:
    """The targets of some names, all by default; ``InputError`` for an unknown one."""
    for name in names:
        if name not in TARGETS:
            raise InputError(f"target {name!r}; allowed: {', '.join(TARGETS)}")
    return [TARGETS[name] for name in dict.fromkeys(names or TARGETS)]


def hazard(target: Target, case: Case) -> Hazard | None:
    """Where the target's habit parts from a case; None where its own operator says the same.

    Of pads that are numbers in the model, a habit that gives another shape is none: nobody overlooks it.
    """
    if any(alike(case, way) for way in held(target, case)):
        return None
    habit = by_habit(target, case)
    output = habit.output(habit.pads)
    silent = output == case.output(case.pads)
    if not silent and not isinstance(case.padding, str):
        return None
    off = max(abs(asked.begin - axis.begin) for asked, axis in zip(case.asked, habit.asked, strict=True))
    return Hazard(target, habit.pads, output, off, silent, spelling(target, case))


def held(target: Target, case: Case) -> Iterator[Case]:
    """What the target's operator can say by itself of a layer, without a padding operator beside it."""
    if target.rule == "same":
        yield from (plain(case, rule) for rule in ("valid", "same"))
    elif target.rule == "any" or symmetric(case):
        yield case


def plain(case: Case, padding: str | Pads) -> Case:
    """A case with another padding, and without what frameworks of SAME and VALID lack."""
    lacking = {"output_padding": (), "output_shape": (), "ceil_mode": False, "count_include_pad": False}
    return replace(case, padding=padding, **lacking)  # type: ignore[arg-type]


def symmetric(case: Case) -> bool:
    """Whether one number for both sides says a case's pads (PyTorch, Caffe)."""
    if case.transposed:
        pairs = zip(case.pads, case.stride, strict=True)
        return all(begin >= 0 and 0 <= begin - end < stride for (begin, end), stride in pairs)
    pairs = zip(case.pads, case.kernel, strict=True)
    return all(begin == end and not (case.pool and 2 * begin > kernel) for (begin, end), kernel in pairs)


def by_habit(target: Target, case: Case) -> Case:
    """A case as the target's users write it."""
    if target.rule != "symmetric":
        return plain(case, "same")
    pads = case.pads_by("symmetric")
    if case.transposed:  # with the output padding that gives the model's output size, as far as there is one
        totals = [sum(pair) for pair in case.pads]
        pads = tuple((begin, min(begin, total - begin)) for (begin, _), total in zip(pads, totals, strict=True))
    return replace(case, padding=pads, output_padding=(), output_shape=())


def alike(one: Case, other: Case) -> bool:
    """Whether two cases that differ in their padding alone read the same elements, and divide by the same."""
    return all(same(a, b) for a, b in zip(one.asked, other.asked, strict=True))


def same(a: AnyAxis, b: AnyAxis) -> bool:
    """The same for one axis, from its ends: the windows of a model's layer may be too many to list."""
    if (a.begin, a.output) != (b.begin, b.output):
        return False
    if not (isinstance(a, Axis) and isinstance(b, Axis)):
        return True
    over = (a.output - 1) * a.stride + a.extent - a.begin - a.size
    counts = [(axis.begin > 0, max(min(axis.end, over), 0)) if axis.counted else (False, 0) for axis in (a, b)]
    return counts[0] == counts[1]


def listable(case: Case) -> bool:
    """Whether a case's windows are few enough to go through one by one."""
    return all(axis.output * axis.kernel <= LISTED and axis.size <= LISTED for axis in case.asked)


def variant(target: Target, case: Case) -> str:
    """The first variant of the target's runner that says the case; empty where there is none."""
    if not listable(case):
        return ""
    for name, write in (runners.load(target.runner).variants if target.runner else {}).items():
        spelled = write(case)
        if spelled is not None and alike(case, replace(case, padding=spelled.pads, output_padding=(), output_shape=())):
            return name
    return ""


def spelling(target: Target, case: Case) -> str:
    """How the target says a case, in the words of its runner; empty where it has none."""
    name = variant(target, case)
    spelled = runners.load(target.runner).variants[name](case) if name else None
    return spelled.code if spelled else ""
