"""The named reasons for a wrong answer: a closed list, each with what it means."""

from __future__ import annotations

CAUSES = {
    "symmetric-for-asymmetric": "the same pads on both sides of an axis, where the two sides differ",
    "same-lower-for-upper": "the odd pixel at the beginning, where it belongs at the end",
    "same-upper-for-lower": "the odd pixel at the end, where it belongs at the beginning",
    "auto-pad-ignored": "no padding, where a rule's name (auto_pad, same) asks for some",
    "pads-ignored": "no padding, where numbers ask for some",
    "pads-begin-only": "the end pads dropped",
    "pads-axis-order": "the pads given to the wrong axes or sides",
    "same-for-explicit": "SAME, whose pads depend on the input's size, where numbers are asked for",
    "pad-amount": "another number of pads than any rule gives",
    "size-frozen": "padding for the size at conversion, at another size",
    "dilation-ignored": "dilation 1 on every axis",
    "dilation-first-axis": "the first axis' dilation on every axis",
    "dilation-with-stride": "the stride taken within each phase of the dilation",
    "stride-first-axis": "the first axis' stride on every axis",
    "kernel-flipped": "the kernel reversed on every axis, a convolution where a correlation is asked for",
    "axes-swapped": "the kernel's axes in reverse order",
    "layout": "channels taken for the last axis, of the output or for the bias",
    "group-order": "the output channels in another order of groups",
    "bias-dropped": "no bias added",
    "pad-value": "another padding value than the operator's",
    "pad-mode": "another way of padding than asked for",
    "pad-counted": "padding counted in an average",
    "pad-not-counted": "padding left out of an average",
    "ceil-mode": "the number of windows rounded the other way",
    "last-window": "the last window kept or dropped against the rule",
    "output-padding": "output padding ignored or put on the wrong side",
    "crop-side": "the crop on the other side",
    "output-shape": "the right numbers in another shape",
    "dtype": "another element type",
    "precision": "a reduced-precision product or sum",
    "non-finite": "NaN or infinity",
    "unattributed": "no hypothesis reproduces the output",
}

ALGORITHMS = {
    "winograd-f2x3": "Winograd's F(2x2, 3x3)",
    "winograd-f4x3": "Winograd's F(4x4, 3x3)",
    "fft": "products of Fourier transforms",
    "tf32": "factors rounded to TF32, 11 bits",
    "narrow-sums": "sums held in float16 or bfloat16 itself",
}
"""The algorithms that an accepted output is told by, where no direct sum in its precision gives it."""
