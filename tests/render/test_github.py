from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.journal import Run
from conformance.render import github
from conformance.render.digest import digest
from tests.render.made_journals import HOSTILE, case, hostile, mismatch, result, run, varied


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


def unescaped(text: str, *more: tuple[str, str]) -> str:
    for token, written in (("\r", "%0D"), ("\n", "%0A"), *more, ("%", "%25")):
        text = text.replace(written, token)
    return text


def parsed(line: str) -> Command:
    """A line as the runner reads it: actions/runner, src/Runner.Common/ActionCommand.cs, TryParseV2."""
    assert line.startswith("::")
    about, data = line[2:].split("::", 1)
    name, _, rest = about.partition(" ")
    properties = dict(each.split("=", 1) for each in rest.split(",") if each)
    return Command(
        name,
        {key: unescaped(value, (":", "%3A"), (",", "%2C")) for key, value in properties.items()},
        unescaped(data),
    )


def annotated(found: Run) -> list[Command]:
    lines = list(github.errors(found, digest(found)))
    assert not any(re.search(r"[\r\n]", line) for line in lines), "what ends a line for the runner"
    return [parsed(line) for line in lines]


def test_what_breaks_the_gate_is_annotated_the_most_important_first(tmp_path: Path) -> None:
    found = annotated(varied(tmp_path))
    assert [command.name for command in found] == ["error"] * 5
    assert [command.properties["title"] for command in found] == [
        "regression: mismatch symmetric-for-asymmetric in torch",
        "regression: crash in keras",
        "changed: error in keras",
        "fixed: match in torch",
        "stale: an expectation of torch reaches no job",
    ]
    assert found[0].data.splitlines() == [
        "made/one in torch/explicit: pads (1,0) where (0,1) is asked for; expected 4, got -7 at [0, 0, 1]; "
        "2 of 3 elements differ, by up to 11",
        "write instead: torch/same",
        "conformance run --runner torch/explicit -k made/one --out reports/again",
    ]


def test_an_annotation_is_where_the_expectation_is(tmp_path: Path) -> None:
    found = annotated(varied(tmp_path))
    places = [(command.properties.get("file"), command.properties.get("line")) for command in found]
    known = ("expectations/torch.yaml", "5")
    assert places == [(None, None), (None, None), known, known, ("expectations/torch.yaml", "9")]


@pytest.mark.parametrize(
    ("where", "expectations", "place"),
    [
        ("mine.py:12:1", "known/torch.yaml", ("mine.py", "12")),
        ("/lib/python/torch.py:12:1", "known/torch.yaml", ("known/torch.yaml", "1")),
        ("../mine.py:12:1", "", (None, None)),
        ("/lib/python/torch.py:12:1", "/lib/python/torch.yaml", (None, None)),
    ],
)
def test_a_regression_is_at_the_runners_class_or_at_its_expectations(
    tmp_path: Path, where: str, expectations: str, place: tuple[str | None, str | None]
) -> None:
    about = case("made/one")
    header = {"torch": {"packages": {}, "control": "", "where": where}}
    (found,) = annotated(run(tmp_path, about, mismatch(about), runners=header, expectations={"torch": expectations}))
    assert (found.properties.get("file"), found.properties.get("line")) == place


def many(folder: Path, number: int) -> Run:
    cases = [case(f"made/{index}") for index in range(number)]
    words = [f"no {chr(97 + index)}" for index in range(number)]
    bad = [
        result(about, "torch", "same", "error", failure={"message": word})
        for about, word in zip(cases, words, strict=True)
    ]
    return run(folder, *cases, *bad)


def test_ten_annotations_are_a_steps_limit(tmp_path: Path) -> None:
    assert len(annotated(many(tmp_path, 10))) == 10
    assert "9: no j" in annotated(many(tmp_path, 10))[-1].data.replace(" in torch/same", "")
    found = annotated(many(tmp_path, 13))
    assert len(found) == 10
    assert found[-1].properties == {"title": "more"}
    assert found[-1].data.startswith("4 more problems; all of them are in the report")


def test_jobs_that_end_alike_are_one_annotation(tmp_path: Path) -> None:
    cases = [case(f"made/{index}") for index in range(12)]
    (found,) = annotated(run(tmp_path, *cases, *map(mismatch, cases)))
    assert "\nand 11 jobs alike\n" in found.data


def test_an_incomplete_run_is_said_first(tmp_path: Path) -> None:
    about = case("made/one")
    found = annotated(run(tmp_path, about, mismatch(about), planned=3, footer={}))
    assert found[0].data == "The run is INCOMPLETE, so the gate does not hold (so far: 1 regression)"
    assert len(found) == 2


def test_nothing_is_annotated_where_the_gate_holds(tmp_path: Path) -> None:
    about = case("made/one")
    assert annotated(run(tmp_path, about, mismatch(about, gate="known"))) == []


ATTACK = "x\n::error::y\r\n::set-env name=a::b,file=c%0A::stop-commands::z"


def test_what_comes_from_outside_is_no_command(tmp_path: Path) -> None:
    about = case(ATTACK)
    entry = {"where": f"{ATTACK}.yaml:3:1", "reason": ATTACK}
    failure = {"message": ATTACK, "exception": ATTACK}
    found = run(
        tmp_path,
        about,
        result(about, ATTACK, ATTACK, "error", "changed", failure=failure, expectation=entry),
        mismatch(about, evidence=ATTACK, causes=[ATTACK]),
        footer={"stale": [{"runner": ATTACK, "where": f"{ATTACK}:1:2", "reason": ATTACK}]},
    )
    for commands in (annotated(found), annotated(hostile(tmp_path))):
        for command in commands:
            assert command.name == "error"
            assert set(command.properties) <= {"file", "line", "title"}
    assert HOSTILE not in "".join(github.errors(found, digest(found)))


def test_texts_are_escaped_as_the_toolkit_does() -> None:
    line = github.error("a:b,c%d\r\ne", "a:b,c%d\r\ne", None)
    assert line == "::error title=a%3Ab%2Cc%25d%0D%0Ae::a:b,c%25d%0D%0Ae"


def test_the_summary_is_added_to_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "step.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    found = varied(tmp_path)
    assert len(list(github.show(found, digest(found)))) == 5
    text = path.read_text("utf-8")
    assert text.startswith("before\n# Padding conformance\n")
    assert "symmetric-for-asymmetric" in text


@pytest.mark.parametrize("room", [0, 10, 70, 100, 500, 1000, 10_000])
def test_a_summary_keeps_to_its_room_by_whole_lines_and_counts_the_rest(room: int) -> None:
    text = "".join(f"line {number} ü\n" for number in range(100))
    fitted = github.fitting(text, room)
    assert len(fitted) <= room
    if fitted and len(fitted) < len(text.encode()):
        kept, left = re.fullmatch(r"(.*)\nAnd (\d+) more lines, in .*\n", fitted.decode(), re.DOTALL).groups()  # type: ignore[union-attr]
        assert text.startswith(kept)
        assert kept.count("\n") + int(left) == 100
    assert (fitted.decode() == text) == (room == 10_000)


def test_a_steps_summary_never_grows_over_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "step.md"
    for _ in range(3):
        github.summarise("a line\n" * 70_000, path)
    assert path.stat().st_size <= github.SUMMARY
    assert "more lines, in summary.md" in path.read_text()
