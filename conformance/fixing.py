"""The ``fix`` command: an ONNX model with its padding written out, and each rewritten node proved again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from conformance import environments, models, plan, probe, runners
from conformance.checking import place as put
from conformance.domain.case import Case
from conformance.domain.geometry import Sizes
from conformance.domain.records import Job, Outcome, Verdict
from conformance.domain.tensors import typed
from conformance.errors import InputError
from conformance.models import onnx_file, rewrite, targets
from conformance.models.layers import Layer
from conformance.models.rewrite import Edit
from conformance.plan import Selected, Selection
from conformance.probe import Found
from conformance.runners.onnx_rewritten import FOLDER
from conformance.strict_yaml import shown_path

RUNNER = "conformance.runners.onnx_rewritten:Rewritten"

MOST = 2
"""Channels and filters of a group, and groups, that a node is proved with: what it pads is the same for all."""

LARGEST = 2**20
"""Elements of an axis-by-axis input that a node is proved with; a larger one is shortened by whole strides."""

VARIANTS = ("before", "after")

Call = tuple[str, str, str]


@dataclass(frozen=True)
class Change:
    """One rewritten node: its layer, what was done, and the case and nodes that stand for it in the proof."""

    layer: Layer
    how: str
    case: Case
    nodes: Mapping[str, bytes]
    """A serialised model of the nodes ``before`` and ``after``, from ``x`` to ``y``."""


@dataclass(frozen=True)
class Plan:
    """A model as it will be written, and what has to be proved before it is."""

    path: Path
    model: Any
    layers: int
    changes: tuple[Change, ...]
    shapes: Mapping[str, Sizes]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """What ONNX Runtime made of a node before and after.

    ``geometry`` tells that the probe read, after, what the case asks for; ``equal`` that both outputs
    agree to the bit. A runtime that computes the node before otherwise than ONNX says is ``otherwise``.
    """

    change: Change
    before: Verdict
    after: Verdict
    equal: bool
    geometry: bool
    probed: str

    @property
    def holds(self) -> bool:
        """Whether the node computes, after, what ONNX says of it before."""
        return self.after.kind == "match" and self.geometry and (self.equal or self.before.kind != "match")

    @property
    def otherwise(self) -> str:
        """How the runtime computes the node before, where that is not what ONNX says; empty where it is."""
        if self.before.kind == "match":
            return ""
        return ", ".join(self.before.causes) or self.before.message or self.before.kind


def prepare(path: Path, target: str, shapes: Mapping[str, Sizes], external: bool, out: Path) -> Plan:
    """Read a model and rewrite it in memory; ``InputError`` where something in it cannot be written as asked."""
    if out.resolve() == path.resolve():
        raise InputError(f"-o {out}: the model itself; allowed: another file")
    models.need(path, "onnx", "an ONNX file", "'padding-conformance[onnx]'")
    light = onnx_file.load(path, external)
    refuse_functions(light, path)
    apart = any(tensor_is_external(graph) for graph in onnx_file.walk(light.graph))
    if apart and out.resolve().parent != path.resolve().parent:
        raise InputError(f"-o {out}; allowed: a file in the model's folder, as its external data stay where they are")
    goal = targets.select([target])[0] if target else None
    found = onnx_file.find(light, path, shapes)
    edits = [rewrite.edit(one, goal, path) for one in found]
    whole = onnx_file.parse(path)
    with onnx_file.bad_model(path):
        nodes = rewrite.apply(whole, edits)
        rewrite.apply(light, edits)
    hold_geometry(found, onnx_file.find(light, path, shapes), edits, path)
    edited = [(one, change) for one, change in zip(found, edits, strict=True) if change]
    opset = onnx_file.opset(whole)
    changes = []
    for (one, change), (before, after) in zip(edited, nodes, strict=True):
        small = proof_case(one.own)
        parts = {
            name: rewrite.little(some, before[0], small, opset)
            for name, some in zip(VARIANTS, (before, after), strict=True)
        }
        changes.append(Change(one.layer, change.describe(before[0]), small, parts))
    return Plan(path, whole, len(found), tuple(changes), shapes, tuple(onnx_file.unread(light)))


def tensor_is_external(graph: Any) -> bool:
    """Whether a graph has weights in other files."""
    tensors = (*graph.initializer, *onnx_file.tensors(graph.node))
    return any(tensor.data_location == tensor.EXTERNAL for tensor in tensors)


def refuse_functions(model: Any, path: Path) -> None:
    """Refuse padded operators inside functions: their sizes differ from call to call."""
    for function, node in onnx_file.in_functions(model):
        if node.op_type in onnx_file.OPS:
            raise InputError(
                f"{node.op_type} inside the function {function.name!r}, whose sizes differ from call to call; "
                "try: onnx.inliner.inline_local_functions first",
                shown_path(path),
            )


def hold_geometry(
    before: Sequence[onnx_file.Found], after: Sequence[onnx_file.Found], edits: Sequence[Edit | None], path: Path
) -> None:
    """Hold every layer of the rewritten model, read again, against what it was."""
    for one, other, change in zip(before, after, edits, strict=True):
        if change and change.around and one.own.transposed:
            continue  # its crop stands behind it, which the proof runs
        if not targets.alike(one.layer.case, other.layer.case):
            raise InputError(
                f"{one.layer.name}: cannot be written so that it reads the same elements", shown_path(path)
            )


def proof_case(case: Case) -> Case:
    """A node's case with few channels, in float32, at sizes that an exact reference can follow."""
    groups = min(case.groups, MOST)
    inside, filters = min(case.channels // case.groups, MOST), min(case.filters // case.groups, MOST)
    small = replace(case, batch=1, groups=groups, channels=groups * inside, dtype="float32")
    small = replace(small, filters=groups * filters if case.weighted else small.channels)
    while max(small.input) > 1 and _elements(small) > LARGEST:
        shorter = probe.shortened(small)
        if shorter == small:
            break
        small = shorter
    return small


def _elements(case: Case) -> int:
    return prod(case.input_shape[1:])


@contextmanager
def workbench(plan_: Plan) -> Iterator[tuple[Selection, list[Job], dict[int, str]]]:
    """The runner, the jobs of every different change, and the case's identity of each change."""
    runner = runners.load(RUNNER)
    packages = environments.installed(runner)
    absent = [name for name in runner.distributions if name not in packages]
    if absent and plan_.changes:
        raise InputError(
            f"the proof needs {', '.join(absent)}, which is not installed; try: {plan.install_command(runner)}"
        )
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        runner.environ = {**runner.environ, FOLDER: folder}
        selection = Selection({runner.name: Selected(RUNNER, runner, VARIANTS, packages)}, {})
        ids: dict[tuple[Any, ...], str] = {}
        names: dict[int, str] = {}
        jobs: list[Job] = []
        for number, change in enumerate(plan_.changes):
            bare = replace(change.case, id="")
            key = (bare, change.nodes["before"], change.nodes["after"])
            if key not in ids:
                ids[key] = f"node{len(ids)}"
                for variant in VARIANTS:
                    Path(folder, f"{ids[key]}.{variant}.onnx").write_bytes(change.nodes[variant])
                jobs += plan.plan([replace(bare, id=ids[key])], selection)
            names[number] = ids[key]
        yield selection, jobs, names


def probed(job: Job, selection: Selection) -> list[Job]:
    """The probes of a job, at sizes at which they are quick."""
    small = selection.like(job, probe.shortened(job.case))
    return probe.jobs(small or job, selection.like)


def prove(
    plan_: Plan,
    names: Mapping[int, str],
    jobs: Sequence[Job],
    probes: Mapping[Call, Sequence[Job]],
    outcomes: Mapping[Call, Outcome],
    judge: Callable[[Job, Outcome], Verdict],
    describe: Callable[[Job, Found | Outcome], tuple[str, bool]],
) -> list[Proof]:
    """What the outcomes, those of the probes among them, say of every change."""
    by_case: dict[str, list[Job]] = {}
    for job in jobs:
        by_case.setdefault(job.case.id, []).append(job)
    known = {}
    for name, (before, after) in by_case.items():
        ended = outcomes[before.key], outcomes[after.key]
        both = all(outcome.kind == "completed" for outcome in ended)
        equal = both and typed(ended[0].output)[0].tobytes() == typed(ended[1].output)[0].tobytes()
        text, alike = describe(probes[after.key][0], probe.read(probes[after.key], outcomes))
        known[name] = judge(before, ended[0]), judge(after, ended[1]), equal, alike, text
    return [Proof(change, *known[names[number]]) for number, change in enumerate(plan_.changes)]


def write(plan_: Plan, out: Path) -> None:
    """Write the model, whole or not at all."""
    put(out, plan_.model.SerializeToString())
