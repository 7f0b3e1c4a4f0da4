from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.domain.geometry import Axis
from conformance.render.drawing import MOST, Geometry, found, geometries, phased, plain, shown, svg
from tests.render.made_journals import case, mismatch, result


def draw(size: int, kernel: int, stride: int, asked: tuple[int, int], other: tuple[int, int]) -> str:
    geometry = Geometry(size, plain(size, kernel, stride, 1, asked), plain(size, kernel, stride, 1, other))
    return svg(geometry, "effective")


@pytest.mark.parametrize("pads", [(0, 0), (0, 1), (1, 1), (3, 0)])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation"), [(6, 3, 2, 1), (7, 2, 3, 2), (1, 5, 1, 1), (9, 1, 4, 3)]
)
def test_windows_are_those_of_the_geometry(
    size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]
) -> None:
    axis = Axis(size, kernel, stride, dilation, *pads)
    assert list(plain(size, kernel, stride, dilation, pads).starts) == list(axis.starts)


@pytest.mark.parametrize(
    ("fields", "done"),
    [
        ({"op": "conv_transpose"}, {}),
        ({"op": "max_pool", "ceil_mode": True}, {}),
        ({"op": "avg_pool"}, {"causes": ["unattributed"], "geometry": {"rounding": "keep"}}),
        ({"op": "avg_pool"}, {"causes": ["ceil-mode"]}),
    ],
    ids=str,
)
def test_what_has_other_windows_is_not_drawn(fields: dict[str, Any], done: dict[str, Any]) -> None:
    about = {**case("made/a"), **fields}
    word, axes = found(about, mismatch(about, **done))
    assert geometries(about, axes) == []
    word, axes = found({**case("made/a"), "op": "max_pool"}, mismatch(about))
    assert (word, len(geometries(case("made/a"), axes))) == ("effective", 1)


def test_a_phased_stride_takes_every_phase_in_turn() -> None:
    # tf.nn.with_space_to_batch: window o starts at o % dilation + dilation * stride * (o // dilation)
    assert list(phased(4, 2, 2, 2, (1, 0)).starts) == [-1, 0, 3, 4]


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
    assert Geometry(6, plain(6, 3, 2, 1, asked), plain(6, 3, 2, 1, other)).first_difference == first


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
    text = draw(6, 3, 2, (1, 1), (1, 0))
    both = geometries(case("made/one", pads=[[1, 1]]), [[1, 0, 3, 2, 1, 0]])[0]
    assert both.other is None
    assert svg(both, "effective").count("input") == 1
    assert "asked for and done" in svg(both, "effective")
    ElementTree.fromstring(text)


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


@pytest.mark.parametrize(
    ("geometry", "axes"),
    [
        ({"stride": [3, 4]}, [[0, 0, 3, 3, 2, 0], [1, 1, 2, 4, 1, 0]]),
        ({"dilation": [1, 3]}, [[0, 0, 3, 2, 1, 0], [1, 1, 2, 1, 3, 0]]),
        ({"swap": True}, [[0, 0, 2, 2, 2, 0], [1, 1, 3, 1, 1, 0]]),
        ({"phased": True}, [[0, 0, 3, 2, 2, 1], [1, 1, 2, 1, 1, 8]]),
        ({"bias": False, "flip": True}, [[0, 0, 3, 2, 2, 0], [1, 1, 2, 1, 1, 0]]),
    ],
    ids=str,
)
def test_what_was_done_is_the_journal_s_geometry_whatever_the_causes(
    geometry: dict[str, object], axes: list[list[int]]
) -> None:
    effective = [[0, 0], [1, 1]]
    for causes in (["unattributed"], ["dilation-ignored", "stride-first-axis", "ceil-mode"]):
        job = mismatch(PAIR, causes=causes, effective=effective, geometry=geometry, sample=None)
        assert found(PAIR, job) == ("effective", axes)


def test_a_geometry_that_is_not_known_is_drawn_as_declared() -> None:
    about = case("made/one")
    job = mismatch(about, causes=["dilation-ignored"], effective=None, declared=[[1, 1]], geometry={"stride": [1]})
    assert found(about, job) == ("declared", [[1, 1, 3, 2, 1, 0]])


def test_without_a_geometry_what_was_done_follows_from_the_causes() -> None:
    about = case("made/one", dilation=2)
    assert found(about, mismatch(about, causes=["dilation-ignored"])) == ("effective", [[1, 0, 3, 2, 1, 0]])
    assert found(about, result(about, "torch", "same", "error", declared=[[2, 2]])) == (
        "declared",
        [[2, 2, 3, 2, 2, 0]],
    )
    phased_job = mismatch(about, causes=["dilation-with-stride"], sample={"got_shape": [1, 1, 2]})
    assert found(about, phased_job) == ("effective", [[1, 0, 3, 2, 2, 2]])


def test_per_axis_causes_reach_their_axes() -> None:
    causes = ["axes-swapped", "stride-first-axis", "dilation-first-axis"]
    _, axes = found(PAIR, mismatch(PAIR, causes=causes, effective=[[0, 0], [1, 1]]))
    assert axes == [[0, 0, 2, 2, 2, 0], [1, 1, 3, 2, 2, 0]]


def test_a_geometry_that_is_only_declared_is_not_said_to_be_done() -> None:
    about = case("made/one")
    word, axes = found(about, result(about, "torch", "same", "mismatch", causes=["layout"]))
    text = svg(geometries(about, axes)[0], word)
    assert "declared (what was done is not known)" in text
    assert "asked for and done" not in text
