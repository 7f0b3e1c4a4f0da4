"""SARIF against the parts of its 2.1.0 schema that are used here, closed: a property more or less is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.domain.causes import CAUSES
from conformance.domain.records import FAILURES
from conformance.journal import Run
from conformance.render import sarif
from conformance.render.digest import digest
from tests.render.made_journals import case, hostile, mismatch, result, run, varied


def closed(needed: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": needed.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def listed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT = {"type": "string", "minLength": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = closed("text", text=TEXT, markdown=TEXT)  # §3.11, §3.12
RULE = closed(  # §3.49; GitHub asks for all of these descriptions
    "id shortDescription fullDescription help",
    id=TEXT,
    name=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=closed("", level=LEVEL),  # §3.50
)
LOCATION = closed(  # §3.28
    "physicalLocation",
    physicalLocation=closed(  # §3.29
        "artifactLocation region",
        artifactLocation=closed(
            "uri", uri={"type": "string", "pattern": r"^[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]+$"}
        ),  # §3.4
        region=closed("startLine", startLine={"type": "integer", "minimum": 1}),  # §3.30
    ),
)
RESULT = closed(  # §3.27
    "ruleId ruleIndex level message locations partialFingerprints",
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    locations=listed(LOCATION),
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
    occurrenceCount={"type": "integer", "minimum": 1},
)
LOG = closed(  # §3.13
    "$schema version runs",
    **{"$schema": {"const": sarif.SCHEMA}},
    version={"const": "2.1.0"},
    runs=listed(
        closed(  # §3.14
            "tool invocations results",
            tool=closed(
                "driver", driver=closed("name rules", name=TEXT, version=TEXT, rules=listed(RULE))
            ),  # §3.18, §3.19
            invocations=listed(  # §3.20
                closed(
                    "executionSuccessful",
                    executionSuccessful={"type": "boolean"},
                    toolExecutionNotifications=listed(closed("message", level=LEVEL, message=MESSAGE)),  # §3.58
                )
            ),
            results=listed(RESULT),
        )
    ),
)


def logged(found: Run) -> dict[str, Any]:
    """The one run of a log, which has to be valid."""
    log = json.loads(sarif.render(found, digest(found)))
    jsonschema.validate(log, LOG)
    (only,) = log["runs"]
    rules = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in only["results"])
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("made", [varied, hostile])
def test_the_log_is_valid(tmp_path: Path, made: Callable[[Path], Run]) -> None:
    assert logged(made(tmp_path))["results"]


def test_what_breaks_the_gate_is_a_result_and_nothing_else(tmp_path: Path) -> None:
    found = logged(varied(tmp_path))["results"]
    assert [(each["ruleId"], each["level"]) for each in found] == [
        ("symmetric-for-asymmetric", "error"),
        ("crash", "error"),
        ("error", "error"),
        ("fixed", "error"),
        ("stale", "error"),
    ]
    assert [each.get("occurrenceCount") for each in found] == [1, 1, 1, 1, None], "no job shows an idle entry"
    about = case("made/one")
    assert logged(run(tmp_path, about, mismatch(about, gate="known")))["results"] == []


def test_a_hazard_where_a_defect_is_expected_is_a_change_and_no_cause(tmp_path: Path) -> None:
    about = case("made/one")
    hazard = result(about, "torch", "same", "hazard", "changed", causes=["symmetric-for-asymmetric"])
    found = logged(run(tmp_path, about, hazard))
    assert [each["ruleId"] for each in found["results"]] == ["changed"]
    assert found["tool"]["driver"]["version"] == "0.1.0"


def test_a_result_points_at_the_users_files(tmp_path: Path) -> None:
    about = case("made/one")
    entry = {"where": "my expectations/torch.yaml:7:5, my expectations/torch.yaml:9:5", "reason": "so"}
    header = {"torch": {"packages": {}, "control": "", "where": "src/mine.py:12:1"}}
    fields: dict[str, Any] = {"runners": header, "footer": {"stale": [{"runner": "torch", "where": "k.yaml:3:5"}]}}
    found = logged(
        run(
            tmp_path,
            about,
            mismatch(about),
            mismatch(about, variant="same", gate="changed", expectation=entry),
            **fields,
        )
    )
    places = [
        (where["artifactLocation"]["uri"], where["region"]["startLine"])
        for each in found["results"]
        for where in [each["locations"][0]["physicalLocation"]]
    ]
    assert places == [("src/mine.py", 12), ("my%20expectations/torch.yaml", 7), ("k.yaml", 3)]


def test_a_file_outside_of_the_checkout_is_named_whole(tmp_path: Path) -> None:
    about = case("made/one")
    header = {"torch": {"packages": {}, "control": "", "where": "/lib/site packages/torch.py:12:1"}}
    (found,) = logged(run(tmp_path, about, mismatch(about), runners=header))["results"]
    assert (
        found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///lib/site%20packages/torch.py"
    )


def test_a_defect_is_one_result_with_the_same_fingerprint_whatever_cases_show_it(tmp_path: Path) -> None:
    def only(*names: str, **fields: Any) -> dict[str, Any]:
        cases = [case(name, seed=len(names)) for name in names]
        (found,) = logged(run(tmp_path, *cases, *(mismatch(about, **fields) for about in cases)))["results"]
        assert isinstance(found, dict)
        return found

    first, second = only("made/one", "made/two", "made/three"), only("made/four")
    assert (first["occurrenceCount"], second["occurrenceCount"]) == (3, 1)
    assert first["partialFingerprints"] == second["partialFingerprints"]
    others = [only("made/one", causes=["layout"]), only("made/one", gate="changed"), only("made/one", runner="keras")]
    prints = {each["partialFingerprints"][sarif.FINGERPRINT] for each in (first, *others)}
    assert len(prints) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in prints)


def test_a_failures_fingerprint_does_not_know_its_sizes(tmp_path: Path) -> None:
    def print_of(message: str) -> str:
        about = case("made/one")
        bad = result(about, "torch", "same", "error", failure={"message": message})
        return str(logged(run(tmp_path, about, bad))["results"][0]["partialFingerprints"])

    assert print_of("no stride 2, 2") == print_of("no stride 3, 1, 1") != print_of("no dilation 2")


def test_an_incomplete_run_says_so(tmp_path: Path) -> None:
    about = case("made/one")
    found = logged(run(tmp_path, about, result(about, "torch", "same"), planned=3, footer={}))
    (invocation,) = found["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "INCOMPLETE" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert logged(varied(tmp_path))["invocations"] == [{"executionSuccessful": True}]


def test_every_cause_and_every_bad_ending_is_a_rule_with_help() -> None:
    rules = {rule["id"]: rule for rule in sarif.RULES}
    assert set(rules) == {*CAUSES, *FAILURES, "fixed", "changed", "expired", "stale", "regression"}
    for rule in rules.values():
        assert rule["help"]["text"].startswith(rule["shortDescription"]["text"])
        assert len(rule["help"]["text"]) > len(rule["shortDescription"]["text"]) + 20
