from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance.journal import Run
from conformance.render import junit
from conformance.render.digest import digest
from tests.render.made_journals import case, hostile, mismatch, result, run, varied


def parsed(found: Run) -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(found, digest(found)).encode())


def endings(root: ElementTree.Element) -> dict[tuple[str, str], str]:
    """What each testcase says: passed, or the element and its message."""
    found = {}
    for testcase in root.iter("testcase"):
        inner = next(iter(testcase), None)
        name = testcase.attrib["classname"], testcase.attrib["name"]
        found[name] = "passed" if inner is None else f"{inner.tag} {inner.attrib['message']}"
    return found


def test_every_job_is_a_testcase_and_ends_as_the_gate_says(tmp_path: Path) -> None:
    found = endings(parsed(varied(tmp_path)))
    assert found["torch.same", "made/one"] == "passed"
    assert found["torch.symmetric", "made/one"] == "passed"
    assert found["torch.same", "made/two"] == "skipped known: never read"
    assert found["broken.pads", "made/one"] == "skipped known: never read"
    assert found["torch.explicit", "made/one"].startswith("failure regression: pads (1,0) where (0,1)")
    assert found["torch.explicit", "made/two"] == "failure fixed: matches, against what is expected: never read"
    assert found["keras.same", "made/one"] == "failure changed: ValueError: no such thing second line (stage build)"
    assert found["expectations.torch", "expectations/torch.yaml:9:5"].startswith("failure stale: ")
    assert len(found) == 9


def test_the_counts_are_those_of_the_testcases(tmp_path: Path) -> None:
    root = parsed(varied(tmp_path))
    counts = {name: root.attrib[name] for name in ("tests", "failures", "errors")}
    assert counts == {"tests": "9", "failures": "5", "errors": "0"}
    assert sum(int(suite.attrib["skipped"]) for suite in root) == 2
    assert [suite.attrib["name"] for suite in root] == ["torch", "keras", "broken", "expectations"]


def test_how_a_crash_went_alone_is_said(tmp_path: Path) -> None:
    about = case("made/one")
    failure = {"message": "the worker died by SIGSEGV", "stage": "run", "again": "alone too"}
    crashed = result(about, "torch", "same", "crash", "regression", failure=failure)
    root = parsed(run(tmp_path, about, crashed))
    (found,) = root.iter("failure")
    assert found.attrib["message"] == "regression: the worker died by SIGSEGV (stage run; alone too)"
    assert "tried alone: alone too" in (found.text or "")
    assert "causes:" not in (found.text or "")


def test_what_did_not_run_is_an_error_even_where_it_is_known(tmp_path: Path) -> None:
    about = case("made/one")
    not_run = result(about, "torch", "same", "not_run", "known", failure={"message": "runner died"})
    found = endings(parsed(run(tmp_path, about, not_run)))
    assert found["torch.same", "made/one"] == "error not run: runner died"


def test_an_incomplete_run_is_an_error(tmp_path: Path) -> None:
    about = case("made/one")
    found = endings(parsed(run(tmp_path, about, result(about, "torch", "same"), planned=3, footer={})))
    assert found["run", "complete"] == "error INCOMPLETE: 1 of 3 planned jobs recorded, 2 did not run"


def test_a_gate_result_that_nobody_knows_fails(tmp_path: Path) -> None:
    about = case("made/one")
    found = endings(parsed(run(tmp_path, about, result(about, "torch", "same", gate="dubious"))))
    assert found["torch.same", "made/one"].startswith("failure ")


def test_new_failures_hold_and_are_skipped(tmp_path: Path) -> None:
    about = case("made/one")
    found = endings(parsed(run(tmp_path, about, mismatch(about, gate="new"))))
    assert found["torch.explicit", "made/one"].startswith("skipped new: pads (1,0)")


def test_what_xml_cannot_hold_is_left_out(tmp_path: Path) -> None:
    root = parsed(hostile(tmp_path))
    texts = [text for element in root.iter() for text in (*element.attrib.values(), element.text or "")]
    assert any("<script>window.hacked = 1</script>" in text for text in texts)
    assert not any("\x1b" in text or "\x00" in text for text in texts)


ATTRIBUTES = {
    "testsuites": "name time tests failures errors",
    "testsuite": "name tests failures errors group time skipped timestamp hostname id package file log url",
    "testcase": "name time classname group",
    "failure": "type message",
    "error": "type message",
    "skipped": "type message",
}
"""What the Jenkins xUnit plugin allows (its junit-10.xsd), of the elements that are written here."""

INNER = {"testsuites": "testsuite", "testsuite": "testsuite testcase", "testcase": "skipped error failure"}
NEEDED = {"testsuite": "name tests failures errors", "testcase": "name classname"}
"""``classname`` and ``name`` are what GitLab needs of a testcase, beside the text of its ending."""


@pytest.mark.parametrize("made", [varied, hostile])
def test_every_reader_finds_what_it_reads_and_nothing_else(tmp_path: Path, made: Callable[[Path], Run]) -> None:
    root = parsed(made(tmp_path))
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) <= set(ATTRIBUTES[element.tag].split())
        assert {inner.tag for inner in element} <= set(INNER.get(element.tag, "").split())
        assert set(NEEDED.get(element.tag, "").split()) <= set(element.attrib)
        assert re.fullmatch(r"[0-9]*(\.[0-9]*)?", element.get("time", "0"))
        if element.tag in ("failure", "error", "skipped"):
            assert (element.text or "").splitlines()[0] == element.get("message"), "GitLab shows the text alone"


def test_a_failure_says_how_to_run_it_again(tmp_path: Path) -> None:
    texts = [failure.text or "" for failure in parsed(varied(tmp_path)).iter("failure")]
    assert any(
        text.endswith("reproduce: conformance reproduce made/one torch/explicit -o reproduce.py") for text in texts
    )
    assert any("write instead (same, run and right): F.conv1d(F.pad(x, (0, 1)), weight)\n" in text for text in texts)


def test_names_are_the_jobs_whatever_their_seeds_and_order(tmp_path: Path) -> None:
    def names(*order: int, seed: int) -> list[tuple[str, str]]:
        cases = [case(f"made/{number}", seed=seed + number) for number in order]
        found = endings(parsed(run(tmp_path, *cases, *(result(about, "torch", "same") for about in cases))))
        return sorted(found)

    assert names(0, 1, 2, seed=0) == names(2, 0, 1, seed=9) == [("torch.same", f"made/{number}") for number in range(3)]


def test_no_character_makes_the_file_unreadable(tmp_path: Path) -> None:
    about = case("made/one")
    every = "".join(map(chr, range(0x10000)))
    failure = {"message": every, "exception": every[:300]}
    found = run(tmp_path, about, result(about, "torch", "same", "error", failure=failure))
    text = junit.render(found, digest(found))
    ElementTree.fromstring(text.encode("utf-8"))  # expat refuses what XML 1.0 does not have
