"""Cases as ONNX models: made once for variants that options alone tell apart, and each variant's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.domain.case import Case
from conformance.domain.records import Spelling
from conformance.runners import onnx_models
from conformance.runners.contract import Runner, Weights
from conformance.runners.onnx_models import Converter

CASE = Case("topic/f/a", "conv", (8, 9), (3, 3), (1, 1), (1, 1), "same", channels=2, filters=3, bias=True)
OTHER = Case("topic/f/b", "conv", (8, 9), (3, 3), (1, 1), (1, 1), "valid", channels=2, filters=3, bias=True)


class Mutilates(Converter):
    """Keeps what it is given as text, and takes the model apart."""

    models = ("pads", "auto_pad")
    options = {"": {}, "again": {}}

    def __init__(self) -> None:
        super().__init__()
        self.given: list[bytes] = []
        self.made = 0

    def convert(self, model: Any, **options: Any) -> Any:
        self.given.append(model.SerializeToString(deterministic=True))
        del model.graph.node[:]
        return lambda x: x


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Mutilates:
    """One that is open; ``made`` counts the models that were made for it."""
    runner = Mutilates()
    runner.open()
    single_node = onnx_models.single_node

    def counted(*arguments: Any, **options: Any) -> Any:
        runner.made += 1
        return single_node(*arguments, **options)

    monkeypatch.setattr(onnx_models, "single_node", counted)
    return runner


def weights(first: float = 1.0, bias: float = 1.0) -> Weights:
    """Arrays of their own."""
    kernel = np.ones(CASE.weight_shape, np.float32)
    kernel[0, 0, 0, 0] = first
    return Weights(kernel, np.full(CASE.filters, bias, np.float32))


def test_variants_that_options_alone_tell_apart_get_the_same_model_whatever_the_first_did_to_it(
    runner: Mutilates,
) -> None:
    for variant in ("pads", "pads-again", "auto_pad", "auto_pad-again"):
        runner.build(CASE, variant, weights())
    assert runner.given[0] == runner.given[1] != runner.given[2] == runner.given[3]
    assert runner.made == 2


@pytest.mark.parametrize(
    ("case", "variant", "given"),
    [
        (OTHER, "pads-again", weights()),
        (CASE, "auto_pad-again", weights()),
        (CASE, "pads-again", weights(first=2.0)),
        (CASE, "pads-again", weights(bias=2.0)),
        (CASE, "pads-again", weights()._replace(bias=None)),
    ],
    ids=["case", "writer", "kernel", "bias", "no-bias"],
)
def test_what_is_not_the_same_gets_a_model_of_its_own(
    runner: Mutilates, case: Case, variant: str, given: Weights
) -> None:
    runner.build(CASE, "pads", weights())
    runner.build(case, variant, given)
    alone = Mutilates()
    alone.open()
    alone.build(case, variant, given)
    assert runner.given[1] == alone.given[0] != runner.given[0]


def test_a_large_model_is_not_kept(runner: Mutilates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_models, "KEPT", weights().kernel.nbytes - 1)
    runner.build(CASE, "pads", weights())
    runner.build(CASE, "pads-again", weights())
    assert runner.given[0] == runner.given[1]
    assert runner.made == 2


def test_a_case_is_written_once_for_variants_that_write_it_alike_and_anew_for_any_other() -> None:
    written: list[str] = []

    def write(case: Case) -> Spelling:
        written.append(case.id)
        return Spelling(case.pads, f"{case.id} {len(written)}")

    class Alike(Runner):
        variants = {"one": write, "two": write, "other": lambda case: Spelling(case.pads, "other")}

    runner = Alike()
    codes = [runner.spell(case, name).code for case in (CASE, OTHER) for name in ("one", "two", "other")]
    assert codes == ["topic/f/a 1", "topic/f/a 1", "other", "topic/f/b 2", "topic/f/b 2", "other"]
    assert runner.spell(CASE, "two").code == "topic/f/a 3"
