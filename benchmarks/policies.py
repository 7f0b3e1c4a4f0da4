"""``python -m benchmarks.policies``: what the frameworks do where a specification is silent or sets a limit.

The table of docs/semantics.md, "What the frameworks do". Everything is one axis long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import torch
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch.nn import functional as F  # noqa: N812

NAN = float("nan")
Answer = Callable[[], Any]


def onnx_model(op: str, x: Any, inputs: dict[str, Any], attributes: dict[str, Any]) -> Any:
    """A model of one node."""
    node = helper.make_node(op, ["x", *inputs], ["y"], **attributes)
    given, made = helper.make_tensor_value_info("x", 1, x.shape), helper.make_tensor_value_info("y", 1, None)
    initializers = [numpy_helper.from_array(value, name) for name, value in inputs.items()]
    graph = helper.make_graph([node], "policy", [given], [made], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def onnx(
    op: str, row: list[float], inputs: dict[str, Any] | None = None, rank: int = 1, **attributes: Any
) -> dict[str, Answer]:
    """How ONNX Runtime and ONNX's reference evaluator are asked about one row."""
    x = np.array(row, np.float32).reshape((1,) * (rank + 1) + (-1,))
    model = onnx_model(op, x, inputs or {}, {name: value for name, value in attributes.items() if value is not None})

    def runtime() -> Any:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": x})[0]

    return {"onnxruntime": runtime, "onnx evaluator": lambda: ReferenceEvaluator(model).run(None, {"x": x})}


def line(row: list[float]) -> Any:
    return torch.tensor(row).reshape(1, 1, -1)


def column(row: list[float]) -> Any:
    return tf.reshape(tf.constant(row), (1, -1, 1))


def weights(kernel: int) -> Any:
    return np.arange(1, kernel + 1, dtype=np.float32)


def grown(row: list[float], kernel: int, stride: int, padding: str, output: int) -> Any:
    filters = weights(kernel).reshape(kernel, 1, 1)
    return tf.nn.conv1d_transpose(column(row), filters, [1, output, 1], stride, padding)


def layer(row: list[float], kernel: int, stride: int, padding: str) -> Any:
    made = keras.layers.Conv1DTranspose(1, kernel, strides=stride, padding=padding, use_bias=False)
    made.build((1, len(row), 1))
    made.set_weights([weights(kernel).reshape(kernel, 1, 1)])
    return made(column(row))


def policies() -> Iterator[tuple[str, dict[str, Answer]]]:
    """Each question, with how every framework is asked."""
    for name, row in (("NaN", [1.0, NAN, 2.0, 3.0]), ("−0 before and after 0", [-0.0, 0.0, -0.0])):
        asked: dict[str, Answer] = {
            "torch": partial(F.max_pool1d, line(row), 2, 1),
            "tf.nn": partial(tf.nn.max_pool, column(row), 2, 1, "VALID"),
            **onnx("MaxPool", row, kernel_shape=[2]),
            "onnxruntime 2-D": onnx("MaxPool", row, rank=2, kernel_shape=[1, 2])["onnxruntime"],
        }
        yield f"max pool k 2 of {name}", asked
    for op in ("MaxPool", "AveragePool"):
        asked = onnx(op, [1.0], kernel_shape=[2], pads=[1, 1], dilations=[2])
        if op == "MaxPool":
            asked["torch"] = partial(F.max_pool1d, line([1.0]), 2, 1, 1, 2)
        yield f"{op} k 2 d 2 pads (1,1) of one element: all padding", asked
    for auto_pad, op in product(("VALID", "NOTSET"), ("MaxPool", "AveragePool")):
        asked = onnx(op, [1.0, 2, 3, 4, 5, 6], auto_pad=auto_pad, ceil_mode=1, kernel_shape=[3], strides=[2])
        yield f"{op} {auto_pad} ceil n 6 k 3 s 2", asked
    three, kernel = [1.0, 2, 3], {"w": weights(2).reshape(1, 1, 2)}
    for auto_pad, size in (("SAME_UPPER", 0), ("SAME_LOWER", 0), ("VALID", 0), ("SAME_UPPER", 12)):
        asked = onnx(
            "ConvTranspose", three, kernel, auto_pad=auto_pad, strides=[4], output_shape=[size] if size else None
        )
        padding = auto_pad.removesuffix("_UPPER")
        if padding != "SAME_LOWER" and not size:
            asked["keras"] = partial(layer, three, 2, 4, padding.lower())
        yield f"ConvTranspose {auto_pad} n 3 k 2 s 4{f' output_shape {size}' if size else ''}", asked
    for padding in ("SAME", "VALID"):
        for size in range(8, 15):
            yield f"{padding} n 3 k 2 s 4 output_shape {size}", {"tf.nn": partial(grown, three, 2, 4, padding, size)}
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    for mode, (begin, end) in product((*modes, "symmetric"), ((3, 3), (4, 4), (-1, 0))):
        asked = {}
        if mode in modes:
            asked = onnx("Pad", three, {"pads": np.array([0, 0, begin, 0, 0, end])}, mode=mode)
            asked["torch"] = partial(F.pad, line(three), (begin, end), modes[mode])
        if mode in ("constant", "reflect", "symmetric"):
            asked["tf.pad"] = partial(tf.pad, three, [(begin, end)], mode)
        yield f"pad {mode} ({begin},{end}) of 3", asked


def spell(ask: Answer) -> str:
    """An answer's numbers, with the sign of zero, or that it is refused."""
    try:
        numbers = np.ravel(np.asarray(ask()))
    except Exception as error:
        return f"refuses ({type(error).__name__})"
    return " ".join("-0" if number == 0 and np.signbit(number) else f"{number:g}" for number in numbers)


def main() -> None:
    onnxruntime.set_default_logger_severity(4)
    print("| asked | answers |\n| --- | --- |")
    with np.errstate(all="ignore"):
        for question, asked in policies():
            print(f"| {question} | " + "; ".join(f"{name}: {spell(ask)}" for name, ask in asked.items()) + " |")


if __name__ == "__main__":
    main()
