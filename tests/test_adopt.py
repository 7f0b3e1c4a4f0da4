"""A small converter elsewhere on disk adopts the suite as docs/adopt.md says; its padding broken, the gate is red."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import adoption
from conformance import expectations, journal
from conformance.journal import Run
from tests.fakes import ROOT

Ended = subprocess.CompletedProcess[str]

RIGHT = "return [(total // 2, total - total // 2) for total in totals]"
ALIKE = "return [(total - total // 2, total - total // 2) for total in totals]"
METADATA = "Metadata-Version: 2.1\nName: my-converter\nVersion: 0.1.0\n"
"""What an installed package leaves beside it, by which its version is known."""


def execute(command: list[str], folder: Path) -> Ended:
    """One of the page's commands in the package's folder, with the interpreter of these tests."""
    if command[0] == "nox":  # in the environment that there is: everything is installed
        command = [sys.executable, "-m", "nox", "--no-venv", "--no-install", *command[1:]]
    elif command[0] == "conformance":
        command = [sys.executable, "-m", *command]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1", "PATH": path, "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Ended]]:
    """The package after all that the page says, with the end of each of its commands."""
    folder = tmp_path_factory.mktemp("adopter")
    (folder / "my_converter-0.1.0.dist-info").mkdir()
    (folder / "my_converter-0.1.0.dist-info" / "METADATA").write_text(METADATA)
    ends = {
        shlex.join(command): execute(command, folder) for command in adoption.follow(folder) if "pip" not in command
    }
    return folder, ends


def ran(folder: Path) -> Run:
    """What the package's last run has in its journal."""
    return journal.read(folder / "reports" / "latest")


def test_the_page_asks_for_little() -> None:
    steps = list(adoption.steps())
    assert [name for name, _ in steps if name] == ["my_converter/conformance.py", "pyproject.toml", "noxfile.py"]
    first = [line for _, text in steps[:3] for line in text.splitlines() if line.strip()]
    assert (steps[2][1].split()[:2], len(first)) == (["conformance", "run"], 9)
    assert len(dict(steps)["noxfile.py"].splitlines()) <= 15


def test_the_first_verdict_names_what_is_wrong(adopted: tuple[Path, dict[str, Ended]]) -> None:
    _, ends = adopted
    first, whole = (end for command, end in ends.items() if command.startswith("conformance run"))
    for ended in (first, whole):
        assert ended.returncode == 1, ended.stderr
        assert "same-upper-for-lower" in ended.stdout
        assert "unattributed" not in ended.stdout
    assert "regression error sweeps/max-pool/1d-ceil" in whole.stdout


def test_what_is_known_lies_in_the_adopters_repository_and_its_gate_is_green(
    adopted: tuple[Path, dict[str, Ended]],
) -> None:
    folder, ends = adopted
    (accepted,) = (end for command, end in ends.items() if "accept" in command)
    (gated,) = (end for command, end in ends.items() if "gate" in command)
    whole, seeds = (end for command, end in ends.items() if command.startswith("nox"))
    assert accepted.returncode == 0, accepted.stderr
    known = expectations.read_file(folder / "conformance-expectations" / "my-converter.yaml")
    assert known.runner == "my-converter"
    assert {entry.verdict for entry in known.known} == {"mismatch", "error"}
    assert {cause for entry in known.known for cause in entry.causes} == {"same-upper-for-lower"}
    assert {entry.reason for entry in known.known} == {"Known before the suite came."}
    assert gated.returncode == 0, gated.stdout
    assert "The gate holds" in gated.stdout
    for ended in (whole, seeds):
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "The gate holds" in ended.stdout
    assert not (Path(ROOT) / "expectations" / "my-converter.yaml").exists()


def test_a_broken_padding_turns_the_gate_red_with_its_cause(adopted: tuple[Path, dict[str, Ended]]) -> None:
    folder, _ = adopted
    source = folder / "my_converter" / "__init__.py"
    text = source.read_text("utf-8")
    assert text.count(RIGHT) == 1
    source.write_text(text.replace(RIGHT, ALIKE), "utf-8")
    try:
        ended = execute(["nox", "-s", "conformance", "--", "-k", "seeds"], folder)
    finally:
        source.write_text(text, "utf-8")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "The gate does not hold" in ended.stdout
    found = {result["case"]: result for result in ran(folder).results if result["variant"] == "auto_pad"}
    total_5 = found["seeds/keras-same-stride/total-5"]
    assert (total_5["gate"], total_5["causes"]) == ("regression", ["symmetric-for-asymmetric"])
    assert total_5["effective"] == [[3, 3], [3, 3]]
    assert found["seeds/keras-same-stride/total-5-lower"]["gate"] == "changed"
    assert {result["gate"] for result in ran(folder).results if result["variant"] == "pads"} == {"ok"}
    assert ran(folder).header["runners"]["my-converter"]["packages"]["my-converter"] == "0.1.0"
