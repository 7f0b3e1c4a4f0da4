"""TensorFlow: the functions of ``tf.nn``, channels last."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Optional, Tuple

from conformance.domain.case import Case
from conformance.domain.geometry import Pads
from conformance.domain.records import Spelling
from conformance.runners.contract import (
    Refusal,
    Runner,
    Weights,
    call,
    same_by_habit,
    symmetric_by_habit,
)

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer


def separate(case: Case) -> bool:
    """Whether the case is written with ``tf.nn.depthwise_conv2d``: rank 2, every channel on its own."""
    return case.depthwise and case.rank == 2


def convolution(case: Case, x: str, padding: object) -> str:
    """The ``tf.nn`` convolution of ``x`` that TensorFlow has for this rank and grouping, with its bias."""
    if separate(case):
        text = call(
            "tf.nn.depthwise_conv2d",
            x,
            "filters",
            strides=[1, *case.stride, 1],
            padding=padding,
            dilations=list(case.dilation),
        )
    elif case.rank == 3:
        text = call(
            "tf.nn.conv3d",
            x,
            "filters",
            strides=[1, *case.stride, 1],
            padding=padding,
            dilations=[1, *case.dilation, 1],
        )
    else:
        text = call(
            f"tf.nn.conv{case.rank}d",
            x,
            "filters",
            **{"stride" if case.rank == 1 else "strides": list(case.stride)},
            padding=padding,
            dilations=list(case.dilation),
        )
    return f"tf.nn.bias_add({text}, bias)" if case.bias else text


def numbered(case: Case, pads: Pads) -> Spelling:
    """Pads as numbers: in the op where it takes them (rank 2), by ``tf.pad`` where not."""
    full = [[0, 0], *map(list, pads), [0, 0]]
    if not any(amount for pair in pads for amount in pair):
        return Spelling(pads, convolution(case, "x", "VALID"))
    if case.rank == 2:
        return Spelling(pads, convolution(case, "x", full))
    return Spelling(pads, convolution(case, f"tf.pad(x, {full})", "VALID"))


def same(case: Case) -> Optional[Spelling]:
    """``padding="SAME"``, where asked for and where the shapes agree with what is."""
    if not same_by_habit(case):
        return None
    return Spelling(case.pads_by("same"), convolution(case, "x", "SAME"), by_rule=True)


def explicit(case: Case) -> Optional[Spelling]:
    """The pads of the case as numbers: right for every case."""
    return numbered(case, case.pads)


def symmetric(case: Case) -> Optional[Spelling]:
    """``d*(k-1)//2`` on both sides: what people write who come from PyTorch."""
    return numbered(case, case.pads_by("symmetric")) if symmetric_by_habit(case) else None


def channels_last(tensor: Array) -> Array:
    """``N C spatial…`` as ``N spatial… C``."""
    return tensor.transpose(0, *range(2, tensor.ndim), 1)


def channels_first(tensor: Array) -> Array:
    """``N spatial… C`` as ``N C spatial…``."""
    return tensor.transpose(0, tensor.ndim - 1, *range(1, tensor.ndim - 1))


def filters_last(kernel: Array) -> Array:
    """``O I/groups spatial…`` as ``spatial… I/groups O``, which TensorFlow and Keras take."""
    return kernel.transpose(*range(2, kernel.ndim), 1, 0)


def filters_by_channel(kernel: Array, channels: int) -> Array:
    """``C·M 1 spatial…`` as ``spatial… C M``, which TensorFlow and Keras take for depthwise convolutions."""
    split = kernel.reshape(channels, -1, *kernel.shape[2:])
    return split.transpose(*range(2, split.ndim), 0, 1)


def pin_threads(tf: Any) -> None:
    """Keep TensorFlow to one thread, as every worker is."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


DEPTH = Refusal("InvalidArgumentError", "input and filter must have the same depth")
"""TensorFlow's CPU kernel of ``Conv3D`` has no groups."""


class TensorFlow(Runner):
    """The convolutions of ``tf.nn``."""

    name = "tensorflow"
    distributions: Tuple[str, ...] = ("tensorflow",)
    extra = "tensorflow"
    environ = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    preamble = "import tensorflow as tf"
    variants = {"same": same, "explicit": explicit, "symmetric": symmetric}
    refusals = (DEPTH,)

    def open(self) -> None:
        """Load TensorFlow on one thread."""
        super().open()
        self.tf = self.namespace["tf"]
        pin_threads(self.tf)

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The function of ``x`` that the spelling writes, between the two layouts."""
        constant = partial(self.tf.constant, dtype=case.dtype)
        function = self.evaluate(self.spell(case, variant).code, "x, filters, bias")
        kernel = weights.kernel
        filters = constant(filters_by_channel(kernel, case.channels) if separate(case) else filters_last(kernel))
        bias = None if weights.bias is None else constant(weights.bias)

        def layer(x: Array) -> Array:
            return channels_first(function(constant(channels_last(x)), filters, bias).numpy())

        return layer
