from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.domain.geometry import Axis, canonical, pads_by_rule
from conformance.render.drawing import MOST, Geometry, Windows, geometries, phased, shown, svg, windows
from tests.render.made_journals import case, mismatch, result


def plain(size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]) -> Windows:
    return windows(Axis(size, kernel, stride, dilation, *pads))


def draw(size: int, kernel: int, stride: int, asked: tuple[int, int], other: tuple[int, int]) -> str:
    return svg(Geometry(plain(size, kernel, stride, 1, asked), plain(size, kernel, stride, 1, other)), "effective")


def others(about: dict[str, Any], job: dict[str, Any]) -> list[Windows | None]:
    return [geometry.other for geometry in geometries(about, job)[1]]


def titles(about: dict[str, Any], job: dict[str, Any]) -> list[str]:
    word, drawn = geometries(about, job)
    texts = [svg(geometry, word) for geometry in drawn]
    for text in texts:
        ElementTree.fromstring(text)
    return [title for text in texts for title in re.findall('<text class="t"[^>]*>([^<]*)<', text)]


def transposed(**fields: Any) -> dict[str, Any]:
    """4 elements, kernel 3, stride 2: 9 outputs in full, of which ``same`` crops the last."""
    return {**case("made/t", 4), "op": "conv_transpose", "pads": [[0, 1]], "output": [8], **fields}


def test_a_transposed_convolution_is_drawn_over_its_output() -> None:
    about = transposed()
    job = mismatch(about, effective=[[1, 0]], declared=[[0, 1]])
    assert titles(about, job) == ["asked for: 0 and 1 cropped, 8 outputs", "effective: 1 and 0 cropped, 8 outputs"]
    word, (geometry,) = geometries(about, job)
    assert list(geometry.asked.starts) == [0, 2, 4, 6]
    text = svg(geometry, word)
    assert re.findall(r"(\d+ to [−\d]+)", text)[4:] == ["0 to −1", "1 to 1", "2 to 3", "3 to 5"]
    assert "window 0 is the first that differs" in text


def test_output_padding_adds_outputs_that_no_element_reaches() -> None:
    about = transposed(pads=[[1, -1]], output=[9])
    job = mismatch(about, effective=[[1, 0]])
    assert titles(about, job) == [
        "asked for: 1 and 0 cropped, 0 and 1 added, 9 outputs",
        "effective: 1 and 0 cropped, 8 outputs",
    ]
    assert geometries(about, job)[1][0].first_difference is None


def test_what_is_added_at_the_beginning_has_its_place() -> None:
    about = transposed(pads=[[-1, 0]], output=[10])
    job = mismatch(about, effective=[[0, -1]])
    assert titles(about, job) == [
        "asked for: 0 and 0 cropped, 1 and 0 added, 10 outputs",
        "effective: 0 and 0 cropped, 0 and 1 added, 10 outputs",
    ]
    word, (geometry,) = geometries(about, job)
    assert re.findall('class="n"[^>]*>([^<]*)<', svg(geometry, word)) == ["0123456789"] * 2


def test_caffe_keeps_the_last_window() -> None:
    about = {**case("made/c", 6, 1, 4), "op": "max_pool", "ceil_mode": True, "padding": "valid", "pads": [[0, 0]]}
    (asked,) = (geometry.asked for geometry in geometries({**about, "spec": "caffe"}, mismatch(about))[1])
    assert list(asked.starts) == list(Axis(6, 1, 4, 1, rounding="keep").starts)


@pytest.mark.parametrize("op", ["max_pool", "avg_pool", "conv"])
def test_a_pool_is_drawn_as_what_it_reads(op: str) -> None:
    about = {**case("made/p"), "op": op}
    assert titles(about, mismatch(about)) == [
        "asked for: pads 0 and 1, 3 windows",
        "effective: pads 1 and 0, 3 windows",
    ]


def test_a_pad_by_itself_has_the_elements_that_its_mode_repeats() -> None:
    about = {**case("made/pad", 4, 1, 1), "op": "pad", "mode": "reflect", "pads": [[2, 1]]}
    job = mismatch(about, effective=[[2, 1]], geometry={"mode": "edge"})
    assert titles(about, job) == [
        "asked for: pads 2 and 1 by reflect, 7 windows",
        "effective: pads 2 and 1 by edge, 7 windows",
    ]
    word, (geometry,) = geometries(about, job)
    assert geometry.first_difference == 0
    assert re.findall('class="n"[^>]*>([^<]*)<', svg(geometry, word)) == ["2101232", "0001233"]
    assert others(about, mismatch(about, effective=[[2, 1]])) == [None]


def test_ceil_mode_has_a_window_that_overhangs() -> None:
    about = {**case("made/c", 6, 3, 2), "op": "max_pool", "ceil_mode": True, "pads": [[0, 0]]}
    assert titles(about, mismatch(about, effective=[[0, 0]])) == [
        "asked for: pads 0 and 0, 3 windows",
        "effective: pads 0 and 0, 2 windows",
    ]
    (asked,) = canonical([Axis(6, 3, 2, 1, rounding="ceil")])
    alike = titles(about, mismatch(about, effective=[list(asked)]))
    assert alike == ["asked for and done: pads 0 and 0, 3 windows"]
    declared = mismatch(about, effective=None, declared=[[0, 0]])
    assert titles(about, declared) == ["asked for and declared (what was done is not known): pads 0 and 0, 3 windows"]


@pytest.mark.parametrize("rounding", ["floor", "ceil", "keep"])
def test_canonical_pads_hold_as_many_windows_as_were_found(rounding: str) -> None:
    for size in range(1, 12):
        for kernel, stride, begin, end in ((2, 3, 0, 0), (3, 2, 1, 1), (2, 4, 1, 2), (1, 3, 0, 2)):
            axis = Axis(size, kernel, stride, 1, begin, end, rounding)
            if axis.output > 0:
                again = Axis(size, kernel, stride, 1, *axis.canonical())
                assert (again.starts, again.output) == (axis.starts, axis.output)


def test_a_phased_stride_takes_every_phase_in_turn() -> None:
    # tf.nn.with_space_to_batch: window o starts at o % dilation + dilation * stride * (o // dilation)
    assert list(phased(Axis(9, 2, 2, 2, 1, 0), 4).starts) == [-1, 0, 3, 4]


@pytest.mark.parametrize(
    ("asked", "other", "first"),
    [
        ((0, 1), (1, 1), 0),
        ((0, 1), (1, 0), 0),
        ((1, 1), (1, 0), None),  # the end pad is never read: seed 1, input 6, kernel 3, stride 2
        ((0, 1), (0, 0), 2),  # a window less
    ],
)
def test_the_first_window_that_reads_other_elements_is_found(
    asked: tuple[int, int], other: tuple[int, int], first: int | None
) -> None:
    assert Geometry(plain(6, 3, 2, 1, asked), plain(6, 3, 2, 1, other)).first_difference == first


def test_seed_1_is_drawn_with_both_geometries_and_the_first_difference() -> None:
    text = draw(6, 3, 2, (0, 1), (1, 1))
    ElementTree.fromstring(text)
    assert re.findall(r"(\d+ from [−\d]+)", text) == [
        "0 from 0",
        "1 from 2",
        "2 from 4",
        "0 from −1",
        "1 from 1",
        "2 from 3",
    ]
    assert text.count("first to differ") == 2
    assert text.index("asked for: pads 0 and 1") < text.index("effective: pads 1 and 1")
    assert 'class="u"' in text  # the end pad that no window reads


def test_one_geometry_is_drawn_once() -> None:
    about = case("made/one", pads=[[1, 1]])
    assert titles(about, mismatch(about, effective=[[1, 0]])) == ["asked for and done: pads 1 and 1, 3 windows"]


def test_large_inputs_are_cropped_near_both_ends() -> None:
    text = draw(100_000, 7, 2, (2, 3), (3, 3))
    assert len(text) < 15_000
    assert "49999 from" in text
    assert max(int(width) for width in re.findall(r'width="(\d+)"', text)) < 900


def test_many_windows_keep_the_ends_and_the_first_difference() -> None:
    assert shown(MOST, None) == list(range(MOST))
    assert shown(100, 50) == [0, 1, 2, 49, 50, 51, 98, 99]
    assert shown(100, None) == [0, 1, 2, 98, 99]


PAIR = {
    **case("made/pair"),
    "input": [6, 9],
    "kernel": [3, 2],
    "stride": [2, 1],
    "dilation": [2, 1],
    "pads": [[0, 0], [0, 0]],
    "output": [1, 8],
}


def axis(size: int, kernel: int, stride: int, dilation: int, begin: int, end: int) -> Windows:
    return windows(Axis(size, kernel, stride, dilation, begin, end))


@pytest.mark.parametrize(
    ("geometry", "done"),
    [
        ({"stride": [3, 4]}, [axis(6, 3, 3, 2, 0, 0), axis(9, 2, 4, 1, 1, 1)]),
        ({"dilation": [1, 3]}, [axis(6, 3, 2, 1, 0, 0), axis(9, 2, 1, 3, 1, 1)]),
        ({"swap": True}, [axis(6, 2, 2, 2, 0, 0), axis(9, 3, 1, 1, 1, 1)]),
        ({"phased": True}, [phased(Axis(6, 3, 2, 2, 0, 0), 1), phased(Axis(9, 2, 1, 1, 1, 1), 8)]),
        ({"bias": False, "flip": True}, [None, axis(9, 2, 1, 1, 1, 1)]),
    ],
    ids=str,
)
def test_what_was_done_is_the_journal_s_geometry_whatever_the_causes(
    geometry: dict[str, object], done: list[Windows | None]
) -> None:
    for causes in (["unattributed"], ["dilation-ignored", "stride-first-axis", "ceil-mode"]):
        job = mismatch(PAIR, causes=causes, effective=[[0, 0], [1, 1]], geometry=geometry, sample=None)
        found = others(PAIR, job)
        assert [one and (one.kernel, one.dilation, list(one.starts)) for one in found] == [
            one and (one.kernel, one.dilation, list(one.starts)) for one in _unlike(done, found)
        ]


def _unlike(done: list[Windows | None], found: list[Windows | None]) -> list[Windows | None]:
    """A geometry that reads what is asked for is drawn once."""
    asked = [axis(6, 3, 2, 2, 0, 0), axis(9, 2, 1, 1, 0, 0)]
    return [
        None if one and Geometry(over, one).first_difference is None else one
        for over, one in zip(asked, done, strict=True)
    ]


def test_a_geometry_that_is_not_known_is_drawn_as_declared() -> None:
    about = case("made/one")
    job = mismatch(about, causes=["dilation-ignored"], effective=None, declared=[[1, 1]], geometry={"stride": [1]})
    assert titles(about, job) == ["asked for: pads 0 and 1, 3 windows", "declared: pads 1 and 1, 3 windows"]


def test_pads_that_no_window_fits_into_are_drawn_without_windows() -> None:
    about = case("made/one", 2, 3, 1, pads=[list(pads_by_rule("same", (2,), (3,), (1,), (1,))[0])])
    job = result(about, "torch", "explicit", "error", declared=[[0, 0]])
    assert titles(about, job) == ["asked for: pads 1 and 1, 2 windows", "declared: pads 0 and 0, 0 windows"]


def test_a_phased_stride_has_as_many_windows_as_the_output() -> None:
    about = case("made/one", 9, 2, 2, 2)
    done: dict[str, Any] = {"causes": [], "geometry": {"phased": True}, "effective": [[1, 0]]}
    (other,) = others(about, mismatch(about, sample={"got_shape": [1, 1, 4]}, **done))
    assert other is not None
    assert list(other.starts) == [-1, 0, 3, 4]
    (other,) = others(about, mismatch(about, sample={"got_shape": [4]}, **done))
    assert other is not None
    assert len(other.starts) == about["output"][0]
