"""TFLite: a file's padded operators, through FlatBuffers classes of its schema that are installed already.

Those of TensorFlow and of ``ai_edge_litert`` are one file, which loads without the rest of the package.
An operator has no name of its own: it is called after its output.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.domain.case import Case
from conformance.domain.geometry import Pads, Sizes
from conformance.errors import InputError
from conformance.models import layers
from conformance.models.layers import Layer, Model
from conformance.strict_yaml import shown_path

SCHEMAS = (("tensorflow", "lite/python/schema_py_generated.py"), ("ai_edge_litert", "schema_py_generated.py"))

OPS = {
    "CONV_2D": ("conv", "Conv2DOptions"),
    "DEPTHWISE_CONV_2D": ("conv", "DepthwiseConv2DOptions"),
    "TRANSPOSE_CONV": ("conv_transpose", "TransposeConvOptions"),
    "MAX_POOL_2D": ("max_pool", "Pool2DOptions"),
    "AVERAGE_POOL_2D": ("avg_pool", "Pool2DOptions"),
}
UNREAD = ("CONV_3D", "CONV_3D_TRANSPOSE", "L2_POOL_2D")
LIMIT = 2**31


def read(path: Path, shapes: Mapping[str, Sizes]) -> Model:
    """The padded operators of a TFLite file; ``InputError`` where it is none, or no reader is installed."""
    place = shown_path(path)
    schema = load_schema(place)
    length = path.stat().st_size
    if length >= LIMIT:
        raise InputError(f"{length} bytes; allowed: less than 2 GiB", place)
    data = path.read_bytes()
    try:
        return _Reader(path, schema, data, shapes).read()
    except InputError:
        raise
    except Exception:  # FlatBuffers are not verified: a damaged file's offsets lead anywhere
        raise InputError("truncated, or no TFLite file; allowed: a whole TFLite file", place) from None


def load_schema(place: str) -> Any:
    """The classes of the schema, from whichever package has them."""
    for package, file in SCHEMAS:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            source = Path(folder) / file
            found = importlib.util.spec_from_file_location("conformance_tflite_schema", source)
            if source.is_file() and found and found.loader:
                module = importlib.util.module_from_spec(found)
                found.loader.exec_module(module)
                return module
    if importlib.util.find_spec("tflite"):
        return importlib.import_module("tflite")
    raise InputError(
        "a TFLite file, for which no reader is installed; try: python -m pip install tflite (or tensorflow)", place
    )


class _Reader:
    """Goes through the first subgraph's operators, which is the model's, and those of the others."""

    def __init__(self, path: Path, schema: Any, data: bytes, shapes: Mapping[str, Sizes]) -> None:
        self.path, self.place, self.schema, self.shapes = path, shown_path(path), schema, shapes
        self.length = len(data)
        self.model = schema.Model.GetRootAsModel(data, 0)
        self.codes = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
        self.types = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
        self.found: list[Layer] = []
        self.unread: list[str] = []

    def read(self) -> Model:
        """The padded operators of every subgraph."""
        if self.shapes:
            raise InputError(
                "--shape with a TFLite file, whose sizes are fixed; allowed: with ONNX and .keras", self.place
            )
        if not self.count(self.model.SubgraphsLength()):
            raise InputError("no subgraph; allowed: a whole TFLite file", self.place)
        for number in range(self.model.SubgraphsLength()):
            graph = self.model.Subgraphs(number)
            pads: dict[int, tuple[str, Pads, float]] = {}
            for index in range(self.count(graph.OperatorsLength())):
                self.operator(graph, graph.Operators(index), f"{number}/" if number else "", pads)
        return Model(self.path, "TFLite", tuple(self.found), tuple(self.unread), {})

    def count(self, number: int) -> int:
        """A vector's length, which the file's bounds."""
        if not 0 <= number <= self.length:
            raise ValueError("a vector that is longer than the file")
        return number

    def operator(self, graph: Any, operator: Any, prefix: str, pads: dict[int, tuple[str, Pads, float]]) -> None:
        """Add an operator where it pads; keep what a ``PAD`` adds for the operator behind it."""
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        name = self.codes.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
        if name not in (*OPS, *UNREAD, "PAD", "PADV2"):
            return
        inputs = [operator.Inputs(place) for place in range(self.count(operator.InputsLength()))]
        output = graph.Tensors(operator.Outputs(0))
        called = prefix + (output.Name() or b"").decode("utf-8", "replace")
        if name in UNREAD:
            self.unread.append(f"{name} {called}: not read")
        elif name.startswith("PAD"):
            found = self.pad(graph, inputs, name)
            if found:
                pads[operator.Outputs(0)] = (called, *found)
        else:
            self.layer(graph, operator, name, called, inputs, output, pads)

    def shape(self, tensor: Any) -> list[int]:
        """A tensor's shape, -1 for a size that is open."""
        fixed = [tensor.Shape(axis) for axis in range(self.count(tensor.ShapeLength()))]
        open_sizes = [tensor.ShapeSignature(axis) for axis in range(self.count(tensor.ShapeSignatureLength()))]
        return [-1 if n == -1 else m for m, n in zip(fixed, open_sizes, strict=True)] if open_sizes else fixed

    def pad(self, graph: Any, inputs: list[int], name: str) -> tuple[Pads, float] | None:
        """The spatial pads of a constant ``PAD`` and its value; None where they are not constant, or not spatial."""
        import numpy as np

        def constant(position: int) -> Any:
            tensor = graph.Tensors(inputs[position])
            kinds = {"INT32": "<i4", "INT64": "<i8", "FLOAT32": "<f4"}
            kind = kinds.get(self.types.get(tensor.Type(), ""))
            buffer = self.model.Buffers(tensor.Buffer())
            raw = buffer.DataAsNumpy() if buffer.DataLength() else 0
            return None if kind is None or isinstance(raw, int) else np.frombuffer(raw.tobytes(), kind)

        amounts = constant(1)
        value = constant(2) if name == "PADV2" else np.zeros(1)
        if amounts is None or value is None or len(amounts) != 8 or len(value) != 1:
            return None
        rows = amounts.reshape(4, 2).tolist()
        if any(rows[0]) or any(rows[3]) or not all(0 <= amount <= layers.PADS for row in rows for amount in row):
            return None
        return ((rows[1][0], rows[1][1]), (rows[2][0], rows[2][1])), float(value[0])

    def layer(
        self,
        graph: Any,
        operator: Any,
        name: str,
        called: str,
        inputs: list[int],
        output: Any,
        pads: dict[int, tuple[str, Pads, float]],
    ) -> None:
        """Add a layer, together with the ``PAD`` in front of it where the two are one padding."""
        op, options_name = OPS[name]
        place = f"{self.place}: {called}"
        table = operator.BuiltinOptions()
        if table is None:
            raise InputError(f"{name} without its options; allowed: a whole TFLite file", place)
        options = getattr(self.schema, options_name)()
        options.Init(table.Bytes, table.Pos)
        data = inputs[2] if name == "TRANSPOSE_CONV" else inputs[0]
        shape, result = self.shape(graph.Tensors(data)), self.shape(output)
        if len(shape) != 4 or min(shape[1:]) < 0:
            raise InputError(f"the size of its input is {shape}; allowed: a model with fixed sizes", place)
        fields: dict[str, Any] = {"channels": shape[3], "filters": shape[3], "groups": 1, "batch": max(shape[0], 1)}
        dilation = (1, 1)
        if op.endswith("_pool"):
            kernel = (options.FilterHeight(), options.FilterWidth())
        else:
            weights = self.shape(graph.Tensors(inputs[1]))
            layers.sizes(weights, 4, "weights", place)
            kernel = (weights[1], weights[2])
            bias = 3 if name == "TRANSPOSE_CONV" else 2
            fields["bias"] = len(inputs) > bias and inputs[bias] >= 0
            fields["filters"] = weights[3] if name == "DEPTHWISE_CONV_2D" else weights[0]
            fields["groups"] = shape[3] if name == "DEPTHWISE_CONV_2D" else 1
            if name == "CONV_2D":
                fields["groups"] = shape[3] // layers.size(weights[3], "weights", place, 1, max(shape[3], 1))
            if name != "TRANSPOSE_CONV":
                dilation = (options.DilationHFactor(), options.DilationWFactor())
        for what in ("channels", "filters", "groups"):
            layers.size(fields[what], what, place)
        case = Case(
            called,
            op,
            layers.sizes(shape[1:3], 2, "input", place),
            layers.sizes(kernel, 2, "kernel", place),
            layers.sizes((options.StrideH(), options.StrideW()), 2, "stride", place),
            layers.sizes(dilation, 2, "dilation", place),
            "same" if options.Padding() == self.schema.Padding.SAME else "valid",
            dtype="float16" if self.types.get(graph.Tensors(data).Type()) == "FLOAT16" else "float32",
            **fields,
        )
        sizes = tuple(result[1:3])
        if op == "conv_transpose" and case.output(case.pads) != sizes:
            if case.padding == "valid":
                raise InputError(
                    f"an output of {sizes}, which VALID does not give; allowed: {case.output(case.pads)}", place
                )
            case = replace(case, output_shape=layers.sizes(sizes, 2, "output", place))
        made = Layer(called, name, layers.checked(case, place))
        before = pads.get(data)
        both = layers.after_pad(case, before[1], before[2]) if before else None
        if before and both:
            joined = f"{before[0]} + {called}"
            made = Layer(joined, f"PAD + {name}", replace(both, id=joined), apart=True)
        self.found.append(made)
