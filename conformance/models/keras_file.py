"""Keras' ``.keras`` archives: the layers of ``config.json``, read as data; nothing of the model is executed.

Every layer of a functional model states the shapes that it is called with; in a sequential one they
follow from the input's, or are those that the layer was built with.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.domain.case import Case
from conformance.domain.geometry import Pads, Sizes
from conformance.errors import InputError
from conformance.models import layers
from conformance.models.layers import Layer, Model
from conformance.strict_yaml import shown_path

CONFIG = "config.json"
CONFIG_LIMIT = 2**26
"""Bytes of a configuration: thousands of layers take a few of the 64 MiB."""

DEPTH = 100

CONVOLUTION = ("Conv1D", "Conv2D", "Conv3D")
SEPARABLE = ("SeparableConv1D", "SeparableConv2D")
DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D", *SEPARABLE)
"""Of a separable layer, only the first half has a window: a depthwise convolution without a bias."""

TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
POOL = tuple(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3))
PADDING = ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
NESTED = ("Functional", "Sequential", "Model")
SAME_SHAPE = (
    "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "BatchNormalization", "LayerNormalization",
    "GroupNormalization", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise",
    "GaussianDropout", "Rescaling", "Normalization", "Identity", "Add", "Subtract", "Multiply", "Average", "Maximum",
    "Minimum",
)  # fmt: skip
"""Layers behind which the shape is that of their first input."""

Shape = tuple[int | None, ...] | None


def read(path: Path, shapes: Mapping[str, Sizes]) -> Model:
    """The padded layers of a ``.keras`` file."""
    place = shown_path(path)
    config = load(path)
    refuse_code(config, place)
    reader = _Reader(place, dict(shapes), [], [])
    if config.get("class_name") not in NESTED or not isinstance(config.get("config"), dict):
        raise InputError(
            f"a model of class {str(config.get('class_name'))[:60]!r}; allowed: {', '.join(NESTED)}", place
        )
    reader.model(config, "", None, 0)
    unknown = [name for name in shapes if name not in reader.named]
    if unknown:
        raise InputError(f"--shape {unknown[0]}: no such input; allowed: {', '.join(reader.named) or 'none'}", place)
    return Model(path, "Keras", tuple(reader.found), tuple(reader.unread), shapes)


def load(path: Path) -> dict[str, Any]:
    """The configuration in the archive, of which nothing else is unpacked."""
    place = shown_path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if CONFIG not in archive.namelist():
                raise InputError(f"a zip archive without {CONFIG}; allowed: a .keras file", place)
            with archive.open(CONFIG) as file:
                text = file.read(CONFIG_LIMIT + 1)
        if len(text) > CONFIG_LIMIT:
            raise InputError(f"{CONFIG} of more than 64 MiB; allowed: up to 64 MiB", place)
        config = json.loads(text)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, RecursionError):
            raise InputError(f"{CONFIG} is nested too deep; allowed: a whole .keras file", place) from None
        raise InputError("truncated, or no .keras file; allowed: a whole .keras file", place) from None
    except Exception as error:  # what zlib and the like say of a damaged archive
        if isinstance(error, InputError):
            raise
        raise InputError("truncated, or no .keras file; allowed: a whole .keras file", place) from None
    if not isinstance(config, dict):
        raise InputError(f"{CONFIG} holds no model; allowed: a .keras file", place)
    return config


def refuse_code(config: Any, place: str) -> None:
    """Refuse code, and classes that are not Keras' own: what they compute is not in the file, or not to be run."""
    waiting: list[tuple[Any, str]] = [(config, "model")]
    while waiting:
        value, name = waiting.pop()
        if isinstance(value, list):
            waiting += [(item, name) for item in value]
        if not isinstance(value, dict):
            continue
        kind, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
        inner = value.get("config")
        name = str(inner["name"])[:60] if isinstance(inner, dict) and "name" in inner else name
        own = not isinstance(module, str) or module == "keras" or module.startswith("keras.")
        if kind in ("__lambda__", "Lambda") or (kind == "function" and not own):
            raise InputError(f"layer {name!r} holds code; allowed: layers of Keras alone", place)
        custom = registered if isinstance(registered, str) and ">" in registered else ""
        if isinstance(kind, str) and not kind.startswith("__") and (not own or custom):
            shown = custom or f"{module}.{kind}"
            raise InputError(f"layer {name!r} is of a class of its own, {shown[:80]!r}; allowed: Keras' own", place)
        waiting += [(item, name) for item in value.values()]


@dataclass
class _Reader:
    """Goes through the layers and gathers the padded ones."""

    place: str
    shapes: dict[str, Sizes]
    found: list[Layer]
    unread: list[str]

    def __post_init__(self) -> None:
        self.named: list[str] = []
        self.pads_of: dict[str, Pads] = {}
        self.after: dict[str, Shape] = {}

    def model(self, value: Mapping[str, Any], prefix: str, shape: Shape, depth: int) -> Shape:
        """The layers of a model; of a sequential one, the shape behind it."""
        if depth > DEPTH:
            raise InputError(f"models inside models, more than {DEPTH} deep; allowed: up to {DEPTH}", self.place)
        config = value["config"]
        sequential = value.get("class_name") == "Sequential"
        shape = shape or (as_shape(config.get("build_input_shape")) if sequential else None)
        last = ""
        for layer in self.dicts(config.get("layers")):
            given = layer.get("config")
            inner: dict[str, Any] = given if isinstance(given, dict) else {}
            name = str(inner.get("name") or layer.get("name") or layer.get("class_name"))
            called, source = (shape, last) if sequential else self.call(layer)
            built = layer.get("build_config")
            stated = as_shape(built.get("input_shape")) if isinstance(built, dict) else None
            shapes = (called, self.after.get(prefix + source), stated)
            if layer.get("class_name") == "InputLayer":
                shapes = (shape, None, None)  # what a model inside another is called with
            arriving = next((one for one in shapes if one and None not in one[1:]), called)
            after = self.layer({**layer, "config": inner}, prefix + name, arriving, prefix + source, depth)
            self.after[prefix + name] = after
            shape, last = (after, name) if sequential else (shape, last)
        return shape

    def dicts(self, value: Any) -> Iterator[Mapping[str, Any]]:
        """The layers in a list; ``InputError`` for anything else."""
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise InputError(f"{CONFIG} without a list of layers; allowed: a .keras file", self.place)
        yield from value

    def call(self, layer: Mapping[str, Any]) -> tuple[Shape, str]:
        """What a layer of a functional model is first called with: the shape, and the layer that it comes from."""
        waiting: list[Any] = [layer.get("inbound_nodes")]
        while waiting:
            value = waiting.pop(0)
            if isinstance(value, list):
                waiting = value + waiting
            elif isinstance(value, dict):
                config = value.get("config")
                if value.get("class_name") == "__keras_tensor__" and isinstance(config, dict):
                    history = config.get("keras_history")
                    source = str(history[0]) if isinstance(history, list) and history else ""
                    return as_shape(config.get("shape")), source
                waiting = list(value.values()) + waiting
        return None, ""

    def layer(self, layer: Mapping[str, Any], name: str, shape: Shape, source: str, depth: int) -> Shape:
        """Read one layer; the shape behind it, None where that is not known."""
        kind, config = str(layer.get("class_name")), layer["config"]
        if kind == "InputLayer":
            self.named.append(name)
            stated = as_shape(config.get("batch_shape"))
            if name in self.shapes:
                return tuple(self.shapes[name])
            return shape if shape and stated and len(shape) == len(stated) and None in stated[1:] else stated
        if kind in NESTED:
            return self.model(layer, f"{name}/", shape, depth + 1)
        if kind in PADDING:
            pads = self.pads(config, name, int(kind[-2]))
            self.pads_of[name] = pads
            return padded(shape, pads, self.first(config))
        if kind not in (*CONVOLUTION, *DEPTHWISE, *TRANSPOSED, *POOL):
            if kind.startswith(("Conv", "SeparableConv", "DepthwiseConv", "AdaptiveAverage", "AdaptiveMax")):
                self.unread.append(f"{kind} {name}: no case has this layer")
            return shape if kind in SAME_SHAPE else None
        case = self.case(kind, config, name, shape)
        made = Layer(name, kind, case)
        if source in self.pads_of:
            pads = self.pads_of[source]
            both = layers.after_pad(case, pads, 0) if len(pads) == case.rank else None
            if both:
                joined = f"{source} + {name}"
                made = Layer(joined, f"ZeroPadding{case.rank}D + {kind}", replace(both, id=joined), apart=True)
        self.found.append(made)
        output, filters = case.output(case.pads), case.filters
        if kind in SEPARABLE:
            filters = layers.size(config.get("filters"), "filters", f"{self.place}: {name}")
        return (None, filters, *output) if self.first(config) else (None, *output, filters)

    def first(self, config: Mapping[str, Any]) -> bool:
        """Whether the channels are first."""
        return config.get("data_format") == "channels_first"

    def pads(self, config: Mapping[str, Any], name: str, rank: int) -> Pads:
        """What a ``ZeroPadding`` layer adds; ``ZeroPadding1D`` has one pair."""
        value = config.get("padding")
        if rank == 1 and isinstance(value, list) and len(value) == 2 and not isinstance(value[0], list):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(pair, list) for pair in value):
            raise InputError(f"padding {str(value)[:60]}; allowed: a pair for each axis", f"{self.place}: {name}")
        return layers.pairs(value, rank, "padding", f"{self.place}: {name}")

    def case(self, kind: str, config: Mapping[str, Any], name: str, shape: Shape) -> Case:
        """A layer as a case."""
        place = f"{self.place}: {name}"
        rank = int(kind.removesuffix("Transpose")[-2])
        if shape is None or len(shape) != rank + 2 or None in shape[1:]:
            known = "not known" if shape is None else f"{'×'.join(str(part or '?') for part in shape)}"
            example = ",".join(["1", *["224"] * rank, "3"])
            raise InputError(
                f"the size of its input is {known}; allowed: a model with fixed sizes, or of a sequential model "
                f"try: --shape {next(iter(self.named), 'INPUT')}={example}",
                place,
            )
        inside = shape[2:] if self.first(config) else shape[1:-1]
        channels = layers.size(shape[1] if self.first(config) else shape[-1], "channels", place)

        def numbers(field: str, default: Any = 1) -> Sizes:
            value = config.get(field)
            value = default if value is None else value
            return layers.sizes(value if isinstance(value, list) else [value] * rank, rank, field, place)

        pool = kind in POOL
        fields: dict[str, Any] = {"channels": channels, "filters": channels}
        if not pool:
            fields["bias"] = bool(config.get("use_bias")) and kind not in SEPARABLE
            if kind in DEPTHWISE:
                multiplier = layers.size(config.get("depth_multiplier", 1), "depth_multiplier", place)
                fields.update(groups=channels, filters=channels * multiplier)
            else:
                fields["filters"] = layers.size(config.get("filters"), "filters", place)
                fields["groups"] = layers.size(config.get("groups", 1), "groups", place)
        if config.get("output_padding") is not None:
            raise InputError("output_padding, which Keras and its backends crop differently; allowed: none", place)
        padding = config.get("padding")
        if padding not in ("valid", "same", "causal") or (padding == "causal" and rank != 1):
            raise InputError(f"padding {str(padding)[:40]!r}; allowed: valid, same, or in 1-D causal", place)
        op = "conv_transpose" if kind in TRANSPOSED else "conv"
        if pool:
            op = "max_pool" if kind.startswith("Max") else "avg_pool"
        kernel = numbers("pool_size" if pool else "kernel_size")
        case = Case(
            name,
            op,
            layers.sizes(inside, rank, "input", place),
            kernel,
            numbers("strides", list(kernel) if pool else 1),
            numbers("dilation_rate"),
            padding,
            dtype=dtype(config.get("dtype")),
            **fields,
        )
        return layers.checked(case, place)


def as_shape(value: Any) -> Shape:
    """A shape of the configuration; None where it is none."""
    if not isinstance(value, list) or len(value) < 2:
        return None
    if not all(part is None or (isinstance(part, int) and not isinstance(part, bool)) for part in value):
        return None
    return tuple(value)


def padded(shape: Shape, pads: Pads, first: bool) -> Shape:
    """The shape behind a ``ZeroPadding`` layer."""
    if shape is None or len(shape) != len(pads) + 2:
        return None
    start = 2 if first else 1
    inside = [
        None if whole is None else whole + begin + end
        for whole, (begin, end) in zip(shape[start : start + len(pads)], pads, strict=True)
    ]
    return (*shape[:start], *inside, *shape[start + len(pads) :])


def dtype(value: Any) -> str:
    """What a layer's policy computes in."""
    name = value.get("config", {}).get("name") if isinstance(value, dict) else value
    name = str(name).removeprefix("mixed_")
    return name if name in ("float64", "float16", "bfloat16") else "float32"
