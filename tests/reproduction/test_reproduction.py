"""What a script and a bug report say, and which jobs have one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance import cases, journal, pipeline, plan, reproduction, runners, tools
from conformance.domain.case import Case
from conformance.domain.records import Judged, Outcome
from conformance.domain.tensors import tensors
from conformance.errors import InputError
from conformance.judge import Judge
from conformance.pipeline import Options
from conformance.reproduction import Reproduction
from conformance.runners.onnxruntime import OnnxRuntime
from conformance.runners.torch import Torch
from tests.reproduction import batch
from tests.verdicts import conv

CASE = conv((4,), (2,), stride=(2,), padding=((0, 1),), id="topic/one")


def made(case: Case = CASE, runner: str = "torch", variant: str = "explicit", **record: Any) -> Reproduction:
    """A job that ended with zeros, judged."""
    chosen = runners.load(runner)
    (job,) = plan.spelled(case, runner, chosen, [variant])
    outcome = Outcome("completed", np.zeros((case.batch, case.filters, *case.output(case.pads)), case.dtype))
    verdict = Judge().judge(job, outcome)
    found = journal.result_record(Judged(job, outcome, verdict))
    return Reproduction(job, {**found, **record}, chosen, {"python": "3.11", "torch": "2.0"})


def test_a_script_holds_the_runner_s_own_text() -> None:
    text = reproduction.script(made())
    assert f"    return {made().job.spelling.code}\n" in text
    assert "import torch\n" in text
    assert "# Cause: unattributed" in text
    numbers = ", ".join(f"{value:g}" for value in tensors(CASE).input.flat)
    assert f"\nx = np.array([{numbers}], 'float32').reshape(1, 1, 4)\n" in text
    assert "expected = convolution(x, weights, pads=((0, 1),), stride=(2,), dilation=(1,), groups=1)\n" in text
    assert text.count("np.array([") == 2


def test_text_from_outside_stays_in_its_comment() -> None:
    one = made(evidence='a\n"""\nimport os\x1b[31m', failure={"exception": "E", "message": "b\nraise SystemExit(0)"})
    text = reproduction.script(one)
    assert "\nimport os" not in text
    assert "\nraise" not in text
    assert "\x1b" not in text
    compile(text, "script", "exec")


def test_an_issue_says_what_a_maintainer_needs() -> None:
    text = reproduction.issue(made(fix={"variant": "same", "code": "F.conv1d(x)"}))
    assert text.startswith(
        "# torch: conv 4 · k 2 · s 2 · d 1 · padding 0.1 · 1→1: no hypothesis reproduces the output\n"
    )
    for words in ("**What differs:** expected ", "- pads asked: `0.1`", "- `unattributed`: ", "python 3.11, torch 2.0"):
        assert words in text
    assert "## What gives the right answer\n\n```python\nF.conv1d(x)\n```" in text
    script = text.partition("## To reproduce")[2].partition("```python\n")[2].partition("```")[0]
    assert script == reproduction.script(made(fix={"variant": "same", "code": "F.conv1d(x)"}))


def test_a_runner_that_runs_otherwise_than_its_text_says_has_no_script() -> None:
    class Other(Torch):
        def build(self, *arguments: Any) -> Any:
            return lambda x: x

    class Same(Torch):
        precision = "float16"

    with pytest.raises(
        InputError, match=r"torch has no program.*try: conformance run -k topic/one --runner torch/expl"
    ):
        reproduction.script(replace(made(), runner=Other()))
    assert reproduction.script(replace(made(), runner=Same()))


def test_a_converter_that_converts_otherwise_is_named_itself() -> None:
    class Other(OnnxRuntime):
        def convert(self, model: Any, **options: Any) -> Any:
            return lambda x: x

    one = made(runner="onnxruntime", variant="pads")
    assert "session = onnxruntime.InferenceSession(" in reproduction.script(one)
    text = reproduction.script(replace(one, runner=Other()))
    assert "import OnnxRuntime" not in text
    assert f"from {__name__} import " in text
    assert "converter.open()\nlayer = converter.convert(model)" in text


def test_a_converter_of_one_s_own_is_reproduced_by_its_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2] / "docs" / "examples")
    (case,) = [case for case in cases.load() if case.id == "seeds/keras-same-stride/k3-s2-i64"]
    chosen = runners.load("my_converter:MyConverter")
    (job,) = plan.spelled(case, chosen.name, chosen, ["pads"])
    text = reproduction.script(Reproduction(job, made().record, chosen, {}))
    assert (
        "from my_converter import MyConverter\n\nconverter = MyConverter()\nlayer = converter.convert(model)\n" in text
    )
    text = f"import sys\nsys.path.insert(0, {str(Path.cwd())!r})\n" + text.replace(
        "from __future__ import annotations\n", ""
    )
    (did,) = batch.run({"one": f"from __future__ import annotations\n{text}"}, tmp_path).values()
    assert (did["status"], did["raised"]) == (0, "")


def test_the_worst_variant_of_a_run_is_taken_and_a_changed_case_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    head = "schema: 1\ntitle: t\ncases:\n"
    path.write_text(head + "  - {name: a, op: conv, input: 8, kernel: 1, stride: 4, padding: same}\n")
    pipeline.run(Options((path,), ("onnxruntime",), out=tmp_path / "run", jobs=1))
    (case,) = cases.load([path])
    found = tools.reproduce(case, "onnxruntime", tmp_path / "run")
    assert (found.where, found.record["verdict"], list(found.causes)) == (
        "onnxruntime/auto_pad",
        "mismatch",
        ["pad-amount"],
    )
    assert set(found.packages) == {"python", "onnxruntime", "onnx"}
    assert tools.reproduce(case, "onnxruntime/pads", tmp_path / "run").record["verdict"] == "match"
    again = tools.reproduce(case, "onnxruntime", None)
    assert json.loads(json.dumps({**again.record, "seconds": 0, "gate": ""})) == {
        **{name: value for name, value in found.record.items() if name != "expectation"},
        "seconds": 0,
        "gate": "",
    }
    for changed, words in (
        (replace(case, stride=(3,)), r"f/a: stride is \[3\], was \[4\]; .*; allowed: the case as it was run"),
        (replace(case, id="f/b"), "no result of f/b in onnxruntime; allowed: one of this run's"),
    ):
        with pytest.raises(InputError, match=words):
            tools.reproduce(changed, "onnxruntime", tmp_path / "run")


def test_a_job_that_was_not_run_is_not_reproduced(tmp_path: Path) -> None:
    (job,) = plan.spelled(CASE, "torch", runners.load("torch"), ["explicit"])
    with pytest.raises(InputError, match="no result of explicit there; allowed: a variant that was run"):
        reproduction.worst([job], [{"variant": "same", "verdict": "match"}], runners.load("torch"), {})
