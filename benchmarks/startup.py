"""How long commands take that run no case, against ``python -c "import numpy"``."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Ratio, medians

AGAINST = "import numpy"
COMMANDS = {
    AGAINST: ["-c", "import numpy"],
    "--help": ["-m", "conformance", "--help"],
    "explain": ["-m", "conformance", "explain", "--input", "6", "--kernel", "3", "--stride", "2", "--padding", "same"],
    "explain --from": ["-m", "conformance", "explain", "--from", "nn.Conv2d(64, 64, 3, 2, 1)", "--input", "56x56"],
    "list": ["-m", "conformance", "list"],
}
GOALS = {"--help": 1.0, "explain": 1.0, "explain --from": 1.0, "list": 3.0}


def ratios(quick: bool) -> Iterator[Ratio]:
    """Each command's ratio."""
    medians(COMMANDS, 1)  # what is compiled and cached once
    took = medians(COMMANDS, 15 if quick else 31)
    for name, goal in GOALS.items():
        yield Ratio(f"conformance {name}", took[name].seconds, AGAINST, took[AGAINST].seconds, goal)
