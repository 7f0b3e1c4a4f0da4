"""What to write where: every snippet is executed, in the framework that it is for, and is the reference exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from conformance import oracle
from conformance.domain.case import Case
from conformance.domain.geometry import same_elements
from conformance.domain.tensors import Data, tensors
from conformance.errors import InputError
from conformance.explanation.explain import explain, sound
from conformance.explanation.targets import TARGETS, Limit, Snippet, Variant, snippet, target
from conformance.runners import keras, tensorflow
from conformance.runners.contract import Weights
from conformance.runners.onnx_models import single_node
from conformance.runners.onnxruntime import OnnxRuntime
from conformance.runners.tensorflow import channels_first, channels_last, filters_by_channel, filters_last
from tests import frameworks

SIZES = {1: (9,), 2: (7, 10), 3: (5, 6, 7)}
Array = Any


def made(op: str, rank: int, **fields: Any) -> Case:
    """A case, its lists given for every axis."""
    given = {"kernel": 3, "stride": 1, "dilation": 1, "input": SIZES[rank], "padding": "same", "channels": 4, **fields}
    if op.endswith("_pool"):
        given["filters"] = given["channels"]
    for name in ("kernel", "stride", "dilation", "output_padding"):
        if isinstance(given.get(name), int):
            given[name] = (given[name],) * rank
    if isinstance(given["padding"], tuple):
        given["padding"] = given["padding"][:rank]
    return Case(id="made", op=op, **{"filters": 4, **given})


PADS = ((1, 1), (0, 2), (1, 0)), ((1, 1), (1, 1), (1, 1)), ((2, 1), (1, 2), (0, 1))
UNEVEN = {"kernel": {1: (3,), 2: (3, 2), 3: (3, 2, 1)}, "stride": {1: (2,), 2: (2, 1), 3: (2, 1, 3)}}


def spread() -> Iterator[Case]:
    """Every operator in every rank, with every kind of padding, and everything else that each has."""
    shapes: list[dict[str, Any]] = [
        {},
        {"stride": 2},
        {"stride": 2, "kernel": 2},
        {"stride": 3, "kernel": 2},
        {"dilation": 2},
        {"dilation": 2, "kernel": 2, "stride": 2},
        {"kernel": 1, "stride": 2},
        {"kernel": 4, "stride": 2},
    ]
    for rank in (1, 2, 3):
        for op in ("conv", "conv_transpose", "max_pool", "avg_pool"):
            extras: list[dict[str, Any]] = [{}]
            if op == "conv":
                extras += [{"groups": 2, "bias": True}, {"groups": 4, "filters": 8}, {"groups": 4, "bias": True}]
            if op == "conv_transpose":
                extras += [{"groups": 2, "bias": True}, {"output_padding": 1, "bias": True}]
            if op == "max_pool":
                extras += [{"ceil_mode": True}]
            if op == "avg_pool":
                extras += [
                    {"count_include_pad": True},
                    {"ceil_mode": True},
                    {"ceil_mode": True, "count_include_pad": True},
                ]
            paddings = ["same", "same_lower", "valid", *PADS]
            if op == "conv":
                paddings += ["fixed", *["causal"] * (rank == 1)]
            uneven = {name: UNEVEN[name][rank] for name in UNEVEN}
            for shape, padding, extra in product([*shapes, uneven], paddings, extras):
                case = made(op, rank, padding=padding, **shape, **extra)
                if extra.get("output_padding") and (isinstance(padding, str) or min(case.stride) < 2):
                    continue
                if fits(case):
                    yield case


def fits(case: Case) -> bool:
    """Whether there is such a case."""
    try:
        sound(case)
    except InputError:
        return False
    return True


CASES = list(spread())


def reference(case: Case, data: Data) -> Array:
    return oracle.compute(case, data, oracle.reading(case, case.pads))


def laid_out(case: Case, data: Data, found: Snippet) -> dict[str, Array]:
    """The arrays that a snippet names, as its framework lays them out and as the snippet says."""
    last = found.target in ("tensorflow", "keras")
    kernel = data.weights
    if last and not case.pool:
        separate = {"tensorflow": tensorflow, "keras": keras}[found.target].separate(case)
        kernel = filters_by_channel(kernel, case.channels) if separate else filters_last(kernel)
    values = {"x": channels_last(data.input) if last else data.input, "bias": data.bias, "b": data.bias}
    arrays: dict[str, Array] = {name: values.get(name, kernel) for name in found.shapes}
    assert {name: array.shape for name, array in arrays.items()} == {n: shape for n, (_, shape) in found.shapes.items()}
    return arrays


def in_torch(found: Snippet, case: Case, data: Data) -> Array:
    import torch

    names: dict[str, Any] = {name: torch.from_numpy(array) for name, array in laid_out(case, data, found).items()}
    exec(found.code, names)
    if "layer" in names and not case.pool:
        layer = names["layer"]
        last = layer[-1] if isinstance(layer, torch.nn.Sequential) else layer
        last.load_state_dict({name: names[name] for name in ("weight", "bias") if name in names})
    return (names["layer"](names["x"]) if "layer" in names else names["y"]).detach().numpy()


def in_tensorflow(found: Snippet, case: Case, data: Data) -> Array:
    tf = frameworks.tensorflow()

    names: dict[str, Any] = {name: tf.constant(array) for name, array in laid_out(case, data, found).items()}
    exec(found.code, names)
    return channels_first(names["y"].numpy())


def in_keras(found: Snippet, case: Case, data: Data) -> Array:
    frameworks.tensorflow()
    arrays = laid_out(case, data, found)
    names: dict[str, Any] = {"x": arrays["x"]}
    exec(found.code, names)
    if not case.pool:
        names["layer"].set_weights([arrays[name] for name in ("weight", "bias") if name in arrays])
    return channels_first(names["layer"](arrays["x"]).numpy())


def in_jax(found: Snippet, case: Case, data: Data) -> Array:
    names: dict[str, Any] = dict(laid_out(case, data, found))
    exec(found.code, names)
    return np.asarray(names["y"])


def in_onnx(found: Snippet, case: Case, data: Data) -> Array:
    laid_out(case, data, found)
    names: dict[str, Any] = {}
    exec(found.code, names)
    runner = OnnxRuntime()
    runner.open()
    model = single_node(names["node"], case, Weights(data.weights, data.bias))
    return runner.convert(model)(data.input)


def in_caffe(found: Snippet, case: Case, data: Data) -> Array:
    laid_out(case, data, found)
    return caffe_net(found.code, data)


EXECUTE: dict[str, Callable[[Snippet, Case, Data], Array]] = {
    "torch": in_torch,
    "tensorflow": in_tensorflow,
    "keras": in_keras,
    "jax": in_jax,
    "onnx": in_onnx,
    "caffe": in_caffe,
}


# Caffe, by its sources' rules and nothing of ours but the arithmetic of a layer whose geometry is worked out here.


def parsed(text: str) -> list[dict[str, Any]]:
    """The layers of a prototxt: repeated fields as lists."""
    tokens = re.findall(r'"[^"]*"|[\w.+-]+|[{}:]', re.sub(r"#.*", "", text))

    def block(place: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        while place < len(tokens) and tokens[place] != "}":
            name = tokens[place]
            value: Any
            if tokens[place + 1] == "{":
                value, place = block(place + 2)
                place += 1
            else:
                assert tokens[place + 1] == ":", tokens[place : place + 3]
                raw, place = tokens[place + 2], place + 3
                value = raw.strip('"') if raw.startswith('"') else int(raw) if raw.isdigit() else raw
            found.setdefault(name, []).append(value)
        return found, place

    layers, end = block(0)
    assert end == len(tokens)
    assert set(layers) == {"layer"}
    return layers["layer"]  # type: ignore[no-any-return]


def caffe_net(text: str, data: Data) -> Array:
    """The blob ``y`` of a net."""
    blobs, read = {"x": data.input}, {"y"}
    for layer in parsed(text):
        (bottom,) = layer["bottom"]
        read.add(bottom)
        tops = caffe_layer(layer, blobs[bottom], data)
        assert len(tops) == len(layer.get("top", []))
        blobs.update(zip(layer.get("top", []), tops, strict=True))
    assert set(blobs) == read, "a blob that nobody takes is an output of the net"
    return blobs["y"]


def caffe_layer(layer: dict[str, Any], x: Array, data: Data) -> list[Array]:
    (kind,) = layer["type"]
    if kind == "Silence":
        return []
    if kind == "Slice":
        (given,) = layer["slice_param"]
        assert set(given) == {"axis", "slice_point"}
        return np.split(x, given["slice_point"], given["axis"][0])
    if kind == "Pooling":
        return [caffe_pooling(layer["pooling_param"][0], x)]
    (given,) = layer["convolution_param"]
    rank = x.ndim - 2
    allowed = {"num_output", "bias_term", "pad", "kernel_size", "stride", "dilation", "group"}
    assert set(given) <= allowed

    def sizes(name: str, default: int) -> tuple[int, ...]:
        values = given.get(name, [default])
        assert len(values) in (1, rank)
        return tuple(values * rank if len(values) == 1 else values)

    pads = tuple((pad, pad) for pad in sizes("pad", 0))
    transposed = kind == "Deconvolution"
    assert kind in ("Convolution", "Deconvolution")
    biased = given.get("bias_term", ["true"]) == ["true"]
    case = Case(
        id="caffe",
        op="conv_transpose" if transposed else "conv",
        input=x.shape[2:],
        kernel=sizes("kernel_size", 0),
        stride=sizes("stride", 1),
        dilation=sizes("dilation", 1),
        padding=pads,
        channels=x.shape[1],
        filters=given["num_output"][0],
        groups=given.get("group", [1])[0],
        bias=biased,
    )
    output = reference(case, data._replace(input=x))
    for size, pad, kernel, stride, dilation, got in zip(
        case.input, sizes("pad", 0), case.kernel, case.stride, case.dilation, output.shape[2:], strict=True
    ):
        extent = dilation * (kernel - 1) + 1
        due = stride * (size - 1) + extent - 2 * pad if transposed else (size + 2 * pad - extent) // stride + 1
        assert got == due
    return [output]


def caffe_pooling(given: dict[str, Any], x: Array) -> Array:
    """``pooling_layer.cpp``, window by window."""

    def plane(name: str, default: int) -> tuple[int, int]:
        both = [given.get(f"{name.replace('_size', '')}_{side}", given.get(name, [default]))[0] for side in "hw"]
        return both[0], both[1]

    pads, kernel, stride = plane("pad", 0), plane("kernel_size", 0), plane("stride", 1)
    assert all(pad < size for pad, size in zip(pads, kernel, strict=True)), "CHECK_LT(pad_h_, kernel_h_)"
    down = given["round_mode"] == ["FLOOR"]
    counts = []
    for size, pad, k, s in zip(x.shape[2:], pads, kernel, stride, strict=True):
        span = size + 2 * pad - k
        count = (span // s if down else -(-span // s)) + 1
        if any(pads) and (count - 1) * s >= size + pad:
            count -= 1
        counts.append(count)
    output = np.zeros((*x.shape[:2], *counts))
    for i, j in np.ndindex(*counts):
        places = []
        area = 1
        for at, size, pad, k, s in zip((i, j), x.shape[2:], pads, kernel, stride, strict=True):
            start = at * s - pad
            end = min(start + k, size + pad)
            area *= end - start
            places.append(slice(max(start, 0), min(end, size)))
        window = x[:, :, places[0], places[1]].astype(float)
        output[:, :, i, j] = window.max((2, 3)) if given["pool"] == ["MAX"] else window.sum((2, 3)) / area
    return output


@pytest.fixture(scope="module")
def lattice() -> Callable[[Case], tuple[Data, Array]]:
    """The data and the reference of a case, made once for all frameworks."""
    made: dict[Case, tuple[Data, Array]] = {}

    def give(case: Case) -> tuple[Data, Array]:
        if case not in made:
            data = tensors(case)
            made[case] = data, reference(case, data)
        return made[case]

    return give


EVERY_NTH = {"torch": 5, "tensorflow": 2, "keras": 7, "jax": 23, "onnx": 2, "caffe": 2}
"""How many of the cases are executed: one of so many, where a framework takes its time to compile or to build."""

SHARE = {"torch": 0.92, "tensorflow": 0.8, "keras": 0.6, "jax": 1.0, "onnx": 0.93, "caffe": 0.55}
"""The share of the cases that each can write, at least."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_snippet_is_the_reference(name: str, lattice: Callable[[Case], tuple[Data, Array]]) -> None:
    cases = CASES[:: EVERY_NTH[name]]
    assert {(case.op, case.rank) for case in cases} == {(case.op, case.rank) for case in CASES}
    written = 0
    for case in cases:
        found = snippet(case, name)
        if not found.code:
            assert found.notes, case.describe()
            assert all(found.notes), case.describe()
            continue
        written += 1
        data, due = lattice(case)
        got = EXECUTE[name](found, case, data)
        assert got.shape == due.shape, (case.describe(), found.code)
        assert np.array_equal(got, due), (case.describe(), found.code)
    assert written / len(cases) >= SHARE[name]


CLAIMED = {"for every size": {0, 1}, "for even sizes": {0}, "for odd sizes": {1}}


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "jax"])
def test_a_text_is_right_for_the_sizes_that_it_claims_and_for_no_other(name: str) -> None:
    """The very text for one size, executed at others."""
    cases = [case for case in CASES if case.rank == 1 or (case.op.endswith("_pool") and case.rank == 2)]
    claims = set()
    for case in cases[:: 11 if name == "keras" else 4]:
        found = snippet(case, name)
        if found.sizes not in CLAIMED:
            continue
        claims.add(found.sizes)
        for size in (10, 11, 12, 13):
            other = replace(case, input=(size,) * case.rank)
            right = size % 2 in CLAIMED[found.sizes]
            if not right and case.ceil_mode:  # more may be padded than is read
                continue
            data = tensors(other)
            try:
                got = EXECUTE[name](found._replace(shapes=TARGETS[name].shapes(other)), other, data)
            except Exception:
                assert not right, (other.describe(), found.code)
                continue
            assert np.array_equal(got, reference(other, data)) == right, (other.describe(), found.code)
    assert claims >= {"for every size", "for odd sizes"}


def refused(name: str, variant: Variant, limit: Limit) -> Iterator[tuple[Case, Snippet]]:
    """The cases that only this limit keeps a variant from writing, as it would write them."""
    for case in CASES:
        spelling = variant.write(case)
        if spelling is None or not same_elements(case.asked, case.axes(spelling.pads)):
            continue
        if limit[0](case) and sum(applies(case) for applies, _ in variant.limits) == 1:
            target = TARGETS[name]
            code = variant.code.format(spelling.code)
            yield case, Snippet(name, target.title, variant.name, code, shapes=target.shapes(case))


LIMITS = [
    (name, variant, limit)
    for name, target in TARGETS.items()
    for variant in target.variants
    for limit in variant.limits
]


@pytest.mark.parametrize(
    ("name", "variant", "limit"), LIMITS, ids=[f"{name}-{variant.name}-{why}" for name, variant, (_, why) in LIMITS]
)
def test_what_is_said_to_be_refused_is(
    name: str, variant: Variant, limit: Limit, lattice: Callable[[Case], tuple[Data, Array]]
) -> None:
    """Or computed otherwise; a framework that has learnt it makes this test fail."""
    cases = list(refused(name, variant, limit))
    assert cases
    for case, found in cases[:: max(len(cases) // 12, 1)]:
        data, due = lattice(case)
        try:
            got = EXECUTE[name](found, case, data)
        except Exception as error:
            assert not isinstance(error, (NameError, AssertionError, SyntaxError))  # noqa: PT017
            continue
        assert got.shape != due.shape or not np.array_equal(got, due), (case.describe(), found.code)


@pytest.mark.parametrize(
    ("layer", "name", "sizes"),
    [
        ("Conv2D(6, 3, strides=2, padding='same')", "keras", "for every size"),
        ("Conv2D(6, 3, strides=2, padding='same')", "torch", "for even sizes"),
        ("Conv2D(6, 3, strides=2, padding='same')", "caffe", "for even sizes"),
        ("nn.Conv2d(8, 8, 3, 2, 1)", "keras", "for every size"),
        ("nn.Conv2d(8, 8, 3, 2, 1)", "onnx", "for every size"),
        ("nn.ConvTranspose2d(8, 8, 3, 2, 1, 1)", "onnx", "for every size"),
        ("nn.ConvTranspose2d(8, 8, 3, 2, 1, 1)", "tensorflow", "for this input's size alone"),
        ("nn.MaxPool2d(3, 2, 1, ceil_mode=True)", "torch", "for every size"),
        ("nn.MaxPool2d(3, 2, 1, ceil_mode=True)", "tensorflow", "for even sizes"),
        ("Conv1D(3, 3, padding='causal')", "keras", "for every size"),
    ],
)
def test_a_snippet_says_for_which_sizes_it_is_right(layer: str, name: str, sizes: str) -> None:
    found = explain(layer, (8, 8) if "1D" not in layer else 8)
    assert snippet(found.case, name).sizes == sizes


@pytest.mark.parametrize("name", ["torch", "keras", "jax", "onnx", "caffe"])
def test_a_snippet_for_even_sizes_is_right_for_them_and_for_no_other(name: str) -> None:
    """The text for 8 is the text for 10 and 12, and not for 9."""
    text = {size: snippet(made("conv", 1, input=(size,), stride=2), name).code for size in (8, 9, 10, 12)}
    by_rule = name in ("keras", "jax")
    assert text[8] == text[10] == text[12]
    assert (text[9] == text[8]) == by_rule


def test_what_cannot_be_written_says_why() -> None:
    assert snippet(made("conv", 2, stride=2, dilation=2), "keras").notes == (
        "Keras' convolution layers refuse a stride together with a dilation.",
    )
    assert "no average pool" in snippet(made("avg_pool", 1, dilation=2), "torch").notes[0]
    assert "two axes" in snippet(made("max_pool", 3), "caffe").notes[0]
    assert "count their padding" in snippet(made("avg_pool", 2, padding="same", kernel=3), "caffe").notes[0]


@pytest.mark.parametrize("name", ["pytorch", "TF", "tf.keras"])
def test_a_target_has_more_than_one_name(name: str) -> None:
    assert target(name) in TARGETS


def test_an_unknown_target() -> None:
    with pytest.raises(InputError, match="--to 'mxnet'; allowed: torch, tensorflow, keras, jax, onnx, caffe"):
        target("mxnet")


def test_asymmetric_pads_in_caffe_are_cut_out_of_wider_ones() -> None:
    found = snippet(made("conv", 2, input=(8, 8), stride=2, bias=True), "caffe")
    layers = parsed(found.code)
    assert [layer["type"] for layer in layers] == [["Convolution"], ["Slice"], ["Slice"], ["Silence"], ["Silence"]]
    assert layers[0]["convolution_param"][0]["pad"] == [2]
    symmetric = parsed(snippet(made("conv", 2, padding=PADS[1], bias=True), "caffe").code)
    assert [layer["type"] for layer in symmetric] == [["Convolution"]]
