from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conformance.journal import Run
from conformance.render import html
from conformance.render.digest import digest
from conformance.render.plain import printable
from tests.render.made_journals import HOSTILE, REMEDIED, case, hostile, mismatch, result, run, varied


def page(found: Run) -> str:
    return html.render(found, digest(found))


class Elements(HTMLParser):
    """The page's tags with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, str]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.raw.append((self._inside, data))
        else:
            self.text += data


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_verdict_comes_first(tmp_path: Path) -> None:
    found = varied(tmp_path)
    text = page(found)
    assert f"<h1>{digest(found).sentence}</h1>" in text
    assert text.index("<h1>") < text.index("torch&nbsp;2.4.0") < text.index("Defects by cause")
    assert "negative control: broken on purpose" in text
    assert "pip install tensorflow" in text


def test_an_incomplete_run_says_so_first(tmp_path: Path) -> None:
    about = case("made/one")
    text = page(run(tmp_path, about, result(about, "torch", "same"), planned=2, footer={}))
    assert "<h1>INCOMPLETE, 1 of 2 jobs recorded" in text
    assert "<title>INCOMPLETE" in text


def test_one_journal_gives_the_same_bytes(tmp_path: Path) -> None:
    assert page(varied(tmp_path)) == page(varied(tmp_path))


def test_nothing_from_outside_is_allowed_and_what_is_inside_has_its_hash(tmp_path: Path) -> None:
    elements = Elements(page(varied(tmp_path)))
    policy = next(
        attrs["content"] for tag, attrs in elements.tags if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for kind, text in elements.raw:
        if not text.startswith("{"):
            assert f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    for tag, attrs in elements.tags:
        assert not {"src", "onerror", "onclick", "style"} & set(attrs), (tag, attrs)
        assert (attrs.get("href") or "#").startswith("#")


def test_hostile_text_is_text(tmp_path: Path) -> None:
    text = page(hostile(tmp_path))
    elements = Elements(text)
    assert [tag for tag, _ in elements.tags if tag in ("img", "iframe", "a")].count("img") == 0
    assert [attrs for tag, attrs in elements.tags if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    assert "<script>window.hacked = 1</script></script>\"'" in elements.text
    assert not re.search("[\x00\x1b\u202e]", text)
    embedded = next(raw for kind, raw in elements.raw if raw.startswith("{"))
    assert not re.search("[<>&\u2028\u2029]", embedded)
    assert printable(HOSTILE) in json.loads(embedded)["values"]


def test_json_in_a_script_cannot_end_it() -> None:
    text = html.embedded(["</script>", "<!--", "&amp;", "\u2028\u2029", 'quote " and \\'])
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == ["</script>", "<!--", "&amp;", "\u2028\u2029", 'quote " and \\']


def test_the_data_holds_every_job_once(tmp_path: Path) -> None:
    data = data_of(page(varied(tmp_path)))
    assert [column[:2] for column in data["columns"]] == [
        ["torch", "explicit"],
        ["torch", "same"],
        ["torch", "symmetric"],
        ["keras", "same"],
        ["broken", "pads"],
    ]
    assert data["rows"] == [".m...", "....."]
    assert len(data["jobs"]) == 7
    fields, values = data["job_fields"], data["values"]
    first = {name: values[number] for name, number in zip(fields, data["jobs"][0][2:], strict=False)}
    assert first["verdict"] == "mismatch"
    assert first["axes"] == [[1, 0, 3, 2, 1, 0]]
    assert first["first"] == [0, 0, 1]
    assert first["code"] == "F.conv1d(x, weight, padding=1)"
    assert (first["instead"], first["fix"]) == ("torch/same", "F.conv1d(F.pad(x, (0, 1)), weight)")
    assert {name: first[name] for name in ("alternatives", "separating", "rejected", "tried")} == {
        **{name: REMEDIED[name] for name in ("alternatives", "separating", "rejected")},
        "tried": 5,
    }


def test_values_are_written_once() -> None:
    values = html.Values()
    assert values.row(["a", [1, 2], "a", "", None]) == [1, 2, 1]
    assert values.row([[1, 2], 0, True]) == [2, 3, 4]
    assert values.values == [None, "a", [1, 2], 0, True]


def test_details_stop_where_the_page_would_grow_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "BUDGET", 400)
    data = data_of(page(varied(tmp_path)))
    cut = data["job_fields"].index("cut") + 2
    assert len(data["jobs"][0]) <= cut
    assert len(data["jobs"][-1]) == cut + 1
    monkeypatch.setattr(html, "BUDGET", 0)
    values = data_of(page(varied(tmp_path)))["values"]
    assert "torch/same" in values
    assert not {REMEDIED["fix"]["code"], "F.conv1d(x, weight, padding=1)"} & {v for v in values if isinstance(v, str)}
    assert REMEDIED["separating"] not in values


def test_ten_thousand_jobs_stay_small(tmp_path: Path) -> None:
    abouts = [case(f"made/c{number}") for number in range(1000)]
    results = [
        mismatch(
            about,
            variant=f"v{variant}",
            evidence=f"evidence of {number}",
            code=f"a piece of code, {number}, {variant} " * 3,
            **{**REMEDIED, "fix": {"variant": "same", "code": f"what is right, {number} " * 5}},
        )
        if number % 5 == 0
        else result(about, "torch", f"v{variant}")
        for number, about in enumerate(abouts)
        for variant in range(10)
    ]
    assert len(page(run(tmp_path, *abouts, *results)).encode()) < 1_000_000


def test_a_reader_without_a_script_sees_one_job_of_each_kind(tmp_path: Path) -> None:
    text = page(varied(tmp_path))
    written = text[text.index('<section id="jobs">') : text.index('<script type="application/json"')]
    assert written.count("<details>") == 7
    assert written.index("torch/explicit") < written.index("keras/same") < written.index("torch/symmetric")
    assert 'class="drawing"' in written
    assert '<td class="f">-7</td>' in written
    assert "Segfault" in written
    assert "Expected: never read" in written
    assert "<h4>Write instead: torch/same</h4><pre>F.conv1d(F.pad(x, (0, 1)), weight)</pre>" in written
    assert written.count("No variant of this runner that was run gives the right answer") == 2  # broken, and the hazard
    explained = re.findall("<li><b>([^<]*)</b>, which would differ on <span[^>]*>([^<]*)</span></li>", written)
    assert explained == [("pads-begin-only", "conv 3 · k 2 · s 2")]
    assert "<li><b>pad-amount + bias-dropped</b></li>" in written
    assert "5 hypotheses tried; rejected: pads-ignored, kernel-flipped<" in written
    assert "5 hypotheses tried<" in written
    assert "cases/made.yaml:7:5" in written


def test_jobs_that_are_not_written_out_are_counted(tmp_path: Path) -> None:
    abouts = [case(f"made/c{number}") for number in range(html.STATIC + 9)]
    results = [mismatch(about, causes=[f"cause-{number}"]) for number, about in enumerate(abouts)]
    text = page(run(tmp_path, *abouts, *results))
    assert text.count("<details>") == html.STATIC
    assert "9 more jobs of less importance" in text


def test_tables_mark_what_differs() -> None:
    sample = {"start": [2, 4], "expected": [[1, 2], [3, 4]], "got": [[1, 2], [5, "nan"]]}
    expected, got = html.tables(sample, (0, 0, 3, 4))
    assert expected.columns == (4, 5)
    assert expected.rows == ((2, (("1", ""), ("2", ""))), (3, (("3", "f"), ("4", "d"))))
    assert got.rows[1] == (3, (("5", "f"), ("nan", "d")))


def test_tables_of_different_shapes_mark_what_only_one_has() -> None:
    one, two = html.tables({"start": [0], "expected": [1, 2, 3], "got": [1, 2]}, None)
    assert one.rows == ((0, (("1", ""), ("2", ""), ("3", "f"))),)
    assert two.rows == ((0, (("1", ""), ("2", ""))),)
    assert html.tables({"expected_shape": [1], "got_shape": [2]}, None) == ()
