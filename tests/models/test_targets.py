"""Where habits part from a layer, and by how much."""

from __future__ import annotations

import pytest

from conformance.domain import geometry
from conformance.domain.case import Case, Padding
from conformance.errors import InputError
from conformance.models import targets
from conformance.models.targets import TARGETS


def case(
    size: int, kernel: int, stride: int, padding: Padding, op: str = "conv", dilation: int = 1, **more: object
) -> Case:
    return Case("c", op, (size,) * 2, (kernel,) * 2, (stride,) * 2, (dilation,) * 2, padding, **more)  # type: ignore[arg-type]


def both(begin: int, end: int) -> Padding:
    return ((begin, end), (begin, end))


@pytest.mark.parametrize(
    ("target", "layer", "pads", "off"),
    [
        ("keras", case(224, 7, 2, both(3, 3)), (2, 3), 1),
        ("tflite", case(32, 3, 2, both(1, 1)), (0, 1), 1),
        ("tensorflow", case(32, 11, 4, both(5, 5)), (3, 4), 2),
        ("keras", case(112, 3, 2, both(1, 1), "max_pool"), (0, 1), 1),
        ("torch", case(32, 3, 2, "same"), (1, 1), 1),
        ("caffe", case(32, 3, 2, both(0, 1)), (1, 1), 1),
        ("torch", case(16, 3, 2, "same", "conv_transpose"), (1, 0), 1),
        ("keras", case(16, 3, 2, "same_lower", "conv_transpose"), (0, 1), 1),
    ],
)
def test_a_habit_that_moves_the_windows(target: str, layer: Case, pads: tuple[int, int], off: int) -> None:
    found = targets.hazard(TARGETS[target], layer)
    assert found is not None
    assert found.pads == (pads, pads)
    assert (found.off, found.silent) == (off, True)


@pytest.mark.parametrize(
    ("target", "layer"),
    [
        ("keras", case(33, 3, 2, both(1, 1))),
        ("keras", case(32, 3, 1, both(1, 1))),
        ("keras", case(32, 3, 2, both(0, 0))),
        ("keras", case(112, 3, 2, both(0, 0), "max_pool", ceil_mode=True)),
        ("torch", case(32, 3, 2, both(1, 1))),
        ("torch", case(33, 3, 2, "same")),
        ("torch", case(32, 3, 1, "same")),
        ("onnx", case(32, 3, 2, both(2, 0))),
    ],
)
def test_what_the_operator_says_by_itself_is_no_hazard(target: str, layer: Case) -> None:
    assert targets.hazard(TARGETS[target], layer) is None


def test_an_average_that_counts_its_padding_is_not_same() -> None:
    layer = case(32, 3, 1, both(1, 1), "avg_pool", count_include_pad=True)
    found = targets.hazard(TARGETS["keras"], layer)
    assert found is not None
    assert (found.off, found.silent) == (0, True)
    assert targets.hazard(TARGETS["torch"], layer) is None


def test_a_habit_of_another_shape_counts_where_the_model_names_a_rule() -> None:
    named = targets.hazard(TARGETS["torch"], case(16, 2, 1, "same"))
    assert named is not None
    assert (named.silent, named.output) == (False, (15, 15))
    assert targets.hazard(TARGETS["torch"], case(16, 2, 1, both(0, 1))) is None


def test_the_right_spelling_is_the_runners() -> None:
    found = targets.hazard(TARGETS["keras"], case(224, 7, 2, both(3, 3)))
    assert found is not None
    assert "ZeroPadding2D(((3, 3), (3, 3)))" in found.write
    assert "padding='valid'" in found.write


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("op", ["conv", "max_pool", "avg_pool"])
def test_alike_says_what_reading_every_window_says(op: str, stride: int) -> None:
    sizes = [(b, e, c, n) for b in range(3) for e in range(3) for c in (False, True) for n in (False, True)]
    for size in (4, 5, 6):
        made = [
            case(
                size, 3, stride, both(b, e), op, ceil_mode=c and op != "conv", count_include_pad=n and op == "avg_pool"
            )
            for b, e, c, n in sizes
        ]
        for one in made:
            for other in made:
                same = geometry.same_elements(one.asked, other.asked)
                assert targets.alike(one, other) == same, (one.describe(), other.describe())


def test_windows_too_many_to_list_are_not_listed() -> None:
    huge = case(2**31 - 1, 3, 1, both(2, 2), "avg_pool", count_include_pad=True)
    found = targets.hazard(TARGETS["tensorflow"], huge)
    assert found is None or not found.write
    assert not targets.listable(huge)


def test_an_unknown_target() -> None:
    with pytest.raises(InputError, match="target 'mxnet'; allowed: keras, tensorflow, tflite, torch, caffe, onnx"):
        targets.select(["mxnet"])
