from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from conformance.domain.records import GATES, VERDICTS
from conformance.journal import Run
from conformance.render import assets, summary_json
from conformance.render.digest import digest
from tests.render.made_journals import hostile, varied


def test_the_summary_holds_the_run_in_numbers(tmp_path: Path) -> None:
    found = varied(tmp_path)
    summary = json.loads(summary_json.render(found, digest(found)))
    assert (summary["schema"], summary["complete"], summary["holds"], summary["planned"]) == (1, True, False, 8)
    assert summary["verdicts"]["mismatch"] == 2
    assert summary["gates"]["stale"] == 1
    assert summary["defects"][0] == {
        "name": "symmetric-for-asymmetric",
        "meaning": "the same pads on both sides of an axis, where the two sides differ",
        "jobs": 1,
        "in_negative_controls": 0,
        "touches": {"torch/explicit": 1},
    }
    assert [refusal["verdict"] for refusal in summary["refusals"]] == ["crash", "error", "unsupported"]
    assert summary["runners"]["torch"]["variants"]["explicit"] == {"mismatch": 1, "match": 1}
    assert summary["runners"]["broken"]["control"] == "broken on purpose"
    assert [(job["runner"], job["gate"]) for job in summary["failing"]] == [
        ("torch", "regression"),
        ("keras", "regression"),
        ("keras", "changed"),
        ("torch", "fixed"),
    ]
    assert summary["stale"][0]["where"] == "expectations/torch.yaml:9:5"
    assert summary["missing"] == {"tf1": "pip install tensorflow"}


SCHEMA = json.loads(assets.asset("summary.schema.json"))


@pytest.mark.parametrize("made", [varied, hostile])
def test_the_summary_is_as_its_schema_says(tmp_path: Path, made: Callable[[Path], Run]) -> None:
    found = made(tmp_path)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(summary_json.render(found, digest(found))), SCHEMA)


def test_the_schema_names_every_field_and_its_limit(tmp_path: Path) -> None:
    found = varied(tmp_path)
    summary = summary_json.summary(found, digest(found))
    assert set(summary) == set(SCHEMA["properties"]) == set(SCHEMA["required"])
    assert SCHEMA["properties"]["failing"]["maxItems"] == summary_json.MOST
    assert SCHEMA["$defs"]["verdict"]["enum"] == list(VERDICTS)
    assert set(SCHEMA["properties"]["gates"]["required"]) == set(GATES)
