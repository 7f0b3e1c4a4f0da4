"""docs/semantics.md is true: its worked examples against the code, its anchors against who refers to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import cases
from conformance.domain.geometry import Axis

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "semantics.md").read_text("utf-8")


def examples() -> Iterator[Any]:
    rows = DOCUMENT.partition("## Worked examples")[2].partition("## ")[0].splitlines()
    for row in (line.strip("|").split("|") for line in rows if line.startswith("|")):
        yield pytest.param(*map(str.strip, row), id=" ".join(map(str.strip, row)))


@pytest.mark.parametrize(
    ("op", "padding", "size", "kernel", "stride", "dilation", "more", "pads", "outputs", "divisors"),
    list(examples())[2:],
)
def test_the_worked_examples_are_what_the_code_computes(
    op: str,
    padding: str,
    size: str,
    kernel: str,
    stride: str,
    dilation: str,
    more: str,
    pads: str,
    outputs: str,
    divisors: str,
) -> None:
    numbers = {"input": int(size), "kernel": int(kernel), "stride": int(stride), "dilation": int(dilation)}
    case = cases.from_fields({"op": op, "padding": yaml.safe_load(padding), **numbers, **yaml.safe_load(f"{{{more}}}")})
    (axis,) = case.asked
    assert f"{axis.begin},{axis.end}" == pads
    assert axis.output == int(outputs)
    if divisors:
        assert isinstance(axis, Axis)
        assert " ".join(map(str, axis.divisors())) == divisors


def anchors() -> set[str]:
    headings = re.findall(r"^#+ (.*)$", DOCUMENT, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', DOCUMENT))


def test_every_reference_into_the_document_has_a_heading() -> None:
    files = [path for folder in ("conformance", "cases", "expectations", "docs") for path in (ROOT / folder).rglob("*")]
    texts = [path.read_text("utf-8") for path in files if path.suffix in (".py", ".yaml", ".md", ".html")]
    asked = {anchor for text in texts for anchor in re.findall(r"semantics\.md#([\w-]+)", text)}
    asked |= set(re.findall(r"\]\(#([\w-]+)\)", DOCUMENT))
    assert asked - anchors() == set()
