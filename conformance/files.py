"""Files that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there: a reader sees the old one or the new one. ``OSError``."""
    side = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        side.write_bytes(data)
        os.replace(side, path)
    finally:
        with contextlib.suppress(OSError):
            side.unlink()
