"""A few tiny cases, run through fakes: what the tests of the engine and of the command line share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance import cases, journal, pipeline, plan
from conformance.domain.records import Job, Outcome
from conformance.execute.local import Limits, LocalEngine
from conformance.pipeline import Finished, Options

FAKES = "tests.fakes:"
HEAD = """\
schema: 1
title: small
defaults: {op: conv, input: [4, 5], kernel: [2, 3], stride: [1, 2], channels: 2, filters: 2, bias: true, padding: same}
cases:
"""

PATIENT = Limits()

STAGES = ("build", "convert", "load", "run")
BETWEEN = ("good-0", "bad-build", "bad-convert", "good-1", "bad-load", "good-2", "bad-run", "good-3")
"""A bad case for each stage, with good ones before, between and after."""


def case_file(folder: Path, names: Sequence[str], **fields: str) -> Path:
    """A file ``small.yaml`` of cases that differ in their seeds; ``fields`` go into each as YAML."""
    path = folder / "small.yaml"
    more = "".join(f", {name}: {value}" for name, value in fields.items())
    path.write_text(HEAD + "".join(f"  - {{name: {name}, seed: {seed}{more}}}\n" for seed, name in enumerate(names)))
    return path


def run(folder: Path, fake: str, names: Sequence[str], **options: Any) -> Finished:
    """A run of these cases through one fake, in one worker unless said otherwise; its journal reads as it says."""
    paths = (case_file(folder, names),)
    plain = Options(paths, (FAKES + fake,), out=folder / "run", jobs=1)
    finished = pipeline.run(replace(plain, **options))
    assert journal.read(finished.run.folder) == finished.run
    return finished


def results(finished: Finished) -> dict[tuple[str, str], dict[str, Any]]:
    """The results by case name and variant."""
    found = {(each["case"].rsplit("/", 1)[-1], each["variant"]): each for each in finished.run.results}
    assert len(found) == len(finished.run.results)
    return found


def jobs(folder: Path, fake: str, names: Sequence[str]) -> list[Job]:
    """The plan of these cases through one fake."""
    return list(plan.plan(cases.load([case_file(folder, names)]), plan.select_runners([FAKES + fake])))


def engine(fake: str, slots: int = 1, limits: Limits = PATIENT) -> LocalEngine:
    """A local engine with one fake."""
    (chosen,) = plan.select_runners([FAKES + fake]).runners.values()
    return LocalEngine({chosen.runner.name: (chosen.spec, chosen.runner)}, slots, limits)


def outcomes(
    folder: Path, fake: str, names: Sequence[str], slots: int = 1, limits: Limits = PATIENT
) -> list[tuple[Job, Outcome]]:
    """What becomes of these cases in a fake, in the order in which they end."""
    return list(engine(fake, slots, limits).run(jobs(folder, fake, names)))


def timeless(folder: Path) -> list[str]:
    """All that a journal says but for times, sorted."""
    run = journal.read(folder)
    records = [run.header, *run.cases.values(), *run.results, *([run.footer] if run.footer else [])]
    return sorted(json.dumps({**record, "seconds": 0, "started": ""}, sort_keys=True) for record in records)
