"""Runs scripts in a fresh interpreter that has nothing of this project on its path, several after one another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAM = """
import contextlib, io, json, os, runpy, sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
for path in sys.argv[1:]:
    printed = io.StringIO()
    status, raised = 0, ""
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            status = int(end.code)
        except Exception as error:
            status, raised = 1, f"{type(error).__name__}: {error}"
    if "keras" in sys.modules:  # which a refused conversion leaves in channels first
        sys.modules["keras"].backend.set_image_data_format("channels_last")
    print(json.dumps({"status": status, "raised": raised, "printed": printed.getvalue()}))
    sys.stdout.flush()
print("conformance" in sys.modules)
"""


def run(scripts: Mapping[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """What each script exits with, raises and prints."""
    paths = {name: folder / f"script{number}.py" for number, name in enumerate(scripts)}
    for name, path in paths.items():
        path.write_text(scripts[name], "utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ended = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, *map(str, paths.values())],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    *lines, loaded = ended.stdout.splitlines()
    assert loaded == "False", ended.stderr[-2000:]
    return dict(zip(paths, map(json.loads, lines), strict=True))
