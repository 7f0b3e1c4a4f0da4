"""The exact answers of one case, and whether an output agrees with one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance import bounds, oracle
from conformance.bounds import Sums, within
from conformance.domain.case import Case
from conformance.domain.facts import length_fits_channels
from conformance.domain.geometry import Pads, Sizes, canonical, pads_for
from conformance.domain.tensors import Data, tensors
from conformance.oracle import Reading, Reference

Array = NDArray[Any]

LARGE = 2**25
"""Products of an output from which on samples are looked at before the whole: computing it costs 5 ms and more."""

HUGE = 2**32
"""Products from which on samples have to do: the whole would cost half a second and more."""

BORDER = 4
"""Windows of a sample, at the beginning, in the middle and at the end of every axis.

A begin pad shows in the first windows, a size and an end pad in the last ones, all else anywhere.
"""


class Truth:
    """The exact answers of one case, each computed when it is first asked for."""

    def __init__(self, case: Case, data: Data | None = None, precision: str = "") -> None:
        self.case = case
        self.precision = precision
        self.data = tensors(case) if data is None else data
        self.exact = case.data != "normal"
        self.asked = oracle.reading(case, case.pads)
        """The reading that the case asks for."""
        self.effective: Pads = canonical(case.asked)
        """The pads that the case asks for, canonical."""
        self._right: tuple[Reference, Reference | float] | None = None
        self._references: dict[Reading, tuple[Reference, Reference | float]] = {}

    @cached_property
    def size(self) -> int:
        """The elements of the right output."""
        return prod(self.asked.output_shape(self.case))

    @cached_property
    def infinite(self) -> bool:
        """Whether the right output has infinities: a max pool's window of no element, a pad's value."""
        return not self.case.weighted and bool(np.isinf(self.answer(self.asked)[0]).any())

    @property
    def huge(self) -> bool:
        """Whether a hypothesis is held against samples only."""
        return self.case.op == "conv" and self.size * self.case.products >= HUGE

    def answer(self, how: Reading) -> tuple[Reference, Reference | float]:
        """The output of a reading and the error allowed around it, per element."""
        if how is self.asked:
            self._right = self._right or self.fresh(how)
            return self._right
        if how not in self._references:
            if len(self._references) > 3:
                self._references.pop(next(reversed(self._references)))
            self._references[how] = self.fresh(how)
        return self._references[how]

    def fresh(self, how: Reading) -> tuple[Reference, Reference | float]:
        """The same, computed anew and not kept."""
        reference = oracle.compute(self.case, self.data, how)
        if self.case.op == "pad":
            return reference, bounds.COPIED
        if self.exact:
            return reference, bounds.LATTICE
        return reference, bounds.direct(Sums(self.case, self.data, how, reference), self.precision)

    def sums(self, how: Reading) -> Sums:
        """A reading's answer with what the bounds of fast algorithms and lower precisions are made of."""
        return Sums(self.case, self.data, how, self.answer(how)[0])

    @cached_property
    def first_channel(self) -> Truth:
        """What the first output channel of the first sample needs, and no more."""
        case, data = self.case, self.data
        inner = case.channels // case.groups if case.weighted else 1
        small = replace(case, batch=1, channels=inner, filters=1, groups=1)
        bias = None if data.bias is None else data.bias[:1]
        weights = data.weights[:inner, :1] if case.transposed else data.weights[:1]
        return Truth(small, Data(data.input[:1, :inner], weights, bias), self.precision)

    def dense(self, how: Reading, low: Sizes, counts: Sizes) -> tuple[Reference, Reference | float]:
        """The windows of a reading at stride 1: ``counts`` of them, the first one at the input index ``low``."""
        every = how._replace(pads=tuple((-first, 0) for first in low), stride=(1,) * self.case.rank, phased=False)
        return self.fresh(every._replace(pads=pads_for(every.axes(self.case), counts)))

    def part(self, how: Reading, block: Sequence[range]) -> tuple[Reference, Reference | float]:
        """Some windows of a reading, those of a range on each axis."""
        starts = [[how.start(axis, window) for window in windows] for axis, windows in enumerate(block)]
        low = tuple(places[0] - begin for places, (begin, _) in zip(starts, how.pads, strict=True))
        picked = [[place - places[0] for place in places] for places in starts]
        counts = tuple(places[-1] + 1 for places in picked)
        truth = self
        if how.bias_last and self.data.bias is not None:
            bias = np.zeros(counts[-1])
            bias[picked[-1]] = self.data.bias[list(block[-1])]
            truth = Truth(self.case, self.data._replace(bias=bias), self.precision)
        values, bound = truth.dense(how, low, counts)
        places: tuple[Any, ...] = (..., *np.ix_(*picked))
        return values[places], bound[places] if isinstance(bound, np.ndarray) else bound

    def reproduces(self, how: Reading, output: Array, suspect: Sizes | None = None) -> bool:
        """Whether a reading gives this very output.

        A convolution's large output is first sampled: blocks of windows at the borders and in the middle
        of every axis and around ``suspect``, in all channels. Of a huge one nothing else is looked at.
        """
        sizes = output.shape[2:]
        if output.shape != how.output_shape(self.case):
            return False
        if self.case.op != "conv" and not how.bias_last and self.case.filters > 1:
            if not within(output[:1, :1], *self.first_channel.fresh(how._replace(interleave=False))):
                return False
        elif self.case.op == "conv" and output.size * self.case.products >= LARGE:
            blocks = list(product(*map(_samples, sizes)))
            if suspect is not None:
                blocks.insert(0, tuple(_block(place, size) for place, size in zip(suspect[2:], sizes, strict=True)))
            if not all(within(output[_slices(block)], *self.part(how, block)) for block in blocks):
                return False
        return self.huge or within(output, *self.fresh(how))

    def relaid(self) -> Truth | None:
        """The case of whoever takes channels-last data for channels first; None where that has no meaning."""
        case, data = self.case, self.data
        size, inner = case.input[0], case.channels // case.groups
        taken = replace(case, input=(*case.input[1:], case.channels), channels=size)
        if case.op == "conv" and length_fits_channels(size, inner, case.filters):
            taken = replace(taken, groups=size // inner)
        elif not case.weighted:
            taken = replace(taken, filters=size)
        else:
            return None
        return Truth(taken, data._replace(input=np.moveaxis(data.input, 1, -1)), self.precision)

    def cut(self, ends: Sizes) -> Truth:
        """The case of whoever loses so many of the last elements of each axis."""
        sizes = tuple(size - end for size, end in zip(self.case.input, ends, strict=True))
        places: tuple[Any, ...] = (..., *map(slice, sizes))
        data = self.data._replace(input=self.data.input[places])
        return Truth(replace(self.case, input=sizes), data, self.precision)


def _samples(size: int) -> list[range]:
    """The blocks of one axis: its whole length where that is short."""
    if size <= 3 * BORDER:
        return [range(size)]
    return [range(BORDER), _block(size // 2, size), range(size - BORDER, size)]


def _block(place: int, size: int) -> range:
    """The block of windows around a place."""
    first = max(min(place - BORDER // 2, size - BORDER), 0)
    return range(first, min(first + BORDER, size))


def _slices(block: Sequence[range]) -> tuple[Any, ...]:
    return (..., *(slice(windows.start, windows.stop) for windows in block))
