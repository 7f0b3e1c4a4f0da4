from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from conformance import journal
from conformance.render import html
from conformance.render.detail import axis_title, command, configuration, detail, tables
from conformance.render.digest import Job, digest
from tests.render.made_journals import case, mismatch, result, run, varied


def job_of(folder: Path, *records: journal.Record) -> tuple[Job, journal.Run]:
    found = run(folder, *records)
    return digest(found).worst[0], found


def rows(table: str) -> list[list[str]]:
    return [re.split(r"<td[^>]*>", row)[1:] for row in re.split(r"<tr><th>\d+", table.removesuffix("</table>"))[1:]]


def test_a_job_has_all_that_its_journal_says(tmp_path: Path) -> None:
    worst = digest(varied(tmp_path)).worst[0]
    about = detail(worst, {})
    assert about["configuration"] == "conv 6 · k 3 · s 2 · d 1 · padding same · 1→1"
    assert about["where"] == "cases/made.yaml:7:5"
    assert about["written"] == "- name: made\n  kernel: 3"
    assert about["fix"] == "F.conv1d(F.pad(x, (0, 1)), weight)"
    assert about["alternatives"] == [("pads-begin-only", "conv 3 · k 2 · s 2"), ("pad-amount + bias-dropped", "")]
    assert (about["tried"], about["rejected"]) == (5, "pads-ignored, kernel-flipped")
    assert about["worst"] == [0, 0, 1]
    assert not about["in_place"]


def test_a_difference_that_is_not_in_the_geometry_is_said_to_be_none(tmp_path: Path) -> None:
    job, _ = job_of(tmp_path, case("made/a"), mismatch(case("made/a"), effective=[[0, 1]]))
    assert detail(job, {})["in_place"]
    job, _ = job_of(tmp_path, case("made/a"), result(case("made/a"), "torch", "same", "error"))
    assert not detail(job, {})["in_place"]


def test_how_it_went_alone_is_said(tmp_path: Path) -> None:
    failure = {"message": "the worker died by SIGSEGV", "stage": "run", "again": "only after others"}
    job, found = job_of(tmp_path, case("made/a"), result(case("made/a"), "torch", "same", "crash", failure=failure))
    assert detail(job, {})["again"] == "only after others"
    assert "alone in a fresh worker: only after others." in "".join(html.render(found, digest(found)).values())


SAMPLE: dict[str, Any] = {
    "expected_shape": [1, 3, 9, 9],
    "got_shape": [1, 3, 9, 9],
    "start": [0, 1, 2, 4],
    "expected": [[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]],
    "got": [[[[1, 2], [3, 4]], [[5, 6], [0, "nan"]]]],
}


def test_the_channel_with_the_first_difference_comes_first_and_what_differs_is_marked() -> None:
    (channel, both), (other, same) = tables(SAMPLE, (0, 2, 3, 4))
    assert (channel, other) == (2, 1)
    expected, actual = both.split("</table>")[:2]
    assert "<caption>expected [0, 2, :, :]</caption><tr><td><th>4<th>5<tr><th>2<td>5" in expected
    assert "<caption>actual [0, 2, :, :]</caption>" in actual
    assert re.findall(r"class=(.)>([^<]*)", expected) == [("f", "7")]
    assert re.findall(r"class=(.)>([^<]*)", actual) == [("f", "0"), ("d", "nan")]
    assert "class" not in same
    assert rows(same.split("</table>")[0]) == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("start", "numbers", "first", "title"),
    [
        ([0, 4, 6], [[[1, 2]]], (0, 4, 7), "[0, 4, :]"),
        ([1, 0, 3, 2, 4], [[[[[1, 2]]]]], (1, 0, 3, 2, 5), "[1, 0, 3, :, :]"),
    ],
    ids=["1d", "3d"],
)
def test_other_ranks_have_tables_too(start: list[int], numbers: Any, first: Sequence[int], title: str) -> None:
    sample = {"start": start, "expected_shape": [9] * len(start), "expected": numbers, "got": numbers}
    ((_, both),) = tables(sample, first)
    assert f"expected {title}" in both
    assert both.count("class=f>2") == 2


def test_outputs_of_other_shapes_have_tables_of_their_own() -> None:
    smaller = {**SAMPLE, "got": [[[[1], [9]]]]}
    (_, one), (_, two) = tables(smaller, None)
    assert rows(one.split("</table>")[1]) == [["1"], ["9"]]
    assert rows(two.split("</table>")[1]) == []
    assert tables({"expected_shape": [1], "got_shape": [2]}, None) == []
    assert tables({}, None) == []


def test_a_number_that_is_text_is_text() -> None:
    (_, both), _ = tables({**SAMPLE, "got": [[[["<b>"]], [["&"]]]]}, None)
    assert isinstance(both, Markup)
    assert "&lt;b&gt;" in both
    assert "<b>" not in both


def test_axes_are_named() -> None:
    assert [axis_title([1]), axis_title([0, 2])] == ["Axis 1", "Axes 0 and 2"]


def test_a_configuration_names_what_is_not_usual() -> None:
    about = {**case("made/a"), "padding": [[0, 1]], "groups": 2, "bias": True, "ceil_mode": True, "dtype": "float16"}
    assert configuration(about) == "conv 6 · k 3 · s 2 · d 1 · padding (0,1) · 1→1 · ceil · groups 2 · bias · float16"


def test_the_command_has_the_run_s_paths_and_the_runner_s_class() -> None:
    header = {"selection": {"paths": ["my cases"]}, "runners": {"mine": {"spec": "pack:Mine"}}}
    assert command(header, "made/a", "mine", "same") == (
        "conformance run 'my cases' --runner pack:Mine/same -k made/a --out reports/again"
    )
    assert command({}, "made/a", "torch", "same").startswith("conformance run --runner torch/same -k made/a ")


def test_the_command_runs_that_very_job(tmp_path: Path) -> None:
    """Pasted into a shell, with this Python's command."""
    text = "schema: 1\ntitle: t\ndefaults: {op: conv, input: 6, kernel: 3, padding: same, stride: 2}\ncases:\n"
    (tmp_path / "my cases").mkdir()
    (tmp_path / "my cases" / "f.yaml").write_text(text + "  - name: a\n  - {name: other, dilation: 2}\n")
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def ended(line: str) -> int:
        program = f"{shlex.quote(sys.executable)} -m conformance"
        return subprocess.run(
            line.replace("conformance", program, 1), shell=True, cwd=tmp_path, env=environ, capture_output=True
        ).returncode

    assert ended("conformance run 'my cases' --runner tests.fakes:AlwaysWrong --out one") == 1
    first = journal.read(tmp_path / "one")
    job = digest(first).worst[1]
    assert ended(detail(job, first.header)["command"]) == 1
    (again,) = journal.read(tmp_path / "reports" / "again").results
    assert {**again, "seconds": 0} == {**job.result, "seconds": 0}
