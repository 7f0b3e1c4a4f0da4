"""The distributed engine on a real cluster of this machine: a scheduler and three worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conformance import plan
from conformance.domain.records import Job, Outcome
from conformance.errors import InputError
from conformance.execute import cluster
from conformance.execute.cluster import BATCH, DaskEngine, divided
from conformance.execute.local import Limits
from tests import small_runs
from tests.fakes import ROOT, name_of
from tests.small_runs import BETWEEN, FAKES

WORKERS = 3


class Dask:
    """A scheduler with three workers, without nannies: one that is killed stays dead."""

    def __init__(self) -> None:
        scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", stderr=subprocess.PIPE)
        assert scheduler.stderr
        lines = iter(scheduler.stderr.readline, "")
        self.address = next(line.split()[-1] for line in lines if "Scheduler at:" in line)
        more = ("--nthreads", "1", "--no-nanny", "--name")
        self.processes = [self.start("worker", self.address, *more, str(number)) for number in range(WORKERS)]
        self.processes.append(scheduler)

    def start(self, kind: str, *options: str, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """One process of the cluster."""
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options]
        environ = {**os.environ, "PYTHONPATH": ROOT}
        return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=stderr, text=True, cwd=ROOT)

    def kill(self, number: int) -> None:
        """Kill one worker, as a machine that is switched off would."""
        self.processes[number].kill()

    def end(self) -> None:
        """End what is left."""
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def dask() -> Iterator[Dask]:
    found = Dask()
    cluster.connect(found.address, 1).wait_for_workers(WORKERS, timeout=60)
    yield found
    cluster.connect(found.address, 1).close()
    found.end()


def engine(dask: Dask, fake: str) -> DaskEngine:
    """The distributed engine with one fake."""
    selection = plan.select_runners([FAKES + fake])
    return DaskEngine(selection.specs, dask.address, 1, Limits(open=30.0, job=20.0))


def test_bad_endings_are_the_same_as_on_one_machine(dask: Dask, tmp_path: Path) -> None:
    jobs = small_runs.jobs(tmp_path, "Crashes", BETWEEN)
    found = {job.key: outcome for job, outcome in engine(dask, "Crashes").run(jobs)}
    local = {job.key: outcome for job, outcome in small_runs.engine("Crashes").run(jobs)}
    assert set(found) == set(local)
    for key, outcome in local.items():
        assert (found[key].kind, found[key].failure) == (outcome.kind, outcome.failure)


def test_a_run_on_a_cluster_writes_what_one_on_this_machine_writes(dask: Dask, tmp_path: Path) -> None:
    local = small_runs.run(tmp_path, "Wrong", BETWEEN)
    spread = small_runs.run(tmp_path, "Wrong", BETWEEN, engine="dask", scheduler=dask.address, out=tmp_path / "dask")
    assert spread.status == local.status == 1
    both = [
        sorted(
            ({name: value for name, value in result.items() if name != "seconds"} for result in finished.run.results),
            key=lambda result: (result["case"], result["variant"]),
        )
        for finished in (local, spread)
    ]
    assert both[0] == both[1]


def test_other_versions_on_a_worker_are_refused_before_anything_runs(
    dask: Dask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = engine(dask, "Right")
    monkeypatch.setattr(others, "own_versions", lambda: {"padding-conformance": "0.0.1"})
    with pytest.raises(InputError, match=r"the Dask worker tcp://.* has padding-conformance .* for 0\.0\.1; allowed:"):
        next(others.run(small_runs.jobs(tmp_path, "Right", ("good-0",))))


def test_where_no_scheduler_answers_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    with pytest.raises(InputError, match="no Dask scheduler answers at nowhere"):
        cluster.connect("nowhere:1", 1)


def test_a_case_is_not_divided_and_a_batch_has_one_runner(tmp_path: Path) -> None:
    jobs = small_runs.jobs(tmp_path, "Right", [f"good-{number}" for number in range(BATCH + 1)])
    batches = list(divided([*jobs, *(job._replace(runner="other") for job in jobs[:5])]))
    assert [job for batch in batches for job in batch][: len(jobs)] == jobs
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 2, 5]
    assert all(len({job.runner for job in batch}) == 1 for batch in batches)


def test_a_worker_that_is_lost_in_a_run_of_5000_jobs_costs_no_result(dask: Dask, tmp_path: Path) -> None:
    names = [f"{'bad' if number % 50 == 7 else 'good'}-{number}" for number in range(2500)]
    jobs = small_runs.jobs(tmp_path, "Wrong", names)
    assert len(jobs) == 5000
    found: list[tuple[Job, Outcome]] = []
    for ended in engine(dask, "Wrong").run(jobs):
        if not found:
            dask.kill(1)
        found.append(ended)
    assert Counter(job.key for job, _ in found) == Counter(job.key for job in jobs)
    assert {outcome.kind for _, outcome in found} == {"completed"}
    assert len(cluster.connect(dask.address, 1).nthreads()) == WORKERS - 1
    outputs = {job.key: outcome.output for job, outcome in found}
    for job, outcome in small_runs.engine("Wrong", slots=2).run(jobs):
        np.testing.assert_array_equal(outputs[job.key], outcome.output, err_msg=name_of(job.case))
