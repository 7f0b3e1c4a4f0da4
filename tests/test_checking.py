"""The ``check`` command, from a file to text, JSON, a page, an exit status, and cases that the suite runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from conformance import cases, checking, journal, pipeline
from conformance.errors import InputError
from conformance.models import layers
from conformance.render import checked as shown
from tests.models.made import archive, conv, conv2d, model, sequential, write

RESNET = model(
    conv(name="conv1", strides=[2, 2], pads=[3, 3, 3, 3], result="a"),
    helper.make_node("MaxPool", ["a"], ["b"], name="pool1", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    helper.make_node("Conv", ["b", "v"], ["y"], name="conv2", pads=[1, 1, 1, 1]),
    shape=(1, 3, 224, 224),
    weights={"w": (8, 3, 7, 7), "v": (8, 8, 3, 3)},
)


@pytest.fixture
def resnet(tmp_path: Path) -> Path:
    return write(tmp_path / "resnet.onnx", RESNET)


def check(path: Path, *targets: str) -> checking.Checked:
    return checking.check(path, targets, (), external=False)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "conformance", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr
    return done


def test_a_line_a_layer_says_where_a_habit_parts(resnet: Path) -> None:
    lines = shown.text(check(resnet, "keras")).splitlines()
    assert lines[0] == "layer conv1, 224 → 112, k 7, s 2: pads (3,3); Keras `same` would pad (2,3): one pixel off"
    assert lines[1].startswith("    write: keras.Sequential([keras.layers.ZeroPadding2D(((3, 3), (3, 3)))")
    assert [line for line in lines[2:] if "write:" not in line] == [
        "layer pool1, 112 → 56, k 3, s 2: pads (1,1); Keras `same` would pad (0,1): one pixel off",
        "layer conv2, 56 → 56, k 3: pads (1,1)",
        "resnet.onnx, ONNX: 3 padded operators, 2 part from the habits of keras",
    ]


def test_targets_of_one_habit_share_a_line(resnet: Path) -> None:
    text = shown.text(check(resnet))
    assert "Keras `same` and TensorFlow `SAME` and TFLite `SAME` would pad (2,3): one pixel off" in text


def test_a_model_from_keras_parts_from_pytorch(tmp_path: Path) -> None:
    found = check(archive(tmp_path / "m.keras", sequential(conv2d("c1"))), "torch", "keras")
    (row,) = found.rows
    assert [hazard.target.name for hazard in row.hazards] == ["torch"]
    assert "F.pad(x, (0, 1, 0, 1))" in row.hazards[0].write


def test_json_has_every_layer_and_its_hazards(resnet: Path) -> None:
    found = json.loads(shown.as_json(check(resnet, "keras", "torch")))
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "pool1", "conv2"]
    first = found["layers"][0]
    assert (first["pads"], first["output"], first["padding"]) == ([[3, 3], [3, 3]], [112, 112], [[3, 3], [3, 3]])
    (hazard,) = first["hazards"]
    assert (hazard["target"], hazard["pads"], hazard["off"], hazard["silent"]) == ("keras", [[2, 3], [2, 3]], 1, True)
    assert (found["parted"], found["targets"], found["format"]) == (2, ["keras", "torch"], "ONNX")


def test_the_page_escapes_names_and_draws_the_difference(tmp_path: Path) -> None:
    made = model(conv(name="<script>alert(1)</script>", strides=[2, 2], pads=[1, 1, 1, 1]))
    page = shown.html(check(write(tmp_path / "m.onnx", made), "keras"))
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<svg") == 1
    assert "declared: pads 0 and 1, 16 windows" in page


def test_a_known_deviation_of_the_target_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", model(conv(auto_pad="SAME_UPPER", dilations=[2, 2])))
    (row,) = check(path, "onnx").rows
    (target, entry), *_ = row.known
    assert (target.name, entry.verdict) == ("onnx", "unsupported")
    assert "ComputePad refuses SAME with a dilation" in shown.text(check(path, "onnx"))
    explicit = write(tmp_path / "n.onnx", model(conv(pads=[2, 2, 2, 2], dilations=[2, 2])))
    assert check(explicit, "onnx").parted == []


def test_a_pad_of_its_own_is_no_hazard(tmp_path: Path) -> None:
    nodes = [helper.make_node("Pad", ["x"], ["p"], name="pad", pads=[0, 0, 1, 1, 0, 0, 1, 1]), conv(source="p")]
    nodes[1].attribute.append(helper.make_attribute("strides", [2, 2]))
    found = check(write(tmp_path / "m.onnx", model(*nodes, opset=9)), "keras")
    assert "layer pad + c1, 32 → 16, k 3, s 2: pads (1,1)" in shown.text(found)
    assert found.parted == []


def test_strict_turns_a_hazard_into_exit_status_1(resnet: Path) -> None:
    assert command("check", resnet, "--to", "keras").returncode == 0
    assert command("check", resnet, "--to", "keras", "--strict").returncode == 1
    assert command("check", resnet, "--to", "torch", "--strict").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "mxnet"], "target 'mxnet'; allowed: keras"),
        (["--shape", "x"], "--shape 'x'; allowed: NAME=SIZES"),
        (["--shape", "x=1,3,-4"], "allowed: NAME=SIZES"),
        (["--shape", "x=1,3,99999999999,9"], "--shape x: 99999999999; allowed: an integer from 1"),
        (["--format", "xml"], "xml"),
    ],
)
def test_bad_usage_is_exit_status_4(resnet: Path, arguments: list[str], message: str) -> None:
    done = command("check", resnet, *arguments)
    assert done.returncode == 4
    assert message in done.stderr


def test_bad_input_is_one_sentence_and_exit_status_4(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(RESNET.SerializeToString()[:-200])
    done = command("check", path)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.count("\n") == 1
    assert "truncated, or no ONNX model" in done.stderr


def test_no_framework_loads_for_an_onnx_file(resnet: Path) -> None:
    code = (
        "import sys\nfrom conformance import cli\n"
        f"cli.commands.main(['check', {str(resnet)!r}], standalone_mode=False)\n"
        "print(sorted({'torch', 'tensorflow', 'keras', 'onnxruntime'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr.strip() == "[]"


def test_saved_cases_are_the_models_layers_once_each(tmp_path: Path, resnet: Path) -> None:
    folder = tmp_path / "saved"
    twice = model(*RESNET.graph.node, conv(name="conv9", strides=[2, 2], pads=[3, 3, 3, 3], result="z"))
    path = write(tmp_path / "Big Model.onnx", with_weights(twice))
    found = check(path)
    saved = checking.save(found.model, folder)
    assert (saved.path.name, saved.cases, saved.left) == ("big-model.yaml", 3, ())
    loaded = cases.load([folder])
    assert [case.id for case in loaded] == ["big-model/conv1", "big-model/pool1", "big-model/conv2"]
    assert loaded[0].note == "Conv: conv1, conv9"
    for case, (wanted, _) in zip(loaded, layers.distinct(found.model.layers), strict=True):
        assert layers.configuration(case) == wanted


def with_weights(made: Any) -> Any:
    del made.graph.initializer[:], made.graph.input[:]
    made.graph.initializer.extend(RESNET.graph.initializer)
    made.graph.input.extend(RESNET.graph.input)
    return made


def test_the_suite_runs_the_saved_cases(tmp_path: Path, resnet: Path) -> None:
    folder = tmp_path / "saved"
    assert command("check", resnet, "--save-cases", folder).returncode == 0
    options = pipeline.Options(paths=(folder,), runners=("torch", "onnxruntime", "keras"), out=tmp_path / "run")
    assert pipeline.run(options).status == 0
    verdicts = {(r["case"], r["runner"], r["variant"]): r["verdict"] for r in journal.read(tmp_path / "run").results}
    assert verdicts["resnet/conv1", "torch", "explicit"] == "match"
    assert verdicts["resnet/conv1", "keras", "same"] == "hazard"
    assert verdicts["resnet/conv1", "keras", "zeropad"] == "match"
    assert verdicts["resnet/conv2", "keras", "same"] == "match"


def test_what_no_case_file_can_hold_is_left_out_by_name(tmp_path: Path) -> None:
    lonely = helper.make_node("AveragePool", ["x"], ["y"], name="odd", kernel_shape=[2, 2], pads=[2, 2, 2, 2])
    found = check(write(tmp_path / "m.onnx", model(lonely)))
    saved = checking.save(found.model, tmp_path / "saved")
    assert saved.cases == 0
    assert saved.left[0].startswith("odd: padding: (2, 2) around 32; allowed: pads with which every window meets")
    assert not (tmp_path / "saved").exists()


def test_a_case_says_whose_rule_it_asks_for_where_they_differ(tmp_path: Path) -> None:
    pool = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1, 1], strides=[3, 3], ceil_mode=1)
    found = check(write(tmp_path / "m.onnx", model(pool, shape=(1, 4, 33, 33))))
    assert checking.save(found.model, tmp_path).left == ()
    (case,) = cases.load([tmp_path / "m.yaml"])
    assert (case.spec, case.output(case.pads)) == ("onnx", (11, 11))


def test_half_precision_is_kept_and_sums_too_long_for_integers_get_real_values(tmp_path: Path) -> None:
    made = model(conv(pads=[1] * 4), shape=(1, 512, 8, 8), weights={"w": (4, 512, 3, 3)}, element=TensorProto.FLOAT16)
    found = check(write(tmp_path / "m.onnx", made))
    assert checking.save(found.model, tmp_path).cases == 1
    (case,) = cases.load([tmp_path / "m.yaml"])
    assert (case.dtype, case.data) == ("float16", "normal")


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, resnet: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", "utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        checking.save(check(resnet).model, blocked)
