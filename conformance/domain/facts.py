"""What an expectation's ``when`` can ask about a case: its fields, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from conformance.domain.case import by, spell_padding
from conformance.domain.geometry import (
    MODES,
    AnyAxis,
    Axis,
    Pads,
    Sizes,
    axes,
    crops_by_rule,
    pads_by_rule,
    rounding_by,
    same_elements,
    transposed_axes,
)

RULES = ("valid", "same", "same_lower", "symmetric", "fixed", "begin_twice")
"""The rules that a case is compared with; ``begin_twice`` is its own begin pads on both sides."""

FACTS = {
    "case": "the case's identity",
    "op": "the operator: conv, conv_transpose, max_pool, avg_pool or pad",
    "rank": "number of spatial axes",
    "input": "spatial sizes",
    "kernel": "kernel sizes",
    "stride": "strides",
    "dilation": "dilations",
    "batch": "batch size",
    "channels": "input channels",
    "filters": "output channels",
    "groups": "groups",
    "multiplier": "filters for each channel of a depthwise convolution, 0 for other convolutions",
    "bias": "true or false",
    "padding": "the padding as its author wrote it: a rule's name, or pads such as 0.1x0.1",
    "pads": "the pads that are asked for, such as 0.1x0.1",
    "padded": "whether any pad is asked for",
    "asymmetric": "whether the two pads of an axis differ",
    "unequal": "the fields whose axes differ (input, kernel, stride, dilation)",
    "differs_from": "the rules that read other elements: " + ", ".join(RULES),
    "agrees_with": "the rules that read the same elements",
    "no_output_with": "the rules that leave no output",
    "half_kernel": "whether there is half of an odd kernel before every axis, and no stride",
    "undilated_differs_from": "the rules that read other elements once dilation is taken for 1",
    "first_dilation_differs_from": "the rules that read other elements once the first axis' dilation is taken for all",
    "one_more_changes": "what of SAME (its pads, its windows) an input changes that is one larger on every axis",
    "same_leaves": "elements at the end that SAME's windows never reach, the most on any axis",
    "undilated_odd": "whether same and same_lower read other elements once dilation is taken for 1",
    "first_dilation": "the first axis' dilation",
    "length_fits_channels": "whether the first axis' size could be taken for the number of channels",
    "width_is_filters": "the paddings (asked, valid, same) with which the output is as wide as it has channels",
    "output_padding": "output padding of a transposed convolution, the most on any axis",
    "output_shape": "whether the output's size is given, of which the crop follows",
    "ceil_mode": "true or false",
    "ceil_differs": "whether rounding up, as ceil_mode says, gives another number of windows than rounding down",
    "padding_alone": "whether a window lies in the padding alone",
    "count_include_pad": "true or false",
    "spec": "whose rule is asked for: onnx, pytorch, tensorflow or caffe, empty where they agree",
    "mode": "what a pad repeats: constant, reflect, edge or circular",
    "mode_differs_from": "the modes that repeat other elements",
    "valued": "whether a constant pad has another value than 0",
    "beyond": "by how much a pad is longer than its axis, the most on any side; below 0 where all are shorter",
    "begin": "the largest begin pad",
    "dtype": "element type",
    "data": "lattice, normal or written",
    "tags": "the case's tags",
    "since": "the version of the case set that brought it",
}
"""Every fact with its meaning."""

AXIS_FACTS = ("input", "kernel", "stride", "dilation")
COUNTS = (
    *AXIS_FACTS,
    "rank",
    "batch",
    "channels",
    "filters",
    "groups",
    "multiplier",
    "first_dilation",
    "same_leaves",
    "output_padding",
    "beyond",
    "begin",
)
"""The facts that are numbers, and so can be compared."""

AS_RECORDED = ("op", "rank", "batch", "channels", "filters", "groups", "bias", "dtype", "data", "since")
"""Facts that are fields of a case's record, as they are."""


class CaseFacts(Dict[str, Any]):
    """The facts of a case as the journal records it, each worked out when it is first asked for."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        super().__init__({name: case[name] for name in AS_RECORDED})
        self.case = case
        self.size, self.kernel, self.stride, self.dilation = (tuple(case[name]) for name in AXIS_FACTS)
        self.pads = tuple((begin, end) for begin, end in case["pads"])
        self.ones = (1,) * len(self.size)
        self.first = self.dilation[:1] * len(self.size)
        self._agreeing: Dict[Sizes, List[str]] = {}

    def __missing__(self, name: str) -> Any:
        value = self[name] = _FOUND[name](self)
        return value

    def axes(self, pads: Pads, dilation: Optional[Sizes] = None, mode: str = "") -> Tuple[AnyAxis, ...]:
        """The case's axes under some pads, and some other dilation or mode."""
        sizes = self.size, self.kernel, self.stride, dilation or self.dilation
        if self["op"] == "conv_transpose":
            return transposed_axes(*sizes, pads)
        rounding = rounding_by(self["spec"], self.case["padding"], self["ceil_mode"])
        return axes(*sizes, pads, rounding, self["count_include_pad"], mode or self["mode"])

    def ruled(self, rule: str, dilation: Sizes) -> Pads:
        """The pads that a rule of ``RULES`` gives with some dilation."""
        if rule == "begin_twice":
            return tuple((begin, begin) for begin, _ in self.pads)
        sizes = self.size, self.kernel, self.stride, dilation
        if self["op"] == "conv_transpose":
            whose = self["spec"] if rule == self.case["padding"] and not self["output_padding"] else ""
            return crops_by_rule(rule, *sizes, whose)
        return pads_by_rule(rule, *sizes)

    def agreeing(self, dilation: Sizes) -> List[str]:
        """The rules that read the same elements as the pads asked for, all of it with some dilation."""
        if dilation not in self._agreeing:
            asked = self.axes(self.pads, dilation)
            self._agreeing[dilation] = [
                rule for rule in RULES if same_elements(asked, self.axes(self.ruled(rule, dilation), dilation))
            ]
        return self._agreeing[dilation]

    def differing(self, dilation: Sizes) -> List[str]:
        """The rules that read other elements, all of it with some dilation."""
        return [rule for rule in RULES if rule not in self.agreeing(dilation)]


def facts(case: Mapping[str, Any]) -> CaseFacts:
    """The facts of a case as the journal records it (``journal.case_record``)."""
    return CaseFacts(case)


def _padding(of: CaseFacts) -> str:
    padding = of.case["padding"]
    return padding if isinstance(padding, str) else spell_padding(tuple((b, e) for b, e in padding))


def _multiplier(of: CaseFacts) -> int:
    depthwise = of["groups"] == of["channels"] > 1
    return of["filters"] // of["channels"] if depthwise else 0


def _one_more_changes(of: CaseFacts) -> List[str]:
    larger = tuple(size + 1 for size in of.size)
    then = pads_by_rule("same", larger, of.kernel, of.stride, of.dilation)
    found = [] if same_elements(of.axes(of.ruled("same", of.dilation)), of.axes(then)) else ["pads"]
    whole = any(size % stride == 0 for size, stride in zip(of.size, of.stride))
    return [*found, "windows"] if whole else found


def _same_leaves(of: CaseFacts) -> int:
    same = of.axes(of.ruled("same", of.dilation))
    return max(
        max(axis.size - axis.starts[-1] - axis.extent if isinstance(axis, Axis) else axis.stride - axis.extent, 0)
        for axis in same
    )


def _ceil_differs(of: CaseFacts) -> bool:
    over = [axis for axis in of.axes(of.pads) if isinstance(axis, Axis) and of["ceil_mode"]]
    return any(replace(axis, rounding="ceil").output != replace(axis, rounding="floor").output for axis in over)


def _undilated_odd(of: CaseFacts) -> bool:
    over = (of.axes(of.ruled(rule, of.ones), of.ones) for rule in ("same", "same_lower"))
    return not same_elements(*over)


def _width_is_filters(of: CaseFacts) -> List[str]:
    last = of.axes(of.pads)[-1]
    widths = {
        "asked": last.output,
        "valid": replace(last, begin=0, end=0).output,
        "same": of.axes(of.ruled("same", of.dilation))[-1].output,
    }
    return [name for name, width in widths.items() if width == of["filters"]]


_FOUND: Dict[str, Callable[[CaseFacts], Any]] = {
    "case": lambda of: of.case["id"],
    "input": lambda of: of.size,
    "kernel": lambda of: of.kernel,
    "stride": lambda of: of.stride,
    "dilation": lambda of: of.dilation,
    "multiplier": _multiplier,
    "padding": _padding,
    "pads": lambda of: spell_padding(of.pads),
    "padded": lambda of: any(amount for pair in of.pads for amount in pair),
    "asymmetric": lambda of: any(begin != end for begin, end in of.pads),
    "unequal": lambda of: [name for name in AXIS_FACTS if len(set(of.case[name])) > 1],
    "differs_from": lambda of: of.differing(of.dilation),
    "agrees_with": lambda of: of.agreeing(of.dilation),
    "no_output_with": lambda of: [
        rule for rule in RULES if any(axis.output < 1 for axis in of.axes(of.ruled(rule, of.dilation)))
    ],
    "half_kernel": lambda of: all(
        (begin, 1, 1) == (size // 2, size % 2, step) for (begin, _), size, step in zip(of.pads, of.kernel, of.stride)
    ),
    "undilated_differs_from": lambda of: of.differing(of.ones),
    "first_dilation_differs_from": lambda of: of.differing(of.first),
    "one_more_changes": _one_more_changes,
    "same_leaves": _same_leaves,
    "undilated_odd": _undilated_odd,
    "first_dilation": lambda of: of.dilation[0],
    "length_fits_channels": lambda of: length_fits_channels(of.size[0], of["channels"] // of["groups"], of["filters"]),
    "width_is_filters": _width_is_filters,
    "output_padding": lambda of: max(of.case.get("output_padding") or [0]),
    "ceil_differs": _ceil_differs,
    "padding_alone": lambda of: any(isinstance(axis, Axis) and axis.lonely for axis in of.axes(of.pads)),
    "output_shape": lambda of: bool(of.case.get("output_shape")),
    "ceil_mode": lambda of: bool(of.case.get("ceil_mode")),
    "count_include_pad": lambda of: bool(of.case.get("count_include_pad")),
    "spec": lambda of: of.case.get("spec", ""),
    "mode": lambda of: of.case.get("mode", "constant"),
    "mode_differs_from": lambda of: [
        mode for mode in MODES if not same_elements(of.axes(of.pads), of.axes(of.pads, mode=mode))
    ],
    "valued": lambda of: bool(of.case.get("value")),
    "beyond": lambda of: max(max(pair) - size for pair, size in zip(of.pads, of.size)),
    "begin": lambda of: max(begin for begin, _ in of.pads),
    "tags": lambda of: list(of.case.get("tags", ())),
}
"""How each fact of ``FACTS`` follows from the others; those of ``AS_RECORDED`` are there already."""


def length_fits_channels(length: int, channels_per_group: int, filters: int) -> bool:
    """Whether weights of so many channels a group still fit an input of ``length`` channels."""
    return length % channels_per_group == 0 and filters % (length // channels_per_group) == 0


def spell_fact(value: Any) -> str:
    """A fact as text: sizes as ``3x2``."""
    return by(value) if isinstance(value, tuple) else str(value)
