"""Every operator but convolutions in the real frameworks: written faithfully right, bent not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance import cases, packaged, pipeline, runners
from conformance.domain.case import OPS, Case
from conformance.domain.records import Job, Outcome, Verdict
from conformance.domain.tensors import tensors
from conformance.judge import Judge
from conformance.pipeline import Finished, Options
from conformance.runners.contract import Runner, Weights
from conformance.selection import select_cases

SWEEPS = tuple(packaged.cases() / "sweeps" / f"{name}.yaml" for name in ("transposed", "max-pool", "avg-pool", "pad"))
ALL = {case.id.removeprefix("sweeps/"): case for case in cases.load(SWEEPS)}

EXPRESSION = " or ".join(
    [
        "1d-same-i5-k4-s3",
        "1d-valid-s2-more",
        "2d-same-i4x5-k3x4",
        "2d-same_lower-i4x5-k3-s2x1",
        "2d-2.1x0.2-k3-s3",
        "2d-0.1x2.1-s2x3",
        "2d-same-to",
        "beyond",
        "2d-same-groups2",
        "2d-same-d1x2-s1",
        "transposed/3d-same-k3x2x4",
        "3d-1.1x1.1x1.1-more",
        "transposed/normal",
        "1d-same-i8-k3-s2",
        "1d-counted-same-k3-s1",
        "1d-ceil-1.1-i8-k3-s2",
        "1d-ceil-0.2-s2",
        "1d-same-d2-s1",
        "2d-same-k3x2-s2x3",
        "whole",
        "2d-1.1x1.1-k3-s3x2",
        "2d-same-d1x2-counted",
        "2d-same-wide",
        "3d-1.1x1.1x1.1-ceil",
        "pool/float64",
        "pad/1d-reflect",
        "pad/2d-edge-1",
        "pad/2d-circular-float16",
        "pad/1d-value",
        "pad/1d-inf",
        "pad/3d-constant-1.2",
        "pad/3d-circular-0.1",
        "padding-alone",
    ]
)
"""Some fifty cases with everything that these operators have."""

CASES = select_cases(list(ALL.values()), EXPRESSION)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The selected cases through every runner that can write them."""
    return pipeline.run(Options(SWEEPS, expression=EXPRESSION, out=tmp_path_factory.mktemp("operators") / "run"))


def test_the_gate_holds_and_every_cause_is_known(finished: Finished) -> None:
    assert {result["gate"] for result in finished.run.results} <= {"ok", "known"}
    assert finished.status == 0
    causes = {cause for result in finished.run.results for cause in result["causes"]}
    assert "unattributed" not in causes
    assert causes >= {"pad-value", "pad-counted", "ceil-mode", "output-padding", "pads-ignored", "dilation-ignored"}


def test_the_selection_has_every_operator_in_every_rank() -> None:
    assert {(case.op, case.rank) for case in CASES} == {(op, rank) for op in OPS[1:] for rank in (1, 2, 3)}
    assert 40 <= len(CASES) <= 80


RIGHT = [
    ("torch", "explicit", 45),
    ("tensorflow", "explicit", 45),
    ("tensorflow", "same", 10),
    ("keras", "same", 10),
    ("keras", "zeropad", 18),
    ("keras", "lowest", 5),
    ("tf_keras", "lowest", 5),
    ("tf_keras", "same", 10),
    ("tf_keras", "zeropad", 18),
    ("tf1", "same", 8),
    ("tf1", "same-channels-first", 8),
    ("tf1", "valid", 10),
    ("torch", "channels-last", 25),
    ("onnxruntime", "pads", 45),
    ("onnxruntime", "pad-node", 5),
]


@pytest.mark.parametrize(("runner", "variant", "least"), RIGHT, ids=[f"{r}-{v}" for r, v, _ in RIGHT])
def test_what_declares_the_pads_asked_for_is_right_or_refused(
    finished: Finished, runner: str, variant: str, least: int
) -> None:
    faithful = [
        result
        for result in finished.run.results
        if (result["runner"], result["variant"]) == (runner, variant) and result["declared"] == result["asked"]
        if "padding-alone" not in result["case"]
    ]
    assert {result["verdict"] for result in faithful} <= {"match", "unsupported"}
    assert sum(result["verdict"] == "match" for result in faithful) >= least


def test_the_largest_of_padding_alone_is_the_lowest_number_in_tensorflow(finished: Finished) -> None:
    alone = {
        (result["runner"], result["verdict"], *result["causes"])
        for result in finished.run.results
        if "padding-alone" in result["case"] and result["variant"] == "explicit"
    }
    assert alone == {("torch", "match"), ("tensorflow", "mismatch", "pad-value")}


def test_a_hazard_is_only_what_declares_other_pads(finished: Finished) -> None:
    hazards = [result for result in finished.run.results if result["verdict"] == "hazard"]
    assert {(result["runner"], result["variant"]) for result in hazards} == {
        ("torch", "symmetric"),
        ("tensorflow", "same"),
        ("tensorflow", "symmetric"),
        ("keras", "same"),
        ("tf_keras", "same"),
        ("tf1", "same"),
        ("tf1", "same-channels-first"),
    }
    assert all(result["declared"] != result["asked"] for result in hazards)


def test_same_does_not_apply_where_the_padding_is_counted() -> None:
    counted, plain = ALL["avg-pool/1d-counted-same-k3-s1"], ALL["avg-pool/1d-same-i8-k3-s1"]
    for name in ("tensorflow", "keras"):
        write = runners.load(name).variants["same"]
        assert write(counted) is None
        assert write(plain) is not None


@pytest.fixture(scope="module")
def opened() -> dict[str, Runner]:
    """The runners in this very process."""
    found = {name: runners.load(name) for name in ("torch", "tensorflow", "keras", "onnxruntime")}
    for runner in found.values():
        runner.open()
    return found


def verdict(runner: Runner, case: Case, variant: str, change: tuple[str, str] | None = None) -> Verdict:
    """The verdict of a variant whose code has been changed."""
    spelling = runner.spell(case, variant)
    if change:
        old, new = change
        assert old in spelling.code, spelling.code
        spelling = replace(spelling, code=spelling.code.replace(old, new))

    class Bent(type(runner)):  # type: ignore[misc]
        def spell(self, case: Case, variant: str) -> Any:
            return spelling

    bent = Bent()
    bent.__dict__.update(vars(runner))
    data = tensors(case)
    output = bent.build(case, variant, Weights(data.weights, data.bias))(data.input)
    return Judge().judge(Job(case, runner.name, variant, spelling), Outcome("completed", output))


BENT: dict[str, tuple[str, str, str, tuple[str, str], str]] = {
    "torch-zeros-in-a-max-pool": (
        "torch", "explicit", "max-pool/2d-same-i7x10-k3x2-s1", ('float("-inf")', "0.0"), "pad-value",
    ),
    "torch-padding-counted": (
        "torch", "explicit", "avg-pool/1d-same-i8-k3-s2",
        ("torch.ones_like(x), (0, 1))", "torch.ones_like(x), (0, 1), value=1.0)"), "pad-counted",
    ),
    "torch-padding-not-counted": (
        "torch", "symmetric", "avg-pool/2d-1.1x1.1-whole-counted-true",
        ("count_include_pad=True", "count_include_pad=False"), "pad-not-counted",
    ),
    "torch-no-ceil": (
        "torch", "symmetric", "max-pool/1d-ceil-1.1-i8-k3-s2", ("ceil_mode=True", "ceil_mode=False"), "ceil-mode",
    ),
    "torch-crop-on-the-other-side": (
        "torch", "explicit", "transposed/1d-same-i5-k3-s2", ("(0, -1)", "(-1, 0)"), "same-lower-for-upper",
    ),
    "torch-bias-before-the-zeros": (
        "torch", "explicit", "transposed/2d-same-beyond", ("+ bias.view(-1, 1, 1)", "+ 0"), "bias-dropped",
    ),
    "tensorflow-zeros-in-a-max-pool": (
        "tensorflow", "explicit", "max-pool/2d-same-d1x2", ('float("-inf")', "0.0"), "pad-value",
    ),
    "tensorflow-valid-for-same": (
        "tensorflow", "same", "avg-pool/2d-same-k2-s1", ("'SAME'", "'VALID'"), "auto-pad-ignored",
    ),
    "tensorflow-slice-on-the-other-side": (
        "tensorflow", "explicit", "transposed/1d-same-i5-k3-s2", ("0:10", "1:11"), "same-lower-for-upper",
    ),
    "keras-valid-for-same": (
        "keras", "same", "transposed/2d-same-i4x5-k3-s2x3", ("'same'", "'valid'"), "auto-pad-ignored",
    ),
    "keras-cropping-on-the-other-side": (
        "keras", "zeropad", "transposed/1d-0.1-k3-s2-d1", ("(0, 1)", "(1, 0)"), "crop-side",
    ),
    "onnxruntime-no-ceil": (
        "onnxruntime", "pads", "avg-pool/1d-ceil-valid-s2-counted-false", ("ceil_mode=1", "ceil_mode=0"), "ceil-mode",
    ),
    "tensorflow-pads-of-the-op-on-the-other-side": (
        "tensorflow", "explicit", "max-pool/2d-0.1x1.0-k3-s3x2-ceil-false",
        ("[0, 1], [1, 0]", "[1, 0], [0, 1]"), "pads-axis-order",
    ),
    "tensorflow-crop-of-the-op-on-the-other-side": (
        "tensorflow", "explicit", "transposed/2d-same-i4x5-k3-s2x1", ("[0, 1], [1, 1]", "[1, 0], [1, 1]"), "crop-side",
    ),
    "torch-channels-last-without-pads": (
        "torch", "channels-last", "max-pool/2d-0.1x1.0-k3-s3x2-ceil-false",
        ("(1, 0, 0, 1)", "(0, 0, 0, 0)"), "pads-ignored",
    ),
    "onnxruntime-pad-node-not-counted": (
        "onnxruntime", "pad-node", "avg-pool/2d-1.1x1.1-whole-counted-true",
        ('"AveragePool", ["padded"]', '"AveragePool", ["x"]'), "pads-ignored",
    ),
    "keras-zeros-in-a-max-pool": (
        "keras", "lowest", "max-pool/2d-same-i7x10-k3x2-s1", ('float("-inf")', "0.0"), "pad-value",
    ),
    "keras-output-padding-ignored": (
        "keras", "zeropad", "transposed/1d-valid-s2-more1", ("output_padding=(1,), ", ""), "output-padding",
    ),
    "onnxruntime-padding-not-counted": (
        "onnxruntime", "pads", "avg-pool/1d-counted-1.1-k3-s2", ("pad=1", "pad=0"), "pad-not-counted",
    ),
    "onnxruntime-no-output-padding": (
        "onnxruntime", "pads", "transposed/1d-1.1-s2-more1", ("output_padding=[1]", "output_padding=[0]"),
        "output-padding",
    ),
    "onnxruntime-dilation-ignored": (
        "onnxruntime", "pads", "max-pool/2d-valid-d2", ("dilations=[2, 2]", "dilations=[1, 1]"), "dilation-ignored",
    ),
}  # fmt: skip
"""What is bent -> the runner, the variant, the case, the text that is replaced, and a cause that must be found."""


@pytest.mark.parametrize(("name", "variant", "case", "change", "cause"), BENT.values(), ids=BENT.keys())
def test_a_bent_spelling_is_a_mismatch_with_its_cause(
    opened: dict[str, Runner], name: str, variant: str, case: str, change: tuple[str, str], cause: str
) -> None:
    assert verdict(opened[name], ALL[case], variant).kind == "match"
    wrong = verdict(opened[name], ALL[case], variant, change)
    assert wrong.kind == "mismatch"
    assert any(cause in causes for causes in (wrong.causes, *wrong.alternatives)), wrong


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_the_bias_reaches_the_outputs_that_are_added(opened: dict[str, Runner], name: str) -> None:
    """``F.pad`` and ``tf.pad`` after the bias would leave zeros where there is nothing but the bias."""
    case = ALL["transposed/2d-same-beyond"]
    code = opened[name].spell(case, "explicit").code
    assert code.endswith(("+ bias.view(-1, 1, 1)", ", bias)"))
    assert verdict(opened[name], case, "explicit").kind == "match"


def test_pytorch_by_hand_is_right_for_every_case(opened: dict[str, Runner]) -> None:
    for case in ALL.values():
        if case.op == "avg_pool" and max(case.dilation) > 1:
            assert opened["torch"].variants["explicit"](case) is None
        elif not case.id.endswith(("-whole-4.3", "-whole-6.1", "-of-one")) or case.mode == "edge":
            assert verdict(opened["torch"], case, "explicit").kind == "match", case.id


def test_the_shape_of_a_model_is_the_operators() -> None:
    """A wrong one would be warned of only, or refused by another converter."""
    import onnx

    from conformance.runners.onnx_models import Converter, single_node

    runner = Converter()
    for name in (
        "transposed/2d-same-to-8x13",
        "max-pool/1d-ceil-1.1-i8-k3-s2",
        "avg-pool/2d-1.1x1.1-d2-counted-true",
    ):
        case = ALL[name]
        data = tensors(case)
        for variant in ("pads", "auto_pad"):
            spelling = runner.variants[variant](case)
            if spelling is None:
                continue
            model = single_node(runner.evaluate(spelling.code), case, Weights(data.weights, data.bias))
            onnx.checker.check_model(model, full_check=True)
            (stated,) = (output.type.tensor_type.shape for output in model.graph.output)
            assert [dim.dim_value for dim in stated.dim][2:] == list(case.output(case.pads))


def test_keras_makes_the_variables_of_all_jobs_under_the_same_names(
    opened: dict[str, Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow keeps a kernel for every other one."""
    keras, made = opened["keras"], list[Any]()
    evaluate = keras.evaluate

    def keep(code: str) -> Any:
        made.append(evaluate(code))
        return made[-1]

    monkeypatch.setattr(keras, "evaluate", keep)
    case = Case("topic/f/a", "conv", (8, 9), (3, 3), (1, 1), (1, 1), "same", channels=2, filters=3, bias=True)
    data = tensors(case)
    for _ in range(2):
        keras.build(case, "same", Weights(data.weights, data.bias))
    assert [[variable.path for variable in layer.weights] for layer in made] == 2 * [["layer/kernel", "layer/bias"]]
