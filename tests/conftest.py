"""What the tests of case files share: a case root that is the current folder, with one file in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from conformance import cases
from conformance.domain.case import Case
from conformance.runners.tensorflow import ENVIRON

os.environ["TF_ENABLE_ONEDNN_OPTS"] = ENVIRON["TF_ENABLE_ONEDNN_OPTS"]  # TensorFlow has the workers' kernels here too

PLAIN = {"name": "a", "input": "[6]", "kernel": "3", "padding": "same"}


@pytest.fixture
def load_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], list[Case]]:
    """Loads a text as ``topic/f.yaml``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / cases.MARKER).write_text("{}", "utf-8")
    (tmp_path / "topic").mkdir()

    def load(text: str | bytes) -> list[Case]:
        path = Path("topic/f.yaml")
        path.write_bytes(dedent(text).encode() if isinstance(text, str) else text)
        found = cases.load([path])
        cases.check_values(found)
        return found

    return load


@pytest.fixture
def load_entry(load_text: Callable[[str], list[Case]]) -> Callable[[str], list[Case]]:
    """Loads one case from ``field: value; field: value``, a line each from line 4 and column 5 on.

    A plain convolution stands below where it is not said otherwise.
    """

    def load(fields: str) -> list[Case]:
        lines = [part.strip() for part in fields.split(";")]
        matrix = next((line for line in lines if line.startswith("matrix:")), "")
        for name, value in PLAIN.items():
            if f"{name}:" not in matrix and not any(line.startswith(f"{name}:") for line in lines):
                lines.append(f"{name}: {value}")
        return load_text("schema: 1\ntitle: t\ncases:\n  - " + "\n    ".join(lines) + "\n")

    return load
