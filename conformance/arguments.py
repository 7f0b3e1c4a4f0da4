"""Sizes and paddings as the command line's arguments spell them."""

from __future__ import annotations

import re

from conformance.domain.case import PADDING_RULES
from conformance.errors import InputError


def sizes(name: str, text: str, least: int = 1) -> list[int]:
    """``224x224`` as numbers; ``InputError`` where it is none, or one is smaller than ``least``."""
    parts = re.split(r"[x,]", text)
    if not all(re.fullmatch(r"[0-9]{1,6}", part) and int(part) >= least for part in parts):
        option = name.replace("_", "-")
        raise InputError(f"--{option} {text!r}; allowed: integers from {least} up, joined by x: 6 or 224x224")
    return list(map(int, parts))


def padding(text: str) -> str | int | list[list[int]]:
    """A rule, a number, or ``0.1x0.1`` as pairs; ``InputError`` where it is none of them."""
    if text in PADDING_RULES:
        return text
    if re.fullmatch(r"[0-9]{1,6}", text):
        return int(text)
    if not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}(x[0-9]{1,6}\.[0-9]{1,6})*", text):
        allowed = f"{', '.join(PADDING_RULES)}, an integer, or BEGIN.END for each axis: 0.1x0.1"
        raise InputError(f"--padding {text!r}; allowed: {allowed}")
    return [list(map(int, pair.split("."))) for pair in text.split("x")]
