"""How long adopting the suite takes: docs/adopt.md done in an environment with nothing else in it.

    python -m benchmarks.adoption

It needs a package index for onnx, onnxruntime, numpy and what the wheel needs.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "adopt.md"
CONVERTER = ROOT / "tests" / "small_converter.py"
PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "my-converter"
version = "0.1.0"

[tool.setuptools]
packages = ["my_converter"]

"""
"""What a package has in its ``pyproject.toml`` before it adopts the suite."""


def steps() -> Iterator[tuple[str, str]]:
    """What the page says to do, in its order: a file's path and text, or no path and a command."""
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if language == "sh":
            yield from (("", line) for line in block.splitlines())
        else:
            head, _, text = block.partition("\n")
            yield head.removeprefix("# "), text


def follow(folder: Path) -> Iterator[list[str]]:
    """The page's commands, with what it writes before each of them written for a small converter's package."""
    (folder / "my_converter").mkdir()
    shutil.copyfile(CONVERTER, folder / "my_converter" / "__init__.py")
    (folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    for name, text in steps():
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("a", encoding="utf-8") as file:
                file.write(text)
        else:
            yield shlex.split(text)


def main() -> None:
    """Print a row for each command, with its seconds and its status."""
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary).resolve()
        build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(here / "wheel"), str(ROOT)]
        subprocess.run(build, check=True)
        (wheel,) = (here / "wheel").glob("*.whl")
        subprocess.run([sys.executable, "-m", "venv", str(here / "venv")], check=True)
        package = here / "package"
        package.mkdir()
        print("| command | seconds | status |")
        print("| --- | ---: | ---: |")
        for command in follow(package):
            if command[0] == "nox":
                continue
            row(command, package, here / "venv" / "bin", wheel)
            if "install" in command:
                row(["python", "-m", "pip", "install", "-e", "."], package, here / "venv" / "bin", wheel)


def row(command: list[str], package: Path, programs: Path, wheel: Path) -> None:
    """Run one command of the page in the package's folder and print its row."""
    program, *arguments = (part.replace("padding-conformance", str(wheel)) for part in command)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = time.monotonic()
    ended = subprocess.run([programs / program, *arguments], cwd=package, env=environ, capture_output=True, text=True)
    if ended.returncode > 1:
        raise SystemExit(ended.stdout + ended.stderr)
    print(f"| `{shlex.join(command)}` | {time.monotonic() - started:.1f} | {ended.returncode} |", flush=True)


if __name__ == "__main__":
    main()
