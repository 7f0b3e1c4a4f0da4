"""``python -m benchmarks.models FOLDER --out FILE``: real models checked, fixed and run before and after.

The light models and the node tests come with the ``onnx`` package; FOLDER keeps the exports of
``keras.applications`` from one run to the next (``benchmarks.keras_export`` makes them). FILE is
``docs/models.md``. Exit status 1 where outputs differ that should not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from benchmarks.measure import once
from conformance import checking, tools
from conformance.errors import InputError
from conformance.models import onnx_file

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
KERAS = ("ResNet50", "MobileNetV2", "EfficientNetB0", "InceptionV3")
TARGETS = ("", "keras", "torch")
NODE_TESTED = (*onnx_file.OPS, "LpPool")


@dataclass(frozen=True)
class Fixed:
    """What ``fix`` made of a model, and whether it still computes the same."""

    rewritten: int
    proved: int
    verdict: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description="Check and fix real models.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    folder: Path = given.folder
    with tempfile.TemporaryDirectory() as name:
        models = [*sorted(LIGHT.glob("light_*.onnx")), *exports(folder)]
        rows = [row for path in models for row in table_row(path, Path(name))]
        tests = Counter(node_test_rows(Path(name)))
    lines = [
        PAGE.format(onnx=onnx.__version__, onnxruntime=onnxruntime.__version__),
        "| model | padded operators | part from Keras | part from PyTorch | with `auto_pad` "
        "| `fix` | `fix --for keras` | `fix --for torch` |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- | --- |",
        *rows,
        NODE_TESTS,
        "| operator | `auto_pad` | tests | check and fix | whole test, before and after |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for (operator, rule, done, verdict), count in sorted(tests.items()):
        lines.append(f"| {operator} | {rule} | {count} | {done} | {verdict} |")
    given.out.write_text("\n".join([*lines, ""]), "utf-8")
    return int(any("DIFFER" in line for line in (*rows, *(key[3] for key in tests))))


PAGE = """# Real models

What `conformance check` and `conformance fix` make of models that people use, written by `nox -s models`
(`python -m benchmarks.models`; onnx {onnx}, ONNX Runtime {onnxruntime}). The light models are in the `onnx` package,
their weights are constants; those of `keras.applications` have random weights and come through Keras' own export.

"Part" counts the layers that the framework's habit would pad otherwise without an error. A cell of `fix` says how many
nodes were rewritten, each proved by itself, and whether the whole model gives the same in ONNX Runtime before and
after: the outputs of every convolution and pool and of the model, from one input of normal numbers, to the bit; or else
the largest difference relative to the largest output. What is refused, and why, is in [check.md](check.md).
"""

NODE_TESTS = """
## ONNX's node tests

All of ONNX's own tests of convolutions and pools, each a model of one node: checked, fixed, and run before and after
on the test's own input.
"""


def exports(folder: Path) -> Iterator[Path]:
    """The models of ``keras.applications`` as ONNX, exported where they are not there yet."""
    for name in KERAS:
        path = folder / f"{name}.onnx"
        if not path.is_file():
            once(["-m", "benchmarks.keras_export", name, str(path)], {})
        yield path


def table_row(path: Path, folder: Path) -> Iterator[str]:
    """A model's row."""
    found = checking.check(path, ("keras", "torch"), (), False)
    parted = [sum(any(h.target.name == name for h in row.hazards) for row in found.rows) for name in ("keras", "torch")]
    cells = [spell(fixed(path, target, folder)) for target in TARGETS]
    named = sum(auto_padded(node) for node in onnx.load(path).graph.node)
    name = path.stem.removeprefix("light_") + ("" if path.parent == LIGHT else " (keras.applications)")
    yield f"| {name} | {len(found.rows)} | {parted[0]} | {parted[1]} | {named} | {' | '.join(cells)} |"


def auto_padded(node: Any) -> bool:
    """Whether a node carries ``auto_pad``."""
    return any(a.name == "auto_pad" and a.s not in (b"", b"NOTSET") for a in node.attribute)


def fixed(path: Path, target: str, folder: Path) -> Fixed | str:
    """A model before and after ``fix``; why not, where it cannot be."""
    out = folder / f"fixed-{path.name}"
    try:
        planned, proofs = tools.fix(path, out, target, {}, external=False)
    except InputError as error:
        return reason(error)
    if not all(proof.holds for proof in proofs):
        return Fixed(len(proofs), sum(proof.holds for proof in proofs), "nothing written: DIFFER")
    feed = inputs(path)
    layers = [node.output[0] for node in onnx.load(path).graph.node if node.op_type in onnx_file.OPS]
    return Fixed(len(planned.changes), len(proofs), compare(run(path, feed, layers), run(out, feed, layers)))


def reason(error: InputError) -> str:
    """What a refusal says, without its place and what is allowed."""
    return str(error).rpartition("; allowed: ")[0].rpartition(": ")[2]


def inputs(path: Path) -> dict[str, Any]:
    """One input of normal numbers, the same every time."""
    session = onnxruntime.InferenceSession(path, quiet(), providers=["CPUExecutionProvider"])
    numbers = np.random.default_rng(0)
    sizes = {each.name: [part if isinstance(part, int) else 1 for part in each.shape] for each in session.get_inputs()}
    return {name: numbers.standard_normal(size).astype("float32") for name, size in sizes.items()}


def run(path: Path, feed: dict[str, Any], names: Sequence[str] = ()) -> list[Any]:
    """The outputs of a model, and those of its layers that are named."""
    model = onnx.load(path)
    there = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    session = onnxruntime.InferenceSession(model.SerializeToString(), quiet(), providers=["CPUExecutionProvider"])
    outputs: list[Any] = session.run(None, feed)
    return outputs


def quiet() -> onnxruntime.SessionOptions:
    """Sessions that leave the graph as it is, and keep their warnings to themselves."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return options


def compare(before: list[Any], after: list[Any]) -> str:
    """Whether two lists of outputs are equal, and by how much they differ."""
    if all(np.array_equal(one, other, equal_nan=True) for one, other in zip(before, after, strict=True)):
        return "equal"
    if any(one.shape != other.shape for one, other in zip(before, after, strict=True)):
        return "shapes DIFFER"
    largest = max(
        float(np.abs(one.astype("f8") - other).max() / max(np.abs(one).max(), 1e-30))
        for one, other in zip(before, after, strict=True)
    )
    return f"DIFFER by {largest:.0e}" if largest > 1e-5 else f"within {largest:.0e}"


def spell(found: Fixed | str) -> str:
    """A cell."""
    if isinstance(found, str):
        return f"refused: {found}"
    return "none to rewrite" if not found.rewritten else f"{found.rewritten} rewritten and proved; {found.verdict}"


def node_test_rows(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Operator, auto_pad, what became of it, and how the outputs compare, of each of ONNX's node tests."""
    from onnx.backend.test.case.node import _NodeTestCases

    np.random.seed(0)  # some tests draw from numpy's global generator when they are imported
    for operator in NODE_TESTED:
        import_module(f"onnx.backend.test.case.node.{operator.lower()}")
    path, out = folder / "node.onnx", folder / "node-fixed.onnx"
    for test in _NodeTestCases:
        nodes = test.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in NODE_TESTED:
            continue
        named = next((a.s.decode() for a in nodes[0].attribute if a.name == "auto_pad"), "") or "–"
        onnx.save(test.model, path)
        given, _ = test.data_sets[0]
        feed = {value.name: np.asarray(array) for value, array in zip(test.model.graph.input, given, strict=True)}
        try:
            checking.check(path, (), (), False)
            planned, proofs = tools.fix(path, out, "", {}, external=False)
        except InputError as error:
            yield nodes[0].op_type, named, f"refused: {reason(error)}", "–"
            continue
        done = "not read, left as it is" if planned.unread else "nothing to rewrite"
        if planned.changes:
            done = "rewritten and proved" if all(proof.holds for proof in proofs) else "not proved: DIFFER"
        try:
            verdict = compare(run(path, feed), run(out, feed))
        except Fail:
            verdict = "ONNX Runtime does not run the test"
        yield nodes[0].op_type, named, done, verdict


if __name__ == "__main__":
    sys.exit(main())
