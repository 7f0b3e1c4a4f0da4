"""Text from cases, frameworks and exceptions, made safe to show anywhere."""

from __future__ import annotations

import re

_ANSI = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # no characters at all; XML refuses them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # would reorder what stands around them
)


def printable(text: str) -> str:
    """The text without terminal escapes, control characters and what reorders or breaks its surroundings."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub("", _ANSI.sub("", text))


def one_line(text: str, limit: int = 200) -> str:
    """The text on one line, cut off with ``…`` after ``limit`` characters."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def head(text: str, limit: int) -> str:
    """The beginning of a long text; ``…`` where something is left out."""
    clean = printable(text)
    return clean if len(clean) <= limit else clean[:limit] + "…"


def tail(text: str, limit: int) -> str:
    """The end of a long text; ``…`` where something is left out."""
    clean = printable(text)
    return clean if len(clean) <= limit else "…" + clean[-limit:]


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: ``1 job``, ``12,020 jobs``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
