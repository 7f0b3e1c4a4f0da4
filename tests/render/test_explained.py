"""An explanation as text, JSON, Markdown, SVG and HTML: all of it is there, and nothing of it is markup by itself."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from conformance import explain
from conformance.domain.case import Case
from conformance.explanation.explain import Explanation
from conformance.render import explained
from conformance.render.explained import FORMATS, render

SVG = "{http://www.w3.org/2000/svg}"
SEED = explain("Conv2D(6, 3, strides=2, padding='same')", (6, 9))
NASTY = explain("Conv2D(6, 3, name='<script>alert(1)</script>|`**@me&')", (6, 9))


class Texts(HTMLParser):
    """The text and the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.elements = "", set[str]()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)


def parsed(page: str) -> Texts:
    found = Texts()
    found.feed(page)
    return found


def test_every_framework_and_padding_is_in_every_format_but_the_drawing() -> None:
    for form in set(FORMATS) - {"svg"}:
        shown = render(SEED, form)
        shown = parsed(shown).text if form == "html" else shown.replace("\\_", "_")
        for word in ("PyTorch", "TensorFlow", "Keras", "JAX", "ONNX", "Caffe", "same_lower", "fixed", "symmetric"):
            assert word in shown, (form, word)
        assert "for odd sizes" in shown
        assert "tf.nn.conv2d(x, filters, strides=[2, 2], padding=" in shown


def test_the_json_has_what_a_program_needs() -> None:
    found = json.loads(render(SEED, "json"))
    assert found["output"] == [3, 5]
    assert found["pads"] == [[0, 1], [1, 1]]
    assert found["case"]["kernel"] == [3, 3]
    (fixed,) = [one for one in found["paddings"] if one["rule"] == "fixed"]
    assert (fixed["pads"], fixed["same"]) == ([[1, 1], [1, 1]], False)
    (sizes,) = fixed["sizes"]
    assert (sizes["axis"], sizes["period"], sizes["residues"], sizes["text"]) == (None, 2, [1], "for odd sizes")
    (keras,) = [one for one in found["snippets"] if one["target"] == "keras"]
    assert keras["shapes"]["x"] == {"layout": "N H W C", "shape": [1, 6, 9, 1]}


def test_the_drawing_is_xml_and_shows_the_padding_that_gives_other_numbers() -> None:
    root = ElementTree.fromstring(render(SEED, "svg"))
    assert root.tag == f"{SVG}svg"
    words = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert "asked for: pads 0 and 1, 3 windows" in words
    assert "symmetric: pads 1 and 1, 3 windows" in words
    assert words.count("first to differ") == 2, "axis 1 is odd: there they agree"
    assert "axis 1" in words


@pytest.mark.parametrize(
    "layer",
    ["Conv1DTranspose(4, 2, strides=3, padding='same')", "nn.MaxPool1d(3, 2, 1, ceil_mode=True)", "nn.Conv1d(1, 1, 1)"],
)
def test_every_operator_is_drawn(layer: str) -> None:
    found = explain(layer, 8)
    root = ElementTree.fromstring(render(found, "svg"))
    words = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    transposed = found.case.transposed
    assert ("24 outputs" in words) == transposed
    assert ("output" in words.split()) == transposed
    assert f"0 {'to' if transposed else 'from'} {found.case.asked[0].starts[0]}".replace("-", "−") in words


def test_long_inputs_are_drawn_at_their_ends() -> None:
    found = explain("Conv2D(6, 3, strides=2, padding='same')", (999_999, 224))
    assert len(render(found, "svg")) < 60_000
    drawn = explained.picture(found.case.asked[0])
    assert max(map(len, drawn)) <= explained.WIDEST + 30
    assert drawn[-1].endswith("##.|") or drawn[-1].endswith("###|")


def test_text_from_outside_is_text() -> None:
    page = parsed(render(NASTY, "html"))
    assert "script" not in page.elements
    assert "<script>alert(1)</script>" in page.text
    assert "script" not in parsed(NASTY._repr_html_()).elements
    ElementTree.fromstring(render(NASTY, "svg"))
    markdown = render(NASTY, "markdown")
    assert "<script" not in markdown
    assert "@me" not in markdown


def test_the_page_loads_nothing_and_a_notebook_gets_no_page() -> None:
    page = render(SEED, "html")
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "default-src 'none'" in page
    fragment = SEED._repr_html_()
    assert not {"html", "body", "style", "script", "link"} & parsed(fragment).elements
    assert parsed(fragment).text in parsed(page).text


def test_a_case_of_options_has_no_layer() -> None:
    found = Explanation(Case("a", "conv", (6,), (3,), (2,), (1,), "same"))
    assert json.loads(render(found, "json"))["layer"] is None
    assert str(found).startswith("same padding: input 6")
    for form in FORMATS:
        assert render(found, form)


def test_the_text_says_what_the_statements_about_sizes_rest_on() -> None:
    assert "repeat with the stride (2); each remainder was computed, and each size below 5." in str(SEED)
    assert "Proven" not in str(explain("Conv1DTranspose(4, 2, strides=3)", 8))
