"""Scripts of every core runner, executed where nothing of this project is, against the verdicts of a real run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance import cases, journal, pipeline, plan, reproduction, runners
from conformance.domain.case import Case
from conformance.pipeline import Finished, Options
from conformance.reproduction import Reproduction
from tests.reproduction import batch

CASES = """\
schema: 1
title: one case of each operator and habit
cases:
  - {name: same, op: conv, input: [5, 6], kernel: [3, 2], stride: 2, channels: 2, filters: 4, bias: true, padding: same,
     tags: [dynamic]}
  - {name: line, op: conv, input: 7, kernel: 3, dilation: 2, channels: 2, filters: 2, padding: [[1, 0]]}
  - {name: volume, op: conv, input: [3, 4, 3], kernel: 2, channels: 2, filters: 2, padding: same}
  - {name: depthwise, op: conv, input: [6, 6], kernel: 3, stride: 2, dilation: 2, channels: 2, filters: 2,
     groups: depthwise, padding: 1}
  - {name: beyond, op: conv, input: [8, 8], kernel: 1, stride: 4, padding: same}
  - {name: narrow, op: conv, input: [5, 5], kernel: 3, dtype: bfloat16, data: normal, padding: 1}
  - {name: half, op: conv, input: [5, 5], kernel: 3, dtype: float16, padding: same}
  - {name: large, op: conv, input: [20, 20], kernel: 3, channels: 3, filters: 8, padding: fixed, stride: 2}
  - {name: up, op: conv_transpose, input: [4, 4], kernel: 3, stride: 2, channels: 2, filters: 2, padding: 1,
     output_padding: 1}
  - {name: groups, op: conv_transpose, input: [3, 4], kernel: 3, channels: 2, filters: 4, groups: 2, bias: true,
     padding: 1}
  - {name: most, op: max_pool, input: [6, 6], kernel: 3, stride: 2, channels: 2, padding: 1}
  - {name: dilated, op: max_pool, input: [8, 8], kernel: 3, dilation: 2, padding: same, tags: [dynamic]}
  - {name: ceil, op: max_pool, input: [6, 6], kernel: 3, stride: 2, padding: valid, ceil_mode: true, spec: pytorch}
  - {name: mean, op: avg_pool, input: [6, 5], kernel: 3, stride: 2, channels: 2, padding: 1}
  - {name: counted, op: avg_pool, input: [6, 5], kernel: 3, stride: 2, padding: 1, count_include_pad: true}
  - {name: edge, op: pad, input: [3, 4], channels: 2, mode: edge, padding: [[2, 1], [1, 3]]}
  - {name: value, op: pad, input: [3, 4], value: -1.5, padding: 1}
  - {name: zeros, op: pad, input: [3, 4], padding: 1}
"""

TOGETHER = (
    ("torch", "torch-onnx", "onnxruntime"),
    ("tensorflow", "keras", "onnx2keras", "onnx2keras-same"),
    ("tf_keras", "tf1"),
)
"""Runners whose scripts can follow one another in one interpreter: the patched converter after the released one."""


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    path = tmp_path_factory.mktemp("cases") / "every.yaml"
    path.write_text(CASES)
    return cases.load([path])


@pytest.fixture(scope="module")
def finished(chosen: list[Case], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The cases through every core runner, but for the slowest exporter."""
    names = [name for name in runners.CORE if name != "onnx2keras"]
    names += [f"onnx2keras/{name}" for name in ("pads", "auto_pad", "torch-export", "pads-change-ordering")]
    out = tmp_path_factory.mktemp("run")
    return pipeline.run(Options((Path(chosen[0].where.partition(":")[0]),), tuple(names), out=out))


@pytest.fixture(scope="module", params=TOGETHER, ids="+".join)
def ended(
    request: pytest.FixtureRequest, chosen: list[Case], finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Reproduction, Mapping[str, Any]]]:
    """Every job of some runners with what its script did."""
    selection = plan.select_runners(request.param)
    jobs = {job.key: job for job in plan.plan(chosen, selection)}
    found = {}
    for result in finished.run.results:
        key = journal.key_of(result)
        if key in jobs:
            runner = selection.runners[result["runner"]].runner
            found[" ".join(key)] = Reproduction(jobs[key], result, runner, {"python": "3"})
    scripts = {name: reproduction.script(one) for name, one in found.items()}
    for text in scripts.values():
        assert not re.search(r"^\s*(import|from) conformance", text, re.MULTILINE)
    did = batch.run(scripts, tmp_path_factory.mktemp("scripts"))
    return [(one, did[name]) for name, one in found.items()]


def test_every_operator_of_every_runner_is_there(ended: list[tuple[Reproduction, Mapping[str, Any]]]) -> None:
    assert {"match"} < {one.record["verdict"] for one, _ in ended}
    names = {one.job.runner for one, _ in ended}
    ops = {(one.job.runner, one.job.case.op) for one, _ in ended}
    assert ops == {(name, op) for name in names for op in runners.load(name).ops}


def test_a_script_ends_as_its_job_was_judged(ended: list[tuple[Reproduction, Mapping[str, Any]]]) -> None:
    for one, did in ended:
        shown = f"{one.job.key}: {one.record['verdict']}, {did}"
        assert did["status"] == (one.record["verdict"] != "match"), shown
        failure = one.record.get("failure")
        assert bool(failure) == bool(did["raised"]), shown
        if failure:
            assert did["raised"].startswith(f"{failure['exception']}: {failure['message'][:20]}"), shown
        for cause in one.record["causes"]:
            assert f"cause: {cause}" in did["printed"], shown


def test_a_script_prints_the_very_numbers_of_its_job(ended: list[tuple[Reproduction, Mapping[str, Any]]]) -> None:
    seen = 0
    for one, did in ended:
        where = one.record.get("difference")
        if where and where["wrong"]:
            first = tuple(where["first"])
            assert f" at {first}; {where['wrong']} of {where['total']} elements differ" in did["printed"], one.job.key
            assert f"expected {float(where['expected']):g}, got {float(where['got']):g} at" in did["printed"]
            seen += 1
    assert seen
