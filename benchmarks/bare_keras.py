"""The floor of keras/zeropad: the same data and the same calls in a plain loop.

``python -m benchmarks.bare_keras CASES``; CASES says how many.
"""

from __future__ import annotations

import sys

import keras
import tensorflow as tf

from benchmarks.workload import cases
from conformance.domain.tensors import tensors

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
for case in cases(int(sys.argv[1])):
    data = tensors(case)
    convolution = keras.layers.Conv2D(case.filters, case.kernel, strides=case.stride)
    convolution.build((case.batch, None, None, case.channels))
    convolution.set_weights([data.weights.transpose(2, 3, 1, 0), data.bias])
    x = data.input.transpose(0, 2, 3, 1)
    if any(map(any, case.pads)):
        x = keras.layers.ZeroPadding2D(case.pads)(x)
    convolution(x).numpy().transpose(0, 3, 1, 2)
