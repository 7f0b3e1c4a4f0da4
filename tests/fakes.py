"""Tiny runners, one for each bad ending, that need no framework.

A fake misbehaves on the cases whose name begins with ``bad``, in the stage that follows: on ``bad-run``
while it runs, on ``bad-build`` while it builds. On all other cases it is right.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from conformance.domain.case import Case
from conformance.domain.geometry import Pads
from conformance.domain.records import Spelling
from conformance.runners import protocol
from conformance.runners.contract import Refusal, Runner, Weights
from conformance.runners.onnx2keras import Onnx2Keras

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

ROOT = str(Path(__file__).resolve().parent.parent)

LAST_WORDS = "last words"

PINNED = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "PYTHONUNBUFFERED"),
)
"""Variables of its environment that ``Tells`` tells."""


def convolve(x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
    """The plainest convolution: one window of the padded input after the other."""
    padded: Array = np.pad(x, ((0, 0), (0, 0), *pads))
    inner, outer = case.channels // case.groups, case.filters // case.groups
    output = np.zeros((case.batch, case.filters, *case.output(pads)), x.dtype)
    for filter_, *place in np.ndindex(*output.shape[1:]):
        first = filter_ // outer * inner
        window = padded[:, first : first + inner]
        for axis, (o, s, k, d) in enumerate(zip(place, case.stride, case.kernel, case.dilation, strict=True), start=2):
            window = window.take(range(o * s, o * s + (k - 1) * d + 1, d), axis)
        sums = (window * weights.kernel[filter_]).reshape(case.batch, -1).sum(1)
        output[(slice(None), filter_, *place)] = sums if weights.bias is None else sums + weights.bias[filter_]
    return output


def name_of(case: Case) -> str:
    """A case's name, the last part of its identity."""
    return case.id.rsplit("/", 1)[-1]


def asked(case: Case) -> Spelling:
    """The pads that the case asks for."""
    return Spelling(case.pads, f"convolve(x, {case.pads})")


def by_rule(case: Case) -> Spelling | None:
    """The padding's name, where it has one."""
    if not isinstance(case.padding, str):
        return None
    return Spelling(case.pads, f"convolve(x, {case.padding!r})", by_rule=True)


def symmetric(case: Case) -> Spelling | None:
    """What people write for ``same``."""
    if case.padding != "same":
        return None
    return Spelling(case.pads_by("symmetric"), "convolve(x, d * (k - 1) // 2)")


class Right(Runner):
    """Right on every case; what the others inherit."""

    environ = {"PYTHONPATH": ROOT}
    variants = {"asked": asked, "by-rule": by_rule}

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """A layer that misbehaves in the stage that a bad case's name tells."""
        for stage in ("build", "convert", "load"):
            self.enter(stage)
            if name_of(case) == f"bad-{stage}":
                self.misbehave(stage)

        def layer(x: Array) -> Array:
            if name_of(case) == "bad-run":
                self.misbehave("run")
            return self.answer(x, weights, case, self.spell(case, variant).pads)

        return layer

    def misbehave(self, stage: str) -> None:
        """What a fake does wrong while it works."""

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        """The output of a case."""
        output = convolve(x, weights, case, pads)
        return self.bend(output, name_of(case).removeprefix("bad-")) if name_of(case).startswith("bad") else output

    def bend(self, output: Array, how: str) -> Any:
        """What a fake does wrong with its output."""
        return output


class Lingering:
    """A layer that hangs when it is let go, after its answer."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __call__(self, x: Array) -> Array:
        return self.layer(x)

    def __del__(self) -> None:
        hang()


class Lingers(Right):
    """Hangs between a bad case and the next one."""

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        layer = super().build(case, variant, weights)
        return Lingering(layer) if name_of(case).startswith("bad") else layer


class Habit(Right):
    """Right for what it declares, which is not always what is asked for."""

    variants = {"asked": asked, "symmetric": symmetric}


class Wrong(Right):
    """One element too large by one."""

    def bend(self, output: Array, how: str) -> Array:
        output.flat[-1] += 1
        return output


class AlwaysWrong(Wrong):
    """Wrong on every case."""

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        return self.bend(convolve(x, weights, case, pads), "")


class ReversesOneAxis(Right):
    """Reverses the kernel on its first axis: a mistake without a name."""

    variants = {"asked": asked}

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        """The convolution with another kernel."""
        return convolve(x, weights._replace(kernel=weights.kernel[:, :, ::-1]), case, pads)


class PadsWithFives(Right):
    """Pads with another number than zero: no geometry at all."""

    variants = {"asked": asked}

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        """The convolution of the input inside fives."""
        padded = np.pad(x, ((0, 0), (0, 0), *pads), constant_values=5)
        inner = replace(case, input=padded.shape[2:], padding=((0, 0),) * case.rank)
        return convolve(padded, weights, inner, inner.pads)


class WrongInOneCorner(Right):
    """Right but for one geometry of millions, whose pads it exchanges, and for longer inputs of it."""

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        corner = (case.kernel, case.stride, case.dilation, pads) == ((4,), (3,), (2,), ((3, 1),))
        return convolve(x, weights, case, ((1, 3),) if corner else pads)


class SwapsAxes(Right):
    """Right on one axis; on several it takes the strides in the wrong order."""

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        return convolve(x, weights, replace(case, stride=case.stride[::-1]), pads)


class IgnoresPads(Right):
    """Convolves without padding, and fills up with the windows that are left."""

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        return convolve(x, weights, case, tuple((0, 0) for _ in pads))


class Refuses(Right):
    """Refuses by name."""

    refusals = (Refusal("NotImplementedError", "no such padding"),)

    def misbehave(self, stage: str) -> None:
        raise NotImplementedError(f"there is no such padding in {stage}")


class RefusesInOtherWords(Refuses):
    """Raises the type of its refusal with other words, which is an error."""

    def misbehave(self, stage: str) -> None:
        raise NotImplementedError(f"a stumble in {stage}")


class Raises(Right):
    """Raises what nobody listed."""

    def misbehave(self, stage: str) -> None:
        sys.stdout.write("a line that says less than the exception\n")
        raise ZeroDivisionError(f"in {stage} \udcff \x1b[31m")


class Crashes(Right):
    """Dies by a signal, after a word."""

    def misbehave(self, stage: str) -> None:
        sys.stdout.write(f"{stage} to stdout\n")
        sys.stderr.write(f"{LAST_WORDS} in {stage}\n")
        os.kill(os.getpid(), signal.SIGSEGV)


class CrashesForReal(Right):
    """Reads where nothing is."""

    def misbehave(self, stage: str) -> None:
        ctypes.string_at(0)


class ExitsEarly(Right):
    """Ends the process as if all were well."""

    def misbehave(self, stage: str) -> None:
        os._exit(0)


class LeavesBySystemExit(Right):
    """Calls ``sys.exit``, which is no ``Exception``."""

    def misbehave(self, stage: str) -> None:
        sys.exit(0)


class Hangs(Right):
    """Waits for what never comes."""

    def misbehave(self, stage: str) -> None:
        sys.stderr.write(f"{LAST_WORDS} in {stage}\n")
        hang()


def hang() -> NoReturn:
    """Wait without an end; hold the pipe that ``HANGS`` names, if any, as long as that lasts."""
    if "HANGS" in os.environ:
        pipe = os.open(os.environ["HANGS"], os.O_WRONLY)
        os.write(pipe, b"hangs")
    threading.Event().wait()
    raise AssertionError


class CrashesAfterOthers(Right):
    """Dies on a bad case by what was left behind by the jobs before it; alone it answers."""

    answered = 0

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        if name_of(case).startswith("bad") and self.answered:
            os.kill(os.getpid(), signal.SIGSEGV)
        self.answered += 1
        return super().answer(x, weights, case, pads)


class CrashesOnce(Right):
    """Dies on a bad case the first time; ``ATTEMPTS`` names the file by which it knows."""

    def misbehave(self, stage: str) -> None:
        with suppress(FileExistsError):
            Path(os.environ["ATTEMPTS"]).touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGSEGV)


class Hogs(Right):
    """Holds 512 MiB of memory, itself or in a process that it starts."""

    code = "import threading; held = b'x' * (512 << 20); threading.Event().wait()"

    def misbehave(self, stage: str) -> None:
        if stage == "build":
            exec(self.code, {})
        subprocess.run([sys.executable, "-S", "-c", self.code], check=True)


class HogsAloud(Right):
    """Holds 512 MiB of memory, and tells so in the file that ``HELD`` names."""

    def misbehave(self, stage: str) -> NoReturn:
        self.held = b"x" * (512 << 20)
        with Path(os.environ["HELD"]).open("wb") as file:
            file.write(b"x")
        hang()


class Counted(Habit):
    """Counts its workers in the file that ``ATTEMPTS`` names."""

    def open(self) -> None:
        with Path(os.environ["ATTEMPTS"]).open("a") as file:
            file.write("x")


class Leaks(Counted):
    """Keeps 4 MiB of every job."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytes] = []

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        self.kept.append(b"x" * 2**22)
        return super().answer(x, weights, case, pads)


class Sends(Right):
    """Does something else than to send the answer of a bad case; what, its case's name says."""

    def bend(self, output: Array, how: str) -> Array:
        worker = self.enter.__self__  # type: ignore[attr-defined]
        right = worker.send

        def send(frame: bytes) -> None:
            worker.send = right
            if how == "twice":
                right(frame)
                right(frame)
            elif how == "half":
                os.write(worker.answers, frame[:-5])
            else:
                hang()

        worker.send = send
        return output


class Floods(Right):
    """Prints much more than a pipe holds, on every case, and dies on bad ones."""

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        for stream in (sys.stdout, sys.stderr):
            stream.write("word " * 50_000 + "\n")
        os.write(1, b"\xff\x00" * 100_000)
        return super().build(case, variant, weights)

    def misbehave(self, stage: str) -> None:
        sys.stderr.write(f"{LAST_WORDS} in {stage}\n")
        os.kill(os.getpid(), signal.SIGSEGV)


class Silences(Crashes):
    """Closes its standard output and error before it dies."""

    def misbehave(self, stage: str) -> None:
        os.close(1)
        os.close(2)
        os.kill(os.getpid(), signal.SIGSEGV)


class Babbles(Right):
    """Writes garbage to every open file descriptor but the standard ones."""

    garbage = bytes(range(256)) * 20

    def misbehave(self, stage: str) -> None:
        for descriptor in range(3, 64):
            with suppress(OSError):
                os.write(descriptor, self.garbage)


class BabblesEvenly(Babbles):
    """The same with garbage that looks alike everywhere."""

    garbage = b"\x7f" * 5000


class BabblesAndDies(Babbles):
    """Leaves no time to write over the garbage."""

    def misbehave(self, stage: str) -> None:
        super().misbehave(stage)
        os.kill(os.getpid(), signal.SIGSEGV)


class ForgetsItsPlace(Right):
    """Writes over the record of where it is, and hangs."""

    def misbehave(self, stage: str) -> None:
        os.pwrite(int(sys.argv[4]), bytes(range(1, 201)), 0)
        hang()


class ForgetsItsPlaceEvenly(Right):
    """The same with bytes that look like a record."""

    def misbehave(self, stage: str) -> None:
        os.pwrite(int(sys.argv[4]), b"\x7f" * 200, 0)
        hang()


class Lies(Right):
    """Sends whole frames through the channel that are no answers; which, its case's name says."""

    def bend(self, output: Array, how: str) -> Array:
        place = protocol.PlaceMark(int(sys.argv[4])).read()
        assert place is not None
        sequence = place.sequence
        text = {"kind": "output", "sequence": sequence, "seconds": 0.0, "dtype": "<f4", "shape": [1]}
        changes: dict[str, dict[str, Any]] = {
            "later": {"sequence": sequence + 1},
            "text-sequence": {"sequence": "0"},
            "no-kind": {"kind": None},
            "no-failure": {"kind": "raised"},
            "no-seconds": {"seconds": "soon"},
            "list-kind": {"kind": []},
            "objects": {"dtype": "O"},
            "no-dtype": {"dtype": "nonsense"},
            "no-shape": {"shape": [10**9, 10**9]},
        }
        os.write(int(sys.argv[3]), protocol.encode({**text, **changes[how]}, b"\0" * 4))
        return output


class LiesInList(Right):
    """Sends a frame that is no mapping."""

    def misbehave(self, stage: str) -> None:
        os.write(int(sys.argv[3]), protocol.encode(["ready"]))  # type: ignore[arg-type]


class LosesItsChannel(Right):
    """Closes the descriptor that its answer would go to; a copy keeps the channel open until it dies."""

    def misbehave(self, stage: str) -> None:
        answers = int(sys.argv[3])
        os.dup(answers)
        os.close(answers)


class ClosesAll(Right):
    """Closes every descriptor that it was given, as a daemon does."""

    def misbehave(self, stage: str) -> None:
        os.closerange(3, 64)


class WrongShape(Right):
    """The right numbers, or some of them, in another shape; which, its case's name says."""

    def bend(self, output: Array, how: str) -> Any:
        return {
            "flat": output.reshape(-1),
            "channels-last": np.moveaxis(output, 1, -1),
            "one-more": output[None],
            "one-less": output[0],
            "shorter": output[..., :-1],
            "longer": np.concatenate([output, output], -1),
            "empty": output[..., :0],
            "number": output.flat[0],
        }[how]


class WrongType(Right):
    """The right numbers in another element type, which its case's name is."""

    def bend(self, output: Array, how: str) -> Any:
        kinds = {"text": "U8", "bytes": "S8", "datetime64": "datetime64[s]", "big-endian": ">f4"}
        if how == "record":
            record = np.zeros(output.shape, [("value", "<f4"), ("more", "<i4")])
            record["value"] = output
            return record
        if how == "datetime64":
            return output.astype("int64").astype(kinds[how])
        return output.astype(kinds.get(how, how))


class NotFinite(Right):
    """NaN and infinities among the numbers."""

    def bend(self, output: Array, how: str) -> Array:
        output.flat[0] = {"nan": np.nan, "inf": np.inf, "minus-inf": -np.inf}[how]
        return output


class NoArray(Right):
    """Python objects where an array should be."""

    def bend(self, output: Array, how: str) -> Any:
        return {
            "objects": output.astype(object),
            "none": None,
            "mapping": {"y": output},
            "ragged": [[1.0], [1.0, 2.0]],
        }[how]


class ListOfNumbers(Right):
    """Nested lists, which are an array after all, of another type."""

    def bend(self, output: Array, how: str) -> Any:
        return output.tolist()


class LeavesState(Right):
    """A bad case leaves a state behind that falsifies the jobs after it."""

    left = 0

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        output = convolve(x, weights, case, pads) + np.float32(self.left)
        if name_of(case).startswith("bad"):
            LeavesState.left = 1
        return output


class Scribbles(Right):
    """Writes into the arrays that it was given, once it has its answer."""

    def answer(self, x: Array, weights: Weights, case: Case, pads: Pads) -> Array:
        output = convolve(x, weights, case, pads)
        x[:] = 0
        weights.kernel[:] = 0
        if weights.bias is not None:
            weights.bias[:] = 0
        return output


class Wanders(Right):
    """Leaves for another folder with another environment."""

    def misbehave(self, stage: str) -> None:
        os.chdir("/")
        os.environ.clear()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.path.clear()


class CannotOpen(Right):
    """Its framework cannot be imported."""

    def open(self) -> None:
        sys.stderr.write(f"{LAST_WORDS}\n")
        raise ImportError("libmissing.so.1: cannot open shared object file")


class DiesInOpen(Right):
    """Its framework dies while it is imported."""

    def open(self) -> None:
        sys.stderr.write(f"{LAST_WORDS}\n")
        os.kill(os.getpid(), signal.SIGSEGV)


class ExitsInOpen(Right):
    """Its framework ends the process while it is imported."""

    def open(self) -> None:
        os._exit(0)


class HangsInOpen(Right):
    """Its framework never comes back from its import."""

    def open(self) -> None:
        hang()


class OpensAtTheThirdAttempt(Right):
    """Dies in ``open`` twice; ``ATTEMPTS`` names the file that it counts in."""

    def open(self) -> None:
        with Path(os.environ["ATTEMPTS"]).open("ab", buffering=0) as file:
            file.write(b"x")
            if file.tell() < 3:
                os._exit(3)


class Spawns(Right):
    """Leaves a child process behind that holds the pipe open that ``HELD`` names."""

    def misbehave(self, stage: str) -> None:
        code = "import sys, threading; sys.stdout.write('up'); sys.stdout.flush(); threading.Event().wait()"
        with Path(os.environ["HELD"]).open("wb") as pipe:
            subprocess.Popen([sys.executable, "-S", "-c", code], stdout=pipe)


class Tells(Right):
    """Tells what it runs in, as an exception's text."""

    environ = {**Right.environ, "ONLY_FOR_TELLS": "yes"}

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        told = (*PINNED, "ONLY_FOR_TELLS")
        raise RuntimeError(
            json.dumps(
                {
                    "environ": {name: value for name, value in os.environ.items() if name in told},
                    "stdin": os.readlink("/proc/self/fd/0"),
                    "session": os.getsid(0) == os.getpid(),
                    "id": case.id,
                    "wire": [case.expect.output, case.title, case.note],
                }
            )
        )


class TellsModules(Right):
    """Tells which modules of the parent's it has loaded."""

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        roots = {name.partition(".")[0] for name in sys.modules}
        own = {name for name in sys.modules if name.startswith("conformance")}
        raise RuntimeError(
            " ".join(sorted((roots & {"pydantic", "click", "yaml", "rich", "jinja2", "packaging"}) | own))
        )


class NeedsWhatIsMissing(Right):
    """Its package is not installed here."""

    name = "needs-what-is-missing"
    distributions = ("no-such-distribution", "numpy")


def _interrupted(case: Case) -> Spelling:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt as error:
        raise ValueError("what a library makes of an interrupt") from error
    raise AssertionError


class InterruptedInThePlan(Right):
    """An interrupt comes where a library makes another exception of it, or out of an ``exec``."""

    variants = {
        "exception": _interrupted,
        "exec": lambda case: exec("import os; os.kill(os.getpid(), 2)"),
    }


class DeclaresTooMuch(Right):
    """Declares pads that no memory holds."""

    variants = {"asked": asked, "huge": lambda case: Spelling(((0, 10**9),) * case.rank, "")}


class BreaksInThePlan(Right):
    """Its variant raises where it should write a case: a fault that no worker can contain."""

    variants = {"asked": lambda case: Spelling(case.pads, str(1 // 0))}


class Duck:
    """A native runner that inherits from nothing of ours."""

    environ = {"PYTHONPATH": ROOT}
    variants = {"asked": asked}

    def open(self) -> None:
        """Nothing to load."""
        self.opened = True

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """A right layer, once opened."""
        assert self.opened
        return lambda x: convolve(x, weights, case, case.pads)


class OnlyConverts:
    """A converter that has ``convert`` and nothing else; it knows ``Conv`` with ``pads``."""

    environ = {"PYTHONPATH": ROOT}

    def convert(self, model: Any) -> Layer:
        """The one node of a model as loops."""
        from onnx import helper, numpy_helper

        (node,) = model.graph.node
        values = {name.name: numpy_helper.to_array(name) for name in model.graph.initializer}
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if "pads" not in attributes:
            raise NotImplementedError("auto_pad is not supported")
        flat = attributes["pads"]
        rank = len(flat) // 2
        kernel, *rest = (values[name] for name in node.input[1:])
        shape = [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim]
        case = Case(
            "model",
            "conv",
            tuple(shape[2:]),
            kernel.shape[2:],
            tuple(attributes["strides"]),
            tuple(attributes["dilations"]),
            padding=tuple(zip(flat[:rank], flat[rank:], strict=True)),
            batch=shape[0],
            channels=shape[1],
            filters=len(kernel),
            groups=attributes["group"],
        )
        return lambda x: convolve(x, Weights(kernel, rest[0] if rest else None), case, case.pads)


class WatchesKeras(Onnx2Keras):
    """onnx2keras, and an error of the job before which Keras' data format was left changed."""

    environ = {**Onnx2Keras.environ, **Right.environ}

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """As onnx2keras does, where it can."""
        found = self.backend.image_data_format()
        if found != "channels_last":
            raise RuntimeError(f"Keras was left in {found}")
        return super().build(case, variant, weights)


class NoRunner:
    """Neither a runner nor a converter."""
