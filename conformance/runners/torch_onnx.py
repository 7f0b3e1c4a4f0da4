"""PyTorch modules that pad by their input's size, exported for any size and run in ONNX Runtime.

Three ways are in use: integers (``apply_tf_padding`` of transformers' MobileNets), Python's ``math``
(EfficientNet-PyTorch's ``Conv2dDynamicSamePadding``), both of which a trace keeps as they are, and
tensors where there is a trace (timm's ``Conv2dSame``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Mapping, Optional

from conformance.domain.case import Case
from conformance.domain.records import Spelling
from conformance.runners.contract import Weights, Write, another_size, call
from conformance.runners.onnx_models import exported, exporting, module
from conformance.runners.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from conformance.runners.contract import Layer

SAME_PADDING = '''
class SamePadding(nn.Module):
    """SAME's pads from the size of what comes in."""

    def __init__(self, kernel, stride, dilation, value=0.0):
        super().__init__()
        self.axes = list(zip(kernel, stride, dilation))
        self.value = value

    def total(self, size, kernel, stride, dilation):
        return max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)

    def forward(self, x):
        totals = [self.total(size, *axis) for size, axis in zip(x.shape[2:], self.axes)]
        return F.pad(x, [side for total in totals[::-1] for side in (total // 2, total - total // 2)], value=self.value)


class IntegerSamePadding(SamePadding):
    """The same, from integers."""

    def total(self, size, kernel, stride, dilation):
        return super().total(int(size), kernel, stride, dilation)


class TensorSamePadding(SamePadding):
    """The same, where a trace has tensors for sizes."""

    def total(self, size, kernel, stride, dilation):
        if not isinstance(size, torch.Tensor):
            return super().total(size, kernel, stride, dilation)
        return torch.clamp(((size / stride).ceil().long() - 1) * stride + (kernel - 1) * dilation + 1 - size, min=0)
'''


def same(padding: str, tag: str = "dynamic") -> Write:
    """A padding module before a convolution or a max pool, for cases tagged ``dynamic`` (and ``tag``)."""

    def write(case: Case) -> Optional[Spelling]:
        if case.padding != "same" or not {"dynamic", tag} <= set(case.tags):
            return None
        inner = module(replace(case, padding="valid"))
        if inner is None or case.op not in TorchOnnx.ops:
            return None
        value = 'float("-inf")' if case.op == "max_pool" else "0.0"
        before = call(padding, repr(case.kernel), repr(case.stride), repr(case.dilation), value)
        code = f"nn.Sequential({before}, {inner.code})"
        return Spelling(case.pads, code, by_rule=True, converted=another_size(case))

    return write


class TorchOnnx(OnnxRuntime):
    """``torch.onnx.export`` with dynamic sizes at one size, ONNX Runtime at another."""

    name = "torch-onnx"
    ops = ("conv", "max_pool")
    distributions = ("torch", "onnxscript", "onnx", "onnxruntime")
    extra = "torch-onnx"
    preamble = f"import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n{SAME_PADDING}"

    variants: Mapping[str, Write] = {
        "integer": same("IntegerSamePadding"),
        "math": same("SamePadding"),
        "tensor": same("TensorSamePadding"),
        "math-dynamo": same("SamePadding", "dynamo"),
    }

    def open(self) -> None:
        """Load PyTorch and ONNX Runtime, each on one thread."""
        super().open()
        self.torch: Any = self.namespace["torch"]
        self.torch.set_num_threads(1)

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The module exported at another size, and its session."""
        spelling = self.spell(case, variant)
        network = self.evaluate(spelling.code)
        self.enter("convert")
        dynamo = variant.endswith("dynamo")
        return self.convert(exported(network, case, weights, dynamo, spelling.converted))

    def program(self, case: Case, variant: str) -> str:
        """The same as a script."""
        spelling = self.spell(case, variant)
        made = exporting(self.preamble, case, spelling, variant.endswith("dynamo"))
        return f"{made}\n{self.running(case, replace(spelling, converted=()), {})}"
