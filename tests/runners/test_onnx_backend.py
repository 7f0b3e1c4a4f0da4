"""Any ``onnx.backend.base.Backend`` is a runner without a line of code; what it refuses, it refuses by name."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conformance import pipeline, plan, runners
from conformance.errors import InputError
from conformance.pipeline import Finished, Options
from tests.fakes import ROOT

REFERENCE, ORT = "onnx-backend:onnx.reference", "onnx-backend:onnxruntime.backend"

CASES = """\
schema: 1
title: plain, dilated, ruled
defaults: {op: conv, input: [7, 8], kernel: [3, 2], channels: 2, filters: 4}
cases:
  - {name: numbers, padding: [[1, 0], [0, 2]], stride: 2}
  - {name: dilated, padding: 1, dilation: 2}
  - {name: ruled, padding: same, stride: [1, 2]}
"""


def run(folder: Path, *wanted: str, **options: Any) -> Finished:
    """A run of a few cases in one worker a runner."""
    path = folder / "few.yaml"
    path.write_text(CASES)
    return pipeline.run(Options((path,), wanted, out=folder / "run", jobs=1, **options))


def endings(finished: Finished) -> dict[tuple[str, str, str], str]:
    """Verdicts by runner, case and variant."""
    return {
        (result["runner"].rpartition(":")[2], result["case"].rpartition("/")[2], result["variant"]): result["verdict"]
        for result in finished.run.results
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """ONNX Runtime's and ONNX's own, on cases that they get wrong and others."""
    expression = "sweeps/max-pool or seeds or spec/onnx or transposed/2d or avg-pool/2d-same or ceil-valid-avg"
    out = tmp_path_factory.mktemp("both") / "run"
    return pipeline.run(Options(runners=(REFERENCE, ORT), expression=f"({expression}) and not whole", out=out))


def test_the_gate_holds_on_onnx_runtimes_and_on_onnxs_own(both: Finished) -> None:
    gates = Counter(result["gate"] for result in both.run.results)
    assert set(gates) == {"ok", "known"}
    assert both.status == 0
    assert {name: set(runner["packages"]) for name, runner in both.run.header["runners"].items()} == {
        REFERENCE: {"python", "onnx"},
        ORT: {"python", "onnx", "onnxruntime"},
    }


@pytest.mark.parametrize(
    ("runner", "case", "variant", "verdict", "causes"),
    [
        (REFERENCE, "spec/onnx/maxpool-2d-same-upper", "pads", "mismatch", ["pads-axis-order"]),
        (REFERENCE, "spec/onnx/maxpool-2d-same-upper", "auto_pad", "match", []),
        (REFERENCE, "sweeps/avg-pool/2d-same-d2-counted-true", "auto_pad", "mismatch", ["pad-amount", "last-window"]),
        (REFERENCE, "sweeps/max-pool/2d-padding-alone-ceil", "pads", "mismatch", ["pad-value"]),
        (REFERENCE, "sweeps/spec/ceil-valid-avg_pool-by-pytorch", "pads", "mismatch", ["pad-amount"]),
        (REFERENCE, "sweeps/transposed/2d-same-groups2-s2x3", "pads", "error", []),
        (ORT, "sweeps/avg-pool/2d-same-d2-counted-true", "auto_pad", "mismatch", ["pad-amount"]),
        (ORT, "seeds/keras-same-stride/total-5-dilated", "auto_pad", "error", []),
        (ORT, "seeds/keras-same-stride/total-5-dilated", "pads", "match", []),
    ],
)
def test_what_they_get_wrong_has_its_cause(
    both: Finished, runner: str, case: str, variant: str, verdict: str, causes: list[str]
) -> None:
    (found,) = (
        result
        for result in both.run.results
        if (result["runner"], result["case"], result["variant"]) == (runner, case, variant)
    )
    assert (found["verdict"], found["causes"]) == (verdict, causes)


def test_nothing_that_they_get_wrong_is_without_a_cause(both: Finished) -> None:
    wrong = [result for result in both.run.results if result["verdict"] == "mismatch"]
    assert len(wrong) > 40
    assert not [result["case"] for result in wrong if "unattributed" in result["causes"]]


def test_what_a_backend_refuses_is_unsupported_by_name(tmp_path: Path) -> None:
    names = ("Right", "NoDilation", "OnlyPads", "OnlyCuda", "Raises")
    finished = run(tmp_path, *(f"onnx-backend:tests.backends:{name}" for name in names))
    found = endings(finished)
    assert {key[0] for key in found} == set(names)
    for (name, case, variant), verdict in found.items():
        refused = {
            "NoDilation": case == "dilated" and variant == "pads",
            "OnlyPads": variant == "auto_pad",
            "OnlyCuda": True,
        }
        assert verdict == ("error" if name == "Raises" else "unsupported" if refused.get(name) else "match"), name
    said = {result["failure"]["message"] for result in finished.run.results if result["verdict"] == "unsupported"}
    assert said == {
        "the backend refuses: NotSupposedTo: no dilations here",
        "the backend refuses: is_compatible is False",
        "the backend refuses: supports_device is False",
    }


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("onnx-backend:onnx.nothing", "there is no module 'onnx.nothing' here"),
        ("onnx-backend:no_such_package.backend", "there is no module 'no_such_package.backend' here"),
        ("onnx-backend:onnx-runtime.backend", "there is no module"),
        ("onnx-backend:", "there is no module ''"),
    ],
)
def test_a_module_that_there_is_not_is_bad_usage(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan.select_runners([spec])


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("onnx.helper", "onnx.helper is no backend"),
        ("tests.backends", "tests.backends has 5 backends; allowed: onnx-backend:tests.backends:Right or "),
        ("onnx.reference:Nothing", "has no attribute 'Nothing'"),
    ],
)
def test_a_module_without_a_backend_says_so(module: str, said: str) -> None:
    runner = runners.load(f"onnx-backend:{module}")
    with pytest.raises((LookupError, AttributeError)) as caught:
        runner.open()
    assert said in str(caught.value)


def test_a_backend_is_not_imported_before_its_worker_starts() -> None:
    code = f"import sys; from conformance import plan; plan.select_runners([{ORT!r}, {REFERENCE!r}])"
    command = [sys.executable, "-c", code + "; print(*sorted({'onnx', 'onnxruntime', 'numpy'} & set(sys.modules)))"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "\n"
