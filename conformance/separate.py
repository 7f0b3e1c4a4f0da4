"""Where two explanations of one output fit: the smallest case on which they would differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import prod

import numpy as np

from conformance import hypotheses, oracle
from conformance.domain.case import EXACT, Case
from conformance.domain.records import Spelling
from conformance.domain.tensors import tensors
from conformance.oracle import Reading

Write = Callable[[Case], Spelling | None]

TRIED = 128
"""Cases that are looked at, the smallest first."""


def smallest(case: Case, write: Write, one: Sequence[str], other: Sequence[str]) -> Case | None:
    """The smallest case like this one, as the same variant writes it, on which two sets of causes give other outputs.

    Channels, groups, filters and bias stay. None where no small one does, and for an amount of padding
    that follows no rule, as it says nothing about another case.
    """
    if hypotheses.AMOUNT in (*one, *other):
        return None
    for number, candidate in enumerate(candidates(case)):
        if number == TRIED:
            return None
        spelling = write(candidate)
        if spelling is not None and _differ(candidate, spelling, one, other):
            return candidate
    return None


def candidates(case: Case) -> Iterator[Case]:
    """Small cases like this one, by the elements of their input."""
    kernels = dict.fromkeys((case.kernel, tuple(2 + axis % 2 for axis in range(case.rank))))
    strides = dict.fromkeys((case.stride, (2,) * case.rank))
    dilations = dict.fromkeys((case.dilation, tuple(2 - axis % 2 for axis in range(case.rank))))
    paddings = [case.padding]
    if not isinstance(case.padding, str):
        paddings.append(tuple((1 + axis % 2, 2) for axis in range(case.rank)))
    sizes = dict.fromkeys(
        tuple(size + axis * more for axis in range(case.rank)) for size in range(3, 11) for more in (0, 1)
    )
    windows = sorted(product(kernels, strides, dilations, paddings), key=lambda window: sum(window[1] + window[2]))
    for size, (kernel, stride, dilation, padding) in product(sorted(sizes, key=prod), windows):
        small = replace(
            case,
            id="separating",
            input=size,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            padding=padding,
            batch=1,
            data="lattice",
            output_shape=(),
            output_padding=tuple(min(more, s - 1) for more, s in zip(case.output_padding, stride, strict=False)),
            expect=type(case.expect)(),
        )
        if small.unanswered is None and small.products <= EXACT[case.dtype]:
            yield small


def _differ(case: Case, spelling: Spelling, one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether no reading of one set of causes gives what one of the other's gives."""
    lefts, rights = (
        [how for how in hypotheses.under(case, spelling, causes) if _possible(case, how)] for causes in (one, other)
    )
    if not (lefts and rights) or set(lefts) & set(rights):
        return False
    data = tensors(case)
    outputs = [oracle.compute(case, data, how) for how in rights]
    return not any(np.array_equal(oracle.compute(case, data, how), output) for how in lefts for output in outputs)


def _possible(case: Case, how: Reading) -> bool:
    """Whether a reading gives an output, and a bias along the last axis is as long as that."""
    shape = how.output_shape(case)
    return min(shape) > 0 and (not how.bias_last or shape[-1] == case.filters)
