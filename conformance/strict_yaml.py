"""YAML read strictly: plain data, and the place of every key and value in the file.

Aliases, anchors, tags, merges, duplicate keys and several documents are errors. A plain scalar is
an integer, a float, ``true``, ``false`` or null where it is spelled so (YAML 1.2's core schema);
anything else is text, ``no`` and ``1:30`` included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from pathlib import Path
from textwrap import dedent
from typing import Any

import yaml

from conformance.errors import InputError

Path_ = tuple[Any, ...]

LARGEST_FILE = 4 * 2**20
MOST_VALUES = 100_000
DEEPEST = 16

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
    ".inf": inf,
    "+.inf": inf,
    "-.inf": -inf,
}


@dataclass
class Document:
    """The data of a file, and where each of its parts is."""

    path: str
    data: Any = None
    places: dict[Path_, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path_, tuple[int, int]] = field(default_factory=dict)
    ends: dict[Path_, int] = field(default_factory=dict)
    text: str = ""

    def lines(self, path: Path_) -> str:
        """The lines of a collection as they are written, without their common indentation."""
        if path not in self.ends:
            return ""
        first = (self.keys.get(path) or self.places[path])[0]
        lines = [line.rstrip() for line in self._lines[first - 1 : self.ends[path]]]
        while lines[-1].lstrip()[:1] in ("", "#"):
            lines.pop()
        return dedent("\n".join(lines))

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines()

    def place(self, path: Path_, key: bool = False) -> str:
        """``file:line:column`` of the innermost part of ``path`` that is in the file, or of its key."""
        table = self.keys if key else self.places
        for end in range(len(path), -1, -1):
            mark = table.get(path[:end]) or self.places.get(path[:end])
            if mark:
                return f"{self.path}:{mark[0]}:{mark[1]}"
        return f"{self.path}:1:1"

    def error(self, message: str, path: Path_ = (), key: bool = False) -> InputError:
        """An error about a part of this file."""
        return InputError(message, self.place(path, key))


def read(path: Path) -> Document:
    """The one document of a file; ``InputError`` with its place for all that is not plain data."""
    document = Document(shown_path(path))
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", document.path) from error
    if len(raw) > LARGEST_FILE:
        raise document.error(f"{len(raw)} bytes; allowed: up to {LARGEST_FILE}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise InputError(
            f"byte {raw[error.start]:#04x} is not UTF-8; allowed: text in UTF-8", f"{document.path}:{line}:{column}"
        ) from error
    document.text = text
    _Builder(document).build(text)
    return document


def shown(value: Any) -> str:
    """A value that arrived, short enough for one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def shown_path(path: Path) -> str:
    """A path as people read it: relative where it lies below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


class _Builder:
    """Builds plain data from parser events, without recursion."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.stack: list[tuple[Any, Path_]] = []
        self.key: Path_ | None = None
        self.documents = 0

    def build(self, text: str) -> None:
        try:
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                self.take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if mark and "nesting depth" in str(error.problem):  # PyYAML's own limit, from 6.0.4 on, a long way ahead
                _Builder(Document(self.document.path)).build(text[: mark.index])
            place = f"{self.document.path}:{mark.line + 1}:{mark.column + 1}" if mark else self.document.path
            raise InputError(f"not YAML: {error.problem or error.context}", place) from error
        except yaml.reader.ReaderError as error:
            before = text.encode()[: error.position].decode("utf-8", "ignore")  # the position counts bytes
            character = error.character if isinstance(error.character, str) else chr(error.character)
            raise InputError(
                f"character {character!r} is not allowed in YAML; allowed: printable text",
                f"{self.document.path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}",
            ) from error
        if not self.documents:
            raise InputError("the file is empty; allowed: one YAML document", f"{self.document.path}:1:1")

    def take(self, event: Any) -> None:
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.NodeEvent):
            self.node(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            _, path = self.stack.pop()
            end: Any = event.end_mark
            bracket = place != (end.line + 1, end.column + 1)  # of a block, the end is where the next token begins
            self.document.ends[path] = end.line + bracket
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self.error("a second document; allowed: one", place)

    def node(self, event: Any, place: tuple[int, int]) -> None:
        """Put a value where it belongs, and open it where it is a collection."""
        if isinstance(event, yaml.AliasEvent):
            raise self.error(f"alias '*{event.anchor}'; allowed: values written out (use matrix or defaults)", place)
        if event.anchor is not None:
            raise self.error(f"anchor '&{event.anchor}'; allowed: values written out (use matrix or defaults)", place)
        if event.tag is not None:
            raise self.error(f"tag '{event.tag}'; allowed: plain values without tags", place)
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event, place)
        else:
            value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        parent, path = self.stack[-1] if self.stack else (None, ())
        if isinstance(parent, list):
            path = (*path, len(parent))
            parent.append(value)
        elif parent is None:
            self.document.data = value
        elif self.key is None:
            self.take_key(value, parent, path, place)
            return
        else:
            path, self.key = self.key, None
            parent[path[-1]] = value
        self.document.places[path] = place
        if len(self.document.places) > MOST_VALUES:
            raise self.error(f"more than {MOST_VALUES} values in one file; allowed: fewer (use matrix)", place)
        if isinstance(value, (list, dict)):
            if len(self.stack) >= DEEPEST:
                raise self.error(f"nested deeper than {DEEPEST} levels", place)
            self.stack.append((value, path))

    def take_key(self, key: Any, parent: dict[str, Any], parent_path: Path_, place: tuple[int, int]) -> None:
        """A key of the open mapping, whose value comes next."""
        if isinstance(key, (list, dict)):
            raise self.error("a collection as a key; allowed: text", place)
        if not isinstance(key, str):
            raise self.error(f"{shown(key)} as a key; allowed: text", place)
        if key == "<<":
            raise self.error("merge key '<<'; allowed: values written out (use matrix or defaults)", place)
        path = (*parent_path, key)
        if key in parent:
            first = self.document.keys[path]
            raise self.error(f"key {shown(key)} again; allowed: once (it is at line {first[0]})", place)
        self.document.keys[path] = place
        self.key = path

    def scalar(self, event: Any, place: tuple[int, int]) -> Any:
        text: str = event.value
        if event.style:  # quoted, or a block
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "+-.0123456789":
            return text
        if _INTEGER.match(text):
            if len(text) > 20:
                raise self.error("an integer of more than 20 digits", place)
            return int(text)
        return float(text) if _FLOAT.match(text) else text

    def error(self, message: str, place: tuple[int, int]) -> InputError:
        return InputError(message, f"{self.document.path}:{place[0]}:{place[1]}")
