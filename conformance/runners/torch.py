"""PyTorch: ``torch.nn.functional`` convolutions on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from conformance.domain.case import Case
from conformance.domain.geometry import Pads
from conformance.domain.records import Spelling
from conformance.runners.contract import Refusal, Runner, Weights, call, symmetric_by_habit

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


def padded(pads: Pads) -> str:
    """``F.pad`` of ``x``, which takes the last axis first; ``x`` itself where there is nothing to pad."""
    flat = tuple(amount for pair in reversed(pads) for amount in pair)
    return f"F.pad(x, {flat})" if any(flat) else "x"


def explicit(case: Case) -> Optional[Spelling]:
    """Pad by hand, then convolve without padding: right for every case."""
    return Spelling(case.pads, convolution(case, padded(case.pads)))


def same(case: Case) -> Optional[Spelling]:
    """The string ``"same"``: the total of SAME at stride 1, its odd pixel at the end (``Convolution.cpp``)."""
    if case.padding != "same":
        return None
    return Spelling(case.pads_by("fixed"), convolution(case, "x", "same"), by_rule=True)


def symmetric(case: Case) -> Optional[Spelling]:
    """``padding=d*(k-1)//2``: what people write for same and fixed."""
    if not symmetric_by_habit(case):
        return None
    pads = case.pads_by("symmetric")
    return Spelling(pads, convolution(case, "x", tuple(begin for begin, _ in pads)))


class Torch(Runner):
    """PyTorch's functional convolutions."""

    name = "torch"
    distributions = ("torch",)
    extra = "torch"
    preamble = "import torch\nimport torch.nn.functional as F"
    variants = {"explicit": explicit, "same": same, "symmetric": symmetric}
    refusals = (Refusal("RuntimeError", "padding='same' is not supported for strided convolutions"),)

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
