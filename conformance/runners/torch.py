"""PyTorch: the convolutions, pools and pads of ``torch.nn.functional`` on the CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional

from conformance.domain.case import OPS, Case
from conformance.domain.geometry import Pads, Sizes
from conformance.domain.records import Spelling
from conformance.runners.contract import (
    Refusal,
    Runner,
    Weights,
    call,
    last_axis_first,
    number,
    numbered_alike,
    padded_reach,
    symmetric_by_habit,
)

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer


def convolution(case: Case, x: str, padding: object = None) -> str:
    """``F.conv1d`` to ``F.conv3d`` of ``x``; ``padding`` as that function takes it."""
    return call(
        f"F.conv{case.rank}d",
        x,
        "weight",
        "bias",
        stride=case.stride,
        padding=padding,
        dilation=case.dilation,
        groups=case.groups,
    )


def transposed(case: Case, *bias: str, pads: Optional[Pads] = None) -> str:
    """``F.conv_transpose1d`` to ``3d`` of ``x``, cropped by ``padding`` less ``output_padding``."""
    return call(
        f"F.conv_transpose{case.rank}d",
        "x",
        "weight",
        *bias,
        stride=case.stride,
        padding=pads and tuple(begin for begin, _ in pads),
        output_padding=pads and tuple(begin - end for begin, end in pads),
        groups=case.groups,
        dilation=case.dilation,
    )


def pool(case: Case, x: str, padding: Optional[Sizes] = None) -> str:
    """``F.max_pool1d`` to ``F.avg_pool3d`` of ``x``; its own way of counting only where it pads."""
    largest = case.op == "max_pool"
    return call(
        f"F.{case.op}{case.rank}d",
        x,
        repr(case.kernel),
        stride=case.stride,
        padding=padding,
        dilation=case.dilation if largest else None,
        ceil_mode=padding and case.ceil_mode,
        count_include_pad=None if largest else padding and case.count_include_pad,
    )


def padded(pads: Pads, x: str = "x", value: str = "") -> str:
    """``F.pad`` of ``x``, which takes the last axis first; ``x`` itself where there is nothing to pad."""
    flat = last_axis_first(pads)
    return f"F.pad({x}, {flat}{value and f', value={value}'})" if any(flat) else x


MODES = {"reflect": "reflect", "edge": "replicate", "circular": "circular"}


def alone(case: Case) -> str:
    """``F.pad`` of ``x`` in the mode of the case."""
    flat = last_axis_first(case.pads)
    if case.mode == "constant":
        return call("F.pad", "x", repr(flat), f"value={number(case.value)}")
    return call("F.pad", "x", repr(flat), mode=MODES[case.mode])


def explicit(case: Case) -> Optional[Spelling]:
    """Pad or crop by hand, around an operator that does not: right for every case."""
    if case.op == "pad":
        return Spelling(case.pads, alone(case))
    if case.transposed:
        cropped = padded(tuple((-begin, -end) for begin, end in case.pads), transposed(case))
        bias = f" + bias.view({', '.join(['-1', *'1' * case.rank])})" if case.bias else ""
        return Spelling(case.pads, cropped + bias)
    if case.op == "avg_pool":
        return averaged(case)
    if case.op == "max_pool":
        return Spelling(case.pads, pool(case, padded(padded_reach(case), value='float("-inf")')))
    return Spelling(case.pads, convolution(case, padded(case.pads)))


def averaged(case: Case) -> Optional[Spelling]:
    """The mean with its padding, over the share of it that counts; PyTorch averages without dilation."""
    if max(case.dilation) > 1:
        return None
    reach, ones = padded_reach(case), "torch.ones_like(x)"
    rest = reach
    if case.count_include_pad:
        ones = padded(case.pads, ones, "1.0")
        rest = tuple((b - begin, e - end) for (b, e), (begin, end) in zip(reach, case.pads))
    mean = pool(case, padded(reach))
    if any(map(any, rest)):
        mean += f" / {pool(case, padded(rest, ones))}"
    return Spelling(case.pads, mean)


def same(case: Case) -> Optional[Spelling]:
    """The string ``"same"``: the total of SAME at stride 1, its odd pixel at the end (``Convolution.cpp``)."""
    if case.padding != "same" or case.op != "conv":
        return None
    return Spelling(case.pads_by("fixed"), convolution(case, "x", "same"), by_rule=True)


def symmetric(case: Case) -> Optional[Spelling]:
    """The operator's own ``padding``: ``d*(k-1)//2``, what people write for same and fixed.

    A transposed convolution gets the output padding that makes its output ``stride`` times as large.
    It is written so as well where numbers are asked for that allow it.
    """
    if case.op == "pad":
        return None
    by_habit = symmetric_by_habit(case) and not case.output_shape
    if not by_habit and not numbered_alike(case):
        return None
    pads = case.pads_by("symmetric") if by_habit else case.pads
    if case.transposed:
        if by_habit:
            totals = [sum(pair) for pair in case.pads]
            pads = tuple((begin, min(begin, total - begin)) for (begin, _), total in zip(pads, totals))
        return Spelling(pads, transposed(case, "bias", pads=pads))
    padding = tuple(begin for begin, _ in pads)
    if not case.pool:
        return Spelling(pads, convolution(case, "x", padding))
    if case.op == "avg_pool" and max(case.dilation) > 1:
        return None
    return Spelling(pads, pool(case, "x", padding), rounding=case.rounding_read_by("pytorch"))


REFLECTED_WHOLE = (
    Refusal("RuntimeError", "Padding size should be less than the corresponding input dimension"),
    Refusal("RuntimeError", "Padding value causes wrapping around more than once"),
)
"""A reflection of the whole input, or more of it than there is."""


def channels_last(case: Case) -> Optional[Spelling]:
    """Input and weights in channels-last memory: the operator's own ``padding`` where it takes it, else by hand."""
    spelling = symmetric(case)
    large = case.pool and any(2 * begin > kernel for (begin, _), kernel in zip(case.pads, case.kernel))
    if spelling is None or spelling.pads != case.pads or spelling.rounding not in ("", case.rounding) or large:
        spelling = explicit(case)
    if case.rank == 1 or spelling is None:
        return None
    names = ["x", "weight"] if case.weighted else ["x"]
    memory = f"torch.channels_last{'_3d' if case.rank == 3 else ''}"
    laid_out = ", ".join(f"{name}.contiguous(memory_format={memory})" for name in names)
    return replace(spelling, code=f"(lambda {', '.join(names)}: {spelling.code})({laid_out})")


class Torch(Runner):
    """PyTorch's functional convolutions, pools and pads."""

    name = "torch"
    ops = OPS
    distributions = ("torch",)
    extra = "torch"
    preamble = "import torch\nimport torch.nn.functional as F"
    variants = {"explicit": explicit, "same": same, "symmetric": symmetric, "channels-last": channels_last}
    refusals = (
        *REFLECTED_WHOLE,
        Refusal("RuntimeError", "padding='same' is not supported for strided convolutions"),
        Refusal("RuntimeError", "padding should be at most half of kernel size"),
        Refusal("RuntimeError", "pad should be at most half of effective kernel size"),
        Refusal("RuntimeError", "pad should be smaller than or equal to half of kernel size"),
    )

    def open(self) -> None:
        """Load PyTorch and keep it to one thread, as every worker is."""
        super().open()
        self.torch = self.namespace["torch"]
        self.torch.set_num_threads(1)

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The function of ``x`` that the spelling writes."""
        function = self.evaluate(self.spell(case, variant).code, "x, weight, bias")
        weight = self.tensor(weights.kernel, case)
        bias = None if weights.bias is None else self.tensor(weights.bias, case)

        def layer(x: Array) -> Array:
            return self.array(function(self.tensor(x, case), weight, bias))

        return layer

    def program(self, case: Case, variant: str) -> str:
        """The same as a script."""
        narrow = case.dtype == "bfloat16"
        names = ("x", "weights", "bias") if case.weighted else ("x",)
        parts = ["None" if name == "bias" and not case.bias else f"torch.from_numpy({name})" for name in names]
        given = ", ".join(part + ".bfloat16()" * (narrow and part != "None") for part in parts)
        return f"""{self.preamble}


def layer({", ".join(names).replace("weights", "weight")}):
    return {self.spell(case, variant).code}


y = layer({given})
dtype = str(y.dtype).replace("torch.", "")
y = y{".float()" * narrow}.numpy()
"""

    def tensor(self, array: Array, case: Case) -> Any:
        """An array as a tensor of the case's dtype."""
        made = self.torch.from_numpy(array)
        return made.bfloat16() if case.dtype == "bfloat16" else made

    def array(self, tensor: Any) -> Array:
        """A tensor as an array; numpy has no bfloat16, so that one goes over as its bits."""
        from conformance.domain.tensors import BFLOAT16

        narrow = tensor.dtype == self.torch.bfloat16
        result: Array = tensor.view(self.torch.int16).numpy().view(BFLOAT16) if narrow else tensor.numpy()
        return result
