"""TensorFlow 1's functional layers (``tf.layers.conv2d``), in a graph and a session as they were used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from conformance.domain.case import OPS, Case
from conformance.domain.records import Spelling
from conformance.runners.contract import Refusal, Runner, Weights, Write, call, padded_reach, source
from conformance.runners.keras import STRIDED_DILATION, crops_of_valid, same_fits, same_pads, whole
from conformance.runners.tensorflow import (
    ENVIRON,
    alone,
    channels_first,
    channels_last,
    filters_last,
    padded,
    pin_threads,
)

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

FIXED_PADDING = '''
def fixed_padding(inputs, kernel_size, data_format):
    """Pads that depend on the kernel alone: kernel - 1 in all, the odd pixel at the end."""
    pads = [[(size - 1) // 2, (size - 1) - (size - 1) // 2] for size in kernel_size]
    first = data_format == "channels_first"
    return tf.pad(inputs, [[0, 0], [0, 0], *pads] if first else [[0, 0], *pads, [0, 0]])


def conv2d_fixed_padding(inputs, filters, kernel_size, strides, data_format, **options):
    """The convolution of TensorFlow's official ResNet: fixed pads when strided, else SAME."""
    strided = max(strides) > 1
    if strided:
        inputs = fixed_padding(inputs, kernel_size, data_format)
    return tf.compat.v1.layers.conv2d(
        inputs, filters, kernel_size, strides=strides, padding="valid" if strided else "same",
        data_format=data_format, **options)
'''


def layer_call(function: str, case: Case, data_format: str, padding: Optional[str], x: str = "x") -> str:
    """A call of one of ``tf.layers`` or of a function around it, with the case's weights as initialisers."""
    if case.pool:
        return call(function, x, pool_size=case.kernel, strides=case.stride, padding=padding, data_format=data_format)
    text = call(
        function,
        x,
        filters=case.filters,
        kernel_size=case.kernel,
        strides=case.stride,
        padding=padding,
        data_format=data_format,
        dilation_rate=None if set(case.dilation) == {1} else case.dilation,
        use_bias=case.bias,
    )
    bias = ", bias_initializer=bias" if case.bias else ""
    return f"{text[:-1]}, kernel_initializer=kernel{bias})"


def layer_name(case: Case) -> str:
    """The function of ``tf.layers`` for a case; empty where there is none: groups, and dilations but of ``conv``."""
    if (
        case.op == "pad"
        or case.groups > 1
        or (case.op != "conv" and max(case.dilation) > 1)
        or (case.transposed and case.rank == 1)
    ):
        return ""
    names = {"conv": "conv{}d", "conv_transpose": "conv{}d_transpose", "max_pool": "max_pooling{}d"}
    return f"tf.compat.v1.layers.{names.get(case.op, 'average_pooling{}d').format(case.rank)}"


def by_machine(case: Case, data_format: str) -> bool:
    """Whether the CPU decides if there is a kernel: channels first is oneDNN's, whose narrow types are not on each."""
    return data_format == "channels_first" and case.dtype in ("float16", "bfloat16")


def same(data_format: str) -> Write:
    """``padding="same"`` in one data format."""

    def write(case: Case) -> Optional[Spelling]:
        function = layer_name(case)
        if not function or not same_fits(case) or by_machine(case, data_format):
            return None
        return Spelling(same_pads(case), layer_call(function, case, data_format, "same"), by_rule=True)

    return write


def fixed(data_format: str) -> Write:
    """``conv2d_fixed_padding`` of TensorFlow's ResNet, for the paddings that it stands for."""

    def write(case: Case) -> Optional[Spelling]:
        if case.op != "conv" or case.rank != 2 or not layer_name(case) or by_machine(case, data_format):
            return None
        if case.padding not in ("fixed", "same") or set(case.dilation) != {1}:
            return None
        pads = case.pads_by("fixed" if max(case.stride) > 1 else "same")
        return Spelling(pads, layer_call("conv2d_fixed_padding", case, data_format, None))

    return write


def valid(case: Case) -> Optional[Spelling]:
    """A pool after ``tf.pad`` or a slice of a transposed convolution, ``valid``; ``tf.pad`` by itself."""
    if case.op == "pad":
        return alone(case)
    function = layer_name(case)
    if case.op == "conv" or not function:
        return None
    if case.transposed:
        crops = crops_of_valid(case)
        places = [f"{begin}:{-end or ''}" for begin, end in crops]
        cut = f"[:, {', '.join(places)}]" if any(map(any, crops)) else ""
        if min(map(min, crops)) < 0:
            return None
        return Spelling(case.pads, layer_call(function, case, "channels_last", "valid") + cut)
    if case.op == "avg_pool" and not whole(case):
        return None
    x = padded(padded_reach(case), value='float("-inf")' if case.op == "max_pool" else "")
    return Spelling(case.pads, layer_call(function, case, "channels_last", "valid", x))


class TensorFlow1(Runner):
    """``tf.compat.v1.layers``, which in TensorFlow 2 needs legacy Keras."""

    name = "tf1"
    ops = OPS
    distributions = ("tensorflow", "tf_keras")
    extra = "tensorflow"
    environ = {**ENVIRON, "TF_USE_LEGACY_KERAS": "1"}
    preamble = "import tensorflow as tf\n" + FIXED_PADDING
    variants = {
        "same": same("channels_last"),
        "same-channels-first": same("channels_first"),
        "valid": valid,
        "fixed": fixed("channels_last"),
        "fixed-channels-first": fixed("channels_first"),
    }
    refusals = (
        STRIDED_DILATION,
        Refusal("ValueError", "paddings must be"),
        Refusal("InvalidArgumentError", "paddings must be"),
        Refusal("UnimplementedError", "only supports the NHWC tensor format on the CPU"),
        Refusal("InvalidArgumentError", "currently only supports the NHWC tensor format"),
        Refusal("InvalidArgumentError", "only supports NHWC on device type CPU"),
    )

    def open(self) -> None:
        """Load TensorFlow on one thread."""
        super().open()
        self.tf = self.namespace["tf"]
        pin_threads(self.tf)

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """A graph with one layer, and a session that has initialised it."""
        tf, v1 = self.tf, self.tf.compat.v1
        first = variant.endswith("channels-first")
        write = self.evaluate(self.spell(case, variant).code, "x, kernel, bias")
        constant = v1.constant_initializer
        shape = (case.batch, case.channels, *case.input) if first else (case.batch, *case.input, case.channels)
        with tf.Graph().as_default() as graph:
            x = v1.placeholder(case.dtype, shape)
            bias = None if weights.bias is None else constant(weights.bias)
            y = write(x, constant(filters_last(weights.kernel)), bias)
            start = v1.global_variables_initializer()

        def layer(data: Array) -> Array:
            with v1.Session(graph=graph) as session:
                session.run(start)
                result: Array = session.run(y, {x: data if first else channels_last(data)})
            return result if first else channels_first(result)

        return layer

    def program(self, case: Case, variant: str) -> str:
        """The same as a script."""
        first, code = variant.endswith("channels-first"), self.spell(case, variant).code
        used = [*([] if first else [channels_last, channels_first]), *([filters_last] if case.weighted else [])]
        names, given = "x", "inputs"
        if case.weighted:
            kernel, bias = (f"v1.constant_initializer({part})" for part in ("filters_last(weights)", "bias"))
            names, given = "x, kernel, bias", f"inputs, {kernel}, {bias if case.bias else None}"
        shape = (case.batch, case.channels, *case.input) if first else (case.batch, *case.input, case.channels)
        return f"""{self.preamble if "conv2d_fixed_padding" in code else "import tensorflow as tf"}

{source(*used)}

def layer({names}):
    return {code}


v1 = tf.compat.v1
with tf.Graph().as_default() as graph:
    inputs = v1.placeholder({case.dtype!r}, {shape})
    outputs = layer({given})
    start = v1.global_variables_initializer()
with v1.Session(graph=graph) as session:
    session.run(start)
    y = session.run(outputs, {{inputs: {"x" if first else "channels_last(x)"}}})
{"" if first else "y = channels_first(y)"}
dtype = y.dtype.name
"""
