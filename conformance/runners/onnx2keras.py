"""onnx2keras: ONNX models converted to Keras, as released and patched to SAME (a negative control)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Tuple

from conformance.domain.case import OPS
from conformance.runners.keras import STRIDED_DILATION
from conformance.runners.onnx_models import Converter
from conformance.runners.tensorflow import channels_first, channels_last, pin_threads

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer


class Onnx2Keras(Converter):
    """onnx2keras as released."""

    name = "onnx2keras"
    ops: Tuple[str, ...] = OPS
    distributions = ("onnx2keras", "onnx", "keras", "tensorflow", "torch")
    extra = "onnx2keras"
    environ = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    models: Tuple[str, ...] = ("pads", "auto_pad", "torch-export", "torch-export-dynamo")
    refusals = (STRIDED_DILATION,)
    options = {"": {}, "change-ordering": {"change_ordering": True}}

    def open(self) -> None:
        """Load everything on the road from PyTorch to Keras, on one thread."""
        import tensorflow

        pin_threads(tensorflow)
        super().open()
        import onnx2keras
        from tensorflow import keras

        self.onnx_to_keras = onnx2keras.onnx_to_keras
        self.backend = keras.backend

    def convert(self, model: Any, **options: Any) -> Layer:
        """The Keras model, called on a list as its functional signature has it.

        onnx2keras sets Keras' global data format while it converts and leaves it changed when it
        raises, which would falsify the next job: it is put back whatever happens.
        """
        before = self.backend.image_data_format()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network = self.onnx_to_keras(model, ["x"], verbose=False, **options)
        finally:
            self.backend.set_image_data_format(before)
        last = bool(options.get("change_ordering"))

        def layer(x: Array) -> Array:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result: Array = network([channels_last(x) if last else x]).numpy()
            return channels_first(result) if last else result

        return layer


class _SamePadding:
    """``keras`` as the patched converter sees it: padding layers dropped, convolutions made SAME."""

    def __init__(self, keras: Any) -> None:
        self._keras = keras
        self.layers = self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("ZeroPadding"):
            return lambda **_: lambda tensor: tensor
        layer = getattr(self._keras.layers, name)
        return lambda **options: layer(**{**options, "padding": "same"})


class Onnx2KerasSame(Onnx2Keras):
    """onnx2keras patched as in the project's third question: SAME instead of zero padding and VALID."""

    name = "onnx2keras-same"
    ops = ("conv",)
    models = ("pads",)
    control = "patched to write padding='same' where the release writes ZeroPadding and valid"

    def open(self) -> None:
        """Load onnx2keras and patch the layers it writes for ``Conv``, in this worker only."""
        super().open()
        from onnx2keras import convolution_layers
        from onnx2keras.layers import AVAILABLE_CONVERTERS

        keras, released = convolution_layers.keras, AVAILABLE_CONVERTERS["Conv"]
        patched = _SamePadding(keras)

        def convert_conv(node: Any, params: Any, layers: Any, *rest: Any) -> None:
            kernel = layers[node.input[1]]
            groups = params.get("group", 1)
            # A grouped 2-D convolution and every 1-D one are written as functions without a padding argument.
            by_layer = kernel.ndim == 5 or groups in (1, groups * kernel.shape[1])
            if kernel.ndim > 3 and by_layer and any(params.get("pads", ())):
                convolution_layers.keras = patched
            try:
                released(node, params, layers, *rest)
            finally:
                convolution_layers.keras = keras

        AVAILABLE_CONVERTERS["Conv"] = convert_conv
