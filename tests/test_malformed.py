"""Generated files, most of them malformed: read, or refused with a place in one line; ``nox -s faults`` has more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from benchmarks.malformed import ONE_LINE, refusals, texts
from conformance import cases


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case root."""
    path = tmp_path_factory.mktemp("root")
    (path / cases.MARKER).write_text("{}")
    return path


@settings(deadline=None, max_examples=300)
@given(raw=texts)
def test_no_file_makes_a_traceback(folder: Path, raw: bytes) -> None:
    (folder / "f.yaml").write_bytes(raw)
    for message in refusals(folder / "f.yaml"):
        assert ONE_LINE.match(message)
