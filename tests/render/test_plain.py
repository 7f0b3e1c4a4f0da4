from __future__ import annotations

import pytest

from conformance.render.plain import counted, head, one_line, printable, tail


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("a\x00b\x08c\x7fd\x85e", "abcde"),
        ("cut\x1b", "cut"),
        ("kept\tand\nkept", "kept\tand\nkept"),
        ("line\r\nline", "line\nline"),
        ("abc\u202edef\u2066", "abcdef"),
        ("\ud800\uffff", ""),
        ("Größe × π 漢 🙂", "Größe × π 漢 🙂"),
    ],
)
def test_only_what_can_be_shown_is_left(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line_has_no_line_breaks_and_a_limit() -> None:
    assert one_line("a\n b\u2028c\x0bd") == "a b cd"
    assert one_line("x" * 300, 10) == "xxxxxxxxx…"


def test_long_texts_keep_their_beginning_or_their_end() -> None:
    assert head("abcdef", 3) == "abc…"
    assert tail("abcdef", 3) == "…def"
    assert head("abc", 3) == tail("abc", 3) == "abc"


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(number, "job") for number in (0, 1, 12020)] == ["0 jobs", "1 job", "12,020 jobs"]
