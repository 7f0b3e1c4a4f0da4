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
MATRIX: dict[str, list[Any]] = {
    "input": [[height, width] for height in SIZES for width in SIZES],
    "kernel": [2, 3, 4, [3, 2], [2, 4]],
    "stride": [1, 2],
    "padding": ["valid", "same", "same_lower", [[0, 1], [1, 0]]],
    "channels": [3, 8],
}
FILTERS = 4
NAME = "i{input}-k{kernel}-s{stride}-p{padding}-c{channels}-seed{seed}"

PER_SEED = prod(map(len, MATRIX.values()))
"""Cases of one seed, each of another configuration; another seed repeats them with other data."""


def write(folder: Path, seeds: int) -> None:
    """A folder of one case file with ``seeds * PER_SEED`` cases; JSON is YAML."""
    entry = {"name": NAME, "matrix": {"seed": list(range(seeds)), **MATRIX}}
    file = {"schema": 1, "title": "Benchmark", "defaults": {"filters": FILTERS, "bias": True}, "cases": [entry]}
    folder.mkdir(parents=True)
    (folder / "benchmark.yaml").write_text(json.dumps(file), encoding="utf-8")


def cases(seeds: int) -> Iterator[Case]:
    """The same cases, in the same order."""
    for seed in range(seeds):
        for size, kernel, stride, padding, channels in product(*MATRIX.values()):
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
