"""TFLite files, built with the schema's own object classes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance import models
from conformance.errors import InputError
from conformance.models import tflite_file
from conformance.models.layers import Model
from tests.models.made import complaint

SCHEMA = tflite_file.load_schema("")


def built(*operators: tuple[str, Any, list[int], int], tensors: dict[str, Any]) -> bytes:
    """A model of operators ``(name, options, inputs, output)``; a tensor is a shape, or an array of constants."""
    made = SCHEMA.ModelT()
    made.version, made.buffers, graph = 3, [SCHEMA.BufferT()], SCHEMA.SubGraphT()
    graph.tensors, graph.operators, made.operatorCodes = [], [], []
    for name, value in tensors.items():
        tensor = SCHEMA.TensorT()
        tensor.name, tensor.type = name, SCHEMA.TensorType.FLOAT32
        if isinstance(value, np.ndarray):
            tensor.type = SCHEMA.TensorType.INT32
            tensor.buffer, buffer = len(made.buffers), SCHEMA.BufferT()
            buffer.data = np.frombuffer(value.astype("<i4").tobytes(), "u1")
            made.buffers.append(buffer)
        tensor.shape = list(value.shape if isinstance(value, np.ndarray) else value)
        graph.tensors.append(tensor)
    for name, options, inputs, output in operators:
        code, operator = SCHEMA.OperatorCodeT(), SCHEMA.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(SCHEMA.BuiltinOperator, name)
        operator.opcodeIndex, operator.inputs, operator.outputs = len(made.operatorCodes), inputs, [output]
        if options is not None:
            operator.builtinOptionsType = getattr(SCHEMA.BuiltinOptions, type(options).__name__.removesuffix("T"))
            operator.builtinOptions = options
        made.operatorCodes.append(code)
        graph.operators.append(operator)
    made.subgraphs = [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def options(kind: str, padding: str = "SAME", stride: int = 2, **more: int) -> Any:
    made = getattr(SCHEMA, f"{kind}T")()
    made.padding, made.strideH, made.strideW = getattr(SCHEMA.Padding, padding), stride, stride
    for name, value in more.items():
        setattr(made, name, value)
    return made


def read(path: Path, content: bytes) -> Model:
    path.write_bytes(content)
    return models.read(path, {})


TENSORS = {"x": (1, 32, 32, 3), "w": (8, 3, 3, 3), "b": (8,), "y": (1, 16, 16, 8)}
CONV = built(("CONV_2D", options("Conv2DOptions"), [0, 1, 2], 3), tensors=TENSORS)


def test_a_convolution(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "m.tflite", CONV).layers
    assert (found.name, found.operator, found.case.padding) == ("y", "CONV_2D", "same")
    assert found.case.pads == ((0, 1), (0, 1))
    assert (found.case.channels, found.case.filters, found.case.groups, found.case.bias) == (3, 8, 1, True)


def test_a_depthwise_convolution_with_a_multiplier(tmp_path: Path) -> None:
    tensors = {"x": (1, 32, 32, 3), "w": (1, 5, 3, 6), "b": (6,), "y": (1, 16, 16, 6)}
    content = built(("DEPTHWISE_CONV_2D", options("DepthwiseConv2DOptions"), [0, 1, 2], 3), tensors=tensors)
    (found,) = read(tmp_path / "m.tflite", content).layers
    assert (found.case.groups, found.case.filters, found.case.kernel) == (3, 6, (5, 3))


def test_a_pool(tmp_path: Path) -> None:
    pool = options("Pool2DOptions", filterHeight=3, filterWidth=3)
    content = built(("AVERAGE_POOL_2D", pool, [0], 1), tensors={"x": (1, 32, 32, 3), "y": (1, 16, 16, 3)})
    (found,) = read(tmp_path / "m.tflite", content).layers
    assert (found.case.op, found.case.pads, found.case.count_include_pad) == ("avg_pool", ((0, 1), (0, 1)), False)


@pytest.mark.parametrize(("size", "shape", "pads"), [(32, (), (0, 1)), (31, (31, 31), (1, 1))])
def test_a_transposed_convolution_to_the_size_of_its_output(
    tmp_path: Path, size: int, shape: tuple[int, ...], pads: tuple[int, int]
) -> None:
    tensors = {"s": np.array([1, size, size, 5]), "w": (5, 3, 3, 8), "x": (1, 16, 16, 8), "y": (1, size, size, 5)}
    content = built(("TRANSPOSE_CONV", options("TransposeConvOptions"), [0, 1, 2], 3), tensors=tensors)
    (found,) = read(tmp_path / "m.tflite", content).layers
    assert (found.case.output_shape, found.case.pads) == (shape, (pads, pads))
    assert (found.case.channels, found.case.filters, found.case.bias) == (8, 5, False)


@pytest.mark.parametrize(
    ("rows", "name"), [([[0, 0], [1, 2], [3, 4], [0, 0]], "p + y"), ([[0, 0], [1, 2], [3, 4], [0, 1]], "y")]
)
def test_a_constant_pad_of_the_spatial_axes_is_part_of_the_padding(
    tmp_path: Path, rows: list[list[int]], name: str
) -> None:
    tensors = {
        "x": (1, 32, 32, 3), "a": np.array(rows), "p": (1, 35, 39, 3), "w": (8, 3, 3, 3), "b": (8,), "y": (1, 17, 19, 8)
    }  # fmt: skip
    pad = ("PAD", None, [0, 1], 2)
    content = built(pad, ("CONV_2D", options("Conv2DOptions", "VALID"), [2, 3, 4], 5), tensors=tensors)
    (found,) = read(tmp_path / "m.tflite", content).layers
    assert found.name == name
    assert found.case.pads == (((1, 2), (3, 4)) if "+" in name else ((0, 0), (0, 0)))


def test_an_operator_without_a_case_is_named_as_not_read(tmp_path: Path) -> None:
    content = built(("L2_POOL_2D", None, [0], 1), tensors={"x": (1, 4, 4, 1), "y": (1, 4, 4, 1)})
    assert read(tmp_path / "m.tflite", content).unread == ("L2_POOL_2D y: not read",)


def test_a_shape_has_no_place_in_a_file_of_fixed_sizes(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(CONV)
    with pytest.raises(InputError, match="--shape with a TFLite file"):
        models.read(path, {"x": (1, 2, 3, 4)})


def test_without_a_reader_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="for which no reader is installed; try: python -m pip install tflite"):
        read(tmp_path / "m.tflite", CONV)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_one_sentence_or_another_model(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(CONV)
    end = data.draw(st.integers(8, len(content)))
    for place in data.draw(st.lists(st.integers(8, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "m.tflite"
    path.write_bytes(content[:end])
    assert "\n" not in complaint(path)
