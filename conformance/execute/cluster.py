"""The distributed engine: batches of jobs as tasks of a Dask cluster; every job comes back exactly once.

A running Dask task can neither be cancelled nor given a deadline. So a task does not run a framework: in it, a local
engine supervises the same worker processes as on one machine, under the same deadlines, and they stay for the next
batch. A Dask worker that is lost costs its batches another try elsewhere, which the scheduler sees to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from conformance import __version__
from conformance.domain.records import Failure, Job, Outcome
from conformance.errors import InputError
from conformance.execute import machine
from conformance.execute.local import Limits, LocalEngine, Standing
from conformance.runners import load
from conformance.runners.contract import Runner

if TYPE_CHECKING:
    from distributed import Client, Future

BATCH = 64
"""Jobs in a task, about: a case is not divided. Few enough that a lost worker costs little."""

AHEAD = 3
"""Tasks for each thread of the cluster that are submitted at a time; planning goes on as they end."""

PATIENCE = 10.0
"""Seconds for a scheduler to answer."""

Specs = Mapping[str, str]
"""Where each runner's class is, by the runner's name."""


class DaskEngine:
    """Runs jobs on the cluster of a scheduler's address, or on one of this machine's own with ``slots`` processes."""

    def __init__(
        self,
        runners: Mapping[str, tuple[str, Runner]],
        scheduler: str,
        slots: int,
        limits: Limits,
    ) -> None:
        if elsewhere := [name for name, (_, runner) in runners.items() if runner.python]:
            raise InputError(f"{', '.join(elsewhere)} in another interpreter on a cluster; allowed: --engine local")
        self.specs = {name: spec for name, (spec, _) in runners.items()}
        self.distributions = {name: runner.distributions for name, (_, runner) in runners.items()}
        self.scheduler = scheduler
        self.slots = slots or machine.cores()
        self.limits = limits

    def run(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Outcome], None, None]:
        """Every job with its outcome, batch by batch as they end.

        Raises ``InputError`` where there is no cluster, or one of its workers has other versions than this process.
        """
        client = connect(self.scheduler, self.slots)
        self._compare(client)
        from distributed import as_completed

        batches = divided(jobs)
        asked: dict[str, tuple[Future, list[Job]]] = {}
        done = as_completed(loop=client.loop)

        def submit(batch: list[Job]) -> None:
            future = client.submit(run_batch, batch, self.specs, self.limits, pure=False)
            asked[future.key] = future, batch
            done.add(future)

        try:
            for batch in islice(batches, AHEAD * max(1, sum(client.nthreads().values()))):
                submit(batch)
            while asked:
                future = next(done)
                _, batch = asked.pop(future.key)
                for more in islice(batches, 1):
                    submit(more)
                yield from _outcomes(future, batch)
        finally:
            client.cancel([future for future, _ in asked.values()], force=True)
            client.run(release)

    def own_versions(self) -> dict[str, str]:
        """What every Dask worker has to have."""
        return versions(self.distributions)

    def _compare(self, client: Client) -> None:
        """Hold every Dask worker's versions against this process's: with others it would be another run."""
        own = self.own_versions()
        for address, theirs in client.run(versions, self.distributions).items():
            other = [f"{name} {theirs[name]} for {mine}" for name, mine in own.items() if theirs[name] != mine]
            if other:
                raise InputError(f"the Dask worker {address} has {', '.join(other)}; allowed: what this process has")


@lru_cache
def connect(scheduler: str, slots: int) -> Client:
    """A client of a scheduler, or of a cluster of this machine's own, which ends with this process."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError(
            "--engine dask needs distributed, which is not installed; "
            "try: python -m pip install 'padding-conformance[dask]'"
        ) from error
    try:
        if scheduler:
            return Client(scheduler, timeout=PATIENCE, set_as_default=False)
        cluster = LocalCluster(n_workers=slots, threads_per_worker=1, dashboard_address=None)
        return Client(cluster, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler or 'this machine'}: {error}") from error


def divided(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """The jobs in batches of one runner each, in which a case's jobs stay together."""
    batch: list[Job] = []
    for job in jobs:
        last = batch[-1] if batch else job
        if job.runner != last.runner or (len(batch) >= BATCH and job.case.id != last.case.id):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _outcomes(future: Future, batch: list[Job]) -> Iterator[tuple[Job, Outcome]]:
    """What a batch's end means for its jobs: those of a batch that could not be run anywhere did not run.

    Where the Dask worker that holds the answer is lost by now, this waits for another one's.
    """
    try:
        if future.cancelled():
            raise RuntimeError("cancelled by the scheduler")
        found = future.result()
    except Exception as error:
        failure = Failure(f"its batch could not be run on the cluster: {error}", exception=type(error).__name__)
        found = [(number, Outcome("not_run", failure=failure)) for number in range(len(batch))]
    for number, outcome in found:
        yield batch[number], outcome


def versions(distributions: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """The versions of this package and of the runners' packages in the process that calls it."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"padding-conformance": __version__}
    for name in sorted({name for names in distributions.values() for name in names}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


_idle: dict[Any, deque[Standing]] = {}
"""In a Dask worker: the engines that wait for the next batch; each thread that runs one has it for itself."""


def run_batch(jobs: list[Job], specs: Specs, limits: Limits) -> list[tuple[int, Outcome]]:
    """In a Dask worker: the outcomes of a batch with the jobs' places in it, in the order in which they ended."""
    waiting = _idle.setdefault((tuple(specs.items()), limits), deque())
    try:
        engine = waiting.pop()
    except IndexError:
        engine = Standing(LocalEngine({name: (spec, load(spec)) for name, spec in specs.items()}, 1, limits))
    places = {job.key: number for number, job in enumerate(jobs)}
    found = [(places[job.key], outcome) for job, outcome in engine.run(jobs)]
    waiting.append(engine)
    return found


def release() -> None:
    """In a Dask worker: end the worker processes that wait for a batch."""
    for waiting in _idle.values():
        while waiting:
            waiting.pop().close()
