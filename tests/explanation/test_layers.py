"""Layers as people write them: what is read, and one clear error for what cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from conformance.domain.case import Case
from conformance.errors import InputError
from conformance.explanation.explain import sound
from conformance.explanation.layers import read
from conformance.runners import keras, onnx_models, tensorflow, torch

READ = {
    # Keras
    "Conv2D(6, 4, strides=2, padding='same')": "conv 9x10 · k 4x4 · s 2x2 · d 1x1 · padding same · 1→6 · bias",
    "tf.keras.layers.Conv2D(6, (3, 2), (2, 1), 'same', use_bias=False, activation=tf.nn.relu)":
        "conv 9x10 · k 3x2 · s 2x1 · d 1x1 · padding same · 1→6",
    "x = layers.Conv2D(64, 7, strides=2, padding='SAME', name='stem')(x)":
        "conv 9x10 · k 7x7 · s 2x2 · d 1x1 · padding same · 1→64 · bias",
    "keras.layers.Conv1D(4, 3, padding='causal', dilation_rate=2)":
        "conv 9 · k 3 · s 1 · d 2 · padding causal · 1→4 · bias",
    "Conv2D(8, 3, input_shape=(28, 28, 3))": "conv 9x10 · k 3x3 · s 1x1 · d 1x1 · padding valid · 3→8 · bias",
    "Conv2D(8, 3, groups=2)": "conv 9x10 · k 3x3 · s 1x1 · d 1x1 · padding valid · 2→8 · groups 2 · bias",
    "DepthwiseConv2D(3, 2, 'same', depth_multiplier=2)":
        "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 4→8 · groups 4 · bias",
    "SeparableConv2D(32, 3, padding='same', depth_multiplier=1)":
        "conv 9x10 · k 3x3 · s 1x1 · d 1x1 · padding same · 4→4 · groups 4",
    "MaxPooling2D()": "max_pool 9x10 · k 2x2 · s 2x2 · d 1x1 · padding valid · 1 channel",
    "MaxPool1D(3, padding='same')": "max_pool 9 · k 3 · s 3 · d 1 · padding same · 1 channel",
    "AveragePooling3D(2, strides=1, padding='same')":
        "avg_pool 9x10x11 · k 2x2x2 · s 1x1x1 · d 1x1x1 · padding same · 1 channel",
    "Conv2DTranspose(4, 3, strides=2, padding='same')":
        "conv_transpose 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 1→4 · bias",
    "Conv2DTranspose(4, 2, strides=3)":
        "conv_transpose 9x10 · k 2x2 · s 3x3 · d 1x1 · padding valid · 1→4 · output padding 1x1 · bias",
    "Conv1DTranspose(4, 3, 2, output_padding=1)":
        "conv_transpose 9 · k 3 · s 2 · d 1 · padding valid · 1→4 · output padding 1 · bias",
    # PyTorch
    "nn.Conv2d(64, 64, 3, stride=2, padding=1)":
        "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding 1.1x1.1 · 64→64 · bias",
    "torch.nn.Conv2d(3, 8, (3, 5), 2, (1, 2), 1, 1, False)":
        "conv 9x10 · k 3x5 · s 2x2 · d 1x1 · padding 1.1x2.2 · 3→8",
    "self.conv1 = nn.Conv1d(in_channels=4, out_channels=8, kernel_size=3, padding='same', groups=4)":
        "conv 9 · k 3 · s 1 · d 1 · padding same · 4→8 · groups 4 · bias",
    "(conv1): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)":
        "conv 9x10 · k 7x7 · s 2x2 · d 1x1 · padding 3.3x3.3 · 3→64",
    "nn.ConvTranspose2d(8, 4, 3, 2, 1, 1),":
        "conv_transpose 9x10 · k 3x3 · s 2x2 · d 1x1 · padding 1.1x1.1 · 8→4 · output padding 1x1 · bias",
    "nn.MaxPool2d(3, 2, 1, ceil_mode=True)":
        "max_pool 9x10 · k 3x3 · s 2x2 · d 1x1 · padding 1.1x1.1 · 1 channel · ceil",
    "nn.MaxPool2d(3)": "max_pool 9x10 · k 3x3 · s 3x3 · d 1x1 · padding 0.0x0.0 · 1 channel",
    "nn.AvgPool1d(3, padding=1)": "avg_pool 9 · k 3 · s 3 · d 1 · padding 1.1 · 1 channel · padding counted",
    "F.max_pool2d(x, 2)": "max_pool 9x10 · k 2x2 · s 2x2 · d 1x1 · padding 0.0x0.0 · 1 channel",
    "F.conv2d(x, self.weight, self.bias, 2, 1)": "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding 1.1x1.1 · 1→1 · bias",
    "torch.conv2d(x, w, None, 2)": "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding 0.0x0.0 · 1→1",
    # TensorFlow
    "tf.nn.conv2d(x, w, 2, 'SAME')": "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 1→1",
    "tf.nn.conv2d(x, filters=w, strides=[1, 2, 1, 1], padding='SAME')":
        "conv 9x10 · k 3x3 · s 2x1 · d 1x1 · padding same · 1→1",
    "tf.nn.conv2d(x, w, [1, 1, 2, 3], 'VALID', data_format='NCHW')":
        "conv 9x10 · k 3x3 · s 2x3 · d 1x1 · padding valid · 1→1",
    "tf.nn.conv2d(x, w, 2, [[0, 0], [1, 1], [2, 1], [0, 0]])":
        "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding 1.1x2.1 · 1→1",
    "tf.nn.conv1d(x, w, stride=2, padding='SAME', dilations=1)": "conv 9 · k 3 · s 2 · d 1 · padding same · 1→1",
    "tf.nn.depthwise_conv2d(x, w, [1, 2, 2, 1], 'SAME')":
        "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 4→4 · groups 4",
    "tf.nn.atrous_conv2d(x, w, rate=2, padding='SAME')": "conv 9x10 · k 3x3 · s 1x1 · d 2x2 · padding same · 1→1",
    "tf.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], 'SAME')":
        "max_pool 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 1 channel",
    "tf.nn.max_pool(x, 3, [2], 'SAME')": "max_pool 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 1 channel",
    "Conv(group=2, auto_pad='SAME_UPPER')": "conv 9x10 · k 3x3 · s 1x1 · d 1x1 · padding same · 2→2 · groups 2",
    "tf.nn.avg_pool1d(x, 3, 2, 'SAME')": "avg_pool 9 · k 3 · s 2 · d 1 · padding same · 1 channel",
    "tf.nn.pool(x, [3, 3], 'MAX', padding='SAME', dilations=[2, 2])":
        "max_pool 9x10 · k 3x3 · s 1x1 · d 2x2 · padding same · 1 channel",
    "tf.nn.conv2d_transpose(x, w, [1, 18, 19, 3], 2)":
        "conv_transpose 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 1→1 · output 18x19",
    "tf.nn.conv2d_transpose(x, w, [1, 20, 21, 3], 2, 'VALID')":
        "conv_transpose 9x10 · k 3x3 · s 2x2 · d 1x1 · padding valid · 1→1 · output padding 1x0",
    "tf.layers.conv2d(inputs, 64, 3, strides=2, padding='same')":
        "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 1→64 · bias",
    "conv2d_fixed_padding(inputs=inputs, filters=64, kernel_size=7, strides=2, data_format=data_format)":
        "conv 9x10 · k 7x7 · s 2x2 · d 1x1 · padding fixed · 1→64",
    # ONNX
    'Conv(kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")':
        "conv 9x10 · k 3x3 · s 2x2 · d 1x1 · padding same · 1→1",
    'helper.make_node("Conv", ["x", "w", "b"], ["y"], kernel_shape=[3, 2], pads=[0, 1, 2, 3], group=4)':
        "conv 9x10 · k 3x2 · s 1x1 · d 1x1 · padding 0.2x1.3 · 4→4 · groups 4 · bias",
    'Y = Conv <auto_pad = "SAME_LOWER", kernel_shape: ints = [3, 3]> (X, W)':
        "conv 9x10 · k 3x3 · s 1x1 · d 1x1 · padding same_lower · 1→1",
    "MaxPool\nkernel_shape: 3, 3\nstrides: [2, 2]\nceil_mode: 1\nauto_pad: VALID":
        "max_pool 9x10 · k 3x3 · s 2x2 · d 1x1 · padding valid · 1 channel · ceil",
    '{"op_type": "AveragePool", "attributes": {"kernel_shape": [3], "pads": [1, 0], "count_include_pad": 1}}':
        "avg_pool 9 · k 3 · s 1 · d 1 · padding 1.0 · 1 channel · padding counted",
    '{"op_type": "ConvTranspose", "name": "up", "kernel_shape": [3, 3], "strides": [2, 2], "output_padding": [1, 0]}':
        "conv_transpose 9x10 · k 3x3 · s 2x2 · d 1x1 · padding valid · 1→1 · output padding 1x0",
    "ConvTranspose(kernel_shape=[3], strides=[2], auto_pad='SAME_UPPER', output_shape=[18])":
        "conv_transpose 9 · k 3 · s 2 · d 1 · padding same · 1→1 · output 18",
}  # fmt: skip
"""What people write -> the case over 9, 9x10 or 9x10x11."""


@pytest.mark.parametrize(("text", "described"), READ.items())
def test_a_layer_is_read_as_its_framework_reads_it(text: str, described: str) -> None:
    layer = read(text)
    case = sound(layer.case((9, 10, 11)[: layer.rank or 2], () if layer.kernel else (3,)))
    assert case.describe() == described


WRONG = {
    "Conv2D(6, k)": "layer:1:11: kernel_size is 'k'; allowed: a literal",
    "Conv2D(6, 2 ** 3)": "layer:1:11: kernel_size is '2 ** 3'; allowed: a literal",
    "Conv2D(6)": "layer:1:1: kernel_size of Conv2D is missing; allowed: filters, kernel_size, strides",
    "Conv2E(3)": "layer:1:1: unknown layer 'Conv2E'; did you mean Conv2d, Conv2D, Conv?",
    "Dense(3)": "layer:1:1: unknown layer 'Dense'",
    "nn.Conv2d(1, 2, 3, strides=2)": "layer:1:20: unknown argument 'strides' of Conv2d (did you mean 'stride'?); ",
    "nn.Conv2d(1, 2, 3, stride=2, stride=3)": "layer:1:",
    "nn.Conv2d(1, 2, 3, in_channels=3)": "layer:1:32: in_channels again; allowed: once",
    "nn.Conv2d(*sizes)": "layer:1:11: *arguments; allowed: arguments written out",
    "nn.Conv2d(1, 2, **options)": "layer:1:19: **options; allowed: arguments written out",
    "nn.Conv2d(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)": "layer:1:46: Conv2d with 12 arguments; allowed: in_channels",
    "nn.Conv2d(1, 2, (3, 3, 3))": "layer:1:17: kernel_size has 3 numbers; allowed: 1 or 2",
    "nn.Conv2d(1, 2, 0)": "layer:1:17: kernel_size is 0; allowed: integers from 1 to 999999",
    "nn.Conv2d(1, 2, 3.0)": "layer:1:17: kernel_size is 3.0; allowed: integers",
    "nn.Conv2d(1, 2, True)": "layer:1:17: kernel_size is True; allowed: integers",
    "nn.Conv2d(1, 2, 3, padding=-1)": "layer:1:28: padding is -1; allowed: integers from 0",
    "nn.Conv2d(1, 2, 3, padding='SAME')": "layer:1:28: padding is 'SAME'; allowed: same, valid, integers",
    "nn.Conv2d(1, 2, 3, 2, 'same')": "layer:1:23: padding 'same' with a stride, which PyTorch refuses; allowed: ",
    "nn.Conv2d(1, 2, 3, padding_mode='reflect')": "layer:1:33: padding_mode is 'reflect'; allowed: 'zeros'",
    "nn.AvgPool2d(2, divisor_override=3)": "layer:1:34: divisor_override is 3; allowed: None",
    "Conv2D(6, 4, padding='sane')": "layer:1:22: padding is 'sane'; allowed: 'valid', 'same'",
    "Conv2D(6, 4, padding='causal')": "layer:1:22: padding is 'causal'; allowed: 'valid', 'same'",
    "Conv2DTranspose(4, 3, 2, 'same', output_padding=1)": "layer:1:49: output_padding with 'same'; allowed: with",
    "tf.nn.conv2d(x, w, [2, 1, 1, 1], 'SAME')": "layer:1:20: [2, 1, 1, 1] over batch and channels; allowed: 1 there",
    "tf.nn.conv2d(x, w, 1, [[0, 0], [1, 1], [0, 0]])": "layer:1:23: padding is [[0, 0], [1, 1], [0, 0]]; allowed: ",
    "tf.nn.conv2d(x, w, 1, [[1, 0], [1, 1], [1, 1], [0, 0]])": "layer:1:23: padding is [[1, 0]",
    "tf.nn.pool(x, [3], 'MIN')": "layer:1:20: pooling_type is 'MIN'; allowed: 'MAX' or 'AVG'",
    "Conv(kernel_shape=[3], auto_pad='SAME')": "layer:1:33: auto_pad is 'SAME'; allowed: NOTSET, SAME_UPPER",
    "Conv(kernel_shape=[3], auto_pad='SAME_UPPER', pads=[1, 1])": "layer:1:52: pads with auto_pad SAME_UPPER; allow",
    "Conv(kernel_shape=[3, 3], pads=[1, 1])": "layer:1:32: pads has 2 numbers; allowed: 4, the begins first",
    "MaxPool(strides=[2])": "layer:1:1: kernel_shape of MaxPool is missing; allowed: auto_pad",
    "Conv\nkernel_shape 3": "layer: 'kernel_shape 3'; allowed: name: value",
    "{": "layer: no JSON: ",
    '{"kernel_shape": [3]}': "layer: ",
    '{"op_type": "Conv", "a b": 1}': "layer: ",
    "conv2d(x, w)": "layer:1:1: 'conv2d' is not known; allowed: torch.nn.functional.conv2d, tf.nn.conv2d, tf.compat",
    "": "layer: ''; allowed: a layer's call",
    "1 + 1": "layer:1:1: '1 + 1'; allowed: a layer's call",
    "a; b": "layer:1:1: 'a; b'; allowed: a layer's call",
    "Conv2D(6, 4": "layer:1:7: 'Conv2D(6, 4' is no call: '(' was never closed; allowed: ",
    "\0": "layer:1:1: '\\x00' is no call: ",
    "__import__('os').system('id')": "layer:1:1: ",
    "(lambda: 1)()": "layer:1:1: ",
    "Conv2D(6, __import__('os').getpid())": "layer:1:11: kernel_size is \"__import__('os').getpid()\"; allowed: a lit",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_what_cannot_be_read_is_one_clear_error(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.status == 4


@pytest.mark.parametrize(
    "text",
    ["(" * 5000, "Conv2D(6, " + "-" * 9000 + "1)", "[" * 9999, "x" * 20000, "Conv2D(6, " + "9" * 9000 + ")", "(" * 90],
)
def test_what_is_too_much_is_an_error_too(text: str) -> None:
    with pytest.raises(InputError, match=r"^layer"):
        read(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Conv2D(6, name='é',\n kernel_size=k)", "layer:2:14"),
        ("Conv2D(6, name='é𝄞', kernel_size=k)", "layer:1:34"),
        ("\n  Conv2D(6, k)", "layer:1:11"),
    ],
)
def test_a_place_counts_lines_and_characters(text: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith(f"{place}: kernel_size is 'k'")


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("nn.Conv2d(1, 2, 3)", ((9,),), "--input 9; allowed: 2 sizes for Conv2d, such as 224x224"),
        ("nn.Conv2d(1, 2, 3)", ((9, 9), (3, 3)), "--kernel with Conv2d, which says 3x3; allowed: one of them"),
        ("nn.Conv2d(1, 2, 3)", ((9, 9), (), 2), "--channels 2 with 1 in Conv2d; allowed: one of them"),
        ("F.conv2d(x, w)", ((9, 9),), "the kernel of conv2d is in its weights; allowed: --kernel 3x3"),
        ("tf.nn.conv2d_transpose(x, w, [1, 9, 9, 1], 2)", ((9, 9), (3, 3)), "output_shape 9x9 of conv2d_transpose"),
        ("tf.nn.conv2d_transpose(x, w, [1, 9, 9, 1], 2, 'VALID')", ((9, 9), (3,)), "output_shape 9x9 of conv2d_trans"),
        ("nn.Conv2d(1, 2, 12)", ((9, 9),), "kernel 12 with dilation 1 spans 12; allowed: up to the padded input (0"),
        ("nn.Conv2d(3, 2, 3, groups=2)", ((9, 9),), "groups 2 with 3 channels; allowed: a divisor of channels"),
        ("nn.AvgPool2d(2, padding=2, count_include_pad=False)", ((9, 9),), "pads (2, 2) around 9; allowed: pads"),
        ("nn.ConvTranspose2d(1, 2, 3, padding=9)", ((9, 9),), "crops 9 and 9 leave -7 outputs; allowed: 1 and more"),
    ],
)
def test_what_does_not_go_together(text: str, given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        sound(read(text).case(*given))
    assert str(caught.value).startswith(message)


def test_what_a_layer_leaves_open() -> None:
    case = read("DepthwiseConv2D(3)").case((9, 9), channels=7)
    assert (case.channels, case.filters, case.groups) == (7, 7, 7)
    assert read("Conv2D(8, 3)").case((9, 9), channels=3).weight_shape == (8, 3, 3, 3)
    assert read("Conv2D(8, 3, input_shape=(28, 20, 3))").input == (28, 20)
    assert read("SeparableConv2D(8, 3)").notes
    assert read("tf.nn.conv2d_transpose(x, w, shape, 2)").notes


per_axis = st.integers(1, 5)


@st.composite
def cases(draw: st.DrawFn, ops: tuple[str, ...]) -> Case:
    """A case, as far as a layer can say it."""
    rank, op = draw(st.integers(1, 3)), draw(st.sampled_from(ops))
    kernel, stride, dilation = (tuple(draw(st.lists(per_axis, min_size=rank, max_size=rank))) for _ in range(3))
    pools = op.endswith("_pool")
    groups = draw(st.sampled_from([1, 2])) if not pools else 1
    channels = groups * draw(st.integers(1, 3)) if not pools else 1
    return Case(
        id="explain",
        op=op,
        input=(30,) * rank,
        kernel=kernel,
        stride=stride,
        dilation=dilation if not (pools and op == "avg_pool") else (1,) * rank,
        padding=draw(st.sampled_from(["same", "valid"])),
        channels=channels,
        filters=channels if pools else groups * draw(st.integers(1, 3)),
        groups=groups,
        bias=draw(st.booleans()) and not pools,
    )


def numbered(case: Case, draw: st.DataObject, symmetric: bool) -> Case:
    """The case with pads as numbers."""
    amounts = [draw.draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in case.input]
    return replace(case, padding=tuple((b, b if symmetric else e) for b, e in amounts))


def back(code: str, case: Case, kernel: bool = False) -> Case:
    """The case that a layer's text gives."""
    layer = read(code)
    channels = 0 if layer.channels else case.channels
    return layer.case(case.input, case.kernel if kernel else (), channels)


@settings(max_examples=60, deadline=None)
@given(cases(("conv", "max_pool", "avg_pool")))
def test_keras_layers_come_back(case: Case) -> None:
    assume(not (case.pool and max(case.dilation) > 1))
    assume(not (case.op == "conv" and case.depthwise))
    write = keras.pool if case.pool else keras.convolution
    assert back(write(case, str(case.padding)), case) == case


@settings(max_examples=60, deadline=None)
@given(cases(("conv", "conv_transpose", "max_pool", "avg_pool")), st.data())
def test_torch_modules_come_back(case: Case, data: st.DataObject) -> None:
    case = numbered(case, data, symmetric=True)
    spelling = onnx_models.module(case)
    assume(spelling is not None)
    assert spelling is not None
    assert back(spelling.code, case) == case


@settings(max_examples=60, deadline=None)
@given(cases(("conv", "max_pool")), st.data())
def test_torch_functions_come_back(case: Case, data: st.DataObject) -> None:
    case = numbered(case, data, symmetric=True)
    padding = tuple(begin for begin, _ in case.pads)
    if case.pool:
        assert back(torch.pool(case, "x", padding), case) == case
        return
    found = back(torch.convolution(case, "x", padding), case, kernel=True)
    assert found == replace(case, channels=case.channels, filters=found.filters, bias=True)


@settings(max_examples=60, deadline=None)
@given(cases(("conv", "conv_transpose", "max_pool", "avg_pool")), st.data(), st.booleans())
def test_onnx_nodes_come_back_however_they_are_written(case: Case, data: st.DataObject, by_rule: bool) -> None:
    case = case if by_rule else numbered(case, data, symmetric=False)
    spelling = (onnx_models.auto_pad if by_rule else onnx_models.pads)(case)
    assert spelling is not None
    found = back(spelling.code, case)
    assert found == replace(case, filters=found.filters)
    inside = spelling.code.partition('["y"], ')[2][:-1]
    name = onnx_models.OP_TYPES[case.op]
    values: dict[str, Any] = eval(f"dict({inside})")
    lines = "\n".join([name, *(f"{key}: {json.dumps(value).strip('[]')}" for key, value in values.items())])
    for text in (f"{name}({inside})", json.dumps({"op_type": name, **values}), lines):
        assert replace(back(text, case), bias=case.bias) == found, text


@settings(max_examples=60, deadline=None)
@given(cases(("conv", "max_pool", "avg_pool")), st.data(), st.booleans())
def test_tensorflow_functions_come_back(case: Case, data: st.DataObject, by_rule: bool) -> None:
    case = replace(case, groups=1, bias=False)
    if not by_rule and case.op == "conv" and case.rank == 2:
        case = numbered(case, data, symmetric=False)
        padding: object = [[0, 0], *map(list, case.pads), [0, 0]]
    else:
        padding = str(case.padding).upper()
    code = tensorflow.pool(case, "x", padding) if case.pool else tensorflow.convolution(case, "x", padding)
    found = back(code, case, kernel=not case.pool)
    assert found == replace(case, filters=found.filters)
