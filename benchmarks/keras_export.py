"""``python -m benchmarks.keras_export NAME FILE``: a model of ``keras.applications``, without weights, as ONNX.

Keras' own export, which needs TensorFlow and tf2onnx. The weights are those of a fixed seed.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(name: str, file: str) -> None:
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None)
    model(np.zeros((1, *model.input_shape[1:]), "float32"))  # the export wants a model that was called
    model.export(file, format="onnx", verbose=False)


main(*sys.argv[1:])
