"""Files that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A path beside a file's place, to write to; it is moved there where the block ends well. ``OSError``."""
    side = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield side
        os.replace(side, path)
    finally:
        with contextlib.suppress(OSError):
            side.unlink()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there: a reader sees the old one or the new one. ``OSError``."""
    with beside(path) as side:
        side.write_bytes(data)


def sweep(folder: Path, pattern: str) -> None:
    """Remove what programs that were killed have left beside the files of a folder that a pattern names."""
    for path in folder.glob(f".{pattern}.[0-9]*"):
        path.unlink(missing_ok=True)
