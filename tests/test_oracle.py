"""The reference against a slow loop that is obviously right, the frameworks, and sums in every order."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from conformance import bounds, oracle
from conformance.domain.case import Case
from conformance.domain.geometry import Pads
from conformance.domain.tensors import Data, tensors
from conformance.oracle import Reading
from tests import frameworks


def conv(size: tuple[int, ...], kernel: tuple[int, ...], **fields: Any) -> Case:
    """A convolution: stride 1, dilation 1 and ``same`` unless said otherwise."""
    ones = (1,) * len(size)
    plain: dict[str, Any] = {"id": "topic/a", "op": "conv", "stride": ones, "dilation": ones, "padding": "same"}
    return Case(**{**plain, "input": size, "kernel": kernel, **fields})


CASES = {
    "1d": conv((7,), (3,), channels=2, filters=3, bias=True),
    "1d-stride-dilation": conv((11,), (3,), stride=(2,), dilation=(3,), channels=2, filters=2),
    "1d-causal": conv((8,), (3,), dilation=(2,), padding="causal", bias=True),
    "1d-asymmetric": conv((6,), (4,), stride=(3,), padding=((0, 5),), channels=3),
    "1d-end-not-read": conv((6,), (3,), stride=(2,), padding=((1, 1),)),
    "1d-stride-over-kernel": conv((9,), (1,), stride=(4,)),
    "1d-padding-only-windows": conv((2,), (2,), padding=((4, 5),), filters=2, bias=True),
    "2d": conv((6, 9), (3, 2), stride=(2, 1), dilation=(1, 2), channels=3, filters=4, bias=True, batch=2),
    "2d-groups": conv((5, 6), (3, 3), stride=(2, 2), channels=4, filters=6, groups=2, bias=True),
    "2d-depthwise": conv((5, 5), (3, 2), channels=3, filters=3, groups=3),
    "2d-depthwise-multiplier": conv((5, 4), (2, 3), channels=3, filters=6, groups=3, bias=True, batch=2),
    "2d-lower": conv((6, 6), (3, 3), stride=(2, 2), padding="same_lower", channels=2),
    "2d-fixed": conv((6, 6), (3, 3), stride=(2, 2), padding="fixed", filters=2),
    "2d-valid": conv((6, 7), (3, 5), padding="valid", dtype="float64"),
    "3d": conv((4, 5, 3), (2, 3, 2), stride=(1, 2, 1), dilation=(2, 1, 1), channels=2, filters=2, bias=True),
    "3d-groups": conv((3, 4, 5), (2, 2, 3), padding=((1, 0), (0, 2), (3, 1)), channels=4, filters=4, groups=2, batch=2),
}


def of(op: str, size: tuple[int, ...], kernel: tuple[int, ...], **fields: Any) -> Case:
    """A case of another operator."""
    return conv(size, kernel, op=op, **fields)


TRANSPOSED = {
    "1d-same": of("conv_transpose", (5,), (4,), stride=(3,), channels=2, filters=3, bias=True),
    "1d-lower": of("conv_transpose", (5,), (4,), stride=(1,), padding="same_lower"),
    "1d-beyond": of("conv_transpose", (4,), (2,), stride=(5,), filters=2, bias=True),
    "1d-dilated": of("conv_transpose", (4,), (3,), stride=(2,), dilation=(2,), padding=((1, 3),), bias=True),
    "2d-more": of(
        "conv_transpose", (3, 4), (3, 2), stride=(2, 3), padding=((1, 1), (0, 1)), output_padding=(1, 2), channels=2
    ),
    "2d-valid-more": of("conv_transpose", (3, 4), (2, 3), stride=(2, 2), padding="valid", output_padding=(0, 1)),
    "2d-shape": of("conv_transpose", (4, 5), (3, 4), stride=(2, 3), output_shape=(8, 13), padding="same_lower"),
    "2d-groups": of(
        "conv_transpose", (3, 2), (2, 3), stride=(1, 2), channels=4, filters=6, groups=2, bias=True, batch=2
    ),
    "3d": of(
        "conv_transpose", (2, 3, 2), (2, 3, 2), stride=(1, 2, 3), dilation=(2, 1, 1), channels=2, filters=2, bias=True
    ),
}

WINDOWS: dict[str, tuple[Any, dict[str, Any]]] = {
    "1d": (((7,), (3,)), {"stride": (2,), "padding": ((1, 0),)}),
    "1d-ceil": (((8,), (3,)), {"stride": (2,), "padding": ((1, 1),), "ceil_mode": True}),
    "1d-ceil-dropped": (((8,), (2,)), {"stride": (3,), "padding": ((1, 1),), "ceil_mode": True}),
    "2d": (((6, 7), (3, 2)), {"stride": (2, 3)}),
    "2d-dilated": (((7, 8), (3, 2)), {"dilation": (2, 3), "padding": "same_lower"}),
    "2d-ceil": (((6, 9), (3, 2)), {"stride": (2, 3), "padding": ((1, 1), (1, 0)), "ceil_mode": True}),
    "3d": (((4, 5, 3), (2, 3, 2)), {"stride": (1, 2, 1)}),
}

POOLS = {
    f"{op}-{name}": of(op, *sizes, channels=2, filters=2, batch=2, **fields)
    for op in ("max_pool", "avg_pool")
    for name, (sizes, fields) in WINDOWS.items()
}
POOLS |= {
    f"{name}-counted": replace(case, count_include_pad=True) for name, case in POOLS.items() if case.op == "avg_pool"
}

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def answer(case: Case, **changes: Any) -> np.ndarray[Any, Any]:
    """The reference of a case, with anything about its reading changed."""
    return oracle.convolve(case, tensors(case), oracle.reading(case, case.pads)._replace(**changes))


def slow_convolve(case: Case, data: Data, pads: Pads) -> list[Any]:
    """The definition, element by element, in Python's own numbers."""
    inputs, weights = data.input.tolist(), data.weights.tolist()
    bias = [0.0] * case.filters if data.bias is None else data.bias.tolist()
    channels, filters = case.channels // case.groups, case.filters // case.groups
    sizes = [
        (size + begin + end - (k - 1) * d - 1) // s + 1
        for size, k, s, d, (begin, end) in zip(case.input, case.kernel, case.stride, case.dilation, pads, strict=True)
    ]

    def at(nested: Any, place: tuple[int, ...]) -> float:
        for index in place:
            nested = nested[index]
        return float(nested)

    def element(sample: int, out: int, where: tuple[int, ...]) -> float:
        total = bias[out]
        for channel, taps in product(range(channels), product(*map(range, case.kernel))):
            place = tuple(
                o * s + t * d - begin
                for o, t, s, d, (begin, _) in zip(where, taps, case.stride, case.dilation, pads, strict=True)
            )
            if all(0 <= index < size for index, size in zip(place, case.input, strict=True)):
                source = out // filters * channels + channel
                total += at(inputs, (sample, source, *place)) * at(weights, (out, channel, *taps))
        return total

    def nest(sample: int, out: int, where: tuple[int, ...]) -> Any:
        if len(where) == case.rank:
            return element(sample, out, where)
        return [nest(sample, out, (*where, index)) for index in range(sizes[len(where)])]

    return [[nest(sample, out, ()) for out in range(case.filters)] for sample in range(case.batch)]


@every_case
def test_the_reference_is_the_definition(case: Case) -> None:
    found = answer(case)
    assert found.dtype == np.float64
    assert found.tolist() == slow_convolve(case, tensors(case), case.pads)


def slow_transpose(case: Case, data: Data) -> Any:
    """Every element through every tap to its place, in Python's own numbers."""
    shape = (case.batch, case.filters, *case.output(case.pads))
    found = np.zeros(shape) if data.bias is None else np.zeros(shape) + data.bias.reshape(-1, *[1] * case.rank)
    inner, outer = case.channels // case.groups, case.filters // case.groups
    for sample, channel, out in product(range(case.batch), range(case.channels), range(outer)):
        for index, taps in product(product(*map(range, case.input)), product(*map(range, case.kernel))):
            place = tuple(
                i * s + t * d - begin
                for i, s, t, d, (begin, _) in zip(index, case.stride, taps, case.dilation, case.pads, strict=True)
            )
            if all(0 <= p < size for p, size in zip(place, shape[2:], strict=True)):
                product_ = float(data.input[sample, channel][index]) * float(data.weights[channel, out][taps])
                found[(sample, channel // inner * outer + out, *place)] += product_
    return found


@pytest.mark.parametrize("case", TRANSPOSED.values(), ids=TRANSPOSED.keys())
def test_the_reference_of_a_transposed_convolution_is_the_definition(case: Case) -> None:
    found = oracle.compute(case, tensors(case), oracle.reading(case, case.pads))
    assert np.array_equal(found, slow_transpose(case, tensors(case)))


def slow_pool(case: Case, data: Data) -> Any:
    """Every window's elements in a list, and what is to be made of it."""
    found = np.zeros((case.batch, case.filters, *case.output(case.pads)))
    for sample, channel, *where in np.ndindex(found.shape):
        elements, counted = [], 0
        for taps in product(*map(range, case.kernel)):
            place = [
                o * s + t * d - begin
                for o, s, t, d, (begin, _) in zip(where, case.stride, taps, case.dilation, case.pads, strict=True)
            ]
            inside = zip(place, case.input, case.pads, strict=True)
            counted += all(-begin <= p < size + end for p, size, (begin, end) in inside)
            if all(0 <= p < size for p, size in zip(place, case.input, strict=True)):
                elements.append(float(data.input[(sample, channel, *place)]))
        divisor = counted if case.count_include_pad else len(elements)
        found[(sample, channel, *where)] = max(elements) if case.op == "max_pool" else sum(elements) / divisor
    return found


@pytest.mark.parametrize("case", POOLS.values(), ids=POOLS.keys())
def test_the_reference_of_a_pool_is_the_definition(case: Case) -> None:
    found = oracle.compute(case, tensors(case), oracle.reading(case, case.pads))
    assert np.array_equal(found, slow_pool(case, tensors(case)))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_pools_are_pytorchs(rank: int, ceil: bool, counted: bool) -> None:
    import torch

    sizes = {"kernel": (3, 2, 3), "stride": (2, 3, 2), "padding": ((1, 1), (1, 1), (0, 0))}
    for op in ("max_pool", "avg_pool"):
        fields: dict[str, Any] = {name: value[:rank] for name, value in sizes.items()}
        case = of(op, (8, 7, 6)[:rank], channels=2, filters=2, ceil_mode=ceil, **fields)
        own: dict[str, Any] = {"ceil_mode": ceil}
        if op == "avg_pool":
            case, own = replace(case, count_include_pad=counted), {**own, "count_include_pad": counted}
        data = tensors(case)
        pool = getattr(torch.nn.functional, f"{op}{rank}d")
        begins = tuple(begin for begin, _ in case.pads)
        found = pool(torch.from_numpy(data.input), case.kernel, case.stride, begins, **own)
        reference = oracle.compute(case, data, oracle.reading(case, case.pads))
        assert found.shape == reference.shape
        assert np.abs(found.numpy() - reference).max() < 1e-3


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_same_is_tensorflows(rank: int) -> None:
    tf = frameworks.tensorflow()

    last = (0, *range(2, rank + 2), 1)
    for op in ("max_pool", "avg_pool"):
        case = of(op, (7, 6, 5)[:rank], (3, 2, 4)[:rank], stride=(2, 1, 3)[:rank], channels=2, filters=2)
        x = tensors(case).input.transpose(last)
        found = (
            getattr(tf.nn, op)(x, case.kernel, case.stride, "SAME").numpy().transpose(0, rank + 1, *range(1, rank + 1))
        )
        reference = oracle.compute(case, tensors(case), oracle.reading(case, case.pads))
        assert np.abs(found - reference).max() < 1e-3
    for kernel in ((3, 2, 4)[:rank], (1, 1, 1)[:rank]):
        case = of("conv_transpose", (3, 4, 2)[:rank], kernel, stride=(2, 1, 3)[:rank], channels=2, filters=3)
        data = tensors(case)
        found = tf.nn.conv_transpose(
            data.input.transpose(last),
            data.weights.transpose(*range(2, rank + 2), 1, 0),
            (1, *case.output(case.pads), 3),
            case.stride,
            "SAME",
        )
        reference = oracle.compute(case, data, oracle.reading(case, case.pads))
        assert np.array_equal(found.numpy().transpose(0, rank + 1, *range(1, rank + 1)), reference)


@pytest.mark.parametrize("case", TRANSPOSED.values(), ids=TRANSPOSED.keys())
def test_transposed_convolutions_are_pytorchs(case: Case) -> None:
    """The full output, cropped by hand, its bias added to what is left."""
    import torch

    data = tensors(case)
    full = getattr(torch.nn.functional, f"conv_transpose{case.rank}d")(
        torch.from_numpy(data.input),
        torch.from_numpy(data.weights),
        stride=case.stride,
        dilation=case.dilation,
        groups=case.groups,
    ).numpy()
    found = np.zeros((case.batch, case.filters, *case.output(case.pads)))
    for place in np.ndindex(found.shape):
        source = (*place[:2], *(p + begin for p, (begin, _) in zip(place[2:], case.pads, strict=True)))
        inside = all(p < size for p, size in zip(source, full.shape, strict=True))
        found[place] = full[source] if inside else 0.0
    if data.bias is not None:
        found += data.bias.reshape(-1, *[1] * case.rank)
    assert np.array_equal(found, oracle.compute(case, data, oracle.reading(case, case.pads)))


def test_a_zero_in_a_max_pools_padding_wins_over_negative_elements() -> None:
    case = POOLS["max_pool-1d"]
    how = oracle.reading(case, case.pads)
    right, wrong = (oracle.compute(case, tensors(case), how._replace(fill=fill)) for fill in (how.fill, 0.0))
    assert right.max() < 0
    assert np.array_equal(wrong[..., 1:], right[..., 1:])
    assert not wrong[..., 0].any()


PADS = {"constant": "constant", "reflect": "reflect", "edge": "edge", "circular": "wrap", "symmetric": "symmetric"}


@pytest.mark.parametrize("mode", PADS)
@pytest.mark.parametrize(
    ("size", "pads"),
    [
        ((5,), ((2, 3),)),
        ((4,), ((9, 6),)),
        ((1,), ((1, 2),)),
        ((3, 4), ((0, 1), (5, 2))),
        ((2, 3, 4), ((1, 1), (0, 2), (3, 0))),
    ],
    ids=str,
)
def test_a_pad_is_numpys(mode: str, size: tuple[int, ...], pads: Pads) -> None:
    case = of("pad", size, (1,) * len(size), padding=pads, channels=2, filters=2, batch=2, mode=mode)
    data = tensors(case)
    value = {"constant_values": 1.5} if mode == "constant" else {}
    expected = np.pad(data.input, [(0, 0), (0, 0), *pads], mode=PADS[mode], **value)  # type: ignore[call-overload]
    found = oracle.compute(case, data, oracle.reading(case, pads)._replace(fill=1.5))
    assert np.array_equal(found, expected)
    assert oracle.reading(case, pads).output_shape(case) == expected.shape


def test_a_pads_value_is_rounded_to_its_type() -> None:
    case = of("pad", (3,), (1,), padding=((1, 0),), value=1.2, dtype="bfloat16")
    assert oracle.reading(case, case.pads).fill == 1.203125
    case = replace(case, value=float("-inf"))
    assert oracle.compute(case, tensors(case), oracle.reading(case, case.pads))[0, 0, 0] == -np.inf


@pytest.mark.filterwarnings("error")
def test_the_largest_of_no_element_is_minus_infinity() -> None:
    case = of("max_pool", (3,), (2,), stride=(2,), padding=((2, 2),))
    found = oracle.compute(case, tensors(case), oracle.reading(case, case.pads))
    assert found[0, 0, 0] == -np.inf
    assert np.isfinite(found[0, 0, 1:]).all()


@pytest.mark.filterwarnings("error")
def test_a_window_of_padding_only_averages_to_no_number() -> None:
    case = of("avg_pool", (2,), (2,), padding="valid")
    found = oracle.compute(case, tensors(case), oracle.reading(case, case.pads)._replace(pads=((0, 3),)))
    assert np.isnan(found[..., -1]).all()
    assert np.isfinite(found[..., :2]).all()


@pytest.mark.parametrize("pads", [((-1, 2), (0, 0)), ((-2, 5), (-4, 8)), ((-7, 9), (1, 1))], ids=str)
def test_a_negative_begin_pad_crops_the_input(pads: Pads) -> None:
    case = CASES["2d-groups"]
    assert answer(case, pads=pads).tolist() == slow_convolve(case, tensors(case), pads)


@every_case
def test_the_reference_is_the_same_in_any_number_of_chunks(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer(case)
    for size in (1, 50, 333):
        monkeypatch.setattr(oracle, "CHUNK", size)
        assert np.array_equal(answer(case), whole)


@every_case
def test_the_output_shape_is_known_beforehand(case: Case) -> None:
    how = oracle.reading(case, case.pads)
    assert how.output_shape(case) == answer(case).shape == (case.batch, case.filters, *case.output(case.pads))


def test_a_kernel_that_does_not_fit_has_a_shape_of_no_windows() -> None:
    case = conv((2,), (5,), padding="valid")
    assert oracle.reading(case, case.pads).output_shape(case)[2] < 1


@every_case
def test_the_reference_is_pytorchs(case: Case) -> None:
    import torch

    data = tensors(case)
    flat = [amount for pair in reversed(case.pads) for amount in pair]
    found = getattr(torch.nn.functional, f"conv{case.rank}d")(
        torch.nn.functional.pad(torch.from_numpy(data.input), flat),
        torch.from_numpy(data.weights),
        None if data.bias is None else torch.from_numpy(data.bias),
        stride=case.stride,
        dilation=case.dilation,
        groups=case.groups,
    )
    assert np.array_equal(found.numpy(), answer(case))


def test_a_flipped_kernel_is_a_convolution_in_the_sense_of_mathematics() -> None:
    case = conv((6,), (3,), padding=((2, 2),))
    data = tensors(case)
    expected = np.convolve(data.input[0, 0].astype(float), data.weights[0, 0].astype(float))
    assert answer(case, flip=True)[0, 0].tolist() == expected.tolist()
    assert not np.array_equal(answer(case, flip=True), answer(case))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_flip_and_swap_are_the_reversed_and_the_transposed_weights(rank: int) -> None:
    case = conv((5, 6, 4)[:rank], (3, 2, 4)[:rank], channels=2, filters=3, padding=((3, 3),) * rank)
    data = tensors(case)
    reverse = np.flip(data.weights, tuple(range(2, rank + 2)))
    flipped = oracle.convolve(case, data._replace(weights=reverse), oracle.reading(case, case.pads))
    assert np.array_equal(answer(case, flip=True), flipped)
    swapped = replace(case, kernel=case.kernel[::-1])
    turned = data._replace(weights=data.weights.transpose(0, 1, *range(rank + 1, 1, -1)))
    expected = oracle.convolve(swapped, turned, oracle.reading(swapped, case.pads))
    assert np.array_equal(answer(case, swap=True), expected)
    assert Reading(case.pads, case.stride, case.dilation, False, swap=True).output_shape(case) == expected.shape


def test_interleaved_output_channels_are_in_the_order_filters_of_a_group_then_groups() -> None:
    case = conv((4, 4), (3, 3), channels=4, filters=6, groups=2, bias=True)
    assert np.array_equal(answer(case, interleave=True), answer(case)[:, [0, 3, 1, 4, 2, 5]])


def test_a_dropped_bias_and_one_added_along_the_last_axis() -> None:
    case = conv((4, 3), (3, 3), channels=2, filters=3, bias=True)
    bias = tensors(case).bias
    assert bias is not None
    bare = answer(replace(case, bias=False))
    assert np.array_equal(answer(case, bias=False), bare)
    assert np.array_equal(answer(case), bare + bias.reshape(3, 1, 1))
    assert np.array_equal(answer(case, bias_last=True), bare + bias)


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (10, 12)], ids=["8x8", "9x7", "10x12"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("dilation", [2, 3])
def test_phased_is_what_tensorflows_depthwise_convolution_does_with_stride_and_dilation(
    size: tuple[int, int], padding: str, dilation: int
) -> None:
    tf = frameworks.tensorflow()

    case = conv(
        size,
        (3, 2),
        stride=(2, 2),
        dilation=(dilation, dilation),
        padding=padding.lower(),
        channels=2,
        filters=4,
        groups=2,
    )
    data = tensors(case)
    weights = data.weights.reshape(2, 2, *case.kernel).transpose(2, 3, 0, 1)
    with pytest.warns(UserWarning, match="all values of strides must be 1"):
        found = tf.nn.depthwise_conv2d(
            data.input.transpose(0, 2, 3, 1), weights, [1, 2, 2, 1], padding, dilations=[dilation, dilation]
        )
    unstrided = replace(case, stride=(1, 1))  # space-to-batch resolves SAME before it strides
    phased = answer(case, pads=unstrided.pads, phased=True)
    assert np.array_equal(found.numpy().transpose(0, 3, 1, 2), phased)
    assert phased.shape != answer(case).shape or not np.array_equal(phased, answer(case))


def test_phased_without_dilation_or_without_stride_is_the_convolution() -> None:
    strided = conv((9, 8), (3, 3), stride=(2, 3), channels=2)
    assert np.array_equal(answer(strided, phased=True), answer(strided))
    dilated = conv((9, 8), (3, 3), dilation=(2, 3), channels=2)
    assert np.array_equal(answer(dilated, phased=True), answer(dilated))


REAL = {
    "1d": conv((9,), (3,), channels=5, filters=3, data="normal", bias=True),
    "2d": conv((6, 7), (3, 2), stride=(2, 1), channels=4, filters=2, data="normal"),
    "2d-deep": conv((4, 4), (3, 3), channels=64, filters=2, data="normal", bias=True),
    "3d": conv((3, 4, 3), (2, 2, 2), channels=3, filters=2, data="normal", bias=True, seed=3),
}

every_real_case = pytest.mark.parametrize("case", REAL.values(), ids=REAL.keys())


def bound_of(case: Case, data: Data, how: Reading) -> Any:
    """The bound of a direct sum."""
    return bounds.direct(bounds.Sums(case, data, how, oracle.convolve(case, data, how)))


def summed(case: Case, data: Data, order: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The output with the products of each element added one by one in float32, in this order."""
    padded = np.pad(data.input, ((0, 0), (0, 0), *case.pads))
    output = case.output(case.pads)
    terms = []
    for channel, taps in product(range(case.channels), product(*map(range, case.kernel))):
        window = tuple(slice(t, t + (o - 1) * s + 1, s) for t, o, s in zip(taps, output, case.stride, strict=True))
        column: tuple[Any, ...] = (slice(None), channel, *taps)
        weight = data.weights[column].reshape(1, -1, *[1] * case.rank)
        terms.append(padded[(slice(None), slice(channel, channel + 1), *window)] * weight)
    if data.bias is not None:
        terms.append(np.broadcast_to(data.bias.reshape(1, -1, *[1] * case.rank), terms[0].shape))
    total: np.ndarray[Any, Any] = np.zeros_like(terms[0])
    for index in order:
        total = total + terms[index]
    assert total.dtype == np.float32
    return total


@every_real_case
def test_the_error_bound_holds_for_every_order_of_a_float32_sum_and_not_for_another_pixel(case: Case) -> None:
    data, how, terms = tensors(case), oracle.reading(case, case.pads), case.products
    exact, bound = oracle.convolve(case, data, how), bound_of(case, data, how)
    assert bound.shape == exact.shape
    rng = np.random.default_rng(0)
    orders = [np.arange(terms), np.arange(terms)[::-1], *(rng.permutation(terms) for _ in range(5))]
    errors = [np.abs(summed(case, data, order) - exact) for order in orders]
    assert all(np.all(error <= bound) for error in errors)
    assert any(np.any(error > bound / 1000) for error in errors), "a bound this wide sees nothing"
    shifted = data._replace(input=np.roll(data.input, 1, axis=-1))
    assert np.any(np.abs(oracle.convolve(case, shifted, how) - exact) > bound)


@every_real_case
def test_the_error_bound_is_gamma_times_the_convolution_of_magnitudes(case: Case) -> None:
    data, how, terms = tensors(case), oracle.reading(case, case.pads), case.products
    magnitudes = Data(abs(data.input), abs(data.weights), None if data.bias is None else abs(data.bias))
    gamma = terms * 2.0**-24 / (1 - terms * 2.0**-24)
    expected = gamma * np.array(slow_convolve(case, magnitudes, case.pads)) + terms * 2.0**-126
    off = np.abs(bound_of(case, data, how) - expected)
    assert np.all(off <= expected * 2.0**-40)


def test_a_float64_bound_allows_for_the_error_of_the_reference() -> None:
    case = conv((9,), (3,), channels=5, data="normal", dtype="float64")
    data, how = tensors(case), oracle.reading(case, case.pads)
    single = bound_of(replace(case, dtype="float32"), data, how)
    double = bound_of(case, data, how)
    assert np.all(double < single * 2.0**-27)
    assert np.all(double > single * 2.0**-29)
    backwards = Data(data.input[:, ::-1].copy(), data.weights[:, ::-1].copy(), None)
    assert np.all(np.abs(oracle.convolve(case, backwards, how) - oracle.convolve(case, data, how)) <= double)


def test_a_reading_of_a_large_case_gathers_no_more_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    case = conv((40, 6), (3, 3), channels=4, filters=2)
    monkeypatch.setattr(oracle, "CHUNK", 1000)
    gathered = []
    real = np.ndarray.__matmul__

    class Watched(np.ndarray[Any, Any]):
        def __matmul__(self, other: Any) -> Any:
            gathered.append(other.size)
            return real(np.asarray(self), other)

    data = tensors(case)
    watched = data._replace(weights=data.weights.view(Watched))
    assert np.array_equal(oracle.convolve(case, watched, oracle.reading(case, case.pads)), answer(case))
    assert max(gathered) <= 1000
    assert len(gathered) > 1
