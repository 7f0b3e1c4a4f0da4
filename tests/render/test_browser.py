"""The report in a real browser: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from conformance import render
from conformance.journal import Run
from conformance.render import drawing, html
from conformance.render.plain import printable
from tests.render.made_journals import HOSTILE, case, hostile, mismatch, result, run, varied

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None and os.environ.get("CI"):
        pytest.fail("no browser: 'chromium' is not on PATH; try: apt-get install chromium")
    if path is None:
        pytest.skip("no browser: 'chromium' is not on PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_report(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a run's report from disk, and finds that nothing went wrong in it and nothing left it."""
    wrong: list[str] = []
    contexts = []

    def open_page(found: Run, fragment: str = "", width: int = 1280, dark: bool = False, script: bool = True) -> Page:
        report = render.write(found, tmp_path)
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda request: None if request.url.startswith("file://") else wrong.append(request.url))
        page.goto(report.as_uri() + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def test_the_matrix_shows_every_job(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    expect(page.locator("#count")).to_have_text("8 jobs, 2 cases")
    assert page.locator(".matrix a.cell").count() == 8
    variants = page.locator(".matrix thead th.variant").all_inner_texts()
    assert variants == ["explicit", "same", "symmetric", "same", "pads"]
    expect(page.locator("a.cell.mismatch.breaks")).to_have_text("✕ mismatch")
    expect(page.locator("a.cell.hazard")).to_have_text("▲ hazard")
    expect(page.locator("a.cell.unsupported:not(.breaks)")).to_have_text("⊘ unsupp.")
    expect(page.locator("a.cell.match.breaks")).to_have_text("✓ fixed")
    assert page.locator(".matrix tbody th").all_inner_texts()[0].startswith("made")


def test_slash_focuses_the_filter_and_escape_clears_it(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    page.keyboard.press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("runner:torch verdict:mismatch")
    expect(page.locator("#count")).to_have_text("1 of 8 jobs, 1 of 2 cases")
    expect(page.locator("#list .entry")).to_have_count(1)
    assert page.url.endswith("#q=" + quote("runner:torch verdict:mismatch", safe=""))
    page.keyboard.press("Escape")
    expect(page.locator("#count")).to_have_text("8 jobs, 2 cases")
    expect(page.locator("#filter")).to_have_value("")
    assert "#" not in page.url


@pytest.mark.parametrize(
    ("query", "jobs", "cases"),
    [
        ("runner:torch/*", 5, 2),
        ("runner:torch", 5, 2),
        ("runner:tor", 0, 0),
        ("variant:same", 4, 2),
        ("verdict:mismatch", 2, 1),
        ("cause:dilation*", 1, 1),
        ("gate:known", 2, 2),
        ("-gate:known -gate:ok", 4, 2),
        ("case:made/one", 5, 1),
        ("i:5", 3, 1),
        ("k:3 s:2 d:1", 8, 2),
        ("k:2", 0, 0),
        ("padding:same file:made", 8, 2),
        ("SIGSEGV", 1, 1),
        ('"no such thing"', 2, 2),
        ("verdict:(", 0, 0),
        ("unknown:field", 0, 0),
        ("on purpose", 1, 1),
    ],
)
def test_the_filter_selects_jobs(open_report: Open, tmp_path: Path, query: str, jobs: int, cases: int) -> None:
    page = open_report(varied(tmp_path), "#q=" + quote(query))
    expect(page.locator("#filter")).to_have_value(query)
    expect(page.locator("#count")).to_have_text(f"{jobs} of 8 jobs, {cases} of 2 cases")


def test_a_cause_leads_to_its_jobs(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    page.get_by_role("link", name="dilation-ignored").click()
    expect(page.locator("#filter")).to_have_value("verdict:mismatch cause:dilation-ignored")
    expect(page.locator("#count")).to_have_text("1 of 8 jobs, 1 of 2 cases")


def test_a_cell_opens_its_job_under_a_permanent_link(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    page.locator("a.cell.mismatch.breaks").click()
    job = page.locator("#job")
    expect(job).to_be_visible()
    expect(job.locator("h2")).to_have_text("made/one")
    expect(job).to_contain_text("pads (1,0) where (0,1) is asked for; expected 4, got -7 at [0, 0, 1]")
    expect(job).to_contain_text("F.conv1d(x, weight, padding=1)")
    expect(job.get_by_role("heading", name="Write instead: torch/same")).to_be_visible()
    expect(job.locator("h3:has-text('Write instead') + pre")).to_have_text("F.conv1d(F.pad(x, (0, 1)), weight)")
    others = job.locator("p:has-text('As good an explanation') + ul li").all_inner_texts()
    assert others == ["pads-begin-only, which would differ on conv 3 · k 2 · s 2", "pad-amount + bias-dropped"]
    expect(job).to_contain_text("5 hypotheses tried; rejected: pads-ignored, kernel-flipped")
    expect(job).to_contain_text("cases/made.yaml:7:5")
    assert job.locator(".numbers td.f").all_inner_texts() == ["4", "-7"]
    assert job.locator(".numbers td.d").all_inner_texts() == ["9", "8"]
    assert job.locator("svg rect.f").count() == 2
    assert page.url.endswith("#job=made/one|torch|explicit")
    page.keyboard.press("Escape")
    expect(job).to_be_hidden()
    expect(page.locator("a.cell.mismatch.breaks")).to_be_focused()
    assert "#" not in page.url


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("made/two|keras|same", "Segfault"),
        ("made/one|keras|same", "ValueError while in stage build"),
        ("made/one|broken|pads", "negative control: broken on purpose"),
        ("made/two|torch|same", "never read expectations/torch.yaml:5:5 · https://example.org/1"),
        ("made/one|torch|symmetric", "effective: pads 1 and 0"),
        ("made/one|torch|same", "equals the reference"),
        ("made/one|broken|pads", "No variant of this runner that was run gives the right answer."),
        ("made/one|torch|symmetric", "No variant of this runner that was run gives the right answer."),
    ],
)
def test_a_permanent_link_opens_its_job(open_report: Open, tmp_path: Path, name: str, text: str) -> None:
    page = open_report(varied(tmp_path), "#job=" + quote(name))
    expect(page.locator("#job")).to_contain_text(text)


@pytest.mark.parametrize("name", ["made/one|torch|same", "made/one|torch|explicit", "made/two|keras|same"])
def test_nothing_is_said_to_be_without_a_fix_that_has_one_or_needs_none(
    open_report: Open, tmp_path: Path, name: str
) -> None:
    page = open_report(varied(tmp_path), "#job=" + quote(name))
    expect(page.locator("#job")).to_be_visible()
    expect(page.locator("#job")).not_to_contain_text("No variant")


def test_arrow_keys_walk_the_matrix_and_enter_opens(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    page.locator(".matrix a.cell").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.url.endswith("#job=made/one|keras|same")


GEOMETRIES = [
    (6, 3, 2, 1, [[1, 0]], ["symmetric-for-asymmetric"]),
    (6, 3, 2, 1, [[0, 1]], ["bias-dropped"]),
    (7, 2, 3, 2, [[2, 2]], ["pad-amount"]),
    (7, 3, 1, 3, [[3, 3]], ["dilation-ignored"]),
    (9, 2, 2, 2, [[1, 0]], ["dilation-with-stride"]),
    (1, 5, 1, 1, [[4, 0]], ["pad-amount"]),
    (224, 7, 2, 1, [[3, 2]], ["symmetric-for-asymmetric"]),
    (5000, 11, 4, 2, [[0, 0]], ["pads-ignored"]),
    (60, 50, 1, 1, [[30, 0]], ["pad-amount"]),
    (3, 3, 1, 1, [[0, 0]], ["pads-ignored"]),
]


def test_script_and_program_draw_the_same(open_report: Open, tmp_path: Path) -> None:
    abouts = [case(f"made/c{number}", *geometry[:4]) for number, geometry in enumerate(GEOMETRIES)]
    jobs = [
        mismatch(about, effective=effective, causes=causes)
        for about, (*_, effective, causes) in zip(abouts, GEOMETRIES, strict=True)
    ]
    unknown = case("made/unknown", size=5)
    jobs.append(result(unknown, "torch", "explicit", "error", declared=[[1, 1]], failure={"message": "no"}))
    phased = case("made/phased", 9, 2, 2, 2)
    jobs.append(mismatch(phased, causes=[], geometry={"phased": True}, sample={"got_shape": [1, 1, 4]}))
    kept = case("made/kept", op="max_pool")
    jobs.append(mismatch(kept, causes=[], geometry={"rounding": "keep"}))
    sizes = {"input": [6, 9], "kernel": [3, 2], "stride": [2, 1], "dilation": [1, 2], "output": [3, 9]}
    pair = {**case("made/pair", rank=2), **sizes, "pads": [[0, 1], [1, 1]]}
    geometry = {"stride": [2, 2], "dilation": [2, 1], "swap": True}
    jobs.append(mismatch(pair, effective=[[1, 0], [0, 2]], geometry=geometry, sample=None, difference=None))
    abouts += [unknown, phased, kept, pair]
    page = open_report(run(tmp_path, *abouts, *jobs))
    parse = """text => {
        const holder = document.createElement("template");
        holder.innerHTML = text;
        return holder.content.firstChild.outerHTML;
    }"""
    for about, job in zip(abouts, jobs, strict=True):
        word, axes = drawing.found(about, job)
        texts = [drawing.svg(geometry, word) for geometry in drawing.geometries(about, axes)]
        assert len(texts) == (0 if about is kept else about["rank"])
        page.evaluate("name => { location.hash = '#job=' + name }", f"{about['id']}|torch|explicit")
        expect(page.locator("#job h2")).to_have_text(about["id"])
        drawn = page.locator("#job svg").evaluate_all("all => all.map(element => element.outerHTML)")
        assert drawn == [page.evaluate(parse, text) for text in texts], about


def test_only_integers_are_drawn(open_report: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "STATIC", 0)
    about = case("made/one")
    jobs = [mismatch(about, effective=[["<img src=x>", 0]]), mismatch(about, "keras", geometry={"stride": ["<img>"]})]
    page = open_report(run(tmp_path, about, *jobs))
    for job in jobs:
        page.evaluate("name => { location.hash = '#job=' + name }", f"made/one|{job['runner']}|explicit")
        expect(page.locator("#job")).to_contain_text(f"{job['runner']}/explicit")
        assert page.locator("img, #job svg").count() == 0


def test_hostile_text_runs_nothing(open_report: Open, tmp_path: Path) -> None:
    page = open_report(hostile(tmp_path))
    entries = page.locator("#list .entry")
    expect(entries).to_have_count(3)
    for number in range(3):
        entries.nth(number).click()
        expect(page.locator("#job h2")).to_have_text(printable(f"made/{HOSTILE}"))
        assert "<img src=x onerror=hacked=1>" in page.locator("#job").inner_text()
        page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type('"<script>window"')
    expect(page.locator("#count")).to_contain_text("3 of 3 jobs")
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert page.locator("img").count() == 0
    assert page.evaluate("[...document.links].every(link => link.href.startsWith('file:'))")


def test_without_a_script_verdict_causes_and_failing_jobs_are_there(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path), script=False)
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 regressions; 1 changed")
    expect(page.get_by_role("link", name="bias-dropped")).to_be_visible()
    expect(page.locator("#explore")).to_be_hidden()
    worst = page.locator("details").first
    worst.locator("summary").click()
    expect(worst.locator("svg")).to_be_visible()
    expect(worst.locator(".numbers td.f").first).to_have_text("4")


def test_long_matrices_and_lists_grow_when_they_are_scrolled(open_report: Open, tmp_path: Path) -> None:
    abouts = [case(f"made/c{number}") for number in range(300)]
    page = open_report(run(tmp_path, *abouts, *map(mismatch, abouts)))
    rows = page.locator(".matrix tbody tr:not(.file)")
    assert rows.count() < 150
    while rows.count() < 300:
        before = rows.count()
        page.locator("#frame").evaluate("frame => frame.scrollTo(0, frame.scrollHeight)")
        expect(rows.nth(before)).to_be_attached()
    entries = page.locator("#list .entry")
    before = entries.count()
    page.locator("#more").click()
    assert entries.count() > before
    corner, header = page.locator(".matrix .corner").bounding_box(), page.locator("#frame").bounding_box()
    assert corner
    assert header
    assert abs(corner["y"] - header["y"]) < 3  # the header stays where it is


@pytest.mark.parametrize("dark", [False, True])
def test_narrow_screens_scroll_only_downwards(open_report: Open, tmp_path: Path, dark: bool) -> None:
    page = open_report(hostile(tmp_path), width=360, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#list .entry").first.click()
    assert page.locator("#job").evaluate("job => job.scrollWidth - job.clientWidth") <= 0
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 22, 26)" if dark else "rgb(255, 255, 255)")
