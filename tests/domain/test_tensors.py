"""A case's data: the same numbers for ever, exact where they have to be, seen by every wrong geometry."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from conformance.domain.case import EXACT, Case, Written
from conformance.domain.geometry import Sizes
from conformance.domain.tensors import BFLOAT16, Data, Streams, lattice_limits, received, sent, tensors

BITS = 2**64


def conv(**fields: Any) -> Case:
    """A convolution of rank 2 with a bias, with any field changed."""
    plain: dict[str, Any] = {
        "id": "topic/a",
        "op": "conv",
        "input": (3, 4),
        "kernel": (2, 2),
        "stride": (1, 1),
        "dilation": (1, 1),
        "padding": "same",
        "channels": 2,
        "filters": 3,
        "bias": True,
    }
    return Case(**{**plain, **fields})


def arrays(data: Data) -> list[np.ndarray[Any, Any]]:
    """The input, the weights and the bias of a case that has one."""
    assert data.bias is not None
    return [data.input, data.weights, data.bias]


def slow_hash(stream: str, seed: int, position: int) -> int:
    """SplitMix64 of a counter in Python's own integers."""
    z = ((crc32(stream.encode()) << 32) + seed) * 0xD1342543DE82EF95 + (position + 1) * 0x9E3779B97F4A7C15
    z %= BITS
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % BITS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % BITS
    return z ^ (z >> 31)


PINNED = [
    ("lattice", 0, [-3, 8, -7, 2, -8, -8], [2, -3, 7, 3, -4, -6], [-2, 4, -7]),
    ("lattice", 1, [-6, 6, 4, -5, 4, -2], [-1, -7, 1, -2, -7, -6], [-3, 8, -8]),
    (
        "normal",
        0,
        [-0.6896209716796875, 1.490203857421875, 1.3588714599609375],
        [-0.410797119140625, -1.0345611572265625, 0.44873046875],
        [0.4526214599609375, -0.4235382080078125, 0.1582489013671875],
    ),
]


@pytest.mark.parametrize(
    ("data", "seed", "inputs", "weights", "bias"), PINNED, ids=["lattice-0", "lattice-1", "normal"]
)
def test_the_numbers_are_these_for_ever(
    data: str, seed: int, inputs: list[float], weights: list[float], bias: list[float]
) -> None:
    found = arrays(tensors(conv(data=data, seed=seed)))
    for expected, array in zip((inputs, weights, bias), found, strict=True):
        assert array.ravel()[: len(expected)].tolist() == expected


def test_a_lattice_value_is_a_hash_folded_into_the_limits_with_zero_left_out() -> None:
    allowed = [*range(-8, 0), *range(1, 9)]
    expected = [allowed[(slow_hash("input", 7, place) >> 33) % 16] for place in range(24)]
    assert tensors(conv(seed=7)).input.ravel().tolist() == expected


def test_a_normal_value_is_the_sum_of_twelve_uniforms() -> None:
    found = tensors(conv(data="normal", seed=7)).input.ravel().tolist()
    for place, value in enumerate(found):
        hashes = [slow_hash("input", 7, place + row * len(found)) for row in range(3)]
        uniforms = [(number >> shift) % 2**16 for number in hashes for shift in (0, 16, 32, 48)]
        assert value == np.float32((sum(uniforms) - 12 * 32767.5) / 65536)


@pytest.mark.parametrize("data", ["lattice", "normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors_are_contiguous_channels_first_and_in_the_cases_dtype(data: str, dtype: str) -> None:
    case = conv(data=data, dtype=dtype, batch=2)
    found = arrays(tensors(case))
    assert [array.shape for array in found] == [case.input_shape, case.weight_shape, (3,)]
    assert all(array.dtype == dtype and array.flags.c_contiguous for array in found)
    assert tensors(replace(case, bias=False)).bias is None


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("channels", [1, 3, 64, 170, 455])
def test_lattice_sums_are_exact_whatever_their_order(channels: int, dtype: str) -> None:
    case = conv(channels=channels, dtype=dtype, input=(9, 9))
    inputs, weights, bias = arrays(tensors(case))
    terms = case.products
    assert terms == channels * 4 + 1
    assert terms * np.abs(inputs).max() * np.abs(weights).max() <= EXACT[dtype]
    assert np.abs(bias).max() <= np.abs(weights).max()
    for array in (inputs, weights, bias):
        assert not np.any(array == 0)
        assert np.all(array == np.rint(array))
    assert len(np.unique(inputs)) >= 2


def test_the_exact_range_is_that_of_the_element_type() -> None:
    assert EXACT == {"float32": 2**16, "float64": 2**16, "float16": 2**11, "bfloat16": 2**8}


@pytest.mark.parametrize(
    ("terms", "dtype", "limits"),
    [
        (1, "float32", (8, 8)),
        (1024, "float32", (8, 8)),
        (1025, "float32", (8, 7)),
        (16384, "float32", (2, 2)),
        (65536, "float32", (1, 1)),
        (65537, "float32", None),
        (32, "float16", (8, 8)),
        (33, "float16", (8, 7)),
        (2048, "float16", (1, 1)),
        (2049, "float16", None),
        (4, "bfloat16", (8, 8)),
        (256, "bfloat16", (1, 1)),
        (257, "bfloat16", None),
    ],
)
def test_the_largest_values_of_a_lattice(terms: int, dtype: str, limits: tuple[int, int] | None) -> None:
    assert lattice_limits(terms, dtype) == limits


def test_a_lattice_that_cannot_be_exact_is_refused() -> None:
    with pytest.raises(ValueError, match="topic/a: 2401 products are not exact in float16"):
        tensors(conv(channels=600, dtype="float16"))


def test_every_lattice_value_comes_up_about_as_often() -> None:
    values, counts = np.unique(tensors(conv(input=(100, 80))).input, return_counts=True)
    assert values.tolist() == [*range(-8, 0), *range(1, 9)]
    assert counts.min() > 850  # 1,000 each, give or take five standard deviations
    assert counts.max() < 1150


def test_normal_data_has_mean_zero_and_variance_one() -> None:
    values = tensors(conv(data="normal", dtype="float64", input=(200, 200))).input
    assert abs(values.mean()) < 0.018  # five standard errors of 80,000 draws
    assert abs(values.var() - 1) < 0.025
    assert 3 < np.abs(values).max() <= 6
    assert abs(float((values**3).mean())) < 0.05


def test_roles_and_seeds_have_streams_that_are_no_shifted_copies_of_each_other() -> None:
    streams = [
        array.ravel().tolist()
        for seed in (0, 1, 2, 1000)
        for array in arrays(tensors(conv(input=(6, 10), filters=60, seed=seed)))[:2]
    ]
    for index, left in enumerate(streams):
        windows = {tuple(left[start : start + 8]) for start in range(len(left) - 7)}
        for right in streams[:index]:
            assert not any(tuple(right[start : start + 8]) in windows for start in range(len(right) - 7))


def test_neighbours_and_rows_are_uncorrelated_so_that_a_shift_shows() -> None:
    values = tensors(conv(input=(120, 120), channels=1)).input[0, 0]
    scale = float((values * values).mean())
    below = np.tril_indices(120, -1)
    products_of = {
        "row": values[1:] * values[:-1],
        "column": values[:, 1:] * values[:, :-1],
        "transposed": (values * values.T)[below],
        "reversed": (values * values[::-1])[:60],
    }
    for name, product in products_of.items():
        assert abs(float(product.mean())) < 0.06 * scale, name


def test_the_data_depend_on_seed_and_shape_and_not_on_the_identity_or_the_padding() -> None:
    same = tensors(conv(id="topic/b", padding="valid", stride=(2, 2)))
    for left, right in zip(arrays(tensors(conv())), arrays(same), strict=True):
        assert np.array_equal(left, right)
    assert not np.array_equal(tensors(conv(seed=5)).input, tensors(conv()).input)


def test_written_data_are_taken_as_they_stand_and_the_bias_counts_up() -> None:
    written = Written((((1, 2, 3),),), (((4, 5),), ((6, 7),)))
    case = conv(input=(3,), kernel=(2,), stride=(1,), dilation=(1,), channels=1, filters=2, data=written)
    inputs, weights, bias = arrays(tensors(case))
    assert inputs.tolist() == [[[1, 2, 3]]]
    assert weights.tolist() == [[[4, 5]], [[6, 7]]]
    assert bias.tolist() == [1, 2]
    assert {array.dtype for array in (inputs, weights, bias)} == {np.dtype("float32")}


def test_the_bias_counts_as_one_more_product() -> None:
    counts = [conv(channels=4, filters=4, groups=groups, bias=bias).products for groups in (1, 2, 4) for bias in (0, 1)]
    assert counts == [16, 17, 8, 9, 4, 5]
    assert all(left < right for left, right in pairwise(sorted(counts)))


@pytest.mark.parametrize("order", [1, -1], ids=["growing", "shrinking"])
def test_kept_streams_give_the_numbers_that_each_case_has_alone(order: int) -> None:
    cases = [
        conv(input=(size, 4), channels=channels, seed=seed, dtype=dtype)
        for size in (2, 3, 9)
        for channels in (2, 200)  # other limits
        for seed in (0, 1)
        for dtype in ("float32", "float64", "float16")
        if channels == 2 or dtype != "float16"
    ][::order]
    streams = Streams()
    for case in cases:
        alone = tensors(case)
        for kept, array in zip(arrays(tensors(case, streams)), arrays(alone), strict=True):
            assert kept.dtype == array.dtype == case.dtype
            assert kept.flags.c_contiguous
            assert not kept.flags.writeable
            np.testing.assert_array_equal(kept, array)


def test_kept_data_are_those_of_a_case_alike_in_all_that_the_numbers_depend_on() -> None:
    """The two have weights of one shape, and one more products in a sum, so that its numbers are smaller."""
    streams = Streams()
    plain: dict[str, Any] = {"op": "conv_transpose", "kernel": (3, 3), "channels": 4, "dtype": "float16", "bias": False}
    few, many = conv(**plain, filters=4, groups=2), conv(**plain, filters=2)
    assert few.weight_shape == many.weight_shape
    assert few.products < many.products
    for case in (few, replace(few, stride=(2, 2)), many, few):
        np.testing.assert_array_equal(tensors(case, streams).input, tensors(case).input)
        np.testing.assert_array_equal(tensors(case, streams).weights, tensors(case).weights)
    assert tensors(few, streams).input is tensors(replace(few, stride=(2, 2), padding="valid"), streams).input


def test_kept_streams_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Streams, "KEPT", 4)
    monkeypatch.setattr(Streams, "LONGEST", 10)
    streams = Streams()
    for seed in range(20):
        tensors(conv(seed=seed), streams)
    assert len(streams._kept) <= 4
    assert all(len(stream) <= 10 for stream in streams._kept.values())
    assert len(streams._data) <= 4


@pytest.mark.parametrize("kernel", [(2,), (3,), (2, 2), (1, 2), (2, 1, 2)], ids=str)
def test_no_kernel_hides_that_it_is_reversed_or_its_axes_swapped(kernel: Sizes) -> None:
    ones = (1,) * len(kernel)
    for seed in range(300):
        case = Case("t/a", "conv", (4,) * len(kernel), kernel, ones, ones, "valid", seed=seed)
        weights = tensors(case).weights[0, 0]
        flipped = weights[(slice(None, None, -1),) * len(kernel)]
        assert not np.array_equal(weights, flipped)
        assert not np.array_equal(weights, flipped.T)
        if len(kernel) > 1:
            assert not np.array_equal(weights, weights.T)


def test_no_bias_is_the_same_for_every_channel() -> None:
    for seed in range(300):
        case = Case("t/a", "conv", (4,), (2,), (1,), (1,), "valid", filters=2, bias=True, seed=seed)
        bias = tensors(case).bias
        assert bias is not None
        assert bias[0] != bias[1]


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "|i1", "|b1", "<c8", BFLOAT16], ids=str)
def test_an_output_is_received_as_it_was_sent(dtype: Any) -> None:
    output = np.arange(48, dtype="u1").view(dtype)[:6].reshape(2, 3)
    back = received(*sent(output.T))
    assert (back.dtype, back.shape) == (output.dtype, (3, 2))
    assert back.tobytes() == np.ascontiguousarray(output.T).tobytes()


def test_what_ml_dtypes_calls_bfloat16_is_sent_under_its_name() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    name, shape, payload = sent(np.array([1.0, -2.5], ml_dtypes.bfloat16))
    assert (name, shape, payload) == ("bfloat16", (2,), b"\x80\x3f\x20\xc0")


def test_python_objects_are_no_output() -> None:
    with pytest.raises(TypeError, match="Python objects"):
        sent(np.array([object()]))
