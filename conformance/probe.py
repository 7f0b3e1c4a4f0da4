"""The geometry that an implementation really uses, read from executions alone.

A probe's data are impulses and distinct weights (``domain.case.Basis``): the outputs are the columns
of the operator's matrix, and every entry names the weight through which an output sees an element.
From them follow, in integers and without any assumption about paddings, the pads, the stride, the
dilation, the order and direction of the kernel's axes, the map of channels and groups, the bias; of
pools the window, the padding's value and the divisor. What was read is then computed forwards by the
reference and has to give the measured outputs again, all of them: else it is no such geometry, and
the first output that differs is the counterexample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations, product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance import oracle
from conformance.domain.case import INTEGERS, Basis, Case
from conformance.domain.geometry import MODES, AnyAxis, Axis, Sizes, canonical, pads_for
from conformance.domain.records import Job, Key, Outcome
from conformance.domain.tensors import Data, tensors, typed
from conformance.errors import InputError
from conformance.oracle import Reading

Array = NDArray[Any]

Like = Callable[[Job, Case], "Job | None"]
"""The job of another case in the same variant; None where that does not apply."""

SMALLER = 100
"""Inputs that are looked at for a smaller counterexample."""

MOST = 24
"""Answers for one axis that are tried, where small inputs leave some open, and ``TRIED`` of all axes together."""

TRIED = 500

LIMIT = 2**24
"""Elements that the inputs and outputs of one probe may have: 64 MiB of float32 each way at most."""


@dataclass(frozen=True)
class Seen:
    """One axis as it was read: pads canonical; None where no window of this case can tell."""

    begin: int
    end: int
    stride: int | None
    dilation: int | None
    flipped: bool | None
    kernel_axis: int | None


@dataclass(frozen=True)
class Found:
    """What the executions say. ``problem`` tells why it is no such geometry, with the counterexample."""

    case: Case
    executions: int
    whole: bool
    axes: tuple[Seen, ...] = ()
    reading: Reading | None = None
    channels: str = ""
    bias: str = ""
    fill: float | None = None
    mode: str = ""
    divisor: str = ""
    windows: str = ""
    problem: str = ""


class InexpressibleError(Exception):
    """The outputs are those of no geometry; says which output contradicts it."""


def cases(case: Case) -> list[Case]:
    """The probes of a case: its own channels, groups and filters, and as few executions as tell its weights apart.

    Where the case is too large, its axes are shortened to the same remainder by the stride, and of the
    channels only the first and the last of the first and last group get impulses.
    """
    small = replace(case, data=Basis(()), expect=type(case.expect)())
    columns = _columns(small)
    if _elements(small, len(columns)) > LIMIT:
        small = shortened(small)
        columns = _columns(small)
    inner, group = prod(small.input), small.channels // small.groups
    for some in ({0, group - 1, small.channels - group, small.channels - 1}, {0, small.channels - 1}, {0}):
        if _elements(small, len(columns)) > LIMIT:
            columns = [channel * inner + place for channel in sorted(some) for place in range(inner)]
    if _elements(small, len(columns)) > LIMIT:
        size = _elements(small, len(columns))
        raise InputError(
            f"{case.id}: a probe of {size} elements; allowed: up to {LIMIT}, with fewer channels or filters"
        )
    base = INTEGERS[case.dtype] // 2
    digits, count = 1, prod(case.weight_shape)
    while case.weighted and base**digits < count:
        digits += 1
    return [
        replace(small, id=f"{case.id}@probe{digit}", batch=len(columns) + 1, data=Basis(tuple(columns), digit))
        for digit in range(digits)
    ]


def jobs(job: Job, like: Like) -> list[Job]:
    """The probes of a job in its variant; ``InputError`` where it is too large, or does not write their sizes."""
    found = [like(job, small) for small in cases(job.case)]
    if None in found:
        raise InputError(f"{job.case.id}: {job.runner}/{job.variant} does not apply to a probe of this case")
    return [one for one in found if one is not None]


def read(probes: Sequence[Job], outcomes: Mapping[Key, Outcome]) -> Found | Outcome:
    """What the outcomes of a job's probes say; the first outcome that is no output, where there is one."""
    ended = [outcomes[probe.key] for probe in probes]
    failed = next((outcome for outcome in ended if outcome.kind != "completed"), None)
    return failed or conclude([probe.case for probe in probes], [typed(outcome.output)[0] for outcome in ended])


def _columns(case: Case) -> list[int]:
    return list(range(prod(case.input_shape[1:])))


def _elements(case: Case, columns: int) -> int:
    return (columns + 1) * (prod(case.input_shape[1:]) + case.filters * prod(case.output(case.pads)))


def shortened(case: Case) -> Case:
    """The case with inputs that are shorter by whole strides; its padding, where it is a rule, stays the same."""
    sizes = []
    for axis in case.asked:
        period = axis.stride if not case.transposed else 1
        least = 2 * (axis.extent + axis.stride) + max(axis.begin, 0) + max(axis.end, 0)
        sizes.append(axis.size - max(axis.size - least, 0) // period * period)
    return replace(case, input=tuple(sizes), output_shape=()) if not case.output_shape else case


def conclude(probes: Sequence[Case], outputs: Sequence[Array]) -> Found:
    """What the outputs of a case's probes say; shapes are ``N O spatial…`` with a sample for each impulse."""
    case = probes[0]
    whole = len(_columns(case)) == case.batch - 1
    try:
        read = _layer if case.weighted else _pool if case.pool else _pad
        return read(probes, outputs, Found(case, len(probes), whole))
    except InexpressibleError as error:
        return Found(case, len(probes), whole, problem=str(error))


def smaller(case: Case) -> Iterator[Case]:
    """The cases like this one with smaller inputs, the smallest first: where to look for a smaller counterexample."""
    sizes = sorted(product(*(range(1, size + 1) for size in case.input)), key=lambda size: (prod(size), size))
    for size in sizes[:SMALLER]:
        name = f"{case.id}@{'x'.join(map(str, size))}"
        small = replace(case, id=name, input=size, output_shape=())
        fits = size != case.input and small.unanswered is None
        if fits and _elements(small, prod(small.input_shape[1:])) <= LIMIT:
            yield small


def nameless(found: Found) -> str:
    """What of a geometry has no name among the causes: axes of their own, or a map of channels."""
    parts = []
    for number, axis in enumerate(found.axes):
        if axis.flipped:
            parts.append(f"the kernel reversed on axis {number}")
        if axis.kernel_axis not in (None, number):
            parts.append(f"the kernel's axis {axis.kernel_axis} along axis {number}")
    if found.channels != "as asked":
        parts.append(found.channels)
    if found.case.op == "pad":
        parts.append(found.windows)
    return "; ".join(parts)


def _layer(probes: Sequence[Case], outputs: Sequence[Array], found: Found) -> Found:
    """A convolution or a transposed one."""
    case = probes[0]
    shape = (case.batch, case.filters)
    for output in outputs:
        if output.ndim != case.rank + 2 or output.shape[:2] != shape:
            raise InexpressibleError(f"outputs of shape {output.shape}, where {shape} and {case.rank} axes are due")
        if not (np.isfinite(output).all() and (output == np.rint(output)).all()):
            raise InexpressibleError("outputs that are no integers, for integer inputs and weights")
    base = INTEGERS[case.dtype] // 2
    entries = sum(
        np.where(output[1:] == output[:1], 0, output[1:] - output[:1] - 1).astype(np.int64) * base**digit
        for digit, output in enumerate(outputs)
    ) + (outputs[0][1:] != outputs[0][:1])
    seen = np.argwhere(entries)
    numbers = entries[tuple(seen.T)] - 1
    if not len(seen):
        raise InexpressibleError("no output depends on any element of the input")
    wrong = (numbers < 0) | (numbers >= prod(case.weight_shape))
    if wrong.any():
        place = seen[wrong][0]
        raise InexpressibleError(f"{_output(place)} sees {_element(case, place)} through no single weight")
    weights = np.stack(np.unravel_index(numbers, case.weight_shape), axis=1)
    assert isinstance(case.data, Basis)
    columns = np.array(case.data.columns)[seen[:, 0]]
    elements = np.stack(np.unravel_index(columns, case.input_shape[1:]), axis=1)
    windows, inputs, taps = seen[:, 2:], elements[:, 1:], weights[:, 2:]
    if case.transposed:
        ends = case.input, outputs[0].shape[2:]
        choices = [_axes(case, number, windows[:, number], inputs, taps, *ends) for number in range(case.rank)]
    else:
        ends = outputs[0].shape[2:], case.input
        choices = [_axes(case, number, inputs[:, number], windows, taps, *ends) for number in range(case.rank)]
    links = np.unique(np.column_stack([seen[:, 1], elements[:, 0], weights[:, :2]]), axis=0)
    problem, best = "", None
    for axes in islice(product(*choices), TRIED):
        try:
            answer = _check(probes, outputs, found, axes, links)
        except InexpressibleError as error:
            problem = problem or str(error)
            continue
        best = best or answer
        if answer.reading is not None:
            return answer
    if best is None:
        raise InexpressibleError(problem)
    return best


def _check(probes: Sequence[Case], outputs: Sequence[Array], found: Found, axes: Sequence[Seen], links: Array) -> Found:
    """The geometry of some axes and links, computed forwards and held against every output."""
    case = probes[0]
    order = _kernel_axes(axes)
    kernel = tuple(case.kernel[axis] for axis in order)
    if any(axis.kernel_axis is None and taps > 1 for axis, taps in zip(axes, kernel, strict=True)):
        raise InexpressibleError("a kernel of several taps moves along no axis")
    bias, bias_last = _bias(case, outputs[0][0], links)
    stride = tuple(axis.stride or asked for axis, asked in zip(axes, case.stride, strict=True))
    dilation = tuple(axis.dilation or asked for axis, asked in zip(axes, case.dilation, strict=True))
    reading = Reading(tuple((axis.begin, 0) for axis in axes), stride, dilation, bias, bias_last=bias_last)
    reading = reading._replace(pads=pads_for(reading.axes(replace(case, kernel=kernel)), outputs[0].shape[2:]))
    flips = [number for number, axis in enumerate(axes) if axis.flipped]
    for probe, output in zip(probes, outputs, strict=True):
        _compare(probe, output, _forward(probe, reading, order, flips, links))
    channels = _channels(case, links)
    straight, backwards = list(range(case.rank)), list(reversed(range(case.rank)))
    flippable = [number for number, axis in enumerate(axes) if axis.flipped is not None]
    simple = order in (straight, backwards) and flips in ([], flippable) and channels in ("", "interleaved")
    named = reading._replace(flip=bool(flips), swap=order != straight, interleave=channels == "interleaved")
    over = reading.axes(replace(case, kernel=kernel))
    return replace(
        found,
        axes=tuple(
            replace(axis, begin=begin, end=end, kernel_axis=along)
            for axis, along, (begin, end) in zip(axes, order, canonical(over), strict=True)
        ),
        reading=named if simple else None,
        channels=_spell_channels(channels, links),
        bias=("along the last axis" if bias_last else "kept" if bias else "dropped") if case.bias else "",
    )


def _axes(
    case: Case, number: int, target: Array, sources: Array, taps: Array, source_sizes: Sizes, target_sizes: Sizes
) -> list[Seen]:
    """How one axis' target (the element read; of a transposed convolution the output) follows from window and tap.

    ``target = stride · source[axis] + step · tap[kernel axis] + constant``, exactly, for every entry, and
    no other tap of any window may have a target. Where the entries leave something open there are several
    answers, what is asked for first.
    """
    source = sources[:, number]
    stride = _slope(target, source, np.column_stack([np.delete(sources, number, 1), taps]))
    steps = [
        _slope(target, taps[:, other], np.column_stack([sources, np.delete(taps, other, 1)]))
        for other in range(case.rank)
    ]
    moving = [other for other, step in enumerate(steps) if step]
    if len(moving) > 1:
        raise InexpressibleError(f"axis {number} moves with more than one axis of the kernel")
    most, asked = max(*source_sizes, *target_sizes) + max(case.kernel), case.dilation[number]
    strides = [stride] if stride is not None else list(dict.fromkeys((case.stride[number], *range(1, most))))
    found = []
    for along in moving or [number, *(other for other, step in enumerate(steps) if step is None and other != number)]:
        step = steps[along]
        kernel = 1 if step == 0 else case.kernel[along]
        signed = (
            [step] if step is not None else list(dict.fromkeys((asked, -asked, *range(1, most), *range(-1, -most, -1))))
        )
        pairs = len({*zip(source.tolist(), taps[:, along].tolist() if kernel > 1 else source.tolist(), strict=True)})
        for s, d in product(strides, signed if kernel > 1 else [0]):
            constant = target - s * source - d * taps[:, along]
            places = np.add.outer(s * np.arange(source_sizes[number]), d * np.arange(kernel)) + constant[0]
            if (constant == constant[0]).all() and pairs == ((places >= 0) & (places < target_sizes[number])).sum():
                first = int(constant[0]) + min(d, 0) * (kernel - 1)
                dilation, flipped = (abs(d), d < 0) if kernel > 1 else (None, None)
                own = along if moving or kernel > 1 else None
                found.append(Seen(-first, 0, s if source_sizes[number] > 1 else None, dilation, flipped, own))
    if not found:
        raise InexpressibleError(f"along axis {number}, no stride and dilation put the taps where they are")
    return list(dict.fromkeys(found))[:MOST]


def _kernel_axes(axes: Sequence[Seen]) -> list[int]:
    """The kernel's axis along every axis; one that does not move (it has one tap) takes what is left."""
    taken = [axis.kernel_axis for axis in axes if axis.kernel_axis is not None]
    if len(set(taken)) < len(taken):
        raise InexpressibleError("one axis of the kernel moves along two axes of the input")
    orders = permutations(range(len(axes)))
    backwards = tuple(reversed(range(len(axes))))
    return list(
        min(
            (o for o in orders if all(axis.kernel_axis in (None, k) for axis, k in zip(axes, o, strict=True))),
            key=lambda order: (order != tuple(range(len(axes))), order != backwards),
        )
    )


def _slope(target: Array, along: Array, others: Array) -> int | None:
    """By how much the target grows with one variable, the others fixed; None where no two entries tell."""
    order = np.lexsort([along, *others.T])
    same = (np.diff(others[order], axis=0) == 0).all(axis=1)
    gaps, rises = np.diff(along[order])[same], np.diff(target[order])[same]
    useful = gaps > 0
    if not useful.any():
        return None
    gap, rise = int(gaps[useful][0]), int(rises[useful][0])
    if rise % gap:
        raise InexpressibleError(f"steps of {rise} for {gap}: no whole stride or dilation")
    return rise // gap


def _bias(case: Case, still: Array, links: Array) -> tuple[bool, bool]:
    """Whether the bias was added, and whether along the last axis; ``still`` is the output without an impulse.

    The bias may have moved with its filter.
    """
    if not still.any():
        return False, False
    values = -1 - np.arange(case.filters) % (INTEGERS[case.dtype] // 2)
    moved = values[[_filter(case, links, output) for output in range(case.filters)]]
    if case.bias and any((still == v.reshape(-1, *[1] * case.rank)).all() for v in (values, moved)):
        return True, False
    if case.bias and still.shape[-1] == case.filters and (still == values).all():
        return True, True
    raise InexpressibleError("without any impulse the outputs are neither 0 nor the bias")


def _filter(case: Case, links: Array, output: int) -> int:
    """The filter that an output channel was seen to have."""
    own = links[links[:, 0] == output]
    if not len(own):
        return output
    _, element, first, second = own[0]
    outer = case.filters // case.groups
    return int(element // (case.channels // case.groups) * outer + second if case.transposed else first)


def _forward(case: Case, reading: Reading, order: Sequence[int], flips: Sequence[int], links: Array) -> Array:
    """What a geometry computes: a dense convolution with the weights in the places where they were seen."""
    data = tensors(case)
    weights = data.weights.transpose(0, 1, *(2 + axis for axis in order))
    weights = np.flip(weights, tuple(2 + axis for axis in flips))
    shape = (case.channels, case.filters) if case.transposed else (case.filters, case.channels)
    dense = np.zeros((*shape, *weights.shape[2:]))
    for output, element, first, second in links:
        place = (element, output) if case.transposed else (output, element)
        dense[place] += weights[first, second]
    plain = replace(case, groups=1, kernel=dense.shape[2:])
    bias = None if data.bias is None else data.bias[[_filter(case, links, o) for o in range(case.filters)]]
    return oracle.compute(plain, Data(data.input, dense, data.bias if reading.bias_last else bias), reading)


def _compare(case: Case, output: Array, expected: Array) -> None:
    """Raise the first output that a geometry does not explain."""
    if output.shape != expected.shape:
        raise InexpressibleError(f"outputs of shape {output.shape}, where the geometry read gives {expected.shape}")
    with np.errstate(invalid="ignore"):  # an infinity agrees with the same one, NaN with nothing
        wrong = np.argwhere(~((output == expected) | (np.abs(output - expected) < 0.5)))
    if len(wrong):
        place = wrong[0]
        got, due = float(output[tuple(place)]), float(expected[tuple(place)])
        element = f"an impulse at {_element(case, [place[0] - 1])}" if place[0] else "no impulse"
        raise InexpressibleError(f"with {element}, {_output(place)} is {got:g} where the geometry read gives {due:g}")


def _channels(case: Case, links: Array) -> str:
    """Whether the map of channels is as asked (empty), ``interleaved``, or ``other``."""
    inner, outer = case.channels // case.groups, case.filters // case.groups
    seen = {tuple(map(int, link)) for link in links}

    def due(order: Sequence[int]) -> set[tuple[int, ...]]:
        if case.transposed:
            return {(order[i // inner * outer + j], i, i, j) for i in range(case.channels) for j in range(outer)}
        return {(order[f], f // outer * inner + j, f, j) for f in range(case.filters) for j in range(inner)}

    if seen <= due(range(case.filters)):
        return ""
    mixed = np.arange(case.filters).reshape(outer, case.groups).T.reshape(-1)
    return "interleaved" if seen <= due([int(place) for place in mixed]) else "other"


def _spell_channels(kind: str, links: Array) -> str:
    if not kind:
        return "as asked"
    sees = {
        int(output): sorted({int(element) for element in links[links[:, 0] == output][:, 1]})
        for output in np.unique(links[:, 0])
    }
    return ", ".join(f"output {output} sees channels {elements}" for output, elements in list(sees.items())[:8])


def _members(case: Case, output: Array) -> tuple[Array, Array]:
    """Which output of a pool or a pad sees which element, both by their places: one row for each pair."""
    shape = (case.batch, case.channels)
    if output.ndim != case.rank + 2 or output.shape[:2] != shape:
        raise InexpressibleError(f"outputs of shape {output.shape}, where {shape} and {case.rank} axes are due")
    assert isinstance(case.data, Basis)
    elements = np.stack(np.unravel_index(np.array(case.data.columns), case.input_shape[1:]), axis=1)
    seen = np.argwhere(output[1:] != output[:1])
    if not len(seen):
        raise InexpressibleError("no output depends on any element of the input")
    across = elements[seen[:, 0], 0] != seen[:, 1]
    if across.any():
        raise InexpressibleError(f"{_output(seen[across][0])} sees another channel")
    return seen[:, 2:], elements[seen[:, 0], 1:]


def _pad(probes: Sequence[Case], outputs: Sequence[Array], found: Found) -> Found:
    """A pad: the element that every output is, and the value of those that are none."""
    case, (output,) = probes[0], outputs
    places, elements = _members(case, output)
    others = output[0, 0][(output[1:, 0] == output[0, 0]).all(axis=0)]
    fill = float(others[0]) if others.size else 0.0
    pairs = [set(zip(*pair, strict=True)) for pair in zip(places.T.tolist(), elements.T.tolist(), strict=True)]
    problem = "an output sees several elements, or not the same ones as its neighbours"
    for mode in dict.fromkeys((case.mode, *MODES)):
        pads = [
            _shift(mode, axis, count, seen)
            for axis, count, seen in zip(case.asked, output.shape[2:], pairs, strict=True)
        ]
        if None in pads:
            continue
        reading = oracle.reading(case, tuple(filter(None, pads)))._replace(fill=fill, mode=mode)
        try:
            _compare(case, output, oracle.compute(case, tensors(case), reading))
        except InexpressibleError as error:
            problem = str(error)
            continue
        axes = tuple(Seen(*pair, None, None, None, None) for pair in canonical(reading.axes(case)))
        return replace(found, axes=axes, reading=reading, channels="as asked", fill=fill, mode=mode)
    if any(len(dict(seen)) < len(seen) for seen in pairs):
        raise InexpressibleError(problem)
    rows = [[dict(seen).get(place, "-") for place in range(n)] for seen, n in zip(pairs, output.shape[2:], strict=True)]
    told = (f"the elements {' '.join(map(str, row))} along axis {axis}" for axis, row in enumerate(rows))
    return replace(found, channels="as asked", windows="; ".join(told))


def _shift(mode: str, asked: AnyAxis, count: int, seen: set[tuple[int, int]]) -> tuple[int, int] | None:
    """The pads of an axis with which every output is the element that it was seen to be, those asked for first."""
    for begin in dict.fromkeys((asked.begin, *range(1 - asked.size, count))):
        axis = Axis(asked.size, 1, 1, 1, begin, count - asked.size - begin, mode=mode)
        if seen == {(place, read) for place, (read,) in enumerate(axis.reads()) if read is not None}:
            return axis.begin, axis.end
    return None


def _pool(probes: Sequence[Case], outputs: Sequence[Array], found: Found) -> Found:
    """A pool: the window from who sees whose impulse, then what explains every number."""
    case, (output,) = probes[0], outputs
    windows, elements = _members(case, output)
    data, fill = tensors(case), -np.inf
    if case.op == "max_pool" and (output[0] > data.input[0].max()).any():
        fill = float(output[0].max())
    elif case.op == "max_pool" and (output[0] < data.input[0].min()).any():
        fill = float(output[0].min())  # of a window without an element
    choices = [
        list(_windows(case, number, windows[:, number], elements[:, number], output.shape[2 + number]))
        for number in range(case.rank)
    ]
    problem = "no window of a stride and a dilation has these elements"
    for axes in product(*choices):
        kernels = tuple(axis.kernel for axis in axes)
        if kernels not in (case.kernel, case.kernel[::-1]):
            continue
        for rounding, counted, overhang in _rules(case):
            reading = Reading(
                tuple((axis.begin, axis.end) for axis in axes),
                tuple(axis.stride for axis in axes),
                tuple(axis.dilation for axis in axes),
                bias=False,
                swap=kernels != case.kernel,
                rounding=rounding,
                counted=counted,
                overhang=overhang,
                fill=fill,
            )
            if reading.output_shape(case) != output.shape:
                continue
            try:
                _compare(case, output, oracle.compute(case, data, reading))
            except InexpressibleError as error:
                problem = str(error)
                continue
            return replace(
                found,
                axes=tuple(
                    Seen(*pads, axis.stride, axis.dilation if axis.kernel > 1 else None, None, number)
                    for number, (axis, pads) in enumerate(zip(axes, canonical(reading.axes(case)), strict=True))
                ),
                reading=reading,
                channels="as asked",
                fill=fill if case.op == "max_pool" else None,
                divisor=_divisor(reading) if case.op == "avg_pool" else "",
                windows=rounding,
            )
    raise InexpressibleError(problem)


def _divisor(reading: Reading) -> str:
    if reading.overhang:
        return "every tap counted, padding and what lies beyond it too"
    return "padding counted, what lies beyond it not" if reading.counted else "elements alone"


def _rules(case: Case) -> Iterator[tuple[str, bool, bool]]:
    """Rounding, padding counted, overhang counted: what is asked for first."""
    roundings = dict.fromkeys((case.rounding, "floor", "ceil", "keep"))
    if case.op == "max_pool":
        yield from ((rounding, False, False) for rounding in roundings)
        return
    counted = dict.fromkeys((case.count_include_pad, False, True))
    yield from ((rounding, count, over) for over in (False, True) for rounding in roundings for count in counted)


def _windows(case: Case, number: int, window: Array, element: Array, count: int) -> Iterator[Axis]:
    """The axes whose windows have exactly these elements, those asked for first."""
    size, asked = case.input[number], case.asked[number]
    assert isinstance(asked, Axis)
    members: list[set[int]] = [set() for _ in range(count)]
    for w, e in set(zip(window.tolist(), element.tolist(), strict=True)):
        members[w].add(e)
    strides = dict.fromkeys((asked.stride, *case.stride, *range(1, size + max(case.kernel))))
    dilations = dict.fromkeys((asked.dilation, *case.dilation, *range(1, max(case.dilation) + 2)))
    for kernel, stride, dilation in product(dict.fromkeys((asked.kernel, *case.kernel)), strides, dilations):
        reach = (kernel - 1) * dilation
        begins = dict.fromkeys((asked.begin, *range(-stride, reach + 1)))
        for begin in begins:
            starts = [place * stride - begin for place in range(count)]
            taps = [{start + tap * dilation for tap in range(kernel)} for start in starts]
            if all(own == {p for p in places if 0 <= p < size} for own, places in zip(members, taps, strict=True)):
                need = max((count - 1) * stride + reach + 1 - size - begin, 0)
                for end in dict.fromkeys((asked.end, begin, *range(need + 1))):
                    yield Axis(size, kernel, stride, dilation, begin, end)


def _output(place: Sequence[Any]) -> str:
    return f"output channel {int(place[1])} at {_sizes(place[2:])}"


def _element(case: Case, place: Sequence[Any]) -> str:
    assert isinstance(case.data, Basis)
    where = np.unravel_index(case.data.columns[int(place[0])], case.input_shape[1:])
    return f"channel {int(where[0])} at {_sizes(where[1:])}"


def _sizes(place: Sequence[Any]) -> str:
    return "×".join(str(int(part)) for part in place)
