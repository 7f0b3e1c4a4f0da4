"""The exact answer, computed in float64 with no framework, for any rank and any reading of a layer.

A ``Reading`` is a convolution as somebody may have computed it. The right one is ``asked(case)``;
the wrong ones, which ``hypotheses`` lists, run through the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.domain.case import Case
from conformance.domain.geometry import Axis, Pads, Sizes, axes
from conformance.domain.tensors import Data

Reference = NDArray[np.float64]

CHUNK = 2**22
"""Window elements gathered at a time: 32 MiB of float64."""


@dataclass(frozen=True)
class Reading:
    """What an implementation computes: the geometry it uses, and what it does to kernel, bias and channels.

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

    def axes(self, case: Case) -> tuple[Axis, ...]:
        """The axes of ``case`` as this reading has them."""
        if not self.swap and (self.stride, self.dilation) == (case.stride, case.dilation):
            return case.axes(self.pads)
        kernel = case.kernel[::-1] if self.swap else case.kernel
        return axes(case.input, kernel, self.stride, self.dilation, self.pads)

    def output_shape(self, case: Case) -> Sizes:
        """``N O spatial…``; a spatial size below 1 means that the kernel does not fit."""
        return (case.batch, case.filters, *map(len, self.starts(case)))

    def starts(self, case: Case) -> tuple[Sequence[int], ...]:
        """Where each axis' windows start in the padded input."""
        return tuple(
            _phased_starts(axis) if self.phased else range(0, axis.output * axis.stride, axis.stride)
            for axis in self.axes(case)
        )


def _phased_starts(axis: Axis) -> list[int]:
    """The starts of a strided convolution inside space-to-batch (``tf.nn.with_space_to_batch``).

    Each of the ``dilation`` phases of the padded input is convolved with the stride; the results
    are interleaved again, less as many windows as the input was padded by to divide evenly.
    """
    padded = axis.size + axis.begin + axis.end
    missing = -padded % axis.dilation
    windows = ((padded + missing) // axis.dilation - axis.kernel) // axis.stride + 1
    count = windows * axis.dilation - missing
    return [o % axis.dilation + axis.dilation * axis.stride * (o // axis.dilation) for o in range(count)]


def reading(case: Case, pads: Pads) -> Reading:
    """The faithful reading of a case under some pads."""
    return Reading(pads, case.stride, case.dilation, case.bias)


def convolve(case: Case, data: Data, how: Reading) -> Reference:
    """The output of ``case`` under a reading, ``N O spatial…``, in float64.

    ``output[n, o, p] = bias[o] + Σ input[n, i, p·stride + t·dilation - begin] · weights[o, i, t]``,
    a cross-correlation as every framework defines it (ONNX ``Conv``), zeros outside the input.
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
    padded = pad(data.input, over)
    batch, channels = padded.shape[:2]
    groups, per_group = case.groups, channels // case.groups
    outputs = tuple(axis.output for axis in over)
    step = padded.strides
    # Window elements first, windows last: one matrix product per group, and the result needs no transpose.
    windows = np.ndarray(  # checks that every window lies in the buffer, and costs less than as_strided
        (batch, groups, per_group, *[axis.kernel for axis in over], *outputs),
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


def _phased_sums(case: Case, data: Data, how: Reading) -> Reference:
    """Every window of stride 1, and of those the ones that start in the right places."""
    starts = how.starts(case)
    pads = tuple(
        (axis.begin, max(places) + axis.extent - axis.size - axis.begin)
        for places, axis in zip(starts, how.axes(case), strict=True)
    )
    dense = _sums(case, data, replace(how, pads=pads, stride=(1,) * case.rank, phased=False))
    places: tuple[Any, ...] = (..., *np.ix_(*starts))
    picked: Reference = dense[places]
    return picked


def pad(tensor: NDArray[np.generic], over: tuple[Axis, ...]) -> Reference:
    """The input in float64 inside zeros, as far as any window reads; a negative begin pad crops."""
    need = [(axis.output - 1) * axis.stride + axis.extent for axis in over]
    padded = np.zeros((*tensor.shape[:2], *need))
    target, source = [slice(None)] * 2, [slice(None)] * 2
    for axis, size in zip(over, need, strict=True):
        crop = max(-axis.begin, 0)
        start = min(max(axis.begin, 0), size)
        count = max(min(axis.size - crop, size - start), 0)
        target.append(slice(start, start + count))
        source.append(slice(crop, crop + count))
    padded[tuple(target)] = tensor[tuple(source)]
    return padded
