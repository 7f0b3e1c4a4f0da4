"""junit.xml: one testcase a job, for the test views of CI systems.

Elements and attributes are those of the Jenkins xUnit plugin's ``junit-10.xsd``, the strictest reader:
it has ``file`` for suites only. Jenkins shows an ending's ``message``, GitLab its text: both have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from conformance.domain.records import GATES
from conformance.journal import Record, Run, key_of
from conformance.render.detail import command
from conformance.render.digest import Digest, explain
from conformance.render.plain import counted, head, one_line, printable

PASSING = ("ok",)
SKIPPED = ("known", "new")
"""Gate results that hold although the job fails; every other one is a failure (docs/expectations.md)."""


def render(run: Run, found: Digest) -> str:
    """The whole file; what XML cannot hold is left out of texts."""
    suites = ElementTree.Element("testsuites", name="padding-conformance")
    by_runner: dict[str, list[Record]] = {}
    for result in run.results:
        by_runner.setdefault(result["runner"], []).append(result)
    for runner, results in by_runner.items():
        suite = ElementTree.SubElement(suites, "testsuite", name=printable(runner))
        for result in results:
            _testcase(suite, result, run.header)
    if found.stale:
        suite = ElementTree.SubElement(suites, "testsuite", name="expectations")
        for entry in found.stale:
            _stale(suite, entry)
    if not found.complete:
        suite = ElementTree.SubElement(suites, "testsuite", name="run")
        case = ElementTree.SubElement(suite, "testcase", classname="run", name="complete")
        planned = counted(found.planned, "planned job")
        message = f"INCOMPLETE: {found.recorded:,} of {planned} recorded, {found.not_run:,} did not run"
        _end(case, "error", message, "incomplete")
    _count(suites)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _testcase(suite: ElementTree.Element, result: Record, header: Record) -> None:
    """One job: passed, skipped (known), failed at the gate, or never run."""
    verdict, gate = result["verdict"], result["gate"]
    classname = printable(f"{result['runner']}.{result['variant']}")
    seconds = f"{result.get('seconds', 0):.6f}"
    case = ElementTree.SubElement(suite, "testcase", classname=classname, name=printable(result["case"]), time=seconds)
    if verdict == "not_run":
        _end(case, "error", f"not run: {explain(result)}", verdict)
    elif gate in SKIPPED:
        reason = (result.get("expectation") or {}).get("reason") or explain(result)
        _end(case, "skipped", f"{gate}: {one_line(reason, 300)}", verdict)
    elif gate not in PASSING:
        message = f"{gate if gate in GATES else 'no gate result'}: {explain(result)}"
        _end(case, "failure", message, verdict, details(result, header))


def _end(case: ElementTree.Element, name: str, message: str, kind: str, more: str = "") -> None:
    """How a testcase ended, where it did not pass."""
    ElementTree.SubElement(case, name, type=kind, message=message).text = "\n".join(filter(None, (message, more)))


def details(result: Record, header: Mapping[str, Any]) -> str:
    """What there is to know about a failing job, as text."""
    failure, entry, fix = (result.get(name) or {} for name in ("failure", "expectation", "fix"))
    parts = {
        "causes": " + ".join(result["causes"]),
        "asked": _pads(result["asked"]),
        "effective": _pads(result["effective"]),
        "expected to end as": " ".join(filter(None, (entry.get("reason"), entry.get("where")))),
        "code": result.get("code", ""),
        "message": head(failure.get("message", ""), 2000),
        "tried alone": failure.get("again", ""),
        f"write instead ({fix.get('variant')}, run and right)": fix.get("code", ""),
        "reproduce": command(header, *key_of(result)),
    }
    return "\n".join(f"{printable(name)}: {printable(text)}" for name, text in parts.items() if text)


def _pads(pads: list[list[int]] | None) -> str:
    return "×".join(f"({begin},{end})" for begin, end in pads or ())


def _stale(suite: ElementTree.Element, entry: Record) -> None:
    classname = f"expectations.{printable(str(entry.get('runner', '')))}"
    case = ElementTree.SubElement(suite, "testcase", classname=classname, name=printable(str(entry.get("where", ""))))
    reason = one_line(str(entry.get("reason", "")), 300)
    _end(case, "failure", f"stale: reaches no job of this run ({reason})", "stale")


def _count(suites: ElementTree.Element) -> None:
    """Give every suite, and all of them, the counts that readers of JUnit expect."""
    for element in (*suites.findall("testsuite"), suites):
        counts = Counter(inner.tag for inner in element.iter())
        element.set("tests", str(counts["testcase"]))
        for attribute, name in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if element is not suites or name != "skipped":  # the one count that all of them together do not have
                element.set(attribute, str(counts[name]))
        seconds = sum(float(case.get("time", "0")) for case in element.iter("testcase"))
        element.set("time", f"{seconds:.6f}")
