"""Rewritten models, compared with the original protobuf node by node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from conformance.errors import InputError
from conformance.models import onnx_file, rewrite
from conformance.models.targets import TARGETS
from tests.models.made import conv, model, write


def rewritten(path: Path, made: ModelProto, target: str = "") -> ModelProto:
    write(path, made)
    found = onnx_file.find(onnx_file.load(path, external=False), path, {})
    edits = [rewrite.edit(one, TARGETS.get(target), path) for one in found]
    whole = onnx_file.parse(path)
    rewrite.apply(whole, edits)
    return whole


def attributes(node: Any) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def without_nodes(made: ModelProto) -> bytes:
    copy = ModelProto()
    copy.CopyFrom(made)
    del copy.graph.node[:]
    return bytes(copy.SerializeToString(deterministic=True))


TRANSPOSED = helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="t1", auto_pad="SAME_UPPER", strides=[2, 2])


@pytest.mark.parametrize(
    ("node", "pads"),
    [
        (conv(auto_pad="SAME_UPPER", strides=[2, 2], dilations=[1, 1], group=1), [0, 0, 1, 1]),
        (conv(auto_pad="SAME_LOWER", strides=[2, 2]), [1, 1, 0, 0]),
        (conv(auto_pad="SAME_UPPER", dilations=[3, 2]), [3, 2, 3, 2]),
        (conv(auto_pad="VALID", pads=[1, 1, 1, 1]), [0, 0, 0, 0]),
        (conv(auto_pad="SAME_UPPER", strides=[7, 7], kernel_shape=[3, 3]), [0, 0, 0, 0]),
        (helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], auto_pad="SAME_UPPER"), [0, 0, 1, 1]),
        (helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[4, 2], auto_pad="SAME_LOWER"), [2, 1, 1, 0]),
    ],
)
def test_auto_pad_becomes_pads_and_nothing_else_changes(tmp_path: Path, node: Any, pads: list[int]) -> None:
    made = model(node, conv(name="c0", result="z", pads=[1, 0, 1, 0]))
    after = rewritten(tmp_path / "m.onnx", made)
    assert without_nodes(after) == without_nodes(made)
    assert after.graph.node[1] == made.graph.node[1]
    before = attributes(made.graph.node[0])
    assert attributes(after.graph.node[0]) == {**{k: v for k, v in before.items() if k != "auto_pad"}, "pads": pads}
    for field in ("name", "op_type", "input", "output", "domain"):
        assert getattr(after.graph.node[0], field) == getattr(made.graph.node[0], field)


def test_the_dilation_counts_and_pads_are_begins_then_ends(tmp_path: Path) -> None:
    after = rewritten(tmp_path / "m.onnx", model(conv(auto_pad="SAME_UPPER", strides=[2, 1], dilations=[2, 2])))
    assert attributes(after.graph.node[0])["pads"] == [1, 2, 2, 2]


def test_a_transposed_convolution_whose_same_adds_at_the_beginning_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[3, 3])
    with pytest.raises(InputError, match="ONNX's text reads its auto_pad as pads -1x-1x0x0, runtimes do not"):
        rewritten(tmp_path / "m.onnx", model(node, weights={"w": (4, 6, 2, 2)}))


def test_an_output_shape_beside_auto_pad_becomes_pads_too(tmp_path: Path) -> None:
    node = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2], output_shape=[63, 64]
    )
    after = attributes(rewritten(tmp_path / "m.onnx", model(node, weights={"w": (4, 6, 3, 3)})).graph.node[0])
    assert after == {"strides": [2, 2], "pads": [1, 0, 1, 1]}


def test_a_model_without_auto_pad_stays_to_the_byte(tmp_path: Path) -> None:
    made = model(conv(pads=[3, 3, 2, 2]), conv(name="c2", result="z", auto_pad="NOTSET"))
    assert rewritten(tmp_path / "m.onnx", made) == made


def constant(node: Any) -> Any:
    return numpy_helper.to_array(attributes(node)["value"])


def test_pads_that_a_target_cannot_hold_become_a_pad_node(tmp_path: Path) -> None:
    made = model(conv(auto_pad="SAME_UPPER", strides=[2, 2]))
    after = rewritten(tmp_path / "m.onnx", made, "torch")
    amounts, pad, valid = after.graph.node
    assert constant(amounts).tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert (pad.op_type, list(pad.input), pad.output[0]) == ("Pad", ["x", amounts.output[0]], valid.input[0])
    assert attributes(valid) == {"strides": [2, 2], "pads": [0, 0, 0, 0]}
    assert (list(valid.output), valid.input[1]) == (["y"], "w")
    assert without_nodes(after) == without_nodes(made)
    assert rewritten(tmp_path / "n.onnx", made, "keras").graph.node[0].op_type == "Conv"


def test_a_max_pool_is_padded_with_what_never_wins(tmp_path: Path) -> None:
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    for element, lowest in ((TensorProto.FLOAT, float("-inf")), (TensorProto.INT8, -128)):
        made = model(node, weights={}, element=element)
        _, value, pad, _ = rewritten(tmp_path / "m.onnx", made, "torch").graph.node
        assert constant(value) == lowest
        assert attributes(value)["value"].data_type == element
        assert pad.input[2] == value.output[0]


def test_before_opset_11_the_amounts_are_an_attribute(tmp_path: Path) -> None:
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    pad, _ = rewritten(tmp_path / "m.onnx", model(node, weights={}, opset=9), "torch").graph.node
    assert attributes(pad) == {"mode": b"constant", "pads": [0, 0, 0, 0, 0, 0, 1, 1], "value": float("-inf")}


def test_a_transposed_convolution_is_cropped_behind(tmp_path: Path) -> None:
    after = rewritten(tmp_path / "m.onnx", model(TRANSPOSED, weights={"w": (4, 6, 3, 3)}), "torch")
    whole, amounts, crop = after.graph.node
    assert attributes(whole) == {"strides": [2, 2], "pads": [0, 0, 0, 0]}
    assert constant(amounts).tolist() == [0, 0, 0, 0, 0, 0, -1, -1]
    assert (crop.input[0], list(crop.output)) == (whole.output[0], ["y"])


def test_new_names_are_new(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["c1_padded"], name="c1_pad")
    other = conv(auto_pad="SAME_UPPER", strides=[2, 2])
    after = rewritten(tmp_path / "m.onnx", model(node, other), "torch")
    values = [name for each in after.graph.node for name in each.output]
    names = [each.name for each in after.graph.node]
    assert len(set(values)) == len(values)
    assert len(set(names)) == len(names)


AVERAGE = {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (helper.make_node("AveragePool", ["x"], ["y"], **AVERAGE), "count_include_pad 0 divides by the elements alone"),
        (helper.make_node("MaxPool", ["x"], ["y", "i"], **AVERAGE), "a second output, Indices"),
        (
            helper.make_node(
                "MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[3, 3], pads=[0, 0, 1, 1], ceil_mode=1
            ),
            "ceil_mode, with which a Pad node adds windows",
        ),
        (
            helper.make_node("ConvInteger", ["x", "w"], ["y"], auto_pad="SAME_UPPER"),
            "ConvInteger is not rewritten; allowed: Conv",
        ),
    ],
)
def test_what_cannot_be_split_is_refused_by_name(tmp_path: Path, node: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rewritten(tmp_path / "m.onnx", model(node, shape=(1, 4, 33, 33)), "torch")


def test_an_average_that_counts_its_padding_is_split(tmp_path: Path) -> None:
    node = helper.make_node("AveragePool", ["x"], ["y"], count_include_pad=1, **AVERAGE)
    _, pad, average = rewritten(tmp_path / "m.onnx", model(node), "torch").graph.node
    assert pad.op_type == "Pad"
    assert attributes(average) == {"kernel_shape": [2, 2], "pads": [0, 0, 0, 0], "count_include_pad": 1}
