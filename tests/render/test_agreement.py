from __future__ import annotations

import pytest

from conformance.domain.geometry import RULES, Axis
from conformance.render.agreement import DILATIONS, KERNELS, KINDS, PADDINGS, STRIDES, Cell, agreement, cell, rows


def read(size: int, kernel: int, stride: int, dilation: int, rule: str) -> list[list[int | None]]:
    return Axis(size, kernel, stride, dilation, *RULES[rule](size, kernel, stride, dilation)).reads()


@pytest.mark.parametrize("dilation", DILATIONS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_map_holds_for_every_input_that_the_kernel_fits_into(kernel: int, stride: int, dilation: int) -> None:
    extent = (kernel - 1) * dilation + 1
    for size in range(extent, extent + 40):
        maps = [read(size, kernel, stride, dilation, rule) for rule in PADDINGS]
        found = cell(kernel, stride, dilation, size % stride)
        assert KINDS[tuple(map(maps.index, maps))][:2] == (found.glyph, found.kind)
        assert found.pads == RULES["same"](size, kernel, stride, dilation)


@pytest.mark.parametrize(
    ("kind", "differ"),
    [("alone", lambda begins: {begins[0] + 1} == set(begins[1:])), ("all", lambda begins: len(set(begins)) == 1)],
)
def test_the_legend_says_what_is_so(kind: str, differ: object) -> None:
    assert callable(differ)
    for dilation in DILATIONS:
        for kernel in KERNELS:
            for stride in STRIDES:
                for size in range((kernel - 1) * dilation + 1, (kernel - 1) * dilation + 1 + stride):
                    if cell(kernel, stride, dilation, size % stride).kind == kind:
                        assert differ([RULES[rule](size, kernel, stride, dilation)[0] for rule in PADDINGS])


def test_symmetric_is_one_output_short_where_the_map_says_so() -> None:
    kinds = {kind: partition for partition, (_, kind, _) in KINDS.items()}
    for size in range(8, 30):
        for kernel in KERNELS:
            if agreement(size, kernel, 1, 1) == kinds["shape"]:
                assert len(read(size, kernel, 1, 1, "symmetric")) == len(read(size, kernel, 1, 1, "same")) - 1


def test_a_row_has_a_cell_for_each_stride_and_remainder() -> None:
    by_kernel = dict(rows(1))
    assert list(by_kernel) == list(KERNELS)
    assert by_kernel[3][:3] == [Cell("●", "all", (1, 1)), Cell("◐", "alone", (0, 1)), Cell("●", "all", (1, 1))]
    assert {len(cells) for cells in by_kernel.values()} == {sum(STRIDES)}
