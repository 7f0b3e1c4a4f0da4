"""The cases that are measured: small 2-D convolutions, as a case file and as plain ``Case`` records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from conformance.domain.case import Case

SIZES = (8, 9, 11, 13, 16)
INPUTS = list(map(list, product(SIZES, SIZES)))
MATRIX: dict[str, list[Any]] = {
    "kernel": [2, 3, 4, [3, 2], [2, 4]],
    "stride": [1, 2],
    "padding": ["valid", "same", "same_lower", [[0, 1], [1, 0]]],
    "channels": [3, 8],
}
FILTERS = 4
NAME = "i{input}-k{kernel}-s{stride}-p{padding}-c{channels}-seed{seed}"

PER_INPUT = prod(map(len, MATRIX.values()))
PER_SEED = len(INPUTS) * PER_INPUT
"""Cases of one seed, each of another configuration; another seed repeats them with other data."""


def matrix(count: int) -> dict[str, list[Any]]:
    """The matrix of so many cases: whole seeds, or the first inputs of one."""
    inputs, rest = divmod(count, PER_INPUT)
    seeds = max(inputs // len(INPUTS), 1)
    if rest or inputs % seeds or (seeds > 1 and inputs % len(INPUTS)):
        raise ValueError(f"{count} cases; allowed: a multiple of {PER_INPUT}, above {PER_SEED} one of that")
    return {"seed": list(range(seeds)), "input": INPUTS[:inputs], **MATRIX}


def write(folder: Path, count: int) -> Path:
    """A folder of one case file with so many cases; JSON is YAML."""
    folder.mkdir(parents=True)
    text = (
        "schema: 1\ntitle: Benchmark\n"
        f"defaults: {{filters: {FILTERS}, bias: true}}\n"
        f'cases:\n- name: "{NAME}"\n  matrix: {json.dumps(matrix(count))}\n'
    )
    (folder / "benchmark.yaml").write_text(text, encoding="utf-8")
    return folder


def cases(count: int) -> Iterator[Case]:
    """The same cases, in the same order."""
    for seed, size, kernel, stride, padding, channels in product(*matrix(count).values()):
        yield Case(
            id="bare",
            op="conv",
            input=tuple(size),
            kernel=tuple(kernel) if isinstance(kernel, list) else (kernel, kernel),
            stride=(stride, stride),
            dilation=(1, 1),
            padding=padding if isinstance(padding, str) else tuple(map(tuple, padding)),
            channels=channels,
            filters=FILTERS,
            bias=True,
            seed=seed,
        )
