"""A case: one fully determined operator configuration, with its padding as its author wrote it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from conformance.domain import geometry
from conformance.domain.geometry import Axis, Pads, Sizes

PADDING_RULES = ("valid", "same", "same_lower", "causal", "fixed")
"""The paddings that a case can name; numbers are the other way to write one."""

DTYPES = ("float32", "float64", "float16", "bfloat16")

EXACT = {"float32": 2**16, "float64": 2**16, "float16": 2**11, "bfloat16": 2**8}
"""Largest n·X·W of a lattice case: every partial sum is exact, Winograd's and a narrow output included."""

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
class Expect:
    """What a case's source states; each is held against the reference, None where nothing is stated."""

    output: Optional[Sizes] = None
    pads: Optional[Pads] = None
    windows: Optional[Tuple[Sizes, ...]] = None
    parameters: Optional[int] = None
    values: Optional[Nested] = None
    where: str = ""


@dataclass(frozen=True)
class Case:
    """One convolution to run. Sizes are spatial, one per axis; layouts are channels first.

    ``input``, ``kernel``, ``stride`` and ``dilation`` have one number per axis; weights are
    ``filters x channels/groups x kernel``, the bias is ``filters``.
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
    data: Union[str, Written] = "lattice"
    seed: int = 0
    expect: Expect = field(default=Expect(), compare=False)
    tags: Tuple[str, ...] = field(default=(), compare=False)
    title: str = field(default="", compare=False)
    source: str = field(default="", compare=False)
    note: str = field(default="", compare=False)
    since: str = field(default="1.0", compare=False)
    where: str = field(default="", compare=False)

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.input)

    @property
    def depthwise(self) -> bool:
        """Every input channel convolved on its own (with ``filters / channels`` filters each)."""
        return self.groups == self.channels and self.channels > 1

    @cached_property
    def pads(self) -> Pads:
        """The pads that this case asks for."""
        return self.pads_by(self.padding) if isinstance(self.padding, str) else self.padding

    def pads_by(self, rule: str) -> Pads:
        """The pads that a rule of ``geometry.RULES`` gives for this case's sizes."""
        return geometry.pads_by_rule(rule, self.input, self.kernel, self.stride, self.dilation)

    @cached_property
    def asked(self) -> Tuple[Axis, ...]:
        """The axes of this case under the pads that it asks for."""
        return geometry.axes(self.input, self.kernel, self.stride, self.dilation, self.pads)

    def axes(self, pads: Pads) -> Tuple[Axis, ...]:
        """The axes of this case under some pads."""
        if pads == self.pads:
            return self.asked
        return geometry.axes(self.input, self.kernel, self.stride, self.dilation, pads)

    def output(self, pads: Pads) -> Sizes:
        """Spatial output sizes under some pads."""
        return tuple(axis.output for axis in self.axes(pads))

    @cached_property
    def input_shape(self) -> Sizes:
        """``N C spatial…``"""
        return (self.batch, self.channels, *self.input)

    @cached_property
    def weight_shape(self) -> Sizes:
        """``O I/groups spatial…``"""
        return (self.filters, self.channels // self.groups, *self.kernel)

    @property
    def products(self) -> int:
        """Products summed for one output element (n), the bias counted as one more."""
        count = self.channels // self.groups
        for size in self.kernel:
            count *= size
        return count + self.bias

    def describe(self) -> str:
        """The configuration in one line, for people."""
        parts = [
            f"{self.op} {by(self.input)}",
            f"k {by(self.kernel)}",
            f"s {by(self.stride)}",
            f"d {by(self.dilation)}",
            f"padding {spell_padding(self.padding)}",
            f"{self.channels}→{self.filters}",
        ]
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
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Case:
        """The case that ``to_wire`` described, without what only people read."""
        values = {name: _tuples(value) for name, value in wire.items()}
        if isinstance(wire.get("data"), dict):
            values["data"] = Written(_tuples(wire["data"]["input"]), _tuples(wire["data"]["weights"]))
        return cls(**values)


_WIRE: Dict[str, Any] = {**{f.name: f.default for f in fields(Case) if f.compare}, "tags": ()}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def by(sizes: Sizes) -> str:
    """``(6, 9)`` as ``6x9``."""
    return "x".join(map(str, sizes))


def spell_padding(padding: Padding) -> str:
    """A padding as a case id and a person read it: ``same``, or ``0.1x0.1`` for pads."""
    return padding if isinstance(padding, str) else "x".join(f"{begin}.{end}" for begin, end in padding)
