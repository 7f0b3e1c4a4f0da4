"""Wrong paddings, composable: what each would have computed.

A hypothesis changes one thing about the faithful reading of a case: its padding, its dilation, its
stride, its kernel, its bias or the order of its channels. One change of each kind can be made at a
time, so they compose: an ignored dilation *and* a dropped bias. A padding that is written as a
rule's name is resolved again under the changed dilation, as a framework would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from conformance.domain.case import Case
from conformance.domain.geometry import Pads, Sizes, crops_by_rule, pads_by_rule, same_elements
from conformance.domain.records import Spelling
from conformance.oracle import Reading, reading

AMOUNT = "pad-amount"
"""The cause of last resort for a padding: other numbers than any named mistake gives."""


@dataclass(frozen=True)
class Hypothesis:
    """Named causes and the reading that they lead to."""

    causes: tuple[str, ...]
    reading: Reading


def name_declared(case: Case, declared: Pads) -> str:
    """The cause by which declared pads, right for no other reason, differ from what a case asks for."""
    over = case.axes(declared)

    def is_rule(rule: str) -> bool:
        return same_elements(over, case.axes(case.pads_by(rule)))

    if all(b == e for b, e in declared) and any(b != e for b, e in case.pads):
        return "symmetric-for-asymmetric"
    if case.padding == "same_lower" and is_rule("same"):
        return "same-upper-for-lower"
    if case.padding == "same" and is_rule("same_lower"):
        return "same-lower-for-upper"
    if case.padding != "same" and is_rule("same"):
        return "same-for-explicit"
    return AMOUNT


def paddings(case: Case, spelling: Spelling, stride: Sizes, dilation: Sizes, swap: bool) -> Iterator[tuple[str, Pads]]:
    """Wrong pads with the cause of each, under a stride, a dilation and an order of the kernel's axes."""
    pads = spelling.pads
    kernel = case.kernel[::-1] if swap else case.kernel
    zero = tuple((0, 0) for _ in pads)

    by_rule = crops_by_rule if case.transposed else pads_by_rule

    def rule(name: str) -> Pads:
        return by_rule(name, case.input, kernel, stride, dilation)

    if not spelling.by_rule or case.padding == "valid":
        yield "same-for-explicit", rule("same")
    yield ("auto-pad-ignored" if spelling.by_rule else "pads-ignored"), zero
    if case.padding == "same" or pads == case.pads_by("same"):
        yield "same-lower-for-upper", rule("same_lower")
    if case.padding == "same_lower" or pads == case.pads_by("same_lower"):
        yield "same-upper-for-lower", rule("same")
    yield "pads-begin-only", tuple((begin, 0) for begin, _ in pads)
    if case.transposed:
        yield "crop-side", tuple((end, begin) for begin, end in pads)
    if any(end < 0 for _, end in pads):
        yield "output-padding", tuple((begin, max(end, 0)) for begin, end in pads)
    if case.output_padding:
        yield "output-padding", tuple((b, e + more) for (b, e), more in zip(pads, case.output_padding, strict=True))
        yield (
            "output-padding",
            tuple((b - more, e + more) for (b, e), more in zip(pads, case.output_padding, strict=True)),
        )
    if any(begin != end for begin, end in pads):
        yield "symmetric-for-asymmetric", rule("symmetric")
        yield "symmetric-for-asymmetric", tuple((begin, begin) for begin, _ in pads)
        yield "symmetric-for-asymmetric", tuple((end, end) for _, end in pads)
        yield "symmetric-for-asymmetric", tuple((max(pair), max(pair)) for pair in pads)
        yield "symmetric-for-asymmetric", tuple(((b + e) // 2, (b + e) // 2) for b, e in pads)
    if len(pads) > 1:
        begins, ends = [begin for begin, _ in pads], [end for _, end in pads]
        flat, pairs = begins + ends, [amount for pair in pads for amount in pair]
        rank = len(pads)
        yield "pads-axis-order", pads[::-1]
        yield "pads-axis-order", tuple((flat[2 * axis], flat[2 * axis + 1]) for axis in range(rank))
        yield "pads-axis-order", tuple((pairs[axis], pairs[rank + axis]) for axis in range(rank))


def amounts(case: Case, faithful: Reading, output: Sizes) -> Iterator[Pads]:
    """Every begin pad, from a crop of less than a stride up to the window's extent, and the end that is left.

    The end pad is what an output of this size needs.
    """
    choices = []
    for axis, size in zip(faithful.axes(case), output, strict=True):
        if case.transposed:
            crop = (axis.size - 1) * axis.stride + axis.extent - size
            choices.append([(begin, crop - begin) for begin in range(-axis.stride, axis.extent + 1)])
            continue
        need = (size - 1) * axis.stride + axis.extent - axis.size
        choices.append([(begin, max(need - begin, 0)) for begin in range(1 - axis.stride, axis.extent + 1)])
    yield from product(*choices)


def hypotheses(case: Case, spelling: Spelling, output: Sizes) -> Iterator[Hypothesis]:
    """Every reading that gives this spatial output size, the fewest causes first: the faithful one has none.

    ``pad-amount`` comes after the named paddings of as many causes, alone or with one other cause.
    """
    faithful = reading(case, spelling.pads)
    if _fits(case, faithful, output):
        yield Hypothesis((), faithful)
    readings: dict[int, list[Hypothesis]] = {count: [] for count in range(5)}
    for causes, changed in _changes(case, faithful):
        named: list[tuple[tuple[str, ...], Pads]] = [((), pads) for pads in _unnamed(case, spelling, changed)]
        named += [
            ((cause,), pads) for cause, pads in paddings(case, spelling, changed.stride, changed.dilation, changed.swap)
        ]
        for padding_causes, pads in named:
            how = replace(changed, pads=pads)
            if how != faithful and len(causes) + len(padding_causes) in readings and _fits(case, how, output):
                readings[len(causes) + len(padding_causes)].append(Hypothesis((*padding_causes, *causes), how))
    for count, found in readings.items():
        yield from found
        if count in (1, 2):
            for causes, changed in _changes(case, faithful):
                if len(causes) == count - 1:
                    for pads in amounts(case, changed, output):
                        how = replace(changed, pads=pads)
                        if _fits(case, how, output):
                            yield Hypothesis((AMOUNT, *causes), how)


def _changes(case: Case, faithful: Reading) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """Every combination of changes besides the padding's, none of them included."""
    if case.pool:
        yield from _pool_changes(case, faithful)
        return
    dilations: list[tuple[str, Sizes]] = [("", case.dilation)]
    if max(case.dilation) > 1:
        dilations.append(("dilation-ignored", (1,) * case.rank))
    if len(set(case.dilation)) > 1:
        dilations.append(("dilation-first-axis", (case.dilation[0],) * case.rank))
    strides: list[tuple[str, Sizes, bool]] = [("", case.stride, False)]
    if len(set(case.stride)) > 1:
        strides.append(("stride-first-axis", (case.stride[0],) * case.rank, False))
    if max(case.dilation) > 1 and max(case.stride) > 1 and not case.transposed:
        strides.append(("dilation-with-stride", case.stride, True))
    kernels = [("", False, False)]
    if max(case.kernel) > 1:
        kernels.append(("kernel-flipped", True, False))
    if case.rank > 1:
        kernels.append(("axes-swapped", False, True))
    biases = [("", case.bias, False)]
    if case.bias:
        biases += [("bias-dropped", False, False), ("layout", True, True)]
    orders = [("", False), ("group-order", True)] if case.groups > 1 else [("", False)]
    for (d, dilation), (s, stride, phased), (k, flip, swap), (b, bias, last), (g, interleave) in product(
        dilations, strides, kernels, biases, orders
    ):
        if phased and d:
            continue
        changed = replace(faithful, dilation=dilation, stride=stride, phased=phased, flip=flip, swap=swap)
        yield (
            tuple(filter(None, (d, s, k, b, g))),
            replace(changed, bias=bias, bias_last=last, interleave=interleave),
        )


def _pool_changes(case: Case, faithful: Reading) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """What a pool can do otherwise: its window, the padding's value, the divisor, the number of windows."""
    windows: list[tuple[str, dict[str, Any]]] = [("", {})]
    if max(case.dilation) > 1:
        windows.append(("dilation-ignored", {"dilation": (1,) * case.rank}))
    if len(set(case.dilation)) > 1:
        windows.append(("dilation-first-axis", {"dilation": (case.dilation[0],) * case.rank}))
    if len(set(case.kernel)) > 1:
        windows.append(("axes-swapped", {"swap": True}))
    strides: list[tuple[str, dict[str, Any]]] = [("", {})]
    if len(set(case.stride)) > 1:
        strides.append(("stride-first-axis", {"stride": (case.stride[0],) * case.rank}))
    values: list[tuple[str, dict[str, Any]]] = [("", {})]
    if case.op == "max_pool":
        values.append(("pad-value", {"fill": 0.0}))
    else:
        counted = case.count_include_pad
        values.append(("pad-not-counted" if counted else "pad-counted", {"counted": not counted}))
        values.append(("pad-counted", {"overhang": True}))
    roundings: list[tuple[str, dict[str, Any]]] = [("", {})]
    roundings.append(("ceil-mode", {"rounding": "floor" if case.ceil_mode else "ceil"}))
    roundings.append(("last-window", {"rounding": "keep"}))
    for changes in product(windows, strides, values, roundings):
        fields = {name: value for _, change in changes for name, value in change.items()}
        yield tuple(cause for cause, _ in changes if cause), replace(faithful, **fields)


def _unnamed(case: Case, spelling: Spelling, changed: Reading) -> set[Pads]:
    """The pads that need no cause of their own: as declared, or the rule under what has changed."""
    found = {spelling.pads}
    if spelling.by_rule and isinstance(case.padding, str):
        kernel = case.kernel[::-1] if changed.swap else case.kernel
        by_rule = crops_by_rule if case.transposed else pads_by_rule
        found.add(by_rule(case.padding, case.input, kernel, changed.stride, changed.dilation))
        if changed.phased:  # space-to-batch resolves SAME before it strides
            found.add(pads_by_rule(case.padding, case.input, kernel, (1,) * case.rank, changed.dilation))
    return found


def _fits(case: Case, how: Reading, output: Sizes) -> bool:
    return how.output_shape(case)[2:] == output and (not how.bias_last or output[-1] in (1, case.filters))


def explain(case: Case, asked: Reading, found: Reading) -> str:
    """How a reading differs from what was asked for, in one sentence."""
    parts = []
    asked_pads = tuple(axis.canonical() for axis in asked.axes(case))
    found_pads = tuple(axis.canonical() for axis in found.axes(case))
    if found_pads != asked_pads:
        parts.append(f"pads {spell(found_pads)} where {spell(asked_pads)} is asked for")
    if found.dilation != asked.dilation:
        parts.append(f"dilation {spell(found.dilation)} where {spell(asked.dilation)} is asked for")
    if found.stride != asked.stride:
        parts.append(f"stride {spell(found.stride)} where {spell(asked.stride)} is asked for")
    if found.phased:
        parts.append("the stride taken within each phase of the dilation")
    if found.flip:
        parts.append("the kernel reversed on every axis")
    if found.swap:
        parts.append("the kernel's axes in reverse order")
    if asked.bias and not found.bias:
        parts.append("no bias added")
    if found.bias_last:
        parts.append("the bias added along the last axis")
    if found.fill != asked.fill:
        parts.append("zeros as padding")
    if (found.counted, found.overhang) != (asked.counted, asked.overhang):
        what = "the padding and what lies beyond it" if found.overhang else "the padding"
        parts.append(f"{what} {'counted' if found.counted or found.overhang else 'left out'} in the divisor")
    if found.rounding != asked.rounding:
        parts.append(f"the number of windows rounded by {found.rounding!r} where {asked.rounding!r} is asked for")
    if found.interleave:
        parts.append("the output channels in another order of groups")
    return "; ".join(parts)


def spell(value: object) -> str:
    """Pads and sizes as people write them: ``(0,1)×(0,1)``, ``2×1``."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "×".join(f"({begin},{end})" for begin, end in value)
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
