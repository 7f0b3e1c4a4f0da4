"""Keras 3 on TensorFlow: layers, channels last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from conformance.domain.case import Case
from conformance.domain.records import Spelling
from conformance.runners.contract import Refusal, Runner, Weights, call, same_by_habit
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
    return case.depthwise and case.rank < 3


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


def same(case: Case) -> Optional[Spelling]:
    """``padding="same"``, where asked for and where the shapes agree with what is."""
    if not same_by_habit(case):
        return None
    return Spelling(case.pads_by("same"), convolution(case, "same"), by_rule=True)


def causal(case: Case) -> Optional[Spelling]:
    """``Conv1D(padding="causal")``, which depthwise layers do not have."""
    if case.padding != "causal" or separate(case):
        return None
    return Spelling(case.pads, convolution(case, "causal"), by_rule=True)


def zeropad(case: Case) -> Optional[Spelling]:
    """``ZeroPadding`` and ``padding="valid"``: right for every case."""
    pads = case.pads[0] if case.rank == 1 else case.pads
    layer = convolution(case, "valid")
    if not any(amount for pair in case.pads for amount in pair):
        return Spelling(case.pads, layer)
    padding = call(f"keras.layers.ZeroPadding{case.rank}D", repr(pads), dtype=dtype(case))
    return Spelling(case.pads, f"keras.Sequential([{padding}, {layer}])")


class Keras(Runner):
    """Layers of Keras 3."""

    name = "keras"
    distributions = ("keras", "tensorflow")
    extra = "tensorflow"
    environ = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    preamble = "import keras"
    variants = {"same": same, "zeropad": zeropad, "causal": causal}
    refusals = (STRIDED_DILATION,)

    def open(self) -> None:
        """Load Keras and TensorFlow on one thread."""
        import tensorflow

        pin_threads(tensorflow)
        super().open()

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The model that the spelling writes, with the case's weights."""
        model = self.evaluate(self.spell(case, variant).code)
        kernel = weights.kernel
        model.build((case.batch, *case.input, case.channels))
        ordered = filters_by_channel(kernel, case.channels) if separate(case) else filters_last(kernel)
        model.set_weights([ordered] if weights.bias is None else [ordered, weights.bias])

        def layer(x: Array) -> Array:
            return channels_first(model(channels_last(x)).numpy())

        return layer
