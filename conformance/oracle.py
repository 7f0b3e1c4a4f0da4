"""The exact answer, computed in float64 with no framework, for any rank and any reading of a layer.

A ``Reading`` is a convolution as somebody may have computed it. The right one is ``asked(case)``;
the wrong ones, which ``hypotheses`` lists, run through the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conformance.domain.case import Case
from conformance.domain.geometry import AnyAxis, Pads, Sizes, axes, outside, transposed_axes
from conformance.domain.records import Spelling
from conformance.domain.tensors import Data, rounded

Reference = NDArray[np.float64]

CHUNK = 2**22
"""Window elements gathered at a time: 32 MiB of float64."""


class Reading(NamedTuple):
    """What an implementation computes: the geometry it uses, and what it does to kernel, bias and channels.

    ``mode`` is what the padding repeats (``geometry.MODES``), ``fill`` what that of a max pool or a pad holds. For
    pools, ``rounding`` and ``counted`` are ``geometry.Axis``'s, and ``overhang`` counts what lies beyond the end
    pad too.

    ``flip`` reverses the kernel on every axis; ``swap`` reverses the order of the kernel's axes;
    ``interleave`` gives the output channels in the order ``(filters / groups, groups)``. ``phased``
    strides within each phase of the dilation, as TensorFlow's space-to-batch does: window ``o`` starts
    at ``o % dilation + dilation * stride * (o // dilation)``. ``bias_last`` adds the bias along the
    last spatial axis, as if that were the channels.
    """

    pads: Pads
    stride: Sizes
    dilation: Sizes
    bias: bool
    flip: bool = False
    swap: bool = False
    interleave: bool = False
    phased: bool = False
    bias_last: bool = False
    rounding: str = "floor"
    counted: bool = False
    overhang: bool = False
    fill: float = -inf
    mode: str = "constant"

    def axes(self, case: Case) -> tuple[AnyAxis, ...]:
        """The axes of ``case`` as this reading has them."""
        if (
            self.pads == case.pads
            and self.stride == case.stride
            and self.dilation == case.dilation
            and not self.swap
            and (self.rounding, self.counted, self.mode) == (case.rounding, case.count_include_pad, case.mode)
        ):
            return case.asked
        kernel = case.kernel[::-1] if self.swap else case.kernel
        if case.transposed:
            return transposed_axes(case.input, kernel, self.stride, self.dilation, self.pads)
        return axes(case.input, kernel, self.stride, self.dilation, self.pads, self.rounding, self.counted, self.mode)

    def output_shape(self, case: Case) -> Sizes:
        """``N O spatial…``; a spatial size below 1 means that the kernel does not fit."""
        if self.phased:
            return (case.batch, case.filters, *map(len, self.starts(case)))
        return (case.batch, case.filters, *(axis.output for axis in self.axes(case)))

    def starts(self, case: Case) -> tuple[Sequence[int], ...]:
        """Where each axis' windows start in the padded input."""
        return tuple(
            [self.start(place, window) for window in range(_phased_count(axis))]
            if self.phased
            else range(0, axis.output * axis.stride, axis.stride)
            for place, axis in enumerate(self.axes(case))
        )

    def start(self, axis: int, window: int) -> int:
        """Where a window of an axis starts in the padded input."""
        stride, dilation = self.stride[axis], self.dilation[axis]
        return window % dilation + dilation * stride * (window // dilation) if self.phased else window * stride


def _phased_count(axis: AnyAxis) -> int:
    """The windows of a strided convolution inside space-to-batch (``tf.nn.with_space_to_batch``).

    Each of the ``dilation`` phases of the padded input is convolved with the stride; the results
    are interleaved again, less as many windows as the input was padded by to divide evenly.
    """
    padded = axis.size + axis.begin + axis.end
    missing = -padded % axis.dilation
    windows = ((padded + missing) // axis.dilation - axis.kernel) // axis.stride + 1
    return windows * axis.dilation - missing


def reading(case: Case, pads: Pads) -> Reading:
    """The faithful reading of a case under some pads."""
    how = Reading(pads, case.stride, case.dilation, case.bias)
    if case.op == "pad":
        return how._replace(fill=float(rounded(np.array([case.value]), case.dtype)[0]), mode=case.mode)
    return how._replace(rounding=case.rounding, counted=case.count_include_pad) if case.pool else how


def declared(case: Case, spelling: Spelling) -> Reading:
    """The faithful reading of what a variant declares."""
    how = reading(case, spelling.pads)
    return how._replace(rounding=spelling.rounding) if spelling.rounding else how


def compute(case: Case, data: Data, how: Reading) -> Reference:
    """The output of ``case`` under a reading, ``N O spatial…``, in float64."""
    if case.op == "pad":
        return pad(data.input, how.axes(case), how.fill, how.mode)
    if case.pool:
        return pool(case, data, how)
    return transpose(case, data, how) if case.transposed else convolve(case, data, how)


def pool(case: Case, data: Data, how: Reading) -> Reference:
    """The largest or the mean element of every window (ONNX ``MaxPool``, ``AveragePool``).

    Padding never wins a max pool; a mean is over the elements of the window, and over its padding
    where that is counted, but not over what lies beyond the end pad. The largest of no element is -inf.
    """
    over = how.axes(case)
    largest = case.op == "max_pool"
    padded = pad(data.input, over, how.fill if largest else 0.0, how.mode)
    windows = _windows(padded, over, groups=case.channels)
    taps = tuple(range(2, 3 + case.rank))
    if largest:
        found: Reference = windows.max(axis=taps)
        return found
    divisors = np.ones((1,) * case.rank)
    for number, axis in enumerate(over):
        counts = [axis.kernel] * axis.output if how.overhang else axis.divisors()  # type: ignore[union-attr]
        divisors = divisors * np.reshape(counts, [-1 if other == number else 1 for other in range(case.rank)])
    with np.errstate(invalid="ignore"):  # a wrong reading's window may meet nothing: no output agrees with NaN
        mean: Reference = windows.sum(axis=taps) / divisors
    return mean


def transpose(case: Case, data: Data, how: Reading) -> Reference:
    """A transposed convolution (ONNX ``ConvTranspose``), the adjoint of ``convolve``.

    ``output[n, o, i·stride + t·dilation - begin] += input[n, c, i] · weights[c, o, t]``: the
    convolution, with the kernel reversed, of the input with ``stride - 1`` zeros between its elements.
    """
    over = how.axes(case)
    ones = (1,) * case.rank
    spread = np.zeros((*data.input.shape[:2], *((axis.size - 1) * axis.stride + 1 for axis in over)))
    places: tuple[Any, ...] = (..., *(slice(None, None, axis.stride) for axis in over))
    spread[places] = data.input
    by_group = data.weights.reshape(case.groups, -1, case.filters // case.groups, *case.kernel)
    weights = by_group.swapaxes(1, 2).reshape(case.filters, -1, *case.kernel)
    pads = tuple((axis.extent - 1 - axis.begin, axis.extent - 1 - axis.end) for axis in over)
    plain = replace(
        case, op="conv", input=spread.shape[2:], stride=ones, padding=pads, output_padding=(), output_shape=()
    )
    return convolve(plain, Data(spread, weights, data.bias), how._replace(pads=pads, stride=ones, flip=not how.flip))


def convolve(case: Case, data: Data, how: Reading) -> Reference:
    """A convolution: a cross-correlation as every framework defines it (ONNX ``Conv``), zeros outside the input.

    ``output[n, o, p] = bias[o] + Σ input[n, i, p·stride + t·dilation - begin] · weights[o, i, t]``
    """
    sums = _phased_sums(case, data, how) if how.phased else _sums(case, data, how)
    if how.bias_last and data.bias is not None:
        sums += data.bias.astype(np.float64)
    elif how.bias and data.bias is not None:
        sums += data.bias.astype(np.float64).reshape(case.groups, -1, *[1] * case.rank)
    if how.interleave:
        sums = sums.swapaxes(1, 2)
    return sums.reshape(case.batch, case.filters, *sums.shape[3:])


def _sums(case: Case, data: Data, how: Reading) -> Reference:
    """The sums of products of every window, ``N groups filters/groups spatial…``."""
    weights = data.weights.astype(np.float64)
    if how.swap:
        weights = weights.transpose(0, 1, *range(weights.ndim - 1, 1, -1))
    if how.flip:
        weights = weights[(slice(None), slice(None), *[slice(None, None, -1)] * case.rank)]
    over = how.axes(case)
    padded = pad(data.input, over, mode=how.mode)
    batch, groups = len(padded), case.groups
    outputs = tuple(axis.output for axis in over)
    windows = _windows(padded, over, groups)
    first = 3 + case.rank
    taps, rest = prod(windows.shape[2:first]), prod(outputs[1:])
    matrix = weights.reshape(groups, case.filters // groups, taps)
    shape = (batch, groups, case.filters // groups, *outputs)
    rows = max(CHUNK // (batch * groups * taps * rest), 1)
    if rows >= outputs[0]:
        whole: Reference = matrix @ windows.reshape(batch, groups, taps, -1)
        return whole.reshape(shape)
    result = np.empty(shape)
    for start in range(0, outputs[0], rows):
        part = (slice(None),) * first + (slice(start, start + rows),)
        columns = windows[part].reshape(batch, groups, taps, -1)
        result[:, :, :, start : start + rows] = (matrix @ columns).reshape(
            batch, groups, -1, min(rows, outputs[0] - start), *outputs[1:]
        )
    return result


def _windows(padded: Reference, over: Sequence[AnyAxis], groups: int) -> Reference:
    """A view of every window of every group: ``N groups channels/groups kernel… windows…``.

    Window elements first, windows last: one matrix product per group, and the result needs no transpose.
    """
    step, per_group = padded.strides, padded.shape[1] // groups
    return np.ndarray(  # checks that every window lies in the buffer, and costs less than as_strided
        (len(padded), groups, per_group, *[axis.kernel for axis in over], *[axis.output for axis in over]),
        padded.dtype,
        padded,
        strides=(
            step[0],
            per_group * step[1],
            step[1],
            *[s * axis.dilation for s, axis in zip(step[2:], over, strict=True)],
            *[s * axis.stride for s, axis in zip(step[2:], over, strict=True)],
        ),
    )


def _phased_sums(case: Case, data: Data, how: Reading) -> Reference:
    """Every window of stride 1, and of those the ones that start in the right places."""
    starts = how.starts(case)
    pads = tuple(
        (axis.begin, max(places) + axis.extent - axis.size - axis.begin)
        for places, axis in zip(starts, how.axes(case), strict=True)
    )
    dense = _sums(case, data, how._replace(pads=pads, stride=(1,) * case.rank, phased=False))
    places: tuple[Any, ...] = (..., *np.ix_(*starts))
    picked: Reference = dense[places]
    return picked


def pad(tensor: NDArray[np.generic], over: Sequence[AnyAxis], fill: float = 0.0, mode: str = "constant") -> Reference:
    """The input in float64 inside padding, as far as any window reads; a negative begin pad crops."""
    need = [(axis.output - 1) * axis.stride + axis.extent for axis in over]
    if mode != "constant":
        sources = [
            [outside(mode, place - axis.begin, axis.size) for place in range(size)]
            for axis, size in zip(over, need, strict=True)
        ]
        places: tuple[Any, ...] = (..., *np.ix_(*sources))
        return np.ascontiguousarray(tensor[places], np.float64)
    padded = np.full((*tensor.shape[:2], *need), fill) if fill else np.zeros((*tensor.shape[:2], *need))
    target, source = [slice(None)] * 2, [slice(None)] * 2
    for axis, size in zip(over, need, strict=True):
        crop = max(-axis.begin, 0)
        start = min(max(axis.begin, 0), size)
        count = max(min(axis.size - crop, size - start), 0)
        target.append(slice(start, start + count))
        source.append(slice(crop, crop + count))
    padded[tuple(target)] = tensor[tuple(source)]
    return padded
