"""The exact answers of a case in parts: some windows of a reading are those windows of the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance import oracle, truth
from conformance.bounds import UNIT, Sums, gamma, within
from conformance.domain.case import Case
from conformance.truth import Truth

CASE = Case(
    id="topic/a",
    op="conv",
    input=(9, 8),
    kernel=(3, 2),
    stride=(2, 2),
    dilation=(2, 1),
    padding=((1, 2), (3, 0)),
    channels=4,
    filters=5,
    bias=True,
)


@pytest.mark.parametrize("data", ["lattice", "normal"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"flip": True, "swap": True},
        {"pads": ((-1, 4), (0, 3))},
        {"bias_last": True},
        {"phased": True},
        {"phased": True, "bias_last": True, "pads": ((1, 2), (2, 1))},
    ],
    ids=lambda changes: "-".join(changes) or "faithful",
)
def test_some_windows_are_those_windows_of_the_whole(changes: dict[str, Any], data: str) -> None:
    case = replace(CASE, data=data)
    how = oracle.reading(case, case.pads)._replace(**changes)
    height, width = how.output_shape(case)[2:]
    if how.bias_last:
        case = replace(case, filters=width)
    exact = Truth(case)
    whole, allowed = exact.answer(how)
    for block in ((range(height), range(width)), (range(1, 3), range(2, width)), (range(1), range(1))):
        part, bound = exact.part(how, block)
        places = (..., slice(block[0].start, block[0].stop), slice(block[1].start, block[1].stop))
        if data == "lattice":
            assert np.array_equal(part, whole[places])
            assert bound == allowed
        else:
            assert within(part, whole[places], Sums(case, exact.data, how, whole).summed("float64")[places])
            assert isinstance(allowed, np.ndarray)
            least = allowed[places]
            assert isinstance(bound, np.ndarray)
            assert within(bound, least, 2 * gamma(case.products + 8, UNIT["float64"]) * least)


def test_a_sample_is_the_whole_axis_or_its_ends_and_its_middle() -> None:
    assert truth._samples(12) == [range(12)]
    assert truth._samples(13) == [range(4), range(4, 8), range(9, 13)]
    assert truth._samples(100) == [range(4), range(48, 52), range(96, 100)]


def test_the_sample_around_a_suspect_sees_what_the_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "LARGE", 0)
    monkeypatch.setattr(truth, "HUGE", 0)
    case = replace(CASE, input=(60, 60), stride=(1, 1))
    exact = Truth(case)
    output = exact.answer(exact.asked)[0].copy()
    output[0, 2, 20, 20] += 1
    assert exact.reproduces(exact.asked, output)
    assert not exact.reproduces(exact.asked, output, (0, 2, 20, 20))


@pytest.mark.parametrize("op", ["conv_transpose", "max_pool", "avg_pool"])
def test_what_is_no_convolution_is_not_sampled(monkeypatch: pytest.MonkeyPatch, op: str) -> None:
    monkeypatch.setattr(truth, "LARGE", 0)
    case = Case("t/a", op, (31, 32), (3, 3), (2, 2), (1, 1), ((1, 0), (1, 1)))
    if op == "avg_pool":
        case = replace(case, ceil_mode=True, count_include_pad=True)
    exact = Truth(case)
    output = exact.answer(exact.asked)[0]
    assert exact.reproduces(exact.asked, output)
    assert not exact.reproduces(exact.asked, output + np.eye(*output.shape[2:]))


def test_an_output_of_another_size_is_not_reproduced() -> None:
    exact = Truth(CASE)
    output = exact.answer(exact.asked)[0]
    assert exact.reproduces(exact.asked, output)
    assert not exact.reproduces(exact.asked, output[..., 1:])
    assert not within(output[..., 1:], output, 0.5)
