"""A small converter, ONNX to NumPy, as a stranger may maintain one: what tests/test_adopt.py adopts the suite for.

It has two known defects: SAME_LOWER is taken for SAME_UPPER, and ``ceil_mode`` is not implemented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx import helper, numpy_helper


def convert(model: Any) -> Callable[[Any], Any]:
    """A model of one ``Conv`` or ``MaxPool`` as a function of its input."""
    (node,) = model.graph.node
    if node.op_type not in ("Conv", "MaxPool"):
        raise NotImplementedError(f"{node.op_type} is not implemented")
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if options.get("ceil_mode"):
        raise NotImplementedError("ceil_mode is not implemented")
    kernel, *bias = (values[name].astype(np.float64) for name in node.input[1:]) if node.op_type == "Conv" else (None,)
    size, stride = options["kernel_shape"], options["strides"]
    dilation = options.get("dilations", [1] * len(size))
    extent = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    axes = tuple(range(2, 2 + len(size)))

    def layer(x: Any) -> Any:
        pads = padding(options, x.shape[2:], extent, stride)
        fill = -np.inf if kernel is None else 0.0
        filled = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *pads), constant_values=fill)
        windows = sliding_window_view(filled, extent, axes)
        steps = (*(slice(None, None, s) for s in stride), *(slice(None, None, d) for d in dilation))
        windows = windows[(slice(None), slice(None), *steps)]
        taps = tuple(range(-len(size), 0))
        if kernel is None:
            return windows.max(axis=taps).astype(x.dtype)
        groups = options["group"]
        parts = zip(np.split(windows, groups, 1), np.split(kernel, groups), strict=True)
        sums = [np.tensordot(part, of, ((1, *taps), tuple(range(1, of.ndim)))) for part, of in parts]
        output = np.moveaxis(np.concatenate(sums, -1) + (bias[0] if bias else 0.0), -1, 1)
        return output.astype(x.dtype)

    return layer


def padding(options: dict[str, Any], sizes: Any, extent: Any, stride: Any) -> list[tuple[int, int]]:
    """Begin and end of every axis."""
    rule = options.get("auto_pad", b"NOTSET").decode()
    if rule.startswith("SAME"):
        totals = [max((-(-n // s) - 1) * s + e - n, 0) for n, e, s in zip(sizes, extent, stride, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    flat = options.get("pads", [0] * 2 * len(sizes))
    return list(zip(flat[: len(sizes)], flat[len(sizes) :], strict=True))
