"""YAML read strictly: plain data with the place of every part, and one error for all that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance import strict_yaml
from conformance.errors import InputError
from conformance.strict_yaml import Document


def read(folder: Path, text: str | bytes) -> Document:
    """The document of a file that holds this text."""
    path = folder / "f.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return strict_yaml.read(path)


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places are relative to the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("1.5", 1.5),
        ("1e-5", 1e-5),
        (".5", 0.5),
        ("2.", 2.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", "True"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".nan", ".nan"),
        ("2024-01-01", "2024-01-01"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("''", ""),
        ("=", "="),
    ],
)
def test_a_plain_scalar_is_what_it_is_spelled_as_and_a_quoted_one_is_text(
    tmp_path: Path, scalar: str, value: Any
) -> None:
    found = read(tmp_path, f"a: {scalar}\n").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_block_scalars_are_text(tmp_path: Path) -> None:
    assert read(tmp_path, "a: |\n  3\nb: >-\n  true\n").data == {"a": "3\n", "b": "true"}


def test_collections_keep_their_order_and_nesting(tmp_path: Path) -> None:
    data = read(tmp_path, "b: [1, {c: [2, []]}]\na:\n  - - 3\n  - {}\n").data
    assert data == {"b": [1, {"c": [2, []]}], "a": [[3], {}]}
    assert list(data) == ["b", "a"]


def test_every_key_and_value_has_its_place(tmp_path: Path) -> None:
    document = read(tmp_path, "é: {ab: 1, c: [7,  8]}\nd:\n  - x\n  - yy: z\n")
    assert document.place(("é",), key=True) == "f.yaml:1:1"
    assert document.place(("é",)) == "f.yaml:1:4"
    assert document.place(("é", "ab")) == "f.yaml:1:9"
    assert document.place(("é", "c"), key=True) == "f.yaml:1:12"
    assert document.place(("é", "c", 1)) == "f.yaml:1:20"
    assert document.place(("d", 1, "yy")) == "f.yaml:4:9"


def test_a_collection_has_its_lines_as_they_are_written(tmp_path: Path) -> None:
    text = """\
cases:
  - name: a   # why
    matrix:
      kernel: [1,
        2]

  # of the next one
  - {name: b, kernel: 3}
  - name: c
defaults: {op: conv}  # a remark
"""
    document = read(tmp_path, text)
    assert document.lines(("cases", 0)) == "- name: a   # why\n  matrix:\n    kernel: [1,\n      2]"
    assert document.lines(("cases", 1)) == "- {name: b, kernel: 3}"
    assert document.lines(("cases", 2)) == "- name: c"
    assert document.lines(("defaults",)) == "defaults: {op: conv}  # a remark"
    assert document.lines(("nothing",)) == ""


def test_the_place_of_a_missing_part_is_that_of_what_encloses_it(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b: {c: 1}\n")
    assert document.place(("a", "b", "missing", 3)) == "f.yaml:2:6"
    assert document.place(("missing",)) == "f.yaml:1:1"
    assert str(document.error("what", ("a", "b", "c"), key=True)) == "f.yaml:2:7: what"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param("", "1:1", ["empty", "allowed: one YAML document"], id="empty"),
        pytest.param("# nothing\n", "1:1", ["empty"], id="comment-only"),
        pytest.param("a: 1\nb: 2\na: 3\n", "3:1", ["'a' again", "line 1"], id="duplicate-key"),
        pytest.param("a: {b: 1, b: 2}\n", "1:11", ["'b' again"], id="duplicate-flow-key"),
        pytest.param("a: &x 1\n", "1:4", ["anchor '&x'", "written out"], id="anchor"),
        pytest.param("&x a: 1\n", "1:1", ["anchor '&x'"], id="anchor-on-key"),
        pytest.param("a: &x [1]\n", "1:4", ["anchor '&x'"], id="anchor-on-list"),
        pytest.param("a:\n  - *x\n", "2:5", ["alias '*x'", "written out"], id="alias"),
        pytest.param("a: !!int 3\n", "1:4", ["tag", "plain values"], id="tag"),
        pytest.param("a: !odd {b: 1}\n", "1:4", ["tag '!odd'"], id="tag-on-mapping"),
        pytest.param("a: ! 3\n", "1:4", ["tag '!'"], id="non-specific-tag"),
        pytest.param("x:\n  <<: {a: 1}\n", "2:3", ["merge key '<<'", "matrix or defaults"], id="merge"),
        pytest.param("a: 1\n---\nb: 2\n", "2:1", ["second document", "allowed: one"], id="two-documents"),
        pytest.param("---\n---\n", "2:1", ["second document"], id="two-empty-documents"),
        pytest.param("1: a\n", "1:1", ["1 as a key", "allowed: text"], id="integer-key"),
        pytest.param("true: a\n", "1:1", ["True as a key"], id="boolean-key"),
        pytest.param("? ~\n: a\n", "1:3", ["None as a key"], id="null-key"),
        pytest.param("? [a]\n: 1\n", "1:3", ["collection as a key"], id="list-as-key"),
        pytest.param("a: " + "9" * 30 + "\n", "1:4", ["20 digits"], id="huge-integer"),
        pytest.param("[" * 17 + "]" * 17, "1:17", ["deeper than 16"], id="deep"),
        pytest.param("[" * 5000, "1:17", ["deeper than 16"], id="very-deep"),
        pytest.param("{a: " * 17 + "}" * 17, "1:65", ["deeper than 16"], id="deep-mappings"),
        pytest.param("a: b: c\n", "1:5", ["not YAML", "mapping values"], id="syntax"),
        pytest.param("a: [1\n", "2:1", ["not YAML"], id="unclosed"),
        pytest.param("\ta: 1\n", "1:1", ["not YAML", "token"], id="tab"),
        pytest.param(b"a: 1\nb: \xe9\n", "2:4", ["0xe9", "not UTF-8", "text in UTF-8"], id="latin-1"),
        pytest.param("a: 1\n".encode("utf-16"), "1:1", ["0xff", "not UTF-8"], id="utf-16"),
        pytest.param("a: 1\nb: x\x07\n", "2:5", ["'\\x07'", "printable"], id="control-character"),
        pytest.param("a: ééé\nb: x\x07\n", "2:5", ["'\\x07'", "printable"], id="control-after-accents"),
        pytest.param("a: é\x07\n\n\n", "1:5", ["'\\x07'", "printable"], id="control-behind-accent"),
        pytest.param("a: 1\x00\n", "1:5", ["'\\x00'", "printable"], id="nul"),
    ],
)
def test_what_is_no_plain_data_is_an_error_at_its_place(
    tmp_path: Path, text: str | bytes, place: str, words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"f.yaml:{place}: ")
    for word in words:
        assert word in message
    assert caught.value.status == 4


def test_sixteen_levels_are_allowed(tmp_path: Path) -> None:
    data = read(tmp_path, "[" * 16 + "]" * 16).data
    depth = 0
    while data or depth < 16:
        depth += 1
        data = data[0] if data else None
    assert depth == 16


def test_one_key_in_two_mappings_is_no_duplicate(tmp_path: Path) -> None:
    assert read(tmp_path, "a: {x: 1}\nb: {x: 2}\nc: [{x: 3}, {x: 4}]\n").data["c"] == [{"x": 3}, {"x": 4}]


def test_an_explicit_document_start_and_a_byte_order_mark_are_allowed(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff---\na: 1\n").data == {"a": 1}


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^gone\.yaml: cannot be read: No such file"):
        strict_yaml.read(tmp_path / "gone.yaml")


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_yaml, "LARGEST_FILE", 10)
    assert read(tmp_path, "a: 3456789").data == {"a": 3456789}
    with pytest.raises(InputError, match=r"f\.yaml:1:1: 11 bytes; allowed: up to 10"):
        read(tmp_path, "a: [[[[[[[[")


def test_a_file_outside_the_current_folder_is_shown_with_its_whole_path(tmp_path: Path) -> None:
    folder = tmp_path.parent / f"{tmp_path.name}-beside"
    folder.mkdir()
    assert read(folder, "a: 1\n").place(("a",)) == f"{folder}/f.yaml:1:4"
