"""After the hypotheses: fixes that were run, probes of what no hypothesis explains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance import oracle, probe, remedy, tools
from conformance.domain.case import Case
from conformance.domain.geometry import Pads
from conformance.domain.records import Job, Outcome, Spelling, Verdict
from conformance.domain.tensors import tensors
from conformance.judge import Judge
from tests.small_runs import FAKES, case_file, results, run

SMALL = ["small-0", "small-1"]


def test_a_hazard_names_the_variant_that_was_right_in_the_same_run(tmp_path: Path) -> None:
    found = results(run(tmp_path, "Habit", SMALL))
    hazards = [result for result in found.values() if result["verdict"] == "hazard"]
    assert hazards
    for result in hazards:
        right = found[result["case"].rsplit("/", 1)[-1], result["fix"]["variant"]]
        assert right["verdict"] == "match"
        assert result["fix"]["code"].startswith("convolve(x, ((")
    assert all("fix" not in result for result in found.values() if result["verdict"] == "match")


def test_a_variant_that_the_run_leaves_out_is_run_for_a_fix_and_not_recorded(tmp_path: Path) -> None:
    finished = run(tmp_path, "Habit", SMALL, runners=(FAKES + "Habit/symmetric",))
    found = results(finished)
    assert finished.run.complete
    assert {variant for _, variant in found} == {"symmetric"}
    assert {result["fix"]["variant"] for result in found.values()} == {"asked"}


def test_what_is_run_for_a_fix_is_run_in_the_worker_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = tmp_path / "attempts"
    monkeypatch.setenv("ATTEMPTS", str(attempts))
    found = results(run(tmp_path, "Counted", SMALL, runners=(FAKES + "Counted/symmetric",)))
    assert {result["fix"]["variant"] for result in found.values()} == {"asked"}
    assert attempts.read_text() == "x"


def test_where_no_variant_is_right_there_is_no_fix(tmp_path: Path) -> None:
    found = results(run(tmp_path, "IgnoresPads", SMALL))
    assert found
    for result in found.values():
        assert result["verdict"] == "mismatch"
        assert "fix" not in result


def test_a_mistake_without_a_name_is_read_by_a_probe_and_stays_unattributed(tmp_path: Path) -> None:
    for result in results(run(tmp_path, "ReversesOneAxis", SMALL)).values():
        assert result["causes"] == ["unattributed"]
        assert "reversed on axis 0" in result["evidence"]


def test_what_is_no_geometry_stays_unattributed_with_the_counterexample(tmp_path: Path) -> None:
    for result in results(run(tmp_path, "PadsWithFives", SMALL)).values():
        assert result["causes"] == ["unattributed"]
        assert "no such geometry" in result["evidence"]


@pytest.mark.parametrize("fake", ["ReversesOneAxis", "Habit"])
def test_every_planned_job_comes_out_once(tmp_path: Path, fake: str) -> None:
    finished = run(tmp_path, fake, SMALL)
    assert finished.run.complete
    assert len(finished.run.results) == finished.run.planned


def test_a_probe_of_a_fake_tells_what_it_does(tmp_path: Path) -> None:
    from conformance import cases

    (case,) = cases.load([case_file(tmp_path, ["one"])])
    told: list[tuple[Job, Any]] = list(tools.probe(case, [FAKES + "ReversesOneAxis"], 60.0))
    ((job, found),) = told
    assert job.variant == "asked"
    assert [axis.flipped for axis in found.axes] == [True, False]
    assert found.executions == 1


LAYER = Case("t/a", "conv", (9, 8), (3, 2), (2, 1), (1, 2), ((0, 1), (2, 0)), channels=2, filters=3, bias=True)
POOL = Case("t/a", "max_pool", (9, 8), (3, 2), (2, 3), (1, 2), ((0, 1), (1, 1)), channels=2, filters=2, ceil_mode=True)
MEAN = replace(POOL, op="avg_pool", ceil_mode=False)
COUNTED = replace(MEAN, count_include_pad=True)
ODD = ((1, 3), (1, 2))


def read_back(case: Case, **changes: Any) -> tuple[Verdict, Verdict]:
    """The verdict on what an implementation gives that reads a case so, without a probe and with one."""

    def output(of: Case) -> Any:
        how = oracle.reading(of, of.pads)._replace(**changes)
        return oracle.compute(of, tensors(of), how).astype(of.dtype)

    job, outcome = Job(case, "fake", "v", Spelling(case.pads, "f(x)")), Outcome("completed", output(case))
    probes = probe.cases(case)
    verdict = Judge().judge(job, outcome)
    return verdict, remedy.probed(job, verdict, outcome, probe.conclude(probes, list(map(output, probes))))


@pytest.mark.parametrize(
    ("case", "pads", "changes", "causes"),
    [
        (LAYER, ODD, {"flip": True, "bias": False}, "kernel-flipped bias-dropped"),
        (LAYER, ODD, {"stride": (2, 2), "dilation": (1, 1)}, "dilation-ignored stride-first-axis"),
        (replace(LAYER, kernel=(3, 1)), ODD, {"swap": True, "dilation": (1, 1)}, "dilation-ignored axes-swapped"),
        (
            replace(LAYER, kernel=(3, 1)),
            ODD,
            {"flip": True, "dilation": (1, 1), "bias": False},
            "kernel-flipped bias-dropped",
        ),
        (POOL, ((0, 2), (2, 1)), {"stride": (2, 2), "fill": 0.0}, "stride-first-axis pad-value"),
        (POOL, ((0, 2), (2, 1)), {"stride": (2, 2), "fill": 1.0}, "stride-first-axis pad-value"),
        (COUNTED, ((2, 1), (0, 2)), {"dilation": (1, 1), "rounding": "keep"}, "dilation-ignored last-window"),
        (MEAN, ((1, 1), (2, 1)), {"stride": (2, 2), "overhang": True}, "stride-first-axis pad-counted"),
    ],
)
def test_more_mistakes_than_are_tried_together_are_named_from_what_a_probe_reads(
    case: Case, pads: Pads, changes: dict[str, Any], causes: str
) -> None:
    before, after = read_back(case, pads=pads, **changes)
    assert before.causes == (remedy.UNKNOWN,)
    assert after.causes == ("pad-amount", *causes.split())
    assert ("1 as padding" in after.evidence) == (changes.get("fill") == 1)
