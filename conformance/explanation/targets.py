"""What to write where: a case in each framework, as code to paste, from the text that the runners execute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import NamedTuple

from conformance.domain.case import Case
from conformance.domain.geometry import Axis, Pads, Sizes, same_elements
from conformance.domain.records import Spelling
from conformance.errors import InputError
from conformance.explanation.agreement import law, overall, spell
from conformance.runners import caffe, jax, keras, onnx_models, tensorflow, torch
from conformance.runners.contract import Write

EVERY = "for every size"

Limit = tuple[Callable[[Case], bool], str]
"""Where a spelling that says what is asked for is refused, or computed otherwise, and why."""


class Variant(NamedTuple):
    """One way of writing a case in a framework.

    ``code`` is the text to paste, with ``{}`` for the spelling; ``limits`` tell where it is not to be used.
    """

    name: str
    write: Write
    code: str
    limits: tuple[Limit, ...] = ()


class Target(NamedTuple):
    """A framework: how its snippets name and lay out their arrays, and the ways of writing a case."""

    title: str
    variants: tuple[Variant, ...]
    shapes: Callable[[Case], dict[str, tuple[str, Sizes]]]
    absent: Callable[[Case], str]


class Snippet(NamedTuple):
    """A case in one framework; ``code`` is empty where it cannot be written, and ``notes`` say why.

    ``sizes`` tells for which input sizes the code is right, empty where nothing is to be said. ``shapes``
    are the arrays that it names.
    """

    target: str
    title: str
    variant: str
    code: str
    notes: tuple[str, ...] = ()
    sizes: str = ""
    shapes: dict[str, tuple[str, Sizes]] = {}


def strided_and_dilated(case: Case) -> bool:
    """A stride together with a dilation, on whatever axes."""
    return max(case.stride) > 1 and max(case.dilation) > 1


KERAS_STRIDED = (
    lambda case: not case.pool and strided_and_dilated(case) and not keras.separate(case),
    "Keras' convolution layers refuse a stride together with a dilation.",
)
TENSORFLOW_POOL = (
    lambda case: case.pool and strided_and_dilated(case),
    "tf.nn.pool refuses a stride together with a dilation.",
)
TENSORFLOW_SAME_POOL = (
    lambda case: case.pool and max(case.dilation) > 1,
    "tf.nn.pool refuses SAME together with a dilation.",
)
TENSORFLOW_ALONE = (
    lambda case: case.op == "max_pool" and any(isinstance(axis, Axis) and axis.lonely for axis in case.asked),
    "TensorFlow's largest of padding alone is the lowest finite number, not -inf.",
)
TENSORFLOW_GROUPS = (
    lambda case: case.op == "conv" and case.rank == 3 and case.groups > 1,
    "TensorFlow's Conv3D has no groups on the CPU.",
)
TENSORFLOW_DEPTHWISE = (
    lambda case: tensorflow.separate(case) and strided_and_dilated(case),
    "tf.nn.depthwise_conv2d with a stride and a dilation strides within each phase of the dilation.",
)
ONNX_POOL = (
    lambda case: case.pool and any(max(pads) >= k for pads, k in zip(case.pads, case.kernel, strict=True)),
    "ONNX Runtime refuses pools with pads of the kernel's size and more.",
)
TENSORFLOW_CONV = (TENSORFLOW_GROUPS, TENSORFLOW_DEPTHWISE)

FUNCTION = f"{torch.Torch.preamble}\n\ny = {{}}"
MODULE = "from torch import nn\n\nlayer = {}\ny = layer(x)"
IN_TENSORFLOW = f"{tensorflow.TensorFlow.preamble}\n\ny = {{}}"
IN_KERAS = "import keras\n\nlayer = {}\ny = layer(x)"
IN_JAX = f"{jax.Jax.preamble}\n\ny = {{}}"
IN_ONNX = "from onnx import helper\n\nnode = {}"


def _first(case: Case, weight: str, bias: str = "bias") -> dict[str, tuple[str, Sizes]]:
    """Channels first, the weights as PyTorch, JAX, ONNX and Caffe have them."""
    spatial = " ".join("DHW"[-case.rank :])
    shapes = {"x": (f"N C {spatial}", case.input_shape)}
    if case.weighted:
        layout = f"{'I O' if case.transposed else 'O I'} {spatial}"
        shapes[weight] = (layout, case.weight_shape)
        if case.bias:
            shapes[bias] = ("O", (case.filters,))
    return shapes


def _last(case: Case, weight: str, bias: str, separate: bool) -> dict[str, tuple[str, Sizes]]:
    """Channels last, the weights as TensorFlow and Keras have them."""
    spatial = " ".join("DHW"[-case.rank :])
    shapes = {"x": (f"N {spatial} C", (case.batch, *case.input, case.channels))}
    if case.weighted:
        outer, inner = case.weight_shape[:2]
        pair = (case.channels, case.filters // case.channels) if separate else (inner, outer)
        layout = f"{spatial} {'C M' if separate else 'O I' if case.transposed else 'I O'}"
        shapes[weight] = (layout, (*case.kernel, *pair))
        if case.bias:
            shapes[bias] = ("O", (case.filters,))
    return shapes


def _torch_absent(case: Case) -> str:
    return "PyTorch has no average pool with a dilation."


def _keras_absent(case: Case) -> str:
    if case.transposed and case.groups > 1:
        return "Keras has no transposed convolution with groups."
    if case.transposed:
        return "Keras' transposed layers give a stride of outputs for each input at most."
    if max(case.dilation) > 1:
        return "Keras has no pool with a dilation."
    return "Keras' pools pad by 'same' alone, and ZeroPadding in front would be counted, or be larger than the input."


def _onnx_absent(case: Case) -> str:
    return (
        "ONNX's ConvTranspose adds outputs at the end alone, and auto_pad, which would, is not done so by its runtimes."
    )


def _caffe_absent(case: Case) -> str:
    if case.transposed:
        return "Caffe's Deconvolution has no output padding."
    if case.rank != 2:
        return "Caffe's Pooling has two axes."
    if max(case.dilation) > 1:
        return "Caffe's Pooling has no dilation."
    if case.op == "avg_pool":
        return "Caffe's averages count their padding, the same on both sides and less than the kernel."
    return "Caffe's Pooling has the same pads on both sides, less than the kernel."


def _never(case: Case) -> str:
    return ""


TARGETS: dict[str, Target] = {
    "torch": Target(
        "PyTorch",
        (Variant("module", onnx_models.module, MODULE), Variant("explicit", torch.explicit, FUNCTION)),
        lambda case: _first(case, "weight"),
        _torch_absent,
    ),
    "tensorflow": Target(
        "TensorFlow",
        (
            Variant("same", tensorflow.same, IN_TENSORFLOW, (TENSORFLOW_SAME_POOL, *TENSORFLOW_CONV)),
            Variant(
                "explicit", tensorflow.explicit, IN_TENSORFLOW, (TENSORFLOW_POOL, TENSORFLOW_ALONE, *TENSORFLOW_CONV)
            ),
        ),
        lambda case: _last(case, "filters", "bias", tensorflow.separate(case)),
        _never,
    ),
    "keras": Target(
        "Keras",
        (
            Variant("same", keras.same, IN_KERAS, (KERAS_STRIDED,)),
            Variant("causal", keras.causal, IN_KERAS, (KERAS_STRIDED,)),
            Variant("zeropad", keras.zeropad, IN_KERAS, (KERAS_STRIDED,)),
        ),
        lambda case: _last(case, "weight", "bias", keras.separate(case)),
        _keras_absent,
    ),
    "jax": Target(
        "JAX",
        (Variant("named", jax.named, IN_JAX), Variant("explicit", jax.explicit, IN_JAX)),
        lambda case: _first(case, "weight"),
        _never,
    ),
    "onnx": Target(
        "ONNX",
        (Variant("pads", onnx_models.pads, IN_ONNX, (ONNX_POOL,)),),
        lambda case: _first(case, "w", "b"),
        _onnx_absent,
    ),
    "caffe": Target(
        "Caffe", (Variant("prototxt", caffe.prototxt, "{}"),), lambda case: _first(case, "weight"), _caffe_absent
    ),
}
"""The frameworks in which a case is written, and in each the ways of writing it, those first that are preferred."""

ALIASES = {"pytorch": "torch", "tf": "tensorflow", "tf.keras": "keras", "onnxruntime": "onnx"}


def target(name: str) -> str:
    """The target that somebody names; ``InputError`` for none."""
    found = ALIASES.get(name.lower(), name.lower())
    if found not in TARGETS:
        raise InputError(f"--to {name!r}; allowed: {', '.join(TARGETS)}")
    return found


def snippets(case: Case) -> list[Snippet]:
    """The case in every framework."""
    return [snippet(case, name) for name in TARGETS]


def snippet(case: Case, name: str) -> Snippet:
    """The case in one framework: what is right for every size if there is such, else what is right for this one."""
    made = TARGETS[name]
    reasons: list[str] = []
    chosen: tuple[Variant, Spelling, str] | None = None
    for variant in made.variants:
        spelling = variant.write(case)
        if spelling is None or not same_elements(case.asked, case.axes(spelling.pads, spelling.rounding)):
            continue
        because = [why for applies, why in variant.limits if applies(case)]
        reasons += [why for why in because if why not in reasons]
        if because:
            continue
        right = sizes(case, variant, spelling)
        if chosen is None or right == EVERY:
            chosen = variant, spelling, right
        if right == EVERY:
            break
    if chosen is None:
        return Snippet(name, made.title, "", "", tuple(reasons or [made.absent(case)]))
    variant, spelling, right = chosen
    code = variant.code.format(spelling.code)
    shapes = made.shapes(case)
    return Snippet(name, made.title, variant.name, code, notes(case, name), right, shapes)


def sizes(case: Case, variant: Variant, spelling: Spelling) -> str:
    """For which sizes a variant's text for this one is right; empty where there is nothing to say.

    It is for a size whose own text, with these pads or this rule, is the same and says what is asked for.
    """
    named = isinstance(case.padding, str) and not spelling.by_rule and not case.transposed

    def right(number: int, size: int) -> bool:
        asked = resized(case, number, size)
        meant = numbered(asked, spelling.pads) if named else asked
        if meant.unanswered is not None:
            return False
        again = variant.write(meant)
        if again is None or again.code != spelling.code:
            return False
        return same_elements([asked.asked[number]], [asked.axes(again.pads, again.rounding)[number]])

    if not all(right(number, size + case.stride[number]) for number, size in enumerate(case.input)):
        return "for this input's size alone"
    alike = len(set(case.asked)) == 1 and len(set(spelling.pads)) == 1
    return spell(overall(case, lambda number: law(case, number, partial(right, number)), alike))


@lru_cache(maxsize=1024)
def resized(case: Case, number: int, size: int) -> Case:
    """The case at another size of one axis."""
    return replace(case, input=(*case.input[:number], size, *case.input[number + 1 :]))


@lru_cache(maxsize=1024)
def numbered(case: Case, pads: Pads) -> Case:
    """The case with pads as numbers."""
    return replace(case, padding=pads)


def notes(case: Case, name: str) -> tuple[str, ...]:
    """What is to be known besides."""
    if name == "caffe" and case.pool:
        return ("Caffe rounds up unless round_mode says otherwise, which it can since 2018.",)
    return ()
