"""Every signature is the framework's own: parameters, their order and their defaults."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.explanation.signatures import FAMILIES, KERAS_OPTIONS, named
from tests import frameworks

LAYERS = [(family, name) for family, listed in named().items() for name in listed]


def stated(family: str, name: str) -> dict[str, Any]:
    """The parameters that the table states, with their defaults; ``inspect._empty`` where there is none."""
    (function,) = ast.parse(f"def f({named()[family][name]}): pass").body
    assert isinstance(function, ast.FunctionDef)
    names = [part.arg for part in function.args.args]
    defaults = [ast.literal_eval(value) for value in function.args.defaults]
    found = dict.fromkeys(names, inspect.Parameter.empty) | dict(
        zip(names[len(names) - len(defaults) :], defaults, strict=True)
    )
    if function.args.kwarg:
        found["**"] = inspect.Parameter.empty
    return found


def own(function: Any) -> dict[str, Any]:
    """The parameters that the framework states."""
    parameters = inspect.signature(function).parameters.values()
    return {"**" if it.kind is it.VAR_KEYWORD else it.name: it.default for it in parameters}


def of_text(documentation: str) -> dict[str, Any]:
    """The parameters of a signature in a built-in function's documentation."""
    line = next(line for line in documentation.splitlines() if "->" in line)
    inner = line.partition("(")[2].rpartition(")")[0]
    parts: Iterator[tuple[str, ...]] = (part.strip().partition("=")[::2] for part in inner.split(","))
    return {name: ast.literal_eval(value) if value else inspect.Parameter.empty for name, value in parts}


def alike(table: dict[str, Any], framework: dict[str, Any]) -> bool:
    """Whether both have the same parameters and defaults; one number stands for as many as there are axes."""

    def one(value: Any) -> Any:
        return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value

    assert list(table) == list(framework)
    return all(value is ... or one(value) == one(framework[name]) for name, value in table.items())


@pytest.mark.parametrize("name", named()["torch.nn"])
def test_torch_layers(name: str) -> None:
    from torch import nn

    assert alike(stated("torch.nn", name), own(getattr(nn, name)))


@pytest.mark.parametrize("name", named()["torch.nn.functional"])
def test_torch_functions(name: str) -> None:
    from torch.nn import functional

    function = getattr(functional, name)
    # A max pool dispatches to one of two with the same signature.
    plain = "max_pool" not in name
    found = of_text(function.__doc__) if plain else own(getattr(functional, f"{name}_with_indices"))
    assert alike(stated("torch.nn.functional", name), found)


@pytest.mark.parametrize("name", named()["keras.layers"])
def test_keras_layers(name: str) -> None:
    from keras import layers

    assert alike(stated("keras.layers", name), own(getattr(layers, name)))
    layer = getattr(layers, name)
    assert "name" in KERAS_OPTIONS
    kernel = "pool_size" if "Pool" in name else "kernel_size"
    options = {kernel: 2, "name": "a", "dtype": "float32"}
    layer(**options, **({"filters": 1} if "filters" in own(layer) else {}))


@pytest.mark.parametrize("name", named()["tf.nn"])
def test_tensorflow_functions(name: str) -> None:
    tf = frameworks.tensorflow()

    assert alike(stated("tf.nn", name), own(getattr(tf.nn, name)))


def test_tensorflow_1_layers() -> None:
    """In a process of its own, as they need legacy Keras."""
    code = """
import inspect, json
import tensorflow as tf
from conformance.explanation.signatures import named
print(json.dumps({name: str(list(inspect.signature(getattr(tf.compat.v1.layers, name)).parameters))
                  for name in named()["tf.compat.v1.layers"]}))
for name in named()["tf.compat.v1.layers"]:
    parameters = inspect.signature(getattr(tf.compat.v1.layers, name)).parameters
    for one, value in {"padding": "valid", "use_bias": True}.items():
        assert one not in parameters or parameters[one].default == value
    for one in ("strides", "dilation_rate"):
        if one in parameters and parameters[one].default is not inspect.Parameter.empty:
            assert set([parameters[one].default] if isinstance(parameters[one].default, int)
                       else parameters[one].default) == {1}
"""
    environ = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ended = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    import json

    found = json.loads(ended.stdout.splitlines()[-1])
    assert {name: str(list(stated("tf.compat.v1.layers", name))) for name in found} == found


@pytest.mark.parametrize("name", named()["onnx"])
def test_onnx_operators(name: str) -> None:
    import onnx

    attributes = onnx.defs.get_schema(name).attributes
    (function,) = ast.parse(f"def f({named()['onnx'][name]}): pass").body
    assert isinstance(function, ast.FunctionDef)
    found = {
        part.arg: None if value is None else ast.literal_eval(value)
        for part, value in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    }
    assert set(found) == set(attributes)
    for attribute, default in found.items():
        own_default = attributes[attribute].default_value
        assert (own_default.s.decode() or own_default.i or None) == (default or None), attribute


def test_every_family_is_looked_at() -> None:
    assert set(FAMILIES) == {
        "torch.nn",
        "torch.nn.functional",
        "keras.layers",
        "tf.nn",
        "tf.compat.v1.layers",
        "resnet",
        "onnx",
    }
    assert len(LAYERS) > 60


def test_the_function_of_the_resnet_is_the_one_that_the_runner_executes() -> None:
    from conformance.runners.tf1 import FIXED_PADDING

    names: dict[str, Any] = {}
    exec(FIXED_PADDING, names)
    found = list(inspect.signature(names["conv2d_fixed_padding"]).parameters)
    assert found == ["inputs", "filters", "kernel_size", "strides", "data_format", "options"]
    assert [name.strip("*") for name in stated("resnet", "conv2d_fixed_padding")][:5] == found[:5]
