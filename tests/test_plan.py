"""Plans: which runners and variants take part, and the jobs that they give."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import EntryPoint, EntryPoints, PackageNotFoundError
from typing import Any

import pytest

from conformance import cases, plan, runners
from conformance.domain.case import Case
from conformance.domain.records import Job, Spelling
from conformance.errors import InputError
from conformance.plan import Selection, select_runners
from conformance.runners.contract import Write
from tests.fakes import Right, asked
from tests.small_runs import FAKES


def conv(name: str, padding: Any = "same", stride: int = 1, tags: tuple[str, ...] = ()) -> Case:
    """A convolution of rank 1."""
    return Case(f"topic/f/{name}", "conv", (8,), (3,), (stride,), (1,), padding, tags=tags)


CASES = [conv("a"), conv("b", "valid"), conv("c", ((1, 2),), tags=("x",)), conv("d", "same_lower", tags=("x", "y"))]


def keys(jobs: Iterable[Job]) -> list[tuple[str, str, str]]:
    """What names the jobs."""
    return [job.key for job in jobs]


def test_a_plan_is_every_case_in_every_variant_that_applies_runner_by_runner() -> None:
    selection = select_runners([FAKES + "Right", "torch"])
    right = FAKES + "Right"
    assert keys(plan.plan(CASES, selection)) == [
        ("topic/f/a", right, "asked"),
        ("topic/f/a", right, "by-rule"),
        ("topic/f/b", right, "asked"),
        ("topic/f/b", right, "by-rule"),
        ("topic/f/c", right, "asked"),
        ("topic/f/d", right, "asked"),
        ("topic/f/d", right, "by-rule"),
        ("topic/f/a", "torch", "explicit"),
        ("topic/f/a", "torch", "same"),
        ("topic/f/a", "torch", "symmetric"),
        ("topic/f/b", "torch", "explicit"),
        ("topic/f/b", "torch", "symmetric"),
        ("topic/f/c", "torch", "explicit"),
        ("topic/f/d", "torch", "explicit"),
        ("topic/f/d", "torch", "symmetric"),
    ]


def test_a_plan_is_counted_first_and_made_as_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    spelled = plan.spelled

    def spied(case: Case, name: str, *rest: Any) -> list[Job]:
        made.append(case.id[-1])
        return spelled(case, name, *rest)

    monkeypatch.setattr(plan, "spelled", spied)
    planned = plan.plan(CASES, select_runners([FAKES + "Right", "torch"]))
    assert made == []
    assert planned.counts == {FAKES + "Right": 7, "torch": 8}
    assert planned.total == len(list(planned)) == 15
    made.clear()
    jobs = planned.of("torch")
    assert [next(jobs).case.id[-1] for _ in range(4)] == ["a", "a", "a", "b"]
    assert made == ["a", "b"]


def test_a_plan_in_part_says_how_many_jobs_of_a_group_are_left_in_it() -> None:
    planned = plan.plan(CASES, select_runners(["torch"]))
    assert [job.siblings for job in planned] == [3, 3, 3, 2, 2, 1, 2, 2]
    part = planned.only(lambda job: job.variant != "same")
    assert [job.siblings for job in part] == [2, 2, 2, 2, 1, 2, 2]
    part = part.only(lambda job: job.variant != "symmetric")
    assert [(job.case.id[-1], job.variant, job.siblings) for job in part] == [(each, "explicit", 1) for each in "abcd"]
    assert (part.total, planned.total) == (4, 8)


def test_a_job_has_the_spelling_of_its_variant() -> None:
    jobs = plan.plan(CASES[3:], select_runners([FAKES + "Right", "torch/symmetric"]))
    assert [(job.variant, job.spelling.pads, job.spelling.by_rule) for job in jobs] == [
        ("asked", ((1, 1),), False),
        ("by-rule", ((1, 1),), True),
        ("symmetric", ((1, 1),), False),
    ]


def test_variants_that_write_a_case_alike_write_it_once() -> None:
    written = []

    def write(case: Case) -> Spelling:
        written.append(case.id)
        return Spelling(case.pads, "alike")

    class Alike(Right):
        variants = {"one": write, "asked": asked, "other": write}

    jobs = plan.spelled(CASES[0], "alike", Alike())
    assert [job.spelling.code for job in jobs] == ["alike", asked(CASES[0]).code, "alike"]
    assert written == [CASES[0].id]


def test_variants_that_are_made_anew_at_every_look_write_for_themselves() -> None:
    def named(name: str) -> Write:
        return lambda case: Spelling(case.pads, name)

    class Fresh(Right):
        def __init__(self) -> None:
            pass

        @property
        def variants(self) -> dict[str, Write]:  # type: ignore[override]
            return {name: named(name) for name in "abcdef"}

    assert [job.spelling.code for job in plan.spelled(CASES[0], "fresh", Fresh())] == list("abcdef")


def test_a_job_has_the_precision_that_its_runner_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    selection = select_runners([FAKES + "Right"])
    (chosen,) = selection.runners.values()
    assert {job.precision for job in plan.plan([conv("one")], selection)} == {""}
    monkeypatch.setattr(chosen.runner, "precision", "tf32", raising=False)
    assert {job.precision for job in plan.plan([conv("one")], selection)} == {"tf32"}


def test_a_shuffled_plan_has_the_same_jobs_in_another_order_a_cases_variants_together() -> None:
    selection = select_runners([FAKES + "Right", "torch"])
    packaged = cases.load()[:80]
    ordered = keys(plan.plan(packaged, selection))
    shuffled = keys(plan.plan(packaged, selection, shuffle=7))
    assert shuffled != ordered
    assert Counter(shuffled) == Counter(ordered)
    assert shuffled == keys(plan.plan(packaged, selection, shuffle=7))
    assert shuffled != keys(plan.plan(packaged, selection, shuffle=8))
    assert keys(plan.plan(packaged, selection)) == ordered
    groups = [(case, runner) for case, runner, _ in shuffled]
    runs = sum(group != before for before, group in zip([None, *groups], groups, strict=False))
    assert runs == len(set(groups))


def test_every_installed_core_runner_is_the_default() -> None:
    selection = select_runners()
    assert list(selection.runners) == list(runners.CORE)
    assert selection.missing == {}
    for name, chosen in selection.runners.items():
        assert chosen.variants == tuple(chosen.runner.variants)
        assert set(chosen.packages) == {"python", *chosen.runner.distributions}, name


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["torch"], {"torch": ("explicit", "same", "symmetric", "channels-last")}),
        (["torch/same"], {"torch": ("same",)}),
        (["torch/s*"], {"torch": ("same", "symmetric")}),
        (["torch/same", "torch/explicit"], {"torch": ("same", "explicit")}),
        (["torch/same", "torch"], {"torch": ("same", "explicit", "symmetric", "channels-last")}),
        (["onnx2keras*/pads"], {"onnx2keras": ("pads",), "onnx2keras-same": ("pads",)}),
        ([FAKES + "Right/by-*"], {FAKES + "Right": ("by-rule",)}),
        ([FAKES + "Duck"], {FAKES + "Duck": ("asked",)}),
        ([FAKES + "OnlyConverts"], {FAKES + "OnlyConverts": ("pads", "auto_pad")}),
    ],
    ids=str,
)
def test_runners_and_variants_are_selected_by_name_and_glob(wanted: list[str], expected: dict[str, Any]) -> None:
    assert {name: chosen.variants for name, chosen in select_runners(wanted).runners.items()} == expected


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("pytorch", "unknown runner 'pytorch': expected one of torch, tensorflow, keras, tf_keras, tf1, torch-onnx, "),
        ("zzz*", "unknown runner 'zzz*': expected one of torch"),
        ("torch/sane", "unknown variant 'sane' of runner torch; allowed: explicit, same, symmetric, channels-last"),
        ("torch/", "unknown variant '' of runner torch; allowed: explicit, same, symmetric, channels-last"),
        ("nowhere.at:All", "cannot load runner 'nowhere.at:All': No module named 'nowhere'"),
        (FAKES + "Nobody", "cannot load runner 'tests.fakes:Nobody': module 'tests.fakes' has no attribute 'Nobody'"),
        (FAKES + "NoRunner", "'tests.fakes:NoRunner' is no runner: it has neither convert(model) nor variants, open"),
        (FAKES + "convolve", "'tests.fakes:convolve' is no runner"),
        (FAKES + "Right/wrong", "unknown variant 'wrong' of runner tests.fakes:Right; allowed: asked, by-rule"),
    ],
)
def test_a_runner_or_variant_that_there_is_not_is_bad_usage_with_what_there_is(wanted: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        select_runners([wanted])
    assert str(caught.value).startswith(message)
    assert caught.value.status == 4
    with pytest.raises(InputError) as caught:
        select_runners([], [wanted])
    assert str(caught.value).startswith(message)


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which PyTorch is not installed."""

    known = importlib.metadata.version

    def version(name: str) -> str:
        if name == "torch":
            raise PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.mark.usefixtures("without_torch")
def test_a_runner_whose_package_is_missing_is_left_out_with_what_installs_it() -> None:
    selection = select_runners()
    assert "torch" not in selection.runners
    assert "onnx2keras" not in selection.runners
    assert "onnxruntime" in selection.runners
    assert selection.missing == {
        "torch": "python -m pip install 'padding-conformance[torch]'",
        "torch-onnx": "python -m pip install 'padding-conformance[torch-onnx]'",
        "onnx2keras": "python -m pip install 'padding-conformance[onnx2keras]'",
        "onnx2keras-same": "python -m pip install 'padding-conformance[onnx2keras]'",
    }


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize(
    ("wanted", "required"), [(["torch"], []), (["torch/same"], []), ([], ["torch"]), (["keras"], ["torch"])]
)
def test_a_missing_runner_that_is_asked_for_or_required_is_an_error(wanted: list[str], required: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        select_runners(wanted, required)
    assert str(caught.value) == (
        "runner torch needs torch, which is not installed; try: python -m pip install 'padding-conformance[torch]'"
    )


@pytest.mark.usefixtures("without_torch")
def test_a_glob_takes_the_runners_that_are_installed() -> None:
    assert list(select_runners(["t*"]).runners) == ["tensorflow", "tf_keras", "tf1"]


def test_a_runner_without_an_extra_is_installed_by_its_distributions() -> None:
    with pytest.raises(InputError) as caught:
        select_runners([FAKES + "NeedsWhatIsMissing"])
    assert str(caught.value) == (
        "runner needs-what-is-missing needs no-such-distribution, which is not installed; "
        "try: python -m pip install no-such-distribution numpy"
    )


def test_what_is_required_runs_beside_what_is_wanted() -> None:
    assert list(select_runners(["keras"], ["torch"]).runners) == ["keras", "torch"]


def test_an_entry_point_is_a_runner_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = EntryPoints([EntryPoint("theirs", FAKES + "Right", runners.ENTRY_POINTS)])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **params: entries.select(**params))
    selection: Selection = select_runners(["theirs/asked"])
    ((name, chosen),) = selection.runners.items()
    assert (name, chosen.spec, chosen.variants) == ("theirs", "theirs", ("asked",))
    with pytest.raises(InputError, match="unknown runner 'ours'"):
        select_runners(["ours"])
