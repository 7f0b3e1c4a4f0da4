"""ONNX Runtime with and without graph optimisations: the two executions of a model in ``peer_polygraphy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.runners.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from conformance.runners.contract import Layer


class Levels(OnnxRuntime):
    """Every model in a session with graph optimisations, and in one without."""

    name = "onnxruntime-levels"
    environ = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    models = ("pads",)
    options = {"": {}, "unoptimized": {"optimized": False}}

    def convert(self, model: Any, optimized: bool = True, **options: Any) -> Layer:
        """A session of the model."""
        import onnxruntime

        levels = onnxruntime.GraphOptimizationLevel
        level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
        self.options_of_session.graph_optimization_level = level
        return super().convert(model, **options)
