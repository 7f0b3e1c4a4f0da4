"""TensorFlow: the convolutions and pools of ``tf.nn``, and ``tf.pad``, channels last."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from conformance.domain.case import OPS, Case
from conformance.domain.geometry import Pads, Sizes, split_crop
from conformance.domain.records import Spelling
from conformance.runners.contract import (
    Refusal,
    Runner,
    Weights,
    Write,
    call,
    counted_share,
    mirrored,
    number,
    padded_reach,
    same_by_habit,
    same_pool,
    source,
    symmetric_by_habit,
)

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer


def separate(case: Case) -> bool:
    """Whether the case is written with ``tf.nn.depthwise_conv2d``: rank 2, every channel on its own."""
    return case.op == "conv" and case.depthwise and case.rank == 2


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
    return with_bias(case, text)


def transposed(case: Case, output: Sizes, padding: object) -> str:
    """``tf.nn.conv1d_transpose`` to ``3d`` of ``x``, to an output of this size; each group by itself."""
    text = call(
        f"tf.nn.conv{case.rank}d_transpose",
        "x",
        "filters",
        output_shape=[case.batch, *output, case.filters // case.groups],
        strides=list(case.stride),
        padding=padding,
        dilations=list(case.dilation),
    )
    if case.groups == 1:
        return text
    parts = f"tf.split(x, {case.groups}, -1), tf.split(filters, {case.groups}, -1)"
    return f"tf.concat([{text} for x, filters in zip({parts})], -1)"


def pool(case: Case, x: str, padding: object) -> str:
    """``tf.nn.max_pool`` or ``tf.nn.avg_pool`` of ``x``, and ``tf.nn.pool`` with a dilation."""
    if max(case.dilation) == 1:
        return call(f"tf.nn.{case.op}", x, ksize=list(case.kernel), strides=list(case.stride), padding=padding)
    return call(
        "tf.nn.pool",
        x,
        repr(list(case.kernel)),
        pooling_type=case.op[:3].upper(),
        strides=list(case.stride),
        padding=padding,
        dilations=list(case.dilation),
    )


def with_bias(case: Case, text: str) -> str:
    """The bias added, where there is one."""
    return f"tf.nn.bias_add({text}, bias)" if case.bias else text


def listed(pads: Pads) -> List[List[int]]:
    """Pads of every axis, as ``tf.pad`` and the operators of rank 2 take them."""
    return [[0, 0], *map(list, pads), [0, 0]]


def padded(pads: Pads, x: str = "x", value: str = "") -> str:
    """``tf.pad`` of ``x``; ``x`` itself where there is nothing to pad."""
    return f"tf.pad({x}, {listed(pads)}{value and f', constant_values={value}'})" if any(map(any, pads)) else x


def alone(case: Case) -> Optional[Spelling]:
    """``tf.pad`` of ``x``, whose ``SYMMETRIC`` repeats an edge once."""
    pads = listed(case.pads)
    if case.mode == "constant":
        return Spelling(case.pads, call("tf.pad", "x", repr(pads), f"constant_values={number(case.value)}"))
    mode = mirrored(case)
    return None if mode is None else Spelling(case.pads, call("tf.pad", "x", repr(pads), mode=mode.upper()))


def numbered(case: Case, pads: Pads) -> Spelling:
    """Pads as numbers: in the op where it takes them (rank 2), by ``tf.pad`` where not."""
    if case.rank == 2 and any(map(any, pads)):
        return Spelling(pads, convolution(case, "x", listed(pads)))
    return beforehand(case, pads)


def beforehand(case: Case, pads: Pads) -> Spelling:
    """``tf.pad`` and ``VALID``: of a convolution, or with -inf of a max pool."""
    if case.op == "conv":
        return Spelling(pads, convolution(case, padded(pads), "VALID"))
    return Spelling(pads, pool(case, padded(padded_reach(case, pads), value='float("-inf")'), "VALID"))


def same(case: Case) -> Optional[Spelling]:
    """``padding="SAME"``, where asked for and where the shapes agree with what is."""
    if case.op == "pad":
        return None
    if case.transposed:
        return same_transposed(case)
    if not same_by_habit(case) or (case.pool and not same_pool(case)):
        return None
    write = pool if case.pool else convolution
    return Spelling(case.pads_by("same"), write(case, "x", "SAME"), by_rule=True)


def same_transposed(case: Case) -> Optional[Spelling]:
    """``SAME`` to the output's size: the crop of a convolution that gives the input's size from it."""
    output = case.output(case.pads)
    sizes = zip(output, case.stride, case.input)
    if not same_by_habit(case) or any(-(-size // stride) != number for size, stride, number in sizes):
        return None
    pads = tuple(split_crop(sum(pair), lower=False) for pair in case.pads)
    return Spelling(pads, with_bias(case, transposed(case, output, "SAME")), by_rule=True)


def explicit(case: Case) -> Optional[Spelling]:
    """The pads of the case as numbers: right for every case."""
    if case.op == "pad":
        return alone(case)
    if case.transposed:
        return sliced(case)
    return averaged(case) if case.op == "avg_pool" else by_hand(case, case.pads)


def by_hand(case: Case, pads: Pads) -> Spelling:
    """Some pads as numbers: of a convolution, or of a max pool, -inf where the op does not take them."""
    if not case.pool:
        return numbered(case, pads)
    reach = padded_reach(case, pads)
    fit = all(max(pair) < kernel for pair, kernel in zip(reach, case.kernel))
    if case.rank == 2 and max(case.dilation) == 1 and fit and any(map(any, reach)):
        return Spelling(pads, pool(case, "x", listed(reach)))
    return beforehand(case, pads)


def sliced(case: Case) -> Spelling:
    """Crops in the op (rank 2, no dilation), else of ``VALID``; what is added holds nothing but the bias."""
    plain = case.rank == 2 and max(case.dilation) == 1
    if plain and min(map(min, case.pads)) >= 0 and any(map(any, case.pads)):
        return Spelling(case.pads, with_bias(case, transposed(case, case.output(case.pads), listed(case.pads))))
    full = case.output(((0, 0),) * case.rank)
    crops = [(max(begin, 0), max(end, 0)) for begin, end in case.pads]
    beyond = tuple((max(-begin, 0), max(-end, 0)) for begin, end in case.pads)
    places = [f"{begin}:{size - end}" if begin or end else ":" for (begin, end), size in zip(crops, full)]
    text = transposed(case, full, "VALID")
    if set(places) != {":"}:
        text += f"[:, {', '.join(places)}]"
    return Spelling(case.pads, with_bias(case, padded(beyond, text)))


def averaged(case: Case) -> Spelling:
    """The mean with its padding, over the share of it that counts."""
    reach, ones = padded_reach(case), "tf.ones_like(x)"
    rest = reach
    if case.count_include_pad:
        inner, rest = counted_share(case, reach)
        ones = padded(inner, ones, "1.0")
    mean = pool(case, padded(reach), "VALID")
    if any(map(any, rest)):
        mean += f" / {pool(case, padded(rest, ones), 'VALID')}"
    return Spelling(case.pads, mean)


def symmetric(case: Case) -> Optional[Spelling]:
    """``d*(k-1)//2`` on both sides: what people write who come from PyTorch."""
    if not symmetric_by_habit(case) or case.op not in ("conv", "max_pool"):
        return None
    return by_hand(case, case.pads_by("symmetric"))


def two_nodes(case: Case) -> Optional[Spelling]:
    """``tf.pad`` and ``VALID``, two nodes that a compiler may fuse; others as ``explicit`` has them."""
    return beforehand(case, case.pads) if case.op in ("conv", "max_pool") else explicit(case)


def in_function(write: Write, options: str = "") -> Write:
    """What a variant writes inside of ``tf.function``, for cases tagged ``in-context``."""

    def written(case: Case) -> Optional[Spelling]:
        spelling = write(case) if "in-context" in case.tags else None
        return spelling and replace(spelling, code=f"tf.function(lambda x: {spelling.code}{options})(x)")

    return written


def channels_last(tensor: Array) -> Array:
    """``N C spatial…`` as ``N spatial… C``."""
    return tensor.transpose(0, *range(2, tensor.ndim), 1)


def channels_first(tensor: Array) -> Array:
    """``N spatial… C`` as ``N C spatial…``."""
    return tensor.transpose(0, tensor.ndim - 1, *range(1, tensor.ndim - 1))


def filters_last(kernel: Array) -> Array:
    """``O I/groups spatial…`` as ``spatial… I/groups O``, which TensorFlow and Keras take; none of a pool's."""
    return kernel.transpose(*range(2, kernel.ndim), *range(min(kernel.ndim, 2))[::-1])


def filters_by_channel(kernel: Array, channels: int) -> Array:
    """``C·M 1 spatial…`` as ``spatial… C M``, which TensorFlow and Keras take for depthwise convolutions."""
    split = kernel.reshape(channels, -1, *kernel.shape[2:])
    return split.transpose(*range(2, split.ndim), 0, 1)


def pin_threads(tf: Any) -> None:
    """Keep TensorFlow to one thread, as every worker is."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


ENVIRON = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")}
"""Of every worker with TensorFlow: no log, and oneDNN's kernels unless the environment says otherwise.

Where it says nothing, TensorFlow takes them on CPUs with AVX512_VNNI and the like alone (``DefaultOneDnnPolicy``,
tensorflow/core/util/port.cc), and what is right on one CPU is refused on another: channels first has no other kernels.
"""

DEPTH = Refusal("InvalidArgumentError", "input and filter must have the same depth")
"""TensorFlow's CPU kernel of ``Conv3D`` has no groups."""


class TensorFlow(Runner):
    """The convolutions and pools of ``tf.nn``."""

    name = "tensorflow"
    ops = OPS
    distributions: Tuple[str, ...] = ("tensorflow",)
    extra = "tensorflow"
    environ = ENVIRON
    preamble = "import tensorflow as tf"
    variants = {
        "same": same,
        "explicit": explicit,
        "symmetric": symmetric,
        "same-function": in_function(same),
        "same-xla": in_function(same, ", jit_compile=True"),
        "pad-function": in_function(two_nodes),
        "pad-xla": in_function(two_nodes, ", jit_compile=True"),
    }
    refusals = (
        DEPTH,
        Refusal("InvalidArgumentError", "paddings must be"),
        Refusal("ValueError", "pooling with 'SAME' padding is not implemented for `dilation_rate` > 1"),
        Refusal("ValueError", "`strides > 1` not supported in conjunction with `dilation_rate > 1`"),
    )

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

    def program(self, case: Case, variant: str) -> str:
        """The same as a script."""
        used: List[Any] = [channels_last, channels_first]
        names, given = "x", ["channels_last(x)"]
        if case.weighted:
            kernel = f"filters_by_channel(weights, {case.channels})" if separate(case) else "filters_last(weights)"
            used.append(filters_by_channel if separate(case) else filters_last)
            names, given = "x, filters, bias", [*given, kernel, *["bias"] * case.bias]
        tensors = [f"tf.constant({one}, {case.dtype!r})" for one in given]
        if case.weighted and not case.bias:
            tensors.append("None")
        return f"""{self.preamble}

{source(*used)}

def layer({names}):
    return {self.spell(case, variant).code}


y = channels_first(layer({", ".join(tensors)}).numpy())
dtype = y.dtype.name
"""
