"""``python -m benchmarks.alarms [--quick]``: correct jobs in every element type, and how many are called wrong.

The core runners' faithful variants go through the engine and the judge; fast algorithms and other orders
of summation are emulated in numpy and judged alike. Batch 1 and 16, channels up to 512, real-valued data.
Prints a line for each source and element type, and exits 1 where a correct job is called wrong, where a
source has nothing to show, or (without --quick) where there are fewer than 30,000 jobs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np

from conformance import bounds, oracle, pipeline, plan
from conformance.bounds import UNIT, Winograd
from conformance.domain.case import DTYPES, Case
from conformance.domain.records import Job, Outcome, Spelling, Verdict
from conformance.domain.tensors import BFLOAT16, Data, rounded, tensors
from conformance.judge import Judge
from conformance.pipeline import Options

Array = np.ndarray[Any, Any]

RUNNERS = ("torch/explicit", "tensorflow/explicit", "onnxruntime/pads", "keras/zeropad")
GOAL = 30_000
SEEDS = 20
LONG_SEEDS = 4
"""Seeds of 512 channels, which take the most time."""
KERAS_SEEDS = 3
"""Seeds of Keras, whose layers take ten times as long to make."""

CHANNELS = (4, 16, 64, 512)
SHAPES: tuple[dict[str, Any], ...] = (
    {"input": (6, 7), "kernel": (3, 3)},
    {"input": (5, 5), "kernel": (3, 3), "bias": True},
    {"input": (9, 6), "kernel": (3, 3), "stride": (2, 1)},
    {"input": (6, 6), "kernel": (2, 3), "padding": ((0, 1), (1, 0))},
    {"input": (7, 7), "kernel": (3, 3), "dilation": (2, 2), "padding": ((2, 2), (2, 2))},
    {"input": (5, 6), "kernel": (1, 1), "padding": "valid", "bias": True},
    {"input": (6, 6), "kernel": (3, 3), "groups": 2},
    {"input": (6, 6), "kernel": (3, 3), "groups": "depthwise", "bias": True},
    {"input": (9,), "kernel": (3,)},
    {"input": (3, 4, 3), "kernel": (2, 2, 2)},
)
LONGEST_3D = 16
"""Channels of 3-D cases: TensorFlow keeps longer sums in float16 itself, which is a loss and no false alarm."""


def cases(seeds: int) -> Iterator[Case]:
    """Real-valued cases: every shape in every type, batch and number of channels."""
    for seed, dtype, batch, channels, shape in product(range(seeds), DTYPES, (1, 16), CHANNELS, SHAPES):
        rank, depthwise = len(shape["input"]), shape.get("groups") == "depthwise"
        if (rank == 3 and channels > LONGEST_3D) or (channels == max(CHANNELS) and seed >= LONG_SEEDS):
            continue
        fields: dict[str, Any] = {"padding": "same", "stride": (1,) * rank, "dilation": (1,) * rank, **shape}
        fields["groups"] = channels if depthwise else shape.get("groups", 1)
        yield Case(
            id="/".join(map(str, (dtype, batch, channels, SHAPES.index(shape), seed))),
            op="conv",
            batch=batch,
            channels=channels,
            filters=channels if depthwise else 4,
            dtype=dtype,
            data="normal",
            seed=seed,
            **fields,
        )


def executed(chosen: list[Case], runner: str) -> Iterator[tuple[Job, Verdict]]:
    """The verdicts on a real runner; what it refuses by name is left out."""
    selection = plan.select_runners([runner])
    jobs = plan.plan(chosen, selection)
    for judged in pipeline.judge(pipeline.execute(jobs, selection, Options())):
        if judged.verdict.kind != "unsupported":
            yield judged.job, judged.verdict


Compute = Callable[[Case, Data], Array | None]
"""The output of an emulation before it is stored, without its bias; None where it does not apply."""


def products(case: Case, data: Data) -> Array:
    """Every product of every output, ``N G O/G terms places``, in the arithmetic of the data."""
    padded = oracle.pad(data.input, case.asked).astype(data.input.dtype)
    axes = tuple(range(2, 2 + case.rank))
    windows = np.lib.stride_tricks.sliding_window_view(padded, [axis.extent for axis in case.asked], axes)
    steps = (*(slice(None, None, axis.stride) for axis in case.asked), *(slice(None, None, d) for d in case.dilation))
    picked = np.moveaxis(windows[(slice(None), slice(None), *steps)], range(-case.rank, 0), range(2, 2 + case.rank))
    columns = picked.reshape(case.batch, case.groups, 1, prod(case.weight_shape[1:]), -1)
    result: Array = columns * data.weights.reshape(case.groups, -1, columns.shape[3], 1)
    return result


def sequential(case: Case, data: Data) -> Array:
    """Sums in the order of channels and taps, one product after the other."""
    return np.add.accumulate(products(case, data), axis=3)[:, :, :, -1]


def backwards(case: Case, data: Data) -> Array:
    """Sums in the reversed order."""
    return np.add.accumulate(products(case, data)[:, :, :, ::-1], axis=3)[:, :, :, -1]


def stored_first(case: Case, data: Data) -> Array | None:
    """Sums stored in a narrow type before the bias is added to them, as ``tf.nn.bias_add`` has it."""
    if data.bias is None or case.dtype not in ("float16", "bfloat16"):
        return None
    return rounded(sequential(case, data), case.dtype).astype(np.float32)


def tf32(case: Case, data: Data) -> Array | None:
    """Factors rounded to 11 bits, summed in float32."""
    if case.dtype != "float32":
        return None
    return sequential(case, data.map(to_tf32))


def to_tf32(values: Array) -> Array:
    """float32 rounded to the nearest with 11 bits, ties to even."""
    bits = values.view(np.uint32)
    kept = (bits + (np.uint32(0xFFF) + ((bits >> np.uint32(13)) & np.uint32(1)))) & np.uint32(0xFFFFE000)
    return kept.view(np.float32)


def fft(case: Case, data: Data) -> Array | None:
    """Products of Fourier transforms of the whole padded image."""
    if {*case.stride, *case.dilation} != {1}:
        return None
    axes = tuple(range(-case.rank, 0))
    padded = oracle.pad(data.input, case.asked).astype(data.input.dtype)
    size = [2 ** int(np.ceil(np.log2(length + k))) for length, k in zip(padded.shape[2:], case.kernel, strict=True)]
    image = np.fft.rfftn(padded, size, axes).reshape(case.batch, case.groups, 1, -1, *[*size[:-1], size[-1] // 2 + 1])
    kernel = np.fft.rfftn(data.weights, size, axes).conj()
    assert image.itemsize == 2 * data.input.itemsize, "numpy's transforms keep float32 from 2.0 on"
    total = (image * kernel.reshape(case.groups, -1, *image.shape[3:])).sum(3, dtype=image.dtype)
    whole = np.fft.irfftn(total, size, axes).reshape(case.batch, case.filters, *size)
    places: tuple[Any, ...] = (..., *(slice(axis.output) for axis in case.asked))
    result: Array = whole[places]
    return result


def winograd(algorithm: Winograd) -> Compute:
    """An emulation of a Winograd algorithm, each transform rounded to float32."""

    def compute(case: Case, data: Data) -> Array | None:
        how = oracle.reading(case, case.pads)
        if not algorithm.applies(bounds.Sums(case, data, how, np.empty(0)), exact=False):
            return None
        matrices = (np.array(part, np.float32) for part in (algorithm.a, algorithm.b, algorithm.g))
        result: Array = bounds.tiled(case, data, how, *matrices)
        return result

    return compute


def narrow(case: Case, data: Data) -> Array | None:
    """Sums held in the narrow type itself, each product and each sum rounded to it."""
    if case.products * UNIT[case.dtype] > bounds.NARROW_LIMIT or case.dtype not in ("float16", "bfloat16"):
        return None
    terms = rounded(products(case, data), case.dtype)
    total = terms[:, :, :, 0]
    for index in range(1, terms.shape[3]):
        total = rounded(total + terms[:, :, :, index], case.dtype)
    return total


EMULATIONS: dict[str, Compute] = {
    "sequential sums": sequential,
    "reversed sums": backwards,
    "bias after storing": stored_first,
    "TF32": tf32,
    "FFT": fft,
    "Winograd F(2,3)": winograd(bounds.WINOGRAD_2),
    "Winograd F(4,3)": winograd(bounds.WINOGRAD_4),
    "narrow sums": narrow,
}


def emulated(case: Case, compute: Compute) -> Array | None:
    """What an emulation gives as a runner would: narrow types computed in float32, the bias added, and stored."""
    held = tensors(case).map(lambda part: part if part.dtype == np.float64 else part.astype(np.float32))
    output = compute(case, held)
    if output is None:
        return None
    output = output.reshape(case.batch, case.filters, *case.output(case.pads))
    if held.bias is not None:
        output = output + held.bias.reshape(-1, *[1] * case.rank)
    stored = rounded(output, case.dtype)
    if case.dtype == "bfloat16":
        return (stored.view(np.uint32) >> 16).astype(np.uint16).view(BFLOAT16)
    return stored


def judged(chosen: list[Case], compute: Compute) -> Iterator[tuple[Job, Verdict]]:
    """The verdicts on an emulation."""
    judging = Judge()
    for case in chosen:
        output = emulated(case, compute)
        if output is not None:
            job = Job(case, "emulated", "v", Spelling(case.pads, ""))
            yield job, judging.judge(job, Outcome("completed", output))


def sources(seeds: int) -> Iterator[tuple[str, Iterator[tuple[Job, Verdict]]]]:
    """Every source of correct outputs, with the verdicts on them."""
    chosen = list(cases(seeds))
    few = list(cases(min(seeds, KERAS_SEEDS)))
    for runner in RUNNERS:
        yield runner, executed(few if runner.startswith("keras") else chosen, runner)
    for name, compute in EMULATIONS.items():
        yield name, judged(chosen, compute)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alarms", description="False alarms of correct jobs.")
    parser.add_argument("--quick", action="store_true", help="one seed")
    quick = parser.parse_args().quick
    total: Counter[str] = Counter()
    print(f"{'source':<20} {'type':<9} {'jobs':>7} {'false alarms':>13}  named")
    for source, verdicts in sources(1 if quick else SEEDS):
        jobs: Counter[str] = Counter()
        alarms: Counter[str] = Counter()
        named: dict[str, Counter[str]] = {dtype: Counter() for dtype in DTYPES}
        for job, verdict in verdicts:
            jobs[job.case.dtype] += 1
            if verdict.kind != "match":
                alarms[job.case.dtype] += 1
                print(f"  {source} {job.case.id}: {verdict.kind} {verdict.causes} {verdict.evidence}{verdict.message}")
            if verdict.algorithm:
                named[job.case.dtype][verdict.algorithm] += 1
        for dtype, count in jobs.items():
            words = ", ".join(f"{name} {times:,}" for name, times in named[dtype].most_common())
            print(f"{source:<20} {dtype:<9} {count:>7,} {alarms[dtype]:>13,}  {words}", flush=True)
        total += Counter(jobs=jobs.total(), alarms=alarms.total(), silent=not jobs)
    print(f"{total['alarms']:,} false alarms in {total['jobs']:,} correct jobs")
    return 1 if total["alarms"] or total["silent"] or (total["jobs"] < GOAL and not quick) else 0


if __name__ == "__main__":
    sys.exit(main())
