"""``python -m benchmarks.static``: processes of ``check`` and ``fix`` on the light ResNet-50, against their goals."""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import medians

GOALS = {"check": 1.0, "fix": 3.0, "fix --for keras": 3.0}
"""Seconds."""


def main() -> int:
    origin = (find_spec("onnx") or sys.exit("onnx is not installed")).origin
    model = str(Path(str(origin)).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx")
    with tempfile.TemporaryDirectory() as folder:
        out = ["-o", str(Path(folder, "fixed.onnx"))]
        commands = {
            "check": ["-m", "conformance", "check", model],
            "fix": ["-m", "conformance", "fix", model, *out],
            "fix --for keras": ["-m", "conformance", "fix", model, *out, "--for", "keras"],
        }
        medians(commands, 1)
        seconds = {name: took.seconds for name, took in medians(commands, 7).items()}
    for name, goal in GOALS.items():
        mark = "pass" if seconds[name] <= goal else "OVER"
        print(f"{name:<16} {seconds[name]:5.2f} s   goal {goal:.0f} s   {mark}")
    return int(any(seconds[name] > goal for name, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
