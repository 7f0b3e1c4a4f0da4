"""Where the cases and expectations that travel with this package are."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
ROOT = _HERE / "data" if (_HERE / "data").is_dir() else _HERE.parent
"""Inside the package when it was installed from a wheel; the repository's root in a clone."""


def cases() -> Path:
    """The folder of case files."""
    return ROOT / "cases"


def expectations() -> Path:
    """The folder of expectations, one file a runner."""
    return ROOT / "expectations"


def case_set_version() -> str:
    """The version of the packaged case set, such as ``1.0``."""
    return (cases() / "VERSION").read_text("utf-8").strip()
