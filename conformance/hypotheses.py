"""Wrong paddings, composable: what each would have computed.

A hypothesis changes something about the faithful reading of a case: its padding, its dilation, its
stride, its kernel's direction or axes, its bias or the order of its channels. The changes compose:
an ignored dilation *and* a dropped bias. A padding takes two of them, as the begin pads only in the
wrong order. A padding that is written as a rule's name is resolved again under the changed
dilation, as a framework would.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, TypeVar

from conformance.domain.case import LOWEST, Case
from conformance.domain.causes import CAUSES
from conformance.domain.geometry import (
    MODES,
    Axis,
    Pads,
    Sizes,
    crops_by_rule,
    pads_by_rule,
    pads_for,
    same_elements,
    split_crop,
)
from conformance.domain.records import Spelling
from conformance.oracle import Reading, declared

AMOUNT = "pad-amount"
"""The cause of last resort for a padding: other numbers than any named mistake gives."""

MOST = 4
"""Causes that are put together at most."""

ORDER = {cause: place for place, cause in enumerate(CAUSES)}

Option = TypeVar("Option", bound=tuple[Any, ...])

Screen = Callable[[Reading], Collection[Sizes]]
"""The begin pads with which a reading may give an output, whatever its own pads."""


@dataclass(frozen=True)
class Hypothesis:
    """Named causes and the reading that they lead to."""

    causes: tuple[str, ...]
    reading: Reading

    @property
    def cost(self) -> int:
        """The causes, an unnamed amount counted twice: two named mistakes that give it as well are told beside it."""
        return len(self.causes) + (AMOUNT in self.causes)


def name_declared(case: Case, how: Reading) -> str:
    """The cause by which what is declared, right for no other reason, differs from what a case asks for."""
    pads, over = how.pads, how.axes(case)
    if how.rounding != case.rounding and same_elements(over, case.axes(case.pads, how.rounding)):
        return "last-window" if "keep" in (case.rounding, how.rounding) else "ceil-mode"

    def is_rule(rule: str) -> bool:
        return same_elements(over, case.axes(case.pads_by(rule)))

    crop = _crop_cause(case.pads, pads) if case.transposed else AMOUNT
    if crop == "output-padding":
        return crop
    if all(b == e for b, e in pads) and any(b != e for b, e in case.pads):
        return "symmetric-for-asymmetric"
    if case.padding == "same_lower" and is_rule("same"):
        return "same-upper-for-lower"
    if case.padding == "same" and is_rule("same_lower"):
        return "same-lower-for-upper"
    if case.padding != "same" and is_rule("same"):
        return "same-for-explicit"
    return crop


def _crop_cause(asked: Pads, other: Pads) -> str:
    """The cause of other crops: as much from another side, or other outputs added at the end."""
    if all(sum(a) == sum(b) for a, b in zip(asked, other, strict=True)):
        return "crop-side"
    beyond = all(a == b or (a[0] == b[0] and min(a[1], b[1]) < 0) for a, b in zip(asked, other, strict=True))
    return "output-padding" if beyond else AMOUNT


def paddings(
    case: Case, spelling: Spelling, changed: Reading, among: Collection[str] = CAUSES
) -> Iterator[tuple[tuple[str, ...], Pads]]:
    """Pads with the causes of each, up to two ``among`` some, under a reading that may have changed in everything else.

    No cause: as declared, or the rule resolved again. One: another rule, or a slip with the pads. Two:
    a slip with the pads that came of another mistake.
    """
    bases = _unnamed(case, spelling, changed)
    yield from (((), base) for base in bases)
    if not among:
        return
    single = list(_rules(case, spelling, changed))
    single += [slip for base in bases for slip in _slips(case, base)]
    single = [(cause, pads) for cause, pads in single if cause in among]
    yield from (((cause,), pads) for cause, pads in single)
    if len(among) < 2:
        return
    again = {pads: list(_slips(case, pads)) for pads in {pads for _, pads in single}}
    for first, pads in single:
        for second, twice in again[pads]:
            if second in among and second != first and twice != pads:
                yield (first, second), twice


def _resolved(case: Case, changed: Reading, rule: str) -> list[Pads]:
    """A rule's pads: under what has changed, and as whoever resolves it before anything else goes wrong."""
    kernel = case.kernel[::-1] if changed.swap else case.kernel
    by_rule = partial(crops_by_rule, spec=case.spec_of(rule)) if case.transposed else pads_by_rule
    found = [by_rule(rule, case.input, kernel, changed.stride, changed.dilation), case.pads_by(rule)]
    if changed.phased:  # space-to-batch resolves SAME before it strides
        found.append(pads_by_rule(rule, case.input, kernel, (1,) * case.rank, changed.dilation))
    return list(dict.fromkeys(found))


def _unnamed(case: Case, spelling: Spelling, changed: Reading) -> list[Pads]:
    """The pads that need no cause of their own: as declared, or the rule under what has changed."""
    found = [spelling.pads]
    if spelling.by_rule and isinstance(case.padding, str):
        found += _resolved(case, changed, case.padding)
    return list(dict.fromkeys(found))


def _rules(case: Case, spelling: Spelling, changed: Reading) -> Iterator[tuple[str, Pads]]:
    """The pads of a rule that was not asked for, with the cause."""
    if case.op == "pad":
        yield "pads-ignored", case.pads_by("valid")
        return
    pads = spelling.pads
    wrong = [("auto-pad-ignored" if spelling.by_rule else "pads-ignored", "valid")]
    if not spelling.by_rule or case.padding == "valid":
        wrong.insert(0, ("same-for-explicit", "same"))
    if case.padding == "same" or pads == case.pads_by("same"):
        wrong.append(("same-lower-for-upper", "same_lower"))
    if case.padding == "same_lower" or pads == case.pads_by("same_lower"):
        wrong.append(("same-upper-for-lower", "same"))
    if any(begin != end for begin, end in pads):
        wrong.append(("symmetric-for-asymmetric", "symmetric"))
    if spelling.converted and isinstance(case.padding, str):
        then = replace(case, input=spelling.converted)
        for resolved in _resolved(then, changed, case.padding):
            yield "size-frozen", resolved
            yield "size-frozen", _as_many(case, changed, changed._replace(pads=resolved).output_shape(then)[2:])
    for cause, rule in wrong:
        yield from ((cause, resolved) for resolved in _resolved(case, changed, rule))


def _as_many(case: Case, changed: Reading, output: Sizes) -> Pads:
    """The pads that a rule works out for so many windows: what is kept of a size may be their number alone."""
    lower, pads = case.padding == "same_lower", []
    for axis, count in zip(changed.axes(case), output, strict=True):
        total = max((count - 1) * axis.stride + axis.extent - axis.size, 0)
        pads.append(split_crop(total, lower))
    return tuple(pads)


def _slips(case: Case, pads: Pads) -> Iterator[tuple[str, Pads]]:
    """What becomes of pads by one mistake, with the cause."""
    yield "pads-begin-only", tuple((begin, 0) for begin, _ in pads)
    if case.transposed:
        yield "crop-side", tuple((end, begin) for begin, end in pads)
        if any(begin + end < 0 for begin, end in pads):
            yield from (("crop-side", tuple(split_crop(b + e, False, spec) for b, e in pads)) for spec in ("", "onnx"))
    if any(end < 0 for _, end in pads):
        yield "output-padding", tuple((max(begin, 0), max(end, 0)) for begin, end in pads)
    if case.output_padding:
        yield "output-padding", tuple((b, e + more) for (b, e), more in zip(pads, case.output_padding, strict=True))
        yield (
            "output-padding",
            tuple((b - more, e + more) for (b, e), more in zip(pads, case.output_padding, strict=True)),
        )
    if any(begin != end for begin, end in pads):
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


def begins(case: Case, spelling: Spelling, changed: Reading) -> tuple[range, ...]:
    """The begin pads of every axis that come into question: any named padding's, and every amount.

    They go from a crop of less than a stride up to the window's extent.
    """
    amounts = [amount for pair in (*spelling.pads, *case.pads) for amount in pair]
    extents = [axis.extent for axis in (*changed.axes(case), *case.asked)]
    largest = max(*amounts, *extents)
    strides = map(max, changed.stride, case.stride)
    return tuple(range(min(1 - stride, *amounts), largest + 1) for stride in strides)


def amounts(case: Case, changed: Reading, output: Sizes, chosen: Iterable[Sizes]) -> Iterator[Pads]:
    """For each choice of begin pads the end pads that an output of this size needs."""
    over = [replace(axis, begin=0) for axis in changed.axes(case)]
    if changed.phased:  # as many windows of stride 1 as reach the last one
        over = [replace(axis, stride=1) for axis in over]
        output = tuple(changed.start(axis, size - 1) + 1 for axis, size in enumerate(output))
    ends = [end for _, end in pads_for(over, output)]
    for first in chosen:
        pads = tuple((begin, end - begin) for begin, end in zip(first, ends, strict=True))
        yield pads if case.transposed else tuple((begin, max(end, 0)) for begin, end in pads)


def hypotheses(case: Case, spelling: Spelling, output: Sizes, screen: Screen | None = None) -> list[Hypothesis]:
    """Every reading that gives this spatial output size, the cheapest first: the faithful one has no cause.

    Of as many causes those come first that do with named paddings (``Hypothesis.cost``). ``screen``
    tells for a reading which begin pads are worth a look, whatever its pads; else all of them are.
    """
    faithful = declared(case, spelling)
    found: dict[Hypothesis, None] = {}
    for causes, changed in changes(case, faithful):
        if changed.bias_last and output[-1] != case.filters:
            continue
        chosen = product(*begins(case, spelling, changed)) if screen is None else screen(changed)
        likely = set(chosen)
        if not likely:
            continue
        named = list(paddings(case, spelling, changed))
        if len(causes) < 2:
            named += [((AMOUNT,), pads) for pads in amounts(case, changed, output, sorted(likely))]
        fitting: dict[Pads, Reading | None] = {}
        for more, pads in named:
            if pads not in fitting:
                how = changed._replace(pads=pads) if tuple(begin for begin, _ in pads) in likely else None
                fitting[pads] = how if how and how.output_shape(case)[2:] == output else None
            how, together = fitting[pads], (*more, *causes)
            if how and (how != faithful or not together) and len(set(together)) == len(together) <= MOST:
                found[Hypothesis(tuple(sorted(together, key=ORDER.__getitem__)), how)] = None
    return sorted(found, key=lambda one: (one.cost, len(one.causes)))


def under(case: Case, spelling: Spelling, causes: Collection[str]) -> list[Reading]:
    """The readings that exactly these causes lead to, amounts of padding without a rule left out."""
    found: dict[Reading, None] = {}
    for some, changed in changes(case, declared(case, spelling), causes):
        left = [cause for cause in causes if cause not in some]
        for more, pads in paddings(case, spelling, changed, left):
            if len(more) == len(left):
                found[changed._replace(pads=pads)] = None
    return list(found)


def names(case: Case, spelling: Spelling) -> list[str]:
    """The causes that come into question for a case, in the order of the closed list."""
    faithful = declared(case, spelling)
    found = {AMOUNT, *(cause for causes, _ in changes(case, faithful) for cause in causes)}
    found |= {cause for causes, pads in paddings(case, spelling, faithful) for cause in causes if pads != spelling.pads}
    return sorted(found, key=ORDER.__getitem__)


def sizes(case: Case, spelling: Spelling) -> set[Sizes]:
    """The spatial output sizes that a named padding gives, with up to one other change."""
    windows = {
        (changed.stride, changed.dilation, changed.swap, changed.phased, changed.rounding): changed
        for causes, changed in changes(case, declared(case, spelling))
        if len(causes) < 2 and not (changed.flip or changed.interleave or changed.bias_last)
    }
    found = {
        changed._replace(pads=pads).output_shape(case)[2:]
        for changed in windows.values()
        for pads in {pads for _, pads in paddings(case, spelling, changed)}
    }
    return {size for size in found if min(size) > 0}


def changes(
    case: Case, faithful: Reading, among: Collection[str] = CAUSES
) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """Every combination of changes besides the padding's whose causes are ``among`` some, none of them included."""
    if case.op == "pad":
        yield from _pad_changes(faithful, among)
        return
    if case.pool:
        yield from _pool_changes(case, faithful, among)
        return
    dilations: list[tuple[str, Sizes]] = [("", case.dilation)]
    if max(case.dilation) > 1:
        dilations.append(("dilation-ignored", (1,) * case.rank))
    if len(set(case.dilation)) > 1:
        dilations.append(("dilation-first-axis", (case.dilation[0],) * case.rank))
    strides: list[tuple[str, Sizes]] = [("", case.stride)]
    if len(set(case.stride)) > 1:
        strides.append(("stride-first-axis", (case.stride[0],) * case.rank))
    phases = [("", False)]
    if max(case.dilation) > 1 and max(case.stride) > 1 and not case.transposed:
        phases.append(("dilation-with-stride", True))
    flips = [("", False), ("kernel-flipped", True)] if max(case.kernel) > 1 else [("", False)]
    swaps = [("", False), ("axes-swapped", True)] if case.rank > 1 else [("", False)]
    orders = [("", False), ("group-order", True)] if case.groups > 1 else [("", False)]
    biases = [("", case.bias, False)]
    if case.bias:
        biases.append(("bias-dropped", False, False))
    if case.bias and case.filters > 1:
        biases.append(("layout", True, True))
    for (d, dilation), (s, stride), (p, phased), (k, flip), (a, swap), (g, interleave), (b, bias, last) in product(
        _among(among, dilations),
        _among(among, strides),
        _among(among, phases),
        _among(among, flips),
        _among(among, swaps),
        _among(among, orders),
        _among(among, biases),
    ):
        causes = tuple(filter(None, (d, s, p, k, a, g, b)))
        if len(causes) <= MOST and not (phased and d == "dilation-ignored"):
            yield causes, Reading(faithful.pads, stride, dilation, bias, flip, swap, interleave, phased, last)
    if case.op == "conv":
        yield from _modes(faithful, among)


def _among(causes: Collection[str], options: Iterable[Option]) -> list[Option]:
    """The options whose cause, their first item, is among some, and those that need none."""
    return [option for option in options if not option[0] or option[0] in causes]


def _modes(faithful: Reading, among: Collection[str]) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """What the padding repeats instead of what it should, all else right."""
    if "pad-mode" in among:
        yield from ((("pad-mode",), faithful._replace(mode=mode)) for mode in MODES if mode != faithful.mode)


def _pad_changes(faithful: Reading, among: Collection[str]) -> Iterator[tuple[tuple[str, ...], Reading]]:
    """What a pad can do otherwise: what it repeats, its value."""
    yield (), faithful
    if faithful.mode == "constant" and faithful.fill and "pad-value" in among:
        yield ("pad-value",), faithful._replace(fill=0.0)
    yield from _modes(faithful, among)


def _pool_changes(case: Case, faithful: Reading, among: Collection[str]) -> Iterator[tuple[tuple[str, ...], Reading]]:
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
        if any(isinstance(axis, Axis) and axis.output > 0 and axis.lonely for axis in faithful.axes(case)):
            values.append(("pad-value", {"fill": LOWEST[case.dtype]}))
    else:
        counted = case.count_include_pad
        values.append(("pad-not-counted" if counted else "pad-counted", {"counted": not counted}))
        values.append(("pad-counted", {"overhang": True}))
    roundings: list[tuple[str, dict[str, Any]]] = [("", {})]
    roundings.append(("ceil-mode", {"rounding": "ceil" if faithful.rounding == "floor" else "floor"}))
    roundings.append(("last-window", {"rounding": "keep"}))
    for changes in product(*(_among(among, options) for options in (windows, strides, values, roundings))):
        fields = {name: value for _, change in changes for name, value in change.items()}
        yield tuple(cause for cause, _ in changes if cause), faithful._replace(**fields)
    yield from _modes(faithful, among)


def changed(asked: Reading, found: Reading) -> dict[str, Any]:
    """What of a reading is not as asked for, besides the pads, by the names of its fields."""
    return {name: value for name, value in found._asdict().items() if name != "pads" and value != getattr(asked, name)}


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
    if found.mode != asked.mode:
        parts.append(f"{found.mode} padding where {asked.mode} is asked for")
    elif found.fill != asked.fill and found.mode == "constant":
        parts.append(f"{found.fill:g} as padding where {asked.fill:g} is asked for")
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
