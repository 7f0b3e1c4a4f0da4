"""Cases as ONNX models, and the runner that any converter or ONNX runtime becomes.

A model holds one node written by a variant (``pads`` or ``auto_pad``), or what
``torch.onnx.export`` makes of a real ``torch.nn`` module (``torch-export``).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from conformance.domain.case import Case
from conformance.domain.geometry import Sizes
from conformance.domain.records import Spelling
from conformance.runners.contract import (
    Runner,
    Weights,
    Write,
    another_size,
    call,
    last_axis_first,
    last_word,
    number,
    rounds_up,
    source,
)

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

OPSET = 17
"""Old enough for every converter and new enough for ``Pad`` with its pads as an input."""

DILATED_AVERAGE = CIRCULAR_PAD = 19
"""The first with dilations in ``AveragePool``, and with ``wrap`` in ``Pad``."""

IR_VERSION = 8

BFLOAT16_OPSET = 22, 10
"""The opset whose ``Conv`` has bfloat16, and the IR version that goes with it."""

KEPT = 2**24
"""Bytes of weights up to which a model is kept for the next variant."""

AUTO_PAD = {"same": "SAME_UPPER", "same_lower": "SAME_LOWER", "valid": "VALID"}


OP_TYPES = {
    "conv": "Conv",
    "conv_transpose": "ConvTranspose",
    "max_pool": "MaxPool",
    "avg_pool": "AveragePool",
    "pad": "Pad",
}

PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "circular": "wrap"}
"""The modes of ``Pad``."""


def node(case: Case, up: bool, counted: bool, data: str = "x", **padding: object) -> str:
    """``helper.make_node`` of the case's operator; ``padding`` is ``pads`` or ``auto_pad`` and what goes with it.

    ``up`` is ``ceil_mode``, ``counted`` is ``count_include_pad``.
    """
    names = [data, "w", *["b"] * case.bias] if case.weighted else [data]
    inputs = ", ".join(f'"{name}"' for name in names)
    dilated = not case.pool or max(case.dilation) > 1
    return call(
        "helper.make_node",
        f'"{OP_TYPES[case.op]}"',
        f"[{inputs}]",
        '["y"]',
        kernel_shape=list(case.kernel),
        strides=list(case.stride),
        dilations=list(case.dilation) if dilated else None,
        group=case.groups if case.weighted else None,
        ceil_mode=int(up) or None,
        count_include_pad=int(counted) or None,
        **padding,
    )


def pads(case: Case) -> Optional[Spelling]:
    """Explicit pads, all the begins and then all the ends: right for every case but crops below zero."""
    if case.op == "pad":
        return pads_alone(case)
    more = [max(-end, extra) for (_, end), extra in zip(case.pads, case.output_padding or (0,) * case.rank)]
    flat = [begin for begin, _ in case.pads] + [end + extra for (_, end), extra in zip(case.pads, more)]
    if min(flat) < 0:
        return None
    up = rounds_up(case)
    beyond = more if case.transposed and any(more) else None
    code = node(case, up, case.count_include_pad, pads=flat, output_padding=beyond)
    return Spelling(case.pads, code, rounding="ceil" if up else "")


def amounts(case: Case) -> List[int]:
    """The pads of a ``Pad`` node: those of batch and channels, which are none, among them."""
    return [0, 0, *(begin for begin, _ in case.pads), 0, 0, *(end for _, end in case.pads)]


def pads_alone(case: Case) -> Spelling:
    """A ``Pad`` node with its pads and its value, which are inputs of it."""
    flat = amounts(case)
    parts = [f'numpy_helper.from_array(np.array({flat}), "pads")']
    inputs = '["x", "pads"]'
    if case.mode == "constant":
        parts.append(f'numpy_helper.from_array(np.array({number(case.value)}, "{case.dtype}"), "value")')
        inputs = '["x", "pads", "value"]'
    parts.append(call("helper.make_node", '"Pad"', inputs, '["y"]', mode=PAD_MODES[case.mode]))
    return Spelling(case.pads, f"[{', '.join(parts)}]")


def auto_pad(case: Case) -> Optional[Spelling]:
    """The rule's name in ``auto_pad``, for the paddings that ONNX has a name for."""
    if not isinstance(case.padding, str) or case.padding not in AUTO_PAD:
        return None
    options: Dict[str, Any] = {
        name: list(value) for name in ("output_padding", "output_shape") if (value := getattr(case, name))
    }
    code = node(case, case.ceil_mode, case.count_include_pad, auto_pad=AUTO_PAD[case.padding], **options)
    return Spelling(case.pads_read_by("onnx"), code, by_rule=True, rounding=case.rounding_read_by("onnx"))


def module(case: Case) -> Optional[Spelling]:
    """A ``torch.nn`` module: symmetric pads in the convolution, others as a padding layer before it."""
    if case.op == "pad":
        return pad_module(case)
    if case.op != "conv":
        return own_padding(case)
    symmetric = all(begin == end for begin, end in case.pads)
    flat = last_axis_first(case.pads)
    convolution = call(
        f"nn.Conv{case.rank}d",
        str(case.channels),
        str(case.filters),
        repr(case.kernel),
        stride=case.stride,
        padding=tuple(begin for begin, _ in case.pads) if symmetric else None,
        dilation=case.dilation,
        groups=case.groups,
        bias=case.bias,
    )
    padding = call(f"nn.ConstantPad{case.rank}d", repr(flat), "0.0")
    return Spelling(case.pads, convolution if symmetric else f"nn.Sequential({padding}, {convolution})")


def pad_module(case: Case) -> Spelling:
    """A padding layer of ``torch.nn``."""
    flat = last_axis_first(case.pads)
    names = {"constant": "Constant", "reflect": "Reflection", "edge": "Replication", "circular": "Circular"}
    value = [number(case.value)] if case.mode == "constant" else []
    return Spelling(case.pads, call(f"nn.{names[case.mode]}Pad{case.rank}d", repr(flat), *value))


def own_padding(case: Case) -> Optional[Spelling]:
    """A pool or a transposed convolution of ``torch.nn``, where its own ``padding`` says what is asked for."""
    averaged = case.op == "avg_pool"
    begins = tuple(begin for begin, _ in case.pads)
    more = tuple(begin - end for begin, end in case.pads)
    if case.transposed:
        if min(begins) < 0 or any(not 0 <= extra < stride for extra, stride in zip(more, case.stride)):
            return None
        layer = call(
            f"nn.ConvTranspose{case.rank}d",
            str(case.channels),
            str(case.filters),
            repr(case.kernel),
            stride=case.stride,
            padding=begins,
            output_padding=more,
            groups=case.groups,
            bias=case.bias,
            dilation=case.dilation,
        )
        return Spelling(case.pads, layer)
    if any(more) or (averaged and max(case.dilation) > 1):
        return None
    if any(2 * begin > kernel for begin, kernel in zip(begins, case.kernel)):
        return None
    layer = call(
        f"nn.{'AvgPool' if averaged else 'MaxPool'}{case.rank}d",
        repr(case.kernel),
        stride=case.stride,
        padding=begins,
        dilation=None if averaged else case.dilation,
        ceil_mode=rounds_up(case),
        count_include_pad=case.count_include_pad if averaged else None,
    )
    return Spelling(case.pads, layer, rounding="ceil" if rounds_up(case) else "")


def dynamo_module(case: Case) -> Optional[Spelling]:
    """The same module through the dynamo exporter, on cases tagged ``dynamo`` (it takes 600 ms each)."""
    return module(case) if "dynamo" in case.tags else None


def pad_node(case: Case) -> Optional[Spelling]:
    """A ``Pad`` node of zeros before the operator, which a runtime may fuse with it: of convolutions, and of
    averages that divide by the whole kernel.
    """
    if case.op not in ("conv", "avg_pool") or not any(map(any, case.pads)):
        return None
    if case.op == "avg_pool" and (case.ceil_mode or not case.count_include_pad):
        return None
    flat = amounts(case)
    nodes = [
        call("helper.make_node", '"Constant"', "[]", '["amounts"]', value_ints=flat),
        call("helper.make_node", '"Pad"', '["x", "amounts"]', '["padded"]'),
        node(case, False, False, "padded", pads=[0] * 2 * case.rank),
    ]
    return Spelling(case.pads, f"[{', '.join(nodes)}]")


def dynamic_auto_pad(case: Case) -> Optional[Spelling]:
    """``auto_pad`` in a model whose input has no size, first run at another one; for cases tagged ``dynamic``."""
    spelling = auto_pad(case) if "dynamic" in case.tags else None
    return spelling and replace(spelling, converted=another_size(case))


WRITERS: Mapping[str, Write] = {
    "pads": pads,
    "auto_pad": auto_pad,
    "auto_pad-dynamic": dynamic_auto_pad,
    "pad-node": pad_node,
    "torch-export": module,
    "torch-export-dynamo": dynamo_module,
}


def numbers(weights: Weights) -> Tuple[bytes, ...]:
    """Weights as what tells them from others of the same case."""
    return tuple(b"" if part is None else part.tobytes() for part in weights)


class Made(NamedTuple):
    """A model that was made: of what, and as it was then."""

    name: str
    case: Case
    numbers: Tuple[bytes, ...]
    kind: Any
    text: bytes

    def serves(self, name: str, case: Case, weights: Weights) -> bool:
        """Whether it is that of the same case with the same weights."""
        return (name, case) == (self.name, self.case) and numbers(weights) == self.numbers

    def copy(self) -> Any:
        """It again."""
        return self.kind.FromString(self.text)


class Converter(Runner):
    """Runs cases through ``convert(onnx_model, **options) -> callable``.

    ``models`` names the entries of ``WRITERS`` that it is given; ``options`` maps a suffix of the
    variant's name to further arguments of ``convert``, the empty suffix to none. A class that has
    ``variants`` of its own keeps them.
    """

    models: Tuple[str, ...] = ("pads", "auto_pad")
    options: Mapping[str, Mapping[str, Any]] = {"": {}}
    preamble = "import numpy as np\nfrom onnx import helper, numpy_helper"

    def __init__(self) -> None:
        super().__init__()
        self._made: Optional[Made] = None
        self.combinations: Dict[str, Tuple[str, Mapping[str, Any]]] = {
            model + (f"-{suffix}" if suffix else ""): (model, options)
            for model in self.models
            for suffix, options in self.options.items()
        }
        if not self.variants:
            self.variants = {name: WRITERS[model] for name, (model, _) in self.combinations.items()}

    def open(self) -> None:
        """Load onnx, and PyTorch where a variant exports from it."""
        super().open()
        if "torch-export" in self.models:
            exec("import torch\nfrom torch import nn", self.namespace)
            self.namespace["torch"].set_num_threads(1)

    def convert(self, model: Any, **options: Any) -> Layer:
        """A callable on arrays for an ONNX model: ``N C spatial…`` in, ``N O spatial…`` out."""
        raise NotImplementedError

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The case as an ONNX model, converted."""
        name, options = self.combinations[variant]
        spelling = self.spell(case, variant)
        model = self._model(name, case, spelling, weights)
        self.enter("convert")
        layer = self.convert(model, **options)
        if spelling.converted:
            import numpy as np

            layer(np.zeros((case.batch, case.channels, *spelling.converted), case.dtype))
        return (lambda x: layer(x.astype(array_type(case.dtype)))) if case.dtype == "bfloat16" else layer

    def _model(self, name: str, case: Case, spelling: Spelling, weights: Weights) -> Any:
        """The ONNX model that an entry of ``WRITERS`` makes of a case.

        Variants that differ in ``options`` alone follow each other: the second gets a copy of what the first one's
        was before it was converted.
        """
        if self._made and self._made.serves(name, case, weights):
            return self._made.copy()
        part = self.evaluate(spelling.code)
        if name.startswith("torch-export"):
            model = exported(part, case, weights, name.endswith("dynamo"))
        else:
            model = single_node(part, case, weights, dynamic=bool(spelling.converted))
        keep = len(self.options) > 1 and weights.kernel.nbytes <= KEPT
        self._made = Made(name, case, numbers(weights), type(model), model.SerializeToString()) if keep else None
        return model

    def program(self, case: Case, variant: str) -> str:
        """The same as a script."""
        name, options = self.combinations[variant]
        spelling = self.spell(case, variant)
        if name.startswith("torch-export"):
            parts = [exporting("import torch\nfrom torch import nn", case, spelling, name.endswith("dynamo"))]
        else:
            weights = {"w": "weights", "b": "bias"}
            given = [f'"{name}": {weights[name]}' for name in ("w", "b")[: case.weighted + case.bias]]
            about = described(case, bool(spelling.converted))
            made = call("assemble", "part", "{" + ", ".join(given) + "}", **about)
            sources = ["", "", source(tensor), "", "", source(assemble), ""]
            parts = [self.preamble, *sources, f"part = {spelling.code}", f"model = {made}"]
        return "\n".join([*parts, self.running(case, spelling, options)])

    def running(self, case: Case, spelling: Spelling, options: Mapping[str, Any]) -> str:
        """The end of a program: the ``model`` converted and run."""
        told = last_word(self, "conversion", "convert")
        lines = ["", self.conversion(options) if told else Converter.conversion(self, options)]
        if spelling.converted:
            shape = (case.batch, case.channels, *spelling.converted)
            lines.append(f"layer(np.zeros({shape}, {case.dtype!r}))  # first at another size")
        if case.dtype == "bfloat16":
            lines += ["import ml_dtypes  # onnx has brought it", "", "x = x.astype(ml_dtypes.bfloat16)"]
        return "\n".join([*lines, "y = np.asarray(layer(x))", "dtype = y.dtype.name", ""])

    def conversion(self, options: Mapping[str, Any]) -> str:
        """What ``convert`` does, as a script: a ``layer`` on arrays from a ``model``; here by the class itself."""
        kind = next(kind for kind in type(self).__mro__ if "convert" in vars(kind))
        lines = [f"from {kind.__module__} import {kind.__qualname__}", "", f"converter = {kind.__qualname__}()"]
        lines += ["converter.open()"] if hasattr(kind, "open") else []
        return "\n".join([*lines, f"layer = {call('converter.convert', 'model', **options)}"])


def exporting(imports: str, case: Case, spelling: Spelling, dynamo: bool) -> str:
    """The lines of a script that make a ``model`` of a spelled module."""
    parts = ["weights", *["bias"] * case.bias] if case.weighted else []
    shape = (case.batch, case.channels, *(spelling.converted or case.input))
    options = {"dynamo": dynamo or None, "dynamic": bool(spelling.converted) or None}  # but for its defaults
    exported = call("export", "network", repr(shape), repr(case.dtype), *parts, **options)
    return "\n".join([imports, "", "", source(export), "", f"network = {spelling.code}", f"model = {exported}"])


def single_node(part: Any, case: Case, weights: Weights, dynamic: bool = False) -> Any:
    """An ONNX model of a node, or a list with tensors, with the weights, and with static shapes or ``dynamic``."""
    parts = {"w": weights.kernel if case.weighted else None, "b": weights.bias}
    given = {name: array for name, array in parts.items() if array is not None}
    return assemble(part, given, **described(case, dynamic))


def described(case: Case, dynamic: bool) -> Dict[str, Any]:
    """What ``assemble`` has to know of a case.

    Where specifications differ, ONNX's text and its shape inference do too, and no output size is stated.
    """
    sizes, outputs = ([f"{name}{axis}" for axis in range(case.rank)] for name in ("input", "output"))
    opset, ir_version = OPSET, IR_VERSION
    if case.op == "avg_pool" and max(case.dilation) > 1:
        opset = DILATED_AVERAGE
    if case.mode == "circular":
        opset = CIRCULAR_PAD
    if case.dtype == "bfloat16":
        opset, ir_version = BFLOAT16_OPSET
    return {
        "element": element_type(case.dtype),
        "input_shape": (case.batch, case.channels, *(sizes if dynamic else case.input)),
        "output_shape": (
            *(case.batch, case.filters),
            *(outputs if dynamic or case.disputed else case.output(case.pads)),
        ),
        "opset": opset,
        "ir_version": ir_version,
    }


def assemble(
    part: Any,
    weights: Mapping[str, Array],
    element: int,
    input_shape: Any,
    output_shape: Any,
    opset: int,
    ir_version: int,
) -> Any:
    """An ONNX model of a node, or of nodes and tensors, from ``x`` to ``y``; the weights are initialisers."""
    from onnx import NodeProto, helper

    given = part if isinstance(part, list) else [part]
    initializers = [tensor(name, array, element) for name, array in weights.items()]
    graph = helper.make_graph(
        [one for one in given if isinstance(one, NodeProto)],
        "case",
        [helper.make_tensor_value_info("x", element, input_shape)],
        [helper.make_tensor_value_info("y", element, output_shape)],
        initializers + [one for one in given if not isinstance(one, NodeProto)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def tensor(name: str, array: Array, element: int) -> Any:
    """An array as a tensor of an element type; by its bytes, as onnx takes no array of bfloat16 before 1.19."""
    from onnx import TensorProto, helper

    kind: Any = helper.tensor_dtype_to_np_dtype(element)
    if element == TensorProto.BFLOAT16:
        import ml_dtypes

        kind = ml_dtypes.bfloat16
    return helper.make_tensor(name, element, array.shape, array.astype(kind).tobytes(), raw=True)


def array_type(dtype: str) -> Any:
    """The numpy type of an element type; that of bfloat16 comes from ml_dtypes."""
    import numpy as np

    if dtype == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(dtype)


@cache
def element_type(dtype: str) -> int:
    """ONNX's number of an element type."""
    from onnx import TensorProto

    names = {"float32": "FLOAT", "float64": "DOUBLE"}
    return int(TensorProto.DataType.Value(names.get(dtype, dtype.upper())))


def export(
    network: Any,
    shape: Sizes,
    dtype: str,
    *weights: Array,
    opset: int = 17,
    dynamo: bool = False,
    dynamic: bool = False,
) -> Any:
    """The ONNX model that ``torch.onnx.export`` makes of a module with these weights, at one size or ``dynamic``."""
    import io
    import warnings

    import onnx
    import torch

    layer = network[-1] if isinstance(network, torch.nn.Sequential) else network
    kind = getattr(torch, dtype)
    for name, array in zip(("weight", "bias"), weights):
        setattr(layer, name, torch.nn.Parameter(torch.from_numpy(array).to(kind)))
    network.eval()
    x = torch.zeros(shape, dtype=kind)
    names = {"input_names": ["x"], "output_names": ["y"]}
    axes = range(2, len(shape)) if dynamic else ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters announce their own deprecation, once a call
        if dynamo:
            shapes = (dict.fromkeys(axes, torch.export.Dim.DYNAMIC),) if dynamic else None
            return torch.onnx.export(
                network, (x,), dynamo=True, verbose=False, dynamic_shapes=shapes, **names
            ).model_proto
        file = io.BytesIO()
        dynamic_axes = {"x": {axis: f"size{axis}" for axis in axes}} if dynamic else None
        torch.onnx.export(network, (x,), file, dynamo=False, opset_version=opset, dynamic_axes=dynamic_axes, **names)
    return onnx.load_from_string(file.getvalue())


def exported(network: Any, case: Case, weights: Weights, dynamo: bool, converted: Sizes = ()) -> Any:
    """The model that ``torch.onnx.export`` makes of a module with the case's weights; at another size a dynamic one."""
    parts = [weights.kernel] * case.weighted + ([] if weights.bias is None else [weights.bias])
    shape = (case.batch, case.channels, *(converted or case.input))
    return export(network, shape, case.dtype, *parts, dynamo=dynamo, dynamic=bool(converted))
