"""One worker process as the parent sees it: its channel, its place, its last words, its death."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json  # a fourth of json's time; a worker has that one alone

from conformance import environments
from conformance.domain.records import Job
from conformance.runners import protocol

WORKER = Path(protocol.__file__).with_name("worker.py")

TAIL = 4000
"""Bytes of standard output and error that are kept."""

ROOM = 1 << 16
"""Bytes of answers that the channel takes before the worker has to wait: what a pipe of Linux does (``pipe(7)``)."""

LAST_READS = 64
"""Reads of what a dead worker had printed: more than a pipe holds, and an end to a flood."""

PINNED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "PYTHONUNBUFFERED": "1",
}
"""Every worker has one thread and sees no GPU: as many workers run as the machine has cores."""

GPUS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""Those of them that a worker gets as they are here where GPUs are asked for."""


class WorkerProcess:
    """A fresh interpreter with one runner, in a session of its own; ``python`` is another one's path, or empty.

    ``waiting`` are the jobs that it was asked for and has not answered, ``last`` is the number of the one that it
    answered last; it is given no more once it is ``closing``. ``opened`` are the bytes that it held when it had opened,
    ``room`` is how many jobs it has memory for, as it has grown so far.
    """

    def __init__(self, spec: str, environ: Mapping[str, str], python: str = "", gpu: bool = False) -> None:
        pinned = {name: value for name, value in PINNED.items() if not (gpu and name in GPUS)}
        child_requests, self.requests = os.pipe()
        self.answers, child_answers = os.pipe()
        self.words, child_words = os.pipe()
        with tempfile.TemporaryFile() as place:
            place.truncate(protocol.PLACE_SIZE)
            self.mark = protocol.PlaceMark(place.fileno())
            self.mark.write(-1, "open", time.monotonic())
            descriptors = (child_requests, child_answers, place.fileno())
            self.process = subprocess.Popen(
                [python or sys.executable, str(WORKER), spec, *map(str, descriptors), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=child_words,
                stderr=child_words,
                pass_fds=descriptors,
                env={**environments.inherited(python), **pinned, **environ},
                start_new_session=True,
            )
        for descriptor in (child_requests, child_answers, child_words):
            os.close(descriptor)
        for descriptor in (self.requests, self.answers, self.words):
            os.set_blocking(descriptor, False)
        self.spec = spec
        self.ready = False
        self.started = time.monotonic()
        self.waiting: deque[tuple[int, Job]] = deque()
        self.last = -1
        self.closing = False
        self.opened = 0
        self.answered = 0
        self.room = 0
        self.watched = self.started
        self.failure: dict[str, Any] = {}
        self.unplaced = 0.0
        self.heard = self.started
        self._decoder = protocol.Decoder(from_json)
        self._unsent = bytearray()
        self._tail = b""

    @property
    def unsent(self) -> bool:
        """Whether requests wait for room in the channel."""
        return bool(self._unsent)

    def ask(self, jobs: list[tuple[int, Job]]) -> None:
        """Ask for the jobs of one case, with the next ``flush``."""
        case = jobs[0][1].case
        if not self.waiting:
            self.heard = time.monotonic()  # it had nothing to say before
        self.waiting += jobs
        message = {"case": case.to_wire(), "jobs": [(sequence, job.variant) for sequence, job in jobs]}
        self._unsent += protocol.frame(to_json(message, inf_nan_mode="constants"))

    def flush(self) -> None:
        """Write as much as the channel takes; a worker that has died is noticed when it is read."""
        try:
            while self._unsent:
                del self._unsent[: os.write(self.requests, self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()

    def receive(self) -> Iterator[tuple[dict[str, Any], bytes]] | None:
        """The frames that have come; None when the channel is closed."""
        try:
            data = os.read(self.answers, 1 << 20)
        except BlockingIOError:
            return iter(())
        self.heard = time.monotonic()
        return self._decoder.feed(data) if data else None

    def silent(self, now: float) -> float:
        """Seconds since anything came through the channel; none while something lies in it unread."""
        return 0.0 if self._holds_any() else now - self.heard

    def unread(self, sequence: int) -> bool:
        """Whether answers to jobs before the one of this number, which it is at, lie in the channel."""
        return self.ready and bool(self.waiting) and self.waiting[0][0] != sequence and self._holds_any()

    def _holds_any(self) -> bool:
        """Whether anything lies in the channel."""
        return bool(select.select([self.answers], [], [], 0)[0])

    def listen(self) -> bool:
        """Keep the end of what the worker prints; False when nothing more can come."""
        try:
            data = os.read(self.words, 1 << 16)
        except BlockingIOError:
            return True
        self._tail = (self._tail + data)[-TAIL:]
        return bool(data)

    def ending(self) -> str:
        """How the process ended, given a moment to do so now that its channel is closed."""
        try:
            code = self.process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            return "closed its channel"
        return f"died by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"

    def kill(self) -> None:
        """End the worker with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for _ in range(LAST_READS):
            if not self.listen():
                break
        for descriptor in (self.requests, self.answers, self.words):
            os.close(descriptor)
        self.mark.close()

    @property
    def last_words(self) -> str:
        """The end of what the worker printed."""
        return self._tail.decode("utf-8", "replace")
