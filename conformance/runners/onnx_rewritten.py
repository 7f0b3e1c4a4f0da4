"""ONNX Runtime on single nodes of somebody's model, as they were and as they were rewritten.

``FOLDER`` in the environment holds ``<case>.<variant>.onnx`` for each case's identity, up to an ``@``:
nodes from the value ``x`` to ``y``, whose weights ``w`` and ``b`` and whose sizes come from the case.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from conformance.domain.case import Case
from conformance.domain.records import Spelling
from conformance.runners.contract import Weights
from conformance.runners.onnx_models import element_type, tensor
from conformance.runners.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from conformance.runners.contract import Layer

FOLDER = "CONFORMANCE_REWRITTEN"


def stated(case: Case) -> Spelling:
    """The node says the case's pads, whichever way."""
    return Spelling(case.pads, "")


class Rewritten(OnnxRuntime):
    """The nodes of a model ``before`` and ``after``."""

    name = "onnxruntime"
    variants = {"before": stated, "after": stated}

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """A session of the nodes with the case's weights."""
        import onnx

        name = case.id.partition("@")[0]
        model = onnx.load(os.path.join(os.environ[FOLDER], f"{name}.{variant}.onnx"))
        complete(model, case, weights)
        self.enter("convert")
        return self.convert(model)


def complete(model: Any, case: Case, weights: Weights) -> None:
    """Give a model of nodes its input, its output and its weights."""
    from onnx import helper

    element = element_type(case.dtype)
    shape = (case.batch, case.filters, *case.output(case.pads))
    model.graph.input.append(helper.make_tensor_value_info("x", element, case.input_shape))
    model.graph.output.append(helper.make_tensor_value_info("y", element, shape))
    parts = {"w": weights.kernel if case.weighted else None, "b": weights.bias}
    model.graph.initializer.extend(tensor(name, part, case.dtype) for name, part in parts.items() if part is not None)
