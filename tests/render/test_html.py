from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from conformance.journal import Run
from conformance.render import html
from conformance.render.digest import digest
from conformance.render.plain import printable
from tests.render.made_journals import HOSTILE, REMEDIED, case, hostile, mismatch, result, run, varied


def pages(found: Run) -> dict[str, str]:
    return html.render(found, digest(found))


def page(found: Run) -> str:
    return pages(found)["report.html"]


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


def test_one_journal_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "INLINE", 2)
    assert pages(varied(tmp_path)) == pages(varied(tmp_path))


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
            known = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert re.search(rf"{kind}-src [^;]*'sha256-{re.escape(known)}'", policy)
    for tag, attrs in elements.tags:
        assert not {"src", "onerror", "onclick", "style"} & set(attrs), (tag, attrs)
        assert (attrs.get("href") or "#").startswith("#")


def test_hostile_text_is_text(tmp_path: Path) -> None:
    text = page(hostile(tmp_path))
    elements = Elements(text)
    assert [tag for tag, _ in elements.tags if tag in ("img", "iframe", "a")].count("img") == 0
    assert [attrs for tag, attrs in elements.tags if tag == "script"] == [
        {},
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
    assert data["pages"] == [7]
    fields, values = data["job_fields"], data["values"]
    first = {name: values[number] for name, number in zip(fields, data["jobs"][0][2:], strict=True)}
    assert first == {
        "verdict": "mismatch",
        "gate": "regression",
        "causes": ["symmetric-for-asymmetric"],
        "line": "pads (1,0) where (0,1) is asked for; expected 4, got -7 at [0, 0, 1]; "
        "2 of 3 elements differ, by up to 11",
    }
    assert data["columns"][3][2:] == ["", "conformance reproduce CASE keras/same -o reproduce.py"]


def test_values_are_written_once() -> None:
    values = html.Values()
    assert values.row(["a", [1, 2], "a", "", None]) == [1, 2, 1]
    assert values.row([[1, 2], 0, True]) == [2, 3, 4]
    assert values.values == [None, "a", [1, 2], 0, True]


def test_the_most_important_jobs_are_in_the_report_and_the_others_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "INLINE", 2)
    monkeypatch.setattr(html, "PER_PAGE", 3)
    found = varied(tmp_path)
    worst = [job.anchor for job in digest(found).worst]
    files = pages(found)
    assert list(files) == ["report.html", "report-2.html", "report-3.html"]
    written = [re.findall('<article id="job=([^"]*)"', text) for text in files.values()]
    assert written == [worst[:2], worst[2:5], worst[5:]]
    assert [re.findall('<a class="entry" href="#job=([^"]*)"', text) for text in files.values()] == [
        [quote(anchor, safe="/") for anchor in several] for several in written
    ]
    main = files["report.html"]
    assert "The details of the 2 most important jobs are in this file; the others are on pages beside it" in main
    assert '<a href="report-2.html">' in main
    assert '<a href="report.html">The whole report</a>' in files["report-3.html"]
    assert re.search('<a href="report-[23].html#job=[^"]*">see one</a>', main)
    data = data_of(main)
    assert data["pages"] == [2, 3, 2]
    assert data_of(files["report-2.html"]) is None


def test_long_jobs_are_fewer_on_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "LARGEST", 10)
    assert list(html.split(["x" * 6, "y" * 4, "z", "w" * 20])) == [["x" * 6, "y" * 4], ["z"], ["w" * 20]]
    assert list(html.split([])) == [[]]


def large(folder: Path, cases: int, failing: int) -> Run:
    abouts = [case(f"made/c{number}") for number in range(cases)]
    results = [
        mismatch(
            about,
            variant=f"v{variant}",
            evidence=f"evidence of {number}",
            code=f"a piece of code, {number}, {variant} " * 3,
            **{**REMEDIED, "fix": {"variant": "same", "code": f"what is right, {number} " * 5}},
        )
        if number * 12 + variant < failing
        else result(about, "torch", f"v{variant}")
        for number, about in enumerate(abouts)
        for variant in range(12)
    ]
    return run(folder, *abouts, *results)


def test_twelve_thousand_jobs_stay_small(tmp_path: Path) -> None:
    files = pages(large(tmp_path, 1000, 500))
    assert list(files) == ["report.html", "report-2.html"]
    assert len(files["report.html"].encode()) < 1_500_000


def test_the_shell_is_small(tmp_path: Path) -> None:
    about = case("made/one")
    assert len(page(run(tmp_path, about, result(about, "torch", "same"))).encode()) <= 80_000


def test_a_reader_without_a_script_sees_each_job(tmp_path: Path) -> None:
    text = page(varied(tmp_path))
    written = text[text.index('<section id="jobs">') : text.index('<script type="application/json"')]
    assert written.count("<article ") == written.count('<a class="entry"') == 7
    assert written.index("torch/explicit") < written.index("keras/same") < written.index("torch/symmetric")
    assert 'class="drawing"' in written
    assert "<td class=f>-7" in written
    assert "Segfault" in written
    assert "Expected to end so: never read" in written
    assert '<h3>Write instead: torch/same</h3>\n<pre tabindex="0">F.conv1d(F.pad(x, (0, 1)), weight)</pre>' in written
    assert written.count("No variant of this runner that was run gives the right answer") == 2  # broken, and the hazard
    explained = re.findall("<li><b>([^<]*)</b>, which would differ on <span[^>]*>([^<]*)</span></li>", written)
    assert explained == [("pads-begin-only", "conv 3 · k 2 · s 2")]
    assert "<li><b>pad-amount + bias-dropped</b></li>" in written
    assert "5 hypotheses tried; rejected: pads-ignored, kernel-flipped<" in written
    assert "5 hypotheses tried<" in written
    assert '<p class="where">cases/made.yaml:7:5</p>\n<pre tabindex="0">- name: made\n  kernel: 3</pre>' in written
    assert "conformance reproduce made/one torch/explicit -o reproduce.py" in written


def test_the_map_of_hazards_is_there_without_a_script(tmp_path: Path) -> None:
    text = page(varied(tmp_path))
    shown = text[text.index('<section id="agreement">') :]
    cells = re.findall(r'<td class="(\w+)">(\S) (\d+),(\d+)</td>', shown)
    assert len(cells) == 3 * 8 * 10
    assert cells[2 * 10 + 1] == ("alone", "◐", "0", "1")  # kernel 3, stride 2, an even input
