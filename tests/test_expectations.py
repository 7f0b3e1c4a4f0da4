"""Expectation files: what they reach, and one error with its place for all that they cannot mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance import expectations, packaged, runners
from conformance.domain.case import Case
from conformance.domain.causes import CAUSES
from conformance.domain.facts import FACTS, facts
from conformance.domain.records import FAILURES
from conformance.errors import InputError
from conformance.expectations import CONTEXT, Expectations, Known
from conformance.gate import job_facts
from conformance.journal import case_record

Read = Callable[[str], Expectations]

HEAD = 'schema: 1\nrunner: fake\ncases: "1.0"\nknown:\n'
ENTRY = "  - when: {rank: 1}\n    verdict: mismatch\n    causes: [bias-dropped]\n    reason: it is so\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as the file ``e.yaml``."""

    def read_text(text: str) -> Expectations:
        (tmp_path / "e.yaml").write_text(text, "utf-8")
        return expectations.read_file(tmp_path / "e.yaml")

    return read_text


def known(read: Read, when: str) -> Known:
    """An entry with this ``when``."""
    (entry,) = read(HEAD + ENTRY.replace("{rank: 1}", when)).known
    return entry


CASE = Case(
    "topic/f/odd-one",
    "conv",
    (6, 9),
    (3, 2),
    (2, 1),
    (1, 1),
    "same",
    channels=3,
    filters=6,
    groups=3,
    bias=True,
    tags=("dynamo", "x"),
)
HEADER = {
    "platform": "linux-x86_64",
    "runners": {"fake": {"packages": {"torch": "2.13.0+cpu", "onnx2keras": "0.0.25", "odd": "1.0rc1"}}},
}


def reached(entry: Known, case: Case = CASE, variant: str = "pads-change-ordering") -> bool:
    """Whether an entry reaches this job."""
    result = {"runner": "fake", "variant": variant}
    return entry.reaches(job_facts(facts(case_record(case)), result, HEADER))


def test_every_field_arrives(read: Read) -> None:
    found = read(
        HEAD + "  - when: {rank: 1}\n    verdict: unsupported\n    message: not supported\n"
        "    reason: it is so\n    link: https://example.org\n    expires: 2027-01-31\n"
    )
    assert (found.runner, found.cases) == ("fake", "1.0")
    (entry,) = found.known
    assert entry == Known(
        runner="fake",
        when={"rank": 1},
        verdict="unsupported",
        causes=(),
        reason="it is so",
        message="not supported",
        link="https://example.org",
        expires="2027-01-31",
        where=entry.where,
    )
    assert entry.where.endswith("e.yaml:5:5")


@pytest.mark.parametrize("text", [HEAD, HEAD.replace("known:", "known: []"), HEAD.replace("known:\n", "")])
def test_a_file_may_know_nothing(read: Read, text: str) -> None:
    assert read(text).known == ()


def test_an_entry_without_when_reaches_every_job(read: Read) -> None:
    for text in (ENTRY.replace("{rank: 1}", "{}"), ENTRY.replace("when: {rank: 1}\n    ", "")):
        (entry,) = read(HEAD + text).known
        assert reached(entry)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{rank: 2}", True),
        ("{rank: 1}", False),
        ("{rank: [1, 2]}", True),
        ("{rank: [1, 3]}", False),
        ('{rank: ">1"}', True),
        ('{rank: ">2"}', False),
        ('{rank: ">=2"}', True),
        ('{rank: "<2"}', False),
        ('{rank: "<=2"}', True),
        ('{rank: "< 3"}', True),
        # Sizes: a number means every axis, a comparison the largest, text all of them.
        ("{kernel: 3}", False),
        ("{kernel: 3x2}", True),
        ("{kernel: 2x3}", False),
        ('{kernel: "3x*"}', True),
        ('{kernel: ">2"}', True),
        ('{kernel: ">3"}', False),
        ('{kernel: "<3"}', False),
        ('{kernel: "<4"}', True),
        ("{dilation: 1}", True),
        ('{dilation: ">1"}', False),
        ("{stride: 2x1}", True),
        ('{stride: ">1"}', True),
        ("{stride: [1, 2]}", False),
        ("{stride: [1, 2x1]}", True),
        ("{input: 6x9}", True),
        # true and false are no numbers.
        ("{bias: true}", True),
        ("{bias: false}", False),
        ("{bias: 1}", True),
        ("{groups: true}", False),
        ("{asymmetric: true}", True),
        ("{bias: [true, false]}", True),
        # Text is a glob.
        ("{padding: same}", True),
        ("{padding: same_lower}", False),
        ('{padding: "same*"}', True),
        ("{padding: [valid, same]}", True),
        ('{pads: "0.1x0.1"}', True),
        ('{case: "topic/*"}', True),
        ('{case: "*/odd-*"}', True),
        ('{case: "odd-*"}', False),
        ("{dtype: float32}", True),
        ('{since: "1.0"}', True),
        # A fact that is a list holds the value.
        ("{tags: dynamo}", True),
        ("{tags: y}", False),
        ("{tags: [y, x]}", True),
        ('{tags: "dyn*"}', True),
        ("{unequal: kernel}", True),
        ("{unequal: dilation}", False),
        ("{differs_from: valid}", True),
        ("{differs_from: same}", False),
        ("{agrees_with: same}", True),
        # What comes from the run.
        ("{variant: pads-change-ordering}", True),
        ("{variant: pads}", False),
        ('{variant: "*-change-ordering"}', True),
        ('{variant: [pads, "pads-*"]}', True),
        ('{platform: "linux-*"}', True),
        ("{platform: darwin-arm64}", False),
        ('{versions: "onnx2keras<0.0.26"}', True),
        ('{versions: "onnx2keras<0.0.25"}', False),
        ('{versions: ["onnx2keras==0.0.25", "torch>=2.13"]}', True),
        ('{versions: ["onnx2keras==0.0.25", "torch>=2.14"]}', False),
        ('{versions: "tensorflow>=2"}', False),
        ('{versions: "odd>=0.9"}', True),
        # All of them have to hold.
        ('{rank: 2, kernel: ">2", bias: true, variant: "pads*"}', True),
        ('{rank: 2, kernel: ">2", bias: false, variant: "pads*"}', False),
    ],
)  # fmt: skip
def test_predicates(read: Read, when: str, expected: bool) -> None:
    assert reached(known(read, when)) is expected


def test_a_number_means_every_axis(read: Read) -> None:
    square = Case("t/f/a", "conv", (6, 9), (3, 3), (2, 2), (1, 1), "same")
    assert reached(known(read, "{kernel: 3, stride: 2}"), square)
    assert not reached(known(read, "{kernel: 3, stride: 1}"), square)


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read: No such file"):
        expectations.read_file(tmp_path / "nowhere.yaml")


ERRORS = [
    ("", "1:1: the file is empty; allowed: one YAML document"),
    ("[]\n", "1:1: []; allowed: a mapping with schema, runner, cases, known"),
    ("runner: fake\n", "1:1: schema: None; allowed: 1"),
    ("schema: 2\nrunner: fake\n", "1:9: schema: 2; allowed: 1"),
    ("schema: true\nrunner: fake\n", "1:9: schema: True; allowed: 1"),
    ("schema: 1.0\nrunner: fake\n", "1:9: schema: 1.0; allowed: 1"),
    ("schema: 1\n", "1:1: runner: is missing; allowed: text"),
    ("schema: 1\nrunner: 3\n", "2:9: runner: 3; allowed: text"),
    ('schema: 1\nrunner: " "\n', "2:9: runner: ' '; allowed: text"),
    ("schema: 1\nrunner: fake\n", "1:1: cases: is missing; allowed: text"),
    ("schema: 1\nrunner: fake\ncases: 1.0\n", "3:8: cases: 1.0; allowed: text"),
    (
        "schema: 1\nrunner: fake\ncases: v1\n",
        "3:8: cases: 'v1'; allowed: a version of the case set in quotes, \"1.0\"",
    ),
    (
        'schema: 1\nrunner: fake\ncases: "1.0"\nexpected: []\n',
        "4:1: unknown key 'expected'; allowed: schema, runner, cases, known",
    ),
    (HEAD.replace("known:", "known: some"), "4:8: known: 'some'; allowed: a list of entries"),
    (HEAD.replace("known:", "known: false"), "4:8: known: False; allowed: a list of entries"),
    (HEAD.replace("known:", "known: {a: 1}"), "4:8: known: {'a': 1}; allowed: a list of entries"),
    (
        HEAD + "  - mismatch\n",
        "5:5: 'mismatch'; allowed: a mapping with when, verdict, causes, message, reason, link, expires",
    ),
    (
        HEAD + ENTRY + "    cause: x\n",
        "9:5: unknown key 'cause'; allowed: when, verdict, causes, message, reason, link, expires",
    ),
    (HEAD + "  - reason: r\n", "5:5: verdict: is missing; allowed: text"),
    (HEAD + "  - verdict: wrong\n    reason: r\n", f"5:14: verdict: 'wrong'; allowed: {', '.join(FAILURES)}"),
    (HEAD + "  - verdict: match\n    reason: r\n", f"5:14: verdict: 'match'; allowed: {', '.join(FAILURES)}"),
    (HEAD + "  - verdict: hazard\n    reason: r\n", f"5:14: verdict: 'hazard'; allowed: {', '.join(FAILURES)}"),
    (
        HEAD + ENTRY.replace("[bias-dropped]", "[bias-forgotten]"),
        f"7:13: causes: ['bias-forgotten']; allowed: a list of {', '.join(CAUSES)}",
    ),
    (
        HEAD + ENTRY.replace("[bias-dropped]", "bias-dropped"),
        f"7:13: causes: 'bias-dropped'; allowed: a list of {', '.join(CAUSES)}",
    ),
    (
        HEAD + ENTRY.replace("[bias-dropped]", "[[bias-dropped]]"),
        f"7:13: causes: [['bias-dropped']]; allowed: a list of {', '.join(CAUSES)}",
    ),
    (
        HEAD + ENTRY.replace("[bias-dropped]", "0").replace("mismatch", "error"),
        f"7:13: causes: 0; allowed: a list of {', '.join(CAUSES)}",
    ),
    (
        HEAD + ENTRY.replace("[bias-dropped]", "[]"),
        "5:5: causes: [] with mismatch; allowed: some for mismatch, none for others",
    ),
    (
        HEAD + ENTRY.replace("mismatch", "error"),
        "5:5: causes: ['bias-dropped'] with error; allowed: some for mismatch, none for others",
    ),
    (HEAD + ENTRY.replace("it is so", "''"), "8:13: reason: ''; allowed: text"),
    (HEAD + ENTRY.replace("it is so", "3"), "8:13: reason: 3; allowed: text"),
    (HEAD + ENTRY.replace("    reason: it is so\n", ""), "5:5: reason: is missing; allowed: text"),
    (HEAD + ENTRY + "    message: 3\n", "9:14: message: 3; allowed: text"),
    (HEAD + ENTRY + "    link: [a]\n", "9:11: link: ['a']; allowed: text"),
    (HEAD + ENTRY + "    expires: soon\n", "9:14: expires: 'soon'; allowed: a date, 2027-01-31"),
    (HEAD + ENTRY + "    expires: 2027-02-30\n", "9:14: expires: '2027-02-30'; allowed: a date, 2027-01-31"),
    (HEAD + ENTRY.replace("{rank: 1}", "rank"), "5:11: 'rank'; allowed: a mapping with case, op, rank"),
    (HEAD + ENTRY.replace("{rank: 1}", "[rank]"), "5:11: ['rank']; allowed: a mapping with case, op, rank"),
    (
        HEAD + ENTRY.replace("{rank: 1}", "{ranks: 1}"),
        f"5:12: unknown key 'ranks'; allowed: {', '.join((*FACTS, *CONTEXT))}",
    ),
    (
        HEAD + ENTRY.replace("{rank: 1}", "{rank: []}"),
        "5:18: rank: []; allowed: a value, a comparison such as '>1', or a list of them",
    ),
    (
        HEAD + ENTRY.replace("{rank: 1}", "{kernel: [[3, 2]]}"),
        "5:20: kernel: [[3, 2]]; allowed: a value, a comparison such as '>1', or a list of them",
    ),
    (
        HEAD + ENTRY.replace("{rank: 1}", "{rank: {a: 1}}"),
        "5:18: rank: {'a': 1}; allowed: a value, a comparison such as '>1', or a list of them",
    ),
    (
        HEAD + ENTRY.replace("{rank: 1}", "{rank: null}"),
        "5:18: rank: None; allowed: a value, a comparison such as '>1', or a list of them",
    ),
    (
        HEAD + ENTRY.replace("{rank: 1}", '{versions: "<1"}'),
        "5:22: versions: ['<1']; allowed: packages with ranges, \"onnx2keras<0.0.26\"",
    ),
    (HEAD + ENTRY.replace("{rank: 1}", '{padding: ">1"}'), "5:21: padding: '>1'; allowed:"),
    (HEAD + ENTRY.replace("{rank: 1}", '{variant: ["<2"]}'), "5:21: variant: ['<2']; allowed:"),
    (HEAD + ENTRY.replace("{rank: 1}", '{tags: ">1"}'), "5:18: tags: '>1'; allowed:"),
    (HEAD + ENTRY.replace("{rank: 1}", "&all {rank: 1}"), "5:11: anchor '&all'; allowed: values written out"),
    (HEAD + ENTRY + "    reason: again\n", "9:5: key 'reason' again; allowed: once (it is at line 8)"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_what_is_wrong_is_told_with_its_place_and_what_is_allowed(read: Read, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    place, _, told = str(caught.value).partition("e.yaml:")
    assert place.startswith("/") or place == ""
    assert told.startswith(message)
    assert caught.value.status == 4


def write(folder: Path, runner: str, reason: str, name: str = "") -> None:
    """A file with one entry."""
    folder.mkdir(exist_ok=True)
    text = HEAD.replace("fake", runner) + ENTRY.replace("it is so", reason)
    (folder / f"{name or runner}.yaml").write_text(text, "utf-8")


def test_a_file_in_a_later_folder_replaces_an_earlier_one(tmp_path: Path) -> None:
    write(tmp_path / "one", "torch", "first")
    write(tmp_path / "one", "fake", "first")
    write(tmp_path / "two", "torch", "second")
    found = expectations.load([tmp_path / "one", tmp_path / "two"])
    assert [entry.reason for entry in found["torch"].known] == ["second"]
    assert [entry.reason for entry in found["fake"].known] == ["first"]
    assert found["keras"] == expectations.load()["keras"]


def test_two_files_about_one_runner_in_a_folder_are_bad_input(tmp_path: Path) -> None:
    write(tmp_path / "one", "fake", "first")
    write(tmp_path / "one", "torch", "first")
    write(tmp_path / "one", "fake", "second", "more")
    with pytest.raises(InputError) as caught:
        expectations.load([tmp_path / "one"])
    first, second = tmp_path / "one" / "fake.yaml", tmp_path / "one" / "more.yaml"
    assert str(caught.value) == (
        f"{second}:2:9: runner: 'fake' has a file already, {first}; allowed: one file a runner in a folder"
    )


def test_a_folder_that_there_is_not_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(InputError) as caught:
            expectations.load([path])
        assert str(caught.value) == f"{path} is no folder; allowed: a folder of expectation files (<runner>.yaml)"


def test_every_core_runner_has_packaged_expectations_in_the_file_of_its_name() -> None:
    found = expectations.load()
    assert {name for name in found if not name.startswith(runners.BACKEND)} == set(runners.CORE)
    for name, expected in found.items():
        assert Path(expected.where) == packaged.expectations() / f"{name.replace(':', '_')}.yaml"
        assert expected.cases == packaged.case_set_version()


def test_every_packaged_entry_has_a_reason_that_says_something() -> None:
    for expected in expectations.load().values():
        for entry in expected.known:
            assert len(entry.reason.split()) > 4, entry.where
            wordless = "asserts" in entry.reason  # a bare assert raises without a message
            assert entry.verdict == "mismatch" or entry.message or wordless, entry.where


def test_packaged_entries_name_variants_that_there_are() -> None:
    from fnmatch import fnmatchcase

    for name, expected in expectations.load().items():
        variants = runners.load(name).variants
        for entry in expected.known:
            wanted: Any = entry.when.get("variant", [])
            for pattern in [wanted] if isinstance(wanted, str) else wanted:
                assert any(fnmatchcase(variant, pattern) for variant in variants), f"{entry.where}: {pattern}"
