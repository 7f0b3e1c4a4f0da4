"""results.sarif: what breaks the gate, as code scanners read it (SARIF 2.1.0, OASIS).

Rules are causes, verdicts and gate results. Jobs that end alike at the same place are one result with
an ``occurrenceCount``, so that a defect is one alert and not thousands.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from urllib.parse import quote

from conformance.domain.causes import CAUSES
from conformance.journal import Record, Run
from conformance.render.digest import Digest
from conformance.render.plain import printable
from conformance.render.problems import Place, Problem, problems

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "conformance/v1"
"""The name of our fingerprint; GitHub's own (primaryLocationLineHash) is left to GitHub, which computes it."""

HELP = {
    "crash": ("the process died", "Something below Python failed: run the job again and look at what it printed."),
    "timeout": ("the deadline was overrun", "Run the job again with a longer --timeout, or find what it waits for."),
    "error": ("an exception that no refusal explains", "A defect, or a refusal that the runner does not list by name."),
    "unsupported": (
        "a refusal by name",
        "Refused although nothing says so in the expectations: a feature that is gone.",
    ),
    "not_run": ("it never started", "Its runner could not be started or the run was stopped. This never passes."),
    "mismatch": ("a wrong answer", "The output is not the reference's."),
    "fixed": ("expected to be wrong, and right", "Drop the expectation: conformance accept RUN shows what to write."),
    "changed": ("wrong in another way than expected", "Find what changed; conformance accept RUN shows what to write."),
    "expired": (
        "an expectation whose date has passed",
        "Look whether it is still so, then drop the entry or renew its date.",
    ),
    "stale": ("an expectation that reaches no job", "Drop the entry, or ask for what it was meant for."),
    "regression": ("wrong, and nothing is known of it", "Repair it, or write down why it is so in the expectations."),
}
WRONG = (
    "Run the job again with the command in the message, and write what it shows to be right; "
    "where a variant of the same runner gives the right answer, the message names it."
)


def render(run: Run, found: Digest) -> str:
    """The whole file."""
    ids = {rule["id"]: index for index, rule in enumerate(RULES)}
    tool = {"name": "padding-conformance", "rules": RULES}
    if version := run.header.get("version"):
        tool["version"] = printable(str(version))
    invocation: Record = {"executionSuccessful": found.complete}
    if not found.complete:
        told = {"level": "error", "message": {"text": found.gate_line}}
        invocation["toolExecutionNotifications"] = [told]
    results = [_result(problem, ids) for problem in problems(run, found)]
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": tool}, "invocations": [invocation], "results": results}],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(name: str, meaning: str, text: str) -> Record:
    said = f"{meaning[0].upper()}{meaning[1:]}."
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.replace("_", "-").split("-")),
        "shortDescription": {"text": said},
        "fullDescription": {"text": said},
        "help": {"text": f"{said} {text}", "markdown": f"**{said}** {text}"},
        "defaultConfiguration": {"level": "error"},
    }


RULES = [
    *(_rule(name, meaning, WRONG) for name, meaning in CAUSES.items()),
    *(_rule(name, *texts) for name, texts in HELP.items()),
]


def _result(problem: Problem, ids: Record) -> Record:
    rule = problem.rule if problem.rule in ids else "regression"
    result: Record = {
        "ruleId": rule,
        "ruleIndex": ids[rule],
        "level": "error",
        "message": {"text": f"{problem.title}\n{problem.message}"},
        "locations": [_location(problem.place)] if problem.place else [],
        "partialFingerprints": {
            FINGERPRINT: hashlib.sha256("\0".join(problem.key).encode(errors="replace")).hexdigest()
        },
    }
    if problem.jobs:
        result["occurrenceCount"] = problem.jobs
    return result


def _location(place: Place) -> Record:
    path = PurePath(place.path)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": place.line}}}
