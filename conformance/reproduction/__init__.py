"""A job as one Python file that needs numpy and the framework alone, and as a bug report with that file.

What the framework is given is the runner's own text (``Runner.program``), what is expected comes from
``operators``, and data that is not written out from the very generators: a script holds their source.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import ModuleType
from typing import Any

import jinja2
import numpy as np

from conformance import bounds, oracle
from conformance.domain import tensors
from conformance.domain.case import INTEGERS, Case, spell_padding
from conformance.domain.causes import CAUSES
from conformance.domain.records import VERDICTS, Job
from conformance.domain.tensors import Data
from conformance.errors import InputError
from conformance.journal import Record, words
from conformance.render.digest import differing
from conformance.render.plain import one_line, printable
from conformance.reproduction import operators
from conformance.runners.contract import Runner, call, counted_share, last_word, number, padded_reach

Array = tensors.Array

WRITTEN = 200
"""Numbers of an array that are written out; a larger one is drawn by the script."""

WIDTH = 110
"""Columns of a script's comments and numbers."""

COPIED = "bound = 0.0  # numbers are copied"

NUMPY_MODES = {"reflect": "reflect", "edge": "edge", "circular": "wrap"}


@dataclass(frozen=True)
class Reproduction:
    """A job with its journal record, the runner that writes it out and the packages that it ran with."""

    job: Job
    record: Record
    runner: Runner
    packages: Mapping[str, str]

    @property
    def where(self) -> str:
        """Runner and variant."""
        return f"{self.job.runner}/{self.job.variant}"

    @property
    def versions(self) -> str:
        """The packages with their versions."""
        return ", ".join(f"{name} {version}" for name, version in self.packages.items())

    @property
    def causes(self) -> dict[str, str]:
        """The causes, each with what it means."""
        return {cause: CAUSES.get(cause, "") for cause in self.record["causes"]}

    @property
    def raised(self) -> str:
        """What was raised, or how its process ended, in one line; empty where there is an output."""
        return one_line(words(self.record.get("failure") or {}), 300)

    @property
    def differs(self) -> str:
        """How the output differs from what is expected."""
        return differing(self.record)

    @property
    def title(self) -> str:
        """What is wrong, in one line."""
        package = next(iter(self.runner.distributions), self.job.runner)
        wrong = self.raised or "; ".join(filter(None, self.causes.values())) or self.record["verdict"]
        return one_line(f"{package}: {self.job.case.describe()}: {wrong}", 160)

    @property
    def geometry(self) -> list[tuple[str, str]]:
        """The pads that are asked for, declared where these are others, and found."""
        named = {name: self.record.get(name) for name in ("asked", "declared", "effective")}
        pads = {name: spell_padding(tuple(map(tuple, value))) for name, value in named.items() if value is not None}
        if pads.get("declared") == pads["asked"]:
            del pads["declared"]
        return list(pads.items())


def worst(jobs: Sequence[Job], records: Sequence[Record], runner: Runner, packages: Mapping[str, str]) -> Reproduction:
    """Of the jobs that have a record the one that ended worst."""
    by_variant = {job.variant: job for job in jobs}
    own = [record for record in records if record["variant"] in by_variant]
    if not own:
        raise InputError(f"no result of {', '.join(by_variant)} there; allowed: a variant that was run")
    chosen = min(own, key=lambda record: VERDICTS.index(record["verdict"]))
    return Reproduction(by_variant[chosen["variant"]], chosen, runner, packages)


def script(of: Reproduction) -> str:
    """The script; ``InputError`` for a runner that gives no text of what it does."""
    case, runner = of.job.case, of.runner
    if type(runner).program is Runner.program or not last_word(runner, "program", "build"):
        raise InputError(
            f"{of.job.runner} has no program(case, variant), the text of what its build does; "
            f"try: conformance run -k {case.id} --runner {of.where}"
        )
    made = tensors.tensors(case)
    data = "\n".join(arrays(case, made))
    answer = expected(case)
    functions = [*needed(tensors, data), *needed(operators, answer), operators.compare]
    code = "\n\n".join(map(inspect.getsource, functions))
    program = runner.program(case, of.job.variant)
    return _render(
        "script.py.j2",
        of=of,
        case=case,
        imports=[line for line, name in IMPORTS.items() if re.search(rf"\b{name}\b", code)],
        environ=runner.environ,
        code=code.strip(),
        data=data,
        program=re.sub(r"^import numpy as np\n", "", program, flags=re.MULTILINE).strip(),
        expected=answer,
        bound="\n".join(bound(of.job, made, of.record.get("algorithm", ""))),
    )


IMPORTS = {"from math import prod": "prod", "from zlib import crc32": "crc32"}


def issue(of: Reproduction) -> str:
    """A bug report in Markdown, the script in it."""
    sample = of.record.get("sample") or {}
    shown = {
        name: (_numbers(sample[name]), list(np.shape(sample[name])) == sample[f"{name}_shape"])
        for name in ("expected", "got")
        if name in sample
    }
    return _render("issue.md.j2", of=of, script=script(of), sample=sample, shown=shown)


def _numbers(nested: Any) -> str:
    return str(np.array(nested, np.float64))


def _render(name: str, **values: Any) -> str:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"commented": commented, "printable": printable, "repr": repr}
    text = resources.files("conformance.reproduction").joinpath(name).read_text("utf-8")
    return environment.from_string(text).render(values).rstrip() + "\n"


def commented(text: str) -> str:
    """Text from anywhere as lines of a comment."""
    return textwrap.fill(one_line(text, 2000), WIDTH, initial_indent="# ", subsequent_indent="#   ")


def needed(module: ModuleType, text: str) -> list[Callable[..., Any]]:
    """The functions of a module that a text calls, and those that they call, in the module's order."""
    own = {
        name: one for name, one in inspect.getmembers(module, inspect.isfunction) if one.__module__ == module.__name__
    }
    found: set[str] = set()
    texts = [text]
    while texts:
        called = set(re.findall(r"\b(\w+)\(", texts.pop())) & own.keys() - found
        found |= called
        texts += [inspect.getsource(own[name]) for name in called]
    return sorted((own[name] for name in found), key=lambda one: one.__code__.co_firstlineno)


def arrays(case: Case, data: Data) -> Iterator[str]:
    """The statements that make the case's arrays, ``x``, ``weights`` and ``bias``."""
    named = {"x": ("input", data.input)}
    if case.weighted:
        named["weights"] = ("weights", data.weights)
        named |= {} if data.bias is None else {"bias": ("bias", data.bias)}
    for name, (role, array) in named.items():
        yield f"{name} = {drawn(case, role, array) or written(array)}"


def written(array: Array) -> str:
    """An array's numbers, a line for each row of the last axis."""
    rows = array.reshape(-1, array.shape[-1])
    text = "\n".join(f"    {', '.join(number(_plain(value)) for value in row)}," for row in rows)
    if array.ndim == 1 or len(rows) == 1:
        text = textwrap.fill(text.strip().rstrip(","), WIDTH)
        start, end = ("[", "]") if "\n" not in text else ("[\n", "\n]")
    else:
        start, end = "[\n", "\n]"
    shape = "" if array.ndim == 1 else f".reshape{array.shape}"
    return f"np.array({start}{text}{end}, {array.dtype.name!r}){shape}"


def _plain(value: Any) -> float | int:
    return int(value) if value == int(value) else float(value)


def drawn(case: Case, role: str, array: Array) -> str:
    """The call that draws an array again; empty for one that is short, or that its case writes out."""
    if not isinstance(case.data, str) or (array.size <= WRITTEN and case.data == "lattice"):
        return ""
    if case.data == "normal":
        text = call("normal", repr(role), str(case.seed), repr(array.shape))
        return f"rounded({text}, {case.dtype!r})" if case.dtype == "bfloat16" else f"{text}.astype({case.dtype!r})"
    kind = repr(array.dtype.name)
    if case.op == "avg_pool":
        limit = min(tensors.LATTICE_LIMIT, case.average_limit)
        text = call("lattice", repr(role), str(case.seed), repr(array.shape), str(limit), '"int64"')
        return f"({case.average_factor} * {text}).astype({kind})"
    if not case.weighted:
        limit = INTEGERS[case.dtype] if array.flat[0] > 0 else -INTEGERS[case.dtype]
        return f"{call('distinct', str(case.seed), repr(array.shape), str(limit))}.astype({kind})"
    limits = tensors.lattice_limits(case.products, case.dtype)
    assert limits is not None
    size = limits[0] if role == "input" else limits[1]
    draws = (f"{role}{draw or ''}" for draw in range(tensors.DRAWS))
    stream = next(
        one for one in draws if (tensors.lattice(one, case.seed, array.shape, size, array.dtype.name) == array).all()
    )
    return call("lattice", repr(stream), str(case.seed), repr(array.shape), str(size), kind)


def expected(case: Case, of: str = "{}") -> str:
    """The call that works out what is asked for; ``of`` writes what it takes of every array."""
    x, weights, bias = (of.format(name) for name in ("x", "weights", "bias"))
    if case.op == "pad":
        pads = repr(((0, 0), (0, 0), *case.pads))
        if case.mode != "constant":
            return call("np.pad", x, pads, mode=NUMPY_MODES[case.mode])
        value = float(tensors.rounded(np.array([case.value]), case.dtype)[0])
        return call("np.pad", x, pads, f"constant_values={number(value)}")
    if case.weighted:
        name = "transposed_convolution" if case.transposed else "convolution"
        padding = {"crops" if case.transposed else "pads": case.pads}
        text = call(name, x, weights, **padding, stride=case.stride, dilation=case.dilation, groups=case.groups)
        return f"{text} + {bias}.reshape{(-1, *[1] * case.rank)}" if case.bias else text
    options: dict[str, Any] = {"kernel": case.kernel, "pads": padded_reach(case)}
    options |= {"stride": case.stride, "dilation": case.dilation}
    if case.op == "max_pool":
        return call("max_pool", x, **options)
    nothing = ((0, 0),) * case.rank
    counted = counted_share(case, padded_reach(case))[0] if case.count_include_pad else nothing
    return call("average_pool", x, **options, counted=counted)


def bound(job: Job, data: Data, algorithm: str = "") -> Iterator[str]:
    """The statements that say how far an output may lie from what is expected (``conformance.bounds``).

    Where it is right as a fast algorithm computes it, that much farther as this one's bound goes beyond that of a
    direct sum at most.
    """
    case = job.case
    if case.op == "pad":
        yield COPIED
    elif case.data != "normal":
        yield f"bound = {bounds.LATTICE}  # integers, whose sums are exact"
    else:
        how = bounds.arithmetic(case, data, job.precision)
        if case.op == "max_pool":
            yield COPIED
        else:
            relative, absolute = bounds.error(case, how.working, how.unit)
            yield "# No order of summation, fused or not, errs by more."
            yield f"bound = {relative!r} * ({expected(case, 'np.abs({})')}) + {absolute!r}"
        if how.kind in ("float16", "bfloat16"):
            unit, tiny = bounds.UNIT[how.kind], bounds.TINY[how.kind]
            if case.bias:
                bias = f"np.abs(bias).reshape{(-1, *[1] * case.rank)}"
                yield f"bound += {unit!r} * (np.abs(expected) + {bias} + bound) + {tiny!r}"
            yield f"bound += {unit!r} * (np.abs(expected) + bound) + {tiny!r}"
        if algorithm:
            asked = oracle.reading(case, case.pads)
            sums = bounds.Sums(case, data, asked, oracle.compute(case, data, asked))
            beyond = np.max(bounds.ALGORITHMS[algorithm].bound(sums) - bounds.direct(sums, job.precision))
            yield f"bound += {float(beyond)!r}  # as {algorithm} computes it"
