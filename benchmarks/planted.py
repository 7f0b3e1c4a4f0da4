"""``python -m benchmarks.planted``: wrong convolutions whose fault is known, and what the judge says of them.

Each has one fault or two, in a case drawn from a seed. They are computed here, in plain float32
numpy and with paddings resolved anew, so nothing that the judge uses vouches for itself. Each is
computed a second time with other data: an explanation has to hold there as well, or it was a guess.

The exit status is 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from random import Random
from typing import Any

import numpy as np

from conformance.domain.case import Case
from conformance.domain.geometry import Pads, Sizes
from conformance.domain.records import Job, Outcome, Spelling, Verdict
from conformance.domain.tensors import Data, tensors
from conformance.judge import Judge

Array = np.ndarray[Any, Any]

EACH = 1300
"""Wrong convolutions with one fault, and as many with two."""

OTHER_DATA = 10_000
"""What is added to a case's seed for the second computation."""


@dataclass(frozen=True)
class Layer:
    """A convolution as somebody has written it; ``pads`` is a rule's name until it is resolved."""

    pads: str | Pads
    stride: Sizes
    dilation: Sizes
    flip: bool = False
    swap: bool = False
    phased: bool = False
    bias: str = "channels"
    group_order: bool = False
    layout: str = ""
    slips: tuple[str, ...] = ()
    late: bool = False
    """A rule is resolved after all else has gone wrong, as a framework would; else before."""


Fault = tuple[str, str, dict[str, Any]]
"""The cause, the kind (faults of one kind exclude each other) and what it changes about a layer."""


def resolve(rule: str, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """One axis' pads: by the output that SAME promises, by the kernel, or none."""
    extent = dilation * (kernel - 1) + 1
    if rule in ("same", "same_lower"):
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        return (total // 2, -(-total // 2)) if rule == "same" else (-(-total // 2), total // 2)
    half = (extent - 1) // 2
    return {
        "valid": (0, 0),
        "causal": (extent - 1, 0),
        "fixed": (half, extent - 1 - half),
        "symmetric": (half, half),
    }[rule]


def pads_of(case: Case, layer: Layer) -> Pads:
    """A layer's pads as numbers, with every slip made."""
    pads = layer.pads
    if isinstance(pads, str):
        kernel = case.kernel[::-1] if layer.swap and layer.late else case.kernel
        stride, dilation = (layer.stride, layer.dilation) if layer.late else (case.stride, case.dilation)
        pads = tuple(resolve(pads, *axis) for axis in zip(case.input, kernel, stride, dilation, strict=True))
    for slip in layer.slips:
        flat = [begin for begin, _ in pads] + [end for _, end in pads]
        mixed = [amount for pair in pads for amount in pair]
        rank = len(pads)
        pads = {
            "no end": tuple((begin, 0) for begin, _ in pads),
            "begin twice": tuple((begin, begin) for begin, _ in pads),
            "end twice": tuple((end, end) for _, end in pads),
            "larger twice": tuple((max(pair), max(pair)) for pair in pads),
            "half twice": tuple((sum(pair) // 2, sum(pair) // 2) for pair in pads),
            "axes reversed": tuple(reversed(pads)),
            "flat as pairs": tuple(zip(flat[::2], flat[1::2], strict=True)),
            "pairs as flat": tuple(zip(mixed[:rank], mixed[rank:], strict=True)),
        }[slip]
    return pads


def compute(case: Case, data: Data, layer: Layer) -> Array | None:
    """What a layer gives, ``N O spatial…``; None where the kernel does not fit or a bias has nowhere to go."""
    x, weights = data.input, data.weights
    groups = case.groups
    if layer.layout == "input":
        x = np.moveaxis(x, 1, -1)
        groups = x.shape[1] // weights.shape[1]
    if layer.swap:
        weights = np.transpose(weights, (0, 1, *reversed(range(2, weights.ndim))))
    if layer.flip:
        weights = weights[(slice(None), slice(None), *[slice(None, None, -1)] * case.rank)]
    pads = pads_of(replace(case, input=x.shape[2:]) if layer.late else case, layer)
    run = phases if layer.phased else correlate
    y = run(x, weights, groups, layer.stride, layer.dilation, pads)
    if y is None:
        return None
    if layer.bias == "last":
        if case.filters != y.shape[-1]:
            return None
        y = y + data.bias
    elif layer.bias == "channels" and data.bias is not None:
        y = y + data.bias.reshape(-1, *[1] * case.rank)
    if layer.group_order:
        y = y.reshape(len(y), groups, -1, *y.shape[2:]).swapaxes(1, 2).reshape(y.shape)
    if layer.layout == "input":
        y = np.moveaxis(y, -1, 1)
    elif layer.layout == "output":
        y = np.moveaxis(y, 1, -1)
    elif layer.layout == "flat":
        y = y.reshape(*y.shape[:2], -1)
    return np.ascontiguousarray(y, "float32")


def correlate(x: Array, weights: Array, groups: int, stride: Sizes, dilation: Sizes, pads: Pads) -> Array | None:
    """A cross-correlation, tap by tap: the elements that a tap reads at every window, zero outside."""
    kernel = weights.shape[2:]
    windows = [
        (n + b + e - (k - 1) * d - 1) // s + 1
        for n, k, s, d, (b, e) in zip(x.shape[2:], kernel, stride, dilation, pads, strict=True)
    ]
    if min(windows) < 1:
        return None
    per_group = weights.reshape(groups, -1, *weights.shape[1:])
    y = np.zeros((len(x), *per_group.shape[:2], *windows), "float32")
    for tap in product(*map(range, kernel)):
        read = x
        for axis, place in enumerate(tap):
            index = np.arange(windows[axis]) * stride[axis] + place * dilation[axis] - pads[axis][0]
            inside = (index >= 0) & (index < x.shape[2 + axis])
            shape = [-1 if dimension == 2 + axis else 1 for dimension in range(x.ndim)]
            read = np.take(read, np.where(inside, index, 0), axis=2 + axis) * inside.reshape(shape)
        grouped = read.reshape(len(x), groups, -1, *windows).astype("float32")
        y += np.einsum("goi,ngi...->ngo...", per_group[(slice(None),) * 3 + tap], grouped)
    return y.reshape(len(x), -1, *windows)


def phases(x: Array, weights: Array, groups: int, stride: Sizes, dilation: Sizes, pads: Pads) -> Array | None:
    """``tf.nn.with_space_to_batch``, step by step: pad, a convolution per phase, interleave, crop."""
    x = x[(slice(None), slice(None), *(slice(max(-b, 0), None) for b, _ in pads))]
    pads = tuple((max(b, 0), e) for b, e in pads)
    over = list(zip(x.shape[2:], dilation, pads, strict=True))
    missing = [-(n + b + e) % d for n, d, (b, e) in over]
    if min(n + b + e for n, _, (b, e) in over) < 1:
        return None
    padded = np.pad(x, [(0, 0), (0, 0), *((b, e + m) for (_, _, (b, e)), m in zip(over, missing, strict=True))])
    y = None
    for phase in product(*map(range, dilation)):
        places: Any = (..., *(slice(first, None, d) for first, d in zip(phase, dilation, strict=True)))
        ones = (1,) * len(dilation)
        part = correlate(padded[places], weights, groups, stride, ones, ((0, 0),) * len(dilation))
        if part is None:
            return None
        if y is None:
            y = np.zeros((*part.shape[:2], *(n * d for n, d in zip(part.shape[2:], dilation, strict=True))), "float32")
        y[places] = part
    assert y is not None
    kept = [n - m for n, m in zip(y.shape[2:], missing, strict=True)]
    inner: Any = (..., *map(slice, kept))
    return y[inner] if min(kept) > 0 else None


def draw_case(rng: Random, number: int) -> Case:
    """A case of rank 1 to 3, axes unlike, with any padding."""
    rank = rng.choice((1, 2, 2, 3))

    def each(choices: tuple[int, ...]) -> Sizes:
        return tuple(rng.choice(choices) for _ in range(rank))

    kernel = each((1, 2, 3, 3, 4) if rank < 3 else (1, 2, 3))
    dilation = each((1, 1, 2, 3) if rank < 3 else (1, 1, 2)) if rng.random() < 0.6 else (1,) * rank
    rules = ["valid", "same", "same", "same_lower", "fixed", *(["causal"] if rank == 1 else [])]
    numbers = tuple((rng.randrange(k * d + 1), rng.randrange(k * d + 1)) for k, d in zip(kernel, dilation, strict=True))
    channels, filters, groups = rng.choice(
        ((1, 1, 1), (2, 3, 1), (3, 4, 1), (4, 4, 2), (4, 6, 2), (6, 6, 3), (3, 3, 3), (3, 6, 3))
    )
    return Case(
        id=f"planted/{number}",
        op="conv",
        input=each({1: tuple(range(7, 20)), 2: tuple(range(5, 13)), 3: tuple(range(4, 9))}[rank]),
        kernel=kernel,
        stride=each((1, 2, 2, 3)) if rng.random() < 0.7 else (1,) * rank,
        dilation=dilation,
        padding=numbers if rng.random() < 0.35 else rng.choice(rules),
        batch=rng.choice((1, 1, 2)),
        channels=channels,
        filters=filters,
        groups=groups,
        bias=rng.random() < 0.6,
        seed=number,
    )


def faults(case: Case, rng: Random, ruled: bool) -> Iterator[Fault]:
    """Every fault that a layer of this case can have; ``pad-amount`` once, drawn."""
    ones, same = (1,) * case.rank, ("same", "same_lower")
    yield ("auto-pad-ignored" if ruled else "pads-ignored"), "pads", {"pads": "valid"}
    if case.padding in same:
        other = same[1 - same.index(case.padding)]
        cause = {"same": "same-lower-for-upper", "same_lower": "same-upper-for-lower"}[str(case.padding)]
        yield cause, "pads", {"pads": other}
    elif not ruled:
        yield "same-for-explicit", "pads", {"pads": "same"}
    if any(begin != end for begin, end in case.pads):
        yield "symmetric-for-asymmetric", "pads", {"pads": "symmetric"}
        for slip in ("begin twice", "end twice", "larger twice", "half twice"):
            yield "symmetric-for-asymmetric", "symmetric", {"slip": slip}
    yield "pads-begin-only", "begin", {"slip": "no end"}
    if case.rank > 1:
        for slip in ("axes reversed", "flat as pairs", "pairs as flat"):
            yield "pads-axis-order", "order", {"slip": slip}
        yield "axes-swapped", "axes", {"swap": True}
    longest = max(axis.extent for axis in case.asked)  # a longer pad is a window of nothing but padding
    amount = [
        (rng.choice([n for n in range(b - 1, b + 3) if 1 - s <= n <= max(b, longest)]), max(e + rng.randint(-1, 2), 0))
        for (b, e), s in zip(case.pads, case.stride, strict=True)
    ]
    yield "pad-amount", "pads", {"pads": tuple(amount)}
    if max(case.dilation) > 1:
        yield "dilation-ignored", "dilation", {"dilation": ones}
    if len(set(case.dilation)) > 1:
        yield "dilation-first-axis", "dilation", {"dilation": (case.dilation[0],) * case.rank}
    if max(case.dilation) > 1 and max(case.stride) > 1:
        yield "dilation-with-stride", "phases", {"phased": True}
    if len(set(case.stride)) > 1:
        yield "stride-first-axis", "stride", {"stride": (case.stride[0],) * case.rank}
    yield "kernel-flipped", "direction", {"flip": True}
    if case.bias:
        yield "bias-dropped", "bias", {"bias": ""}
        yield "layout", "bias", {"bias": "last"}
    if case.groups > 1:
        yield "group-order", "groups", {"group_order": True}
    yield "layout", "layout", {"layout": "output"}
    inner = case.channels // case.groups
    if case.input[0] % inner == 0 and case.filters % (case.input[0] // inner) == 0:
        yield "layout", "layout", {"layout": "input"}
    if case.rank > 1:
        yield "output-shape", "layout", {"layout": "flat"}


def at_fault(faithful: Layer, chosen: tuple[Fault, ...]) -> Layer:
    """A layer with faults; slips with the pads are made in their order."""
    layer = faithful
    for _, _, changes in chosen:
        changes = dict(changes)
        slip = changes.pop("slip", None)
        layer = replace(layer, **changes, slips=(*layer.slips, slip) if slip else layer.slips)
    return layer


PADDING = {"pads", "symmetric", "begin", "order"}
"""The kinds of faults with the pads."""


def together(one: Fault, other: Fault) -> bool:
    """Whether two faults can be had at once: of two kinds and names, and no amount that is itself mended."""
    causes = {one[0], other[0]}
    amount = "pad-amount" in causes and {one[1], other[1]} <= PADDING
    return (
        one[1] != other[1]
        and len(causes) == 2
        and not amount
        and causes != {"dilation-ignored", "dilation-with-stride"}  # no dilation has no phases
    )


@dataclass
class Tally:
    """What was planted and what became of it."""

    planted: int = 0
    cases: set[str] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)
    equivalent: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Subject:
    """A case, the layer that is right for it, its data twice and the right output of each."""

    case: Case
    spelling: Spelling
    faithful: Layer
    judges: tuple[Judge, Judge]

    def outputs(self, layer: Layer) -> tuple[Array, Array] | None:
        """A layer's outputs of the data and of the other data."""
        first, second = (compute(case, tensors(case), layer) for case in self.twice)
        return None if first is None or second is None else (first, second)

    @property
    def twice(self) -> tuple[Case, Case]:
        return self.case, replace(self.case, seed=self.case.seed + OTHER_DATA)

    def verdicts(self, outputs: tuple[Array, Array]) -> tuple[Verdict, Verdict]:
        """What the judge says of both outputs."""
        first, second = (
            judge.judge(Job(case, "planted", "v", self.spelling), Outcome("completed", output))
            for judge, case, output in zip(self.judges, self.twice, outputs, strict=True)
        )
        return first, second


def subject(rng: Random, number: int) -> Subject | None:
    """A case that has an output, written as a rule or as numbers."""
    case = draw_case(rng, number)
    ruled = isinstance(case.padding, str) and case.padding != "fixed" and rng.random() < 0.6
    faithful = Layer(case.padding, case.stride, case.dilation, late=ruled and rng.random() < 0.7)
    made = Subject(case, Spelling(pads_of(case, faithful), "f(x)", ruled), faithful, (Judge(), Judge()))
    right = made.outputs(faithful)
    if right is None:
        return None
    kinds = [verdict.kind for verdict in made.verdicts(right)]
    if kinds != ["match", "match"]:
        raise SystemExit(f"{case.describe()}: the right output is judged {kinds}")
    return made


def alike(left: tuple[Array, Array] | None, right: tuple[Array, Array] | None) -> bool:
    """Whether two layers give the same on both data."""
    return left is not None and right is not None and all(map(np.array_equal, left, right))


def equivalence(case: Case, faithful: Layer, layer: Layer) -> str:
    """Why a fault does not show."""
    right, wrong = pads_of(case, faithful), pads_of(case, layer)
    if replace(layer, pads=faithful.pads, slips=()) != faithful:
        return "what it changes has one tap, one window or one size on its axis"
    return "its pads are the same numbers" if right == wrong else "other pads that read the same elements"


def plant(count: int, seed: int) -> tuple[Tally, Tally]:
    """The tallies of ``count`` wrong convolutions with one fault and of as many with two."""
    rng = Random(seed)
    single, double = Tally(), Tally()
    number = 0
    while min(single.planted, double.planted) < count:
        number += 1
        made = subject(rng, number)
        if made is None:
            continue
        every = list(faults(made.case, rng, made.spelling.by_rule))
        pairs = [(a, b) for a in every for b in every if together(a, b)]
        for tally, choices in ((single, [(fault,) for fault in every]), (double, pairs)):
            for chosen in rng.sample(choices, min(3, len(choices))):
                if tally.planted < count:
                    judge_planted(made, chosen, every, tally)
    return single, double


def judge_planted(made: Subject, chosen: tuple[Fault, ...], every: list[Fault], tally: Tally) -> None:
    """Compute a wrong layer, judge it twice and tally what is said."""
    case = made.case
    layer = at_fault(made.faithful, chosen)
    outputs = made.outputs(layer)
    if outputs is None:
        return
    if alike(outputs, made.outputs(made.faithful)):
        tally.equivalent["gives the right output: " + equivalence(case, made.faithful, layer)] += 1
        return
    if len(chosen) == 2 and any(alike(outputs, made.outputs(at_fault(made.faithful, (one,)))) for one in chosen):
        tally.equivalent["gives what one of its two faults gives alone"] += 1
        return
    singles = [(fault,) for fault in every if fault[0] != "pad-amount"]
    if len(chosen) == 2 and any(alike(outputs, made.outputs(at_fault(made.faithful, one))) for one in singles):
        tally.equivalent["gives what one other fault gives alone"] += 1
        return
    rest = tuple(fault for fault in chosen if fault[0] != "pad-amount")
    if rest != chosen and any(
        alike(outputs, made.outputs(at_fault(made.faithful, (*one, *rest)))) for one in singles if one[0][1] in PADDING
    ):
        tally.equivalent["an amount that a named padding gives"] += 1
        return
    tally.planted += 1
    tally.cases.add(case.id)
    verdicts = made.verdicts(outputs)
    end = ending({cause for cause, _, _ in chosen}, *verdicts)
    tally.ends[end] += 1
    if end not in (ALONE, BESIDE):
        tally.examples.append(
            f"{end}: {case.describe()}; {layer}\n   planted {', '.join(cause for cause, _, _ in chosen)};"
            f" named {verdicts[0].causes} {verdicts[0].alternatives} {verdicts[0].evidence}; other data"
            f" {verdicts[1].kind} {verdicts[1].causes} {verdicts[1].alternatives} {verdicts[1].evidence}"
        )


MISSED, WRONG, NOTHING = "missed", "a wrong cause, confidently", "unattributed"
ALONE, BESIDE = "its causes, first", "its causes, as an alternative"
FEWER, OTHERS = "fewer causes that give the same", "other causes that give the same"
ENDS = (ALONE, BESIDE, FEWER, OTHERS, NOTHING, WRONG, MISSED)


def ending(causes: set[str], first: Verdict, second: Verdict) -> str:
    """What became of a planted fault: the verdicts on the data and on the other data."""
    if "match" in (first.kind, second.kind):
        return MISSED
    named, again = ([set(found) for found in (verdict.causes, *verdict.alternatives)] for verdict in (first, second))
    if named == [{"unattributed"}]:
        return NOTHING
    if not any(found in again for found in named) or (len(named) == 1 and first.evidence != second.evidence):
        return WRONG
    if named[0] == causes:
        return ALONE
    if causes in named:
        return BESIDE
    return FEWER if len(named[0]) < len(causes) else OTHERS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted", description="Plant faults; count the named.")
    parser.add_argument("--each", type=int, default=EACH, help="wrong convolutions of one fault, and of two")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print every one that is not named")
    options = parser.parse_args()
    single, double = plant(options.each, options.seed)
    both = single.ends + double.ends
    planted = single.planted + double.planted
    print(f"{'':<46} {'one':>6} {'two':>6} {'all':>6}")
    for name, one, two in (
        ("planted", single.planted, double.planted),
        ("cases", len(single.cases), len(double.cases)),
        *((name, single.ends[name], double.ends[name]) for name in ENDS),
    ):
        print(f"{name:<46} {one:6} {two:6} {one + two:6}")
    print("not planted, as no output can tell them:")
    for reason in sorted({*single.equivalent, *double.equivalent}):
        one, two = single.equivalent[reason], double.equivalent[reason]
        print(f"  {reason:<100} {one:6} {two:6} {one + two:6}")
    if options.show:
        print(*single.examples, *double.examples, sep="\n")
    named = (both[ALONE] + both[BESIDE]) / planted
    held = True
    goals: list[tuple[str, str, str, bool]] = [
        ("missed", str(both[MISSED]), "0", not both[MISSED]),
        ("named exactly", f"{named:.2%}", "98 %", named >= 0.98),
        ("a wrong cause, confidently", str(both[WRONG]), "0", not both[WRONG]),
    ]
    for name, value, goal, met in goals:
        held &= met
        print(f"{name:<46} {value:>13} {goal:>6}  {'pass' if met else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
