"""summary.json: the run's counts, causes and failing jobs, for programs; summary.schema.json describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from conformance.domain.records import VERDICTS
from conformance.journal import Record, Run
from conformance.render.digest import Cause, Digest, Job

SCHEMA = 1

MOST = 1000
"""Jobs that are listed; the counts are of all."""


def render(run: Run, found: Digest) -> str:
    """The summary as JSON text."""
    return json.dumps(summary(run, found), indent=2, ensure_ascii=False) + "\n"


def summary(run: Run, found: Digest) -> Record:
    """The summary as JSON values; everything in it comes from the journal."""
    broken = [job for job in found.worst if not job.holds]
    return {
        "schema": SCHEMA,
        "summary": found.sentence,
        "complete": found.complete,
        "holds": found.holds,
        "planned": found.planned,
        "recorded": found.recorded,
        "not_run": found.not_run,
        "verdicts": found.verdicts,
        "gates": found.gates,
        "unattributed": found.unattributed,
        "defects": _causes(found.defects),
        "hazards": _causes(found.hazards),
        "refusals": _causes(found.refusals, "verdict", "message"),
        "algorithms": _causes(found.algorithms),
        "runners": {
            runner.name: {
                "packages": dict(runner.packages),
                "control": runner.control,
                "variants": {variant: _counts(found.by_variant, runner.name, variant) for variant in runner.variants},
            }
            for runner in found.runners
        },
        "missing": found.missing,
        "failing": [_job(job) for job in broken[:MOST]],
        "failing_left_out": max(len(broken) - MOST, 0),
        "stale": found.stale,
        **{name: run.header.get(name) for name in ("version", "cases", "platform", "started")},
        "seconds": (run.footer or {}).get("seconds"),
    }


def _causes(causes: Iterable[Cause], name: str = "name", meaning: str = "meaning") -> list[Record]:
    return [
        {
            name: cause.name,
            meaning: cause.meaning,
            "jobs": cause.jobs,
            "in_negative_controls": cause.controls,
            "touches": dict(cause.touches),
        }
        for cause in causes
    ]


def _counts(by_variant: Mapping[tuple[str, str], Mapping[str, int]], runner: str, variant: str) -> dict[str, int]:
    counts = by_variant[runner, variant]
    return {verdict: counts[verdict] for verdict in VERDICTS if counts.get(verdict)}


def _job(job: Job) -> Record:
    return {
        "case": job.id,
        "runner": job.runner,
        "variant": job.variant,
        "verdict": job.verdict,
        "gate": job.gate,
        "causes": list(job.causes),
        "line": job.line,
    }
