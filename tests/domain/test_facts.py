"""Facts: what an expectation can ask about a case, worked out by hand for a few."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance import cases
from conformance.domain.case import Case, Written
from conformance.domain.facts import AXIS_FACTS, FACTS, RULES, facts, length_fits_channels, spell_fact
from conformance.domain.geometry import pads_by_rule
from conformance.journal import case_record


def about(size: tuple[int, ...], kernel: tuple[int, ...], padding: Any = "same", **fields: Any) -> dict[str, Any]:
    """Every fact of a case, from its record as it comes back from the journal."""
    ones = (1,) * len(size)
    case = Case(**{
        "id": "t/f/a", "op": "conv", "input": size, "kernel": kernel, "stride": ones, "dilation": ones,
        "padding": padding, **fields,
    })  # fmt: skip
    found = facts(json.loads(json.dumps(case_record(case))))
    return {name: found[name] for name in FACTS}


def test_every_fact_of_a_plain_convolution() -> None:
    assert about((6,), (3,), stride=(2,), channels=2, filters=3, bias=True, tags=("x", "y"), since="1.2") == {
        "case": "t/f/a",
        "op": "conv",
        "rank": 1,
        "input": (6,),
        "kernel": (3,),
        "stride": (2,),
        "dilation": (1,),
        "batch": 1,
        "channels": 2,
        "filters": 3,
        "groups": 1,
        "multiplier": 0,
        "bias": True,
        "padding": "same",
        "pads": "0.1",
        "padded": True,
        "asymmetric": True,
        "unequal": [],
        "differs_from": ["valid", "same_lower", "symmetric", "fixed", "begin_twice"],
        "agrees_with": ["same"],
        "undilated_differs_from": ["valid", "same_lower", "symmetric", "fixed", "begin_twice"],
        "first_dilation_differs_from": ["valid", "same_lower", "symmetric", "fixed", "begin_twice"],
        "one_more_changes": ["pads", "windows"],
        "same_leaves": 0,
        "undilated_odd": True,
        "first_dilation": 1,
        "length_fits_channels": True,
        "width_is_filters": ["asked", "same"],
        "output_padding": 0,
        "output_shape": False,
        "ceil_mode": False,
        "ceil_differs": False,
        "padding_alone": False,
        "spec": "",
        "count_include_pad": False,
        "mode": "constant",
        "mode_differs_from": ["reflect", "edge", "circular", "symmetric"],
        "valued": False,
        "beyond": -5,
        "begin": 0,
        "dtype": "float32",
        "data": "lattice",
        "tags": ["x", "y"],
        "since": "1.2",
    }


def test_every_fact_is_found_for_every_packaged_case() -> None:
    for case in cases.load():
        found = facts(case_record(case))
        for name in FACTS:
            value = found[name]
            assert isinstance(value, bool | int | str | list | tuple), f"{name} of {case.id}"
            assert isinstance(value, tuple) == (name in AXIS_FACTS), f"{name} of {case.id}"
        assert sorted(found["agrees_with"] + found["differs_from"]) == sorted(RULES)


def test_the_facts_of_pads_by_themselves() -> None:
    edge = about((4, 5), (1, 1), ((1, 0), (0, 1)), op="pad", mode="edge")
    assert (edge["mode"], edge["mode_differs_from"]) == ("edge", ["constant", "reflect", "circular"])
    assert (edge["beyond"], edge["begin"], edge["valued"]) == (-3, 1, False)
    longer = about((4, 5), (1, 1), ((1, 6), (2, 1)), op="pad", mode="edge")
    assert (longer["mode_differs_from"], longer["beyond"], longer["begin"]) == (
        ["constant", "reflect", "circular", "symmetric"], 2, 2,
    )  # fmt: skip
    assert about((4,), (1,), ((1, 1),), op="pad", value=float("-inf"))["valued"]


def test_windows_in_the_padding_alone_are_told() -> None:
    assert about((5,), (2,), ((3, 3),), op="max_pool", stride=(2,))["padding_alone"]
    assert not about((5,), (2,), ((1, 1),), op="max_pool", stride=(2,))["padding_alone"]


def test_ceil_mode_may_take_a_window_away() -> None:
    pool = about((5,), (2,), ((1, 2),), op="max_pool", stride=(2,), ceil_mode=True)
    assert pool["ceil_differs"]
    assert not about((5,), (3,), "valid", op="max_pool", ceil_mode=True)["ceil_differs"]


def test_a_fact_that_there_is_not_is_not_found() -> None:
    with pytest.raises(KeyError):
        facts(case_record(Case("t/f/a", "conv", (6,), (3,), (1,), (1,), "same")))["nonsense"]


@pytest.mark.parametrize(
    ("padding", "spelled", "pads", "padded", "asymmetric"),
    [
        ("valid", "valid", "0.0x0.0", False, False),
        ("same", "same", "1.1x0.1", True, True),
        ("same_lower", "same_lower", "1.1x1.0", True, True),
        ("fixed", "fixed", "1.1x0.1", True, True),
        (((1, 1), (2, 2)), "1.1x2.2", "1.1x2.2", True, False),
        (((0, 0), (0, 1)), "0.0x0.1", "0.0x0.1", True, True),
    ],
    ids=str,
)
def test_paddings(padding: Any, spelled: str, pads: str, padded: bool, asymmetric: bool) -> None:
    found = about((5, 5), (3, 2), padding)
    assert (found["padding"], found["pads"]) == (spelled, pads)
    assert (found["padded"], found["asymmetric"]) == (padded, asymmetric)


def test_a_pad_that_no_window_reads_makes_no_difference() -> None:
    found = about((6,), (3,), ((0, 2),), stride=(2,))
    assert "same" in found["agrees_with"]
    assert about((6,), (3,), ((0, 2),), stride=(1,))["agrees_with"] == []


def test_rules_agree_where_they_read_the_same_elements() -> None:
    odd = about((5,), (3,), stride=(2,))
    assert odd["agrees_with"] == ["same", "same_lower", "symmetric", "fixed", "begin_twice"]
    assert odd["differs_from"] == ["valid"]
    assert about((6,), (1,))["differs_from"] == []
    even = about((6,), (3,), ((1, 1),), stride=(2,))
    assert even["agrees_with"] == ["same_lower", "symmetric", "fixed", "begin_twice"]


def test_the_begin_pads_on_both_sides_are_a_rule_of_their_own() -> None:
    assert "begin_twice" in about((8,), (3,), ((2, 2),))["agrees_with"]
    assert "begin_twice" in about((8,), (3,), ((2, 1),))["differs_from"]


def test_rules_once_the_dilation_is_taken_for_another() -> None:
    found = about((9,), (3,), dilation=(2,))
    assert "same" in found["agrees_with"]
    assert pads_by_rule("same", (9,), (3,), (1,), (2,)) == ((2, 2),)
    assert found["undilated_differs_from"] == ["valid", "same", "same_lower", "symmetric", "fixed"]
    assert found["first_dilation_differs_from"] == found["differs_from"]
    uneven = about((9, 9), (3, 3), dilation=(1, 2))
    assert "same" in uneven["agrees_with"]
    assert "same" in uneven["first_dilation_differs_from"]
    assert uneven["first_dilation"] == 1
    assert uneven["undilated_differs_from"] == uneven["first_dilation_differs_from"]


def test_whether_the_odd_pixel_is_there_once_dilation_is_ignored() -> None:
    assert about((9,), (2,), dilation=(2,))["undilated_odd"] is True
    assert about((9,), (3,), dilation=(2,))["undilated_odd"] is False
    assert about((9,), (4,), dilation=(2,))["undilated_odd"] is True


def test_the_fields_whose_axes_differ() -> None:
    assert about((6, 6), (3, 3))["unequal"] == []
    assert about((6, 7), (3, 2), stride=(1, 2), dilation=(2, 1))["unequal"] == ["input", "kernel", "stride", "dilation"]
    assert about((6, 6), (3, 3), dilation=(1, 2))["unequal"] == ["dilation"]


@pytest.mark.parametrize(
    ("channels", "filters", "groups", "multiplier"),
    [(3, 3, 3, 1), (3, 6, 3, 2), (3, 9, 3, 3), (4, 8, 2, 0), (3, 6, 1, 0), (1, 4, 1, 0)],
)
def test_the_multiplier_of_a_depthwise_convolution(channels: int, filters: int, groups: int, multiplier: int) -> None:
    found = about((6,), (3,), channels=channels, filters=filters, groups=groups)
    assert found["multiplier"] == multiplier
    assert found["groups"] == groups


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "changes"),
    [
        ((6,), (3,), (1,), ["windows"]),
        ((6,), (3,), (2,), ["pads", "windows"]),
        ((7,), (3,), (2,), ["pads"]),
        ((4,), (2,), (2,), ["windows"]),
        ((7, 7), (1, 3), (2, 3), ["pads"]),
        ((7,), (1,), (2,), []),
    ],
    ids=["stride-1", "even", "odd", "a-pad-that-no-window-reads", "2d", "kernel-1"],
)
def test_what_an_input_one_larger_changes_of_same(
    size: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], changes: list[str]
) -> None:
    assert about(size, kernel, stride=stride)["one_more_changes"] == changes


def test_what_same_leaves_of_the_input() -> None:
    assert about((9,), (2,), stride=(4,))["same_leaves"] == 0
    assert about((10,), (1,), stride=(4,))["same_leaves"] == 1
    assert about((12, 11), (1, 2), stride=(4, 5))["same_leaves"] == 3


def test_whether_the_length_could_be_taken_for_the_channels() -> None:
    assert [length_fits_channels(length, 3, 4) for length in (3, 6, 7, 9, 12)] == [True, True, False, False, True]
    assert about((6,), (3,), channels=3, filters=4)["length_fits_channels"] is True
    assert about((7,), (3,), channels=3, filters=4)["length_fits_channels"] is False
    assert about((8,), (3,), channels=4, filters=8, groups=2)["length_fits_channels"] is True
    assert about((7,), (3,), channels=4, filters=8, groups=2)["length_fits_channels"] is False


@pytest.mark.parametrize(
    ("width", "filters", "padding", "expected"),
    [
        (8, 8, "same", ["asked", "same"]),
        (8, 6, "same", ["valid"]),
        (8, 6, "valid", ["asked", "valid"]),
        (8, 8, ((1, 1), (2, 2)), ["same"]),
        (8, 10, ((1, 1), (2, 2)), ["asked"]),
        (8, 7, "same", []),
    ],
    ids=str,
)
def test_the_paddings_with_which_the_output_is_as_wide_as_it_has_channels(
    width: int, filters: int, padding: Any, expected: list[str]
) -> None:
    assert about((5, width), (3, 3), padding, filters=filters)["width_is_filters"] == expected


def test_written_data_is_called_so() -> None:
    data = Written((((1, 2, 3, 4, 5, 6),),), (((1, 2, 3),),))
    assert about((6,), (3,), data=data)["data"] == "written"


def test_sizes_as_a_predicate_spells_them() -> None:
    assert spell_fact((3, 2)) == "3x2"
    assert spell_fact((3, 3)) == "3x3"
    assert spell_fact("same") == "same"
