"""The floor of onnxruntime/pads: the same data and the same calls in a plain loop.

``python -m benchmarks.bare_onnxruntime SEEDS``; SEEDS says how many cases (``workload.PER_SEED`` each).
"""

from __future__ import annotations

import sys

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.workload import cases
from conformance.domain.tensors import tensors

onnxruntime.set_default_logger_severity(3)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
for case in cases(int(sys.argv[1])):
    data = tensors(case)
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
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": data.input})
