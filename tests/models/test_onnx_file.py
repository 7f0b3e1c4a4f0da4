"""ONNX files: geometry as the format's rules resolve it, and every kind of bad input as one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from conformance import models
from conformance.domain.geometry import Sizes
from conformance.errors import InputError
from conformance.models import onnx_file
from conformance.models.layers import Model
from tests.models.made import X, complaint, conv, model, write


def read(path: Path, shapes: Mapping[str, Sizes] | None = None, external: bool = False) -> Model:
    return models.read(path, shapes or {}, external)


def pool(kind: str, **attributes: Any) -> Any:
    return helper.make_node(kind, ["x"], ["y"], name="p1", **attributes)


@pytest.mark.parametrize(
    ("attributes", "size", "pads", "output"),
    [
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, 32, (0, 1), 16),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, 33, (1, 1), 17),
        ({"auto_pad": "SAME_LOWER", "strides": [2, 2]}, 32, (1, 0), 16),
        ({"auto_pad": "SAME_UPPER", "dilations": [2, 2]}, 32, (2, 2), 32),
        ({"auto_pad": "VALID", "pads": [9, 9, 9, 9]}, 32, (0, 0), 30),
        ({"pads": [3, 3, 2, 2]}, 32, (3, 2), 35),
        ({"auto_pad": "NOTSET", "pads": [1, 1, 0, 0]}, 32, (1, 0), 31),
        ({}, 32, (0, 0), 30),
    ],
)
def test_a_convolutions_geometry(
    tmp_path: Path, attributes: dict[str, Any], size: int, pads: tuple[int, int], output: int
) -> None:
    (layer,) = read(write(tmp_path / "m.onnx", model(conv(**attributes), shape=(1, 4, size, size)))).layers
    assert layer.case.pads == (pads, pads)
    assert layer.case.output(layer.case.pads) == (output, output)
    assert (layer.case.channels, layer.case.filters, layer.name) == (4, 8, "c1")


def test_begins_come_before_ends(tmp_path: Path) -> None:
    (layer,) = read(write(tmp_path / "m.onnx", model(conv(pads=[1, 2, 3, 4])))).layers
    assert layer.case.pads == ((1, 3), (2, 4))


@pytest.mark.parametrize(
    ("attributes", "pads", "output"),
    [
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (0, 1), 64),
        ({"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (1, 0), 64),
        ({"pads": [1, 1, 1, 1], "output_padding": [1, 1], "strides": [2, 2]}, (1, 0), 64),
        ({"output_shape": [64, 64], "strides": [2, 2]}, (1, 0), 64),
    ],
)
def test_a_transposed_convolutions_geometry(
    tmp_path: Path, attributes: dict[str, Any], pads: tuple[int, int], output: int
) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="t1", **attributes)
    (layer,) = read(write(tmp_path / "m.onnx", model(node, weights={"w": (4, 6, 3, 3)}))).layers
    assert layer.case.pads == (pads, pads)
    assert layer.case.output(layer.case.pads) == (output, output)
    assert layer.case.filters == 6


def test_a_pools_geometry(tmp_path: Path) -> None:
    node = pool("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=1)
    (layer,) = read(write(tmp_path / "m.onnx", model(node))).layers
    assert layer.case.output(layer.case.pads) == (16, 16)
    assert layer.case.count_include_pad
    assert layer.case.channels == layer.case.filters == 4


@pytest.mark.parametrize("opset", [9, 13])
def test_a_pad_in_front_is_part_of_the_padding(tmp_path: Path, opset: int) -> None:
    amounts = [0, 0, 1, 2, 0, 0, 3, 4]
    if opset < 11:
        nodes = [helper.make_node("Pad", ["x"], ["p"], name="pad", pads=amounts)]
    else:
        tensor = helper.make_tensor("v", TensorProto.INT64, [8], amounts)
        nodes = [
            helper.make_node("Constant", [], ["a"], value=tensor),
            helper.make_node("Pad", ["x", "a"], ["p"], name="pad"),
        ]
    (layer,) = read(write(tmp_path / "m.onnx", model(*nodes, conv(source="p"), opset=opset))).layers
    assert layer.name == "pad + c1"
    assert layer.case.input == (32, 32)
    assert layer.case.pads == ((1, 3), (2, 4))
    assert layer.apart


def test_zeros_in_front_of_a_max_pool_are_no_padding_of_it(tmp_path: Path) -> None:
    nodes = [helper.make_node("Pad", ["x"], ["p"], pads=[0, 0, 1, 1, 0, 0, 1, 1]), pool("MaxPool", kernel_shape=[3, 3])]
    nodes[1].input[0] = "p"
    (layer,) = read(write(tmp_path / "m.onnx", model(*nodes, opset=9))).layers
    assert (layer.case.input, layer.case.pads) == ((34, 34), ((0, 0), (0, 0)))


def branches(then: Any) -> Any:
    result = [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)]
    other = helper.make_node("Identity", ["x"], ["r"])
    graphs = {
        "then_branch": helper.make_graph([then], "then", [], result),
        "else_branch": helper.make_graph([other], "else", [], result),
    }
    condition = helper.make_tensor("v", TensorProto.BOOL, [], [True])
    return helper.make_node("Constant", [], ["k"], value=condition), helper.make_node(
        "If", ["k"], ["y"], name="if1", **graphs
    )


def test_a_layer_inside_a_branch_is_read_with_the_shapes_around_it(tmp_path: Path) -> None:
    nodes = branches(conv(name="inner", result="r", auto_pad="SAME_UPPER", strides=[2, 2]))
    (layer,) = read(write(tmp_path / "m.onnx", model(*nodes))).layers
    assert layer.name == "if1/then/inner"
    assert layer.case.pads == ((0, 1), (0, 1))


def with_function() -> Any:
    body = [helper.make_node("Conv", ["a", "b"], ["c"], name="f1", auto_pad="SAME_UPPER", strides=[2, 2])]
    function = helper.make_function("acme", "Block", ["a", "b"], ["c"], body, [helper.make_opsetid("", 17)])
    made = model(helper.make_node("Block", ["x", "w"], ["y"], domain="acme", name="b1"), functions=[function])
    made.opset_import.append(helper.make_opsetid("acme", 1))
    return made


def test_a_layer_inside_a_function_is_read_where_it_is_called(tmp_path: Path) -> None:
    (layer,) = read(write(tmp_path / "m.onnx", with_function())).layers
    assert layer.case.pads == ((0, 1), (0, 1))


def test_operators_of_other_domains_are_named_as_not_read(tmp_path: Path) -> None:
    made = model(helper.make_node("FusedConv", ["x"], ["y"], domain="acme", name="q"))
    made.opset_import.append(helper.make_opsetid("acme", 1))
    found = read(write(tmp_path / "m.onnx", made))
    assert found.layers == ()
    assert found.unread == ("acme FusedConv q: another domain than ONNX's",)


def test_an_open_size_names_the_option_that_helps_and_the_option_does(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", model(conv(auto_pad="SAME_UPPER", strides=[2, 2]), shape=(None, 4, "H", "W")))
    with pytest.raises(InputError, match=r"c1: .* 'x' is \?,4,H,W; try: --shape x=1,4,224,224"):
        read(path)
    (layer,) = read(path, {"x": (1, 4, 30, 31)}).layers
    assert layer.case.pads == ((0, 1), (1, 1))


def test_an_open_batch_is_no_open_size(tmp_path: Path) -> None:
    (layer,) = read(write(tmp_path / "m.onnx", model(conv(), shape=("N", 4, 32, 32)))).layers
    assert layer.case.batch == 1


def test_a_shape_behind_an_operator_of_another_domain_can_be_given(tmp_path: Path) -> None:
    made = model(helper.make_node("Odd", ["x"], ["t"], domain="acme"), conv(source="t"))
    made.opset_import.append(helper.make_opsetid("acme", 1))
    path = write(tmp_path / "m.onnx", made)
    with pytest.raises(InputError, match="'t' is not known; try: --shape t="):
        read(path)
    assert read(path, {"t": (1, 4, 9, 9)}).layers[0].case.input == (9, 9)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"z": (1, 4, 9, 9)}, "--shape z: no such value; allowed: an input ('x')"),
        ({"x": (1, 4, 9)}, "--shape x: 3 sizes; allowed: 4"),
        ({"x": (1, 5, 9, 9)}, "--shape x: 5 where the model says 4; allowed: 4"),
    ],
)
def test_a_shape_that_the_model_contradicts(tmp_path: Path, shapes: dict[str, Sizes], message: str) -> None:
    path = write(tmp_path / "m.onnx", model(conv(), shape=(1, 4, "H", "W")))
    with pytest.raises(InputError) as error:
        read(path, shapes)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (model(conv(), shape=(1, 4, 2**40, 32)), "a dimension of 'x': 1099511627776; allowed: an integer from 0 to"),
        (model(conv(kernel_shape=[2**40, 3])), "kernel_shape: 1099511627776; allowed"),
        (model(conv(strides=[0, 1])), "strides: 0; allowed: an integer from 1"),
        (model(conv(pads=[-1, 0, 0, 0])), "pads: -1; allowed: an integer from 0"),
        (model(conv(pads=[1, 1])), "pads: 2 numbers; allowed: 4"),
        (model(conv(auto_pad="SIDEWAYS")), "auto_pad 'SIDEWAYS'; allowed: NOTSET, VALID, SAME_UPPER, SAME_LOWER"),
        (model(conv(strides=1.5)), "attribute strides of another type"),
        (model(conv(group=3)), "weights of shape"),
        (model(conv(), shape=(1, 4, 2, 32)), "a kernel that spans 3 on axis 0"),
        (model(conv(), shape=(1, 4)), "0 spatial axes; allowed: 1 to 3"),
    ],
)
def test_what_no_layer_can_have_is_one_sentence(tmp_path: Path, made: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        read(write(tmp_path / "m.onnx", made))
    assert message in str(error.value)
    assert "m.onnx" in str(error.value)
    assert "\n" not in str(error.value)


def test_auto_pad_of_a_transposed_convolution_before_opset_11_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])
    with pytest.raises(InputError, match="the odd element on the other side"):
        read(write(tmp_path / "m.onnx", model(node, weights={"w": (4, 6, 3, 3)}, opset=9)))


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    made = model(conv())
    values = helper.make_tensor("w2", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [9]))
    with pytest.raises(InputError, match="a sparse tensor, 'w2'; allowed: dense tensors"):
        read(write(tmp_path / "m.onnx", made))


def external(location: str) -> Any:
    made = model(conv())
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return made


def test_external_data_are_refused_until_they_are_allowed(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", external("w.bin"))
    with pytest.raises(InputError, match="external data of 'w'; allowed: with --allow-external-data"):
        read(path)
    with pytest.raises(InputError, match="which is not there"):
        read(path, external=True)
    (tmp_path / "w.bin").write_bytes(b"")
    assert len(read(path, external=True).layers) == 1


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "a/../../w.bin", "", "link.bin", "folder/w.bin"])
def test_external_data_lie_below_the_models_folder(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(b"x")
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    (folder / "folder").symlink_to(tmp_path)
    with pytest.raises(InputError, match=r"external data of 'w' at .*; allowed: a file"):
        read(write(folder / "m.onnx", external(location)), external=True)


def test_a_file_of_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.write(b"\x08\x08")
        file.truncate(2**31)
    with pytest.raises(InputError, match="2147483648 bytes; allowed: less than 2 GiB"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no graph or no opset"),
        (b"# a text file\n", "truncated, or no ONNX model"),
        (b"\x89HDF\r\n\x1a\n", "truncated, or no ONNX model"),
    ],
)
def test_a_foreign_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read(path)


MANY = model(
    conv(auto_pad="SAME_UPPER", result="a"),
    helper.make_node("MaxPool", ["a"], ["y"], name="p1", kernel_shape=[2, 2], pads=[0, 0, 1, 1]),
).SerializeToString()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_one_sentence_or_another_model(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(MANY)
    if data.draw(st.booleans(), "truncated"):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for place in data.draw(st.lists(st.integers(0, len(MANY) - 1), max_size=3)):
        if place < len(content):
            content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert "\n" not in complaint(path)


def test_large_weights_keep_their_shape_and_lose_their_values(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", model(conv(), shape=X, weights={"w": (8, 4, 33, 33)}))
    loaded = onnx_file.load(path, external=False)
    assert loaded.ByteSize() < 2000 < path.stat().st_size
    with pytest.raises(InputError, match="a kernel that spans 33"):
        read(path)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"output_shape": [66, 66], "strides": [2, 2], "output_padding": [1, 1]}, ""),
        ({"output_shape": [63, 63], "strides": [2, 2], "output_padding": [1, 1]}, "output_padding that moves the crop"),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2], "output_padding": [1, 1]}, "output_padding that moves the crop"),
    ],
)
def test_output_padding_beside_a_stated_output(tmp_path: Path, attributes: dict[str, Any], message: str) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="t1", **attributes)
    assert message in complaint(write(tmp_path / "m.onnx", model(node, weights={"w": (4, 6, 3, 3)})))
