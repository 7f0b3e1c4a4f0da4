"""``.keras`` archives: sizes followed through a model, and code refused without being run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance import models
from conformance.domain.geometry import Sizes
from conformance.errors import InputError
from conformance.models.layers import Model
from tests.models.made import archive, complaint, conv2d, layer, sequential


def read(path: Path, **shapes: Sizes) -> Model:
    return models.read(path, shapes)


def test_sizes_go_through_a_sequential_model(tmp_path: Path) -> None:
    config = sequential(
        conv2d("c1"),
        layer("ReLU", "r1"),
        layer("MaxPooling2D", "p1", pool_size=[3, 3], strides=[2, 2], padding="same"),
        layer("Conv2DTranspose", "t1", filters=5, kernel_size=[3, 3], strides=[2, 2], padding="same", use_bias=False),
    )
    first, second, third = read(archive(tmp_path / "m.keras", config)).layers
    assert (first.case.input, first.case.pads, first.case.bias) == ((32, 32), ((0, 1), (0, 1)), True)
    assert (second.case.op, second.case.input, second.case.channels) == ("max_pool", (16, 16), 8)
    assert (third.case.op, third.case.input, third.case.channels, third.case.filters) == (
        "conv_transpose",
        (8, 8),
        8,
        5,
    )
    assert third.case.pads == ((0, 1), (0, 1))


def test_a_depthwise_layer_has_a_group_a_channel(tmp_path: Path) -> None:
    config = sequential(
        layer("DepthwiseConv2D", "d1", kernel_size=[3, 3], depth_multiplier=2, padding="valid", use_bias=False),
        layer(
            "SeparableConv2D", "s1", kernel_size=[3, 3], depth_multiplier=1, filters=9, padding="same", use_bias=True
        ),
        conv2d("c1"),
    )
    first, second, third = read(archive(tmp_path / "m.keras", config)).layers
    assert (first.case.groups, first.case.filters) == (3, 6)
    assert (second.case.groups, second.case.filters, second.case.bias) == (6, 6, False)
    assert third.case.channels == 9


def test_channels_first(tmp_path: Path) -> None:
    config = sequential(conv2d("c1", data_format="channels_first"), shape=(None, 3, 20, 30))
    (found,) = read(archive(tmp_path / "m.keras", config)).layers
    assert (found.case.channels, found.case.input) == (3, (20, 30))


def test_zero_padding_and_a_valid_layer_are_one_padding(tmp_path: Path) -> None:
    pad = layer("ZeroPadding2D", "z1", padding=[[1, 2], [3, 4]], data_format="channels_last")
    config = sequential(pad, conv2d("c1", padding="valid"))
    (found,) = read(archive(tmp_path / "m.keras", config)).layers
    assert (found.name, found.operator) == ("z1 + c1", "ZeroPadding2D + Conv2D")
    assert (found.case.input, found.case.pads) == ((32, 32), ((1, 2), (3, 4)))


def called_with(name: str, shape: list[int | None]) -> list[Any]:
    history = {"class_name": "__keras_tensor__", "config": {"shape": shape, "keras_history": [name, 0, 0]}}
    return [{"args": [history], "kwargs": {}}]


def functional(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": {"layers": list(layers)}}


def test_a_functional_model_states_what_each_layer_is_called_with(tmp_path: Path) -> None:
    first = layer("InputLayer", "x", batch_shape=[None, 32, 32, 3])
    pool = layer("AveragePooling2D", "p1", pool_size=[2, 2], strides=None, padding="same")
    pool["inbound_nodes"] = called_with("x", [None, 15, 17, 3])
    (found,) = read(archive(tmp_path / "m.keras", functional(first, pool))).layers
    assert (found.case.input, found.case.stride, found.case.channels) == ((15, 17), (2, 2), 3)
    assert found.case.pads == ((0, 1), (0, 1))


def test_an_open_size_names_the_option_that_helps_and_the_option_does(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", sequential(conv2d("c1"), conv2d("c2"), shape=(None, None, None, 3)))
    with pytest.raises(InputError, match="try: --shape input=1,224,224,3"):
        read(path)
    first, second = read(path, input=(1, 20, 30, 3)).layers
    assert (first.case.input, second.case.input) == ((20, 30), (10, 15))
    with pytest.raises(InputError, match="--shape nothing: no such input; allowed: input"):
        read(archive(tmp_path / "n.keras", sequential(conv2d("c1"))), nothing=(1, 20, 30, 3))


def test_a_model_inside_another_has_the_size_that_it_is_called_with(tmp_path: Path) -> None:
    open_sizes: list[int | None] = [None, None, None, 3]
    first, second = conv2d("c1"), conv2d("c2")
    added = layer("Add", "a1")
    first["inbound_nodes"] = called_with("x", open_sizes)
    added["inbound_nodes"] = called_with("c1", [None, None, None, 8])
    second["inbound_nodes"] = called_with("a1", [None, None, None, 8])
    inner = functional(layer("InputLayer", "x", batch_shape=open_sizes), first, added, second)
    inner["config"]["name"] = "inner"
    one, two = read(archive(tmp_path / "m.keras", sequential(inner, shape=(None, 30, 20, 3)))).layers
    assert (one.name, one.case.input, two.case.input) == ("inner/c1", (30, 20), (15, 10))


LAMBDA = layer("Lambda", "l1", function={"class_name": "__lambda__", "config": {"code": "4wEAAA=="}})
OWN = {"module": None, "class_name": "My", "config": {"name": "my"}, "registered_name": "acme>My"}
THEIRS = {"module": "acme.layers", "class_name": "My", "config": {"name": "my"}, "registered_name": "My"}
PICKLED = layer("Activation", "a1", activation={"module": "builtins", "class_name": "function", "config": "f"})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (LAMBDA, "layer 'l1' holds code"),
        (OWN, "layer 'my' is of a class of its own, 'acme>My'"),
        (THEIRS, "layer 'my' is of a class of its own, 'acme.layers.My'"),
        (PICKLED, "layer 'a1' holds code"),
        (conv2d("c1", kernel_regularizer=OWN), "of a class of its own"),
    ],
)
def test_code_is_refused(tmp_path: Path, bad: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(archive(tmp_path / "m.keras", sequential(conv2d("c0"), bad)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"strides": [0, 2]}, "strides: 0; allowed: an integer from 1"),
        ({"kernel_size": [2**40, 3]}, "kernel_size: 1099511627776"),
        ({"kernel_size": "3"}, "kernel_size: 3; allowed: an integer"),
        ({"padding": "sideways"}, "padding 'sideways'; allowed: valid, same"),
        ({"groups": 2}, "2 groups with 3 channels; allowed: a divisor"),
        ({"padding": "valid", "kernel_size": [99, 99]}, "a kernel that spans 99"),
    ],
)
def test_what_no_layer_can_have_is_one_sentence(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        read(archive(tmp_path / "m.keras", sequential(conv2d("c1", **changed))))
    assert message in str(error.value)
    assert "m.keras: c1" in str(error.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"not JSON", "truncated, or no .keras file"),
        (b"[1]", "holds no model"),
        (b"[" * 100_000, "nested too deep|truncated"),
        ({"class_name": "Mine", "config": {}}, "a model of class 'Mine'; allowed: Functional, Sequential"),
        ({"class_name": "Sequential", "config": {"layers": 7}}, "without a list of layers"),
    ],
)
def test_an_archive_of_something_else(tmp_path: Path, config: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(archive(tmp_path / "m.keras", config))


def test_an_archive_without_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("weights", "")
    with pytest.raises(InputError, match=r"a zip archive without config.json"):
        read(path)


def test_a_configuration_that_unpacks_without_end_is_not_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", b" " * (2**26 + 1))
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match="of more than 64 MiB"):
        read(path)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_one_sentence_or_another_model(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(archive(tmp_path / "whole.keras", sequential(conv2d("c1"), conv2d("c2"))).read_bytes())
    end = data.draw(st.integers(8, len(content)))
    for place in data.draw(st.lists(st.integers(4, len(content) - 1), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "m.keras"
    path.write_bytes(content[:end])
    assert "\n" not in complaint(path)


def test_nothing_of_the_archive_but_the_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(sequential(conv2d("c1"))))
        file.writestr("../outside", "x")
    assert len(read(path).layers) == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.keras"]
