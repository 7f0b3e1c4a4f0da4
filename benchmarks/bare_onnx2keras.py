"""The floor of onnx2keras/pads: the same data and the same calls in a plain loop.

``python -m benchmarks.bare_onnx2keras CASES``; CASES says how many.
"""

from __future__ import annotations

import sys
import warnings

import tensorflow as tf
from onnx2keras import onnx_to_keras

from benchmarks.single_node import model
from benchmarks.workload import cases
from conformance.domain.tensors import tensors

warnings.simplefilter("ignore")
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
for case in cases(int(sys.argv[1])):
    data = tensors(case)
    network = onnx_to_keras(model(case, data), ["x"], input_shapes=[case.input_shape[1:]], verbose=False)
    network([data.input]).numpy()
