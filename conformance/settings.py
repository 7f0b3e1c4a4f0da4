"""The user's own settings: ``[tool.conformance]`` in the nearest ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.errors import InputError


def expectations(folders: Sequence[Path]) -> tuple[Path, ...]:
    """The folders of ``expectations`` there, before those given on the command line."""
    return (*_configured(), *folders)


def _configured() -> tuple[Path, ...]:
    import tomllib

    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            table = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("conformance", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"not TOML: {error}", str(file)) from error
        value = table.get("expectations", [])
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"tool.conformance.expectations: {value!r}; allowed: a folder, or a list of them", str(file)
            )
        return tuple(folder / name for name in names)
    return ()
