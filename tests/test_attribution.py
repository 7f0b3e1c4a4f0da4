"""Causes: every planted mistake is found by its name, alone and with others, and nothing else is given one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
import pytest

from conformance import attribute, oracle, truth
from conformance.attribute import Screen
from conformance.domain.case import Case
from conformance.domain.geometry import Pads, canonical, pads_by_rule
from conformance.domain.records import Job, Outcome, Spelling
from conformance.hypotheses import Hypothesis
from conformance.judge import Judge
from conformance.oracle import Reading
from tests.verdicts import computed, conv, found_causes, output_of, verdict_of

GRID = {
    "1d-same": conv((12,), (4,), stride=(3,), filters=2, bias=True),
    "1d-same-dilated": conv((15,), (3,), dilation=(2,), channels=2, filters=3, bias=True),
    "1d-explicit": conv((11,), (3,), stride=(2,), dilation=(2,), padding=((3, 1),), channels=2, bias=True),
    "1d-causal": conv((10,), (3,), dilation=(2,), padding="causal", filters=2),
    "2d-same": conv((6, 8), (3, 4), stride=(2, 2), channels=3, filters=4, bias=True),
    "2d-same-lower": conv((6, 9), (3, 2), stride=(2, 1), padding="same_lower", channels=2, filters=3),
    "2d-fixed": conv((8, 8), (3, 3), stride=(2, 2), padding="fixed", channels=2, filters=4, bias=True),
    "2d-explicit": conv((7, 6), (3, 2), padding=((2, 0), (1, 3)), channels=2, filters=2),
    "2d-dilated": conv((9, 10), (3, 3), dilation=(1, 2), padding=((1, 1), (2, 2)), channels=2, filters=3, bias=True),
    "2d-strides": conv((9, 10), (3, 3), stride=(1, 2), padding=((1, 1), (1, 0)), filters=3),
    "2d-phased": conv((9, 8), (3, 3), stride=(2, 2), dilation=(2, 2), padding=((2, 2), (2, 2)), filters=4, bias=True),
    "2d-groups": conv((6, 5), (2, 3), channels=4, filters=6, groups=2, bias=True, batch=2),
    "2d-depthwise": conv((6, 6), (3, 3), stride=(2, 2), channels=3, filters=6, groups=3),
    "3d-same": conv((4, 5, 6), (2, 3, 2), stride=(2, 2, 1), channels=2, filters=2, bias=True),
}


@dataclass(frozen=True)
class Mistake:
    """A named mistake: what it changes about the reading, and how it comes to its pads once that has changed.

    A rule is resolved under the changed kernel, stride and dilation; pads as numbers stay as they are.
    """

    cause: str
    changes: dict[str, Any]
    pads: str | Pads = ()


def mistakes(case: Case) -> Iterator[Mistake]:
    """The mistakes that can be made of a case."""
    pads, ones = case.pads, (1,) * case.rank
    ruled = isinstance(case.padding, str)
    yield Mistake("auto-pad-ignored" if ruled else "pads-ignored", {}, "valid")
    yield Mistake("pads-begin-only", {}, tuple((begin, 0) for begin, _ in pads))
    if any(begin != end for begin, end in pads):
        yield Mistake("symmetric-for-asymmetric", {}, "symmetric")
        yield Mistake("symmetric-for-asymmetric", {}, tuple((end, end) for _, end in pads))
    if case.padding == "same":
        yield Mistake("same-lower-for-upper", {}, "same_lower")
    if case.padding == "same_lower":
        yield Mistake("same-upper-for-lower", {}, "same")
    if not ruled:
        yield Mistake("same-for-explicit", {}, "same")
    if case.rank > 1:
        yield Mistake("pads-axis-order", {}, pads[::-1])
    if max(case.dilation) > 1:
        yield Mistake("dilation-ignored", {"dilation": ones})
        if max(case.stride) > 1:
            yield Mistake("dilation-with-stride", {"phased": True})
    if len(set(case.dilation)) > 1:
        yield Mistake("dilation-first-axis", {"dilation": (case.dilation[0],) * case.rank})
    if len(set(case.stride)) > 1:
        yield Mistake("stride-first-axis", {"stride": (case.stride[0],) * case.rank})
    yield Mistake("kernel-flipped", {"flip": True})
    if case.rank > 1:
        yield Mistake("axes-swapped", {"swap": True})
    if case.bias:
        yield Mistake("bias-dropped", {"bias": False})
        yield Mistake("layout", {"bias_last": True})
    if case.groups > 1:
        yield Mistake("group-order", {"interleave": True})


APART = [{"kernel-flipped", "axes-swapped"}, {"dilation-ignored", "dilation-with-stride"}]
"""Mistakes of one kind: they exclude each other."""


def made(case: Case, *together: Mistake, ruled: bool) -> Reading | None:
    """The reading of who makes these mistakes, the padding a rule or numbers; None where it has no output."""
    changes = {name: value for mistake in together for name, value in mistake.changes.items()}
    how = oracle.reading(case, case.pads)._replace(**changes)
    pads = next((mistake.pads for mistake in together if mistake.pads), case.padding if ruled else case.pads)
    if isinstance(pads, str):
        kernel = case.kernel[::-1] if how.swap else case.kernel
        pads = pads_by_rule(pads, case.input, kernel, how.stride, how.dilation)
    how = how._replace(pads=pads)
    shape = how.output_shape(case)
    return how if min(shape) > 0 and (not how.bias_last or shape[-1] == case.filters) else None


def compatible(first: Mistake, second: Mistake) -> bool:
    """Whether two mistakes are of different kinds; the phases of a dilation are taken by themselves."""
    one_kind = bool(first.pads and second.pads) or bool(set(first.changes) & set(second.changes))
    pair = {first.cause, second.cause}
    return (
        not one_kind and pair not in APART and "dilation-with-stride" not in pair and pair != {"bias-dropped", "layout"}
    )


def planted(together: Iterator[tuple[str, Case, tuple[Mistake, ...]]]) -> list[Any]:
    """Parameters ``case, causes, output, ruled`` for the mistakes that have an output."""
    found = []
    for index, (name, case, group) in enumerate(together):
        for ruled in {False, isinstance(case.padding, str)}:
            how = made(case, *group, ruled=ruled)
            causes = {("pads-ignored" if not ruled and m.cause == "auto-pad-ignored" else m.cause) for m in group}
            if how:
                label = f"{name}-{'+'.join(sorted(causes))}-{'rule' if ruled else 'numbers'}-{index}"
                found.append(pytest.param(case, causes, how, ruled, id=label))
    return found


SINGLE = planted((name, case, (one,)) for name, case in GRID.items() for one in mistakes(case))

DOUBLE = planted(
    (name, case, pair) for name, case in GRID.items() for pair in combinations(mistakes(case), 2) if compatible(*pair)
)


@pytest.mark.parametrize("case", GRID.values(), ids=GRID.keys())
def test_the_right_output_matches(case: Case) -> None:
    verdict = verdict_of(case, output_of(case))
    assert (verdict.kind, verdict.causes, verdict.integral) == ("match", (), True)
    assert verdict.effective == canonical(case.axes(case.pads))
    assert verdict.difference is None


@pytest.mark.parametrize(("case", "causes", "how", "ruled"), SINGLE)
def test_a_planted_mistake_is_found_by_its_name_or_changes_nothing(
    case: Case, causes: set[str], how: Reading, ruled: bool
) -> None:
    output = computed(case, how)
    verdict = verdict_of(case, output, by_rule=ruled)
    if np.array_equal(output, output_of(case)):
        assert verdict.kind == "match"
        return
    assert verdict.kind == "mismatch"
    assert causes in found_causes(verdict)
    assert verdict.evidence
    assert verdict.tried > 0
    assert (verdict.difference is None) == (output.shape != output_of(case).shape)


@pytest.mark.parametrize(("case", "causes", "how", "ruled"), DOUBLE)
def test_two_mistakes_at_once_are_found_or_are_one_that_gives_the_same(
    case: Case, causes: set[str], how: Reading, ruled: bool
) -> None:
    output = computed(case, how)
    verdict = verdict_of(case, output, by_rule=ruled)
    if np.array_equal(output, output_of(case)):
        assert verdict.kind == "match"
        return
    assert verdict.kind == "mismatch"
    assert "unattributed" not in verdict.causes
    assert causes in found_causes(verdict) or len(verdict.causes) == 1


def test_three_mistakes_at_once() -> None:
    case = conv((11,), (3,), dilation=(2,), padding=((3, 1),), channels=2, filters=3, bias=True)
    same = pads_by_rule("same", case.input, case.kernel, case.stride, (1,))
    verdict = verdict_of(case, output_of(case, pads=same, dilation=(1,), bias=False))
    assert verdict.kind == "mismatch"
    assert {"same-for-explicit", "dilation-ignored", "bias-dropped"} in found_causes(verdict)
    assert "dilation 1 where 2 is asked for; no bias added" in verdict.evidence


def test_the_effective_geometry_is_the_one_found_in_canonical_form() -> None:
    case = conv((6, 6), (3, 3), stride=(2, 2))
    verdict = verdict_of(case, output_of(case, pads=((1, 1), (1, 1))))
    assert {"symmetric-for-asymmetric"} in found_causes(verdict)
    assert verdict.effective == ((1, 0), (1, 0))
    assert verdict.evidence == "pads (1,0)×(1,0) where (0,1)×(0,1) is asked for"


@pytest.mark.parametrize(
    ("case", "changes", "causes"),
    [
        ("2d-groups", {"flip": True, "swap": True}, {"kernel-flipped", "axes-swapped"}),
        ("2d-explicit", {"pads": ((1, 0), (2, 0))}, {"pads-axis-order", "pads-begin-only"}),
        ("2d-explicit", {"pads": ((0, 0), (3, 0))}, {"pads-begin-only", "symmetric-for-asymmetric"}),
        ("2d-phased", {"phased": True, "flip": True}, {"dilation-with-stride", "kernel-flipped"}),
        ("3d-same", {"pads": ((0, 0), (0, 0), (0, 0)), "swap": True}, {"auto-pad-ignored", "axes-swapped"}),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_mistakes_of_one_kind_compose(case: str, changes: dict[str, Any], causes: set[str]) -> None:
    verdict = verdict_of(GRID[case], output_of(GRID[case], **changes))
    assert causes in found_causes(verdict)


def test_an_unnamed_amount_is_told_beside_the_two_named_mistakes_that_give_it() -> None:
    case = GRID["2d-explicit"]
    verdict = verdict_of(case, output_of(case, pads=((1, 0), (2, 0))))
    assert verdict.causes == ("pad-amount",)
    assert set(map(frozenset, verdict.alternatives)) == {
        frozenset({"pads-begin-only", "pads-axis-order"}),
        frozenset({"pads-begin-only", "symmetric-for-asymmetric"}),
    }


def test_one_named_mistake_leaves_no_word_for_more() -> None:
    case = GRID["2d-explicit"]
    verdict = verdict_of(case, output_of(case, pads=((2, 0), (1, 0))))
    assert (verdict.causes, verdict.alternatives) == (("pads-begin-only",), ())


def test_another_shape_and_another_mistake_are_told_together() -> None:
    case = conv((6, 7), (3, 3), stride=(2, 2), filters=2, bias=True)
    output = output_of(case, pads=((0, 0), (0, 0)))
    verdict = verdict_of(case, output.reshape(1, 2, -1))
    assert set(verdict.causes) == {"auto-pad-ignored", "output-shape"}
    assert "shape (1, 2, 6)" in verdict.evidence
    assert "pads (0,0)×(0,0) where" in verdict.evidence


def test_channels_last_and_another_mistake_are_told_together() -> None:
    case = conv((6, 7), (3, 3), filters=4, bias=True)
    verdict = verdict_of(case, np.moveaxis(output_of(case, bias=False), 1, -1))
    assert set(verdict.causes) == {"bias-dropped", "layout"}


def test_a_bias_longer_than_the_only_column_is_no_hypothesis() -> None:
    case = conv((3, 3), (3, 3), padding="valid", filters=4, bias=True)
    assert verdict_of(case, np.full((1, 4, 1, 1), 0.25, "float32")).causes == ("unattributed",)


BIG = conv((70, 66), (3, 3), channels=32, filters=32, groups=1, padding=((0, 1), (1, 1)), bias=True)
"""More products than are computed before samples are looked at."""


def test_a_large_output_is_attributed() -> None:
    assert prod(BIG.output(BIG.pads)) * BIG.filters * BIG.products > truth.LARGE
    verdict = verdict_of(BIG, output_of(BIG, pads=((1, 0), (1, 1)), flip=True))
    assert "kernel-flipped" in verdict.causes
    assert "unattributed" not in verdict.causes
    assert "samples" not in verdict.evidence


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (0, 5, 17, 20), (0, 31, 68, 65)], ids=str)
def test_one_wrong_element_of_a_large_output_is_never_explained_away(place: tuple[int, ...]) -> None:
    for output in (output_of(BIG), output_of(BIG, bias=False)):
        output[place] += 1
        assert verdict_of(BIG, output).causes == ("unattributed",)


def test_a_huge_output_is_held_against_samples_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "HUGE", truth.LARGE)
    verdict = verdict_of(BIG, output_of(BIG, bias=False))
    assert verdict.causes == ("bias-dropped",)
    assert verdict.evidence == "no bias added; seen in samples"
    output = output_of(BIG)
    output[0, 5, 17, 20] += 1
    assert verdict_of(BIG, output).causes == ("unattributed",)
    assert verdict_of(BIG, output.astype("float64")).causes == ("unattributed", "dtype")


def test_an_output_put_in_order_again_goes_before_more_causes_of_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = conv((4, 4), (3, 3), filters=4)
    how = oracle.reading(case, case.pads)
    answers = iter([([Hypothesis(("dilation-ignored", "bias-dropped"), how)], 1), ([Hypothesis((), how)], 1), ([], 1)])
    monkeypatch.setattr(attribute, "explanations", lambda *_: next(answers))
    verdict = verdict_of(case, output_of(case) + 1)
    assert (verdict.causes, verdict.alternatives, verdict.tried) == (("layout",), (), 3)


@pytest.mark.parametrize(("case", "causes", "how", "ruled"), SINGLE)
def test_the_screen_lets_through_what_reproduces_an_output(
    case: Case, causes: set[str], how: Reading, ruled: bool
) -> None:
    output = computed(case, how)
    screen = Screen(truth.Truth(case), Spelling(case.pads, "f(x)", ruled), output)
    assert tuple(begin for begin, _ in how.pads) in screen.begins(how)


def test_another_type_is_told_beside_another_mistake() -> None:
    case = conv((6, 6), (3, 3), bias=True)
    verdict = verdict_of(case, output_of(case, bias=False).astype("float64"))
    assert set(verdict.causes) == {"bias-dropped", "dtype"}


def test_channels_last_are_named_layout() -> None:
    case = conv((6, 7), (3, 3), filters=4)
    verdict = verdict_of(case, np.moveaxis(output_of(case), 1, -1))
    assert (verdict.kind, verdict.causes) == ("mismatch", ("layout",))


def test_channels_last_of_the_very_same_shape_are_named_layout() -> None:
    case = conv((4, 4), (3, 3), filters=4)
    verdict = verdict_of(case, np.moveaxis(output_of(case), 1, -1))
    assert (verdict.kind, verdict.causes) == ("mismatch", ("layout",))


@pytest.mark.parametrize("shape", [(36,), (1, 36), (6, 6), (1, 1, 36), (1, 1, 4, 9), (1, 1, 6, 6, 1)], ids=str)
def test_the_right_numbers_in_another_shape_are_named_output_shape(shape: tuple[int, ...]) -> None:
    case = conv((6, 6), (3, 3))
    verdict = verdict_of(case, output_of(case).reshape(shape))
    assert (verdict.kind, verdict.causes) == ("mismatch", ("output-shape",))
    assert str(shape) in verdict.evidence


@pytest.mark.parametrize("case", GRID.values(), ids=GRID.keys())
def test_garbage_has_no_cause(case: Case) -> None:
    rng = np.random.default_rng(0)
    for shape in (output_of(case).shape, (*output_of(case).shape[:-1], 2), (3, 2)):
        garbage = rng.integers(-99, 99, shape).astype(case.dtype)
        verdict = verdict_of(case, garbage)
        assert (verdict.kind, verdict.causes, verdict.alternatives) == ("mismatch", ("unattributed",), ())
        assert verdict.effective is None


@pytest.mark.parametrize("case", GRID.values(), ids=GRID.keys())
def test_one_wrong_element_is_a_mismatch_without_a_cause(case: Case) -> None:
    output = output_of(case)
    output.ravel()[-1] += 1
    verdict = verdict_of(case, output)
    assert (verdict.kind, verdict.causes) == ("mismatch", ("unattributed",))
    assert verdict.difference is not None
    assert verdict.difference.wrong == 1
    assert verdict.difference.largest == 1
    assert verdict.difference.first == tuple(size - 1 for size in output.shape)
    assert verdict.difference.got - verdict.difference.expected == 1


REAL = conv((8, 8), (3, 3), channels=16, filters=2, data="normal", bias=True, stride=(2, 2))

REAL_MISTAKES = planted(("normal", REAL, (one,)) for one in mistakes(REAL) if one.cause != "pads-axis-order")


@pytest.mark.parametrize(("case", "causes", "how", "ruled"), REAL_MISTAKES)
def test_mistakes_with_real_numbers_are_found_by_name(case: Case, causes: set[str], how: Reading, ruled: bool) -> None:
    assert causes in found_causes(verdict_of(case, computed(case, how), by_rule=ruled))


def test_a_judge_that_has_seen_other_jobs_says_the_same() -> None:
    veteran = Judge()
    for _ in range(2):
        for parameters in SINGLE:
            case, _, how, ruled = parameters.values
            job = Job(case, "fake", "v", Spelling(case.pads, "f(x)", ruled))
            outcome = Outcome("completed", computed(case, how))
            assert veteran.judge(job, outcome) == Judge().judge(job, outcome)


def test_an_output_without_elements_is_unattributed() -> None:
    case = Case("t/a", "max_pool", (4,), (2,), (3,), (3,), "same", channels=1, filters=1)
    output = np.zeros((1, 1, 0), np.float32)
    verdict = attribute.attribute(
        truth.Truth(case), Job(case, "r", "v", Spelling(case.pads, "f(x)", True)), output, "float32"
    )
    assert verdict.causes == ("unattributed",)


def test_an_output_that_lacks_the_only_window_of_an_axis_says_so() -> None:
    case = Case("t/a", "max_pool", (1, 4), (3, 3), (2, 2), (1, 1), "same_lower", channels=2, filters=2)
    assert verdict_of(case, np.zeros((1, 2, 0, 2), np.float32)).causes == ("last-window",)
    assert "axis 0" in verdict_of(case, np.zeros((1, 2, 0, 2), np.float32)).evidence
    assert verdict_of(case, np.zeros((1, 2, 1, 0), np.float32)).causes == ("unattributed",)
    assert verdict_of(case, np.zeros((1, 1, 0, 2), np.float32)).causes == ("unattributed",)


def test_zeros_for_the_windows_that_wrong_pads_leave_out_are_named_beside_them() -> None:
    """As onnx.reference pads a dilated average for the undilated kernel; the rest of the output stays zero."""
    case = Case("t/a", "avg_pool", (9, 8), (3, 2), (1, 1), (2, 2), "same", channels=2, filters=2)
    short = output_of(case, pads=((1, 1), (0, 1)))
    output = np.zeros((1, 2, 9, 8), np.float32)
    output[:, :, : short.shape[2], : short.shape[3]] = short
    assert found_causes(verdict_of(case, output)) == [{"pad-amount", "last-window"}]
    output[0, 1, -1, -1] = 1
    assert verdict_of(case, output).causes == ("unattributed",)


def test_zeros_for_windows_in_the_padding_alone_are_named() -> None:
    case = Case("t/a", "max_pool", (4, 5), (2, 2), (2, 2), (1, 1), ((2, 2), (0, 1)), channels=2, filters=2)
    output = output_of(case)
    assert np.isneginf(output).any()
    output[np.isneginf(output)] = 0
    assert found_causes(verdict_of(case, output)) == [{"pad-value"}]
    output[0, 0, 1, 0] += 1
    assert verdict_of(case, output).causes == ("unattributed",)


def test_what_lies_beyond_the_end_pad_divided_between_both_sides_is_named() -> None:
    """As onnx.reference does before an average: the windows move, and the last elements are lost."""
    case = Case(
        "t/a", "avg_pool", (8,), (4,), (3,), (1,), "valid", channels=2, filters=2, ceil_mode=True, spec="pytorch"
    )
    x = truth.Truth(case).data.input.astype(np.float32)
    windows = [x[..., max(start, 0) : min(start + 4, 7)].mean(-1) for start in (-1, 2, 5)]
    verdict = verdict_of(case, np.stack(windows, -1))
    assert found_causes(verdict) == [{"pad-amount"}]
    assert "divided between both sides" in verdict.evidence
    windows = [x[..., max(start, 0) : min(start + 4, 6)].mean(-1) for start in (-1, 2, 5)]
    assert verdict_of(case, np.stack(windows, -1)).causes == ("unattributed",)
