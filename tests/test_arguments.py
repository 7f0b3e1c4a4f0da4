"""What the command line's arguments may spell, and what is said of what they may not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conformance import arguments
from conformance.errors import InputError


@pytest.mark.parametrize(("text", "numbers"), [("6", [6]), ("224x1", [224, 1]), ("3,4x5", [3, 4, 5])])
def test_sizes(text: str, numbers: list[int]) -> None:
    assert arguments.sizes("input", text) == numbers


def test_only_what_may_be_nothing_takes_a_zero() -> None:
    assert arguments.sizes("output_padding", "0x1", least=0) == [0, 1]
    with pytest.raises(InputError, match="--input '0x1'; allowed: integers from 1 up, joined by x"):
        arguments.sizes("input", "0x1")


@pytest.mark.parametrize("text", ["", "x", "6x", "6xx6", "-1", "6 ", "6.5", "1234567", "six"])
def test_other_texts_are_no_sizes(text: str) -> None:
    message = re.escape(f"--output-padding {text!r}; allowed: integers from 0 up, joined by x")
    with pytest.raises(InputError, match=message):
        arguments.sizes("output_padding", text, least=0)


@pytest.mark.parametrize(
    ("text", "padding"),
    [("same_lower", "same_lower"), ("0", 0), ("12", 12), ("0.1", [[0, 1]]), ("0.1x20.3", [[0, 1], [20, 3]])],
)
def test_paddings(text: str, padding: Any) -> None:
    assert arguments.padding(text) == padding


@pytest.mark.parametrize(
    "text", ["", "Same", "symmetric", "-1", "1x1", "0.1x", "0.1x1", "0.1.2", "0.1,0.1", "1234567.0"]
)
def test_other_texts_are_no_paddings(text: str) -> None:
    message = re.escape(
        f"--padding {text!r}; allowed: valid, same, same_lower, causal, fixed, an integer, or BEGIN.END"
    )
    with pytest.raises(InputError, match=message):
        arguments.padding(text)
