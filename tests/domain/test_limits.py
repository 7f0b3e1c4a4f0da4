"""How large a case may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.domain.case import Case
from conformance.domain.limits import ARRAY_LIMIT, WORK_LIMIT, excess

LINE = {"input": (2**14, 1), "kernel": (1, 1), "channels": 1, "filters": 1}
SMALL = Case("small", "conv", (8, 8), (3, 3), (1, 1), (1, 1), "same", channels=4, filters=4)


def field(case: Case) -> str | None:
    """The field that makes a case too large."""
    found = excess(case, case.asked)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"input": (2**14, 2**14), "kernel": (1, 1), "channels": 1, "filters": 1}, None),
        ({"input": (2**14, 2**14 + 1), "kernel": (1, 1), "channels": 1, "filters": 1}, "input"),
        ({"input": (2**14, 2**14), "kernel": (1, 1), "channels": 1, "filters": 1, "dtype": "float64"}, "input"),
        ({**LINE, "padding": ((0, 0), (2**13, 2**13 - 1))}, None),
        ({**LINE, "padding": ((0, 0), (2**13 + 1, 2**13 - 1))}, "input"),
        ({**LINE, "padding": ((0, 0), (2**13, 2**13))}, "input"),
        ({**LINE, "op": "conv_transpose", "input": (2**14, 2**14), "padding": ((1, 0), (0, 1))}, None),
        ({"input": (2**14, 2**14), "kernel": (1, 1), "channels": 1, "filters": 2}, "filters"),
        ({"kernel": (1, 1), "channels": 2**14, "filters": 2**14 + 1}, "kernel"),
        ({"input": (2**7, 2**7), "kernel": (2, 2), "channels": 2**9, "filters": 2**9}, None),
        ({"input": (2**7, 2**7), "kernel": (2, 2), "channels": 2**9, "filters": 2**9 + 1}, "kernel"),
        ({"input": (2**7, 2**7), "kernel": (2, 2), "channels": 2**10, "filters": 2**9, "groups": 2}, None),
        ({"input": (2**7, 2**7), "kernel": (2, 2), "channels": 2**9, "filters": 2**9, "batch": 2}, "kernel"),
        ({"op": "conv_transpose", "input": (2**7, 2**7), "kernel": (2, 2), "stride": (2, 2)}, None),
        (
            {
                "op": "conv_transpose",
                "input": (2**7, 2**7),
                "kernel": (2, 2),
                "stride": (2, 2),
                "channels": 2**9,
                "filters": 2**9 + 1,
            },
            "kernel",
        ),
        ({"op": "max_pool", "input": (2**10, 2**10), "kernel": (2**7, 2**7), "filters": 4}, "kernel"),
        ({"op": "max_pool", "input": (2**9, 2**9), "kernel": (2**7, 2**7), "filters": 4}, None),
    ],
)
def test_the_field_that_is_too_large_is_named(changes: dict[str, Any], expected: str | None) -> None:
    assert field(replace(SMALL, **changes)) == expected


def test_what_is_allowed_is_said() -> None:
    large = replace(SMALL, input=(2**15, 2**15), padding="valid")
    assert excess(large, large.asked) == (
        "input",
        f"an array of {2**34} bytes; allowed: up to 1 GiB ({ARRAY_LIMIT})",
    )
    much = replace(SMALL, input=(2**8, 2**8), channels=2**9, filters=2**9)
    assert excess(much, much.asked) == ("kernel", f"{2**34 * 9} multiply-adds; allowed: up to {WORK_LIMIT}")


def test_declared_pads_count_as_well() -> None:
    assert excess(SMALL, SMALL.axes(((0, 10**6), (0, 10**6)))) is not None
