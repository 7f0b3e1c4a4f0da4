"""Polygraphy's ``Comparator``: ONNX Runtime with and without graph optimisations over the same single-node models.

``python -m benchmarks.peer_polygraphy CASES``; CASES says how many, each of them two executions.
"""

from __future__ import annotations

import sys
from functools import partial

import onnxruntime
from polygraphy.backend.onnxrt import OnnxrtRunner
from polygraphy.comparator import Comparator, SimpleCompareFunc
from polygraphy.logger import G_LOGGER

from benchmarks.single_node import model
from benchmarks.workload import cases
from conformance.domain.tensors import tensors

G_LOGGER.module_severity = G_LOGGER.ERROR


def session(written: bytes, level: onnxruntime.GraphOptimizationLevel) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = level
    return onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])


LEVELS = (onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
for case in cases(int(sys.argv[1])):
    data = tensors(case)
    written = model(case, data).SerializeToString()
    runners = [OnnxrtRunner(partial(session, written, level), name=str(level)) for level in LEVELS]
    results = Comparator.run(runners, data_loader=[{"x": data.input}])
    if not bool(Comparator.compare_accuracy(results, compare_func=SimpleCompareFunc(rtol=1e-4, atol=1e-5))):
        raise SystemExit(f"{case.describe()}: not alike")
