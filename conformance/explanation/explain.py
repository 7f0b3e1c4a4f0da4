"""One padding, worked out: the rule with this input's numbers, who differs and for which sizes, and what to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from conformance import arguments
from conformance.domain.case import Case, by, spell_padding
from conformance.domain.geometry import AnyAxis, Axis, Pads, Sizes, same_elements, same_total
from conformance.errors import InputError
from conformance.explanation import targets
from conformance.explanation.agreement import Agreement, agreement, overall, padding_by_residue, under
from conformance.explanation.targets import Snippet

if TYPE_CHECKING:
    from conformance.explanation.layers import Layer

WHO = {
    "same": "TensorFlow, Keras and JAX 'same'; ONNX SAME_UPPER",
    "same_lower": "ONNX and JAX SAME_LOWER",
    "fixed": "TensorFlow's ResNet (conv2d_fixed_padding)",
    "symmetric": "padding=d*(k-1)//2 in PyTorch, Caffe and cuDNN",
    "valid": "no padding",
}
"""Each padding that people write, and where."""


LARGEST = 999_999
"""The largest input's size."""


class Comparison(NamedTuple):
    """Another padding on this configuration; ``shift`` is how much later its windows start on each axis."""

    rule: str
    who: str
    pads: Pads
    output: Sizes
    same: bool
    shift: Sizes
    sizes: tuple[tuple[str, Agreement], ...]


@dataclass(frozen=True)
class Explanation:
    """A case explained; shows itself as text, and in a notebook as HTML."""

    case: Case
    layer: Layer | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for granted."""
        if self.layer is None:
            return ()
        said = () if self.layer.channels else (f"input channels are not said: {self.case.channels} taken (--channels)",)
        return (*self.layer.notes, *said)

    @cached_property
    def output(self) -> Sizes:
        """Spatial output sizes."""
        return self.case.output(self.case.pads)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The other paddings that people write."""
        left_out = {self.case.padding, "fixed" if self.case.transposed else ""}
        return tuple(comparison(self.case, rule, who) for rule, who in WHO.items() if rule not in left_out)

    @cached_property
    def snippets(self) -> list[Snippet]:
        """The case in every framework."""
        return targets.snippets(self.case)

    def axes(self) -> list[tuple[str, AnyAxis]]:
        """Each axis with its name; one for all where they are alike."""
        over = self.case.asked
        if len(set(over)) == 1:
            return [("" if self.case.rank == 1 else f"each of the {self.case.rank} axes", over[0])]
        return [(f"axis {number}", axis) for number, axis in enumerate(over)]

    def by_residue(self) -> list[tuple[str, list[tuple[str, tuple[int, int]]]]]:
        """The pads of a rule that depends on the size, by the size's remainder; once where all axes are alike."""
        if self.case.padding not in ("same", "same_lower") or self.case.transposed:
            return []
        found = [padding_by_residue(self.case, number) for number in range(self.case.rank)]
        if all(one == found[0] for one in found):
            found = found[:1]
        return [
            ("" if len(found) == 1 else f"axis {n}", one)
            for n, one in enumerate(found)
            if len(set(dict(one).values())) > 1
        ]

    def __str__(self) -> str:
        from conformance.render import explained

        return explained.text(self)

    def _repr_html_(self) -> str:
        from conformance.render import explained

        return explained.fragment(self)


def explain(
    layer: str,
    input: Sizes | int = (),  # noqa: A002
    kernel: Sizes | int = (),
    channels: int = 0,
) -> Explanation:
    """The explanation of a layer as people write it; ``input`` are its spatial sizes.

    ``kernel`` and ``channels`` fill in what the text leaves open. Raises ``InputError``.
    """
    from conformance.explanation import layers

    read = layers.read(layer)
    size = _sizes("input", input) or read.input
    if not size:
        raise InputError(f"--input is missing; allowed: {read.rank} sizes, such as {read.example}")
    case = sound(read.case(size, _sizes("kernel", kernel), channels))
    return Explanation(case, read._replace(channels=channels or read.channels))


def sound(case: Case) -> Case:
    """The case, if it is one that can be computed; ``InputError`` else."""
    if case.padding == "causal" and case.rank > 1:
        raise InputError("padding causal; allowed: rank 1")
    for name in ("channels", "filters"):
        if getattr(case, name) % case.groups:
            raise InputError(f"groups {case.groups} with {getattr(case, name)} {name}; allowed: a divisor of {name}")
    if case.unanswered is not None:
        axis = case.asked[case.unanswered]
        if case.transposed:
            raise InputError(f"crops {axis.begin} and {axis.end} leave {axis.output} outputs; allowed: 1 and more")
        if axis.output < 1:
            raise InputError(
                f"kernel {axis.kernel} with dilation {axis.dilation} spans {axis.extent}; "
                f"allowed: up to the padded input ({axis.begin} + {axis.size} + {axis.end})"
            )
        pads = axis.begin, axis.end
        raise InputError(f"pads {pads} around {axis.size}; allowed: pads with which every window meets the input")
    return case


def _sizes(name: str, value: Sizes | int) -> Sizes:
    sizes = (value,) if isinstance(value, int) else tuple(value)
    if not all(type(size) is int and 1 <= size <= LARGEST for size in sizes) or len(sizes) > 3:
        raise InputError(f"{name} is {value!r}; allowed: one to three integers from 1 to {LARGEST}")
    return sizes


def comparison(case: Case, rule: str, who: str) -> Comparison:
    """A rule on a case."""
    asked, other = case.asked, under(case, rule)
    shift = tuple(one.begin - two.begin for one, two in zip(asked, other, strict=True))
    same = same_elements(asked, other)
    pads = tuple((axis.begin, axis.end) for axis in other)
    output = tuple(max(axis.output, 0) for axis in other)
    alike = len(set(asked)) == 1 and len(set(other)) == 1
    sizes = overall(case, lambda number: agreement(case, number, rule), alike)
    return Comparison(rule, who, pads, output, same, shift, sizes)


def of_options(
    layer: str | None,
    sizes: str | None = None,
    kernel: str | None = None,
    stride: str | None = None,
    dilation: str | None = None,
    padding: str | None = None,
    channels: int | None = None,
) -> Explanation:
    """The explanation of what the command's options say; ``InputError`` where they say no layer."""
    if layer is not None:
        for name, value in (("stride", stride), ("dilation", dilation), ("padding", padding)):
            if value is not None:
                raise InputError(f"--{name} with --from; allowed: what the layer says")
        size = numbers("input", sizes) if sizes else ()
        return explain(layer, size, numbers("kernel", kernel) if kernel else (), channels or 0)
    for name, value in (("input", sizes), ("kernel", kernel), ("padding", padding)):
        if value is None:
            raise InputError(f"--{name} is missing; allowed: --from LAYER, or --input, --kernel and --padding")
    assert sizes
    assert kernel
    assert padding
    return Explanation(configuration(sizes, kernel, stride or "1", dilation or "1", padding, channels or 1))


def configuration(sizes: str, kernel: str, stride: str, dilation: str, padding: str, channels: int = 1) -> Case:
    """A convolution from the command line's texts; ``InputError`` where they are none."""
    size = numbers("input", sizes)
    rank = len(size)
    if rank > 3:
        raise InputError(f"--input {sizes!r}; allowed: one to three sizes")

    def per_axis(name: str, text: str, values: Sequence[Any], kind: str = "number") -> tuple[Any, ...]:
        if len(values) not in (1, rank):
            raise InputError(f"--{name} {text!r}; allowed: one {kind}, or one for each of the input's {rank} axes")
        return tuple(values) * (rank if len(values) == 1 else 1)

    given = arguments.padding(padding)
    pairs = [(given, given)] if isinstance(given, int) else [] if isinstance(given, str) else list(map(tuple, given))
    return sound(
        Case(
            id="explain",
            op="conv",
            input=size,
            kernel=per_axis("kernel", kernel, numbers("kernel", kernel)),
            stride=per_axis("stride", stride, numbers("stride", stride)),
            dilation=per_axis("dilation", dilation, numbers("dilation", dilation)),
            padding=given if isinstance(given, str) else per_axis("padding", padding, pairs, "BEGIN.END"),
            channels=channels,
        )
    )


def numbers(name: str, text: str) -> Sizes:
    """``224x224`` as sizes."""
    return tuple(arguments.sizes(name, text))


def arithmetic(case: Case, axis: AnyAxis, number: int = 0) -> list[str]:
    """The rule's formula with the numbers of an axis."""
    rule = case.padding if isinstance(case.padding, str) else ""
    lines = []
    if axis.dilation > 1:
        lines.append(f"effective kernel = ({axis.kernel} - 1) * {axis.dilation} + 1 = {axis.extent}")
    if isinstance(axis, Axis):
        return [*lines, *_padded(rule, axis), *_windows(axis)]
    return [*lines, *_cropped(case, rule, axis, number)]


def _padded(rule: str, axis: Axis) -> list[str]:
    """How a padding's amounts come about."""
    if rule in ("same", "same_lower"):
        rest = axis.size % axis.stride
        total = same_total(axis.size, axis.kernel, axis.stride, axis.dilation)
        less = rest or axis.stride
        return [
            f"{axis.size} mod {axis.stride} = {rest}: total = max({axis.extent} - {less}, 0) = {total}",
            _split(total, axis, rule),
        ]
    if rule == "fixed":
        total = axis.extent - 1
        return [f"total = {axis.extent} - 1 = {total}, whatever the input's size", _split(total, axis, rule)]
    if rule == "causal":
        return [f"begin = {axis.extent} - 1 = {axis.begin}; end = 0"]
    return [f"begin = {axis.begin}; end = {axis.end}"]


def _split(total: int, axis: AnyAxis, rule: str) -> str:
    """A total divided between the sides."""
    if rule == "same_lower":
        return f"end = {total} // 2 = {axis.end}; begin = {total} - {axis.end} = {axis.begin}"
    return f"begin = {total} // 2 = {axis.begin}; end = {total} - {axis.begin} = {axis.end}"


def _windows(axis: Axis) -> list[str]:
    """How many windows there are, and what of the pads they read."""
    span = f"({axis.size} + {axis.begin} + {axis.end} - {axis.extent})"
    if axis.rounding == "floor":
        lines = [f"output = {span} // {axis.stride} + 1 = {axis.output}"]
    else:
        whole = -(-(axis.size + axis.begin + axis.end - axis.extent) // axis.stride) + 1
        lines = [f"output = ceil({span} / {axis.stride}) + 1 = {whole}"]
        if whole > axis.output:
            lines.append(f"less the last window, which would start in the end pad: {axis.output}")
    if axis.canonical() != (axis.begin, axis.end):
        begin, end = axis.canonical()
        lines.append(f"pads that any window reads: ({begin}, {end})")
    return lines


def _cropped(case: Case, rule: str, axis: AnyAxis, number: int) -> list[str]:
    """What a transposed convolution crops of its full output, and adds to it."""
    full = (axis.size - 1) * axis.stride + axis.extent
    lines = [f"full output = ({axis.size} - 1) * {axis.stride} + {axis.extent} = {full}"]
    total = axis.begin + axis.end
    if rule.startswith("same"):
        if case.output_shape:
            lines.append(f"crop in all = {full} - {case.output_shape[number]} = {total}")
        else:
            lines.append(f"crop in all = {axis.extent} - {axis.stride} = {total}")
        if total >= 0:
            lines.append(_split(total, axis, rule))
        else:
            lines.append(f"less than nothing: {-total} outputs are added at the end")
    else:
        more = case.output_padding[number] if case.output_padding else 0
        lines.append(f"crop {axis.begin} at the beginning and {axis.end + more} at the end")
        if more:
            lines.append(f"output padding {more}: {axis.end} at the end")
    lines.append(f"output = {full} - {axis.begin} - {axis.end} = {axis.output}".replace("- -", "+ "))
    return lines


def spelled(one: Comparison, case: Case) -> str:
    """What another padding means here."""
    if one.same:
        return "reads the same elements"
    if one.output != case.output(case.pads):
        return f"another shape: {by(one.output)}"
    starts = [f"{abs(shift)} {'later' if shift > 0 else 'earlier'}" for shift in one.shift if shift]
    where = f": starts {starts[0]}" if starts and not case.transposed and len(set(starts)) == 1 else ""
    return f"same shape, OTHER NUMBERS{where}"


def heading(case: Case) -> str:
    """The configuration and its output in one line."""
    parts = [f"input {by(case.input)}", f"kernel {by(case.kernel)}", f"stride {by(case.stride)}"]
    parts.append(f"dilation {by(case.dilation)}")
    if case.output_padding:
        parts.append(f"output padding {by(case.output_padding)}")
    if case.ceil_mode:
        parts.append("rounded up")
    if case.count_include_pad:
        parts.append("padding counted")
    of = {
        "conv": "",
        "conv_transpose": "transposed convolution, ",
        "max_pool": "max pool, ",
        "avg_pool": "average pool, ",
    }
    return (
        f"{of[case.op]}{spell_padding(case.padding)} padding: {', '.join(parts)} → output {by(case.output(case.pads))}"
    )
