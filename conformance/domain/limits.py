"""How large a case may be: what is refused before anything is allocated."""

from __future__ import annotations

from math import prod
from typing import Optional, Sequence, Tuple

from conformance.domain.case import Case
from conformance.domain.geometry import AnyAxis

ARRAY_LIMIT = 2**30
"""Bytes of an array."""

WORK_LIMIT = 2**34
"""Multiply-adds of a case: ten times those of VGG-16's largest layer."""


def excess(case: Case, over: Sequence[AnyAxis]) -> Optional[Tuple[str, str]]:
    """The field that makes a case too large with some axes, and what is too large; None where nothing is."""
    width = int(case.dtype[-2:]) // 8
    inputs = outputs = case.batch
    for axis in over:
        inputs *= axis.size if case.transposed else axis.begin + axis.size + axis.end
        outputs *= axis.output
    kernel = case.filters * (case.channels // case.groups) * prod(case.kernel)
    arrays = (("input", case.channels * inputs), ("kernel", kernel), ("filters", case.filters * outputs))
    for field, count in arrays:
        if count * width > ARRAY_LIMIT:
            return field, f"an array of {count * width} bytes; allowed: up to 1 GiB ({ARRAY_LIMIT})"
    work = (inputs if case.transposed else outputs) * (kernel if case.weighted else case.filters * prod(case.kernel))
    if work > WORK_LIMIT:
        return "kernel", f"{work} multiply-adds; allowed: up to {WORK_LIMIT}"
    return None
