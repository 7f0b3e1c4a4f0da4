"""The child: opens one runner, then answers the jobs that come through its channel, one at a time.

Started as a program by path, with nothing of the parent's environment on its import path but this
package's ``domain`` and ``runners``. Standard output and standard error belong to the framework.
"""

from __future__ import annotations

import os
import sys
import time
import types

if __name__ == "__main__":  # a package without its __init__, so that the parent's imports stay out
    sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]
    _package = types.ModuleType("conformance")
    _package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["conformance"] = _package

from typing import Any, Dict, Optional, Tuple

from conformance import runners
from conformance.domain.case import Case
from conformance.runners import protocol
from conformance.runners.contract import Runner, Weights

MESSAGE_LIMIT = 2000
"""Characters that are kept of each end of an exception's text."""


class Worker:
    """One runner, its channel and the place it marks."""

    def __init__(self, spec: str, requests: int, answers: int, place: int) -> None:
        self.spec = spec
        self.requests, self.answers = requests, answers
        self.mark = protocol.PlaceMark(place)
        self.sequence = -1
        self.stage = ""
        self._last: Tuple[str, Any] = ("", None)

    def enter(self, stage: str) -> None:
        """Mark the stage that the current job has come to."""
        self.stage = stage
        self.mark.write(self.sequence, stage, time.monotonic())

    def send(self, frame: bytes) -> None:
        """Write one frame, whole."""
        view = memoryview(frame)
        while view:
            view = view[os.write(self.answers, view) :]

    def serve(self) -> None:
        """Open the runner, then answer until the channel closes."""
        self.enter("open")
        try:
            from conformance.domain import tensors  # numpy, which may be what is missing

            self.tensors, self._streams = tensors, tensors.Streams()
            runner = runners.load(self.spec)
            runner.open()
        except BaseException as error:
            self.send(protocol.encode({"kind": "failed", **describe(error, None, "open")}))
            raise
        runner.enter = self.enter  # type: ignore[method-assign]
        self.enter("")
        self.send(protocol.encode({"kind": "ready"}))
        decoder = protocol.Decoder()
        while True:
            data = os.read(self.requests, 1 << 16)
            if not data:
                return
            for message, _ in decoder.feed(data):
                case = Case.from_wire(message["case"])
                for sequence, variant in message["jobs"]:
                    self.answer(runner, sequence, case, variant)

    def answer(self, runner: Runner, sequence: int, case: Case, variant: str) -> None:
        """Run one job and send its output, or the exception that it ended with."""
        self.sequence = sequence
        started = time.perf_counter()
        self.enter("build")
        try:
            data = self.data(case)
            layer = runner.build(case, variant, Weights(data.weights, data.bias))
            self.enter("run")
            sent = self.tensors.sent(layer(data.input))
            frame = protocol.output(sequence, time.perf_counter() - started, *sent)
        except Exception as error:
            told = {"sequence": sequence, "seconds": time.perf_counter() - started}
            frame = protocol.encode({"kind": "raised", **told, **describe(error, runner, self.stage)})
        self.enter("answer")
        self.send(frame)
        self.enter("")

    def data(self, case: Case) -> Any:
        """The case's data, made once for all variants of a case; each job gets arrays of its own."""
        if self._last[0] != case.id:
            self._last = (case.id, self.tensors.tensors(case, self._streams))
        return self._last[1].map(lambda part: part.copy())


def describe(error: BaseException, runner: Optional[Runner], stage: str) -> Dict[str, Any]:
    """An exception as a message: its type, its text, and the words of a refusal if it is one."""
    refusal = next((r for r in runner.refusals if r.matches(error)), None) if runner else None
    text = str(error).encode("utf-8", "backslashreplace").decode()
    return {
        "exception": type(error).__name__,
        "message": text if len(text) <= 2 * MESSAGE_LIMIT else f"{text[:MESSAGE_LIMIT]} … {text[-MESSAGE_LIMIT:]}",
        "refused": refusal.words if refusal else "",
        "stage": stage,
    }


def end_before_parent(parent: int) -> None:
    """Have Linux kill this process when its parent dies, even while it hangs, and before it where memory runs out.

    See ``prctl(2)`` and ``proc_pid_oom_score_adj(5)``.
    """
    import ctypes

    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:  # it died before
        os._exit(1)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:  # a system that forbids it
        pass


def main() -> None:
    """``worker.py SPEC REQUESTS ANSWERS PLACE PARENT``: the runner, three file descriptors, and whose child it is."""
    spec, *descriptors, parent = sys.argv[1:]
    end_before_parent(int(parent))
    Worker(spec, *map(int, descriptors)).serve()


if __name__ == "__main__":
    main()
