"""Files as Keras and TFLite's converter write them, not as these tests think that they do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance import models
from conformance.errors import InputError
from conformance.models.layers import Layer

SCRIPT = """
import sys
from pathlib import Path
import keras
import tensorflow as tf

folder, layers = Path(sys.argv[1]), keras.layers
x = keras.Input((33, 32, 3))
y = layers.Conv2D(4, 3, strides=2, padding="same", name="c1")(x)
y = layers.MaxPooling2D(2, 1, padding="same", name="p1")(y)
y = layers.ZeroPadding2D(((1, 2), (0, 1)), name="z1")(y)
y = layers.DepthwiseConv2D(3, name="d1")(layers.ReLU(name="r1")(y))
y = layers.ZeroPadding2D(((1, 2), (0, 1)), name="z2")(y)
y = layers.Conv2D(5, 3, name="c2")(y)
y = layers.Conv2DTranspose(6, 3, strides=2, padding="same", name="t1")(y)
model = keras.Model(x, y)
model.save(folder / "model.keras")
(folder / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
keras.Sequential([keras.Input((4,)), layers.Lambda(lambda v: v * 2, name="l1")]).save(folder / "lambda.keras")


@keras.saving.register_keras_serializable("acme")
class Own(layers.Layer):
    def call(self, value):
        return value


keras.Sequential([keras.Input((4,)), Own(name="own")]).save(folder / "own.keras")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("real")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(made)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return made


def geometry(layer: Layer) -> tuple[object, ...]:
    case = layer.case
    return case.op, case.input, case.kernel, case.stride, case.pads, case.channels, case.filters, case.groups


GEOMETRY = [
    ("conv", (33, 32), (3, 3), (2, 2), ((1, 1), (0, 1)), 3, 4, 1),
    ("max_pool", (17, 16), (2, 2), (1, 1), ((0, 1), (0, 1)), 4, 4, 1),
    ("conv", (20, 17), (3, 3), (1, 1), ((0, 0), (0, 0)), 4, 4, 4),
    ("conv", (18, 15), (3, 3), (1, 1), ((1, 2), (0, 1)), 4, 5, 1),
    ("conv_transpose", (19, 14), (3, 3), (2, 2), ((0, 1), (0, 1)), 5, 6, 1),
]


def test_a_model_that_keras_saved(folder: Path) -> None:
    found = models.read(folder / "model.keras", {})
    assert [geometry(layer) for layer in found.layers] == GEOMETRY
    assert [layer.name for layer in found.layers] == ["c1", "p1", "d1", "z2 + c2", "t1"]


def test_the_same_model_as_tflite(folder: Path) -> None:
    assert [geometry(layer) for layer in models.read(folder / "model.tflite", {}).layers] == GEOMETRY


@pytest.mark.parametrize(("name", "message"), [("lambda", "'l1' holds code"), ("own", "'acme>Own'")])
def test_code_that_keras_saved_is_refused(folder: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        models.read(folder / f"{name}.keras", {})
