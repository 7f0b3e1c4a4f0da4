"""The layers that people paste: each framework's parameters in their order, with their defaults.

``{n}`` stands for 1, 2 and 3. A test holds every signature against the framework's own.
"""

from __future__ import annotations

from typing import NamedTuple

KERAS_CONV = (
    "activation=None, use_bias=True, kernel_initializer='glorot_uniform', bias_initializer='zeros', "
    "kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, "
    "bias_constraint=None, **kwargs"
)
KERAS_DEPTHWISE = (
    "activation=None, use_bias=True, depthwise_initializer='glorot_uniform', bias_initializer='zeros', "
    "depthwise_regularizer=None, bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None, "
    "bias_constraint=None, **kwargs"
)
KERAS_SEPARABLE = (
    "activation=None, use_bias=True, depthwise_initializer='glorot_uniform', pointwise_initializer='glorot_uniform', "
    "bias_initializer='zeros', depthwise_regularizer=None, pointwise_regularizer=None, bias_regularizer=None, "
    "activity_regularizer=None, depthwise_constraint=None, pointwise_constraint=None, bias_constraint=None, **kwargs"
)
LAYERS_CONV = (
    "activation=None, use_bias=True, kernel_initializer=None, bias_initializer=..., kernel_regularizer=None, "
    "bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True, "
    "name=None, reuse=None"
)


class Family(NamedTuple):
    """Layers of one place of a framework: how it is imported, and their signatures."""

    framework: str
    prefixes: tuple[str, ...]
    signatures: dict[str, str]


FAMILIES: dict[str, Family] = {
    "torch.nn": Family(
        "torch",
        ("torch.nn", "nn", ""),
        {
            "Conv{n}d": "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, "
            "padding_mode='zeros', device=None, dtype=None",
            "ConvTranspose{n}d": "in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, "
            "groups=1, bias=True, dilation=1, padding_mode='zeros', device=None, dtype=None",
            "MaxPool{n}d": "kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False",
            "AvgPool1d": "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True",
            "AvgPool2d": "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
            "divisor_override=None",
            "AvgPool3d": "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
            "divisor_override=None",
        },
    ),
    "torch.nn.functional": Family(
        "torch",
        ("torch.nn.functional", "nn.functional", "functional", "F", "torch"),
        {
            "conv{n}d": "input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1",
            "conv_transpose{n}d": "input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, "
            "dilation=1",
            "max_pool{n}d": "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, "
            "return_indices=False",
            "avg_pool1d": "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True",
            "avg_pool2d": "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
            "divisor_override=None",
            "avg_pool3d": "input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
            "divisor_override=None",
        },
    ),
    "keras.layers": Family(
        "keras",
        ("keras.layers", "tf.keras.layers", "tensorflow.keras.layers", "tf_keras.layers", "layers", ""),
        {
            "Conv{n}D": "filters, kernel_size, strides=1, padding='valid', data_format=None, dilation_rate=1, "
            f"groups=1, {KERAS_CONV}",
            "Conv1DTranspose": "filters, kernel_size, strides=1, padding='valid', "
            f"output_padding=None, data_format=None, dilation_rate=1, {KERAS_CONV}",
            "Conv2DTranspose": "filters, kernel_size, strides=1, padding='valid', "
            f"output_padding=None, data_format=None, dilation_rate=1, {KERAS_CONV}",
            "Conv3DTranspose": "filters, kernel_size, strides=1, padding='valid', "
            f"data_format=None, output_padding=None, dilation_rate=1, {KERAS_CONV}",
            "DepthwiseConv{n}D": "kernel_size, strides=1, padding='valid', depth_multiplier=1, data_format=None, "
            f"dilation_rate=1, {KERAS_DEPTHWISE}",
            "SeparableConv{n}D": "filters, kernel_size, strides=1, padding='valid', data_format=None, "
            f"dilation_rate=1, depth_multiplier=1, {KERAS_SEPARABLE}",
            "MaxPooling{n}D": "pool_size=2, strides=None, padding='valid', data_format=None, name=None, **kwargs",
            "AveragePooling{n}D": "pool_size, strides=None, padding='valid', data_format=None, name=None, **kwargs",
            "MaxPool{n}D": "pool_size=2, strides=None, padding='valid', data_format=None, name=None, **kwargs",
            "AvgPool{n}D": "pool_size, strides=None, padding='valid', data_format=None, name=None, **kwargs",
        },
    ),
    "tf.nn": Family(
        "tensorflow",
        ("tf.nn", "tensorflow.nn", "nn"),
        {
            "conv1d": "input, filters, stride, padding, data_format='NWC', dilations=None, name=None",
            "conv2d": "input, filters, strides, padding, data_format='NHWC', dilations=None, name=None",
            "conv3d": "input, filters, strides, padding, data_format='NDHWC', dilations=None, name=None",
            "convolution": "input, filters, strides=None, padding='VALID', data_format=None, dilations=None, name=None",
            "conv1d_transpose": "input, filters, output_shape, strides, padding='SAME', data_format='NWC', "
            "dilations=None, name=None",
            "conv2d_transpose": "input, filters, output_shape, strides, padding='SAME', data_format='NHWC', "
            "dilations=None, name=None",
            "conv3d_transpose": "input, filters, output_shape, strides, padding='SAME', data_format='NDHWC', "
            "dilations=None, name=None",
            "depthwise_conv2d": "input, filter, strides, padding, data_format=None, dilations=None, name=None",
            "separable_conv2d": "input, depthwise_filter, pointwise_filter, strides, padding, data_format=None, "
            "dilations=None, name=None",
            "atrous_conv2d": "value, filters, rate, padding, name=None",
            "max_pool": "input, ksize, strides, padding, data_format=None, name=None",
            "avg_pool": "input, ksize, strides, padding, data_format=None, name=None",
            "max_pool1d": "input, ksize, strides, padding, data_format='NWC', name=None",
            "avg_pool1d": "input, ksize, strides, padding, data_format='NWC', name=None",
            "max_pool2d": "input, ksize, strides, padding, data_format='NHWC', name=None",
            "avg_pool2d": "input, ksize, strides, padding, data_format='NHWC', name=None",
            "max_pool3d": "input, ksize, strides, padding, data_format='NDHWC', name=None",
            "avg_pool3d": "input, ksize, strides, padding, data_format='NDHWC', name=None",
            "pool": "input, window_shape, pooling_type, strides=None, padding='VALID', data_format=None, "
            "dilations=None, name=None",
        },
    ),
    "tf.compat.v1.layers": Family(
        "tensorflow",
        ("tf.compat.v1.layers", "tf.layers", "tensorflow.layers", "layers"),
        {
            "conv{n}d": "inputs, filters, kernel_size, strides=1, padding='valid', data_format='channels_last', "
            f"dilation_rate=1, {LAYERS_CONV}",
            "conv2d_transpose": "inputs, filters, kernel_size, strides=1, padding='valid', "
            f"data_format='channels_last', {LAYERS_CONV}",
            "conv3d_transpose": "inputs, filters, kernel_size, strides=1, padding='valid', "
            f"data_format='channels_last', {LAYERS_CONV}",
            "max_pooling{n}d": "inputs, pool_size, strides, padding='valid', data_format='channels_last', name=None",
            "average_pooling{n}d": "inputs, pool_size, strides, padding='valid', data_format='channels_last', "
            "name=None",
        },
    ),
    "resnet": Family(
        "tensorflow",
        ("", "resnet_model"),
        {"conv2d_fixed_padding": "inputs, filters, kernel_size, strides, data_format=None, **options"},
    ),
    "onnx": Family(
        "onnx",
        ("", "onnx", "op"),
        {
            "Conv": "*, auto_pad='NOTSET', dilations=None, group=1, kernel_shape=None, pads=None, strides=None",
            "ConvTranspose": "*, auto_pad='NOTSET', dilations=None, group=1, kernel_shape=None, output_padding=None, "
            "output_shape=None, pads=None, strides=None",
            "MaxPool": "*, auto_pad='NOTSET', ceil_mode=0, dilations=None, kernel_shape, pads=None, storage_order=0, "
            "strides=None",
            "AveragePool": "*, auto_pad='NOTSET', ceil_mode=0, count_include_pad=0, dilations=None, kernel_shape, "
            "pads=None, strides=None",
        },
    ),
}
"""Where layers come from -> how people write that place, and what is there."""

KERAS_OPTIONS = ("name", "dtype", "trainable", "input_shape", "batch_input_shape", "input_dim", "weights", "autocast")
"""What goes through the ``**kwargs`` of a Keras layer."""

SPECIAL = {"DepthwiseConv3D", "SeparableConv3D"}
"""What ``{n}`` would make and no framework has."""


def named() -> dict[str, dict[str, str]]:
    """Every family's layers by name, with ``{n}`` filled in."""
    return {
        family: {
            name: parameters
            for pattern, parameters in listed.signatures.items()
            for n in ("1", "2", "3")
            if (name := pattern.replace("{n}", n)) not in SPECIAL
        }
        for family, listed in FAMILIES.items()
    }
