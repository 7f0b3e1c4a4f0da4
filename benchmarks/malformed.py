"""Generated case files and expectations, most malformed: no traceback, each below 1 s of processor time and 256 MiB.

    python -m benchmarks.malformed [NUMBER]

Half are the packaged files with some bytes changed, half are built from the schema's words with values that may not
stand there. Each is read as cases and as expectations; what is refused has to be one line with a place in the file.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance import cases, expectations, packaged, schema
from conformance.domain.causes import CAUSES
from conformance.domain.facts import FACTS
from conformance.errors import InputError

ONE_LINE = re.compile(r"\d+:\d+: [^\n]+\Z")
"""A message: line, column, and text on one line."""

NUMBER = 100_000
PART = 5_000
SECONDS = 1.0
MEBIBYTES = 256

FIELDS = sorted({*schema.CaseEntry.model_fields, *schema.CaseFile.model_fields, "schema"} - {"schema_"})
KNOWN = sorted({"known", "runner", "when", "verdict", "causes", "reason", "expires", "versions", *FACTS})
WORDS = ("same", "valid", "conv", "pad", "max_pool", "lattice", "normal", "depthwise", "mismatch", *CAUSES)

scalars = (
    st.sampled_from(WORDS)
    | st.integers(-2, 7)
    | st.sampled_from([2**31 - 1, 2**31, 10**19, -(2**63)])
    | st.booleans()
    | st.none()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["a", "a-{kernel}", "{input}", "..", "a..b", "-a", "x\x1b[31m", "a\nb", "::error::", "1.0"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner),
    max_leaves=12,
)
plain: dict[str, Any] = {"name": "a", "input": [6, 6], "kernel": 3, "padding": "same"}
entries = st.dictionaries(st.sampled_from(FIELDS), values, max_size=5).map(lambda own: {**plain, **own})
known = st.fixed_dictionaries(
    {"verdict": st.just("mismatch") | scalars, "causes": st.just(["bias-dropped"]) | values, "reason": scalars},
    optional={"when": st.dictionaries(st.sampled_from(KNOWN), values, max_size=3), "expires": scalars},
)
documents = (
    st.fixed_dictionaries({"schema": st.just(1), "title": st.just("t"), "cases": st.lists(entries, max_size=3)})
    | st.fixed_dictionaries(
        {"schema": st.just(1), "runner": scalars, "cases": st.just("1.0"), "known": st.lists(known, max_size=3)}
    )
    | values
)


def spelled(value: Any) -> str:
    """A value in YAML's flow style, without quotes where it pleases: what a person may have typed."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spelled(key)}: {spelled(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spelled, value)) + "]"
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


PIECES = (b"\n", b": ", b"- ", b"{", b"]", b"&a ", b"*a", b"!!x ", b"99999", b"'")
FILES = [file.read_bytes() for folder in (packaged.cases(), packaged.expectations()) for file in folder.rglob("*.yaml")]


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A packaged file, cut to a part of it, with some bytes replaced, removed or put in."""
    raw = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        raw[start : start + draw(st.integers(0, 20))] = draw(st.binary(max_size=4) | st.sampled_from(PIECES))
    return bytes(raw)


texts = documents.map(spelled).map(lambda text: text.encode("utf-8", "surrogatepass")) | changed()


def refusals(file: Path) -> list[str]:
    """What is said of a file as cases and as expectations, where it is refused, without its name."""
    told = []
    for reads in (lambda: cases.check_values(cases.load([file])), lambda: expectations.read_file(file)):
        try:
            reads()
        except InputError as error:
            told.append(str(error).removeprefix(f"{file}:"))
    return told


def answer() -> None:
    """The reader: files from standard input, each after its length; what is said of each, its seconds, the memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / cases.MARKER).write_text("{}")
        file = folder / "f.yaml"
        while line := sys.stdin.buffer.readline():
            file.write_bytes(sys.stdin.buffer.read(int(line)))
            started = time.process_time()
            told = refusals(file)
            seconds = time.process_time() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps([told, seconds, peak]), flush=True)


def main(number: int = NUMBER) -> int:
    """Have so many files read; 1 where one takes too long, too much memory, or is refused without a place."""
    reader = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.malformed", "read"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert reader.stdin
    assert reader.stdout
    slowest, largest = (0.0, b""), 0.0
    refused = read = 0
    problems: list[str] = []

    def check(raw: bytes) -> None:
        nonlocal slowest, largest, refused, read
        reader.stdin.write(b"%d\n%s" % (len(raw), raw))  # type: ignore[union-attr]
        reader.stdin.flush()  # type: ignore[union-attr]
        told, seconds, largest = json.loads(reader.stdout.readline() or b"null") or sys.exit(f"a traceback on {raw!r}")  # type: ignore[union-attr]
        read, refused = read + 1, refused + (len(told) == 2)
        slowest = max(slowest, (seconds, raw))
        problems.extend(message for message in told if not ONE_LINE.match(message))

    for part in range(0, number, PART):  # what hypothesis remembers of its examples grows with them
        some = settings(
            max_examples=min(PART, number - part),
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seed(part)(some(given(texts)(check)))()
    reader.stdin.close()
    reader.wait()
    print(f"{read:>8,} files, {refused:,} of them refused as cases and as expectations")
    print(f"{slowest[0]:8.3f} s of processor time the slowest of them (allowed: {SECONDS:g})")
    print(f"{largest:8.0f} MiB at most, interpreter and libraries included (allowed: {MEBIBYTES})")
    for problem in problems[:5]:
        print(f"no place, or not one line: {problem!r}")
    return int(bool(problems) or slowest[0] > SECONDS or largest > MEBIBYTES)


if __name__ == "__main__":
    if sys.argv[1:] == ["read"]:
        answer()
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
