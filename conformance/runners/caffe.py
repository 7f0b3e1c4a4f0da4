"""Caffe: a case as prototxt. There is no runner: Caffe is not to be had, so its layers' meaning is tested.

The rules, from Caffe's sources:

============= ======================================================================== ===================
layer         output                                                                   source
============= ======================================================================== ===================
Convolution   ``(size + 2 * pad - extent) // stride + 1``                              conv_layer.cpp
Deconvolution ``stride * (size - 1) + extent - 2 * pad``                               deconv_layer.cpp
Pooling       ``ceil((size + 2 * pad - kernel) / stride) + 1``, with a pad one less    pooling_layer.cpp
              where the last window would start in the end pad; ``pad < kernel``; two
              axes; ``round_mode: FLOOR`` rounds down; an average counts the padding
Slice         cuts a blob at ``slice_point`` along ``axis``                            slice_layer.cpp
============= ======================================================================== ===================

A layer has one ``pad`` for both sides of an axis. Where other pads are asked for, a convolution
is given more of them, a multiple of the stride at the beginning, and the outputs too many are cut off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence, Tuple

from conformance.domain.case import Case
from conformance.domain.geometry import Axis, Sizes, canonical, same_elements
from conformance.domain.records import Spelling

Cut = Tuple[int, int]
"""Outputs that are cut off at the beginning and at the end of an axis."""


def layer(kind: str, name: str, bottom: str, tops: List[str], block: str = "", lines: Sequence[str] = ()) -> str:
    """One layer of a prototxt."""
    head = [f'  name: "{name}"', f'  type: "{kind}"', f'  bottom: "{bottom}"', *(f'  top: "{top}"' for top in tops)]
    body = [f"  {block} {{", *(f"    {line}" for line in lines), "  }"] if block else []
    return "\n".join(["layer {", *head, *body, "}"])


def per_axis(name: str, values: Sizes, least: int = 1) -> List[str]:
    """A repeated field: once where all axes agree, left out where it is the default."""
    if set(values) == {least}:
        return []
    return [f"{name}: {value}" for value in (values[:1] if len(set(values)) == 1 else values)]


def in_plane(name: str, values: Sizes, least: int) -> List[str]:
    """A field of ``Pooling``, or its two halves."""
    if len(set(values)) == 1:
        return [f"{name}: {values[0]}"] if values[0] != least else []
    stem = name.replace("_size", "")
    return [f"{stem}_h: {values[0]}", f"{stem}_w: {values[1]}"]


def prototxt(case: Case) -> Optional[Spelling]:
    """The layers of a case, from blob ``x`` to blob ``y``; None where Caffe has none."""
    if case.pool:
        return pooling(case)
    if case.transposed:
        pads = tuple(min(begin, end) for begin, end in case.pads)
        if min(pads) < 0:
            return None
        cuts = tuple((begin - pad, end - pad) for (begin, end), pad in zip(case.pads, pads))
    else:
        found = [wider(axis) for axis in case.asked if isinstance(axis, Axis)]
        pads, cuts = tuple(pad for pad, _ in found), tuple(cut for _, cut in found)
    parameters = [
        f"num_output: {case.filters}",
        *([] if case.bias else ["bias_term: false"]),
        *per_axis("pad", pads, 0),
        *(per_axis("kernel_size", case.kernel) or ["kernel_size: 1"]),
        *per_axis("stride", case.stride),
        *per_axis("dilation", case.dilation),
        *([f"group: {case.groups}"] if case.groups > 1 else []),
    ]
    kind = "Deconvolution" if case.transposed else "Convolution"
    whole = case.output(tuple((pad, pad) for pad in pads))
    return Spelling(case.pads, cut(kind, "convolution_param", parameters, cuts, whole))


def wider(axis: Axis) -> Tuple[int, Cut]:
    """The smallest equal pads whose windows hold all that are asked for, and the windows too many."""
    pad, first = axis.begin, 0
    needed = axis.canonical()[1]
    if not same_elements([axis], [replace(axis, begin=pad, end=pad)]):
        while pad < needed:
            pad, first = pad + axis.stride, first + 1
    count = replace(axis, begin=pad, end=pad).output
    return pad, (first, count - first - axis.output)


def pooling(case: Case) -> Optional[Spelling]:
    """``Pooling``: two axes, no dilation, an average that counts its padding; None where that is not asked for."""
    if case.rank != 2 or max(case.dilation) > 1:
        return None
    averaged = case.op == "avg_pool"
    uncut: Tuple[Cut, ...] = ((0, 0), (0, 0))
    for rounding in ("FLOOR", "CEIL"):
        meant = replace(case, count_include_pad=averaged, ceil_mode=rounding == "CEIL")
        for pads in (tuple(begin for begin, _ in pairs) for pairs in (case.pads, canonical(case.asked))):
            alike = same_elements(case.asked, meant.axes(tuple((pad, pad) for pad in pads)))
            late = rounding == "CEIL" and not any(pads) and beyond(meant)
            if alike and not late and all(pad < kernel for pad, kernel in zip(pads, case.kernel)):
                return pooled(case, pads, rounding, uncut)
    found = [wider(replace(axis, rounding="floor")) for axis in case.asked if isinstance(axis, Axis)]
    pads = tuple(pad for pad, _ in found)
    if averaged or case.ceil_mode or any(pad >= kernel for pad, kernel in zip(pads, case.kernel)):
        return None
    return pooled(case, pads, "FLOOR", tuple(cut for _, cut in found))


def pooled(case: Case, pads: Sizes, rounding: str, cuts: Tuple[Cut, ...]) -> Spelling:
    """A ``Pooling`` layer with these pads, and what is cut off its outputs."""
    parameters = [
        f"pool: {'MAX' if case.op == 'max_pool' else 'AVE'}",
        *in_plane("kernel_size", case.kernel, 0),
        *in_plane("stride", case.stride, 1),
        *in_plane("pad", pads, 0),
        f"round_mode: {rounding}",
    ]
    whole = tuple(axis.output for axis in replace(case, ceil_mode=False).axes(tuple((pad, pad) for pad in pads)))
    return Spelling(case.pads, cut("Pooling", "pooling_param", parameters, cuts, whole))


def beyond(case: Case) -> bool:
    """Whether a window would start behind the input, which Caffe lets it where there are no pads."""
    return any(-(-(axis.size - axis.extent) // axis.stride) * axis.stride >= axis.size for axis in case.asked)


def cut(kind: str, block: str, parameters: List[str], cuts: Tuple[Cut, ...], whole: Sizes) -> str:
    """A layer to ``y``, the outputs too many sliced off and silenced."""
    steps = [(axis, before, after) for axis, (before, after) in enumerate(cuts, start=2) if before or after]
    name = kind.lower()
    blob = name if steps else "y"
    layers = [layer(kind, name, "x", [blob], block, parameters)]
    unused: List[str] = []
    for axis, before, after in steps:
        target = "y" if axis == steps[-1][0] else f"sliced_{axis}"
        first, last = [f"before_{axis}"] * bool(before), [f"after_{axis}"] * bool(after)
        points = [before] * bool(before) + [whole[axis - 2] - after] * bool(after)
        lines = [f"axis: {axis}", *(f"slice_point: {point}" for point in points)]
        layers.append(layer("Slice", f"slice_{axis}", blob, [*first, target, *last], "slice_param", lines))
        unused += first + last
        blob = target
    layers += [layer("Silence", f"silence_{top}", top, []) for top in unused]
    return "\n".join(layers)
