"""The JSON Schema that editors complete from says yes and no where the reader does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from conformance import cases, schema
from conformance.domain.case import DTYPES, PADDING_RULES
from conformance.errors import InputError

PLAIN = {"name": "a", "input": [6, 9], "kernel": 3, "padding": "same"}


def agreed(folder: Path, entry: dict[str, Any]) -> bool:
    """Whether a file with this one case is accepted by the JSON Schema, which must be what the reader says."""
    content = {"schema": 1, "title": "t", "cases": [entry]}
    path = folder / "f.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    valid = jsonschema.Draft202012Validator(schema.json_schema()).is_valid(content)
    try:
        cases.load([path])
    except InputError:
        assert not valid, "the editor says yes and the reader no"
        return False
    assert valid, "the editor says no and the reader yes"
    return True


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"op": "conv"},
        {"input": 6},
        {"kernel": [3, 2], "stride": 2, "dilation": [1, 2]},
        {"padding": 2},
        {"padding": [[0, 1], [1, 0]]},
        {"padding": "same_lower"},
        {"channels": 4, "filters": 8, "groups": "depthwise", "bias": True, "batch": 2},
        {"dtype": "float16"},
        {"dtype": "bfloat16"},
        {"data": "normal", "seed": 3},
        {"expect": {"output": [6, 9], "pads": [[1, 1], [1, 1]], "parameters": 9}},
        {"tags": ["seed-1", "x.y"], "source": "s", "note": "n", "since": "1.0"},
        {"name": "a-k{kernel}", "matrix": {"kernel": [1, [3, 2]], "stride": [1, 2]}, "exclude": [{"stride": 2}]},
    ],
    ids=lambda more: "-".join(more) or "plain",
)
def test_what_a_case_can_say_is_valid_for_editor_and_reader(tmp_path: Path, more: dict[str, Any]) -> None:
    assert agreed(tmp_path, {**PLAIN, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"kernal": 3},
        {"op": "lp_pool"},
        {"input": 0},
        {"input": []},
        {"input": [1, 2, 3, 4]},
        {"kernel": "3"},
        {"kernel": 2.5},
        {"stride": -1},
        {"stride": True},
        {"stride": None},
        {"padding": "reflect"},
        {"padding": -1},
        {"padding": [[0, 1, 2]]},
        {"padding": [0, 1]},
        {"groups": "all"},
        {"bias": 1},
        {"bias": "no"},
        {"dtype": "tf32"},
        {"data": "random"},
        {"seed": -1},
        {"expect": {"outputs": [6, 9]}},
        {"tags": ["A"]},
        {"tags": "a"},
        {"since": 1.0},
        {"since": "one"},
        {"matrix": {"name": ["b"]}},
        {"matrix": {"kernel": 3}},
        {"matrix": {"kernel": []}},
        {"exclude": []},
        {"exclude": {"kernel": 3}},
    ],
    ids=str,
)
def test_what_a_case_cannot_say_is_invalid_for_editor_and_reader(tmp_path: Path, more: dict[str, Any]) -> None:
    assert not agreed(tmp_path, {**PLAIN, **more})


def test_the_schema_is_one_and_describes_every_field_for_people() -> None:
    found = schema.json_schema()
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$schema"].startswith("https://json-schema.org/draft/2020-12")
    for name, part in [("", found), *found["$defs"].items()]:
        assert part["additionalProperties"] is False, name
        for field, described in part["properties"].items():
            assert described.get("description"), f"{name}.{field}"


def test_the_schema_needs_what_a_file_and_a_case_need() -> None:
    found = schema.json_schema()
    assert set(found["required"]) == {"schema", "title", "cases"}
    assert found["$defs"]["CaseEntry"]["required"] == ["name"]


def test_an_editor_completes_every_padding_and_element_type() -> None:
    text = str(schema.json_schema()["$defs"]["CaseFields"])
    for word in (*PADDING_RULES, *DTYPES):
        assert f"'{word}'" in text


def test_a_matrix_and_an_exclude_have_the_fields_of_a_case_that_make_it_another_case() -> None:
    varied = set(schema.MatrixFields.model_fields)
    assert varied == set(schema.ExcludeFields.model_fields)
    assert varied < set(schema.CaseFields.model_fields)
    assert {"input", "kernel", "stride", "dilation", "padding", "groups", "channels", "filters", "bias"} < varied
