"""What a runner is: the classes that the ones shipped here, and anybody's, fulfil.

A native runner has ``variants``, ``open`` and ``build``. A converter has only
``convert(onnx_model) -> callable``; ``Converter`` makes a native runner of it. Neither has to
inherit from these classes: ``runners.load`` takes any class with those attributes.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from functools import cached_property
from math import isinf
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from conformance.domain.case import Case
from conformance.domain.geometry import Axis, Pads, Sizes, same_elements
from conformance.domain.records import Spelling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Layer = Callable[[Array], Array]

Write = Callable[[Case], Optional[Spelling]]
"""How a variant writes a case; None where it does not apply, and then there is no job."""


class Weights(NamedTuple):
    """``kernel`` is as ``Case.weight_shape`` has it, ``O I/groups spatial…``; ``bias`` is ``O`` or None."""

    kernel: Array
    bias: Optional[Array]


@dataclass(frozen=True)
class Refusal:
    """A refusal by name: an exception of this type whose message contains these words."""

    exception: str
    words: str

    def matches(self, error: BaseException) -> bool:
        """Whether an exception is this refusal."""
        names = {kind.__name__ for kind in type(error).__mro__}
        return self.exception in names and self.words in str(error)


class Runner:
    """Executes cases in one framework. Subclasses load the framework in ``open``, not before."""

    name: str = ""
    ops: Tuple[str, ...] = ("conv",)
    """The operators that its variants can write."""
    distributions: Tuple[str, ...] = ()
    """Packages that it needs; their versions go into the journal."""
    extra: str = ""
    """The extra of this distribution that installs them."""
    environ: Mapping[str, str] = {}
    """Environment variables of this runner's worker, and of no other."""
    python: str = ""
    """The interpreter of its worker, where that is another one than runs the suite."""
    refusals: Tuple[Refusal, ...] = ()
    precision: str = ""
    """What it computes in, where that is below a case's dtype: ``tf32``, ``float32``, ``float16`` or ``bfloat16``."""
    control: str = ""
    """Why this is a negative control (wrong on purpose), where it is one."""
    preamble: str = ""
    """The imports and definitions that ``Spelling.code`` needs; executed by ``open``."""
    variants: Mapping[str, Write] = {}
    _written: Tuple[Optional[Case], List[Tuple[Write, Optional[Spelling]]]] = (None, [])
    """The last case, and how it was written."""

    def __init__(self) -> None:
        self._compiled: Dict[str, Any] = {}

    @cached_property
    def namespace(self) -> Dict[str, Any]:
        """The names that the preamble defines; the framework loads with it."""
        names: Dict[str, Any] = {}
        exec(self.preamble, names)
        return names

    def open(self) -> None:
        """Load the framework; called once in the worker, before any job."""
        self.namespace  # noqa: B018

    def build(self, case: Case, variant: str, weights: Weights) -> Layer:
        """The layer of a case as this variant writes it: ``N C spatial…`` in, ``N O spatial…`` out."""
        raise NotImplementedError

    def program(self, case: Case, variant: str) -> str:
        """What ``build`` does with the spelling, as a script: from the arrays ``x``, ``weights`` and ``bias`` (the last
        two of a convolution alone), laid out as here, to the output ``y`` and the name of its element type, ``dtype``.
        """
        raise NotImplementedError

    def written(self, case: Case, variant: str) -> Optional[Spelling]:
        """How a variant writes a case, once for variants that write it alike; None where it does not apply."""
        if self._written[0] is not case:
            self._written = case, []
        write, known = self.variants[variant], self._written[1]
        for one, spelling in known:
            if one is write:
                return spelling
        known.append((write, write(case)))
        return known[-1][1]

    def spell(self, case: Case, variant: str) -> Spelling:
        """The same; ``ValueError`` where it does not apply."""
        spelling = self.written(case, variant)
        if spelling is None:
            raise ValueError(f"{self.name}/{variant} does not apply to {case.id}")
        return spelling

    def evaluate(self, code: str, arguments: str = "") -> Any:
        """What a spelling's code means, with the framework's names; a function of ``arguments`` if given."""
        source = f"lambda {arguments}: {code}"
        function = self._compiled.get(source)
        if function is None:
            function = self._compiled[source] = eval(compile(source, "<spelling>", "eval"), self.namespace)
        return function if arguments else function()

    def enter(self, stage: str) -> None:
        """Tell the worker that ``build`` has come to another stage (``convert`` or ``load``)."""


def last_word(runner: Runner, text: str, method: str) -> bool:
    """Whether ``text`` writes out the ``method`` that runs: no class has changed the one without the other since."""
    kinds = type(runner).__mro__
    by, of = (next(kind for kind in kinds if name in vars(kind)) for name in (text, method))
    return issubclass(by, of)


def source(*functions: Any) -> str:
    """The source text of functions and classes, for a program."""
    return "\n\n".join(inspect.getsource(function) for function in functions)


def call(function: str, *arguments: str, **options: Any) -> str:
    """The text of a call: positional source texts, then options by ``repr`` (None leaves one out)."""
    named = [f"{name}={value!r}" for name, value in options.items() if value is not None]
    return f"{function}({', '.join([*arguments, *named])})"


MIRRORED = {"reflect": "reflect", "edge": "symmetric"}


def mirrored(case: Case) -> Optional[str]:
    """TensorFlow's mode for a pad that repeats elements: its ``symmetric`` repeats an edge once; None for none."""
    mode = MIRRORED.get(case.mode)
    return mode if mode and same_elements(case.asked, replace(case, mode=mode).asked) else None


def number(value: float) -> str:
    """The source text of a pad's value."""
    return f'float("{value}")' if isinf(value) else repr(value)


def last_axis_first(pads: Pads) -> Tuple[int, ...]:
    """Pads as PyTorch takes them: begin and end of the last axis, then of the one before it."""
    return tuple(amount for pair in reversed(pads) for amount in pair)


def counted_share(case: Case, reach: Pads) -> Tuple[Pads, Pads]:
    """Of an average's padding by hand, what counts as elements, and what lies beyond it."""
    inner = tuple((begin, min(end, far)) for (begin, end), (_, far) in zip(case.pads, reach))
    return inner, tuple((0, far - end) for (_, end), (_, far) in zip(inner, reach))


def padded_reach(case: Case, pads: Optional[Pads] = None) -> Pads:
    """What to pad a pool's input with by hand: its pads, or with ceil as far as its last window reaches."""
    pads = case.pads if pads is None else pads
    if not rounds_up(case):
        return pads
    return tuple((axis.begin, max(axis.end_for(axis.output), 0)) for axis in case.axes(pads))


def rounds_up(case: Case) -> bool:
    """Whether more windows are asked for than rounding down gives; a framework that rounds up drops one that it may."""
    return case.rounding != "floor"


def same_pool(case: Case) -> bool:
    """Whether SAME of TensorFlow can write a pool: as many windows, and divisors without the padding."""
    over = [axis for axis in case.axes(case.pads_by("same")) if isinstance(axis, Axis)]
    return same_elements(over, [replace(axis, rounding="floor", counted=False) for axis in over])


def numbered_alike(case: Case) -> bool:
    """Whether pads alike on both sides are asked for, an output padding left aside."""
    if isinstance(case.padding, str):
        return case.padding == "valid"
    return all(begin == end for begin, end in case.padding)


def same_by_habit(case: Case) -> bool:
    """Whether people write ``same`` for this case: asked for, or the shapes agree so nobody notices."""
    if case.padding == "causal" or not any(end or begin for begin, end in case.pads):
        return case.padding == "same"
    return case.padding == "same" or case.output(case.pads) == case.output(case.pads_by("same"))


def another_size(case: Case) -> Sizes:
    """A size to convert a case at: one more on every axis, for which a stride makes SAME pad otherwise."""
    return tuple(size + 1 for size in case.input)


def symmetric_by_habit(case: Case) -> bool:
    """Whether people write ``d*(k-1)//2`` for this case: for same and fixed, which are not numbers there."""
    return case.padding in ("same", "same_lower", "fixed")
