"""A layer as people write it → ``Layer``: PyTorch, Keras, TensorFlow and ONNX; parsed, never evaluated.

Every error names the line and column of the text, what arrived and what is allowed.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from conformance.domain.case import Case, by
from conformance.domain.geometry import Pads, Sizes
from conformance.errors import InputError
from conformance.explanation.signatures import FAMILIES, KERAS_OPTIONS, named

LARGEST = 999_999
"""The largest size that is read."""

LONGEST = 10_000
"""Characters of a layer's text."""

TENSORS = {"input", "inputs", "value", "weight", "filter", "depthwise_filter", "pointwise_filter", "output_shape"}
"""Parameters that are tensors; whatever stands there, only a literal output shape is read."""

KERNELS = ("kernel_size", "pool_size", "ksize", "window_shape", "kernel_shape")
STRIDES = ("stride", "strides")
DILATIONS = ("dilation", "dilation_rate", "dilations", "rate")

AUTO_PAD = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}
EXAMPLES = "Conv2D(6, 4, strides=2, padding='same') or nn.Conv2d(64, 64, 3, stride=2, padding=1)"


class Layer(NamedTuple):
    """What a text says, before an input's size is known; ``kernel`` is empty where it says none.

    ``rank`` is 0 where the input's decides: then there is one number for all axes.

    ``channels`` is 0 where it is not said, ``output`` the output's size of a transposed convolution.
    ``input`` is the input's size where the layer says it, ``notes`` what was left out or taken for granted.
    """

    text: str
    name: str
    framework: str
    op: str
    rank: int
    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    padding: str | Pads
    channels: int = 0
    filters: int = 0
    groups: int = 1
    depthwise: bool = False
    bias: bool = False
    output_padding: Sizes = ()
    output: Sizes = ()
    ceil_mode: bool = False
    count_include_pad: bool = False
    input: Sizes = ()
    notes: tuple[str, ...] = ()

    def case(self, size: Sizes, kernel: Sizes = (), channels: int = 0) -> Case:
        """The case of this layer over an input of ``size``; ``kernel`` and ``channels`` fill in what it leaves open.

        Raises ``InputError`` where they do not go together.
        """
        if not self.rank:
            each = (_each(values, len(size)) for values in (self.kernel, self.stride, self.dilation))
            known = dict(zip(("kernel", "stride", "dilation"), each, strict=True))
            return self._replace(rank=len(size), **known).case(size, kernel, channels)  # type: ignore[arg-type]
        if len(size) != self.rank:
            raise InputError(f"--input {by(size)}; allowed: {self.rank} sizes for {self.name}, such as {self.example}")
        if kernel and self.kernel:
            raise InputError(f"--kernel with {self.name}, which says {by(self.kernel)}; allowed: one of them")
        if not kernel and not self.kernel:
            raise InputError(f"the kernel of {self.name} is in its weights; allowed: --kernel {self.example_kernel}")
        if channels and self.channels and channels != self.channels:
            raise InputError(f"--channels {channels} with {self.channels} in {self.name}; allowed: one of them")
        channels = channels or self.channels or (4 if self.depthwise else self.groups)
        filters = self.filters or (channels if self.depthwise or self.op.endswith("_pool") else self.groups)
        if self.depthwise:
            filters = channels * max(self.filters, 1)
        return self.resized(
            Case(
                id="explain",
                op=self.op,
                input=size,
                kernel=_each(kernel, self.rank) if kernel else self.kernel,
                stride=self.stride or self.kernel or _each(kernel, self.rank),
                dilation=self.dilation,
                padding=self.padding,
                channels=channels,
                filters=filters,
                groups=channels if self.depthwise else self.groups,
                bias=self.bias,
                output_padding=self.output_padding if any(self.output_padding) else (),
                ceil_mode=self.ceil_mode,
                count_include_pad=self.count_include_pad,
            )
        )

    @property
    def example(self) -> str:
        """An input's size of this rank."""
        return by((224, 224, 224)[: self.rank or 2])

    @property
    def example_kernel(self) -> str:
        """A kernel of this rank."""
        return by((3, 3, 3)[: self.rank or 2])

    def resized(self, case: Case) -> Case:
        """The case with the output's size that the layer asks for, or Keras' and TensorFlow's own."""
        if not case.transposed:
            return case
        if self.output and case.padding == "same":
            fits = all(-(-n // s) == size for n, s, size in zip(self.output, case.stride, case.input, strict=False))
            if len(self.output) != case.rank or (self.framework == "tensorflow" and not fits):
                smallest = tuple((size - 1) * s + 1 for size, s in zip(case.input, case.stride, strict=True))
                raise InputError(
                    f"output_shape {by(self.output)} of {self.name}; allowed: {by(smallest)} to "
                    f"{by(tuple(size * s for size, s in zip(case.input, case.stride, strict=True)))} for this input"
                )
            return replace(case, output_shape=self.output)
        full = case.output(((0, 0),) * case.rank)
        if self.output:
            more = tuple(n - size for n, size in zip(self.output, full, strict=False))
            if len(self.output) != case.rank or not all(0 <= m < s for m, s in zip(more, case.stride, strict=True)):
                raise InputError(f"output_shape {by(self.output)} of {self.name}; allowed: from {by(full)} up, VALID")
            return replace(case, output_padding=more if any(more) else ())
        if self.framework == "keras" and case.padding == "valid" and not self.output_padding:
            more = tuple(max(axis.stride - axis.extent, 0) for axis in case.asked)
            return replace(case, output_padding=more if any(more) else ())
        return case


def read(text: str) -> Layer:
    """The layer that a text writes; ``InputError`` where it cannot be read."""
    if len(text) > LONGEST:
        raise InputError(f"{len(text)} characters; allowed: one layer, up to {LONGEST}", "layer")
    text = text.strip()
    written = _attributes(text)
    source = written or text
    call = _call(source)
    if call is None or not (name := _dotted(call.func)):
        raise InputError(f"{_short(text)}; allowed: a layer's call, such as {EXAMPLES}", _place(source, call))
    if name.rpartition(".")[2] == "make_node":
        name, call = _made(source, call)
    family, layer = _family(source, call, name)
    return _Reading(source, text, family, layer, call).layer()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "…")


def _place(source: str, node: ast.AST | None) -> str:
    """``layer:line:column`` of a node, columns in characters; ``layer`` where there is no source."""
    if not source:
        return "layer"
    line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    before = source.splitlines()[line - 1].encode()[:offset].decode("utf-8", "ignore")
    return f"layer:{line}:{len(before) + 1}"


def _call(source: str) -> ast.Call | None:
    """The one call of a text: of an assignment, before it is applied, in a printed model's line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an escape that is none
            body = ast.parse(source).body
    except SyntaxError as error:
        column = f"layer:{error.lineno or 1}:{error.offset or 1}"
        raise InputError(f"{_short(source)} is no call: {error.msg}; allowed: {EXAMPLES}", column) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{_short(source)} is no call: {error}; allowed: {EXAMPLES}", "layer") from None
    node: Any = body[0] if len(body) == 1 else None
    while node is not None and not (isinstance(node, ast.Call) and not isinstance(node.func, ast.Call)):
        if isinstance(node, ast.AnnAssign) and node.value is None:
            node = node.annotation
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr, ast.Return)):
            node = node.value
        elif isinstance(node, ast.Tuple) and len(node.elts) == 1:
            node = node.elts[0]
        else:
            node = node.func if isinstance(node, ast.Call) else None
    return node


def _dotted(node: ast.expr) -> str:
    """``tf.nn.conv2d`` as text; empty for any other expression."""
    if isinstance(node, ast.Attribute):
        outer = _dotted(node.value)
        return f"{outer}.{node.attr}" if outer else ""
    return node.id if isinstance(node, ast.Name) else ""


def _made(source: str, call: ast.Call) -> tuple[str, ast.Call]:
    """The operator of ``helper.make_node``, and its attributes as a call's arguments."""
    first = call.args[0] if call.args else next((it.value for it in call.keywords if it.arg == "op_type"), None)
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        raise InputError("make_node without an operator; allowed: its name as text first", _place(source, call))
    beside = ("op_type", "inputs", "outputs", "name", "doc_string", "domain")
    keywords = [item for item in call.keywords if item.arg not in beside]
    inputs = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "inputs"), None)
    if isinstance(inputs, (ast.List, ast.Tuple)) and len(inputs.elts) > 2 and first.value.startswith("Conv"):
        keywords.append(ast.keyword("bias", ast.copy_location(ast.Constant(True), inputs)))
    return first.value, ast.copy_location(ast.Call(call.func, [], keywords), call)


def _attributes(text: str) -> str:
    """An ONNX node written otherwise than as a call, as a call's text; empty where it is none.

    Read are JSON, ``name: value`` lines below the operator's name, and what ``onnx.printer`` prints.
    """
    stripped = text.strip()
    printed = "<" in stripped and re.fullmatch(r"(?:[\w.\"']+\s*=\s*)?(\w+)\s*<(.*)>\s*\((.*?)\)", stripped, re.DOTALL)
    if printed:
        op, inner, inputs = printed.groups()
        inner = re.sub(r"(\w+)\s*:\s*\w+\s*=", r"\1 =", inner)
        return f"{op}({inner}{', bias=True' if inputs.count(',') > 1 and op.startswith('Conv') else ''})"
    if stripped.startswith("{"):
        import json

        try:
            given = json.loads(stripped)
        except ValueError as error:
            raise InputError(f"no JSON: {error}; allowed: a node's op_type and attributes", "layer") from None
        return _as_call(given)
    lines = [line.strip().rstrip(",") for line in stripped.splitlines() if line.strip()]
    if len(lines) > 1 and re.fullmatch(r"(op_type\s*[:=]\s*)?\w+", lines[0]):
        pairs: dict[str, Any] = {"op_type": re.split(r"[:=]\s*", lines[0])[-1].strip("\"'")}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise InputError(f"{_short(line)}; allowed: name: value", "layer")
            pairs[name.strip()] = _value(value.strip())
        return _as_call(pairs)
    return ""


def _value(text: str) -> Any:
    """``3, 3`` as a list, ``[3, 3]`` and ``1`` as they are, anything else as text."""
    import json

    for source in (text, f"[{text}]"):
        try:
            return json.loads(source)
        except ValueError:
            continue
    return text.strip("\"'")


def _as_call(given: Any) -> str:
    """A node's ``op_type`` and attributes as a call's text."""
    if not isinstance(given, dict) or not isinstance(given.get("op_type"), str):
        raise InputError(f"{_short(str(given))}; allowed: an object with op_type and attributes", "layer")
    inner = given.get("attributes")
    attributes = inner if isinstance(inner, dict) else {name: v for name, v in given.items() if name != "op_type"}
    skipped = ("name", "domain", "inputs", "outputs", "input", "output")
    parts = [f"{name}={value!r}" for name, value in attributes.items() if name not in skipped]
    if not all(str(name).isidentifier() for name in attributes):
        raise InputError(f"{_short(str(given))}; allowed: attributes' names as keys", "layer")
    return f"{given['op_type']}({', '.join(parts)})"


def _family(source: str, call: ast.Call, written: str) -> tuple[str, str]:
    """Where a name comes from, and what it is called there."""
    prefix, _, name = written.rpartition(".")
    known = named()
    having = [family for family, listed in known.items() if name in listed]
    # What is written before a name may be anybody's abbreviation, but for the names that several places have.
    exact = [family for family in having if prefix in FAMILIES[family].prefixes]
    if len(exact) == 1:
        return exact[0], name
    if not having:
        close = _close(name, [layer for listed in known.values() for layer in listed], 3)
        hint = f"did you mean {', '.join(close)}?" if close else f"allowed: {EXAMPLES}"
        raise InputError(f"unknown layer {written!r}; {hint}", _place(source, call))
    full = [f"{family}.{name}" for family in having]
    raise InputError(f"{written!r} is not known; allowed: {', '.join(full)}", _place(source, call))


def _close(name: str, known: Sequence[str], most: int) -> list[str]:
    """What somebody may have meant."""
    from difflib import get_close_matches

    return get_close_matches(name, known, most)


def _each(value: Sizes, rank: int) -> Sizes:
    return value * rank if len(value) == 1 else value


class _Reading:
    """One call, bound to its signature."""

    def __init__(self, source: str, text: str, family: str, name: str, call: ast.Call) -> None:
        self.source, self.text, self.family, self.name, self.call = source, text, family, name, call
        self.framework = FAMILIES[family].framework
        self.notes: list[str] = []
        signature = ast.parse(f"def f({named()[family][name]}): pass").body[0]
        assert isinstance(signature, ast.FunctionDef)
        self.open = signature.args.kwarg is not None
        positional = [part.arg for part in signature.args.args]
        only = [part.arg for part in signature.args.kwonlyargs]
        defaults = signature.args.defaults
        self.defaults: dict[str, ast.expr] = dict(
            zip(positional[len(positional) - len(defaults) :], defaults, strict=True)
        )
        self.defaults |= {name: value for name, value in zip(only, signature.args.kw_defaults, strict=True) if value}
        self.positional, self.parameters = positional, [*positional, *only]
        self.given = self.bind()

    def error(self, message: str, node: ast.AST | None = None) -> InputError:
        """An error at a node of the text."""
        return InputError(message, _place(self.source, node or self.call))

    def bind(self) -> dict[str, ast.expr]:
        """The arguments by their parameters' names."""
        found: dict[str, ast.expr] = {}
        for place, node in enumerate(self.call.args):
            if isinstance(node, ast.Starred):
                raise self.error("*arguments; allowed: arguments written out", node)
            if place >= len(self.positional):
                allowed = ", ".join(self.positional) or "attributes by name"
                raise self.error(f"{self.name} with {len(self.call.args)} arguments; allowed: {allowed}", node)
            found[self.positional[place]] = node
        extra = {"bias"} if self.family == "onnx" and self.name.startswith("Conv") else set()
        for item in self.call.keywords:
            name = item.arg
            if name is None:
                raise self.error("**options; allowed: arguments written out", item.value)
            if name in found:
                raise self.error(f"{name} again; allowed: once", item.value)
            if name not in self.parameters and name not in extra and not (self.open and name in KERAS_OPTIONS):
                close = _close(name, self.parameters, 1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                allowed = ", ".join(self.parameters)
                raise self.error(f"unknown argument {name!r} of {self.name}{hint}; allowed: {allowed}", item)
            found[name] = item.value
        for name in self.parameters:
            if name not in found and name not in self.defaults and name not in TENSORS and not self.is_tensor(name):
                raise self.error(f"{name} of {self.name} is missing; allowed: {', '.join(self.parameters)}")
        return found

    def is_tensor(self, name: str) -> bool:
        """Whether a parameter is a tensor, of which nothing is read."""
        return name in TENSORS or (name == "filters" and self.family == "tf.nn")

    def literal(self, *names: str) -> Any:
        """The value of the first of these parameters that there is; None where there is none of them."""
        for name in names:
            node = self.given.get(name, self.defaults.get(name))
            if node is None:
                continue
            try:
                value = ast.literal_eval(node)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                written = _short(ast.unparse(node))
                raise self.error(f"{name} is {written}; allowed: a literal", self.given.get(name)) from None
            return value.decode("ascii", "replace") if isinstance(value, bytes) else value
        return None

    def node(self, *names: str) -> ast.AST | None:
        """Where the first of these parameters is given."""
        return next((self.given[name] for name in names if name in self.given), None)

    def numbers(self, *names: str, least: int = 1) -> Sizes:
        """The integers of a parameter: one, or one for each axis; empty for None."""
        value = self.literal(*names)
        if value is None:
            return ()
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        if not values or not all(type(it) is int and least <= it <= LARGEST for it in values):
            name = next((it for it in names if it in self.parameters), names[0])
            allowed = f"integers from {least} to {LARGEST}, one or one for each axis"
            raise self.error(f"{name} is {value!r}; allowed: {allowed}", self.node(*names))
        return values

    def number(self, name: str, default: int) -> int:
        """One integer from 1 up."""
        if name not in self.parameters:
            return default
        found = self.numbers(name)
        if len(found) != 1:
            raise self.error(f"{name} is {list(found)}; allowed: an integer", self.node(name))
        return found[0]

    def flag(self, name: str) -> bool:
        """A truth value; ``ceil_mode=1`` as ONNX has it."""
        value = self.literal(name)
        if value not in (None, 0, 1, False, True):
            raise self.error(f"{name} is {value!r}; allowed: True or False", self.node(name))
        return bool(value)

    def axes(self, rank: int, values: Sizes, *names: str) -> Sizes:
        """One number for each axis; TensorFlow's with batch and channels, which are 1, are taken out."""
        if self.family == "tf.nn" and len(values) == rank + 2:
            first = self.first()
            outer = (values[0], values[1] if first else values[-1])
            inner = values[2:] if first else values[1:-1]
            if outer != (1, 1):
                raise self.error(f"{list(values)} over batch and channels; allowed: 1 there", self.node(*names))
            return inner
        if rank and len(values) not in (1, rank):
            name = next((it for it in names if it in self.given), names[0])
            raise self.error(f"{name} has {len(values)} numbers; allowed: 1 or {rank}", self.node(*names))
        return _each(values, rank or 1)

    def first(self) -> bool:
        """Whether channels come first."""
        written = self.given.get("data_format")
        return isinstance(written, ast.Constant) and str(written.value).startswith(("NC", "channels_first"))

    @property
    def op(self) -> str:
        """The operator."""
        name = self.name.lower()
        if name == "pool":
            kind = str(self.literal("pooling_type")).upper()
            if kind not in ("MAX", "AVG"):
                raise self.error(f"pooling_type is {kind!r}; allowed: 'MAX' or 'AVG'", self.node("pooling_type"))
            return f"{kind.lower()}_pool"
        if "pool" in name:
            return "max_pool" if name.startswith("max") else "avg_pool"
        return "conv_transpose" if "transpose" in name else "conv"

    def rank(self) -> int:
        """Number of spatial axes, of the name or of what has one number for each; 0 where nothing tells."""
        digit = re.search(r"([123])[dD]", self.name)
        if digit:
            return int(digit[1])
        if self.name in ("atrous_conv2d", "conv2d_fixed_padding"):
            return 2
        sizes = [self.numbers(*names) for names in (KERNELS, STRIDES, DILATIONS)]
        pads = self.literal("padding" if self.family == "tf.nn" else "pads")
        if self.family == "onnx":
            lengths = [len(size) for size in sizes if size] + ([len(pads) // 2] if isinstance(pads, list) else [])
        else:
            lengths = [len(size) - 2 * (len(size) > 3) for size in sizes if len(size) > 1]
            lengths += [len(pads) - 2] if isinstance(pads, (list, tuple)) else []
        rank = lengths[0] if lengths else 0
        if not 0 <= rank <= 3:
            raise self.error(f"{self.name} over {rank} axes; allowed: 1 to 3")
        return rank

    def layer(self) -> Layer:
        """The layer."""
        rank, op = self.rank(), self.op
        kernel = self.numbers(*KERNELS)
        kernel = self.axes(rank, kernel, *KERNELS) if kernel else ()
        stride = self.numbers(*STRIDES)
        pool = op.endswith("_pool") and self.family not in ("onnx", "tf.nn")
        stride = self.axes(rank, stride, *STRIDES) if stride else (kernel if pool else (1,) * (rank or 1))
        dilation = self.numbers(*DILATIONS)
        dilation = self.axes(rank, dilation, *DILATIONS) if dilation else (1,) * (rank or 1)
        self.refuse()
        made = Layer(
            text=" ".join(self.text.split()),
            name=self.name,
            framework=self.framework,
            op=op,
            rank=rank,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            padding=self.padding(rank, kernel, stride),
            channels=self.number("in_channels", 0),
            filters=self.filters(op),
            groups=self.number("groups" if "groups" in self.parameters else "group", 1),
            depthwise=self.name.lower().startswith(("depthwise", "separable")),
            bias=self.bias(),
            output_padding=self.output_padding(rank, kernel, stride),
            output=self.output(rank),
            ceil_mode=self.flag("ceil_mode"),
            count_include_pad=self.flag("count_include_pad"),
        )
        if self.name.lower().startswith("separable"):
            self.notes.append("the depthwise half of it; the pointwise half, 1 wide, pads nothing")
        return made._replace(notes=tuple(self.notes), **self.said_input(rank))

    def refuse(self) -> None:
        """What changes more than geometry."""
        for name, allowed in (("padding_mode", "zeros"), ("divisor_override", None)):
            value = self.literal(name)
            if name in self.parameters and value != allowed:
                raise self.error(f"{name} is {value!r}; allowed: {allowed!r}", self.node(name))

    def filters(self, op: str) -> int:
        """Output channels, of a depthwise layer those for each channel; 0 where they are not said."""
        if op.endswith("_pool") or self.is_tensor("filters"):
            return 0
        if "depth_multiplier" in self.parameters:
            return self.number("depth_multiplier", 1)
        return self.number("out_channels" if "out_channels" in self.parameters else "filters", 0)

    def bias(self) -> bool:
        """Whether a bias is added."""
        if self.family == "resnet":
            return False
        if self.family == "torch.nn.functional":
            node = self.given.get("bias")
            return node is not None and not (isinstance(node, ast.Constant) and node.value is None)
        if self.name.startswith("Separable"):
            return False
        return self.flag("use_bias" if "use_bias" in self.parameters else "bias")

    def padding(self, rank: int, kernel: Sizes, stride: Sizes) -> str | Pads:
        """The padding as a case has it."""
        if self.family == "onnx":
            return self.onnx_padding(rank)
        if self.family == "resnet":
            return "fixed" if max(stride) > 1 else "same"
        value = self.literal("padding")
        at = self.node("padding")
        if self.framework == "torch":
            if isinstance(value, str):
                texts = ("same", "valid") if self.name.lower()[:5] in ("conv1", "conv2", "conv3") else ()
                if value not in texts:
                    raise self.error(f"padding is {value!r}; allowed: {', '.join([*texts, 'integers'])}", at)
                if value == "same" and max(stride) > 1:
                    raise self.error("padding 'same' with a stride, which PyTorch refuses; allowed: integers", at)
                return value
            amounts = self.axes(rank, self.numbers("padding", least=0), "padding")
            return tuple((amount, amount) for amount in amounts)
        if isinstance(value, (tuple, list)) and self.family == "tf.nn":
            return self.pairs(rank, value)
        allowed = ("valid", "same", *(["causal"] if self.family == "keras.layers" and self.name == "Conv1D" else []))
        if not isinstance(value, str) or value.lower() not in allowed:
            raise self.error(f"padding is {value!r}; allowed: {', '.join(map(repr, allowed))}", at)
        return value.lower()

    def pairs(self, rank: int, value: Any) -> Pads:
        """TensorFlow's explicit pads: a pair for each of batch, spatial axes and channels."""
        inner = value[2:] if self.first() else value[1:-1]
        outer = [*value[:2]] if self.first() else [*value[:1], *value[-1:]]
        numbers = [n for pair in value if isinstance(pair, (tuple, list)) for n in pair]
        sound = len(inner) == rank and all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in value)
        if not sound or not all(type(n) is int and 0 <= n <= LARGEST for n in numbers) or any(map(any, outer)):
            allowed = "'SAME', 'VALID' or a [begin, end] for each axis, [0, 0] for batch and channels"
            raise self.error(f"padding is {value!r}; allowed: {allowed}", self.node("padding"))
        return tuple((begin, end) for begin, end in inner)

    def onnx_padding(self, rank: int) -> str | Pads:
        """``auto_pad``, or ``pads`` with all the begins first."""
        auto, pads = self.literal("auto_pad"), self.numbers("pads", least=0)
        if auto in AUTO_PAD:
            if any(pads):
                raise self.error(f"pads with auto_pad {auto}; allowed: one of them", self.node("pads"))
            return AUTO_PAD[auto]
        if auto != "NOTSET":
            allowed = ", ".join(["NOTSET", *AUTO_PAD])
            raise self.error(f"auto_pad is {auto!r}; allowed: {allowed}", self.node("auto_pad"))
        if not pads:
            return "valid"
        if len(pads) != 2 * rank:
            raise self.error(f"pads has {len(pads)} numbers; allowed: {2 * rank}, the begins first", self.node("pads"))
        return tuple(zip(pads[:rank], pads[rank:], strict=True))

    def output_padding(self, rank: int, kernel: Sizes, stride: Sizes) -> Sizes:
        """Output padding of a transposed convolution; Keras' None stands for its own rule."""
        if "output_padding" not in self.parameters:
            return ()
        found = self.numbers("output_padding", least=0)
        found = self.axes(rank, found, "output_padding") if found else ()
        if found and self.framework == "keras" and self.literal("padding") != "valid":
            raise self.error("output_padding with 'same'; allowed: with 'valid'", self.node("output_padding"))
        return found

    def output(self, rank: int) -> Sizes:
        """The output's spatial size where it is written out."""
        if "output_shape" not in self.given:
            return ()
        try:
            found = self.numbers("output_shape")
        except InputError:
            if self.family == "onnx":
                raise
            self.notes.append("output_shape is no literal: an output of input times stride is taken")
            return ()
        if self.family == "tf.nn" and len(found) == rank + 2:
            return found[2:] if self.first() else found[1:-1]
        return found[-rank:]

    def said_input(self, rank: int) -> dict[str, Any]:
        """``input_shape=(224, 224, 3)`` of a Keras layer."""
        node = self.given.get("input_shape")
        if node is None or self.family != "keras.layers":
            return {}
        try:
            shape = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError):
            return {}
        if not isinstance(shape, (tuple, list)) or len(shape) != rank + 1:
            return {}
        if not all(type(size) is int and 1 <= size <= LARGEST for size in shape):
            return {}
        channels, size = (shape[0], shape[1:]) if self.first() else (shape[-1], shape[:-1])
        return {"channels": channels, "input": tuple(size)}
