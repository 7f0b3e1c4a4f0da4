"""The real frameworks through the engine: what they do is what the shipped expectations say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from conformance import cases, gate, journal, pipeline, plan, render, runners
from conformance.domain.case import DTYPES, Case
from conformance.explanation import targets
from conformance.pipeline import Finished, Options
from conformance.runners.contract import Runner, Weights
from conformance.selection import select_cases
from tests.fakes import ROOT

EXPRESSION = " or ".join(
    [
        "fixed-padding/i6",
        "keras-same-stride/k3-s2-i64",
        "torch-k3-s2-p1-i6x6",
        "conv1d/same-i8-k4-s2-d",
        "conv1d/same_lower-i7-k2-s1-d",
        "conv1d/causal-i8-k3-s1-d",
        "conv1d/fixed-i8-k3-s2",
        "conv1d/pads3.1-k3-s1-d",
        "conv1d/groups2-same",
        "conv2d/same-i7x10-k3x2-s2x",
        "conv2d/same_lower-i8x8-k2-s1",
        "conv2d/fixed-i7x7-k3-s2",
        "conv2d/same-i9x9-k3-d1x2",
        "conv2d/same-k2-s2-d2",
        "conv2d/pads1.0x2.3-k3-s1",
        "conv2d/pads0.1x0.1-k3x2-s2",
        "conv2d/bias-same-f8-i6x8",
        "conv2d/groups2-same-k2x3-s2",
        "conv2d/depthwise-x6-same-s2-d1",
        "conv2d/depthwise-x3-1.1x1.1-s2-d2",
        "conv2d/batch16-same-s1",
        "conv2d/normal-same-s2-c3",
        "conv2d/float64-same-s2",
        "numeric/bfloat16-s1-b16",
        "numeric/bfloat16-bias-0.1x1.0",
        "numeric/bfloat16-groups-dilated",
        "numeric/bfloat16-1d",
        "numeric/float16-depthwise",
        "numeric/float16-s2-b1",
        "numeric/lattice-bfloat16-same-s1",
        "conv3d/same-k3x2x1-s2",
        "conv3d/1.0x2.1x0.1-k2-s1",
        "conv3d/same-groups2-s1",
        "conv3d/same-s2-d2",
    ]
)
"""Some forty cases: every rank, padding kind and refusal, few enough for every runner in a minute."""

CASES = select_cases(cases.load(), EXPRESSION)


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The selected cases through every core runner."""
    out = tmp_path_factory.mktemp("ordered") / "run"
    return pipeline.run(Options(expression=EXPRESSION, require=tuple(runners.CORE), out=out))


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same in another order, with other neighbours, but for the slowest exporter."""
    out = tmp_path_factory.mktemp("shuffled") / "run"
    names = [name for name in runners.CORE if name != "onnx2keras"]
    names += [f"onnx2keras/{name}" for name in runners.load("onnx2keras").variants if "dynamo" not in name]
    return pipeline.run(Options(expression=EXPRESSION, runners=tuple(names), out=out, shuffle=11))


def of(finished: Finished, runner: str, variant: str = "") -> dict[str, dict[str, Any]]:
    """The results of a runner's variant by case, or of all its variants by case and variant."""
    return {
        result["case"] if variant else f"{result['case']} {result['variant']}": result
        for result in finished.run.results
        if result["runner"] == runner and variant in ("", result["variant"])
    }


def test_the_gate_holds(ordered: Finished) -> None:
    failing = [result for result in ordered.run.results if result["gate"] in gate.failing([result["gate"]])]
    assert failing == []
    assert ordered.run.complete
    assert ordered.status == 0


@pytest.mark.parametrize("name", runners.CORE)
def test_a_runner_does_what_its_expectations_say_and_nothing_else(ordered: Finished, name: str) -> None:
    found = of(ordered, name)
    planned = plan.plan(CASES, plan.select_runners([name]))
    assert set(found) == {f"{job.case.id} {job.variant}" for job in planned}
    assert len({job.case.id for job in planned}) >= {"tf1": 15, "torch-onnx": 0}.get(name, 35)
    assert {result["gate"] for result in found.values()} <= {"ok", "known"}
    assert {result["verdict"] for result in found.values()} <= {"match", "hazard", "mismatch", "unsupported", "error"}
    assert all(result["verdict"] in ("match", "hazard") for result in found.values() if result["gate"] == "ok")
    assert name == "torch-onnx" or sum(result["verdict"] == "match" for result in found.values()) >= 10


def strided_and_dilated(case: Case) -> bool:
    """What Keras' convolution layers refuse."""
    return max(case.stride) > 1 and max(case.dilation) > 1 and not case.depthwise


@pytest.mark.parametrize(
    ("runner", "variant", "refuses"),
    [
        ("torch", "explicit", lambda case: False),
        ("keras", "zeropad", strided_and_dilated),
        ("onnxruntime", "pads", lambda case: case.dtype in ("float64", "bfloat16")),
    ],
    ids=["torch", "keras", "onnxruntime"],
)
def test_what_is_written_out_is_right_wherever_it_is_not_refused(
    ordered: Finished, runner: str, variant: str, refuses: Callable[[Case], bool]
) -> None:
    found = {name: result["verdict"] for name, result in of(ordered, runner, variant).items()}
    assert found == {case.id: "unsupported" if refuses(case) else "match" for case in CASES}


def test_sums_that_tensorflow_keeps_in_float16_are_accepted_and_named(ordered: Finished) -> None:
    """Eigen's kernels do; oneDNN's do not, on CPUs for which it has float16 (``IsDataTypeSupportedByOneDNNOnThisCPU``,
    tensorflow/core/util/util.cc).
    """
    flags = Path("/proc/cpuinfo").read_text("utf-8").split()
    named = None if {"avx512_fp16", "avx_ne_convert"}.intersection(flags) else "narrow-sums"
    for runner, variant in (
        ("tensorflow", "same"),
        ("tensorflow", "explicit"),
        ("keras", "same"),
        ("keras", "zeropad"),
    ):
        result = of(ordered, runner, variant)["sweeps/numeric/float16-depthwise-b16"]
        assert (result["verdict"], result.get("algorithm"), result["gate"]) == ("match", named, "ok")


def test_the_first_question_fixed_padding(ordered: Finished) -> None:
    for suffix in ("", "-channels-first"):
        same, fixed = of(ordered, "tf1", f"same{suffix}"), of(ordered, "tf1", f"fixed{suffix}")
        assert same["seeds/fixed-padding/i6-same"]["verdict"] == "match"
        assert fixed["seeds/fixed-padding/i6-fixed"]["verdict"] == "match"
        assert same["seeds/fixed-padding/i6-fixed"]["verdict"] == "hazard"
        assert same["seeds/fixed-padding/i6-fixed"]["causes"] == ["same-for-explicit"]
        assert fixed["seeds/fixed-padding/i6-same"]["verdict"] == "hazard"
    assert of(ordered, "tf1", "fixed")["seeds/fixed-padding/i6-same"]["effective"] == [[1, 0], [1, 0]]


def test_the_second_question_same_with_a_stride(ordered: Finished) -> None:
    case = "seeds/keras-same-stride/k3-s2-i64"
    assert of(ordered, "keras", "same")[case]["verdict"] == "match"
    assert of(ordered, "tensorflow", "same")[case]["verdict"] == "match"
    habit = of(ordered, "torch", "symmetric")[case]
    assert (habit["verdict"], habit["causes"]) == ("hazard", ["symmetric-for-asymmetric"])
    refused = of(ordered, "torch", "same")[case]
    assert refused["verdict"] == "unsupported"
    assert "padding='same' is not supported for strided convolutions" in refused["failure"]["message"]


def test_the_third_question_the_converter_and_its_negative_control(ordered: Finished) -> None:
    case = "seeds/onnx2keras-same/torch-k3-s2-p1-i6x6"
    for variant in (
        "pads",
        "pads-change-ordering",
        "torch-export",
        "torch-export-change-ordering",
        "torch-export-dynamo",
    ):
        assert of(ordered, "onnx2keras", variant)[case]["verdict"] == "match", variant
    for variant in ("pads", "pads-change-ordering"):
        patched = of(ordered, "onnx2keras-same", variant)[case]
        assert (patched["verdict"], patched["causes"]) == ("mismatch", ["same-for-explicit"]), variant
        assert patched["declared"] == [[1, 1], [1, 1]]
    assert ordered.run.header["runners"]["onnx2keras-same"]["control"]


def test_a_dropped_bias_an_ignored_dilation_and_another_padding_are_named_together(ordered: Finished) -> None:
    found = of(ordered, "onnx2keras", "pads")["sweeps/conv1d/same_lower-i7-k2-s1-d2"]
    assert any(
        set(causes) == {"bias-dropped", "dilation-ignored", "same-for-explicit"}
        for causes in [found["causes"], *found.get("alternatives", ())]
    )


def test_a_shuffled_run_gives_the_same_verdicts(ordered: Finished, shuffled: Finished) -> None:
    def verdicts(finished: Finished) -> dict[tuple[str, str, str], str]:
        left_out = ("seconds", "failure")
        return {
            (result["case"], result["runner"], result["variant"]): json.dumps(
                {name: value for name, value in result.items() if name not in left_out}, sort_keys=True
            )
            for result in finished.run.results
            if "dynamo" not in result["variant"]
        }

    assert [result["case"] for result in shuffled.run.results] != [result["case"] for result in ordered.run.results]
    assert verdicts(shuffled) == verdicts(ordered)
    assert shuffled.status == ordered.status


REFUSED_BETWEEN = """\
schema: 1
title: refused conversions between good ones
defaults: {op: conv, input: [7, 8], kernel: 3, channels: 3, filters: 4, padding: 1}
cases:
  - {name: a-good, stride: 2}
  - {name: b-refused, stride: 2, dilation: 2}
  - {name: c-good, stride: 2}
  - {name: d-good, dilation: 2}
  - {name: e-refused, stride: 2, dilation: 2, seed: 1}
  - {name: f-good, stride: [1, 2], padding: [[0, 1], [1, 0]]}
"""


def test_a_refused_conversion_does_not_falsify_the_next_job(tmp_path: Path) -> None:
    """onnx2keras leaves Keras in ``channels_first`` when it raises: it has to be put back before the next one."""
    path = tmp_path / "between.yaml"
    path.write_text(REFUSED_BETWEEN)
    wanted = tuple(f"tests.fakes:WatchesKeras/{variant}" for variant in ("pads", "pads-change-ordering"))
    finished = pipeline.run(Options((path,), wanted, out=tmp_path / "run", jobs=1))
    assert [(result["case"], result["variant"], result["verdict"]) for result in finished.run.results] == [
        (f"between/{name}", variant, "unsupported" if "refused" in name else "match")
        for name in ("a-good", "b-refused", "c-good", "d-good", "e-refused", "f-good")
        for variant in ("pads", "pads-change-ordering")
    ]


class SeenError(Exception):
    """Carries the code that a runner was about to execute."""


EXECUTED = {
    ("torch", "module"): ("onnx2keras", "torch-export"),
    ("torch", "explicit"): ("torch", "explicit"),
    ("tensorflow", "same"): ("tensorflow", "same"),
    ("tensorflow", "explicit"): ("tensorflow", "explicit"),
    ("keras", "same"): ("keras", "same"),
    ("keras", "zeropad"): ("keras", "zeropad"),
    ("keras", "causal"): ("keras", "causal"),
    ("jax", "named"): ("conformance.runners.jax:Jax", "named"),
    ("jax", "explicit"): ("conformance.runners.jax:Jax", "explicit"),
    ("onnx", "pads"): ("onnxruntime", "pads"),
}
"""The variant of a snippet -> the runner and variant that execute its text."""


@pytest.mark.parametrize("name", [name for name in targets.TARGETS if name != "caffe"])
def test_what_explain_prints_is_what_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frameworks are stand-ins: all that counts is the text that ``build`` has evaluated."""

    def evaluate(self: Runner, code: str, arguments: str = "") -> Any:
        raise SeenError(code)

    monkeypatch.setattr(Runner, "evaluate", evaluate)
    told = 0
    for case in CASES:
        found = targets.snippet(case, name)
        if not found.code:
            continue
        spec, variant = EXECUTED[name, found.variant]
        runner = runners.load(spec)
        runner.tf = runner.torch = MagicMock()  # type: ignore[attr-defined]
        with pytest.raises(SeenError) as seen:
            runner.build(case, variant, Weights(MagicMock(), None))
        assert found.code.count(str(seen.value)) == 1
        told += 1
    assert told >= 20


def test_a_spelling_is_evaluated_as_it_stands() -> None:
    class Plain(Runner):
        preamble = "import math\ndef twice(x): return 2 * x"

    assert Plain().evaluate("twice(math.floor(x) + y)", "x, y")(1.5, 3) == 8
    assert Plain().evaluate("math.pi > 3") is True


def test_the_journal_keeps_the_code_of_what_did_not_match(ordered: Finished) -> None:
    spelled = {job.key: job.spelling.code for job in plan.plan(CASES, plan.select_runners())}
    failing = [result for result in ordered.run.results if result["verdict"] != "match"]
    assert len(failing) > 100
    for result in failing:
        assert result["code"] == spelled[result["case"], result["runner"], result["variant"]]


def test_a_run_says_what_its_journal_says(ordered: Finished) -> None:
    """To the byte of every report, with verdicts of every kind that a real run has."""
    again = journal.read(ordered.run.folder)
    assert again == ordered.run
    assert {"match", "hazard", "mismatch", "error", "unsupported"} <= {each["verdict"] for each in again.results}
    before = {path.name: path.read_bytes() for path in ordered.run.folder.iterdir()}
    render.write(again, ordered.run.folder)
    assert {path.name: path.read_bytes() for path in ordered.run.folder.iterdir()} == before


def test_legacy_keras_is_for_its_own_runners_only() -> None:
    with_it = [name for name in runners.CORE if "TF_USE_LEGACY_KERAS" in runners.load(name).environ]
    assert with_it == ["tf_keras", "tf1"]
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_tensorflow_has_the_same_kernels_on_every_cpu() -> None:
    """On its own it takes oneDNN's where the CPU has certain instructions."""
    loaded = [runners.load(name) for name in runners.CORE]
    with_it = {
        each.name: each.environ.get("TF_ENABLE_ONEDNN_OPTS") for each in loaded if "tensorflow" in each.distributions
    }
    assert with_it == dict.fromkeys(("tensorflow", "keras", "tf_keras", "tf1", "onnx2keras", "onnx2keras-same"), "1")


def test_the_worked_example_of_a_converter_runs_and_matches(tmp_path: Path) -> None:
    """As its own words say: from its folder, by ``module:Class``."""
    example = Path(ROOT) / "docs" / "examples" / "my_converter.py"
    command = ["run", "--runner", "my_converter:MyConverter", "-k", "seeds or groups or conv3d/same-k2", "--no-color"]
    assert "conformance run --runner my_converter:MyConverter" in example.read_text("utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "conformance", *command, "--out", str(tmp_path / "run")],
        cwd=example.parent,
        env={**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = journal.read(tmp_path / "run")
    assert len(found.results) > 80
    assert {result["verdict"] for result in found.results} == {"match"}
    assert {result["variant"] for result in found.results} == {"pads", "auto_pad"}
    assert set(found.header["runners"]["my_converter:MyConverter"]["packages"]) == {"python", "onnx"}


def test_the_worked_example_is_about_20_lines() -> None:
    text = (Path(ROOT) / "docs" / "examples" / "my_converter.py").read_text("utf-8")
    assert len(text.splitlines()) <= 30


def test_the_selection_has_every_kind_of_case() -> None:
    def has(wanted: Any) -> bool:
        return any(map(wanted, CASES))

    assert {case.rank for case in CASES} == {1, 2, 3}
    kinds: set[Any] = {case.padding if isinstance(case.padding, str) else "numbers" for case in CASES}
    assert kinds == {"same", "same_lower", "causal", "fixed", "numbers"}
    traits: list[Any] = [
        lambda case: case.bias,
        lambda case: case.depthwise,
        lambda case: 1 < case.groups < case.channels,
        lambda case: max(case.stride) > 1 < max(case.dilation),
        lambda case: case.data == "normal",
        *(lambda case, dtype=dtype: case.dtype == dtype for dtype in DTYPES),
        lambda case: len(set(case.dilation)) > 1,
        lambda case: case.batch > 1,
    ]
    for trait in traits:
        assert has(trait)
