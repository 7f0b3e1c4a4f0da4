"""The README's pictures: ``python -m benchmarks.screenshots RUN`` writes docs/report-*.png from a run of the seeds.

The run is ``conformance run -k seeds --out RUN``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from benchmarks.measure import ROOT
from conformance import journal
from conformance.render import html

WIDTH = 1200
PICTURES = {
    "summary": ("", 660, False),
    "matrix": ("#q=is:differing -runner:*change-ordering", 540, False),
    "job": ("#job=seeds/onnx2keras-same/torch-k3-s2-p1-i6x6|onnx2keras-same|pads", 1100, False),
    "map": ("#agreement", 490, True),
}
"""Each picture's place in the report, its height, and whether it is dark."""


def take(folder: Path) -> None:
    """Open a run's report in Chromium at each place."""
    report = (journal.read(folder).folder / html.NAME).resolve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (place, height, dark) in PICTURES.items():
            page = browser.new_page(
                viewport={"width": WIDTH, "height": height}, color_scheme="dark" if dark else "light"
            )
            page.goto(report.as_uri() + quote(place, safe="#="))
            page.wait_for_load_state()
            page.screenshot(path=ROOT / "docs" / f"report-{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
