"""ONNX's own node tests of convolutions, pools and pads, as the ``onnx`` package makes them.

No runner; it stands here because ``onnx`` is imported by runners and by ``models`` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Tuple, Union

from conformance.domain.case import Case
from conformance.runners.onnx_models import OP_TYPES, PAD_MODES

OPS = {operator: op for op, operator in OP_TYPES.items()}
MODES = {name: mode for mode, name in PAD_MODES.items()}
RULES = {"VALID": "valid", "SAME_UPPER": "same", "SAME_LOWER": "same_lower"}


class NodeTest(NamedTuple):
    """A test as a case: its arrays (input, weights, bias), the output that it states, and its rtol and atol.

    Integers stand as float32, which holds them exactly; of a max pool's two outputs the first is read.
    """

    case: Case
    arrays: Tuple[Any, ...]
    output: Any
    allowed: Tuple[float, float]


class Skipped(NamedTuple):
    """A test that no case can hold, and why."""

    name: str
    reason: str


def node_tests() -> Iterator[Union[NodeTest, Skipped]]:
    """Every test of the operators; ``ImportError`` where ``onnx`` is missing.

    Some draw from numpy's global generator when they are imported; it is seeded as onnx's own
    ``cmd_tools`` does before it writes them to disk.
    """
    random = import_module("numpy").random
    state = random.get_state()
    random.seed(0)
    for operator in OPS:
        import_module(f"onnx.backend.test.case.node.{operator.lower()}")
    random.set_state(state)
    from onnx.backend.test.case.node import _NodeTestCases

    for test in _NodeTestCases:
        nodes = test.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in OPS:
            inputs, outputs = test.data_sets[0]
            yield read(test.name, nodes[0], inputs, outputs, (test.rtol, test.atol))


def read(name: str, node: Any, inputs: Any, outputs: Any, allowed: Tuple[float, float]) -> Union[NodeTest, Skipped]:
    """One test as a case, or why it is none."""
    from onnx.helper import get_attribute_value

    dtype = "float64" if inputs[0].dtype == "float64" else "float32"
    asked = {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}
    if node.op_type == "Pad":
        return read_pad(name, asked, inputs, outputs[0], dtype, allowed)
    op, shape = OPS[node.op_type], inputs[0].shape
    rank, channels, groups = len(shape) - 2, shape[1], asked.get("group", 1)
    kernel = asked.get("kernel_shape") or inputs[1].shape[2:]
    fields: Dict[str, Any] = {"channels": channels, "filters": channels, "groups": groups, "bias": len(inputs) > 2}
    if op == "conv":
        fields["filters"] = inputs[1].shape[0]
    elif op == "conv_transpose":
        fields["filters"] = inputs[1].shape[1] * groups
        more = tuple(asked.get("output_padding", ()))
        fields["output_shape"] = tuple(asked.get("output_shape", ()))
        fields["output_padding"] = more if any(more) and not fields["output_shape"] else ()
    else:
        fields["ceil_mode"] = bool(asked.get("ceil_mode"))
        fields["count_include_pad"] = bool(asked.get("count_include_pad"))
    rule = asked.get("auto_pad", b"NOTSET").decode()
    flat = asked.get("pads") or [0] * (2 * rank)
    padding: Any = RULES.get(rule) or tuple(zip(flat[:rank], flat[rank:]))
    if fields.get("output_shape") and rule == "NOTSET":
        padding = "same_lower"  # the pads follow from the shape, the odd one at the beginning (ONNX, ConvTranspose)
    case = Case(
        f"onnx/{name}",
        op,
        tuple(shape[2:]),
        tuple(kernel),
        tuple(asked.get("strides") or [1] * rank),
        tuple(asked.get("dilations") or [1] * rank),
        padding,
        batch=shape[0],
        dtype=dtype,
        data="normal",
        spec="onnx",
        **fields,
    )
    return NodeTest(case, tuple(inputs), outputs[0], allowed)


def read_pad(
    name: str, asked: Mapping[str, Any], inputs: Any, output: Any, dtype: str, allowed: Tuple[float, float]
) -> Union[NodeTest, Skipped]:
    """A test of ``Pad``: its pads, its value and its axes are inputs."""
    x, amounts, value, axes = (*inputs, None, None)[:4]
    count = len(amounts) // 2
    pairs = [(0, 0)] * x.ndim
    for axis, begin, end in zip(range(x.ndim) if axes is None else axes, amounts[:count], amounts[count:]):
        pairs[axis] = (int(begin), int(end))
    if any(map(any, pairs[:2])):
        return Skipped(name, "pads of the batch or the channels")
    ones = (1,) * (x.ndim - 2)
    case = Case(
        f"onnx/{name}",
        "pad",
        tuple(x.shape[2:]),
        ones,
        ones,
        ones,
        tuple(pairs[2:]),
        batch=x.shape[0],
        channels=x.shape[1],
        filters=x.shape[1],
        dtype=dtype,
        data="normal",
        mode=MODES[asked.get("mode", b"constant").decode()],
        value=0.0 if value is None else float(value),
    )
    return NodeTest(case, (x,), output, allowed)
