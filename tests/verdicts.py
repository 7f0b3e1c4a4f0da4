"""Cases, what mistakes make of them, and the verdicts on that."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from conformance import oracle
from conformance.domain.case import Case
from conformance.domain.geometry import Pads
from conformance.domain.records import Job, Outcome, Spelling, Verdict
from conformance.domain.tensors import tensors
from conformance.judge import Judge
from conformance.oracle import Reading

Array = np.ndarray[Any, Any]

numbers = count()


def conv(size: tuple[int, ...], kernel: tuple[int, ...], **fields: Any) -> Case:
    """A convolution with an identity of its own: stride 1, dilation 1 and ``same`` unless said otherwise."""
    ones = (1,) * len(size)
    plain: dict[str, Any] = {"op": "conv", "stride": ones, "dilation": ones, "padding": "same"}
    return Case(**{"id": f"topic/{next(numbers)}", **plain, "input": size, "kernel": kernel, **fields})


def output_of(case: Case, **changes: Any) -> Array:
    """What a framework that makes this mistake would give, in the case's dtype."""
    return computed(case, oracle.reading(case, case.pads)._replace(**changes))


def computed(case: Case, how: Reading) -> Array:
    """The output of a reading, in the case's dtype."""
    return oracle.compute(case, tensors(case), how).astype(case.dtype)


def verdict_of(case: Case, output: Array, declared: Pads | None = None, by_rule: bool | None = None) -> Verdict:
    """The verdict on an output of a variant, faithful unless it declares other pads."""
    ruled = isinstance(case.padding, str) if by_rule is None else by_rule
    spelling = Spelling(case.pads if declared is None else declared, "f(x)", ruled)
    return Judge().judge(Job(case, "fake", "v", spelling), Outcome("completed", output))


def found_causes(verdict: Verdict) -> list[set[str]]:
    """Every set of causes that a verdict names."""
    return [set(causes) for causes in (verdict.causes, *verdict.alternatives)]
