"""ONNX → ONNX: ``auto_pad`` as explicit pads, and pads that a target cannot hold as a ``Pad`` node; nothing else.

An edit is worked out once from a node's case and applied to the node where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from conformance.domain.case import Case, by
from conformance.domain.geometry import Pads, Sizes
from conformance.errors import InputError
from conformance.models import onnx_file, targets
from conformance.models.layers import unique
from conformance.models.onnx_file import Found
from conformance.models.targets import Target
from conformance.strict_yaml import shown_path

PLAIN = ("Conv", "ConvTranspose", "MaxPool", "AveragePool")
"""The operators that are rewritten; of the others this suite can prove nothing in ONNX Runtime."""


@dataclass(frozen=True)
class Edit:
    """What becomes of a node: its ``pads`` and ``output_padding``, and what a ``Pad`` beside it does.

    ``around`` is added by a ``Pad`` in front of it, of a transposed convolution cropped by one behind it.
    """

    pads: Pads
    output_padding: Sizes = ()
    around: Pads = ()
    lowest: bool = False
    element: int = 0

    def describe(self, node: Any) -> str:
        """What is done, in a few words."""
        rule = next((a.s.decode("ascii", "replace") for a in node.attribute if a.name == "auto_pad"), "")
        named = f"auto_pad {rule}" if rule not in ("", "NOTSET") else "pads"
        if not self.around:
            return f"{named} → pads {list(flat(self.pads))}"
        kind = f"{node.op_type} without pads"
        where = f"Pad {list(flat(self.around))}" + (" of the lowest value" if self.lowest else "")
        return f"{named} → {kind} + {where}" if node.op_type == "ConvTranspose" else f"{named} → {where} + {kind}"


def flat(pads: Pads) -> Sizes:
    """All the begins and then all the ends, as ONNX has them."""
    return (*(begin for begin, _ in pads), *(end for _, end in pads))


def edit(found: Found, target: Target | None, path: Path) -> Edit | None:
    """What becomes of a node, None where it stays; ``InputError`` where it cannot be written as asked."""
    node, case = found.node, found.own
    place = f"{shown_path(path)}: {found.layer.name}"
    named = any(a.name == "auto_pad" and a.s not in (b"", b"NOTSET") for a in node.attribute)
    held = target is None or any(targets.alike(case, way) for way in targets.held(target, case))
    if not named and held:
        return None
    if node.op_type not in PLAIN:
        raise InputError(f"{node.op_type} is not rewritten; allowed: {', '.join(PLAIN)}", place)
    if named and case.disputed and not targets.alike(case, case.read_by("onnx")):
        told = by(flat(case.pads_read_by("onnx")))
        raise InputError(f"ONNX's text reads its auto_pad as pads {told}, runtimes do not; allowed: pads", place)
    more: Sizes = ()
    pads = case.pads
    if case.transposed:
        more = tuple(max(-end, extra) for (_, end), extra in zip(pads, _extra(case), strict=True))
        pads = tuple((begin, end + extra) for (begin, end), extra in zip(pads, more, strict=True))
        for number, (extra, stride) in enumerate(zip(more, case.stride, strict=True)):
            if extra >= stride and extra > 0:
                raise InputError(f"output_padding {extra} on axis {number}; allowed: less than the stride", place)
    if held:
        return Edit(pads, more)
    assert target is not None
    return _split(case, pads, more, found, target, place)


def _extra(case: Case) -> Sizes:
    return case.output_padding or (0,) * case.rank


def _split(case: Case, pads: Pads, more: Sizes, found: Found, target: Target, place: str) -> Edit:
    """A ``Pad`` and an operator without padding, which read and divide as the operator did."""
    nothing = ((0, 0),) * case.rank
    if case.transposed and any(more) and target.rule == "same":
        raise InputError(f"output_padding, which {target.name} does not have; allowed: output_padding 0", place)
    if case.pool and len(found.node.output) > 1:
        raise InputError("a second output, Indices, which count the padded input then; allowed: one output", place)
    if case.op == "avg_pool" and not case.count_include_pad and any(map(any, pads)):
        raise InputError(
            "count_include_pad 0 divides by the elements alone, and a Pad node's zeros would count; "
            f"allowed: count_include_pad 1, or a target that holds pads {by(flat(pads))}",
            place,
        )
    if not case.transposed:
        inner = tuple(size + begin + end for size, (begin, end) in zip(case.input, pads, strict=True))
        apart = replace(case, input=inner, padding=nothing)
        if apart.output(nothing) != case.output(case.pads):
            raise InputError("ceil_mode, with which a Pad node adds windows; allowed: ceil_mode 0", place)
        if not any(targets.alike(apart, way) for way in targets.held(target, apart)):
            raise InputError(f"ceil_mode, which {target.name} does not have; allowed: ceil_mode 0", place)
    return Edit(nothing, more, pads, case.op == "max_pool", found.element)


def apply(model: Any, edits: Sequence[Edit | None]) -> list[tuple[list[Any], list[Any]]]:
    """Apply the edits to a model's padded nodes, in the order of ``find``; the nodes before and after, of each."""
    taken = set(_names(model.graph))
    opset = onnx_file.opset(model)
    done = []
    for (graph, node), change in zip(list(onnx_file.padded(model.graph)), edits, strict=True):
        if change is None:
            continue
        before = type(node)()
        before.CopyFrom(node)
        _write(node, change)
        after = [node]
        if change.around:
            behind = node.op_type == "ConvTranspose"
            place = next(index for index, other in enumerate(graph.node) if other.output[:1] == before.output[:1])
            made = _pad(node, change, opset, taken, behind)
            for offset, one in enumerate(made):
                graph.node.insert(place + offset + behind, one)
            after = [node, *made] if behind else [*made, node]
        copies = []
        for one in after:
            copy = type(one)()
            copy.CopyFrom(one)
            copies.append(copy)
        done.append(([before], copies))
    return done


def _names(graph: Any) -> Iterable[str]:
    for each in onnx_file.walk(graph):
        for value in (*each.input, *each.initializer, *each.value_info):
            yield value.name
        for node in each.node:
            yield node.name
            yield from node.output


def _write(node: Any, change: Edit) -> None:
    """The node's attributes with the edit's pads, which stand where ``auto_pad`` or the pads stood."""
    from onnx import helper

    new = {"pads": helper.make_attribute("pads", flat(change.pads))}
    if node.op_type == "ConvTranspose":
        new["output_padding"] = helper.make_attribute("output_padding", change.output_padding)
    gone = {"auto_pad", "pads", "output_shape", "output_padding"} & {*new, "auto_pad", "output_shape"}
    stood = next((number for number, a in enumerate(node.attribute) if a.name in ("auto_pad", "pads")), 0)
    had = {attribute.name for attribute in node.attribute}
    kept = [attribute for attribute in node.attribute if attribute.name not in gone]
    added = [new["pads"]]
    if "output_padding" in new and ("output_padding" in had or any(change.output_padding)):
        added.append(new["output_padding"])
    attributes = [*kept[:stood], *added, *kept[stood:]]
    copies = []
    for attribute in attributes:
        copy = type(attribute)()
        copy.CopyFrom(attribute)
        copies.append(copy)
    del node.attribute[:]
    node.attribute.extend(copies)


def _pad(node: Any, change: Edit, opset: int, taken: set[str], behind: bool) -> list[Any]:
    """The ``Pad`` beside a node, joined to it, with its constants: its pads are an input since opset 11."""
    from onnx import TensorProto, helper

    name = partial(unique, taken=taken, joint="_")
    base = onnx_file.name_of(node)
    amounts = flat(((0, 0), (0, 0), *change.around))
    if behind:
        amounts = tuple(-amount for amount in amounts)
        source, result = name(f"{node.output[0]}_uncropped"), node.output[0]
        node.output[0] = source
    else:
        source, result = node.input[0], name(f"{base}_padded")
        node.input[0] = result
    lowest = _lowest(change.element or TensorProto.FLOAT)
    called = name(f"{base}_pad")
    if opset < 11:
        amount = {"paddings" if opset < 2 else "pads": list(amounts)}
        value = {"value": lowest} if change.lowest else {}
        return [helper.make_node("Pad", [source], [result], name=called, mode="constant", **amount, **value)]
    inputs, made = [source, name(f"{base}_pads")], []
    tensor = helper.make_tensor(inputs[1], TensorProto.INT64, [len(amounts)], amounts)
    made.append(helper.make_node("Constant", [], [inputs[1]], name=name(f"{base}_pads_constant"), value=tensor))
    if change.lowest:
        inputs.append(name(f"{base}_lowest"))
        tensor = helper.make_tensor(inputs[2], change.element or TensorProto.FLOAT, [], [lowest])
        made.append(helper.make_node("Constant", [], [inputs[2]], name=name(f"{base}_lowest_constant"), value=tensor))
    return [*made, helper.make_node("Pad", inputs, [result], name=called, mode="constant")]


def _lowest(element: int) -> float:
    """What never wins a max pool of an element type."""
    from onnx import TensorProto

    return {TensorProto.INT8: -128, TensorProto.UINT8: 0}.get(element, float("-inf"))


def little(nodes: Sequence[Any], original: Any, case: Case, opset: int) -> bytes:
    """Nodes as a model from ``x`` to ``y``, with the proof's number of groups, without weights and sizes."""
    from onnx import helper

    first = original.input[0] if original.input else ""
    names = {name: new for name, new in zip(original.input, ("x", "w", "b"), strict=False) if name}
    names[first], names[original.output[0]] = "x", "y"
    copies = []
    for number, node in enumerate(nodes):
        copy = type(node)()
        copy.CopyFrom(node)
        copy.name = f"n{number}"
        copy.input[:] = [names.get(name, name) for name in node.input]
        copy.output[:] = [names.get(name, name) for name in node.output[:1]]
        for attribute in copy.attribute:
            if attribute.name == "group":
                attribute.i = case.groups
            if attribute.name == "value" and attribute.HasField("t") and attribute.t.data_type not in (1, 7):
                lowest = helper.make_tensor(attribute.t.name, 1, [], [float("-inf")])
                attribute.t.CopyFrom(lowest)
        copies.append(copy)
    graph = helper.make_graph(copies, "node", [], [])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(made.SerializeToString(deterministic=True))
