"""The floor of onnxruntime/pads: the same data and the same calls in a plain loop.

``python -m benchmarks.bare_onnxruntime CASES``; CASES says how many.
"""

from __future__ import annotations

import sys

import onnxruntime

from benchmarks.single_node import model
from benchmarks.workload import cases
from conformance.domain.tensors import tensors

onnxruntime.set_default_logger_severity(3)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
for case in cases(int(sys.argv[1])):
    data = tensors(case)
    written = model(case, data).SerializeToString()
    session = onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": data.input})
