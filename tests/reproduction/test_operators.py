"""The plain operators of scripts against the exact reference, over every packaged case that is small."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest

from conformance import bounds, cases, oracle, reproduction
from conformance.bounds import Sums, within
from conformance.domain import tensors as generators
from conformance.domain.case import OPS
from conformance.domain.records import Job, Spelling
from conformance.domain.tensors import tensors
from conformance.reproduction import operators
from conformance.truth import Truth
from tests.verdicts import conv

SMALL = [case for case in cases.load() if prod(case.input_shape) * prod(case.weight_shape[2:]) < 20_000]


@pytest.mark.parametrize("op", OPS)
def test_what_a_script_expects_is_the_reference(op: str) -> None:
    """To the bit where sums are exact; of real numbers by as much as two sums in float64 may differ."""
    chosen = [case for case in SMALL if case.op == op]
    assert len(chosen) > 50
    for case in chosen:
        data = tensors(case)
        names = {**vars(operators), "x": data.input, "weights": data.weights, "bias": data.bias}
        expected = eval(reproduction.expected(case), names)
        how = oracle.reading(case, case.pads)
        reference = oracle.compute(case, data, how)
        if case.data == "normal" and case.op != "pad":
            bound = Sums(case, data, how, reference).summed("float64")
            assert within(expected, reference, bound), case.id
        else:
            assert np.array_equal(expected, reference), case.id


@pytest.mark.parametrize("precision", ["", "tf32", "bfloat16"])
def test_an_output_may_lie_as_far_off_in_a_script_as_in_a_run(precision: str) -> None:
    real = [case for case in SMALL if case.data == "normal"]
    real += [replace(case, data="normal") for case in SMALL if case.op == "max_pool"][::5]
    real += [replace(case, bias=True) for case in real if case.op == "conv_transpose"]
    assert {case.op for case in real} == set(OPS)
    for case in (*real, *SMALL[::20]):
        data = tensors(case)
        names = {**vars(operators), "x": data.input, "weights": data.weights, "bias": data.bias}
        names["expected"] = eval(reproduction.expected(case), names)
        exec("\n".join(reproduction.bound(Job(case, "", "", Spelling((), ""), precision), data)), names)
        truth = Truth(case, data, precision)
        _, allowed = truth.answer(truth.asked)
        two_sums = bounds.gamma(2 * case.products + 8, bounds.UNIT["float64"])
        assert np.all(np.abs(names["bound"] - allowed) <= two_sums * allowed + bounds.TINY["float64"]), case.id


def test_the_data_of_a_script_is_the_case_s() -> None:
    kinds = {(case.op, case.dtype, str(case.data), case.value < 0): case for case in SMALL}
    large = [conv((40, 40), (3, 3), channels=6, filters=8, bias=True, seed=3)]
    for case in [*kinds.values(), *large]:
        data = tensors(case)
        made: dict[str, Any] = {}
        exec("\n".join(reproduction.arrays(case, data)), {**vars(generators), "np": np}, made)
        assert list(made) == ["x", "weights", "bias"][: 1 + case.weighted + case.bias], case.id
        for name, array in made.items():
            own = getattr(data, "input" if name == "x" else name)
            assert np.array_equal(array, own), case.id
            assert array.dtype == own.dtype, case.id


@pytest.mark.parametrize(
    ("got", "dtype", "status", "words"),
    [
        ([[1.0, 2.0]], "float32", 0, "the same"),
        ([[1.0, 2.4]], "float32", 0, "the same"),
        ([[1.0, 2.5]], "float32", 1, "expected 2, got 2.5 at (0, 1); 1 of 2 elements differ"),
        ([[float("nan"), 2.0]], "float32", 1, "expected 1, got nan at (0, 0); 1 of 2 elements differ"),
        ([[1.0]], "float32", 1, "shape (1, 1) where (1, 2) is asked for"),
        ([[1.0, 2.0]], "float64", 1, "float64 where float32 is asked for"),
    ],
)
def test_outputs_are_compared(
    got: list[list[float]], dtype: str, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operators.compare(np.array([[1.0, 2.0]]), np.array(got), dtype, "float32", 0.5) == status
    assert words in capsys.readouterr().out.splitlines()[-1]


def test_an_infinity_is_the_same_as_itself_alone() -> None:
    low = np.array([-np.inf])
    assert operators.compare(low, low, "float32", "float32", 0.5) == 0
    assert operators.compare(low, np.array([-3e38]), "float32", "float32", 0.5) == 1
