"""Every message that exists about a case file or expectations is made by one of the tables of bad files."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

from conformance import cases, expectations, schema, strict_yaml
from conformance.domain.case import Case
from conformance.errors import InputError
from tests import test_bad_cases, test_expectations

Load = Callable[[Any], list[Case]]
READERS = (cases, expectations, schema, strict_yaml)


def messages(module: ModuleType) -> Iterator[tuple[int, int, str]]:
    """Where a module words an error: first and last line of the text, and the text."""
    assert module.__file__
    for node in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            text = node.args[0]
            if name in ("error", "InputError") and isinstance(text, (ast.JoinedStr, ast.Constant)):
                yield text.lineno, text.end_lineno or text.lineno, ast.unparse(text)


@contextmanager
def traced(modules: tuple[ModuleType, ...]) -> Iterator[dict[str, set[int]]]:
    """The lines of these modules that are executed meanwhile."""
    lines: dict[str, set[int]] = defaultdict(set)
    files = {module.__file__ for module in modules}

    def enter(frame: FrameType, event: str, argument: object) -> Any:
        return line if frame.f_code.co_filename in files else None

    def line(frame: FrameType, event: str, argument: object) -> Any:
        lines[frame.f_code.co_filename].add(frame.f_lineno)
        return line

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield lines
    finally:
        sys.settrace(before)


Act = Callable[[], object]


def trees(folder: Path) -> list[tuple[Act, str]]:
    """What is wrong with files and folders themselves: what reads them, and the message."""
    (folder / "empty").mkdir(parents=True)
    for name in ("Bad.yaml", "a..b.yaml", "one/f.yaml", "two/f.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(test_bad_cases.PLAIN, "utf-8")
        (folder / name).with_name(cases.MARKER).write_text("{}", "utf-8")
    again = "two/f.yaml:4:5: case 'f/a' again; allowed: once (it is at "
    return [
        (lambda: cases.load([folder / "nowhere"]), "nowhere does not exist; allowed: case files (*.yaml) and folders"),
        (lambda: cases.load([folder / "empty"]), "empty holds no *.yaml file; allowed: case files and folders of them"),
        (
            lambda: cases.load([folder / "Bad.yaml"]),
            "Bad.yaml:1:1: 'Bad' in the file's path; allowed: up to 120 of a-z",
        ),
        (lambda: cases.load([folder / "a..b.yaml"]), "a..b.yaml:1:1: 'a..b' in the file's path; allowed: up to 120"),
        (lambda: cases.load([folder / "one", folder / "two"]), again),
        (lambda: expectations.read_file(folder), "cannot be read: Is a directory"),
        (lambda: expectations.load([folder / "nowhere"]), "nowhere is no folder; allowed: a folder of expectation"),
    ]


def test_every_message_has_a_bad_file_that_makes_it(load_text: Load, load_entry: Load, tmp_path: Path) -> None:
    with traced(READERS) as lines:
        for load, table in ((load_entry, test_bad_cases.FIELDS), (load_text, test_bad_cases.FILES)):
            for text, *_ in table.values():
                with pytest.raises(InputError):
                    load(text)
        for text, _ in test_expectations.ERRORS:
            (tmp_path / "e.yaml").write_text(text, "utf-8")
            with pytest.raises(InputError):
                expectations.read_file(tmp_path / "e.yaml")
        for act, message in trees(tmp_path / "trees"):
            with pytest.raises(InputError) as caught:
                act()
            assert message in str(caught.value)
    unmade = [
        f"{Path(str(module.__file__)).name}:{first}: {text}"
        for module in READERS
        for first, last, text in messages(module)
        if not lines[str(module.__file__)] & set(range(first, last + 1))
    ]
    assert not unmade, "\n".join(unmade)
