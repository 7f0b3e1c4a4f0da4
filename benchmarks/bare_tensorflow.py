"""The floor of tensorflow/explicit: the same data and the same calls in a plain loop.

``python -m benchmarks.bare_tensorflow CASES``; CASES says how many.
"""

from __future__ import annotations

import sys

import tensorflow as tf

from benchmarks.workload import cases
from conformance.domain.tensors import tensors

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
for case in cases(int(sys.argv[1])):
    data = tensors(case)
    filters = tf.constant(data.weights.transpose(2, 3, 1, 0))
    bias = tf.constant(data.bias)
    x = tf.constant(data.input.transpose(0, 2, 3, 1))
    strides, dilations = list(case.stride), list(case.dilation)
    (top, bottom), (left, right) = case.pads
    if top or bottom or left or right:
        pads = [[0, 0], [top, bottom], [left, right], [0, 0]]
        y = tf.nn.conv2d(x, filters, strides=strides, padding=pads, dilations=dilations)
    else:
        y = tf.nn.conv2d(x, filters, strides=strides, padding="VALID", dilations=dilations)
    tf.nn.bias_add(y, bias).numpy().transpose(0, 3, 1, 2)
