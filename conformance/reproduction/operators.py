"""The five operators by their definitions, in plain numpy: what a script carries to say what is expected.

A script holds the source of those that it needs, so they use nothing but numpy. Arrays are channels first,
``N C spatial…``; ``pads`` are ``(begin, end)`` for each spatial axis; results are float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pads = Sequence[tuple[int, int]]
Sizes = Sequence[int]


def padded(x: Array, pads: Pads, value: float = 0.0) -> Array:
    """The input inside of its padding."""
    return np.pad(x.astype(np.float64), [(0, 0), (0, 0), *pads], constant_values=value)


def windows(x: Array, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """Every window of an input that has its padding: ``N C windows… kernel…``."""
    extents = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
    places: tuple[Any, ...] = (..., *(slice(None, None, step) for step in (*stride, *dilation)))
    found: Array = np.lib.stride_tricks.sliding_window_view(x, extents, tuple(range(2, x.ndim)))[places]
    return found


def convolution(x: Array, weights: Array, pads: Pads, stride: Sizes, dilation: Sizes, groups: int) -> Array:
    """``weights`` are ``O I/groups kernel…``."""
    found = windows(padded(x, pads), weights.shape[2:], stride, dilation)
    taps = range(x.ndim, found.ndim)
    sums = [
        np.tensordot(part, kernel, ([1, *taps], range(1, x.ndim)))
        for part, kernel in zip(np.split(found, groups, 1), np.split(weights, groups), strict=True)
    ]
    return np.moveaxis(np.concatenate(sums, -1), -1, 1)


def transposed_convolution(x: Array, weights: Array, crops: Pads, stride: Sizes, dilation: Sizes, groups: int) -> Array:
    """``weights`` are ``I O/groups kernel…``; ``crops`` are cut off the full output, or added below zero."""
    every = slice(None)
    sizes = list(zip(x.shape[2:], weights.shape[2:], stride, dilation, strict=True))
    outputs = [(n - 1) * s + (k - 1) * d + 1 for n, k, s, d in sizes]
    full = np.zeros((len(x), weights.shape[1] * groups, *outputs))
    for tap in np.ndindex(weights.shape[2:]):
        places = [slice(t * d, t * d + (n - 1) * s + 1, s) for t, (n, _, s, d) in zip(tap, sizes, strict=True)]
        parts = zip(np.split(x, groups, 1), np.split(weights[(every, every, *tap)], groups), strict=True)
        sums = [np.tensordot(part.astype(np.float64), kernel, (1, 0)) for part, kernel in parts]
        full[(every, every, *places)] += np.moveaxis(np.concatenate(sums, -1), -1, 1)
    full = padded(full, [(max(-begin, 0), max(-end, 0)) for begin, end in crops])
    kept = [slice(max(begin, 0), n - max(end, 0)) for n, (begin, end) in zip(full.shape[2:], crops, strict=True)]
    return full[(every, every, *kept)]


def max_pool(x: Array, kernel: Sizes, pads: Pads, stride: Sizes, dilation: Sizes) -> Array:
    """The largest of each window; padding never wins."""
    largest: Array = windows(padded(x, pads, -np.inf), kernel, stride, dilation).max(tuple(range(-len(kernel), 0)))
    return largest


def average_pool(x: Array, kernel: Sizes, pads: Pads, stride: Sizes, dilation: Sizes, counted: Pads) -> Array:
    """The sum of each window over the number of its elements; of the padding, ``counted`` counts as elements."""
    rest = [(b - begin, e - end) for (b, e), (begin, end) in zip(pads, counted, strict=True)]
    elements = padded(padded(np.ones_like(x), counted, 1.0), rest)
    taps = tuple(range(-len(kernel), 0))
    sums = windows(padded(x, pads), kernel, stride, dilation).sum(taps)
    mean: Array = sums / windows(elements, kernel, stride, dilation).sum(taps)
    return mean


def compare(expected: Array, y: Array, dtype: str, asked_dtype: str, bound: Array | float) -> int:
    """Print both outputs and where they differ by the bound or more; 1 where they do, else 0."""
    print(f"expected, {asked_dtype} {expected.shape}:\n{expected}\ngot, {dtype} {y.shape}:\n{y}")
    if y.shape != expected.shape:
        print(f"DIFFERENT: shape {y.shape} where {expected.shape} is asked for")
        return 1
    with np.errstate(invalid="ignore"):  # infinity less infinity
        wrong = ~((np.abs(y.astype(np.float64) - expected) < bound) | (y == expected))
    if wrong.any():
        first = tuple(map(int, np.argwhere(wrong)[0]))
        print(f"DIFFERENT: expected {expected[first]:g}, got {float(y[first]):g} at {first}; ", end="")
        print(f"{wrong.sum()} of {wrong.size} elements differ")
    if dtype != asked_dtype:
        print(f"DIFFERENT: {dtype} where {asked_dtype} is asked for")
    if wrong.any() or dtype != asked_dtype:
        return 1
    print("the same")
    return 0
