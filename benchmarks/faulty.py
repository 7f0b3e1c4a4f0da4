"""A runner with one planted fault: what ``benchmarks.faults`` runs, and nothing else should."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NoReturn

import numpy as np

from conformance.domain.case import Case
from conformance.runners import protocol
from conformance.runners.contract import Runner, Weights
from tests.fakes import ROOT, asked, by_rule, convolve

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

STAGES = ("open", "build", "convert", "load", "run")
"""Where a fault strikes: the stages that a worker marks; the last, the sending of an answer, has kinds of its own."""

MEMORY = 256 << 20
"""Bytes that a worker may hold."""

EXIT = 3
"""The status with which a job ends its worker so that another one opens."""


def hang() -> NoReturn:
    threading.Event().wait()
    raise AssertionError


def hang_on() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang()


def hog() -> NoReturn:
    """Hold twice the limit; no more, as several may do so side by side."""
    held = bytearray(2 * MEMORY)
    held[:: mmap.PAGESIZE] = b"x" * (len(held) // mmap.PAGESIZE)  # untouched pages are not held
    hang()


def garbage() -> None:
    sys.stdout.write(
        "\x00\x1b[31m not text \udcff, then a frame: ".encode("utf-8", "surrogateescape").decode("latin-1")
    )
    sys.stdout.flush()
    os.write(1, protocol.encode({"kind": "output", "sequence": 0}, b"\xff" * 100) + bytes(range(256)))


def flood() -> None:
    for _ in range(100):
        os.write(1, b"word " * 20_000)
        os.write(2, b"\xff\x00" * 50_000)


ENDS: Dict[str, Callable[[], Any]] = {
    "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "SIGABRT": os.abort,
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit 0": lambda: os._exit(0),
    "hang": hang,
    "hang, no SIGTERM": hang_on,
    "memory hog": hog,
    "garbage on stdout": garbage,
    "flood of output": flood,
}
"""The faults that strike at once."""

BENDS: Dict[str, Callable[[Array], Array]] = {
    "wrong dtype": lambda output: output.astype("float64"),
    "wrong shape": lambda output: output[..., :-1],
    "NaN": lambda output: np.where(np.arange(output.size).reshape(output.shape) == 1, np.float32(np.nan), output),
}
"""The faults that are in an output, whatever stage they come from."""

SENDS = ("truncated answer", "wrong sequence")
"""The faults of an answer on its way."""

KINDS = (*ENDS, *SENDS, *BENDS)


class Faulty(Runner):
    """Right, but for the fault that ``FAULT`` names: a kind, a stage, a case's name and a variant.

    A fault in ``open`` needs a worker that opens at that job: the job ends its worker, and the next one to open
    has the fault, once; ``FAULT_MARK`` names the file by which it knows.
    """

    environ = {"PYTHONPATH": ROOT}
    variants = {"asked": asked, "by-rule": by_rule}

    def open(self) -> None:
        """Read what is planted, and have it where it is planted here."""
        self.kind, self.stage, *self.place = os.environ.get("FAULT", "///").split("/")
        self.mark = Path(os.environ.get("FAULT_MARK", os.devnull))
        self.bends: List[Callable[[Array], Array]] = []
        if self.stage == "open" and self.mark.is_file():
            self.mark.unlink(missing_ok=True)
            ENDS[self.kind]()

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The right layer, by way of every stage."""
        here = self.place == [case.id.rpartition("/")[-1], variant]

        def come_to(stage: str) -> None:
            if here and stage == self.stage:
                self.strike()

        for stage in ("build", "convert", "load"):
            self.enter(stage)
            come_to(stage)

        def layer(x: Array) -> Array:
            come_to("run")
            if here and self.stage == "open":
                self.reopen()
            output = convolve(x, weights, case, self.spell(case, variant).pads)
            return self.bends.pop()(output) if self.bends else output

        return layer

    def strike(self) -> None:
        """Have the fault."""
        if self.kind in ENDS:
            ENDS[self.kind]()
        elif self.kind in BENDS:
            self.bends.append(BENDS[self.kind])
        else:
            self.answer_wrong()

    def reopen(self) -> None:
        """Have a worker open with the fault; where that is in an answer, this one opened with it."""
        if self.kind not in ENDS:
            self.strike()
            return
        self.mark.touch()
        os._exit(EXIT)

    def answer_wrong(self) -> None:
        """Send the next answer wrong, and all after it right."""
        worker = self.enter.__self__  # type: ignore[attr-defined]
        right = worker.send

        def send(frame: bytes) -> None:
            worker.send = right
            if self.kind == "wrong sequence":
                ((message, payload),) = protocol.Decoder().feed(frame)
                right(protocol.encode({**message, "sequence": message["sequence"] + 1}, payload))
            else:
                os.write(worker.answers, frame[:-10])

        worker.send = send
