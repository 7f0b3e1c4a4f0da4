"""In context: what compilers fuse, and models that are converted at one size and run at another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance import cases, packaged, pipeline, runners
from conformance.domain.case import Case
from conformance.domain.records import Job, Outcome, Verdict
from conformance.domain.tensors import tensors
from conformance.judge import Judge
from conformance.pipeline import Finished, Options
from conformance.runners.contract import Runner, Weights

FOLDER = packaged.cases() / "context"
ALL = {case.id.removeprefix("context/"): case for case in cases.load((FOLDER,))}
EXPRESSION = " or ".join(["dynamic/1d", "bias-k5", "depthwise-s2", "lower", "3d-s2", "pool-2d-s2", "transposed-same"])
VARIANTS = ("torch-onnx", "keras/dynamic", "tf_keras/dynamic", "onnxruntime/auto_pad-dynamic")


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Some of the cases that are converted at another size."""
    out = tmp_path_factory.mktemp("dynamic") / "run"
    return pipeline.run(Options((FOLDER / "dynamic.yaml",), VARIANTS, expression=EXPRESSION, out=out))


def verdicts(finished: Finished, runner: str, variant: str) -> dict[str, str]:
    """The verdicts of a variant by the cases' names."""
    return {
        result["case"].rpartition("/")[2]: result["verdict"]
        for result in finished.run.results
        if (result["runner"], result["variant"]) == (runner, variant)
    }


def test_the_gate_holds(dynamic: Finished) -> None:
    assert {result["gate"] for result in dynamic.run.results} == {"ok", "known"}
    assert dynamic.status == 0


@pytest.mark.parametrize(
    ("runner", "variant", "least"),
    [
        ("torch-onnx", "tensor", 10),
        ("torch-onnx", "math-dynamo", 1),
        ("keras", "dynamic", 11),
        ("tf_keras", "dynamic", 11),
        ("onnxruntime", "auto_pad-dynamic", 14),
    ],
    ids=lambda value: str(value),
)
def test_what_keeps_no_size_is_right_at_any(dynamic: Finished, runner: str, variant: str, least: int) -> None:
    found = verdicts(dynamic, runner, variant)
    assert set(found.values()) == {"match"}
    assert len(found) >= least


@pytest.mark.parametrize("variant", ["integer", "math"])
def test_a_trace_that_keeps_the_size_is_caught_and_its_cause_named(dynamic: Finished, variant: str) -> None:
    wrong = [
        result
        for result in dynamic.run.results
        if (result["variant"], result["verdict"]) == (variant, "mismatch") and result["runner"] == "torch-onnx"
    ]
    assert len(wrong) >= 7
    assert {tuple(result["causes"]) for result in wrong} == {("size-frozen",)}


def test_what_does_not_depend_on_the_size_is_right_though_it_is_frozen(dynamic: Finished) -> None:
    found = verdicts(dynamic, "torch-onnx", "integer")
    assert {name for name, verdict in found.items() if verdict == "match"} == {"1d-i8-s1", "1d-i9-s1"}


def test_every_conversion_is_at_a_size_that_a_stride_pads_otherwise() -> None:
    spelled = [
        (case, spelling)
        for case in ALL.values()
        for name in runners.CORE
        for runner in [runners.load(name)]
        if case.op in runner.ops
        for write in runner.variants.values()
        if (spelling := write(case)) is not None and spelling.converted
    ]
    assert len(spelled) > 150
    for case, spelling in spelled:
        assert "dynamic" in case.tags
        assert spelling.pads == case.pads
        assert all(a != b for a, b in zip(spelling.converted, case.input, strict=True))


@pytest.fixture(scope="module")
def tensorflow() -> Runner:
    """The runner in this very process."""
    runner = runners.load("tensorflow")
    runner.open()
    return runner


FUSED = (
    "2d-same-s2x3",
    "2d-0.2x1.0-s1",
    "max-pool-2d-same-s2x3",
    "transposed-2d-same-s2x3",
    "avg-pool-2d-1.1x1.1-counted-true",
)


COMPILED = [
    (variant, name)
    for variant, write in runners.load("tensorflow").variants.items()
    if variant.endswith(("-function", "-xla"))
    for name in FUSED
    if write(ALL[f"fusions/{name}"]) is not None
]


def test_every_way_of_compiling_is_tried_on_several_operators() -> None:
    assert {variant for variant, _ in COMPILED} == {"pad-function", "pad-xla", "same-function", "same-xla"}
    assert len(COMPILED) >= 14


@pytest.mark.parametrize(("variant", "name"), COMPILED)
def test_what_is_compiled_is_right_or_a_mismatch_once_bent(tensorflow: Runner, variant: str, name: str) -> None:
    case = ALL[f"fusions/{name}"]
    code = tensorflow.spell(case, variant).code
    assert code.startswith("tf.function(lambda x: ")
    assert ("jit_compile=True" in code) == variant.endswith("xla")
    assert judged(tensorflow, case, variant, code).kind in ("match", "hazard")
    bent = code.replace("'VALID'", "'SAME'") if "'VALID'" in code else code.replace("'SAME'", "'VALID'")
    if bent != code and not case.transposed:
        assert judged(tensorflow, case, variant, bent).kind == "mismatch"


def judged(runner: Runner, case: Case, variant: str, code: str) -> Verdict:
    """The verdict of a variant with some code in place of its own."""
    spelling = replace(runner.spell(case, variant), code=code)
    data = tensors(case)
    function = runner.evaluate(code, "x, filters, bias")
    weights = Weights(data.weights, data.bias)

    class Bent(type(runner)):  # type: ignore[misc]
        def evaluate(self, code: str, arguments: str = "") -> Any:
            return function

    bent = Bent()
    bent.__dict__.update(vars(runner))
    output = bent.build(case, variant, weights)(data.input)
    return Judge().judge(Job(case, runner.name, variant, spelling), Outcome("completed", np.asarray(output)))


def test_cases_without_the_tag_are_not_compiled() -> None:
    case = replace(ALL["fusions/2d-same-s2x3"], tags=())
    for name in runners.CORE:
        written = {variant for variant, write in runners.load(name).variants.items() if write(case) is not None}
        assert not {variant for variant in written if variant.endswith(("-function", "-xla", "dynamic", "dynamo"))}
