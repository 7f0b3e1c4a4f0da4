"""A measured case as an ONNX model, as one writes it without this suite."""

from __future__ import annotations

from onnx import ModelProto, TensorProto, helper, numpy_helper

from conformance.domain.case import Case
from conformance.domain.tensors import Data


def model(case: Case, data: Data) -> ModelProto:
    """One ``Conv`` with explicit pads, its weights as initialisers."""
    assert data.bias is not None
    (top, bottom), (left, right) = case.pads
    node = helper.make_node(
        "Conv",
        ["x", "w", "b"],
        ["y"],
        kernel_shape=list(case.kernel),
        strides=list(case.stride),
        dilations=list(case.dilation),
        group=case.groups,
        pads=[top, left, bottom, right],
    )
    output = (case.batch, case.filters, *case.output(case.pads))
    graph = helper.make_graph(
        [node],
        "case",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, case.input_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(data.weights, "w"), numpy_helper.from_array(data.bias, "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
