"""The report in a real browser: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from conformance import render
from conformance.journal import Run
from conformance.render import html
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
    expect(page).to_have_url(re.compile(re.escape("#q=" + quote("runner:torch verdict:mismatch", safe="")) + "$"))
    page.keyboard.press("Escape")
    expect(page.locator("#count")).to_have_text("8 jobs, 2 cases")
    expect(page.locator("#filter")).to_have_value("")
    expect(page).to_have_url(re.compile("^[^#]*$"))


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
    job = page.locator("article.open")
    expect(job).to_be_visible()
    expect(job).to_be_focused()
    expect(job.locator("h2")).to_have_text("made/one")
    expect(job).to_contain_text("pads (1,0) where (0,1) is asked for; expected 4, got -7 at [0, 0, 1]")
    expect(job).to_contain_text("F.conv1d(x, weight, padding=1)")
    expect(job.get_by_role("heading", name="Write instead: torch/same")).to_be_visible()
    expect(job.locator("h3:has-text('Write instead') + pre")).to_have_text("F.conv1d(F.pad(x, (0, 1)), weight)")
    others = job.locator("p:has-text('As good an explanation') + ul li").all_inner_texts()
    assert others == ["pads-begin-only, which would differ on conv 3 · k 2 · s 2", "pad-amount + bias-dropped"]
    expect(job).to_contain_text("5 hypotheses tried; rejected: pads-ignored, kernel-flipped")
    expect(job).to_contain_text("cases/made.yaml:7:5")
    expect(job).to_contain_text("conformance reproduce made/one torch/explicit -o reproduce.py")
    expect(job.locator(".where + pre")).to_have_text("- name: made\n  kernel: 3")
    assert job.locator(".numbers td.f").all_inner_texts() == ["4", "-7", "−11"]
    assert job.locator(".numbers td.d").all_inner_texts() == ["8", "−1"]
    assert job.locator("svg rect.f").count() == 2
    expect(page).to_have_url(re.compile(re.escape("#job=" + quote("made/one|torch|explicit", safe="")) + "$"))
    page.keyboard.press("Escape")
    expect(job).to_have_count(0)
    expect(page.locator("a.cell.mismatch.breaks")).to_be_focused()
    expect(page).to_have_url(re.compile("^[^#]*$"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("made/two|keras|same", "Segfault"),
        ("made/one|keras|same", "ValueError while in stage build"),
        ("made/one|broken|pads", "negative control"),
        ("made/two|torch|same", "never read expectations/torch.yaml:5:5 https://example.org/1"),
        ("made/one|torch|symmetric", "effective: pads 1 and 0"),
        ("made/one|torch|same", "equals the reference"),
        ("made/one|torch|same", "conformance reproduce made/one torch/same -o reproduce.py"),
        ("made/one|broken|pads", "No variant of this runner that was run gives the right answer."),
        ("made/one|torch|symmetric", "No variant of this runner that was run gives the right answer."),
    ],
)
def test_a_permanent_link_opens_its_job(open_report: Open, tmp_path: Path, name: str, text: str) -> None:
    page = open_report(varied(tmp_path), "#job=" + quote(name))
    expect(page.locator("article.open")).to_contain_text(text)


@pytest.mark.parametrize("name", ["made/one|torch|same", "made/one|torch|explicit", "made/two|keras|same"])
def test_nothing_is_said_to_be_without_a_fix_that_has_one_or_needs_none(
    open_report: Open, tmp_path: Path, name: str
) -> None:
    page = open_report(varied(tmp_path), "#job=" + quote(name))
    expect(page.locator("article.open")).to_be_visible()
    expect(page.locator("article.open")).not_to_contain_text("No variant")


def test_arrow_keys_walk_the_matrix_and_enter_opens(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    page.locator(".matrix a.cell").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape("#job=" + quote("made/one|keras|same", safe="")) + "$"))


def test_arrow_keys_leave_out_what_has_no_job(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    cells = page.locator(".matrix a.cell")
    cells.first.focus()
    page.keyboard.press("ArrowUp")
    expect(cells.first).to_be_focused()
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")  # the other case has no job of the last runner
    assert page.evaluate("document.activeElement.title").startswith("broken/pads")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.title").startswith("keras/same: crash")


def test_j_and_k_go_from_job_to_job(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    entries = page.locator("#list .entry")
    page.keyboard.press("j")
    expect(entries.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(entries.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    job = page.locator("article.open")
    expect(job.locator(".badge")).to_have_text("‼ crash")
    page.keyboard.press("k")
    expect(job.locator(".badge")).to_have_text("✕ mismatch")
    page.keyboard.press("k")
    expect(job.locator(".badge")).to_have_text("✕ mismatch")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(job.locator("b").first).to_have_text("keras/same")
    page.keyboard.press("Escape")
    expect(entries.nth(2)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("jk")
    expect(page.locator("#filter")).to_have_value("jk")


def test_j_goes_on_where_the_list_ends(open_report: Open, tmp_path: Path) -> None:
    abouts = [case(f"made/c{number:02}") for number in range(70)]
    page = open_report(run(tmp_path, *abouts, *map(mismatch, abouts)))
    page.locator("#list .entry").last.focus()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent").startswith(
        "✕ mismatch regression torch/explicit made/c40"
    )


def test_chips_count_and_filter(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path))
    chips = page.locator("#chips")
    assert chips.locator("button").all_inner_texts()[:5] == [
        "only new 4",
        "only differing 8",
        "✕ mismatch 2",
        "‼ crash 1",
        "! error 1",
    ]
    chips.get_by_role("button", name="✕ mismatch").click()
    expect(page.locator("#filter")).to_have_value("verdict:mismatch")
    expect(page.locator("#count")).to_contain_text("2 of 8 jobs")
    expect(chips.get_by_role("button", name="known 1")).to_be_visible()
    chips.get_by_role("button", name="‼ crash").click()
    expect(page.locator("#filter")).to_have_value("verdict:crash")
    expect(chips.locator("[aria-pressed=true]")).to_have_text("‼ crash 1")
    chips.get_by_role("button", name="only new").click()
    expect(page.locator("#filter")).to_have_value("verdict:crash is:new")
    expect(page).to_have_url(re.compile(re.escape("#q=" + quote("verdict:crash is:new", safe="")) + "$"))
    chips.get_by_role("button", name="‼ crash").click()
    expect(page.locator("#count")).to_contain_text("4 of 8 jobs")
    chips.get_by_role("button", name="only new").click()
    expect(page.locator("#filter")).to_have_value("")


def test_only_differing_hides_cases_on_which_all_jobs_end_alike(open_report: Open, tmp_path: Path) -> None:
    alike, differing = case("made/alike"), case("made/differing")
    page = open_report(
        run(tmp_path, alike, differing, mismatch(alike), mismatch(alike, "keras"), mismatch(differing),
            result(differing, "keras", "explicit"))
    )  # fmt: skip
    page.get_by_role("button", name="only differing").click()
    expect(page.locator("#count")).to_have_text("2 of 4 jobs, 1 of 2 cases")
    expect(page.locator(".matrix tbody tr:not(.file) th")).to_contain_text("differing")


def test_the_matrix_is_grouped_by_file_operator_or_cause(open_report: Open, tmp_path: Path) -> None:
    one, pool = case("here/one"), case("there/pool", op="max_pool")
    several = mismatch(one, causes=["bias-dropped", "layout"])
    page = open_report(run(tmp_path, one, pool, several, result(pool, "torch", "explicit")))
    groups = page.locator(".matrix tr.file")
    assert groups.all_inner_texts() == ["here 1 case, 1 breaking the gate", "there 1 case"]
    page.locator("#group").select_option("operator")
    assert groups.all_inner_texts() == ["conv 1 case, 1 breaking the gate", "max_pool 1 case"]
    page.locator("#group").select_option("cause")
    assert groups.all_inner_texts() == [
        "bias-dropped 1 case, 1 breaking the gate",
        "layout 1 case, 1 breaking the gate",
        "no cause 1 case",
    ]


def heated(folder: Path) -> Run:
    """A mismatch of two channels, the first difference in the second one, and one whose output is too small."""
    about, small = case("made/two"), case("made/small")
    sample = {
        "expected_shape": [1, 2, 2, 3],
        "got_shape": [1, 2, 2, 3],
        "start": [0, 0, 0, 0],
        "expected": [[[[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, -8, 6]]]],
        "got": [[[[1, 2, 3], [4, 5, 6]], [[1, 2, 4], [4, 8, "nan"]]]],
    }
    less = {**sample, "got_shape": [1, 2, 2, 2], "got": [[[[1, 2], [4, 5]], [[1, 2], [4, 7]]]]}
    where = {"wrong": 3, "total": 12, "first": [0, 1, 0, 2], "expected": 3.0, "got": 4.0, "largest": 16.0}
    return run(
        folder,
        about,
        small,
        mismatch(about, sample=sample, difference={**where, "worst": [0, 1, 1, 2]}),
        mismatch(small, sample=less, difference=None),
    )


def test_heatmaps_show_expected_actual_and_difference_on_one_scale(open_report: Open, tmp_path: Path) -> None:
    page = open_report(heated(tmp_path), "#job=made/two|torch|explicit")
    job = page.locator("article.open")
    pictures = job.locator(".heat svg")
    assert job.locator(".heat figcaption").all_inner_texts() == ["expected", "actual", "difference"]
    opacity = "all => all.map(cell => [cell.getAttribute('class'), Number(cell.getAttribute('fill-opacity'))])"
    assert pictures.nth(0).locator("rect:not(.worst, .first)").evaluate_all(opacity) == [
        ["plus", 1 / 16], ["plus", 2 / 16], ["plus", 3 / 16], ["plus", 4 / 16], ["minus", 8 / 16], ["plus", 6 / 16]
    ]  # fmt: skip
    assert pictures.nth(2).locator("rect:not(.worst, .first)").evaluate_all(opacity) == [
        ["plus", 0], ["plus", 0], ["plus", 1 / 16], ["plus", 0], ["plus", 1], ["none", 0]
    ]  # fmt: skip
    for number in range(3):
        corner = "cell => [cell.getAttribute('x'), cell.getAttribute('y')]"
        assert pictures.nth(number).locator(".worst").evaluate(corner) == ["57", "29"]
        assert pictures.nth(number).locator(".first").evaluate(corner) == ["57", "1"]
    expect(job.locator(".heat")).to_contain_text("−16 to 16")
    expect(job.locator(".heat")).to_contain_text("Worst here: not a number in row 1, column 2.")
    expect(job).to_contain_text("Of the whole output, [0, 1, 1, 2] differs most.")
    assert job.locator(".channel:visible caption").all_inner_texts() == [
        "expected [0, 1, :, :]",
        "actual [0, 1, :, :]",
        "difference",
    ]
    rows = job.locator(".channel:visible table").nth(2).locator("tr").all_inner_texts()
    assert [row.split() for row in rows] == [
        ["0", "1", "2"],
        ["0", "0", "0", "1"],
        ["1", "0", "16", "not", "a", "number"],
    ]


def test_the_channel_selector_shows_another_channel(open_report: Open, tmp_path: Path) -> None:
    page = open_report(heated(tmp_path), "#job=made/two|torch|explicit")
    job = page.locator("article.open")
    expect(job.get_by_label("Channel")).to_have_value("0")
    assert job.locator("option").all_inner_texts() == ["1", "0"]
    job.get_by_label("Channel").select_option("0", timeout=1000)
    job.get_by_label("Channel").select_option(label="0")
    expect(job.locator(".channel:visible caption").first).to_have_text("expected [0, 0, :, :]")
    expect(job.locator(".heat")).to_contain_text("No number differs in this channel.")
    expect(job.locator(".heat .worst")).to_have_count(0)


def test_numbers_that_only_one_of_two_shapes_has_are_marked_as_none(open_report: Open, tmp_path: Path) -> None:
    page = open_report(heated(tmp_path), "#job=made/small|torch|explicit")
    job = page.locator("article.open")
    job.get_by_label("Channel").select_option(label="1")
    classes = "all => all.map(cell => cell.getAttribute('class'))"
    drawn = job.locator(".heat svg").nth(2).locator("rect:not(.worst)").evaluate_all(classes)
    assert drawn == ["plus", "plus", "none", "plus", "plus", "none"]
    expect(job.locator(".heat")).to_contain_text("Worst here: 15 in row 1, column 1.")


def test_jobs_beyond_the_report_open_on_their_page(
    open_report: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "INLINE", 2)
    monkeypatch.setattr(html, "PER_PAGE", 3)
    page = open_report(varied(tmp_path))
    entries = page.locator("#list .entry").evaluate_all(
        "all => all.map(link => link.getAttribute('href').split('#')[0])"
    )
    assert entries == ["", "", "report-2.html", "report-2.html", "report-2.html", "report-3.html", "report-3.html"]
    page.locator("#list .entry").nth(4).click()
    page.wait_for_url("**/report-2.html#job=*")
    job = page.locator("article.open")
    expect(job.locator("svg.drawing").first).to_be_visible()
    page.keyboard.press("k")
    expect(page.locator("#list .entry")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.locator("#list .entry").nth(1)).to_be_focused()
    page.get_by_role("link", name="The whole report").click()
    page.wait_for_url("**/report.html")
    page.goto(page.url + "#job=" + quote("made/one|torch|symmetric"))
    page.wait_for_url("**/report-3.html#job=*")
    expect(page.locator("article.open")).to_contain_text("▲ hazard")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(open_report: Open, tmp_path: Path, dark: bool, width: int) -> None:
    page = open_report(varied(tmp_path), dark=dark, width=width)
    assert axe(page) == []
    page.locator("details summary").evaluate_all("all => all.forEach(summary => summary.click())")
    for name in ("made/one|torch|explicit", "made/two|keras|same", "made/one|torch|same"):
        page.evaluate("name => { location.hash = '#job=' + name }", name)
        expect(page.locator("article.open h2")).to_have_text(name.split("|")[0])
        assert axe(page) == []


def axe(page: Page) -> list[str]:
    """The violations that axe-core finds, each with the first element."""
    found = Axe().run(page).response
    return [
        f"{it['id']}: {it['nodes'][0]['html'][:200]} {it['nodes'][0]['failureSummary']}" for it in found["violations"]
    ]


def test_hostile_text_runs_nothing(open_report: Open, tmp_path: Path) -> None:
    page = open_report(hostile(tmp_path))
    entries = page.locator("#list .entry")
    expect(entries).to_have_count(3)
    for number in range(3):
        entries.nth(number).click()
        expect(page.locator("article.open h2")).to_have_text(printable(f"made/{HOSTILE}"))
        assert "<img src=x onerror=hacked=1>" in page.locator("article.open").inner_text()
        page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type('"<script>window"')
    expect(page.locator("#count")).to_contain_text("3 of 3 jobs")
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert page.locator("img").count() == 0
    assert page.evaluate("[...document.links].every(link => link.href.startsWith('file:'))")


@pytest.mark.parametrize("width", [1280, 360])
def test_long_text_breaks_nothing(open_report: Open, tmp_path: Path, width: int) -> None:
    long, words = "x" * 10_000, "words " * 2_000
    about = case(f"made/{long}", title=long, note=words, source=long, where=long, written=words, tags=[long])
    entry, fix = {"where": long, "reason": words, "link": long}, {"variant": long, "code": long}
    jobs = [
        mismatch(about, long, "x-" * 5_000, evidence=long, code=long, causes=[long], expectation=entry, fix=fix),
        result(about, "torch", "same", "crash", failure={"message": long, "exception": long, "stderr": long}),
    ]  # fmt: skip
    page = open_report(run(tmp_path, about, *jobs), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".matrix thead").evaluate("head => head.offsetHeight") < 300
    assert page.locator(".matrix").evaluate("table => table.offsetWidth") < 1280
    for number in range(2):
        page.locator("#list .entry").nth(number).click()
        job = page.locator("article.open")
        assert job.evaluate("job => job.scrollWidth - job.clientWidth") <= 0
        page.keyboard.press("Escape")


def test_without_a_script_verdict_causes_and_failing_jobs_are_there(open_report: Open, tmp_path: Path) -> None:
    page = open_report(varied(tmp_path), script=False)
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 regressions; 1 changed")
    expect(page.get_by_role("link", name="bias-dropped")).to_be_visible()
    expect(page.locator("#explore")).to_be_hidden()
    page.locator("#list .entry").first.click()
    worst = page.locator("article:target")
    expect(worst).to_be_in_viewport()
    expect(worst.locator("svg")).to_be_visible()
    expect(worst.locator(".numbers td.f").first).to_have_text("4")
    expect(page.locator("#agreement td").first).to_be_visible()


def test_of_a_long_matrix_the_rows_in_sight_are_there(open_report: Open, tmp_path: Path) -> None:
    abouts = [case(f"made/c{number:04}") for number in range(3000)]
    page = open_report(run(tmp_path, *abouts, *map(mismatch, abouts)))
    rows = page.locator(".matrix tbody tr:not(.file, .space)")
    frame = page.locator("#frame")
    frame.evaluate("frame => frame.scrollIntoView()")
    for at, name in ((0, "c0000"), (1, "c2999"), (0.5, "c1500"), (0.25, "c0750")):
        frame.evaluate("(frame, at) => frame.scrollTo(0, at * frame.scrollHeight)", at)
        expect(rows.filter(has_text=name)).to_be_in_viewport()
        assert rows.count() < 150
        assert set(rows.evaluate_all("all => all.map(row => row.offsetHeight)")) == {24}
    corner, header = page.locator(".matrix .corner").bounding_box(), frame.bounding_box()
    assert corner
    assert header
    assert abs(corner["y"] - header["y"]) < 3  # the header stays where it is


def test_arrow_keys_walk_on_where_rows_are_not_there_yet(open_report: Open, tmp_path: Path) -> None:
    abouts = [case(f"made/c{number:04}") for number in range(300)]
    page = open_report(run(tmp_path, *abouts, *map(mismatch, abouts)))
    page.locator(".matrix a.cell").first.focus()
    for _ in range(200):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("article.open h2")).to_have_text("made/c0199")
    page.keyboard.press("Escape")
    focused = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert page.locator(".matrix thead").bounding_box()["y"] < focused < 800  # type: ignore[index]


def test_the_focus_stays_where_rows_are_drawn_again(open_report: Open, tmp_path: Path) -> None:
    abouts = [case(f"made/c{number:04}") for number in range(300)]
    page = open_report(run(tmp_path, *abouts, *map(mismatch, abouts)))
    cell = page.locator(".matrix tr", has_text="c0016").locator("a.cell")
    cell.focus()
    row = page.locator(".matrix tbody tr:not(.space)")
    assert row.first.get_attribute("aria-rowindex") == "3"
    page.locator("#frame").evaluate("frame => frame.scrollTo(0, 24 * 24)")
    expect(row.first).to_have_attribute("aria-rowindex", "15")
    expect(cell).to_be_focused()


def test_long_lists_grow(open_report: Open, tmp_path: Path) -> None:
    abouts = [case(f"made/c{number}") for number in range(70)]
    page = open_report(run(tmp_path, *abouts, *map(mismatch, abouts)))
    entries = page.locator("#list .entry")
    assert entries.count() == 40
    page.locator("#more").click()
    assert entries.count() == 70
    expect(page.locator("#more")).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True])
def test_narrow_screens_scroll_only_downwards(open_report: Open, tmp_path: Path, dark: bool) -> None:
    page = open_report(hostile(tmp_path), width=360, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#list .entry").first.click()
    assert page.locator("article.open").evaluate("job => job.scrollWidth - job.clientWidth") <= 0
    assert page.locator("article.open").evaluate("job => job.clientWidth") >= 350
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 22, 26)" if dark else "rgb(255, 255, 255)")
