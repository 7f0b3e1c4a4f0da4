"""onnx2keras: ONNX models converted to Keras, as released and patched to SAME (a negative control)."""

from __future__ import annotations

import warnings
from types import CodeType, FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Mapping, Tuple

from conformance.domain.case import OPS
from conformance.runners.contract import call, source
from conformance.runners.keras import STRIDED_DILATION
from conformance.runners.onnx_models import Converter
from conformance.runners.tensorflow import ENVIRON, channels_first, channels_last, pin_threads
from conformance.runners.torch import REFLECTED_WHOLE

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer


class Onnx2Keras(Converter):
    """onnx2keras as released."""

    name = "onnx2keras"
    ops: Tuple[str, ...] = OPS
    distributions = ("onnx2keras", "onnx", "keras", "tensorflow", "torch")
    extra = "onnx2keras"
    environ = {**ENVIRON, "KERAS_BACKEND": "tensorflow"}
    models: Tuple[str, ...] = ("pads", "auto_pad", "auto_pad-dynamic", "torch-export", "torch-export-dynamo")
    refusals = (STRIDED_DILATION, *REFLECTED_WHOLE)
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
        sizes = [size.dim_value or None for size in model.graph.input[0].type.tensor_type.shape.dim][1:]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network = self.onnx_to_keras(model, ["x"], input_shapes=[sizes], verbose=False, **options)
        finally:
            self.backend.set_image_data_format(before)
        last = bool(options.get("change_ordering"))

        def layer(x: Array) -> Array:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result: Array = network([channels_last(x) if last else x]).numpy()
            return channels_first(result) if last else result

        return layer

    def conversion(self, options: Mapping[str, Any]) -> str:
        """The same as a script."""
        last = bool(options.get("change_ordering"))
        made = call("onnx2keras.onnx_to_keras", "model", '["x"]', "input_shapes=[sizes]", verbose=False, **options)
        run = "channels_first(network([channels_last(x)]).numpy())" if last else "network([x]).numpy()"
        used = f"\n\n{source(channels_last, channels_first)}" if last else ""
        return f"""import onnx2keras{used}

sizes = [size.dim_value or None for size in model.graph.input[0].type.tensor_type.shape.dim][1:]
network = {made}


def layer(x):
    return {run}

"""


class _SameLayers:
    """``keras.layers`` as the patched converter sees it: padding layers dropped, convolutions made SAME."""

    def __init__(self, layers: Any) -> None:
        self._layers = layers

    def __getattr__(self, name: str) -> Any:
        layer = getattr(self._layers, name)
        if name.startswith("ZeroPadding"):
            return lambda **_: lambda tensor: tensor
        if name == "Lambda":  # a grouped convolution is a function of tf.nn.conv2d
            return lambda function, **options: layer(_same(function), **options)
        return lambda **options: layer(**{**options, "padding": "same"})


def _same(function: Any) -> Any:
    """The function with ``'SAME'`` where its code says ``'VALID'``, as the converter copies it with other defaults."""
    code = _said_otherwise(function.__code__)
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


def _said_otherwise(code: CodeType) -> CodeType:
    said = {"VALID": "SAME"}
    constants = (
        _said_otherwise(one) if isinstance(one, CodeType) else said.get(one, one) if isinstance(one, str) else one
        for one in code.co_consts
    )
    return code.replace(co_consts=tuple(constants))


class Onnx2KerasSame(Onnx2Keras):
    """onnx2keras patched as in the project's third question: SAME instead of zero padding and VALID."""

    name = "onnx2keras-same"
    ops = ("conv",)
    models = ("pads",)
    control = "patched to write padding='same' where the release writes ZeroPadding and valid"

    def open(self) -> None:
        """Load onnx2keras and patch the layers it writes for ``Conv``, in this worker only."""
        super().open()
        patch()

    def conversion(self, options: Mapping[str, Any]) -> str:
        """The same as a script."""
        imports = "from types import CodeType, FunctionType, SimpleNamespace\n\n\n"
        patched = source(_SameLayers, _same, _said_otherwise, patch)
        return f"{imports}{patched}\n\npatch()\n{super().conversion(options)}"


def patch() -> None:
    """Write SAME where onnx2keras writes a padding layer and a valid convolution."""
    from onnx2keras import convolution_layers
    from onnx2keras.layers import AVAILABLE_CONVERTERS

    keras, released = convolution_layers.keras, AVAILABLE_CONVERTERS["Conv"]
    patched = SimpleNamespace(layers=_SameLayers(keras.layers), backend=keras.backend)

    def convert_conv(node: Any, params: Any, layers: Any, functions: Any, node_name: str, keras_name: str) -> None:
        # A 1-D convolution has no padding layer: it is SAME as released.
        padded = layers[node.input[1]].ndim > 3 and any(params.get("pads", ()))
        if padded:
            convolution_layers.keras = patched
        try:
            released(node, params, layers, functions, node_name, keras_name)
        finally:
            convolution_layers.keras = keras
        if padded and keras_name in functions:  # from which change_ordering writes the layer again
            functions[keras_name] = _same(functions[keras_name])

    AVAILABLE_CONVERTERS["Conv"] = convert_conv
