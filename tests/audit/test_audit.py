"""The audit: every wrong implementation does what its name says, and what a selection cannot see is named."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance import audit
from conformance.audit import RIGHT, Power, Selection, answers, catalogue
from conformance.audit.catalogue import CATALOGUE, Wrong
from conformance.audit.universe import universe
from conformance.domain.case import OPS, Case, Written
from conformance.domain.causes import CAUSES
from conformance.domain.geometry import Pads
from conformance.domain.tensors import Data, tensors
from conformance.errors import InputError
from tests.fakes import ROOT
from tests.test_cli import conformance, loaded

NAMED = {wrong.name: wrong for wrong in CATALOGUE}

CONVS, POOLS, WINDOWS, RULED = OPS[:2], OPS[2:4], (OPS[0], *OPS[2:4]), OPS[:4]

EVERYWHERE = """
symmetric-for-asymmetric pads-ignored pads-begin-only pads-axis-order pad-amount layout output-shape
"""

WITH_A_KERNEL = """
same-lower-for-upper same-upper-for-lower auto-pad-ignored same-for-explicit dilation-ignored dilation-first-axis
stride-first-axis axes-swapped
"""

APPLIES = {
    **dict.fromkeys(EVERYWHERE.split(), OPS),
    **dict.fromkeys(WITH_A_KERNEL.split(), RULED),
    "size-frozen": WINDOWS,  # what a transposed convolution crops does not depend on its size
    "dilation-with-stride": ("conv",),  # TensorFlow's space-to-batch
    "kernel-flipped": CONVS,
    "group-order": CONVS,
    "bias-dropped": CONVS,
    "pad-value": ("max_pool", "pad"),
    "pad-mode": (*WINDOWS, "pad"),
    "pad-counted": ("avg_pool",),
    "pad-not-counted": ("avg_pool",),
    "ceil-mode": POOLS,
    "last-window": POOLS,
    "output-padding": ("conv_transpose",),
    "crop-side": ("conv_transpose",),
}
"""The operators that a cause can apply to."""


def case(op: str = "conv", **fields: Any) -> Case:
    """One row of four, kernel 3, stride 2, a pad on both sides, unless said otherwise."""
    plain = {"input": (4,), "kernel": (3,), "stride": (2,), "dilation": (1,), "padding": ((1, 1),)}
    return Case(**{"id": "small/a", "op": op, **plain, **fields})


def row(op: str = "conv", **fields: Any) -> tuple[Case, Data]:
    """The numbers 1 to 4 under the weights 1, 2, 3."""
    made = case(op, **fields)
    return made, Data(np.array([[[1.0, 2, 3, 4]]]), np.array([[[1.0, 2, 3]]]), None)


def output(name: str, made: Case, data: Data) -> list[float]:
    """What an implementation answers for one row."""
    found = NAMED[name].output(made, data)
    assert found is not None
    return found.ravel().tolist()


def power_of(cases: Sequence[Case], wrongs: Sequence[str] = ()) -> Power:
    """The power of cases of one operator, against some of the catalogue."""
    (found,) = audit.audit(Selection(list(cases)), [NAMED[name] for name in wrongs] or CATALOGUE)
    return found


# The catalogue.


def test_the_catalogue_has_every_cause_for_every_operator_that_it_applies_to() -> None:
    assert set(APPLIES) | {"dtype", "precision", "non-finite", "unattributed"} == set(CAUSES)
    for cause, ops in APPLIES.items():
        assert {op for wrong in CATALOGUE if wrong.cause == cause for op in wrong.ops} == set(ops), cause


def test_there_are_at_least_30_for_every_operator_with_a_kernel_each_with_a_name_of_its_own() -> None:
    assert len(NAMED) == len(CATALOGUE)
    for op in OPS:
        assert sum(op in wrong.ops for wrong in CATALOGUE) >= (30 if op in RULED else 20)


@pytest.mark.parametrize("op", OPS)
def test_no_two_of_an_operator_are_the_same_function_and_none_is_right(op: str) -> None:
    """One poor case, so that the universe has to tell them apart."""
    assert power_of([next(universe(op))]).equivalent == ()


@pytest.mark.parametrize("op", OPS)
def test_a_mistake_of_padding_gives_the_right_answer_where_it_has_nothing_to_bite_on(op: str) -> None:
    made = case(op, kernel=(1,), stride=(1,), padding="valid" if op in RULED else ((0, 0),))
    numbers = answers(made, tensors(made), [RIGHT, *(w for w in CATALOGUE if op in w.ops and w.of_padding)])
    assert set(numbers) == {0}


ASKED = ((1, 2), (3, 4))


@pytest.mark.parametrize(
    ("name", "padding", "pads"),
    [
        ("begin pads on both sides", ASKED, ((1, 1), (3, 3))),
        ("end pads on both sides", ASKED, ((2, 2), (4, 4))),
        ("the larger pad on both sides", ((2, 1), (3, 4)), ((2, 2), (4, 4))),
        ("half the total on both sides", ASKED, ((1, 1), (3, 3))),
        ("no pads for numbers", ASKED, ((0, 0), (0, 0))),
        ("no pads for numbers", "same", ((0, 1), (1, 2))),
        ("no pads for a rule's name", ASKED, ASKED),
        ("no pads for a rule's name", "same", ((0, 0), (0, 0))),
        ("begin pads only", ASKED, ((1, 0), (3, 0))),
        ("end pads only", ASKED, ((0, 2), (0, 4))),
        ("pads with axes reversed", ASKED, ((3, 4), (1, 2))),
        ("begins then ends read as pairs", ASKED, ((1, 3), (2, 4))),
        ("pairs read as begins then ends", ASKED, ((1, 3), (2, 4))),
        ("begin and end pads exchanged", ASKED, ((2, 1), (4, 3))),
        ("begin and end pads exchanged", "same", ((0, 1), (1, 2))),
        ("SAME for numbers", ASKED, ((0, 1), (1, 2))),
        ("SAME for valid", "valid", ((0, 1), (1, 2))),
        ("SAME for fixed", "fixed", ((0, 1), (1, 2))),
        ("SAME_LOWER for SAME_UPPER", "same", ((1, 0), (2, 1))),
        ("SAME_LOWER for SAME_UPPER", ASKED, ASKED),
        ("SAME_UPPER for SAME_LOWER", "same_lower", ((0, 1), (1, 2))),
        ("SAME as d(k-1)//2 on both sides", "same", ((1, 1), (2, 2))),
        ("k//2 on both sides for a rule's name", "valid", ((1, 1), (1, 1))),
        ("begin pad too large by one", ((1, 0), (0, 0)), ((2, 0), (0, 0))),
        ("begin pad too small by one", ((0, 1), (2, 0)), ((0, 1), (1, 0))),
        ("end pad too large by one", ((1, 0), (0, 0)), ((1, 1), (0, 0))),
        ("end pad too small by one", ASKED, ((1, 1), (3, 3))),
        ("SAME of a size that the stride divides", "same", ((0, 1), (1, 2))),
        ("SAME of a size larger by one", "same", ((1, 1), (2, 2))),
        ("SAME of stride 1", "same", ((1, 1), (2, 2))),
        ("a rule without the dilation", "same", ((0, 1), (0, 1))),
        ("SAME that crops beyond the kernel", "same", ((0, 1), (1, 2))),
    ],
)  # fmt: skip
def test_an_implementation_pads_as_its_name_says(name: str, padding: Any, pads: Pads) -> None:
    """Sizes 6 and 10, kernel 3, stride 2, dilations 1 and 2."""
    made = case(input=(6, 10), kernel=(3, 3), stride=(2, 2), dilation=(1, 2), padding=padding)
    assert NAMED[name].read(made).pads == pads


def test_a_frozen_size_shows_at_another_one() -> None:
    made = case(input=(5, 9), kernel=(3, 3), stride=(2, 2), dilation=(1, 2), padding="same_lower")
    assert made.pads == ((1, 1), (2, 2))
    assert NAMED["SAME of a size that the stride divides"].read(made).pads == ((1, 0), (2, 1))
    assert NAMED["SAME of a size larger by one"].read(made).pads == ((1, 0), (2, 1))


def test_same_that_crops_moves_the_windows_where_the_stride_exceeds_the_kernel() -> None:
    made = case(input=(12,), kernel=(1,), stride=(4,), padding="same")
    assert NAMED["SAME that crops beyond the kernel"].read(made).pads == ((-1, -2),)
    lower = replace(made, padding="same_lower")
    assert NAMED["SAME that crops beyond the kernel"].read(lower).pads == ((-2, -1),)


def test_the_worked_row() -> None:
    """Its seed states 8 and 20, and what SAME would give."""
    assert output("no bias", *row()) == [8, 20]
    assert output("SAME for numbers", *row()) == [14, 11]
    assert output("SAME for causal", *row(padding="causal")) == [14, 11]
    assert output("kernel reversed", *row()) == [4, 16]
    assert output("edges repeated as padding", *row()) == [9, 20]
    assert output("edges repeated as padding", *row(padding=((0, 1),))) == [14, 3 + 8 + 12]


def test_pools_and_the_padding_that_they_fill_or_count() -> None:
    negative = np.array([[[-3.0, -2, -1, -4]]])
    largest, data = row("max_pool")
    assert output("zeros as a max pool's padding", largest, data._replace(input=negative)) == [0, -1]
    assert output("zeros as a max pool's padding", *row("max_pool", padding="valid")) == [3]
    assert output("padding counted", *row("avg_pool")) == [1, 3]
    assert output("padding not counted", *row("avg_pool", count_include_pad=True)) == [1.5, 3]
    assert output("ceil for floor", *row("max_pool", padding="valid")) == [3, 4]
    assert output("floor for ceil", *row("max_pool", padding="valid", ceil_mode=True)) == [3]
    kept = NAMED["a window that starts in the end pad kept"]
    assert [kept.read(case("max_pool", ceil_mode=ceil)).rounding for ceil in (False, True)] == ["floor", "keep"]
    over = {"padding": ((1, 0),), "ceil_mode": True, "count_include_pad": True, "stride": (3,)}
    assert output("padding counted", *row("avg_pool", **over)) == [1, 3.5]
    assert output("what lies beyond the padding counted", *row("avg_pool", **over)) == [1, 7 / 3]
    late = {"kernel": (1,), "stride": (3,), "padding": ((0, 2),), "ceil_mode": True, "count_include_pad": True}
    assert output("no dilation", *row("avg_pool", **late)) == [1, 4]
    late["padding"] = ((0, 1),)
    late["stride"] = (4,)
    assert output("a window that starts in the end pad kept", *row("avg_pool", **late)) == [1, 0]


def test_transposed_convolutions_crop_and_add() -> None:
    more = {"padding": ((1, 0),), "output_padding": (1,)}
    # The whole of it is 1 2 5 4 9 6 13 8 12, and one more 0.
    assert output("no bias", *row("conv_transpose", **more)) == [2, 5, 4, 9, 6, 13, 8, 12, 0]
    assert output("no output padding", *row("conv_transpose", **more)) == [2, 5, 4, 9, 6, 13, 8, 12]
    assert output("output padding at the beginning", *row("conv_transpose", **more)) == [1, 2, 5, 4, 9, 6, 13, 8, 12]
    assert output("crop on the other side", *row("conv_transpose", **more)) == [1, 2, 5, 4, 9, 6, 13, 8, 12]
    more["padding"] = ((0, 1),)
    assert output("no bias", *row("conv_transpose", **more)) == [1, 2, 5, 4, 9, 6, 13, 8, 12]
    assert output("zeros as output padding", *row("conv_transpose", **more)) == [1, 2, 5, 4, 9, 6, 13, 8, 0]
    assert output("no pads for numbers", *row("conv_transpose")) == [1, 2, 5, 4, 9, 6, 13, 8, 12]
    plain = case("conv_transpose", padding="valid", output_padding=(1,))
    assert plain.pads == NAMED["a rule without the dilation"].read(plain).pads == ((0, -1),)
    assert NAMED["no output padding"].read(plain).pads == ((0, 0),)
    shaped = case("conv_transpose", padding="same", output_shape=(7,))
    assert shaped.pads == ((1, 1),)
    assert NAMED["output_shape ignored"].read(shaped).pads == ((0, 1),)
    assert NAMED["SAME of a convolution"].read(case("conv_transpose", input=(5,), padding="same")).pads == ((1, 1),)
    wide = case("conv_transpose", kernel=(1,), padding="same")
    assert (wide.pads, NAMED["SAME that adds nothing"].read(wide).pads) == (((0, -1),), ((0, 0),))
    odd = case("conv_transpose", padding="same", output_shape=(8,))
    assert (odd.pads, NAMED["SAME_LOWER for SAME_UPPER"].read(odd).pads) == (((0, 1),), ((1, 0),))


def test_layouts_are_taken_for_one_another() -> None:
    made = case(input=(2,), kernel=(1,), stride=(1,), padding="valid", channels=2)
    data = Data(np.array([[[1.0, 2], [3, 4]]]), np.array([[[1.0], [10]]]), None)
    assert output("no bias", made, data) == [31, 42]
    assert output("channels-last data taken for channels first", made, data) == [21, 43]
    two = replace(made, filters=2)
    weights = np.array([[[1.0], [10]], [[100], [1000]]])
    assert output("filters-last weights taken for filters first", two, data._replace(weights=weights)) == [
        301, 402, 3010, 4020,
    ]  # fmt: skip
    last = NAMED["channels-last output"].output(two, data._replace(weights=weights))
    assert last is not None
    assert last.shape == (1, 2, 2)
    assert last.ravel().tolist() == [31, 3100, 42, 4200]
    flat = NAMED["output flattened"].output(two, data._replace(weights=weights))
    assert flat is not None
    assert flat.shape == (1, 4)


# Answers.


def shifted(amount: float, name: str = "") -> Wrong:
    """An implementation whose every number is off by so much."""
    return Wrong(name or str(amount), "", OPS, after=lambda made, found: found + amount)


def test_answers_are_told_apart_as_the_judge_does_by_a_half_on_exact_data() -> None:
    made, data = row()
    assert answers(made, data, [RIGHT, shifted(0.25), shifted(-0.499)]) == (0, 0, 0)
    assert answers(made, data, [RIGHT, shifted(0.5), shifted(-0.5)]) == (0, 1, 2)


def test_answers_that_are_each_like_a_third_one_are_alike() -> None:
    made, data = row()
    assert answers(made, data, [RIGHT, shifted(0.8), shifted(0.4)]) == (0, 0, 0)
    assert answers(made, data, [RIGHT, shifted(0.8)]) == (0, 1)


def test_real_valued_answers_are_told_apart_beyond_what_rounding_may_do() -> None:
    made = case(data="normal")
    assert answers(made, tensors(made), [RIGHT, shifted(1e-8), shifted(1e-4)]) == (0, 0, 2)
    largest = case("max_pool", data="normal")
    assert answers(largest, tensors(largest), [RIGHT, shifted(1e-8)]) == (0, 1)


def test_another_shape_and_no_answer_at_all_are_other_answers() -> None:
    made, data = row(input=(4,), kernel=(3,), stride=(1,), padding=((0, 1),))
    numbers = answers(made, data, [RIGHT, NAMED["output flattened"], NAMED["end pad too small by one"]])
    assert len(set(numbers)) == 3
    small, data = row(kernel=(5,), padding=((1, 1),))
    data = data._replace(weights=np.ones((1, 1, 5)))
    refuses = NAMED["no pads for numbers"]
    assert refuses.output(small, data) is None
    assert answers(small, data, [RIGHT, refuses, refuses]) == (0, 1, 1)


# Selections.


def test_constant_data_is_blind_and_reported_so() -> None:
    """Constant numbers see no reversed kernel; the same case with a lattice does."""
    wrongs = ["kernel reversed", "no pads for numbers"]
    flat = case(stride=(1,), padding=((1, 1),), data=Written((((2, 2, 2, 2),),), (((3, 3, 3),),)))
    found = power_of([flat], wrongs)
    assert found.missed == ["kernel reversed"]
    assert (found.separated, found.pairs) == (2, 3)
    assert found.groups == [("the right answer", "kernel reversed")]
    assert found.unseen[0].witness in set(universe("conv"))
    assert power_of([replace(flat, data="lattice")], wrongs).unseen == ()


def test_a_case_that_brings_its_own_data_is_judged_with_them() -> None:
    made, data = row(data="normal")
    blind = {made.id: data._replace(weights=np.ones((1, 1, 3)))}
    (found,) = audit.audit(Selection([made], blind), [NAMED["kernel reversed"]])
    assert found.missed == ["kernel reversed"]
    (found,) = audit.audit(Selection([made], {made.id: data}), [NAMED["kernel reversed"]])
    assert found.missed == []


def test_what_any_case_tells_apart_is_told_apart_by_the_selection() -> None:
    wrongs = ["kernel reversed", "no pads for numbers"]
    flat = case(data=Written((((2, 2, 2, 2),),), (((3, 3, 3),),)))
    assert power_of([flat, case(id="small/b", padding="valid")], wrongs).unseen == ()


def test_implementations_that_never_differ_do_not_count() -> None:
    twin = replace(NAMED["kernel reversed"], name="twin")
    (found,) = audit.audit(Selection([case()]), [NAMED["kernel reversed"], twin])
    assert (found.separated, found.pairs) == (2, 2)
    assert found.equivalent == (("kernel reversed", "twin"),)


def test_an_operator_without_a_case_does_not_count() -> None:
    assert [power.op for power in audit.audit(Selection([case("max_pool"), case()]), [NAMED["begin pads only"]])] == [
        "conv",
        "max_pool",
    ]


def test_a_vacuous_case_is_named() -> None:
    """It sees a reversed layout, but no wrong padding."""
    vacuous = case(id="small/vacuous", kernel=(1,), stride=(1,), padding="valid", channels=2)
    found = power_of([vacuous, case()])
    assert found.vacuous == ["small/vacuous"]
    assert any(found.rows[0].answers)


def test_cases_that_add_nothing_are_redundant() -> None:
    telling, twice, blind = (
        case(),
        case(id="small/twice"),
        case(id="small/blind", kernel=(1,), stride=(1,), padding="valid"),
    )
    found = power_of([blind, telling, twice])
    assert found.enough == ["small/a"]
    rows = {row.case: row.answers for row in found.rows}
    assert rows["small/a"] == rows["small/twice"]
    assert set(power_of([telling, case(id="small/other", padding="same")]).enough) == {"small/a", "small/other"}


def test_the_packaged_cases_tell_all_apart_and_none_is_vacuous() -> None:
    for power in audit.audit(audit.select(())):
        assert (power.unseen, power.equivalent, power.vacuous) == ((), (), []), power.op


# The command.

POOR = """\
schema: 1
title: poor
cases:
  - {name: vacuous, input: 6, kernel: 1, padding: valid, tags: [few]}
  - {name: ones, input: 4, kernel: 3, padding: 1, data: {input: [[[1, 1, 1, 1]]], weights: [[[1, 1, 1]]]}}
"""


@pytest.fixture
def poor(tmp_path: Path) -> Path:
    path = tmp_path / "poor.yaml"
    path.write_text(POOR)
    return path


def test_1_where_a_pair_is_not_told_apart_and_it_is_named(poor: Path) -> None:
    ended = conformance("audit", poor)
    assert ended.returncode == 1, ended.stderr
    found = ended.stdout.partition("conv: mistakes that no case sees")[2]
    assert re.search(r"^  kernel reversed: conv \d", found, re.MULTILINE)
    assert re.search(r"no case tells apart.*\n(.*\n)*  .* \| .*: conv \d", found)
    assert "which no wrong padding can fail\n  poor/vacuous\n" in ended.stdout
    assert not re.search(r"\b100\.0 %", ended.stdout)


def test_json_has_the_same_and_the_matrix_where_it_is_asked_for(poor: Path) -> None:
    ended = conformance("audit", poor, "--format", "json", "--matrix", "-k", "ones")
    assert ended.returncode == 1
    found = json.loads(ended.stdout)
    conv = found["operators"]["conv"]
    assert list(found["operators"]) == ["conv"]
    assert conv["cases"] == 1
    assert conv["vacuous"] == []
    assert "kernel reversed" in conv["missed"]
    assert conv["separated"] + len(conv["unseen"]) == conv["pairs"]
    assert found["score"] == conv["score"] == conv["separated"] / conv["pairs"]
    (matrix,) = conv["matrix"].items()
    assert (matrix[0], len(matrix[1])) == ("poor/ones", len(conv["implementations"]))
    assert "matrix" not in json.loads(conformance("audit", poor, "--format", "json").stdout)["operators"]["conv"]


def test_the_matrix_has_a_row_a_case_and_a_dot_for_the_right_answer(poor: Path) -> None:
    lines = conformance("audit", poor, "--matrix", "--tag", "few").stdout.splitlines()
    (line,) = [line for line in lines if re.fullmatch(r"  \S+  poor/vacuous", line)]
    columns = [text.split(maxsplit=1)[1] for text in lines if re.match(r" +\d+ ", text)]
    letters = dict(zip(columns, line.split()[0], strict=True))
    assert letters["the right answer"] == letters["kernel reversed"] == "."
    assert letters["channels-last output"] != "."


def test_what_it_loads_before_it_has_work_to_do() -> None:
    assert loaded("audit", "--help") == []


def test_0_for_the_packaged_convolutions() -> None:
    ended = conformance("audit", "-k", "sweeps/conv or sweeps/stride or seeds and not max-pool")
    assert ended.returncode == 0, ended.stdout
    count = sum("conv" in wrong.ops for wrong in CATALOGUE)
    pairs = count * (count + 1) // 2
    assert f"{count} of {count}" in ended.stdout
    assert f"{pairs} of {pairs}  100.0 %" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-k", "no-such-case"], 5, "no case is selected"),
        (["nowhere.yaml"], 4, "nowhere.yaml does not exist"),
        (["--format", "yaml"], 4, "'yaml' is not one of 'text', 'json'"),
        (["cases", "--onnx-node-tests"], 4, "cases with --onnx-node-tests; allowed: one or the other"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_4_and_5(arguments: list[str], status: int, message: str) -> None:
    ended = conformance("audit", *arguments)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert message in ended.stderr


def test_without_onnx_its_tests_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx.backend.test.case.node.conv", None)
    with pytest.raises(InputError, match="try: python -m pip install onnx") as error:
        audit.onnx_node_tests()
    assert error.value.status == 4


# ONNX's node tests.

DOCUMENT = (Path(ROOT) / "docs" / "audit.md").read_text("utf-8")


@pytest.fixture(scope="module")
def onnx() -> tuple[Selection, dict[str, Power]]:
    selection = audit.select((), onnx=True)
    return selection, {power.op: power for power in audit.audit(selection)}


def test_onnx_states_what_the_reference_computes(onnx: tuple[Selection, dict[str, Power]]) -> None:
    selection, _ = onnx
    assert {made.op for made in selection.cases} == set(OPS)
    assert selection.skipped == []


def test_the_only_same_test_of_onnx_convolutions_cannot_tell_upper_from_lower(
    onnx: tuple[Selection, dict[str, Power]],
) -> None:
    """5 × 5, kernel 3, stride 2: a total of 2, the same on both sides."""
    assert {"SAME_LOWER for SAME_UPPER", "SAME_UPPER for SAME_LOWER"} <= set(onnx[1]["conv"].missed)


def test_the_document_has_the_figures_that_the_command_prints(onnx: tuple[Selection, dict[str, Power]]) -> None:
    stated = re.search(r"onnx (\d+\.\d+\.\d+)", DOCUMENT)
    assert stated
    assert stated[1] == version("onnx")
    for power in onnx[1].values():
        mistakes = len(power.implementations) - 1
        seen = f"{mistakes - len(power.missed)} of {mistakes}"
        figures = rf"{power.op} +{len(power.rows)} +{seen} +{power.separated} of {power.pairs} "
        assert re.search(figures, DOCUMENT), figures
        assert f"| `{power.op}` | {' · '.join(power.missed)} |" in DOCUMENT


def test_what_is_not_of_padding_is_a_cause() -> None:
    assert set(CAUSES) >= catalogue.BESIDE_PADDING
