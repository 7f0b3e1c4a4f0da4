"""What one writes without this suite: pytest, every case in every framework, against PyTorch in float64.

``python -m benchmarks.peer_pytest CASES``; CASES says how many.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.testing import assert_allclose

from benchmarks.single_node import model
from benchmarks.workload import cases
from conformance.domain.case import Case
from conformance.domain.tensors import Data

CASES = list(cases(int(os.environ.get("CASES", "80"))))
onnxruntime.set_default_logger_severity(3)


def random_data(case: Case) -> Data:
    rng = np.random.default_rng(case.seed)
    shapes = (case.input_shape, case.weight_shape, (case.filters,))
    return Data(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes))


def in_torch(case: Case, data: Data) -> Any:
    (top, bottom), (left, right) = case.pads
    x, weight, bias = (torch.from_numpy(part) for part in data)
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, stride=case.stride).numpy()


def in_tensorflow(case: Case, data: Data) -> Any:
    pads = [[0, 0], *map(list, case.pads), [0, 0]]
    x, filters = tf.constant(data.input.transpose(0, 2, 3, 1)), tf.constant(data.weights.transpose(2, 3, 1, 0))
    y = tf.nn.bias_add(tf.nn.conv2d(x, filters, strides=list(case.stride), padding=pads), data.bias)
    return y.numpy().transpose(0, 3, 1, 2)


def in_keras(case: Case, data: Data) -> Any:
    layers = [
        keras.layers.ZeroPadding2D(case.pads),
        keras.layers.Conv2D(case.filters, case.kernel, strides=case.stride),
    ]
    network = keras.Sequential([keras.Input((*case.input, case.channels)), *layers])
    layers[1].set_weights([data.weights.transpose(2, 3, 1, 0), data.bias])
    return network(data.input.transpose(0, 2, 3, 1)).numpy().transpose(0, 3, 1, 2)


def in_onnxruntime(case: Case, data: Data) -> Any:
    session = onnxruntime.InferenceSession(model(case, data).SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": data.input})[0]


@pytest.mark.parametrize("run", [in_torch, in_tensorflow, in_keras, in_onnxruntime])
@pytest.mark.parametrize("case", CASES, ids=Case.describe)
def test_convolution(case: Case, run: Callable[[Case, Data], Any]) -> None:
    data = random_data(case)
    expected = in_torch(case, data.map(lambda part: part.astype(np.float64)))
    assert_allclose(run(case, data), expected, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    os.environ["CASES"] = sys.argv[1]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    os.execv(sys.executable, command)  # anew: pytest wants to be the first to import what it may rewrite
