"""The ``fix`` command, with its proofs in ONNX Runtime."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from conformance import fixing, tools
from conformance.errors import InputError
from conformance.models import rewrite
from conformance.render import fixed as shown
from tests.models.made import conv, model, write
from tests.models.test_onnx_file import branches, external, with_function
from tests.test_checking import command

MIXED = model(
    conv(name="c1", auto_pad="SAME_UPPER", strides=[2, 2], result="a"),
    helper.make_node("MaxPool", ["a"], ["b"], name="m1", kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
    helper.make_node("ConvTranspose", ["b", "v"], ["c"], name="t1", auto_pad="SAME_LOWER", strides=[2, 2]),
    helper.make_node("AveragePool", ["c"], ["y"], name="a1", kernel_shape=[2, 2], auto_pad="SAME_LOWER"),
    weights={"w": (8, 4, 3, 3), "v": (8, 6, 3, 3)},
)


def fix(path: Path, out: Path, target: str = "", **shapes: tuple[int, ...]) -> list[fixing.Proof]:
    return tools.fix(path, out, target, shapes, external=False)[1]


def run(path: Path, *size: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.random.default_rng(1).standard_normal(size).astype("float32")})[0]


def test_every_node_is_proved_and_the_model_computes_the_same(tmp_path: Path) -> None:
    path, out = write(tmp_path / "m.onnx", MIXED), tmp_path / "fixed.onnx"
    proofs = fix(path, out)
    assert [proof.change.layer.name for proof in proofs] == ["c1", "m1", "t1", "a1"]
    assert all(proof.holds and proof.equal and proof.geometry and not proof.otherwise for proof in proofs)
    named = [a.name for node in onnx.load(out).graph.node for a in node.attribute]
    assert named.count("pads") == 4
    assert "auto_pad" not in named
    assert np.array_equal(run(path, 1, 4, 32, 32), run(out, 1, 4, 32, 32))


def test_what_keras_cannot_hold_is_split_and_the_model_computes_the_same(tmp_path: Path) -> None:
    path, out = write(tmp_path / "m.onnx", MIXED), tmp_path / "fixed.onnx"
    made = model(*MIXED.graph.node[:3], weights={"w": (8, 4, 3, 3), "v": (8, 6, 3, 3)}, result="c")
    made.graph.node[0].attribute[0].s = b"SAME_LOWER"
    proofs = fix(write(path, made), out, "keras")
    assert all(proof.holds and proof.equal for proof in proofs)
    assert [node.op_type for node in onnx.load(out).graph.node if node.op_type != "Constant"] == [
        "Pad", "Conv", "MaxPool", "ConvTranspose", "Pad"
    ]  # fmt: skip
    np.testing.assert_array_equal(run(path, 1, 4, 32, 32), run(out, 1, 4, 32, 32))


@pytest.mark.parametrize(
    ("attributes", "otherwise"),
    [
        ({"strides": [5, 5], "kernel_shape": [1, 1]}, "pad-amount"),
        ({"dilations": [2, 2]}, "Dilation not supported for AutoPadType"),
    ],
)
def test_where_the_runtime_deviates_the_specification_is_written_and_said(
    tmp_path: Path, attributes: dict[str, Any], otherwise: str
) -> None:
    kernel = attributes.get("kernel_shape", [3, 3])
    made = model(conv(auto_pad="SAME_UPPER", **attributes), shape=(1, 4, 34, 34), weights={"w": (8, 4, *kernel)})
    path, out = write(tmp_path / "m.onnx", made), tmp_path / "fixed.onnx"
    planned, proofs = tools.fix(path, out, "", {}, external=False)
    (proof,) = proofs
    assert proof.holds
    assert not proof.equal
    assert proof.after.kind == "match"
    assert otherwise in proof.otherwise
    assert "the file now says what ONNX's text says" in shown.text(planned, proofs, out)
    assert out.is_file()


def test_a_wrong_rewrite_is_not_proved_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write(tmp_path / "m.onnx", model(conv(auto_pad="SAME_UPPER", strides=[2, 2]))), tmp_path / "fixed.onnx"
    edit = rewrite.edit

    def other_side(*arguments: Any) -> Any:
        made = edit(*arguments)
        return made and replace(made, pads=tuple((end, begin) for begin, end in made.pads))

    monkeypatch.setattr(rewrite, "edit", other_side)
    with pytest.raises(InputError, match="c1: cannot be written so that it reads the same"):
        fix(path, out)
    monkeypatch.setattr(fixing, "hold_geometry", lambda *_: None)
    planned, (proof,) = tools.fix(path, out, "", {}, external=False)
    assert not proof.holds
    assert not proof.geometry
    assert proof.after.causes == ("same-lower-for-upper",)
    assert "NOT PROVED" in shown.text(planned, [proof], out)
    assert not out.exists()


def test_grouped_layers_and_other_element_types_are_proved_by_their_geometry(tmp_path: Path) -> None:
    nodes = [
        conv(name="c1", auto_pad="SAME_UPPER", strides=[2, 2], group=64),
        helper.make_node("MaxPool", ["x"], ["z"], name="m1", kernel_shape=[2, 2], auto_pad="SAME_LOWER"),
    ]
    made = model(*nodes, shape=(2, 64, 30, 31), weights={"w": (128, 1, 3, 3)}, element=onnx.TensorProto.DOUBLE)
    proofs = fix(write(tmp_path / "m.onnx", made), tmp_path / "fixed.onnx")
    assert all(proof.holds and proof.equal for proof in proofs)
    assert (proofs[0].change.case.groups, proofs[0].change.case.depthwise) == (2, True)


def test_a_layer_inside_a_branch_is_rewritten_there(tmp_path: Path) -> None:
    nodes = branches(conv(name="inner", result="r", auto_pad="SAME_UPPER", strides=[2, 2]))
    path, out = write(tmp_path / "m.onnx", model(*nodes)), tmp_path / "fixed.onnx"
    (proof,) = fix(path, out, "torch")
    assert proof.holds
    kinds = {a.name: [node.op_type for node in a.g.node] for a in onnx.load(out).graph.node[1].attribute}
    assert kinds["then_branch"] == ["Constant", "Pad", "Conv"]
    assert np.array_equal(run(path, 1, 4, 32, 32), run(out, 1, 4, 32, 32))


def test_nodes_alike_are_proved_once(tmp_path: Path) -> None:
    nodes = [conv(name=f"c{n}", result=f"y{n}", auto_pad="SAME_UPPER", strides=[2, 2]) for n in range(5)]
    path = write(tmp_path / "m.onnx", model(*nodes, result="y0"))
    planned = fixing.prepare(path, "", {}, external=False, out=tmp_path / "fixed.onnx")
    with fixing.workbench(planned) as (_, jobs, names):
        assert len(jobs) == 2
        assert set(names.values()) == {"node0"}


def test_a_model_without_auto_pad_is_written_as_it_is(tmp_path: Path) -> None:
    path, out = write(tmp_path / "m.onnx", model(conv(pads=[1, 1, 0, 0]))), tmp_path / "fixed.onnx"
    assert fix(path, out) == []
    assert onnx.load(out) == onnx.load(path)


def test_open_sizes_are_refused_by_name_and_given_by_option(tmp_path: Path) -> None:
    made = model(conv(auto_pad="SAME_UPPER", strides=[2, 2]), shape=(1, 4, "H", "W"))
    path, out = write(tmp_path / "m.onnx", made), tmp_path / "fixed.onnx"
    done = command("fix", path, "-o", out)
    assert (done.returncode, out.exists()) == (4, False)
    assert "try: --shape x=1,4,224,224" in done.stderr
    done = command("fix", path, "-o", out, "--shape", "x=1,4,32,32")
    assert done.returncode == 0, done.stderr
    assert "with x as 1x4x32x32: for other sizes these pads may be wrong" in done.stdout
    assert onnx.load(out).graph.input == made.graph.input


def test_a_function_with_padding_is_refused_by_name(tmp_path: Path) -> None:
    made = with_function()
    with pytest.raises(InputError, match=r"Conv inside the function 'Block'.*inline_local_functions"):
        fix(write(tmp_path / "m.onnx", made), tmp_path / "fixed.onnx")
    nodes = branches(made.functions[0].node[0])
    del made.functions[0].node[:]
    made.functions[0].node.extend(nodes)
    with pytest.raises(InputError, match=r"Conv inside the function 'Block'.*inline_local_functions"):
        fix(write(tmp_path / "m.onnx", made), tmp_path / "fixed.onnx")


def test_what_is_not_read_is_left_and_named(tmp_path: Path) -> None:
    node = helper.make_node("LpPool", ["x"], ["y"], name="l1", kernel_shape=[2, 2], auto_pad="SAME_UPPER")
    path, out = write(tmp_path / "m.onnx", model(node)), tmp_path / "fixed.onnx"
    planned, proofs = tools.fix(path, out, "", {}, external=False)
    assert "left as it is: LpPool l1: no case has this operator" in shown.text(planned, proofs, out)
    assert onnx.load(out) == onnx.load(path)


def test_external_data_stay_where_they_are(tmp_path: Path) -> None:
    made = external("w.bin")
    made.graph.node[0].attribute.append(helper.make_attribute("auto_pad", "SAME_UPPER"))
    path = write(tmp_path / "m.onnx", made)
    (tmp_path / "w.bin").write_bytes(np.ones((8, 4, 3, 3), "float32").tobytes())
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="a file in the model's folder"):
        tools.fix(path, tmp_path / "other" / "fixed.onnx", "", {}, external=True)
    _, (proof,) = tools.fix(path, tmp_path / "fixed.onnx", "", {}, external=True)
    assert proof.holds
    assert np.array_equal(run(path, 1, 4, 32, 32), run(tmp_path / "fixed.onnx", 1, 4, 32, 32))


def test_the_model_itself_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", MIXED)
    with pytest.raises(InputError, match="the model itself; allowed: another file"):
        fix(path, path)


def test_nothing_is_left_beside_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", model(conv(pads=[1, 1, 0, 0])))
    out = tmp_path / "folder"
    out.mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        fix(path, out)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "m.onnx"]


def test_without_onnxruntime_a_rewrite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.environments.installed", lambda runner: {"onnx": "1"})
    with pytest.raises(InputError, match="the proof needs onnxruntime, which is not installed; try: python -m pip"):
        fix(write(tmp_path / "m.onnx", MIXED), tmp_path / "fixed.onnx")
    assert not (tmp_path / "fixed.onnx").exists()


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path, out = write(tmp_path / "m.onnx", model(conv(), weights={"w": (64, 4, 16, 16)})), tmp_path / "fixed.onnx"
    out.write_text("what was there", "utf-8")
    limited = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        f"sys.argv = ['conformance', 'fix', {str(path)!r}, '-o', {str(out)!r}]\nfrom conformance import cli\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.strip()) == (4, f"error: {out}: cannot be written: File too large")
    assert out.read_text("utf-8") == "what was there"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fixed.onnx", "m.onnx"]
