"""ONNX Runtime: models of a node or two on the CPU provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Tuple

from conformance.domain.case import OPS
from conformance.runners.contract import Refusal
from conformance.runners.onnx_models import Converter

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer


class OnnxRuntime(Converter):
    """ONNX Runtime's CPU execution provider."""

    name = "onnxruntime"
    ops: Tuple[str, ...] = OPS
    distributions: Tuple[str, ...] = ("onnxruntime", "onnx")
    extra = "onnx"
    models: Tuple[str, ...] = ("pads", "auto_pad", "auto_pad-dynamic", "pad-node")
    refusals = (
        Refusal("InvalidArgument", "Dilation not supported for AutoPadType"),
        Refusal("NotImplemented", "Could not find an implementation for"),
        Refusal("InvalidArgument", "exceeds maximum allowed"),
        Refusal("InvalidArgument", "Pad reflect requires axis length >= 2"),
        Refusal("Fail", "Pad should be smaller than kernel"),
    )

    def open(self) -> None:
        """Load ONNX Runtime on one thread, its own warnings off."""
        super().open()
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        self.options_of_session = onnxruntime.SessionOptions()
        self.options_of_session.intra_op_num_threads = 1
        self.options_of_session.inter_op_num_threads = 1
        self.options_of_session.enable_cpu_mem_arena = False  # a session runs once or twice: there is nothing to keep
        self.session = onnxruntime.InferenceSession

    def convert(self, model: Any, **options: Any) -> Layer:
        """A session of the model."""
        self.enter("load")
        session = self.session(model.SerializeToString(), self.options_of_session, providers=["CPUExecutionProvider"])

        def layer(x: Array) -> Array:
            return session.run(None, {"x": x})[0]  # type: ignore[no-any-return]

        return layer

    def conversion(self, options: Mapping[str, Any]) -> str:
        """The same as a script."""
        return """import onnxruntime

session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def layer(x):
    return session.run(None, {"x": x})[0]

"""
