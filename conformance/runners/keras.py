"""Keras 3 on TensorFlow, and Keras 2: layers, channels last."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from conformance.domain.case import OPS, Case
from conformance.domain.geometry import Axis, Pads, Sizes
from conformance.domain.records import Spelling
from conformance.runners.contract import (
    Refusal,
    Runner,
    Weights,
    another_size,
    call,
    mirrored,
    number,
    padded_reach,
    same_by_habit,
    same_pool,
    source,
)
from conformance.runners.tensorflow import (
    ENVIRON,
    channels_first,
    channels_last,
    filters_by_channel,
    filters_last,
    padded,
    pin_threads,
)

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

STRIDED_DILATION = Refusal("ValueError", "`strides > 1` not supported in conjunction with `dilation_rate > 1`")

UNEQUAL_DILATION = Refusal("ValueError", "Expected the 2 dimensions of the `dilation_rate` argument to be equal")
"""Of Keras 2's ``Conv2DTranspose``."""

LOWEST = 'float("-inf")'
"""What a max pool is padded with, as text."""


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


def transposed(case: Case, padding: str, more: Optional[Sizes] = None) -> str:
    """The Keras layer of a transposed convolution, which has no groups; ``more`` is its output padding."""
    return call(
        f"keras.layers.Conv{case.rank}DTranspose",
        str(case.filters),
        repr(case.kernel),
        strides=case.stride,
        padding=padding,
        output_padding=more,
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


def ops_pad(case: Case) -> Optional[Spelling]:
    """A pad by itself: ``keras.ops.pad`` of ``x``, which on TensorFlow has three modes."""
    if case.op != "pad":
        return None
    pads = ((0, 0), *case.pads, (0, 0))
    if case.mode == "constant":
        return Spelling(case.pads, call("keras.ops.pad", "x", repr(pads), f"constant_values={number(case.value)}"))
    mode = mirrored(case)
    return None if mode is None else Spelling(case.pads, call("keras.ops.pad", "x", repr(pads), mode=mode))


def writable(case: Case) -> bool:
    """Whether Keras has a layer for the case."""
    if case.op == "pad":
        return case.mode == "constant" and case.value == 0
    return not (case.transposed and case.groups > 1) and not (case.pool and max(case.dilation) > 1)


def same_fits(case: Case) -> bool:
    """Whether a layer's ``same`` is written: where asked for, and where the shapes agree with what is."""
    if not same_by_habit(case) or (case.pool and not same_pool(case)):
        return False
    return not case.transposed or case.output(same_pads(case)) == case.output(case.pads)


def same_pads(case: Case) -> Pads:
    """The pads of ``same`` as TensorFlow has it."""
    return case.read_by("tensorflow").pads_by("same")


def same(case: Case) -> Optional[Spelling]:
    """``padding="same"``."""
    if case.op == "pad" or not writable(case) or not same_fits(case):
        return None
    return Spelling(same_pads(case), layer(case, "same"), by_rule=True)


def dynamic(case: Case) -> Optional[Spelling]:
    """``same`` in a model whose input has no size, traced at another one; for cases tagged ``dynamic``."""
    if "dynamic" not in case.tags or case.padding != "same" or not writable(case) or not same_fits(case):
        return None
    sizes = (*[None] * case.rank, case.channels)
    code = f"keras.Sequential([keras.Input({sizes}), {layer(case, 'same')}])"
    return Spelling(case.pads, code, by_rule=True, converted=another_size(case))


def layer(case: Case, padding: str) -> str:
    """The Keras layer of a case."""
    return (transposed if case.transposed else pool if case.pool else convolution)(case, padding)


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
    if any(map(any, reach)) and (case.op == "max_pool" or not whole(case)):
        return None
    return Spelling(case.pads, sequence(around(case, "ZeroPadding", reach), pool(case, "valid")))


def lowest(case: Case) -> Optional[Spelling]:
    """``tf.pad`` with -inf before a ``valid`` max pool, which ``ZeroPadding`` cannot be."""
    reach = padded_reach(case)
    if case.op != "max_pool" or not writable(case) or not any(map(any, reach)):
        return None
    before = call("keras.layers.Lambda", f"lambda x: {padded(reach, value=LOWEST)}", dtype=dtype(case))
    return Spelling(case.pads, sequence(before, pool(case, "valid")))


def whole(case: Case) -> bool:
    """Whether every window of an average divides by the kernel's size, as one of padded input does."""
    return all(axis.distinct_divisors() == {axis.kernel} for axis in case.asked if isinstance(axis, Axis))


def crops_of_valid(case: Case) -> Pads:
    """What to crop of a ``valid`` transposed layer, which has a stride of outputs for each input at least."""
    beyond = [max(axis.stride - axis.extent, 0) for axis in case.asked]
    return tuple((begin, end + more) for (begin, end), more in zip(case.pads, beyond))


def cropped(case: Case) -> Optional[Spelling]:
    """``Cropping`` of a ``valid`` layer, with output padding where that is too short."""
    crops, more = crops_of_valid(case), None
    if min(map(min, crops)) < 0:
        crops = tuple((begin, max(end, 0)) for begin, end in case.pads)
        more = tuple(max(-end, 0) for _, end in case.pads)
        if min(map(min, crops)) < 0 or any(extra >= stride for extra, stride in zip(more, case.stride)):
            return None
    return Spelling(case.pads, sequence(transposed(case, "valid", more), around(case, "Cropping", crops)))


def around(case: Case, name: str, pads: Pads) -> str:
    """A ``ZeroPadding`` or ``Cropping`` layer; nothing where it would do nothing."""
    if not any(map(any, pads)):
        return ""
    return call(f"keras.layers.{name}{case.rank}D", repr(pads[0] if case.rank == 1 else pads), dtype=dtype(case))


def sequence(*layers: str) -> str:
    """The layers that there are, one after the other."""
    there = list(filter(None, layers))
    return there[0] if len(there) == 1 else f"keras.Sequential([{', '.join(there)}])"


def each(code: str) -> str:
    """The one layer or the list of layers that ``sequence`` wrote: without the model, which takes as long as these."""
    inner = code[len("keras.Sequential(") : -1]
    return inner if code == f"keras.Sequential({inner})" else code


class Keras(Runner):
    """Layers of Keras 3."""

    name = "keras"
    ops = OPS
    distributions = ("keras", "tensorflow")
    extra = "tensorflow"
    environ = {**ENVIRON, "KERAS_BACKEND": "tensorflow"}
    preamble = "import keras\nimport tensorflow as tf"
    variants = {
        "same": same,
        "zeropad": zeropad,
        "lowest": lowest,
        "causal": causal,
        "dynamic": dynamic,
        "ops-pad": ops_pad,
    }
    refusals: Tuple[Refusal, ...] = (STRIDED_DILATION, Refusal("InvalidArgumentError", "paddings must be"))

    def open(self) -> None:
        """Load Keras and TensorFlow on one thread."""
        import tensorflow

        self.tf = tensorflow
        pin_threads(tensorflow)
        super().open()

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The model that the spelling writes, with the case's weights."""
        spelling = self.spell(case, variant)
        if variant == "ops-pad":
            function = self.evaluate(spelling.code, "x")
            tensor = partial(self.namespace["keras"].ops.convert_to_tensor, dtype=case.dtype)
            return lambda x: channels_first(function(tensor(channels_last(x))).numpy())
        model = self.evaluate(spelling.code if spelling.converted else each(spelling.code))
        # One by one: a graph of them takes ten times as long to make.
        parts = model if isinstance(model, list) else getattr(model, "layers", [model])
        weighted = parts[0] if case.transposed else parts[-1]
        if case.weighted:
            if not spelling.converted:
                self.rename(weighted)
                weighted.build((case.batch, *[None] * case.rank, case.channels))
            kernel = weights.kernel
            ordered = filters_by_channel(kernel, case.channels) if separate(case) else filters_last(kernel)
            weighted.set_weights([ordered] if weights.bias is None else [ordered, weights.bias])

        if spelling.converted:
            traced = self.tf.function(model, input_signature=[self.tf.TensorSpec((None, *model.input_shape[1:]))])
            traced(self.tf.zeros((case.batch, *spelling.converted, case.channels)))
            parts = [traced]

        def layer(x: Array) -> Array:
            y: Any = channels_last(x)
            for part in parts:
                y = part(y)
            return channels_first(y.numpy())

        return layer

    def rename(self, layer: Any) -> None:
        """Give every layer the same name.

        TensorFlow makes a kernel for each name under which variables are made (``debug_name`` of ``VarHandleOp``), and
        keeps it: a fourth of a job's time, and 80 KiB.
        """
        layer.name = "layer"

    def program(self, case: Case, variant: str) -> str:
        """The same as a script."""
        spelling = self.spell(case, variant)
        used: List[Any] = [channels_last, channels_first]
        if variant == "ops-pad":
            lines = [
                f"x = keras.ops.convert_to_tensor(channels_last(x), dtype={case.dtype!r})",
                f"y = channels_first({spelling.code}.numpy())",
            ]
        else:
            used += [filters_by_channel if separate(case) else filters_last] if case.weighted else []
            lines = [f"model = {spelling.code}", 'layers = getattr(model, "layers", [model])']
            lines += self.with_weights(case, spelling) if case.weighted else []
            if spelling.converted:
                signature = "[tf.TensorSpec((None, *model.input_shape[1:]))]"
                lines += [
                    f"layers = [tf.function(model, input_signature={signature})]",
                    f"layers[0](tf.zeros({(case.batch, *spelling.converted, case.channels)}))  # traced at this size",
                ]
            lines += [
                "y = channels_last(x)",
                "for layer in layers:",
                "    y = layer(y)",
                "y = channels_first(y.numpy())",
            ]
        text = "\n".join([*lines, "dtype = y.dtype.name"])
        return f"{self.preamble}\n\n\n{source(*used)}\n\n{text}\n"

    def with_weights(self, case: Case, spelling: Spelling) -> List[str]:
        """The lines of a script that give the layer its weights."""
        which = f"layers[{0 if case.transposed else -1}]"
        built = f"{which}.build({(case.batch, *[None] * case.rank, case.channels)})"
        kernel = f"filters_by_channel(weights, {case.channels})" if separate(case) else "filters_last(weights)"
        given = f"{which}.set_weights([{kernel}{', bias' * case.bias}])"
        return [given] if spelling.converted else [built, given]


class TfKeras(Keras):
    """Layers of Keras 2, as ``tf.keras`` is with ``tf_keras`` installed and asked for."""

    name = "tf_keras"
    distributions = ("tf_keras", "tensorflow")
    environ = {**ENVIRON, "TF_USE_LEGACY_KERAS": "1"}
    preamble = "import tensorflow as tf\nfrom tensorflow import keras"
    variants = {name: write for name, write in Keras.variants.items() if name != "ops-pad"}
    refusals = (STRIDED_DILATION, UNEQUAL_DILATION)

    def rename(self, layer: Any) -> None:
        """Leave the names: Keras 2 makes its variables without them."""
