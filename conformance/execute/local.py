"""The local engine: jobs in worker processes on this machine; every job comes back exactly once.

A worker that dies, overruns a deadline, holds too much memory or sends garbage costs the job that it was
at. That job is tried once more, alone in a fresh worker, which adds to what is known of it and changes
nothing of how it ended; the jobs after it go on in another fresh worker.
"""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import inf

from conformance.domain.records import Failure, Job, Outcome, Planned
from conformance.domain.tensors import received
from conformance.errors import InputError
from conformance.execute import machine
from conformance.execute.process import ROOM, WorkerProcess
from conformance.runners.contract import Runner
from conformance.runners.protocol import GarbageError

AHEAD, MOST_AHEAD = 32, 128
"""Jobs that a worker has at once: enough to keep it busy, few enough to share with another."""

MOMENT, SMALLEST = 0.05, 1e-6
"""Seconds of work for which it has more than the least of them, where they are that short; none is shorter."""

STARTS = 3
"""Attempts to start a runner's worker, or to get one job further, before its jobs are left not run."""

WATCH = 0.25
"""Seconds between two looks at a worker's memory."""

WINDOW = 1.0
"""Seconds over which the share of waiting is measured."""

IDLE = 0.25
"""The share of waiting above which a second worker for a runner helps."""

SHORTEST, LONGEST = 0.001, 0.05
"""Seconds in which answers may come together: to be woken by each costs more than to take it."""

AT_HAND = 0.25
"""The share of a worker's work, and of its channel, in which they may: neither runs out of room meanwhile."""

STUCK = 4
"""Job deadlines without a word after which a worker between two jobs is taken for stuck."""

UNPLACED = 2.0
"""Seconds that the record of a worker's place may be unreadable: far longer than writing it takes."""


@dataclass(frozen=True)
class Limits:
    """What a worker may use: seconds in each stage, bytes of memory, GPUs.

    ``build`` counts for ``convert`` and ``load`` too, 0 for as much as ``job``. ``memory`` counts what the worker has
    started as well, 0 for a core's share of the machine's.
    """

    open: float = 180.0
    job: float = 60.0
    build: float = 0.0
    memory: int = 0
    gpu: bool = False

    def of(self, stage: str) -> float:
        """The deadline of a stage of a job."""
        return self.build or self.job if stage in ("build", "convert", "load") else self.job


@dataclass(frozen=True)
class Suspect:
    """A job that ended its worker, and waits to be tried alone; ``others`` had been answered there before."""

    sequence: int
    job: Job
    outcome: Outcome
    others: bool

    def tried(self, ended: bool) -> tuple[Job, Outcome]:
        """The job as it ended first, with whether it ended a worker of its own as well."""
        assert self.outcome.failure is not None
        again = "alone too" if ended else "only after others" if self.others else "not again"
        return self.job, self.outcome._replace(failure=replace(self.outcome.failure, again=again))


@dataclass
class Lane:
    """The jobs of one runner that wait, and what is known of its speed; ``failure`` is why it cannot be started.

    ``left`` counts those in the queue and, of a plan, those that are still to be made, which come after.
    """

    runner: Runner
    spec: str
    stream: Iterator[list[tuple[int, Job]]] = field(default_factory=lambda: iter(()))
    queue: deque[list[tuple[int, Job]]] = field(default_factory=deque)
    suspects: deque[Suspect] = field(default_factory=deque)
    failure: Failure | None = None
    left: int = 0
    workers: int = 0
    stumbles: int = 0
    opening: float = 0.0
    seconds: float = 0.0
    finished: int = 0
    received: int = 0

    @property
    def each(self) -> float:
        """Seconds of a job, estimated before the first has ended."""
        return self.seconds / self.finished if self.finished else 0.01

    def ahead(self, worker: WorkerProcess) -> int:
        """Jobs that a worker has at once; of one that grows no more than it surely has memory for."""
        return max(AHEAD, min(MOST_AHEAD, int(MOMENT / max(SMALLEST, self.each)), worker.room // 4))

    def calm(self, worker: WorkerProcess) -> float:
        """Seconds until a worker has done all that it has, or its channel is full of answers."""
        work = len(worker.waiting) * self.each
        return min(work, ROOM / self.received * self.seconds) if self.received else work

    @property
    def rest(self) -> float:
        """Estimated seconds of work that wait."""
        return self.left * self.each

    def take(self) -> list[tuple[int, Job]]:
        """The next case's jobs; ``InputError`` where a plan has fewer than it counted."""
        jobs = self.queue.popleft() if self.queue else next(self.stream, None)
        if jobs is None:
            raise InputError(f"runner {self.runner.name} has fewer jobs than were planned; allowed: the same each time")
        self.left -= len(jobs)
        return jobs

    def put_back(self, jobs: Iterable[tuple[int, Job]]) -> None:
        """Jobs that a lost worker had not answered, to be next again, in their order."""
        groups = [list(group) for _, group in groupby(jobs, key=lambda job: job[1].case.id)]
        self.queue.extendleft(reversed(groups))
        self.left += sum(map(len, groups))

    def not_run(self) -> Iterator[tuple[Job, Outcome]]:
        """What waits, now that it cannot be started."""
        while self.suspects:
            suspect = self.suspects.popleft()
            yield suspect.job, suspect.outcome
        while self.left:
            for _, job in self.take():
                yield job, Outcome("not_run", failure=self.failure)


def grouped(jobs: Iterable[Job | None]) -> Iterator[list[tuple[int, Job]]]:
    """Numbered jobs, those of a group that follow each other together; an empty list for None."""
    groups = groupby(enumerate(jobs), key=lambda item: item[1].group if item[1] else item[0])
    return ([(number, job) for number, job in group if job] for _, group in groups)


def together(calm: Iterable[float]) -> float:
    """The seconds in which answers may come together, of workers that need nothing for so many seconds."""
    return max(SHORTEST, min(LONGEST, AT_HAND * min(calm, default=0.0)))


class LocalEngine:
    """Runs jobs in up to ``slots`` workers at a time, as many as there are cores where that is 0."""

    def __init__(self, runners: Mapping[str, tuple[str, Runner]], slots: int = 0, limits: Limits = Limits()) -> None:
        self.lanes = {name: Lane(runner, spec) for name, (spec, runner) in runners.items()}
        self.slots = slots or machine.cores()
        self.limits = limits
        self.memory = limits.memory or machine.share(max(self.slots, machine.cores()))
        self._alone: dict[WorkerProcess, Suspect] = {}
        self._selector = selectors.DefaultSelector()
        self._workers: dict[WorkerProcess, Lane] = {}
        self._window = time.monotonic()
        self._waited = self._idle = 0.0
        self._source: Iterator[list[tuple[int, Job]]] | None = None
        self._stay = False

    def open(self) -> None:
        """Start the first workers before there is a plan, for the runners with the most variants."""
        for lane in sorted(self.lanes.values(), key=lambda lane: -len(lane.runner.variants))[: self.slots]:
            self._start(lane)

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._end(worker)
        self._selector.close()

    def run(
        self, jobs: Iterable[Job | None] | Planned, stay: bool = False
    ) -> Generator[tuple[Job, Outcome], None, None]:
        """Every job with its outcome, in the order in which they end.

        Those of a plan, and others whose number is not known beforehand, are taken as the workers come to them.
        None among these says that there is no other for now: the workers stay, and whoever takes an outcome has
        asked for one. With ``stay`` they do so after the last job as well, for the next jobs that are run here,
        unless others are started in their place; until ``close``.
        """
        self._stay = stay
        if isinstance(jobs, Planned):
            for name, lane in self.lanes.items():
                lane.left, lane.stream = jobs.counts[name], grouped(jobs.of(name))
            for worker in [worker for worker, lane in self._workers.items() if not lane.left]:
                self._end(worker)
        else:
            self._source = grouped(jobs)
            if isinstance(jobs, Sized):
                self._draw()
        try:
            while True:
                if not any(lane.left for lane in self.lanes.values()):
                    self._draw(1)
                for lane in self.lanes.values():
                    if lane.failure:
                        yield from lane.not_run()
                for worker in self._idle_workers():
                    self._feed(worker, self._workers[worker])
                self._start_workers()
                if not self._busy():
                    if self._source:
                        continue
                    return
                for key, _ in self._wait():
                    worker, channel = key.data
                    if worker not in self._workers:
                        continue
                    if channel == "words":
                        if not worker.listen():
                            self._selector.unregister(worker.words)
                    elif channel == "requests":
                        worker.flush()
                        if not worker.unsent:
                            self._selector.unregister(worker.requests)
                    else:
                        yield from self._answers(worker)
                for worker in list(self._workers):
                    yield from self._overrun(worker)
        finally:
            if not stay:
                self.close()

    def _busy(self) -> bool:
        """Whether there is anything to wait for; where workers stay, that is jobs alone."""
        left = any(lane.left or lane.suspects for lane in self.lanes.values())
        return left or any(worker.waiting or not self._stay for worker in self._workers)

    def _draw(self, cases: float = inf) -> bool:
        """Queue the jobs of so many more cases, or of all; whether there may be more now."""
        while self._source and cases > 0:
            jobs = next(self._source, None)
            if jobs is None:
                self._source = None
            if not jobs:
                return False
            lane = self.lanes[jobs[0][1].runner]
            lane.queue.append(jobs)
            lane.left += len(jobs)
            cases -= 1
        return self._source is not None

    def _idle_workers(self) -> list[WorkerProcess]:
        """Those that are ready and have nothing to do, kept for jobs that are still to come."""
        return [worker for worker in self._workers if worker.ready and not worker.waiting]

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What has come from the workers; keeps count of the time spent waiting for it."""
        before = time.monotonic()
        events = self._selector.select(timeout=0)
        if not events:
            time.sleep(together(lane.calm(one) for one, lane in self._workers.items() if one.waiting))
            events = self._selector.select(timeout=0.2)
        now = time.monotonic()
        self._waited += now - before
        if now - self._window >= WINDOW:
            self._idle = self._waited / (now - self._window)
            self._window, self._waited = now, 0.0
        return events

    def _start_workers(self) -> None:
        """Give each free slot to a job that is to be tried alone, or to the runner with the most work for a worker."""
        while True:
            lanes = [lane for lane in self.lanes.values() if not lane.failure and (lane.suspects or self._worth(lane))]
            if not lanes:
                return
            if len(self._workers) >= self.slots:
                idle = self._idle_workers()
                if not idle:
                    return
                self._end(idle[0])
            self._start(max(lanes, key=lambda lane: (bool(lane.suspects), lane.rest / (lane.workers + 1))))

    def _start(self, lane: Lane) -> None:
        """Start a worker, for the first job that is to be tried alone or for all that wait."""
        worker = WorkerProcess(lane.spec, lane.runner.environ, lane.runner.python, self.limits.gpu)
        self._workers[worker] = lane
        if lane.suspects:
            suspect = self._alone[worker] = lane.suspects.popleft()
            worker.ask([(suspect.sequence, suspect.job)])
            worker.closing = True
        else:
            lane.workers += 1
        self._selector.register(worker.answers, selectors.EVENT_READ, (worker, "answers"))
        self._selector.register(worker.words, selectors.EVENT_READ, (worker, "words"))

    def _worth(self, lane: Lane) -> bool:
        """Whether one more worker saves more time than opening it costs.

        A second one helps only where this process waits for the first, and does not lag behind it.
        """
        if not lane.left or not lane.workers:
            return lane.left > 0
        known = lane.seconds > WINDOW and self._idle > IDLE
        gain = self._idle * lane.rest / lane.workers  # at most: what this process leaves of a core
        return known and (self._source is not None or gain > 2 * lane.opening)

    def _feed(self, worker: WorkerProcess, lane: Lane) -> None:
        """Keep a ready worker supplied; end it when there is nothing left for it."""
        ahead = lane.ahead(worker)
        while len(worker.waiting) < ahead and not worker.closing:
            while not lane.left and self._draw(1):
                pass
            if not lane.left:
                break
            worker.ask(lane.take())
        worker.flush()
        if worker.unsent and worker.requests not in self._selector.get_map():
            self._selector.register(worker.requests, selectors.EVENT_WRITE, (worker, "requests"))
        if not worker.waiting and (worker.closing or not (self._source or self._stay)):
            self._end(worker)

    def _answers(self, worker: WorkerProcess) -> Iterator[tuple[Job, Outcome]]:
        """The outcomes that a worker has sent, or what its end means for its jobs.

        The worker is given more before its outcomes are: it works on while they are judged.
        """
        lane = self._workers[worker]
        ended: list[tuple[Job, Outcome]] = []
        garbage, twice = "", False
        try:
            frames = worker.receive()
            if frames is None:
                yield from self._lost(worker)
                return
            for message, payload in frames:
                if message["kind"] == "ready":
                    worker.ready = True
                    worker.opened = machine.resident(worker.process.pid)
                    if not lane.opening:  # to have waited for it says nothing of its jobs
                        self._window, self._waited, self._idle = time.monotonic(), 0.0, 0.0
                    place = worker.mark.read()  # since when it has been open: its word may have been lying here
                    lane.opening = (place.since if place else time.monotonic()) - worker.started
                elif message["kind"] == "failed":
                    worker.failure = message
                else:
                    if not worker.waiting or message["sequence"] != worker.waiting[0][0]:
                        twice = message["sequence"] == worker.last
                        raise GarbageError(f"an answer out of sequence: {message['sequence']}")
                    outcome = self._outcome(message, payload, worker)
                    worker.last, job = worker.waiting.popleft()
                    lane.stumbles = 0
                    worker.answered += 1
                    lane.seconds += outcome.seconds
                    lane.finished += 1
                    lane.received += len(payload)
                    ended.append((job, outcome))
        except (GarbageError, KeyError, TypeError, ValueError) as error:
            garbage = f"the worker's answer cannot be read: {error}"
        if ended and worker in self._alone:
            ended = [self._alone[worker].tried(ended=False)]
        if worker.ready and not garbage:
            self._feed(worker, lane)
        yield from ended
        if garbage:
            yield from self._lost(worker, "crashed", garbage, not twice)

    @staticmethod
    def _outcome(message: dict[str, object], payload: bytes, worker: WorkerProcess) -> Outcome:
        """A worker's answer as an outcome; ``ValueError`` where its parts do not fit together."""
        seconds = float(message["seconds"])  # type: ignore[arg-type]
        if message["kind"] == "output":
            return Outcome("completed", received(message["dtype"], message["shape"], payload), seconds=seconds)
        failure = Failure(
            message=str(message["message"]),
            stage=str(message["stage"]),
            exception=str(message["exception"]),
            stderr="" if message["refused"] else worker.last_words,
        )
        return Outcome("unsupported" if message["refused"] else "raised", failure=failure, seconds=seconds)

    def _overrun(self, worker: WorkerProcess) -> Iterator[tuple[Job, Outcome]]:
        """End a worker that has stayed too long in a stage, or that holds too much memory."""
        place, now = worker.mark.read(), time.monotonic()
        if place is None:
            worker.unplaced = worker.unplaced or now
            if now - worker.unplaced > UNPLACED:
                yield from self._lost(worker, "crashed", "the worker wrote over the record of where it is")
            return
        worker.unplaced = 0.0
        if now - worker.watched > WATCH:
            held = machine.resident(worker.process.pid)
            if held > self.memory:
                if worker.unread(place.sequence):
                    return  # which job it is at is known once its answers are read: look again then
                reason = f"the worker held {held >> 20:,} MiB of memory; its limit is {self.memory >> 20:,} MiB"
                yield from self._lost(worker, "crashed", reason)
                return
            worker.watched = now
            worker.closing |= worker.ready and held > (worker.opened + self.memory) / 2  # it has grown; rather anew
            worker.room = worker.answered * (self.memory - held) // max(held - worker.opened, 1)
        if worker.ready and not worker.waiting:
            return
        if not worker.ready:
            stage, limit, spent = "open", self.limits.open, now - place.since
        elif place.sequence != worker.waiting[0][0]:
            # Answers lie in the channel, still to be read; or the worker is stuck between two jobs.
            stage, limit, spent = "", STUCK * self.limits.job, worker.silent(now)
        else:
            stage, limit, spent = place.stage, self.limits.of(place.stage), now - place.since
            if stage in ("", "answer") and spent > limit:  # its answer waits for the parent, or does not come
                spent = min(spent, worker.silent(now))
        if spent > limit:
            reason = f"still in {stage!r} after {limit:g} s" if stage else f"no whole answer came in {limit:g} s"
            yield from self._lost(worker, "timed_out" if stage else "crashed", reason)

    def _lost(
        self, worker: WorkerProcess, kind: str = "crashed", reason: str = "", blamed: bool | None = None
    ) -> Iterator[tuple[Job, Outcome]]:
        """A worker is gone: its job in flight ends so, the rest waits for a fresh one.

        ``blamed`` is whether that is the first one that waits for its answer; by the worker's place where it is None.
        """
        lane = self._workers[worker]
        place = worker.mark.read()
        stage, since = (place.stage, place.since) if place else ("", time.monotonic())
        message = reason or str(worker.failure.get("message", "")) or f"the worker {worker.ending()}"
        suspect = self._alone.get(worker)
        self._end(worker)
        failure = Failure(message, stage, str(worker.failure.get("exception", "")), worker.last_words)
        waiting = list(worker.waiting)
        if blamed is None:
            blamed = place is None or any(sequence == place.sequence for sequence, _ in waiting)
        if worker.ready and waiting and blamed:
            lane.stumbles = 0
            sequence, job = waiting.pop(0)
            lane.put_back(waiting)
            if suspect:
                yield suspect.tried(ended=True)
            else:
                outcome = Outcome(kind, failure=failure, seconds=time.monotonic() - since)
                lane.suspects.append(Suspect(sequence, job, outcome, worker.last >= 0))
            return
        if suspect:
            lane.suspects.extendleft([suspect] if waiting else [])
        else:
            lane.put_back(waiting)
        lane.stumbles += 1
        if lane.stumbles >= STARTS:
            lane.failure = replace(failure, message=f"its worker could not be kept up {STARTS} times: {message}")

    def _end(self, worker: WorkerProcess) -> None:
        """Kill and forget a worker."""
        lane = self._workers.pop(worker)
        if self._alone.pop(worker, None) is None:
            lane.workers -= 1
        for descriptor in (worker.answers, worker.words, worker.requests):
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
        worker.kill()


class Standing:
    """An engine whose workers stay: jobs are asked for as they become known, until it is closed."""

    def __init__(self, engine: LocalEngine) -> None:
        self._asked: deque[Job] = deque()
        self._outcomes = engine.run(self._wanted())

    def _wanted(self) -> Iterator[Job | None]:
        while True:
            yield self._asked.popleft() if self._asked else None

    def expect(self, jobs: Iterable[Job]) -> None:
        """Say which jobs will be asked for, so that they run meanwhile."""
        self._asked.extend(jobs)

    def next(self) -> tuple[Job, Outcome]:
        """The next job that ends, of those that are expected; there has to be one."""
        return next(self._outcomes)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        """These jobs with their outcomes, in the order in which they end."""
        self.expect(jobs)
        for _ in jobs:
            yield self.next()

    def close(self) -> None:
        """End the workers."""
        self._outcomes.close()
