"""ONNX: a file's padded operators, read with ``onnx`` alone, and never more than that file.

The weights' values are not looked at: a tensor of more than a few elements counts by its shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from conformance.domain.case import DTYPES, Case
from conformance.domain.geometry import Pads, Sizes, split_crop
from conformance.errors import InputError
from conformance.models import layers
from conformance.models.layers import Layer, Model
from conformance.strict_yaml import shown_path

LIMIT = 2**31
"""Bytes of a file that protobuf can hold."""

SMALL = 4096
"""Elements of a tensor whose values are kept: shapes, pads and the like."""

DEPTH = 32
"""Graphs inside graphs."""

OPS = {
    "Conv": "conv",
    "ConvInteger": "conv",
    "QLinearConv": "conv",
    "ConvTranspose": "conv_transpose",
    "MaxPool": "max_pool",
    "AveragePool": "avg_pool",
}
WEIGHTS = {"QLinearConv": 3}
BIAS = {"QLinearConv": 8, "ConvInteger": -1}
"""Which input of an operator that is no plain convolution has the weights, and the bias; -1 for none."""

UNREAD = ("LpPool", "DeformConv", "MaxUnpool", "Col2Im")
"""Operators of ONNX that may pad, of which this suite has no case."""

RULES = {"VALID": "valid", "SAME_UPPER": "same", "SAME_LOWER": "same_lower"}
OWN_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class Found:
    """A padded operator: its layer, its case without a ``Pad`` before it, its node, and its input's element type."""

    layer: Layer
    own: Case
    node: Any
    element: int


def read(path: Path, shapes: Mapping[str, Sizes], external: bool) -> Model:
    """The padded operators of a file."""
    from onnx import inliner

    model = load(path, external)
    if model.functions:
        with bad_model(path):
            model = inliner.inline_local_functions(model)
    found = find(model, path, shapes)
    return Model(path, "ONNX", tuple(one.layer for one in found), tuple(unread(model)), shapes)


class bad_model:  # noqa: N801
    """Turns whatever ``onnx`` raises about a model into one sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, InputError):
            first = next(iter(str(error).strip().splitlines()), kind.__name__)[:300]
            raise InputError(f"the model cannot be read: {first}", shown_path(self.path)) from None


def load(path: Path, external: bool) -> Any:
    """The model of a file, its large tensors without their values; ``InputError`` where it is none."""
    model = parse(path)
    place = shown_path(path)
    if not model.HasField("graph") or not model.opset_import:
        raise InputError("no ONNX model: it has no graph or no opset; allowed: a whole ONNX file", place)
    with bad_model(path):
        graphs = [model.graph, *(inner for function in model.functions for inner in inner_graphs(function.node))]
        for graph in graphs:
            for each in walk(graph):
                _hold(each, path, place, external)
        for function in model.functions:
            for tensor in tensors(function.node):
                _hold_tensor(tensor, path, place, external)
    return model


def parse(path: Path) -> Any:
    """The protobuf message of a file; ``InputError`` where it is none."""
    import onnx
    from google.protobuf.message import DecodeError

    place = shown_path(path)
    try:
        length = path.stat().st_size
        if length >= LIMIT:
            raise InputError(f"{length} bytes; allowed: less than 2 GiB, with large weights as external data", place)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}; allowed: a model file", place) from None
    try:
        return onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError):
        raise InputError("truncated, or no ONNX model; allowed: a whole ONNX file", place) from None


def walk(graph: Any, depth: int = 0) -> Iterator[Any]:
    """A graph and those inside its nodes."""
    if depth > DEPTH:
        raise ValueError(f"graphs inside graphs, more than {DEPTH} deep; allowed: up to {DEPTH}")
    yield graph
    for inner in inner_graphs(graph.node):
        yield from walk(inner, depth + 1)


def inner_graphs(nodes: Sequence[Any]) -> Iterator[Any]:
    """The graphs that nodes hold as attributes: the branches of an ``If``, the body of a ``Loop``."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def tensors(nodes: Sequence[Any]) -> Iterator[Any]:
    """The tensors that nodes hold as attributes."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise ValueError(f"a sparse tensor in {node.op_type} {node.name!r}; allowed: dense tensors")


def _hold(graph: Any, path: Path, place: str, external: bool) -> None:
    """Hold a graph's tensors and types against what is read, and drop the values of large tensors."""
    if graph.sparse_initializer:
        name = graph.sparse_initializer[0].values.name
        raise InputError(f"a sparse tensor, {name!r}; allowed: dense tensors", place)
    for tensor in (*graph.initializer, *tensors(graph.node)):
        _hold_tensor(tensor, path, place, external)
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            layers.size(dim.dim_value, f"a dimension of {value.name!r}", place, 0)


def _hold_tensor(tensor: Any, path: Path, place: str, external: bool) -> None:
    for dim in tensor.dims:
        layers.size(dim, f"a dimension of {tensor.name!r}", place, 0)
    if tensor.data_location == tensor.EXTERNAL:
        _hold_external(tensor, path, place, external)
    if prod(tensor.dims) > SMALL:
        for name in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data"):
            tensor.ClearField(name)


def _hold_external(tensor: Any, path: Path, place: str, allowed: bool) -> None:
    """External data lie below the model's folder, once they are allowed; they are not opened."""
    what = f"external data of {tensor.name!r}"
    if not allowed:
        raise InputError(f"{what}; allowed: with --allow-external-data, below the model's folder", place)
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    named = PurePosixPath(location)
    if not location or named.is_absolute() or ".." in named.parts or "\\" in location or "\0" in location:
        raise InputError(f"{what} at {location[:80]!r}; allowed: a file below the model's folder", place)
    folder = path.parent.resolve()
    file = folder
    for part in named.parts:
        file = file / part
        if file.is_symlink():
            raise InputError(f"{what} at {location[:80]!r}, a symbolic link; allowed: a file", place)
    if not file.is_file():
        raise InputError(f"{what} at {location[:80]!r}, which is not there; allowed: a file", place)


def in_functions(model: Any) -> Iterator[tuple[Any, Any]]:
    """Every node of a model's functions, with its function."""
    for function in model.functions:
        graphs = (graph for inner in inner_graphs(function.node) for graph in walk(inner))
        for node in (*function.node, *(node for graph in graphs for node in graph.node)):
            yield function, node


def unread(model: Any) -> Iterator[str]:
    """What may pad and has no case here: some operators of ONNX, and those of other domains."""
    functions = {(function.domain, function.name) for function in model.functions}
    for graph in walk(model.graph):
        for node in graph.node:
            if node.domain not in OWN_DOMAINS:
                if (node.domain, node.op_type) not in functions:
                    yield f"{node.domain} {node.op_type} {name_of(node)}: another domain than ONNX's"
            elif node.op_type in UNREAD:
                yield f"{node.op_type} {name_of(node)}: no case has this operator"


def find(model: Any, path: Path, shapes: Mapping[str, Sizes]) -> list[Found]:
    """The padded operators of a loaded model, in its order, those inside ``If`` and ``Loop`` too."""
    inferred = infer(model, path, shapes)
    found: list[Found] = []
    scope = Scope(path, shown_path(path), opset(model), model.graph)
    _collect(model.graph, inferred.graph, scope, "", found)
    return found


def opset(model: Any) -> int:
    """The version of ONNX's own operators that a model is written in."""
    return next((int(entry.version) for entry in model.opset_import if entry.domain in OWN_DOMAINS), 0)


def padded(graph: Any) -> Iterator[tuple[Any, Any]]:
    """Each padded node with its graph, in the order of ``find``."""
    for node in list(graph.node):
        if node.domain in OWN_DOMAINS and node.op_type in OPS:
            yield graph, node
        for inner in inner_graphs([node]):
            yield from padded(inner)


def infer(model: Any, path: Path, shapes: Mapping[str, Sizes]) -> Any:
    """The model with the shapes that follow from its inputs' and from those that are given."""
    import onnx

    given = onnx.ModelProto()
    given.CopyFrom(model)
    for name, shape in shapes.items():
        _give(given, name, shape, path)
    with bad_model(path):
        return onnx.shape_inference.infer_shapes(given, data_prop=True)


def _give(model: Any, name: str, shape: Sizes, path: Path) -> None:
    """Write a shape that the user states into the model: of an input, or of any value."""
    from onnx import TensorProto, helper

    place = shown_path(path)
    known = next((value for value in model.graph.input if value.name == name), None)
    if known is None:
        if not any(name in node.output for node in model.graph.node):
            inputs = ", ".join(repr(value.name) for value in _inputs(model)) or "none"
            raise InputError(f"--shape {name}: no such value; allowed: an input ({inputs}) or a node's output", place)
        kept = [value for value in model.graph.value_info if value.name != name]
        del model.graph.value_info[:]
        model.graph.value_info.extend([*kept, helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)])
        return
    tensor = known.type.tensor_type
    if tensor.HasField("shape") and len(tensor.shape.dim) != len(shape):
        raise InputError(f"--shape {name}: {len(shape)} sizes; allowed: {len(tensor.shape.dim)}", place)
    stated = [dim.dim_value for dim in tensor.shape.dim]
    for asked, own in zip(shape, stated, strict=False):
        if own and asked != own:
            raise InputError(f"--shape {name}: {asked} where the model says {own}; allowed: {own}", place)
    del tensor.shape.dim[:]
    for asked in shape:
        tensor.shape.dim.add().dim_value = asked


def _inputs(model: Any) -> list[Any]:
    """The inputs that have to be given: older models list their weights among them."""
    filled = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in filled]


@dataclass(frozen=True)
class Scope:
    """What is known where a node stands: the shapes and constants of its graph and of those around it."""

    path: Path
    place: str
    opset: int
    main: Any
    shapes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    makers: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)

    def within(self, graph: Any, inferred: Any) -> Scope:
        """The scope inside a graph."""
        shapes, types, makers, constants = map(dict, (self.shapes, self.types, self.makers, self.constants))
        for value in (*inferred.input, *inferred.output, *inferred.value_info):
            tensor = value.type.tensor_type
            types[value.name] = tensor.elem_type
            if tensor.HasField("shape"):
                shapes[value.name] = tuple(
                    dim.dim_value if dim.HasField("dim_value") and dim.dim_value else None for dim in tensor.shape.dim
                )
        for tensor in graph.initializer:
            shapes[tensor.name], types[tensor.name] = tuple(tensor.dims), tensor.data_type
            constants[tensor.name] = tensor
        for node in graph.node:
            for name in node.output:
                makers[name] = node
            if node.op_type == "Constant" and node.domain in OWN_DOMAINS:
                constants.update((node.output[0], a.t) for a in node.attribute if a.name == "value" and a.HasField("t"))
        return replace(self, shapes=shapes, types=types, makers=makers, constants=constants)


def _collect(graph: Any, inferred: Any, outside: Scope, prefix: str, found: list[Found]) -> None:
    """Add a graph's padded operators; ``inferred`` is the same graph with shapes."""
    scope = outside.within(graph, inferred)
    for node, with_shapes in zip(graph.node, inferred.node, strict=True):
        if node.domain in OWN_DOMAINS and node.op_type in OPS:
            name = prefix + name_of(node)
            own = _case(node, name, scope)
            layer = _with_pad(node, Layer(name, node.op_type, own), scope)
            found.append(Found(layer, own, node, scope.types.get(node.input[0], 0)))
        pairs = zip(inner_graphs([node]), inner_graphs([with_shapes]), strict=True)
        for inner, inner_inferred in pairs:
            _collect(inner, inner_inferred, scope, f"{prefix}{name_of(node)}/{inner.name}/", found)


def name_of(node: Any) -> str:
    """A node's name, or its first output's, as names are optional."""
    return str(node.name or next(iter(node.output), "") or node.op_type)


KINDS = {
    "auto_pad": "s",
    "mode": "s",
    "value": "f",
    **dict.fromkeys(("group", "ceil_mode", "count_include_pad"), "i"),
    **dict.fromkeys(("kernel_shape", "strides", "dilations", "pads", "paddings"), "ints"),
    **dict.fromkeys(("output_padding", "output_shape"), "ints"),
}
"""The attributes that are read, and the field of ``AttributeProto`` that holds each."""


def attributes(node: Any, place: str) -> dict[str, Any]:
    """The attributes of a node that say what it computes; ``InputError`` for one of another type."""
    types = {"s": 3, "f": 1, "i": 2, "ints": 7}  # AttributeProto.AttributeType
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        kind = KINDS.get(attribute.name)
        if kind is None:
            continue
        if attribute.type != types[kind] or attribute.ref_attr_name:
            raise InputError(f"attribute {attribute.name} of another type than {node.op_type} has", place)
        value = getattr(attribute, kind)
        found[attribute.name] = list(value) if kind == "ints" else value
    return found


def _case(node: Any, name: str, scope: Scope) -> Case:
    """What a node computes, as a case."""
    place = f"{scope.place}: {name}"
    op, asked = OPS[node.op_type], attributes(node, place)
    shape = _shape(node.input[0] if node.input else "", scope, place)
    rank = len(shape) - 2
    if rank not in layers.RANKS:
        raise InputError(f"{rank} spatial axes; allowed: 1 to 3", place)
    pool = op.endswith("_pool")
    channels = layers.size(shape[1], "channels", place)
    fields: dict[str, Any] = {"channels": channels, "filters": channels, "batch": shape[0]}
    kernel: Sequence[Any] = asked.get("kernel_shape", ())
    if not pool:
        position = WEIGHTS.get(node.op_type, 1)
        weights = scope.shapes.get(node.input[position] if position < len(node.input) else "", ())
        if len(weights) != rank + 2 or None in weights[:2] or (None in weights and not kernel):
            raise InputError("the shape of its weights is not known; allowed: weights with a shape", place)
        kernel = kernel or [part for part in weights[2:] if part is not None]
        groups = layers.size(asked.get("group", 1), "group", place)
        transposed = op == "conv_transpose"
        filters = layers.size((weights[1] or 0) * groups if transposed else weights[0], "filters", place)
        expected = channels if transposed else channels // groups
        if weights[0 if transposed else 1] != expected:
            raise InputError(f"weights of shape {weights} with {channels} channels in {groups} groups", place)
        bias = BIAS.get(node.op_type, 2)
        fields.update(filters=filters, groups=groups, bias=0 < bias < len(node.input) and bool(node.input[bias]))
    else:
        fields["ceil_mode"] = bool(asked.get("ceil_mode"))
        fields["count_include_pad"] = bool(asked.get("count_include_pad"))
    dtype = _dtype(scope.types.get(node.input[0], 0))
    case = Case(
        name,
        op,
        layers.sizes(shape[2:], rank, "input", place),
        layers.sizes(kernel, rank, "kernel_shape", place),
        layers.sizes(asked.get("strides") or [1] * rank, rank, "strides", place),
        layers.sizes(asked.get("dilations") or [1] * rank, rank, "dilations", place),
        "valid",
        dtype=dtype,
        **fields,
    )
    return layers.checked(_padding(case, asked, scope, place), place)


def _padding(case: Case, asked: Mapping[str, Any], scope: Scope, place: str) -> Case:
    """The case with the padding that the attributes say (ONNX, ``Conv``, ``ConvTranspose``, ``MaxPool``)."""
    rule = asked.get("auto_pad", b"NOTSET").decode("ascii", "replace") or "NOTSET"
    if rule not in ("NOTSET", *RULES):
        raise InputError(f"auto_pad {rule!r}; allowed: NOTSET, {', '.join(RULES)}", place)
    flat = asked.get("pads") or [0] * (2 * case.rank)
    if len(flat) != 2 * case.rank:
        raise InputError(f"pads: {len(flat)} numbers; allowed: {2 * case.rank}, the begins and then the ends", place)
    pads = layers.pairs(list(zip(flat[: case.rank], flat[case.rank :], strict=True)), case.rank, "pads", place)
    made = replace(case, padding=RULES.get(rule, pads))
    if case.transposed:
        if rule.startswith("SAME") and scope.opset < 11:
            raise InputError(
                f"auto_pad {rule} of opset {scope.opset}, which puts the odd element on the other side than later "
                "opsets and runtimes; allowed: opset 11 and later, or pads",
                place,
            )
        shape = asked.get("output_shape") or ()
        more = layers.sizes(asked.get("output_padding") or [0] * case.rank, case.rank, "output_padding", place, 0)
        if shape or rule.startswith("SAME"):
            stated = shape[-case.rank :] or [n * s for n, s in zip(case.input, case.stride, strict=True)]
            _hold_crop(made, layers.sizes(stated, case.rank, "output_shape", place), more, rule, place)
        if shape:
            sizes = layers.sizes(shape[-case.rank :], case.rank, "output_shape", place)
            rule = RULES.get(rule, "same_lower")  # the pads follow from the shape, the odd one at the beginning
            return replace(made, padding=rule if rule != "valid" else "same_lower", output_shape=sizes)
        if any(more) and not rule.startswith("SAME"):
            return replace(made, output_padding=more)
    if (
        case.ceil_mode
        and rule == "VALID"
        and made.output(made.pads) != replace(made, ceil_mode=False).output(made.pads)
    ):
        raise InputError(
            "auto_pad VALID with ceil_mode, which ONNX's text rounds down and runtimes round up; allowed: pads", place
        )
    if case.ceil_mode and rule.startswith("SAME"):
        made = replace(made, ceil_mode=False)  # SAME has ceil(input / stride) windows as it is
    return made


def _hold_crop(case: Case, sizes: Sizes, more: Sizes, rule: str, place: str) -> None:
    """Refuse an ``output_padding`` beside a stated output that moves the crop: ONNX counts it in what is divided."""
    lower = rule != "SAME_UPPER"
    full = case.output(((0, 0),) * case.rank)
    for whole, extra, size in zip(full, more, sizes, strict=True):
        if split_crop(whole + extra - size, lower)[0] != split_crop(whole - size, lower)[0]:
            raise InputError("output_padding that moves the crop of output_shape or SAME; allowed: pads", place)


def _shape(name: str, scope: Scope, place: str) -> tuple[int, ...]:
    """A value's shape; where only the batch is open it is 1. ``InputError`` names the option that helps."""
    shape = scope.shapes.get(name, ())
    if len(shape) >= 2 and None not in shape[1:]:
        return tuple(1 if part is None else part for part in shape)
    filled = {tensor.name for tensor in scope.main.initializer}
    for value in scope.main.input:
        dims = value.type.tensor_type.shape.dim
        open_sizes = [dim for dim in dims[1:] if not dim.dim_value]
        if value.name not in filled and (open_sizes or not dims):
            written = ",".join(str(dim.dim_value or dim.dim_param or "?") for dim in dims) or "?"
            example = ",".join(
                str(dim.dim_value or usual) for dim, usual in zip(dims, (1, 3, 224, 224, 224), strict=False)
            )
            example = example or "1,3,224,224"
            raise InputError(
                f"the size of its input {name!r} is not known, as {value.name!r} is {written}; "
                f"try: --shape {value.name}={example}",
                place,
            )
    raise InputError(f"the size of its input {name!r} is not known; try: --shape {name}=1,3,224,224", place)


def _dtype(number: int) -> str:
    """An element type as a case has it; float32 stands in for those that a case cannot have."""
    from onnx import TensorProto

    names = {TensorProto.DOUBLE: "float64", TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16"}
    name = names.get(number, "float32")
    assert name in DTYPES
    return name


def _with_pad(node: Any, layer: Layer, scope: Scope) -> Layer:
    """The layer together with a ``Pad`` in front of it, where the two are one padding."""
    pad = scope.makers.get(node.input[0])
    if pad is None or pad.op_type != "Pad" or pad.domain not in OWN_DOMAINS:
        return layer
    amounts = _pad(pad, layer.case.rank + 2, scope)
    if amounts is None:
        return layer
    case = layers.after_pad(layer.case, *amounts)
    if case is None:
        return layer
    name = f"{name_of(pad)} + {layer.name}"
    return Layer(name, f"Pad + {layer.operator}", replace(case, id=name), apart=True)


def _pad(pad: Any, rank: int, scope: Scope) -> tuple[Pads, float] | None:
    """The spatial pads of a constant ``Pad`` and its value; None where they are no constants, or touch other axes."""
    from onnx.numpy_helper import to_array

    asked = attributes(pad, scope.place)

    def given(position: int, name: str, default: Any) -> Any:
        if scope.opset < 11:
            return asked.get(name, asked.get("paddings", default) if name == "pads" else default)
        value = pad.input[position] if position < len(pad.input) else ""
        if not value:
            return default
        tensor = scope.constants.get(value)
        if tensor is None or tensor.data_location == tensor.EXTERNAL or prod(tensor.dims) > SMALL:
            return None
        with bad_model(scope.path):
            return to_array(tensor).tolist()

    flat, value, axes = given(1, "pads", ()), given(2, "value", 0.0), given(3, "axes", list(range(rank)))
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if asked.get("mode", b"constant") != b"constant" or not flat or axes is None or not isinstance(value, int | float):
        return None
    if len(flat) != 2 * len(axes) or any(not -rank <= axis < rank for axis in axes):
        return None
    by_axis = {axis % rank: pair for axis, pair in zip(axes, zip(flat, flat[len(axes) :], strict=False), strict=False)}
    everywhere = [by_axis.get(axis, (0, 0)) for axis in range(rank)]
    if any(map(any, everywhere[:2])) or not all(0 <= amount <= layers.PADS for pair in everywhere for amount in pair):
        return None
    return tuple((begin, end) for begin, end in everywhere[2:]), float(value)
