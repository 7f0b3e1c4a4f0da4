"""What an expectation's ``when`` can ask about a case: its fields, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping

from conformance.domain.case import by, spell_padding
from conformance.domain.geometry import Pads, Sizes, axes, pads_by_rule, same_elements

RULES = ("valid", "same", "same_lower", "symmetric", "fixed", "begin_twice")
"""The rules that a case is compared with; ``begin_twice`` is its own begin pads on both sides."""

FACTS = {
    "case": "the case's identity",
    "op": "conv",
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
    "undilated_differs_from": "the rules that read other elements once dilation is taken for 1",
    "first_dilation_differs_from": "the rules that read other elements once the first axis' dilation is taken for all",
    "same_leaves": "elements at the end of an axis that SAME's windows never reach, the most on any axis",
    "undilated_odd": "whether same and same_lower read other elements once dilation is taken for 1",
    "first_dilation": "the first axis' dilation",
    "length_fits_channels": "whether the first axis' size could be taken for the number of channels",
    "width_is_filters": "the paddings (asked, valid, same) with which the output is as wide as it has channels",
    "dtype": "element type",
    "data": "lattice, normal or written",
    "tags": "the case's tags",
    "since": "the version of the case set that brought it",
}
"""Every fact with its meaning."""

AXIS_FACTS = ("input", "kernel", "stride", "dilation")


def facts(case: Mapping[str, Any]) -> Dict[str, Any]:
    """The facts of a case as the journal records it (``journal.case_record``)."""
    size, kernel, stride, dilation = (tuple(case[name]) for name in AXIS_FACTS)
    pads = tuple((begin, end) for begin, end in case["pads"])
    padding = case["padding"]
    over = axes(size, kernel, stride, dilation, pads)
    ones = (1,) * len(size)
    agrees = _agreeing(size, kernel, stride, dilation, pads)
    undilated = agrees if dilation == ones else _agreeing(size, kernel, stride, ones, pads)
    first = (dilation[0],) * len(size)
    by_first = agrees if dilation == first else _agreeing(size, kernel, stride, first, pads)
    same = axes(size, kernel, stride, dilation, pads_by_rule("same", size, kernel, stride, dilation))
    widths = {
        "asked": over[-1].output,
        "valid": replace(over[-1], begin=0, end=0).output,
        "same": same[-1].output,
    }
    depthwise = case["groups"] == case["channels"] > 1
    found = {name: case[name] for name in ("op", "rank", "batch", "channels", "filters", "groups", "bias", "dtype")}
    found.update(
        case=case["id"],
        input=size,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        multiplier=case["filters"] // case["channels"] if depthwise else 0,
        padding=padding if isinstance(padding, str) else spell_padding(tuple((b, e) for b, e in padding)),
        pads=spell_padding(pads),
        padded=any(amount for pair in pads for amount in pair),
        asymmetric=any(begin != end for begin, end in pads),
        unequal=[name for name in AXIS_FACTS if len(set(case[name])) > 1],
        differs_from=[rule for rule in RULES if rule not in agrees],
        agrees_with=agrees,
        undilated_differs_from=[rule for rule in RULES if rule not in undilated],
        first_dilation_differs_from=[rule for rule in RULES if rule not in by_first],
        same_leaves=max(max(axis.size - axis.starts[-1] - axis.extent, 0) for axis in same),
        undilated_odd=not same_elements(
            *(axes(size, kernel, stride, ones, pads_by_rule(rule, size, kernel, stride, ones)) for rule in RULES[1:3])
        ),
        first_dilation=dilation[0],
        length_fits_channels=length_fits_channels(size[0], case["channels"] // case["groups"], case["filters"]),
        width_is_filters=[name for name, width in widths.items() if width == case["filters"]],
        data=case["data"],
        tags=list(case.get("tags", ())),
        since=case["since"],
    )
    return found


def length_fits_channels(length: int, channels_per_group: int, filters: int) -> bool:
    """Whether weights of so many channels a group still fit an input of ``length`` channels."""
    return length % channels_per_group == 0 and filters % (length // channels_per_group) == 0


def _agreeing(size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes, pads: Pads) -> List[str]:
    """The rules under which these pads read the same elements."""
    over = axes(size, kernel, stride, dilation, pads)
    found = []
    for rule in RULES:
        twice = tuple((begin, begin) for begin, _ in pads)
        ruled = twice if rule == "begin_twice" else pads_by_rule(rule, size, kernel, stride, dilation)
        if same_elements(over, axes(size, kernel, stride, dilation, ruled)):
            found.append(rule)
    return found


def spell_fact(value: Any) -> str:
    """A fact as text: sizes as ``3x2``."""
    return by(value) if isinstance(value, tuple) else str(value)
