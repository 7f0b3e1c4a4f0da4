"""``python -m benchmarks.judging``: what judging costs, against goals; exit status 1 where one is missed.

An output that matches, and outputs that match nothing: every hypothesis has to be rejected. The last
ones are so large that samples are looked at before a whole hypothesis is computed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from conformance import oracle
from conformance.attribute import attribute
from conformance.domain.case import Case
from conformance.domain.records import Job, Outcome, Spelling
from conformance.domain.tensors import tensors
from conformance.judge import Judge, difference, sample
from conformance.truth import Truth

Array = np.ndarray[Any, Any]

REPEATS = 7


def conv(size: tuple[int, ...], kernel: int, stride: int = 1, dilation: int = 1, **fields: Any) -> Case:
    """A convolution of the same kernel, stride and dilation on every axis."""
    rank = len(size)
    plain: dict[str, Any] = {"id": "judging", "op": "conv", "padding": "same", "bias": True}
    axes = {"kernel": (kernel,) * rank, "stride": (stride,) * rank, "dilation": (dilation,) * rank}
    return Case(**{**plain, "input": size, **axes, **fields})


SMALL = {
    "8x8x3": conv((8, 8), 3, channels=3, filters=8),
    "8x8x3 stride 2": conv((8, 8), 3, 2, channels=3, filters=8),
}

MIDDLE = {
    "32x32x16": conv((32, 32), 3, channels=16, filters=16),
    "32x32x16 stride 2": conv((32, 32), 3, 2, channels=16, filters=16),
    "32x32x16 dilation 2 stride 2": conv((32, 32), 3, 2, 2, channels=16, filters=16),
    "32x32x16 groups 4": conv((32, 32), 5, 2, channels=16, filters=32, groups=4),
    "32x32x16 depthwise": conv((32, 32), 7, channels=16, filters=16, groups=16),
    "32x32x16 per axis": replace(
        conv((32, 32), 3, channels=16, filters=32, groups=2, padding=((2, 1), (4, 3))),
        kernel=(5, 3),
        stride=(2, 1),
        dilation=(1, 3),
    ),
    "1-D 32x16 dilation 4": conv((32,), 5, 2, 4, channels=16, filters=16),
    "3-D 16x16x16, 8 channels": conv((16, 16, 16), 3, channels=8, filters=8),
    "3-D dilation 2 stride 2": conv((16, 16, 16), 3, 2, 2, channels=8, filters=8, groups=2),
    "3-D 32x32x16 per axis": replace(
        conv((32, 32, 16), 3, channels=4, filters=8, groups=2), kernel=(3, 2, 3), stride=(2, 1, 2), dilation=(1, 2, 1)
    ),
    "32x32x16, real numbers": conv((32, 32), 3, 2, channels=16, filters=16, data="normal"),
}

LARGE = conv((224, 224), 3, channels=64, filters=64)


def main() -> int:
    print(f"{'measured':<52} {'median':>10} {'goal':>10}")
    held = True
    for name, case in SMALL.items():
        held &= told(f"a match, {name}", matching(case), 0.0003)
    for name, case in MIDDLE.items():
        held &= told(f"unattributed, {name}", unattributed(case), 0.050)
    for name, changes in {
        "unattributed": None,
        "pads of the other side": {"pads": ((2, 0), (0, 2))},
        "flipped, no bias": {"flip": True, "bias": False},
    }.items():
        held &= told(f"224x224x64, {name}", large(changes), 1.0)
    return 0 if held else 1


def matching(case: Case) -> float:
    """Seconds to judge a matching job, its case at hand as where several variants run it."""
    job, outcome = Job(case, "fake", "v", Spelling(case.pads, "f(x)")), Outcome("completed", right(case))
    judging = Judge()
    assert judging.judge(job, outcome).kind == "match"
    cold = [Job(replace(case, id=f"judging/{number}"), "fake", "v", job.spelling) for number in range(200)]
    return timed(lambda: [judging.judge(one, outcome) for one in cold]) / len(cold)


def unattributed(case: Case) -> float:
    """Seconds to attribute a wrong output that nothing explains, the worst of three.

    The right numbers in random places; all right but the last; random places in another size.
    """
    output = right(case)
    shuffled = np.random.default_rng(0).permutation(output.ravel()).reshape(output.shape)
    last = output.copy()
    last.flat[-1] += 1
    return max(attributing(case, wrong, ("unattributed",)) for wrong in (shuffled, last, shuffled[..., 1:]))


def large(changes: dict[str, Any] | None) -> float:
    """The same for a large case; its changes have to be found where they are given."""
    if changes is None:
        return unattributed(LARGE)
    how = oracle.reading(LARGE, LARGE.pads)._replace(**changes)
    return attributing(LARGE, oracle.convolve(LARGE, tensors(LARGE), how).astype("float32"), None)


def attributing(case: Case, output: Array, causes: tuple[str, ...] | None) -> float:
    """Seconds from a reference at hand to the causes, the difference and the numbers around it."""
    truth = Truth(case)
    reference, bound = truth.answer(truth.asked)
    job = Job(case, "fake", "v", Spelling(case.pads, "f(x)", True))

    def whole() -> None:
        where = difference(output, reference, bound)
        verdict = attribute(truth, job, output, str(output.dtype), where)
        sample(output, reference, where)
        assert (verdict.causes == causes) if causes else "unattributed" not in verdict.causes, verdict

    return timed(whole)


def right(case: Case) -> Array:
    """The right output in the case's type."""
    return oracle.convolve(case, tensors(case), oracle.reading(case, case.pads)).astype(case.dtype)


def timed(call: Callable[[], object]) -> float:
    """The median wall seconds of a call that has been made once before."""
    call()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def told(name: str, seconds: float, goal: float) -> bool:
    """Print a line; whether the goal is met."""
    print(
        f"{name:<52} {seconds * 1000:7.2f} ms {goal * 1000:7.2f} ms  {'pass' if seconds <= goal else 'OVER'}",
        flush=True,
    )
    return seconds <= goal


if __name__ == "__main__":
    sys.exit(main())
