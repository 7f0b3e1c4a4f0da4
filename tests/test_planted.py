"""The benchmark that plants faults: its own arithmetic, and that it can fail."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from benchmarks import planted
from benchmarks.planted import Layer, compute, ending
from conformance import oracle
from conformance.domain.records import Verdict
from conformance.domain.tensors import tensors


def test_its_convolution_and_the_oracle_are_of_one_mind() -> None:
    rng, seen = Random(1), 0
    for number in range(60):
        case = planted.draw_case(rng, number)
        layer = Layer(case.padding, case.stride, case.dilation)
        found = compute(case, tensors(case), layer)
        assert planted.pads_of(case, layer) == case.pads
        if found is not None:
            assert np.array_equal(found, oracle.convolve(case, tensors(case), oracle.reading(case, case.pads)))
            seen += 1
            phased = oracle.convolve(case, tensors(case), oracle.reading(case, case.pads)._replace(phased=True))
            assert np.array_equal(compute(case, tensors(case), replace(layer, phased=True)), phased)  # type: ignore[arg-type]
    assert seen > 40


def test_a_few_faults_are_planted_and_found() -> None:
    for tally in planted.plant(40, seed=3):
        assert tally.planted == sum(tally.ends.values()) == 40
        assert not tally.ends[planted.MISSED] + tally.ends[planted.WRONG]
        assert tally.ends[planted.ALONE] + tally.ends[planted.BESIDE] >= 38


FLIP, DROP = ("kernel-flipped",), ("bias-dropped",)


@pytest.mark.parametrize(
    ("first", "second", "end"),
    [
        (Verdict("match"), Verdict("mismatch", FLIP), planted.MISSED),
        (Verdict("mismatch", FLIP), Verdict("match"), planted.MISSED),
        (Verdict("mismatch", ("unattributed",)), Verdict("mismatch", FLIP), planted.NOTHING),
        (Verdict("mismatch", DROP), Verdict("mismatch", FLIP), planted.WRONG),
        (Verdict("mismatch", FLIP, "pads 1"), Verdict("mismatch", FLIP, "pads 2"), planted.WRONG),
        (Verdict("mismatch", FLIP), Verdict("mismatch", FLIP), planted.ALONE),
        (Verdict("mismatch", DROP, alternatives=(FLIP,)), Verdict("mismatch", FLIP), planted.BESIDE),
        (Verdict("mismatch", DROP), Verdict("mismatch", DROP), planted.OTHERS),
        (Verdict("mismatch", ()), Verdict("mismatch", ()), planted.FEWER),
    ],
)
def test_what_becomes_of_a_planted_flip(first: Verdict, second: Verdict, end: str) -> None:
    assert ending({"kernel-flipped"}, first, second) == end
