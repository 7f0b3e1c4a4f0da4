"""Wrong implementations as functions of any case: what a set of cases has to see.

``hypotheses`` explains one output; this lists whole implementations that each have one mistake, and
give the right answer wherever that mistake has nothing to bite on. Every cause of ``domain.causes``
is here for every operator that it can apply to, but for ``dtype``, ``precision`` and ``non-finite``,
which are no geometry and show in an output by themselves, and ``unattributed``, which is no cause. A
max pool has no edge repeated as ``pad-mode``, which is no new maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from conformance.domain.case import OPS, Case
from conformance.domain.geometry import Pads, split_crop
from conformance.domain.tensors import Data
from conformance.oracle import Reading, Reference, compute, reading

CONV, TRANSPOSED, MAX, AVERAGE, PAD = OPS
CONVS, POOLS, WINDOWS = (CONV, TRANSPOSED), (MAX, AVERAGE), (CONV, MAX, AVERAGE)
RULED = (CONV, TRANSPOSED, MAX, AVERAGE)
"""The operators with a kernel, and so with paddings that have a name."""

BESIDE_PADDING = {"kernel-flipped", "axes-swapped", "layout", "group-order", "bias-dropped", "output-shape"}
"""Causes that say nothing of which elements a window reads."""

Change = Callable[[Case, Pads], Pads]
"""Other pads than those given; of a transposed convolution the crop, output padding apart."""


def asked(case: Case) -> Reading:
    """The reading that a case asks for."""
    return reading(case, case.pads)


def _as_given(case: Case, data: Data) -> tuple[Case, Data]:
    return case, data


def _as_computed(case: Case, output: Reference) -> Reference:
    return output


@dataclass(frozen=True)
class Wrong:
    """An implementation with one mistake, whose name says what it does.

    It computes the reading ``read`` of what ``before`` makes of a case and its data, and gives what
    ``after`` makes of that.
    """

    name: str
    cause: str
    ops: tuple[str, ...]
    read: Callable[[Case], Reading] = asked
    before: Callable[[Case, Data], tuple[Case, Data]] = field(default=_as_given)
    after: Callable[[Case, Reference], Reference] = field(default=_as_computed)

    @property
    def of_padding(self) -> bool:
        """Whether the mistake is about which elements a window reads."""
        return self.cause not in BESIDE_PADDING

    def reading(self, case: Case) -> Reading | None:
        """The reading, where there is nothing more to it."""
        return self.read(case) if (self.before, self.after) == (_as_given, _as_computed) else None

    def output(self, case: Case, data: Data) -> Reference | None:
        """What it answers, ``N O spatial…`` or another shape; None where it has no output to give."""
        case, data = self.before(case, data)
        found = output(case, data, self.read(case))
        return None if found is None else self.after(case, found)


def output(case: Case, data: Data, how: Reading) -> Reference | None:
    """The output of a reading; None where its kernel does not fit."""
    if min(how.output_shape(case)) < 1:
        return None
    with np.errstate(all="ignore"):  # a window of padding only: no maximum, and a mean of nothing
        return compute(case, data, how)


# Pads.


def _pads(change: Change) -> Callable[[Case], Reading]:
    """The reading with changed pads."""

    def read(case: Case) -> Reading:
        more = case.output_padding or (0,) * case.rank
        written = tuple((begin, end + extra) for (begin, end), extra in zip(case.pads, more, strict=True))
        changed = change(case, written)
        return reading(case, tuple((begin, end - extra) for (begin, end), extra in zip(changed, more, strict=True)))

    return read


def _each(change: Callable[[int, int], tuple[int, int]]) -> Change:
    """The same change of every axis' two pads."""
    return lambda case, pads: tuple(change(begin, end) for begin, end in pads)


def _named(change: Change, *rules: str) -> Change:
    """A change where the padding is one of these rules' names, or with none given any name, and gives the size."""

    def changed(case: Case, pads: Pads) -> Pads:
        by_rule = case.padding in rules if rules else isinstance(case.padding, str)
        return change(case, pads) if by_rule and not case.output_shape else pads

    return changed


def _numbers(change: Change) -> Change:
    """A change where the padding is written as numbers."""
    return lambda case, pads: pads if isinstance(case.padding, str) else change(case, pads)


def _rule(rule: str) -> Change:
    """The pads of another rule."""
    return lambda case, pads: case.pads_by(rule)


def _again(**fields: Callable[[Case], tuple[int, ...]]) -> Change:
    """The rule that a case names, resolved for other sizes."""

    def change(case: Case, pads: Pads) -> Pads:
        other: dict[str, Any] = {name: value(case) for name, value in fields.items()}
        return replace(case, **other).pads_by(str(case.padding))

    return change


def _ones(case: Case) -> tuple[int, ...]:
    return (1,) * case.rank


def _divisible(case: Case) -> tuple[int, ...]:
    return tuple(-(-size // stride) * stride for size, stride in zip(case.input, case.stride, strict=True))


def _other_side(rule: str, lower: bool) -> Change:
    """The odd pixel of one rule on a side; of a transposed convolution's output shape too."""
    split = _each(lambda begin, end: split_crop(begin + end, lower))
    return lambda case, pads: split(case, pads) if case.padding == rule else pads


def _half_kernels(case: Case, pads: Pads) -> Pads:
    return tuple((kernel // 2, kernel // 2) for kernel in case.kernel)


def _flat_as_pairs(case: Case, pads: Pads) -> Pads:
    flat = [begin for begin, _ in pads] + [end for _, end in pads]
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _pairs_as_flat(case: Case, pads: Pads) -> Pads:
    flat = [amount for pair in pads for amount in pair]
    return tuple(zip(flat[: len(pads)], flat[len(pads) :], strict=True))


def _where_padded(begin_more: int, end_more: int) -> Change:
    """One more or less on one side of every axis that is padded; a pad stays at 0 or more."""

    def changed(begin: int, end: int) -> tuple[int, int]:
        if not (begin or end):
            return begin, end
        return max(begin + begin_more, min(begin, 0)), max(end + end_more, min(end, 0))

    return _each(changed)


def _cropping_same(case: Case, pads: Pads) -> Pads:
    """SAME without its ``max(…, 0)``: a stride beyond the kernel crops, as ONNX Runtime's ComputePad does."""
    found = []
    for axis, pair in zip(case.asked, pads, strict=True):
        total = axis.extent - (axis.size % axis.stride or axis.stride)
        half = -(-total // 2)
        crop = (half, total - half) if case.padding == "same" else (total - half, half)
        found.append(crop if total < 0 else pair)
    return tuple(found)


def _positive_same(case: Case, pads: Pads) -> Pads:
    """SAME with the total's size instead of its ``max(…, 0)``: a stride beyond the kernel pads."""
    found = []
    for axis, pair in zip(case.asked, pads, strict=True):
        total = (axis.size % axis.stride or axis.stride) - axis.extent
        half = (total // 2, total - total // 2)
        found.append((half if case.padding == "same" else half[::-1]) if total > 0 else pair)
    return tuple(found)


def _of_convolution(case: Case, pads: Pads) -> Pads:
    return replace(case, op=CONV).pads_by(str(case.padding))


PADDINGS: dict[str, tuple[str, tuple[str, ...], Change]] = {
    "SAME as d(k-1)//2 on both sides": (
        "symmetric-for-asymmetric",
        RULED,
        _named(_rule("symmetric"), "same", "same_lower", "fixed"),
    ),
    "begin pads on both sides": ("symmetric-for-asymmetric", OPS, _each(lambda b, e: (b, b))),
    "end pads on both sides": ("symmetric-for-asymmetric", OPS, _each(lambda b, e: (e, e))),
    "the larger pad on both sides": ("symmetric-for-asymmetric", OPS, _each(lambda b, e: (max(b, e), max(b, e)))),
    "half the total on both sides": ("symmetric-for-asymmetric", OPS, _each(lambda b, e: ((b + e) // 2, (b + e) // 2))),
    "SAME_LOWER for SAME_UPPER": ("same-lower-for-upper", RULED, _other_side("same", lower=True)),
    "SAME_UPPER for SAME_LOWER": ("same-upper-for-lower", RULED, _other_side("same_lower", lower=False)),
    "no pads for a rule's name": ("auto-pad-ignored", RULED, _named(_each(lambda b, e: (0, 0)))),
    "no pads for numbers": ("pads-ignored", OPS, _numbers(_each(lambda b, e: (0, 0)))),
    "begin pads only": ("pads-begin-only", OPS, _each(lambda b, e: (b, 0))),
    "end pads only": ("pad-amount", OPS, _each(lambda b, e: (0, e))),
    "pads with axes reversed": ("pads-axis-order", OPS, lambda case, pads: pads[::-1]),
    "begins then ends read as pairs": ("pads-axis-order", OPS, _flat_as_pairs),
    "pairs read as begins then ends": ("pads-axis-order", OPS, _pairs_as_flat),
    "begin and end pads exchanged": ("pads-axis-order", WINDOWS, _numbers(_each(lambda b, e: (e, b)))),
    "crop on the other side": ("crop-side", (TRANSPOSED,), _numbers(_each(lambda b, e: (e, b)))),
    "SAME for numbers": ("same-for-explicit", RULED, _numbers(_rule("same"))),
    "SAME for valid": ("same-for-explicit", RULED, _named(_rule("same"), "valid")),
    "SAME for fixed": ("same-for-explicit", WINDOWS, _named(_rule("same"), "fixed")),
    "SAME for causal": ("same-for-explicit", (CONV,), _named(_rule("same"), "causal")),
    "k//2 on both sides for a rule's name": ("pad-amount", RULED, _named(_half_kernels)),
    "begin pad too large by one": ("pad-amount", OPS, _where_padded(1, 0)),
    "begin pad too small by one": ("pad-amount", OPS, _where_padded(-1, 0)),
    "end pad too large by one": ("pad-amount", OPS, _where_padded(0, 1)),
    "end pad too small by one": ("pad-amount", OPS, _where_padded(0, -1)),
    "SAME of a size that the stride divides": (
        "size-frozen",
        WINDOWS,
        _named(_again(input=_divisible), "same", "same_lower"),
    ),
    "SAME of a size larger by one": (
        "size-frozen",
        WINDOWS,
        _named(_again(input=lambda case: tuple(size + 1 for size in case.input)), "same", "same_lower"),
    ),
    "SAME of stride 1": ("pad-amount", RULED, _named(_again(stride=_ones), "same", "same_lower")),
    "a rule without the dilation": ("pad-amount", RULED, _named(_again(dilation=_ones))),
    "SAME that crops beyond the kernel": ("pad-amount", WINDOWS, _named(_cropping_same, "same", "same_lower")),
    "SAME that pads where there is too much already": (
        "pad-amount",
        WINDOWS,
        _named(_positive_same, "same", "same_lower"),
    ),
    "SAME of a convolution": ("pad-amount", (TRANSPOSED,), _named(_of_convolution, "same", "same_lower")),
    "SAME that adds nothing": (
        "pad-amount",
        (TRANSPOSED,),
        _named(_each(lambda b, e: (b, max(e, 0))), "same", "same_lower"),
    ),
}
"""Other pads, all else right: name -> cause, operators, and the pads."""


# Everything else.


def _with(**fields: Any) -> Callable[[Case], Reading]:
    """The asked reading with other fields, each a value or a function of the case."""
    return lambda case: asked(case)._replace(
        **{name: value(case) if callable(value) else value for name, value in fields.items()}
    )


def _undilated(case: Case) -> Reading:
    return _pads(_named(_again(dilation=_ones)))(case)._replace(dilation=_ones(case))


def _phased(case: Case) -> Reading:
    return asked(case)._replace(phased=max(case.stride) > 1 < max(case.dilation))


def _bias_last(case: Case) -> Reading:
    fits = case.bias and case.asked[-1].output == case.filters
    return asked(case)._replace(bias_last=fits)


def _without_output_padding(case: Case) -> Reading:
    if not case.output_padding:
        return asked(case)
    return reading(case, tuple((b, e + more) for (b, e), more in zip(case.pads, case.output_padding, strict=True)))


def _output_padding_first(case: Case) -> Reading:
    if not case.output_padding:
        return asked(case)
    pads = zip(case.pads, case.output_padding, strict=True)
    return reading(case, tuple((begin - more, end + more) for (begin, end), more in pads))


def _zeros_at_the_end(case: Case, output: Reference) -> Reference:
    more = case.output_padding or (0,) * case.rank
    return np.pad(output, [(0, 0), (0, 0), *((0, extra) for extra in more)])


def _without_output_shape(case: Case) -> Reading:
    return reading(case, replace(case, output_shape=()).pads)


def _channels_last(case: Case, data: Data) -> tuple[Case, Data]:
    taken = np.moveaxis(data.input, 1, -1).reshape(data.input.shape)
    return case, data._replace(input=taken)


def _filters_last(case: Case, data: Data) -> tuple[Case, Data]:
    return case, data._replace(weights=np.moveaxis(data.weights, 0, -1).reshape(data.weights.shape))


OTHERS = (
    Wrong(
        "no dilation",
        "dilation-ignored",
        RULED,
        _with(dilation=_ones),
    ),
    Wrong("no dilation, in a rule's pads neither", "dilation-ignored", RULED, _undilated),
    Wrong(
        "the first axis' dilation on all",
        "dilation-first-axis",
        RULED,
        _with(dilation=lambda case: (case.dilation[0],) * case.rank),
    ),
    Wrong("the stride within each phase of the dilation", "dilation-with-stride", (CONV,), _phased),
    Wrong(
        "the first axis' stride on all",
        "stride-first-axis",
        RULED,
        _with(stride=lambda case: (case.stride[0],) * case.rank),
    ),
    Wrong("kernel reversed", "kernel-flipped", CONVS, _with(flip=True)),
    Wrong("kernel axes reversed", "axes-swapped", RULED, _with(swap=lambda case: case.rank > 1)),
    Wrong("no bias", "bias-dropped", CONVS, _with(bias=False)),
    Wrong("bias along the width", "layout", CONVS, _bias_last),
    Wrong("channels-last data taken for channels first", "layout", OPS, before=_channels_last),
    Wrong("filters-last weights taken for filters first", "layout", CONVS, before=_filters_last),
    Wrong(
        "channels-last output",
        "layout",
        OPS,
        after=lambda case, output: np.moveaxis(output, 1, -1),
    ),
    Wrong("groups interleaved", "group-order", CONVS, _with(interleave=lambda case: case.groups > 1)),
    Wrong("output flattened", "output-shape", OPS, after=lambda case, output: output.reshape(len(output), -1)),
    Wrong("output_shape ignored", "output-shape", (TRANSPOSED,), _without_output_shape),
    Wrong("zeros as a max pool's padding", "pad-value", (MAX,), _with(fill=0.0)),
    Wrong("edges repeated as padding", "pad-mode", (CONV, AVERAGE, PAD), _with(mode="edge")),
    *(
        Wrong(f"{what} as padding", "pad-mode", (*WINDOWS, PAD), _with(mode=mode))
        for mode, what in (
            ("reflect", "the input mirrored at its ends"),
            ("symmetric", "the input mirrored, its ends repeated,"),
            ("circular", "the input's other end"),
        )
    ),
    Wrong("a value for what is repeated", "pad-mode", (PAD,), _with(mode="constant")),
    Wrong("zeros for a pad's value", "pad-value", (PAD,), _with(fill=0.0)),
    Wrong("padding counted", "pad-counted", (AVERAGE,), _with(counted=True)),
    Wrong(
        "what lies beyond the padding counted",
        "pad-counted",
        (AVERAGE,),
        _with(overhang=lambda case: case.count_include_pad),
    ),
    Wrong("padding not counted", "pad-not-counted", (AVERAGE,), _with(counted=False)),
    Wrong("ceil for floor", "ceil-mode", POOLS, _with(rounding="ceil")),
    Wrong("floor for ceil", "ceil-mode", POOLS, _with(rounding="floor")),
    Wrong(
        "a window that starts in the end pad kept",
        "last-window",
        POOLS,
        _with(rounding=lambda case: "keep" if case.ceil_mode else "floor"),
    ),
    Wrong("no output padding", "output-padding", (TRANSPOSED,), _without_output_padding),
    Wrong("output padding at the beginning", "output-padding", (TRANSPOSED,), _output_padding_first),
    Wrong("zeros as output padding", "output-padding", (TRANSPOSED,), _without_output_padding, after=_zeros_at_the_end),
)
"""Mistakes beside the pads."""

CATALOGUE = (*(Wrong(name, cause, ops, _pads(change)) for name, (cause, ops, change) in PADDINGS.items()), *OTHERS)
"""Every wrong implementation."""
