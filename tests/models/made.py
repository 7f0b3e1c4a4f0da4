"""Small models for tests: ONNX nodes as files, and ``.keras`` archives by hand."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, save

from conformance import models
from conformance.errors import InputError

Shape = Sequence[int | str | None]

WEIGHTS = {"w": (8, 4, 3, 3)}
X = (1, 4, 32, 32)


def conv(*, name: str = "c1", source: str = "x", result: str = "y", **attributes: Any) -> NodeProto:
    """A convolution by ``w``, 4 → 8 channels, kernel 3."""
    return helper.make_node("Conv", [source, "w"], [result], name=name, **attributes)


def model(
    *nodes: NodeProto,
    shape: Shape = X,
    weights: Mapping[str, Sequence[int]] = WEIGHTS,
    opset: int = 17,
    element: int = TensorProto.FLOAT,
    result: str = "y",
    **more: Any,
) -> ModelProto:
    """A model from ``x`` to ``result``."""
    numbers = np.random.default_rng(0)
    kind = helper.tensor_dtype_to_np_dtype(element)
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", element, shape)],
        [helper.make_tensor_value_info(result, element, None)],
        [numpy_helper.from_array(numbers.standard_normal(size).astype(kind), name) for name, size in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)


def write(path: Path, made: ModelProto) -> Path:
    """The model as a file."""
    save(made, path)
    return path


def complaint(path: Path) -> str:
    """What is said of a file that is no model; empty of one that is read."""
    try:
        models.read(path, {})
    except InputError as error:
        return str(error)
    return ""


def layer(kind: str, name: str, shape: Sequence[int | None] | None = None, **config: Any) -> dict[str, Any]:
    """A layer of a ``.keras`` configuration, built with an input of ``shape``."""
    made: dict[str, Any] = {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, "dtype": "float32", **config},
        "registered_name": None,
    }
    return made if shape is None else {**made, "build_config": {"input_shape": list(shape)}}


def conv2d(name: str, shape: Sequence[int | None] | None = None, **config: Any) -> dict[str, Any]:
    """A ``Conv2D`` of 8 filters, kernel 3 and stride 2 under ``same``."""
    usual = {"filters": 8, "kernel_size": [3, 3], "strides": [2, 2], "padding": "same", "use_bias": True}
    return layer("Conv2D", name, shape, **{**usual, **config})


def sequential(*layers: dict[str, Any], shape: Sequence[int | None] = (None, 32, 32, 3)) -> dict[str, Any]:
    """A sequential model's configuration."""
    first = layer("InputLayer", "input", batch_shape=list(shape))
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [first, *layers]}}


def archive(path: Path, config: Any) -> Path:
    """A ``.keras`` file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", "{}")
        file.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
        file.writestr("model.weights.h5", b"\x89HDF")
    return path
