"""YAML → ``Case``: what a case file says, checked before anything is allocated.

Every error names the file, line and column, what arrived and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from functools import cached_property, lru_cache
from itertools import islice, product
from math import prod
from operator import itemgetter
from pathlib import Path
from typing import Any

from conformance import packaged, schema, strict_yaml
from conformance.domain.case import EXACT, OPS, Case, Entry, Expect, Written, by, spell_padding
from conformance.domain.geometry import AnyAxis
from conformance.domain.limits import excess
from conformance.errors import InputError
from conformance.strict_yaml import Document, shown

MARKER = "case.schema.json"
"""A case root holds this file; a case's identity is its place under the root."""

MATRIX_LIMIT = 100_000
NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9._-]*\Z")
NAME_LIMIT = 120
NAMED = f"up to {NAME_LIMIT} of a-z, 0-9, '.', '_' and '-', starting with a letter or digit, without '..'"
WRITTEN_LIMIT = 2000
STATED_ELEMENTS, STATED_WORK = 2**21, 2**26
"""Elements and multiply-adds of a case whose output is stated: it is computed while the file is read."""
PER_AXIS = ("kernel", "stride", "dilation")
TRANSPOSED = "valid, same, same_lower, an integer, or one [begin, end] for each axis"
DEFAULTS: dict[str, Any] = {
    "op": "conv",
    "batch": 1,
    "channels": 1,
    "stride": 1,
    "dilation": 1,
    "groups": 1,
    "bias": False,
    "output_padding": 0,
    "ceil_mode": False,
    "count_include_pad": False,
    "mode": "constant",
    "value": 0,
    "spec": "",
    "dtype": "float32",
    "data": "lattice",
    "seed": 0,
}
REQUIRED = ("input", "kernel", "padding")
WINDOWS = ("conv", "conv_transpose", "max_pool", "avg_pool")
MEANT_FOR: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(PER_AXIS, WINDOWS),
    "filters": ("conv", "conv_transpose"),
    "groups": ("conv", "conv_transpose"),
    "bias": ("conv", "conv_transpose"),
    "output_padding": ("conv_transpose",),
    "output_shape": ("conv_transpose",),
    "ceil_mode": ("max_pool", "avg_pool"),
    "count_include_pad": ("avg_pool",),
    "mode": ("pad",),
    "value": ("pad",),
}
"""The operators that a field has a meaning for; with another one it is an error."""

UNSTATED = Expect()

_configuration = itemgetter(*(field.name for field in fields_of(Case) if field.compare and field.name != "id"))
"""What a matrix can vary, in the order of a case's fields."""

MEANINGLESS = {op: [name for name, ops in MEANT_FOR.items() if op not in ops] for op in OPS}


def load(paths: Sequence[Path] = ()) -> list[Case]:
    """The cases of files and folders, or the packaged ones, in the order of their files.

    Raises ``InputError`` for the first thing that is wrong.
    """
    cases: dict[str, Case] = {}
    for path in paths or (packaged.cases(),):
        if not path.exists():
            raise InputError(f"{path} does not exist; allowed: case files (*.yaml) and folders of them")
        root = case_root(path)
        files = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        if not files:
            raise InputError(f"{path} holds no *.yaml file; allowed: case files and folders of them")
        for file in files:
            for case in read_file(file, root):
                known = cases.setdefault(case.id, case)
                if known is not case and known.where != case.where:
                    raise InputError(f"case {case.id!r} again; allowed: once (it is at {known.where})", case.where)
    return list(cases.values())


def case_root(path: Path) -> Path:
    """The nearest folder above that holds ``case.schema.json``; else the folder given."""
    start = path.resolve() if path.is_dir() else path.resolve().parent
    return next((folder for folder in (start, *start.parents) if (folder / MARKER).is_file()), start)


def read_file(path: Path, root: Path) -> Iterator[Case]:
    """The cases of one file, named by its place under ``root``."""
    document = strict_yaml.read(path)
    if not isinstance(document.data, dict):
        raise document.error(f"{shown(document.data)} as a case file; allowed: a mapping with schema, title and cases")
    prefix = path.resolve().relative_to(root).with_suffix("").as_posix()
    for part in prefix.split("/"):
        if not NAME.match(part) or len(part) > NAME_LIMIT:
            raise document.error(f"{shown(part)} in the file's path; allowed: {NAMED}")
    schema.validate(document)
    names: dict[str, str] = {}
    defaults = document.lines(("defaults",))
    for index in range(len(document.data["cases"])):
        for case in _Entry(document, index, defaults).cases(prefix):
            if case.id in names:
                raise InputError(f"case {case.id!r} again; allowed: once (it is at {names[case.id]})", case.where)
            names[case.id] = case.where
            yield case


def from_fields(fields: Mapping[str, Any]) -> Case:
    """The case of one entry's fields, given otherwise than in a file; checked in the same way."""
    entry = {"name": "case", **{name: value for name, value in fields.items() if value is not None}}
    document = _Given("", {"schema": 1, "title": "given", "cases": [entry]})
    schema.validate(document)
    (case,) = _Entry(document, 0).cases("given")
    return case


class _Given(Document):
    """Fields that have no place in a file."""

    def place(self, path: tuple[Any, ...], key: bool = False) -> str:
        return ""


@dataclass
class _Entry:
    """One entry of ``cases``: its own fields over the file's defaults, and the product of its matrix."""

    document: Document
    index: int
    defaults: str = ""
    """The lines of the file's defaults."""

    @property
    def own(self) -> dict[str, Any]:
        return self.document.data["cases"][self.index]  # type: ignore[no-any-return]

    @property
    def path(self) -> tuple[Any, ...]:
        return ("cases", self.index)

    @cached_property
    def shared(self) -> dict[str, Any]:
        """What no matrix varies: what people read, what is stated, and all that the file says of this entry.

        The lines are the defaults and its own, cut off where they are many.
        """
        fields = {**(self.document.data.get("defaults") or {}), **self.own}
        text = "\n".join(filter(None, (self.defaults, self.document.lines(self.path))))
        return {
            "expect": self.expect(fields.get("expect") or {}),
            "tags": tuple(fields.get("tags") or ()),
            "title": self.document.data["title"],
            "source": fields.get("source") or self.document.data.get("source") or "",
            "entry": Entry(
                self.document.place(self.path), text if len(text) <= WRITTEN_LIMIT else text[:WRITTEN_LIMIT] + "…"
            ),
            **{name: fields[name] for name in ("note", "since") if name in fields},
        }

    def error(self, message: str, field: str = "") -> InputError:
        """An error at a field, wherever this entry has it from."""
        for path in ((*self.path, field), (*self.path, "matrix", field), ("defaults", field)):
            if field and path in self.document.places:
                return self.document.error(message, path)
        return self.document.error(message, self.path)

    def cases(self, prefix: str) -> Iterator[Case]:
        """The cases of this entry."""
        fixed = {**DEFAULTS, **(self.document.data.get("defaults") or {}), **self.own}
        matrix: dict[str, list[Any]] = fixed.pop("matrix", None) or {}
        excludes: list[dict[str, Any]] = fixed.pop("exclude", None) or []
        count = prod(len(values) for values in matrix.values())
        if count > MATRIX_LIMIT:
            raise self.document.error(
                f"a matrix of {count} cases; allowed: up to {MATRIX_LIMIT}", (*self.path, "matrix")
            )
        for number, exclude in enumerate(excludes):
            if not exclude:
                path = (*self.path, "exclude", number)
                raise self.document.error("exclude: {}; allowed: {field: value} with at least one field", path)
        hits = [0] * len(excludes)
        for combination in product(*matrix.values()):
            values = fixed.copy()
            values.update(zip(matrix, combination, strict=True))
            self.normalise(values)
            excluded = [
                number
                for number, exclude in enumerate(excludes)
                if all(values.get(name) == wanted for name, wanted in self.wanted(exclude, values).items())
            ]
            for number in excluded:
                hits[number] += 1
            if not excluded:
                yield self.case(prefix, values)
        for number, hit in enumerate(hits):
            if not hit:
                path = (*self.path, "exclude", number)
                raise self.document.error(f"exclude {excludes[number]} matches no combination of the matrix", path)

    def normalise(self, fields: dict[str, Any]) -> None:
        """Write the fields of one case with one number per axis."""
        for name in REQUIRED:
            if fields.get(name) is None and not (fields["op"] == "pad" and name == "kernel"):
                described = schema.CaseFields.model_fields[name].description
                raise self.error(f"{name!r} is missing; allowed: {described}")
        for name in MEANINGLESS[fields["op"]]:
            if fields.get(name) not in (None, DEFAULTS.get(name)):
                raise self.error(f"{name}: with op {fields['op']}; allowed: with {', '.join(MEANT_FOR[name])}", name)
        fields.setdefault("kernel", 1)
        size = fields["input"]
        fields["input"] = tuple(size) if isinstance(size, list) else (size,)
        rank = len(fields["input"])
        for name in PER_AXIS:
            fields[name] = self.per_axis(name, fields[name], rank)
        fields["padding"] = self.padding(fields["padding"], rank)
        more = self.per_axis("output_padding", fields["output_padding"], rank)
        fields["output_padding"] = more if any(more) else ()
        shape = fields.get("output_shape")
        fields["output_shape"] = () if shape is None else self.per_axis("output_shape", shape, rank)
        channels = fields.setdefault("channels", 1)
        apart = fields["groups"] == "depthwise" or fields["op"] not in ("conv", "conv_transpose")
        filters = fields.setdefault("filters", channels if apart else 1)
        if fields["groups"] == "depthwise":
            if filters % channels:
                raise self.error(
                    f"filters {filters} with groups depthwise; allowed: a multiple of channels ({channels})", "filters"
                )
            fields["groups"] = channels

    def wanted(self, exclude: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """What an ``exclude`` asks for, in the same form as a case's fields."""
        rank = len(values["input"])
        found = dict(exclude)
        for name in ("input", *PER_AXIS):
            if name in found:
                found[name] = self.per_axis(name, found[name], rank, strict=False)
        if "padding" in found:
            found["padding"] = self.padding(found["padding"], rank, strict=False)
        if found.get("groups") == "depthwise":
            found["groups"] = values["channels"]
        return found

    def per_axis(self, name: str, value: Any, rank: int, strict: bool = True) -> tuple[int, ...]:
        if not isinstance(value, list):
            return (value,) * rank
        if len(value) != rank and strict:
            raise self.error(
                f"{name}: {value}, {len(value)} numbers; allowed: one for each of the input's {rank} axes", name
            )
        return tuple(value)

    def padding(self, value: Any, rank: int, strict: bool = True) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, int):
            return ((value, value),) * rank
        if len(value) != rank and strict:
            raise self.error(
                f"padding: {value}, pads for {len(value)} axes; "
                f"allowed: one [begin, end] for each of the input's {rank} axes",
                "padding",
            )
        return tuple((begin, end) for begin, end in value)

    def case(self, prefix: str, fields: dict[str, Any]) -> Case:
        """One case, checked."""
        data = fields["data"]
        if isinstance(data, dict):
            data = Written(*(self.integers(data.get(part) or [], f"data.{part}") for part in ("input", "weights")))
        name = self.name(fields)
        fields["data"] = data
        case = Case(f"{prefix}/{name}", *_configuration(fields), **self.shared)
        self.check(case)
        return case

    def name(self, fields: dict[str, Any]) -> str:
        """The case's name, with ``{field}`` filled in."""
        parts = list(_split_name(fields["name"]))
        for number in range(1, len(parts), 2):
            field, value = parts[number], fields.get(parts[number])
            if value is None:
                raise self.error(f"{{{field}}} in a name; allowed: a field that the case has", "name")
            parts[number] = _in_name(field, value)
        name = "".join(parts)
        if not NAME.match(name) or len(name) > NAME_LIMIT:
            raise self.error(f"name: {shown(name)}; allowed: {NAMED}", "name")
        return name

    def integers(self, value: Any, field: str) -> tuple[Any, ...]:
        """Nested lists of integers that every float32 sum can hold, as tuples."""
        if isinstance(value, list):
            return tuple(self.integers(item, field) for item in value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**24:
            allowed = f"nested lists of integers up to {2**24}"
            raise self.error(f"{field}: {shown(value)}; allowed: {allowed}", field.split(".")[0])
        return value  # type: ignore[return-value]

    def expect(self, fields: dict[str, Any]) -> Expect:
        if not fields:
            return UNSTATED
        values = fields.get("values")
        return Expect(
            output=tuple(fields["output"]) if "output" in fields else None,
            pads=tuple((b, e) for b, e in fields["pads"]) if "pads" in fields else None,
            windows=tuple(map(tuple, fields["windows"])) if "windows" in fields else None,
            parameters=fields.get("parameters"),
            values=None if values is None else self.integers(values, "expect.values"),
            where=self.document.place((*self.path, "expect", "values")) if values is not None else "",
        )

    def check(self, case: Case) -> None:
        """What the fields must be together, and what the source states of them."""
        if case.padding == "causal" and case.rank != 1:
            raise self.error(f"padding: causal with rank {case.rank}; allowed: rank 1", "padding")
        for name in ("channels", "filters"):
            if getattr(case, name) % case.groups:
                raise self.error(
                    f"groups: {case.groups} with {getattr(case, name)} {name}; allowed: a divisor of {name}", "groups"
                )
        self.check_operator(case)
        over = case.asked
        if case.op == "avg_pool" and all(axis.output > 0 for axis in over):
            self.check_sizes(case, over)  # before its windows are looked at
        if case.unanswered is not None:
            raise self.unanswered(case, case.unanswered)
        self.check_spec(case)
        self.check_sizes(case, over)
        self.check_data(case)
        self.check_expect(case, over)

    def check_operator(self, case: Case) -> None:
        """What an operator asks of its fields."""
        if case.transposed:
            if case.padding in ("causal", "fixed"):
                raise self.error(f"padding: {case.padding} with op conv_transpose; allowed: {TRANSPOSED}", "padding")
            if case.output_shape and case.padding not in ("same", "same_lower"):
                raise self.error("output_shape: with numeric pads; allowed: with same or same_lower", "output_shape")
            if case.output_padding and isinstance(case.padding, str) and case.padding != "valid":
                raise self.error(f"output_padding: with {case.padding}; allowed: with pads or valid", "output_padding")
            for more, stride in zip(case.output_padding, case.stride, strict=False):
                if more >= stride:
                    raise self.error(
                        f"output_padding: {more}; allowed: less than the stride {stride}", "output_padding"
                    )
        if case.op == "pad":
            self.check_pad(case)
        if case.pool and case.padding == "causal":
            raise self.error("padding: causal with a pool; allowed: with op conv", "padding")

    def check_spec(self, case: Case) -> None:
        """Where specifications differ, the case says whose rule it asks for (docs/semantics.md)."""
        if not case.spec and not case.disputed:
            return
        if case.spec and case.spec not in case.specs:
            allowed = f"{', '.join(case.specs)}, which have a rule for such a {case.op}"
            raise self.error(f"spec: {case.spec}; allowed: {allowed}", "spec")
        if not case.spec:
            told = ", ".join(
                f"pads {spell_padding(one.pads)} and {by(one.output(one.pads))} outputs by {spec}"
                for spec, one in case.readings.items()
            )
            allowed = f"with spec: {', '.join(case.specs)}"
            raise self.error(f"padding: {spell_padding(case.padding)} is read as {told}; allowed: {allowed}", "padding")

    def check_pad(self, case: Case) -> None:
        """A pad by itself has amounts, and one mode."""
        if isinstance(case.padding, str):
            allowed = "an integer, or one [begin, end] for each axis"
            raise self.error(f"padding: {case.padding} with op pad; allowed: {allowed}", "padding")
        if case.mode != "constant" and case.value:
            raise self.error(f"value: with mode {case.mode}; allowed: with constant", "value")

    def unanswered(self, case: Case, number: int) -> InputError:
        """Why an axis has no answer (``Case.unanswered``)."""
        axis = case.asked[number]
        if case.transposed:
            full = (axis.size - 1) * axis.stride + axis.extent
            return self.error(
                f"padding: crops {axis.begin} and {axis.end} of {full} outputs on axis {number}; "
                f"allowed: crops that leave some, and less than a stride and a kernel more",
                "output_shape" if "output_shape" in self.own else "padding",
            )
        if axis.output < 1:
            return self.error(
                f"kernel: {axis.kernel} with dilation {axis.dilation} spans {axis.extent} on axis {number}; "
                f"allowed: up to the padded input ({axis.begin} + {axis.size} + {axis.end})",
                "kernel",
            )
        allowed = "pads with which every window meets the input"
        return self.error(f"padding: {axis.begin, axis.end} around {axis.size}; allowed: {allowed}", "padding")

    def check_sizes(self, case: Case, over: Sequence[AnyAxis]) -> None:
        if found := excess(case, over):
            raise self.error(": ".join(found), found[0])

    def check_data(self, case: Case) -> None:
        if isinstance(case.data, Written):
            for field, value, shape in (
                ("input", case.data.input, case.input_shape),
                ("weights", case.data.weights, case.weight_shape),
            ):
                if _shape(value) != shape and (case.weighted or field != "weights" or value):
                    raise self.error(f"data.{field}: shape {_shape(value)}; allowed: {shape}", "data")
            self.check_exact(case, case.data)
        if case.op == "avg_pool" and case.data == "lattice" and case.average_limit < 1:
            raise self.error(
                f"kernel: an average over {case.products} elements is not exact in {case.dtype}; "
                "allowed: smaller kernels, or data: normal",
                "kernel",
            )
        terms, exact = case.products, EXACT[case.dtype]
        if case.data == "lattice" and terms > exact:
            raise self.error(
                f"{terms} products in one output of {case.dtype}; allowed: up to {exact}, so that sums are exact",
                "kernel",
            )

    def check_exact(self, case: Case, data: Written) -> None:
        """Data written out are exact while every sum of their products is."""
        largest = max(map(abs, _flat(data.input))) * max(map(abs, _flat(data.weights)), default=1)
        terms = case.products - case.bias
        exact = EXACT[case.dtype] if case.dtype in ("float16", "bfloat16") else 2**24
        if terms * largest + case.filters * case.bias > exact:
            raise self.error(f"data: sums up to {terms * largest}, not exact in {case.dtype}; allowed: {exact}", "data")

    def check_expect(self, case: Case, over: Sequence[AnyAxis]) -> None:
        """Hold what the source states against what the rules give; values are left to ``check_values``."""
        expect = case.expect
        if expect is UNSTATED:
            return
        most = max(64, 1 + max(map(len, expect.windows or ((),))))  # of many windows, enough to contradict
        facts: dict[str, Callable[[], Any]] = {
            "output": lambda: tuple(axis.output for axis in over),
            "pads": lambda: case.pads,
            "windows": lambda: tuple(tuple(islice(axis.starts, most)) for axis in over),
            "parameters": lambda: prod(case.weight_shape) + case.filters * case.bias,
        }
        for field, compute in facts.items():
            stated = getattr(expect, field)
            if stated is not None and stated != compute():
                raise _contradiction(field, stated, compute(), self.document.place((*self.path, "expect", field)))


def check_values(cases: Iterable[Case]) -> None:
    """Hold the outputs that sources state against the reference; numpy is loaded where there are any."""
    stated = [case for case in cases if case.expect.values is not None]
    if not stated:
        return
    from conformance import oracle
    from conformance.domain.tensors import tensors

    for case in stated:
        if case.data == "normal":
            raise InputError(
                "expect.values with data: normal; allowed: lattice, or data written out", case.expect.where
            )
        shape, due = _shape(case.expect.values), (case.batch, case.filters, *case.output(case.pads))
        if shape != due:  # told before a large output is computed
            raise InputError(f"expect.values: shape {shape}; the reference gives {due}", case.expect.where)
        for what, count, most in (
            ("input elements", prod(case.input_shape), STATED_ELEMENTS),
            ("weights", prod(case.weight_shape), STATED_ELEMENTS),
            ("multiply-adds", prod(due) * case.products, STATED_WORK),
        ):
            if count > most:
                told = f"expect.values of a case with {count} {what}; allowed: up to {most}"
                raise InputError(told, case.expect.where)
        output = oracle.compute(case, tensors(case), oracle.reading(case, case.pads))
        computed = _tuples(output.astype(int).tolist())
        if case.expect.values != computed:
            raise _contradiction("values", case.expect.values, computed, case.expect.where)


def _contradiction(field: str, stated: Any, computed: Any, place: str) -> InputError:
    return InputError(f"expect.{field}: {shown(stated)}; the reference gives {shown(computed)}", place)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _flat(value: Any) -> Iterator[int]:
    """The integers of nested tuples."""
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _shape(value: Any) -> tuple[int, ...]:
    """The shape of nested tuples; -1 where they are ragged."""
    if not isinstance(value, tuple):
        return ()
    inner = {_shape(item) for item in value}
    return (len(value), *(inner.pop() if len(inner) == 1 else (-1,)))


@lru_cache(maxsize=16)
def _split_name(template: str) -> Sequence[str]:
    """A name's text, and between its parts the fields that it has in braces."""
    return re.split(r"\{(\w+)\}", template)


def _in_name(field: str, value: Any) -> str:
    """A field's value as a case's name spells it: ``6x9``, ``3`` where all axes agree, ``0.1x0.1``."""
    if field == "padding":
        return spell_padding(value)
    if isinstance(value, tuple):
        return by(value) if field == "input" or len(set(value)) > 1 else str(value[0])
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
