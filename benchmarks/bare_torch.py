"""The floor of torch/explicit: the same data and the same calls in a plain loop.

``python -m benchmarks.bare_torch CASES``; CASES says how many.
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F  # noqa: N812

from benchmarks.workload import cases
from conformance.domain.tensors import tensors

torch.set_num_threads(1)
for case in cases(int(sys.argv[1])):
    data = tensors(case)
    assert data.bias is not None
    x, weight, bias = torch.from_numpy(data.input), torch.from_numpy(data.weights), torch.from_numpy(data.bias)
    (top, bottom), (left, right) = case.pads
    if top or bottom or left or right:
        x = F.pad(x, (left, right, top, bottom))
    F.conv2d(x, weight, bias, stride=case.stride, dilation=case.dilation, groups=case.groups).numpy()
