"""A case: one fully determined operator configuration, with its padding as its author wrote it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from math import lcm, prod
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from conformance.domain import geometry
from conformance.domain.geometry import AnyAxis, Axis, Pads, Sizes, TransposedAxis

OPS = ("conv", "conv_transpose", "max_pool", "avg_pool", "pad")

OWN: Dict[str, Any] = {
    "output_padding": (),
    "output_shape": (),
    "ceil_mode": False,
    "count_include_pad": False,
    "mode": "constant",
    "value": 0.0,
    "spec": "",
}
"""The fields of a case that some operators alone have, with their defaults."""

PADDING_RULES = ("valid", "same", "same_lower", "causal", "fixed")
"""The paddings that a case can name; numbers are the other way to write one."""

PAD_MODES = ("constant", "reflect", "edge", "circular")
"""The modes that a case of a pad by itself can ask for."""

DTYPES = ("float32", "float64", "float16", "bfloat16")

EXACT = {"float32": 2**16, "float64": 2**16, "float16": 2**11, "bfloat16": 2**8}
"""Largest n·X·W of a lattice case: every partial sum is exact, Winograd's and a narrow output included."""

INTEGERS = {"float32": 2**24, "float64": 2**53, "float16": 2**11, "bfloat16": 2**8}
"""The integers up to which an element type holds each one."""

LOWEST = {
    "float32": -(2.0**128) * (1 - 2.0**-24),
    "float64": -(2.0**1023) * (2 - 2.0**-52),
    "float16": -65504.0,
    "bfloat16": -(2.0**128) * (1 - 2.0**-8),
}
"""The finite number of an element type below all others."""

Padding = Union[str, Pads]
"""A rule's name, or ``(begin, end)`` for each axis (an integer in a file means both sides of every axis)."""

Nested = Tuple[Any, ...]
"""Nested tuples of integers: a small tensor written out."""


@dataclass(frozen=True)
class Written:
    """Data written out in the case file, channels first, the leading axes as the operator has them."""

    input: Nested
    weights: Nested


@dataclass(frozen=True)
class Basis:
    """Probe data: one impulse per sample, so that the outputs are the columns of the operator's matrix.

    Sample 0 has none; sample ``j`` has one at element ``columns[j - 1]`` of the flat ``C spatial…``
    input, so a case has as many samples and one more. The weights are distinct: an output names the
    very weight, and with it channel, filter and tap, through which it sees an element. Where an
    element type cannot tell all weights apart, each execution has one ``digit`` of their numbers.
    ``factor`` is a multiple of all that an average pool divides by, 0 for the least one.
    """

    columns: Sizes
    digit: int = 0
    factor: int = 0


@dataclass(frozen=True)
class Expect:
    """What a case's source states; each is held against the reference, None where nothing is stated."""

    output: Optional[Sizes] = None
    pads: Optional[Pads] = None
    windows: Optional[Tuple[Sizes, ...]] = None
    parameters: Optional[int] = None
    values: Optional[Nested] = None
    where: str = ""


class Entry(NamedTuple):
    """Where a case file has a case, and its lines of YAML; one for all cases of a matrix."""

    where: str = ""
    written: str = ""


class _Kept:
    """What a case has worked out, beside its fields: instances share the names of up to 29, and are then small."""

    __slots__ = ("_asked", "_pads")
    _asked: Tuple[AnyAxis, ...]
    _pads: Pads

    def __getstate__(self) -> Dict[str, Any]:
        """Its fields: a copy works the rest out again."""
        return self.__dict__


@dataclass(frozen=True)
class Case(_Kept):
    """One convolution, pool or pad to run. Sizes are spatial, one per axis; layouts are channels first.

    ``input``, ``kernel``, ``stride`` and ``dilation`` have one number per axis; the weights of a
    convolution are ``filters x channels/groups x kernel``, of a transposed one
    ``channels x filters/groups x kernel``; the bias is ``filters``. Pools and pads have as many filters
    as channels and no weights; a pad has a kernel and a stride of 1, and ``value`` where its mode is constant.
    """

    id: str
    op: str
    input: Sizes
    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    padding: Padding
    batch: int = 1
    channels: int = 1
    filters: int = 1
    groups: int = 1
    bias: bool = False
    dtype: str = "float32"
    data: Union[str, Written, Basis] = "lattice"
    seed: int = 0
    output_padding: Sizes = ()
    output_shape: Sizes = ()
    ceil_mode: bool = False
    count_include_pad: bool = False
    spec: str = ""
    mode: str = "constant"
    value: float = 0.0
    expect: Expect = field(default=Expect(), compare=False)
    tags: Tuple[str, ...] = field(default=(), compare=False)
    title: str = field(default="", compare=False)
    source: str = field(default="", compare=False)
    note: str = field(default="", compare=False)
    since: str = field(default="1.0", compare=False)
    entry: Entry = field(default=Entry(), compare=False)

    @property
    def where(self) -> str:
        """The place of its entry."""
        return self.entry.where

    @property
    def written(self) -> str:
        """Its entry's lines of YAML."""
        return self.entry.written

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.input)

    @property
    def depthwise(self) -> bool:
        """Every input channel convolved on its own (with ``filters / channels`` filters each)."""
        return self.groups == self.channels and self.channels > 1

    @property
    def pool(self) -> bool:
        """Whether this is a pool."""
        return self.op.endswith("_pool")

    @property
    def weighted(self) -> bool:
        """Whether this is a convolution, transposed or not: the others have no weights."""
        return self.op in ("conv", "conv_transpose")

    @property
    def transposed(self) -> bool:
        """Whether this is a transposed convolution."""
        return self.op == "conv_transpose"

    @property
    def pads(self) -> Pads:
        """The pads that this case asks for; of a transposed convolution, the crop less the output padding."""
        try:
            return self._pads
        except AttributeError:
            object.__setattr__(self, "_pads", self.pads_read_by(self.spec))
            return self._pads

    def pads_read_by(self, spec: str) -> Pads:
        """The pads of ``read_by``."""
        if self.output_shape:
            full = tuple(axis.output for axis in self._axes(((0, 0),) * self.rank, self.rounding))
            return tuple(
                geometry.split_crop(whole - size, self.padding == "same_lower", spec)
                for whole, size in zip(full, self.output_shape)
            )
        pads = self.padding
        if isinstance(pads, str):
            pads = self._pads_by(pads, "" if self.output_padding else spec)
        if not self.output_padding:
            return pads
        return tuple((begin, end - extra) for (begin, end), extra in zip(pads, self.output_padding))

    def pads_by(self, rule: str) -> Pads:
        """The pads that a rule of ``geometry.RULES`` gives for this case's sizes, the one asked for by its ``spec``."""
        return self._pads_by(rule, self.spec_of(rule))

    def _pads_by(self, rule: str, spec: str) -> Pads:
        sizes = self.input, self.kernel, self.stride, self.dilation
        return geometry.crops_by_rule(rule, *sizes, spec) if self.transposed else geometry.pads_by_rule(rule, *sizes)

    def spec_of(self, rule: str) -> str:
        """Whose a rule is: that of the ``spec`` where it is asked for, and no output padding is written out."""
        return self.spec if rule == self.padding and not self.output_padding else ""

    def read_by(self, spec: str) -> Case:
        """The case as a specification reads it, whosever rule it asks for."""
        return self if spec == self.spec else replace(self, spec=spec)

    @property
    def readings(self) -> Dict[str, Case]:
        """The case as each of its ``specs`` reads it."""
        return {spec: self.read_by(spec) for spec in self.specs}

    @property
    def specs(self) -> List[str]:
        """The specifications that state a rule for its fields."""
        named = self.padding if isinstance(self.padding, str) else ""
        numbers = named in ("", "valid", "fixed")
        stated = {
            "onnx": named != "causal",
            "pytorch": numbers or (named == "same" and self.op == "conv" and max(self.stride) == 1),
            "tensorflow": named != "same_lower" and not (self.ceil_mode or self.count_include_pad),
            "caffe": numbers,
        }
        return [spec for spec in geometry.SPECS if stated[spec]]

    @property
    def disputed(self) -> bool:
        """Whether specifications read this case differently (docs/semantics.md#where-specifications-disagree)."""
        if not (self.ceil_mode or (self.transposed and isinstance(self.padding, str))):
            return False
        first, *others = (self._axes(self.pads_read_by(spec), self.rounding_read_by(spec)) for spec in self.specs)
        return not all(geometry.same_elements(first, other) for other in others)

    @property
    def asked(self) -> Tuple[AnyAxis, ...]:
        """The axes of this case under the pads that it asks for."""
        try:
            return self._asked
        except AttributeError:
            object.__setattr__(self, "_asked", self._axes(self.pads, self.rounding))
            return self._asked

    @property
    def unanswered(self) -> Optional[int]:
        """The number of the first axis along which this case has no answer; None where every axis has one.

        There is none without outputs, of an average over no element, where a window lies in padding that is not
        counted, and of a transposed convolution that is to add more than a stride and a kernel on one side. The
        largest of no element is -inf.
        """
        return next((number for number, axis in enumerate(self.asked) if not self._answered(axis)), None)

    def _answered(self, axis: AnyAxis) -> bool:
        if isinstance(axis, TransposedAxis):
            return axis.output > 0 and -min(axis.begin, axis.end) < axis.stride + axis.extent
        counted = self.count_include_pad and self.rounding != "keep"
        return axis.output > 0 and not (self.op == "avg_pool" and not counted and axis.lonely)

    @property
    def rounding(self) -> str:
        """How the number of windows is rounded (``geometry.Axis``)."""
        return self.rounding_read_by(self.spec)

    def rounding_read_by(self, spec: str) -> str:
        """The rounding of ``read_by``."""
        return geometry.rounding_by(spec, self.padding, self.ceil_mode)

    def axes(self, pads: Pads, rounding: str = "") -> Tuple[AnyAxis, ...]:
        """The axes of this case under some pads, and some other rounding."""
        own = self.rounding
        return self.asked if pads == self.pads and rounding in ("", own) else self._axes(pads, rounding or own)

    def _axes(self, pads: Pads, rounding: str) -> Tuple[AnyAxis, ...]:
        sizes = self.input, self.kernel, self.stride, self.dilation
        if self.transposed:
            return geometry.transposed_axes(*sizes, pads)
        return geometry.axes(*sizes, pads, rounding, self.count_include_pad, self.mode)

    def output(self, pads: Pads, rounding: str = "") -> Sizes:
        """Spatial output sizes under some pads, and some other rounding."""
        return tuple(axis.output for axis in self.axes(pads, rounding))

    @property
    def input_shape(self) -> Sizes:
        """``N C spatial…``"""
        return (self.batch, self.channels, *self.input)

    @property
    def weight_shape(self) -> Sizes:
        """``O I/groups spatial…``, of a transposed convolution ``I O/groups spatial…``; ``0`` without weights."""
        if not self.weighted:
            return (0,)
        first, second = (self.channels, self.filters) if self.transposed else (self.filters, self.channels)
        return (first, second // self.groups, *self.kernel)

    @property
    def products(self) -> int:
        """Products summed for one output element (n), at most; the bias counted as one more."""
        count = self.channels // self.groups if self.weighted else 1
        for size in self.kernel:
            count *= size
        return count + self.bias

    @property
    def average_factor(self) -> int:
        """The least common multiple of the numbers that an average pool divides by."""
        return prod(_lcm([*axis.distinct_divisors()]) for axis in self.asked if isinstance(axis, Axis))

    @property
    def average_limit(self) -> int:
        """The largest multiple of that factor whose sums are exact; below 1 where there is none."""
        return INTEGERS[self.dtype] // (self.average_factor * self.products)

    def describe(self) -> str:
        """The configuration in one line, for people."""
        channels = f"{self.channels} channel{'s' * (self.channels > 1)}"
        parts = [
            f"{self.op} {by(self.input)}",
            *([] if self.op == "pad" else [f"k {by(self.kernel)}", f"s {by(self.stride)}", f"d {by(self.dilation)}"]),
            f"padding {spell_padding(self.padding)}",
            f"{self.channels}→{self.filters}" if self.weighted else channels,
        ]
        if self.op == "pad":
            parts.append(f"{self.mode} {self.value:g}" if self.mode == "constant" else self.mode)
        if any(self.output_padding):
            parts.append(f"output padding {by(self.output_padding)}")
        if self.output_shape:
            parts.append(f"output {by(self.output_shape)}")
        if self.ceil_mode:
            parts.append("ceil")
        if self.count_include_pad:
            parts.append("padding counted")
        if self.spec:
            parts.append(f"by {self.spec}")
        if self.groups > 1:
            parts.append(f"groups {self.groups}")
        if self.bias:
            parts.append("bias")
        if self.batch > 1:
            parts.append(f"batch {self.batch}")
        if self.dtype != "float32":
            parts.append(self.dtype)
        return " · ".join(parts)

    def to_wire(self) -> Dict[str, Any]:
        """What a worker needs to run this case, as JSON values."""
        wire: Dict[str, Any] = {
            name: value for name, default in _WIRE.items() if (value := getattr(self, name)) != default
        }
        if isinstance(self.data, Written):
            wire["data"] = {"input": self.data.input, "weights": self.data.weights}
        if isinstance(self.data, Basis):
            wire["data"] = vars(self.data)
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Case:
        """The case that ``to_wire`` described, without what only people read."""
        values = {name: _tuples(value) for name, value in wire.items()}
        if isinstance(wire.get("data"), dict):
            kind = Basis if "columns" in wire["data"] else Written
            values["data"] = kind(**{name: _tuples(value) for name, value in wire["data"].items()})
        return cls(**values)


_WIRE: Dict[str, Any] = {**{f.name: f.default for f in fields(Case) if f.compare}, "tags": ()}


def _lcm(numbers: Sequence[int]) -> int:
    """The least common multiple, of many numbers by halves: one by one it is slow."""
    half = len(numbers) // 2
    return lcm(_lcm(numbers[:half]), _lcm(numbers[half:])) if half > 8 else lcm(*numbers)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@lru_cache(maxsize=geometry.KEPT)
def by(sizes: Sizes) -> str:
    """``(6, 9)`` as ``6x9``."""
    return "x".join(map(str, sizes))


@lru_cache(maxsize=geometry.KEPT)
def spell_padding(padding: Padding) -> str:
    """A padding as a case id and a person read it: ``same``, or ``0.1x0.1`` for pads."""
    return padding if isinstance(padding, str) else "x".join(f"{begin}.{end}" for begin, end in padding)
