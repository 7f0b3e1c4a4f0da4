"""Keras 3 on TensorFlow: layers, channels last."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Optional

from conformance.domain.case import OPS, Case
from conformance.domain.geometry import Axis, Pads
from conformance.domain.records import Spelling
from conformance.runners.contract import (
    Refusal,
    Runner,
    Weights,
    call,
    mirrored,
    number,
    padded_reach,
    same_by_habit,
    same_pool,
)
from conformance.runners.tensorflow import (
    channels_first,
    channels_last,
    filters_by_channel,
    filters_last,
    pin_threads,
)

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

STRIDED_DILATION = Refusal("ValueError", "`strides > 1` not supported in conjunction with `dilation_rate > 1`")


def separate(case: Case) -> bool:
    """Whether the case is a ``DepthwiseConv`` layer, which Keras has for rank 1 and 2."""
    return case.op == "conv" and case.depthwise and case.rank < 3


def dtype(case: Case) -> Optional[str]:
    """A layer's ``dtype``, which says what it computes in whatever it is given; None for Keras' own, float32."""
    return None if case.dtype == "float32" else case.dtype


def convolution(case: Case, padding: str) -> str:
    """The Keras layer of a case."""
    if separate(case):
        return call(
            f"keras.layers.DepthwiseConv{case.rank}D",
            repr(case.kernel),
            strides=case.stride,
            padding=padding,
            depth_multiplier=case.filters // case.channels,
            dilation_rate=case.dilation,
            use_bias=case.bias,
            dtype=dtype(case),
        )
    return call(
        f"keras.layers.Conv{case.rank}D",
        str(case.filters),
        repr(case.kernel),
        strides=case.stride,
        padding=padding,
        dilation_rate=case.dilation,
        groups=case.groups,
        use_bias=case.bias,
        dtype=dtype(case),
    )


def transposed(case: Case, padding: str) -> str:
    """The Keras layer of a transposed convolution, which has no groups."""
    return call(
        f"keras.layers.Conv{case.rank}DTranspose",
        str(case.filters),
        repr(case.kernel),
        strides=case.stride,
        padding=padding,
        dilation_rate=case.dilation,
        use_bias=case.bias,
        dtype=dtype(case),
    )


def pool(case: Case, padding: str) -> str:
    """The Keras layer of a pool, which has no dilation."""
    name = "MaxPooling" if case.op == "max_pool" else "AveragePooling"
    return call(
        f"keras.layers.{name}{case.rank}D",
        repr(case.kernel),
        strides=case.stride,
        padding=padding,
        dtype=dtype(case),
    )


def padded(case: Case) -> Optional[Spelling]:
    """``keras.ops.pad`` of ``x``, which on TensorFlow has its three modes."""
    pads = ((0, 0), *case.pads, (0, 0))
    if case.mode == "constant":
        return Spelling(case.pads, call("keras.ops.pad", "x", repr(pads), f"constant_values={number(case.value)}"))
    mode = mirrored(case)
    return None if mode is None else Spelling(case.pads, call("keras.ops.pad", "x", repr(pads), mode=mode))


def ops_pad(case: Case) -> Optional[Spelling]:
    """A pad by itself, as an operation."""
    return padded(case) if case.op == "pad" else None


def writable(case: Case) -> bool:
    """Whether Keras has a layer for the case."""
    if case.op == "pad":
        return case.mode == "constant" and case.value == 0
    return not (case.transposed and case.groups > 1) and not (case.pool and max(case.dilation) > 1)


def same(case: Case) -> Optional[Spelling]:
    """``padding="same"``, where asked for and where the shapes agree with what is."""
    if case.op == "pad" or not writable(case) or not same_by_habit(case) or (case.pool and not same_pool(case)):
        return None
    pads = case.pads_by("same")
    if case.transposed:
        return None if case.output(pads) != case.output(case.pads) else Spelling(pads, transposed(case, "same"), True)
    return Spelling(pads, (pool if case.pool else convolution)(case, "same"), by_rule=True)


def causal(case: Case) -> Optional[Spelling]:
    """``Conv1D(padding="causal")``, which depthwise layers do not have."""
    if case.padding != "causal" or separate(case):
        return None
    return Spelling(case.pads, convolution(case, "causal"), by_rule=True)


def zeropad(case: Case) -> Optional[Spelling]:
    """``padding="valid"`` after ``ZeroPadding`` or before ``Cropping``: right for every convolution.

    Of the pools, for averages that count all of their padding, and for those that need none.
    """
    if not writable(case):
        return None
    if case.op == "pad":
        return Spelling(case.pads, around(case, "ZeroPadding", case.pads) or "keras.layers.Identity()")
    if case.transposed:
        return cropped(case)
    if not case.pool:
        return Spelling(case.pads, sequence(around(case, "ZeroPadding", case.pads), convolution(case, "valid")))
    reach = padded_reach(case)
    whole = all(set(axis.divisors()) == {axis.kernel} for axis in case.asked if isinstance(axis, Axis))
    if any(map(any, reach)) and (case.op == "max_pool" or not whole):
        return None
    return Spelling(case.pads, sequence(around(case, "ZeroPadding", reach), pool(case, "valid")))


def cropped(case: Case) -> Optional[Spelling]:
    """``Cropping`` of a ``valid`` layer, which has a stride of outputs for each input at least."""
    beyond = [max(axis.stride - axis.extent, 0) for axis in case.asked]
    crops = tuple((begin, end + more) for (begin, end), more in zip(case.pads, beyond))
    if min(map(min, crops)) < 0:
        return None
    return Spelling(case.pads, sequence(transposed(case, "valid"), around(case, "Cropping", crops)))


def around(case: Case, name: str, pads: Pads) -> str:
    """A ``ZeroPadding`` or ``Cropping`` layer; nothing where it would do nothing."""
    if not any(map(any, pads)):
        return ""
    return call(f"keras.layers.{name}{case.rank}D", repr(pads[0] if case.rank == 1 else pads), dtype=dtype(case))


def sequence(*layers: str) -> str:
    """The layers that there are, one after the other."""
    there = list(filter(None, layers))
    return there[0] if len(there) == 1 else f"keras.Sequential([{', '.join(there)}])"


class Keras(Runner):
    """Layers of Keras 3."""

    name = "keras"
    ops = OPS
    distributions = ("keras", "tensorflow")
    extra = "tensorflow"
    environ = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    preamble = "import keras"
    variants = {"same": same, "zeropad": zeropad, "causal": causal, "ops-pad": ops_pad}
    refusals = (STRIDED_DILATION, Refusal("InvalidArgumentError", "paddings must be"))

    def open(self) -> None:
        """Load Keras and TensorFlow on one thread."""
        import tensorflow

        pin_threads(tensorflow)
        super().open()

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The model that the spelling writes, with the case's weights."""
        code = self.spell(case, variant).code
        if variant == "ops-pad":
            function = self.evaluate(code, "x")
            tensor = partial(self.namespace["keras"].ops.convert_to_tensor, dtype=case.dtype)
            return lambda x: channels_first(function(tensor(channels_last(x))).numpy())
        model = self.evaluate(code)
        kernel = weights.kernel
        model.build((case.batch, *case.input, case.channels))
        ordered = filters_by_channel(kernel, case.channels) if separate(case) else filters_last(kernel)
        if case.weighted:
            model.set_weights([ordered] if weights.bias is None else [ordered, weights.bias])

        def layer(x: Array) -> Array:
            return channels_first(model(channels_last(x)).numpy())

        return layer
