"""The case file's schema: what an editor completes, and what ``cases`` reads through.

Each field's description says what is allowed; the JSON Schema shows it and the error messages quote it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, get_args

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for some reads every installed package

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from conformance.errors import InputError
from conformance.strict_yaml import Document, shown

Size = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
Amount = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]
PerAxis = Size | Annotated[list[Size], Field(min_length=1, max_length=3)]
Pair = Annotated[list[Amount], Field(min_length=2, max_length=2)]
PadPairs = Annotated[list[Pair], Field(min_length=1, max_length=3)]
PaddingName = Literal["valid", "same", "same_lower", "causal", "fixed"]
Padding = PaddingName | Amount | PadPairs
Spec = Literal["onnx", "pytorch", "tensorflow", "caffe"]
Dtype = Literal["float32", "float64", "float16", "bfloat16"]
Numbers = list[Any]
Op = Literal["conv", "conv_transpose", "max_pool", "avg_pool", "pad"]
PadMode = Literal["constant", "reflect", "edge", "circular"]
Number = StrictInt | StrictFloat
AmountPerAxis = Amount | Annotated[list[Amount], Field(min_length=1, max_length=3)]

UNSET: Any = None
"""The default of what a file may leave out; written as null it is an error."""

_PADDING = (
    "valid, same (the odd pixel at the end), same_lower (at the beginning), causal (1-D), "
    "fixed (from the kernel alone), an integer (both sides of every axis), or one [begin, end] for each axis"
)
_OPS = ", ".join(get_args(Op))
_AMOUNTS = "an integer from 0 up for every axis, or a list of one for each axis"
_MODES = ", ".join(get_args(PadMode))
_VALUE = "a number, .inf or -.inf"
_SPECS = "onnx, pytorch, tensorflow or caffe"
_DTYPES = "float32, float64, float16 or bfloat16"
_PER_AXIS = "an integer from 1 up for every axis, or a list of one for each axis"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)  # the file's model holds the others


class WrittenFields(_Strict):
    """Small tensors written out."""

    input: Numbers = Field(description="nested lists of integers, shape N C spatial…")
    weights: Numbers = Field(UNSET, description="nested lists of integers, shape O I/groups spatial…; pools have none")


class ExpectFields(_Strict):
    """What the source states; held against the reference, a contradiction is an error of the case."""

    output: list[Size] = Field(UNSET, description="spatial output sizes, a list of one for each axis")
    pads: PadPairs = Field(UNSET, description="the pads that the padding resolves to, one [begin, end] for each axis")
    windows: list[list[StrictInt]] = Field(
        UNSET, description="the input index at which each window starts, one list of integers for each axis"
    )
    parameters: Size = Field(UNSET, description="the number of weights and biases, an integer")
    values: Numbers = Field(UNSET, description="the output written out, shape N O spatial…, nested lists of integers")


class CaseFields(_Strict):
    """What a case, and a file's ``defaults``, can say."""

    op: Op = Field(UNSET, description=f"{_OPS} (default conv)")
    input: PerAxis = Field(UNSET, description="spatial sizes: an integer from 1 up (rank 1), or a list of one to three")
    batch: Size = Field(UNSET, description="an integer from 1 up (default 1)")
    channels: Size = Field(UNSET, description="an integer from 1 up (default 1)")
    filters: Size = Field(UNSET, description="an integer from 1 up (default 1)")
    kernel: PerAxis = Field(UNSET, description=_PER_AXIS)
    stride: PerAxis = Field(UNSET, description=f"{_PER_AXIS} (default 1)")
    dilation: PerAxis = Field(UNSET, description=f"{_PER_AXIS} (default 1)")
    groups: Size | Literal["depthwise"] = Field(
        UNSET, description="an integer that divides channels and filters, or depthwise (default 1)"
    )
    bias: StrictBool = Field(UNSET, description="true or false (default false)")
    padding: Padding = Field(UNSET, description=_PADDING)
    output_padding: AmountPerAxis = Field(UNSET, description=f"conv_transpose: {_AMOUNTS} (default 0)")
    output_shape: PerAxis = Field(UNSET, description=f"conv_transpose with same or same_lower: {_PER_AXIS}")
    ceil_mode: StrictBool = Field(UNSET, description="pools: true or false (default false)")
    count_include_pad: StrictBool = Field(UNSET, description="avg_pool: true or false (default false)")
    mode: PadMode = Field(UNSET, description=f"pad: {_MODES} (default constant)")
    value: Number = Field(UNSET, description=f"pad with mode constant: {_VALUE} (default 0)")
    spec: Spec = Field(UNSET, description=f"whose rule is asked for, where they differ: {_SPECS}")
    dtype: Dtype = Field(UNSET, description=f"{_DTYPES} (default float32)")
    data: Literal["lattice", "normal"] | WrittenFields = Field(
        UNSET, description="lattice, normal, or {input: …, weights: …} written out (default lattice)"
    )
    seed: Annotated[StrictInt, Field(ge=0, le=2**31 - 1)] = Field(UNSET, description="an integer from 0 up (default 0)")
    expect: ExpectFields = Field(UNSET, description="what the source states: output, pads, windows, parameters, values")
    tags: list[Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]] = Field(
        UNSET, description="a list of words of a-z, 0-9, '.', '_' and '-'"
    )
    source: StrictStr = Field(UNSET, description="text: where the facts come from")
    note: StrictStr = Field(UNSET, description="text, for people")
    since: Annotated[StrictStr, Field(pattern=r"^[0-9]+\.[0-9]+$")] = Field(
        UNSET, description='the version of the case set that brought the case, in quotes: "1.0"'
    )


class MatrixFields(_Strict):
    """Fields with a list of values each; the cases are the product of the lists."""

    op: list[Op] = Field(UNSET, min_length=1, description=f"a list of {_OPS}")
    input: list[PerAxis] = Field(UNSET, min_length=1, description="a list of inputs")
    batch: list[Size] = Field(UNSET, min_length=1, description="a list of integers from 1 up")
    channels: list[Size] = Field(UNSET, min_length=1, description="a list of integers from 1 up")
    filters: list[Size] = Field(UNSET, min_length=1, description="a list of integers from 1 up")
    kernel: list[PerAxis] = Field(UNSET, min_length=1, description="a list of kernels")
    stride: list[PerAxis] = Field(UNSET, min_length=1, description="a list of strides")
    dilation: list[PerAxis] = Field(UNSET, min_length=1, description="a list of dilations")
    groups: list[Size | Literal["depthwise"]] = Field(
        UNSET, min_length=1, description="a list of integers from 1 up, or depthwise"
    )
    bias: list[StrictBool] = Field(UNSET, min_length=1, description="a list of true and false")
    padding: list[Padding] = Field(UNSET, min_length=1, description=f"a list, each of {_PADDING}")
    output_padding: list[AmountPerAxis] = Field(UNSET, min_length=1, description=f"a list, each {_AMOUNTS}")
    ceil_mode: list[StrictBool] = Field(UNSET, min_length=1, description="a list of true and false")
    count_include_pad: list[StrictBool] = Field(UNSET, min_length=1, description="a list of true and false")
    mode: list[PadMode] = Field(UNSET, min_length=1, description=f"a list of {_MODES}")
    value: list[Number] = Field(UNSET, min_length=1, description=f"a list, each {_VALUE}")
    spec: list[Spec] = Field(UNSET, min_length=1, description=f"a list, each {_SPECS}")
    dtype: list[Dtype] = Field(UNSET, min_length=1, description=f"a list, each {_DTYPES}")
    data: list[Literal["lattice", "normal"]] = Field(UNSET, min_length=1, description="a list of lattice and normal")
    seed: list[Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]] = Field(
        UNSET, min_length=1, description="a list of integers from 0 up"
    )


class ExcludeFields(_Strict):
    """Values that a combination of the matrix must all have to be left out."""

    op: Op = Field(UNSET, description=_OPS)
    input: PerAxis = Field(UNSET, description=_PER_AXIS)
    batch: Size = Field(UNSET, description="an integer from 1 up")
    channels: Size = Field(UNSET, description="an integer from 1 up")
    filters: Size = Field(UNSET, description="an integer from 1 up")
    kernel: PerAxis = Field(UNSET, description=_PER_AXIS)
    stride: PerAxis = Field(UNSET, description=_PER_AXIS)
    dilation: PerAxis = Field(UNSET, description=_PER_AXIS)
    groups: Size | Literal["depthwise"] = Field(UNSET, description="an integer from 1 up, or depthwise")
    bias: StrictBool = Field(UNSET, description="true or false")
    padding: Padding = Field(UNSET, description=_PADDING)
    output_padding: AmountPerAxis = Field(UNSET, description=_AMOUNTS)
    ceil_mode: StrictBool = Field(UNSET, description="true or false")
    count_include_pad: StrictBool = Field(UNSET, description="true or false")
    mode: PadMode = Field(UNSET, description=_MODES)
    value: Number = Field(UNSET, description=_VALUE)
    spec: Spec = Field(UNSET, description=_SPECS)
    dtype: Dtype = Field(UNSET, description=_DTYPES)
    data: Literal["lattice", "normal"] = Field(UNSET, description="lattice or normal")
    seed: Amount = Field(UNSET, description="an integer from 0 up")


class CaseEntry(CaseFields):
    """One case, or with ``matrix`` the product of some."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=200)] = Field(
        description="a-z, 0-9, '.', '_' and '-', starting with a letter or digit; {field} stands for a field's value"
    )
    matrix: MatrixFields = Field(UNSET, description="a list of values for each of some fields")
    exclude: list[ExcludeFields] = Field(
        UNSET, min_length=1, description="a list of {field: value}; combinations that match one are left out"
    )


class CaseFile(_Strict):
    """A file of cases for the padding conformance suite."""

    model_config = ConfigDict(title="Padding conformance cases")

    schema_: Annotated[StrictInt, Field(ge=1, le=1)] = Field(alias="schema", description="1")
    title: Annotated[StrictStr, Field(min_length=1)] = Field(description="text: what the file is about")
    source: StrictStr = Field(UNSET, description="text: where the facts come from")
    defaults: CaseFields = Field(UNSET, description="fields that every case of the file has unless it says otherwise")
    cases: Annotated[list[CaseEntry], Field(min_length=1)] = Field(description="a list of cases, each with a name")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a case file."""
    schema = CaseFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def validate(document: Document) -> None:
    """Hold a file against the schema; the first error in the file, in this project's words."""
    try:
        CaseFile.model_validate(document.data)
    except ValidationError as error:
        parts = error.errors(include_url=False, include_context=False, include_input=False)
        found = [_find(document, part["loc"], part["type"]) for part in parts]
        # Of a value that may be of several kinds, the error that goes deepest into it says the most.
        outer = {one.path[:end] for one in found for end in range(len(one.path))}
        first = min((one for one in found if one.path not in outer), key=lambda one: one.position)
        raise first.explain() from None


class _Found(NamedTuple):
    """An error of the schema: its path, its position in the file, and what makes the message."""

    path: tuple[Any, ...]
    position: tuple[int, int]
    explain: Callable[[], InputError]


def _find(document: Document, location: tuple[Any, ...], kind: str) -> _Found:
    """One schema error, in this project's words once it is asked for."""
    model: Any = CaseFile
    value, description = document.data, "a mapping"
    path: tuple[Any, ...] = ()
    parents: tuple[Any, Any] = (None, None)
    field_path: tuple[Any, ...] = ()
    for part in location:
        inside = part in value if isinstance(value, dict) else isinstance(part, int) and isinstance(value, list)
        if not inside:  # the name of a union's branch, or a key that is missing
            continue
        parents = (model, value)
        value = value[part]
        path = (*path, part)
        if isinstance(part, str) and model is not None:
            described, inner = _field(model, part)
            if described:
                description, field_path = described, path
            model = inner
    name = field_path[-1] if field_path else ""
    if kind == "missing":
        missing = str(location[-1])
        described, _ = _field(model, missing)
        message = f"{missing!r} is missing; allowed: {described}"
        # Told last: rather tell of the key that it was misspelt as.
        return _Found((*path, missing), (sys.maxsize, 0), lambda: document.error(message, path))
    if kind == "extra_forbidden":
        return _Found(path, document.keys.get(path, (1, 1)), lambda: _unknown(document, path, parents[0]))
    what = f"{name}: " if name else ""
    return _Found(
        path,
        document.places.get(path, (1, 1)),
        lambda: document.error(f"{what}{shown(value)}; allowed: {description}", path),
    )


def _unknown(document: Document, path: tuple[Any, ...], model: Any) -> InputError:
    """A key that the model does not have."""
    import difflib

    known = sorted(_names(model))
    close = difflib.get_close_matches(str(path[-1]), known, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    message = f"unknown key {shown(path[-1])}{hint}; allowed: {', '.join(known)}"
    return document.error(message, path, key=True)


def _field(model: Any, name: str) -> tuple[str, Any]:
    """A field's description, and the model inside it if it has one."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return "", None
    field = model.model_fields.get("schema_" if name == "schema" else name)
    if field is None:
        return "", None
    inner: dict[str, type[BaseModel]] = {
        "defaults": CaseFields,
        "cases": CaseEntry,
        "matrix": MatrixFields,
        "exclude": ExcludeFields,
        "expect": ExpectFields,
        "data": WrittenFields,
    }
    return field.description or "", inner.get(name)


def _names(model: Any) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
