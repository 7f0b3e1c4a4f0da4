from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance import accept, expectations, journal
from conformance.domain.case import Case
from conformance.errors import InputError
from conformance.gate import Gate, failing

Ending = dict[str, Any]
TODAY = "2026-11-21"
MATCH: Ending = {"verdict": "match", "causes": []}


def mismatch(*causes: str, alternatives: tuple[tuple[str, ...], ...] = ()) -> Ending:
    return {"verdict": "mismatch", "causes": list(causes), "alternatives": [list(one) for one in alternatives]}


def error(message: str) -> Ending:
    return {"verdict": "error", "causes": [], "failure": {"message": message}}


def run_of(ends: Callable[[Case, str], Ending], folder: Path) -> journal.Run:
    """A finished run of 48 cases in two variants whose jobs end as a function says."""
    header = {
        "planned": 96,
        "cases": "1.0",
        "platform": "linux-x86_64",
        "selection": {"narrowed": False},
        "runners": {"fake": {"packages": {"fakelib": "1.0"}}},
    }
    run = journal.Run(folder, header, footer={})
    for rank, stride, dilation, bias, size in product((1, 2), (1, 2), (1, 2), (False, True), (6, 7, 9)):
        case = Case(
            f"t/r{rank}-s{stride}-d{dilation}-{bias}-{size}".lower(),
            "conv",
            (size,) * rank,
            (3,) * rank,
            (stride,) * rank,
            (dilation,) * rank,
            "same",
            bias=bias,
        )
        run.cases[case.id] = journal.case_record(case)
        for variant in ("pads", "auto_pad"):
            named = {"case": case.id, "runner": "fake", "variant": variant}
            run.results.append({**named, "outcome": "", "gate": "", **ends(case, variant)})
    return run


def judged(run: journal.Run, folder: Path) -> list[str]:
    """What the gate says of a run against a folder of expectations, stale entries included."""
    gate = Gate(expectations.read_folder(folder), run.header, TODAY)
    results = [gate.judge(run.case_of(result), result)[0] for result in run.results]
    return failing(results) + ["stale" for entry in gate.stale() if entry.runner == "fake"]


def accepted(run: journal.Run, folder: Path, reason: str = "because") -> str:
    """The text that accepting a run writes."""
    (change,) = accept.accept(run, folder, TODAY)
    change.write([reason] * len(change.new))
    return change.path.read_text("utf-8")


def composed(case: Case, variant: str) -> Ending:
    """Defects that compose: the bias dropped, dilation ignored, and a refusal that hides both."""
    if variant == "auto_pad" and case.stride[0] > 1:
        return error(f"cannot convert strides of {case.stride}, sorry")
    causes = []
    if case.rank == 1 and max(case.dilation) > 1:
        causes.append("dilation-ignored")
    if case.rank == 1 and case.bias:
        causes.append("bias-dropped")
    return mismatch(*causes) if causes else MATCH


def test_the_gate_holds_after_accepting_and_there_is_nothing_more_to_accept(tmp_path: Path) -> None:
    run = run_of(composed, tmp_path)
    assert judged(run, tmp_path / ".") != []
    accepted(run, tmp_path)
    assert judged(run, tmp_path) == []
    assert accept.accept(run, tmp_path, TODAY) == []


def test_defects_that_compose_are_one_entry_each(tmp_path: Path) -> None:
    text = accepted(run_of(composed, tmp_path), tmp_path)
    assert text.count("- when:") == 3
    assert "causes: [dilation-ignored]" in text
    assert "causes: [bias-dropped]" in text
    assert 'message: "cannot convert strides of"' in text


def test_an_explanation_that_fits_as_well_needs_no_entry_of_its_own(tmp_path: Path) -> None:
    def ends(case: Case, variant: str) -> Ending:
        if not case.bias:
            return MATCH
        if case.rank == 1:
            return mismatch("same-for-explicit")
        return mismatch("symmetric-for-asymmetric", alternatives=(("same-for-explicit",),))

    run = run_of(ends, tmp_path)
    text = accepted(run, tmp_path)
    assert judged(run, tmp_path) == []
    assert text.count("- when:") <= 2


def test_a_rule_reaches_no_job_that_is_right(tmp_path: Path) -> None:
    def ends(case: Case, variant: str) -> Ending:
        return mismatch("pad-amount") if case.id == "t/r2-s2-d1-true-7" and variant == "pads" else MATCH

    run = run_of(ends, tmp_path)
    accepted(run, tmp_path)
    assert judged(run, tmp_path) == []


def test_entries_that_hold_keep_their_text_and_comments_and_others_go(tmp_path: Path) -> None:
    (tmp_path / "fake.yaml").write_text(
        "# Kept at the top.\n"
        'schema: 1\nrunner: fake\ncases: "1.0"\nknown:\n'
        "  # Why this is so.\n"
        "  - when: {rank: 1, bias: true}\n    verdict: mismatch\n    causes: [bias-dropped]\n    reason: by hand\n"
        "  # This was mended.\n"
        "  - when: {rank: 2, bias: true}\n    verdict: mismatch\n    causes: [bias-dropped]\n    reason: was so\n",
        "utf-8",
    )
    run = run_of(composed, tmp_path)
    text = accepted(run, tmp_path)
    assert judged(run, tmp_path) == []
    assert text.startswith("# Kept at the top.\n")
    assert "  # Why this is so.\n  - when: {rank: 1, bias: true}\n" in text
    assert "reason: by hand" in text
    assert "was so" not in text
    assert "This was mended" not in text


def test_the_difference_is_shown_and_reasons_are_written_as_given(tmp_path: Path) -> None:
    (change,) = accept.accept(run_of(composed, tmp_path), tmp_path, TODAY)
    assert len(change.new) == 3
    assert "+    causes: [bias-dropped]" in change.diff
    assert change.summary == f"{tmp_path / 'fake.yaml'}: 3 known, 3 of them new"
    assert not change.path.exists()
    reasons = ['quotes " and: colons', "REASON", "a third"]
    change.write(reasons)
    assert [entry.reason for entry in expectations.read_file(change.path).known] == reasons


def test_a_run_that_is_right_empties_a_file_and_makes_none(tmp_path: Path) -> None:
    run = run_of(lambda case, variant: MATCH, tmp_path)
    assert accept.accept(run, tmp_path, TODAY) == []
    accepted(run_of(composed, tmp_path), tmp_path)
    text = accepted(run, tmp_path)
    assert "known: []" in text
    assert judged(run, tmp_path) == []


def test_jobs_that_no_facts_tell_from_others_are_named_by_variant(tmp_path: Path) -> None:
    def ends(case: Case, variant: str) -> Ending:
        return mismatch("bias-dropped") if crc32(f"{case.id} {variant}".encode()) % 3 == 0 else MATCH

    run = run_of(ends, tmp_path)
    accepted(run, tmp_path)
    assert judged(run, tmp_path) == []
    named = [entry.when for entry in expectations.read_file(tmp_path / "fake.yaml").known if "case" in entry.when]
    assert {when["variant"] for when in named} == {"auto_pad", "pads"}


def test_only_the_runners_that_are_named_are_rewritten(tmp_path: Path) -> None:
    run = run_of(composed, tmp_path)
    assert accept.accept(run, tmp_path, TODAY, ["other*"]) == []
    assert len(accept.accept(run, tmp_path, TODAY, ["fa*"])) == 1


def file_of(folder: Path, *entries: str, cases: str = "1.0") -> Path:
    """A file about the fake, of entries whose fields are separated by semicolons."""
    path = folder / "fake.yaml"
    texts = ["  - " + "".join(f"{field.strip()}\n    " for field in entry.split(";")).rstrip(" ") for entry in entries]
    path.write_text(f'schema: 1\nrunner: fake\ncases: "{cases}"\nknown:\n' + "".join(texts), "utf-8")
    return path


DROPPED = "verdict: mismatch; causes: [bias-dropped]; reason: by hand; link: https://example.org"
DILATED = "when: {rank: 1, dilation: '>1'}; verdict: mismatch; causes: [dilation-ignored]; reason: it is so"
REFUSED = "when: {variant: auto_pad, stride: '>1'}; verdict: error; message: cannot convert; reason: it raises"


def changed(run: journal.Run, folder: Path) -> accept.Change:
    (change,) = accept.accept(run, folder, TODAY)
    return change


def test_an_entry_that_reaches_too_much_is_narrowed_and_keeps_the_rest_of_its_text(tmp_path: Path) -> None:
    path = file_of(tmp_path, f"when: {{bias: true}}; {DROPPED}", DILATED, REFUSED)
    before = path.read_text("utf-8")
    change = changed(run_of(composed, tmp_path), tmp_path)
    assert change.new == []
    assert change.after() == before.replace("{bias: true}", "{bias: true, rank: 1}")


def test_rules_that_say_what_an_entry_said_take_over_its_reason_and_link(tmp_path: Path) -> None:
    def ends(case: Case, variant: str) -> Ending:
        return mismatch("bias-dropped") if case.rank == 1 or case.stride[0] == 2 else MATCH

    run = run_of(ends, tmp_path)
    file_of(tmp_path, f"when: {{}}; {DROPPED}")
    change = changed(run, tmp_path)
    assert change.new == []
    change.write([])
    known = expectations.read_file(change.path).known
    assert len(known) == 2
    assert {(entry.reason, entry.link) for entry in known} == {("by hand", "https://example.org")}
    assert judged(run, tmp_path) == []


def test_no_entry_is_widened_and_another_cause_asks_for_its_own_reason(tmp_path: Path) -> None:
    file_of(tmp_path, f"when: {{rank: 1, bias: true, kernel: 3}}; {DROPPED}", REFUSED)
    change = changed(run_of(composed, tmp_path), tmp_path)
    assert [text.count("dilation-ignored") for text in change.new] == [1]
    file_of(tmp_path, f"when: {{rank: 1, bias: true, stride: 1}}; {DROPPED}", DILATED, REFUSED)
    change = changed(run_of(composed, tmp_path), tmp_path)
    assert [text.count("bias-dropped") for text in change.new] == [1]
    assert "{rank: 1, bias: true, stride: 1}" in change.after()


def test_entries_about_other_versions_and_platforms_stay(tmp_path: Path) -> None:
    elsewhere = [
        f"when: {{rank: 1, bias: true, versions: 'fakelib>=2'}}; {DROPPED}",
        f"when: {{rank: 2, platform: darwin-arm64}}; {DROPPED}",
    ]
    path = file_of(tmp_path, *elsewhere, f"when: {{rank: 3}}; {DROPPED}")
    change = changed(run_of(lambda case, variant: MATCH, tmp_path), tmp_path)
    assert change.after() == file_of(tmp_path, *elsewhere).read_text("utf-8")
    assert path.exists()


def test_what_has_expired_goes_and_asks_for_a_new_reason(tmp_path: Path) -> None:
    file_of(tmp_path, f"when: {{rank: 1, bias: true}}; {DROPPED}; expires: 2026-11-20", DILATED, REFUSED)
    run = run_of(composed, tmp_path)
    assert "expired" in judged(run, tmp_path)
    change = changed(run, tmp_path)
    assert len(change.new) == 1
    assert "expires" not in change.after()
    change.write(["looked at again"])
    assert judged(run, tmp_path) == []


@pytest.mark.parametrize("left_out", ["cases", "variants"])
def test_a_run_that_left_jobs_out_keeps_the_entries_that_it_did_not_reach(tmp_path: Path, left_out: str) -> None:
    run = run_of(lambda case, variant: mismatch("bias-dropped") if case.bias and case.rank == 1 else MATCH, tmp_path)
    if left_out == "cases":
        run.header["selection"] = {"narrowed": True}
    else:
        run.header["runners"]["fake"]["narrowed"] = True
    beyond = f"when: {{rank: 3}}; {DROPPED}"
    file_of(tmp_path, beyond, cases="0.9")
    assert set(judged(run, tmp_path)) == set(), "new, and no word on what is stale"
    assert accept.accept(run, tmp_path, TODAY) == [], "what is younger than the file stays new"
    before = file_of(tmp_path, beyond).read_text("utf-8")
    change = changed(run, tmp_path)
    assert change.after().startswith(before)
    assert len(change.new) == 1
    assert change.summary.endswith("the run left jobs out, which its new entries may reach too")


def test_a_run_that_left_jobs_out_drops_no_entry(tmp_path: Path) -> None:
    run = run_of(composed, tmp_path)
    run.header["selection"] = {"narrowed": True}
    path = file_of(tmp_path, DILATED, f"when: {{bias: true}}; {DROPPED}", f"when: {{rank: 2}}; {DROPPED}")
    with pytest.raises(InputError, match=r"fake\.yaml:9:5: does not hold any more \(one of 2\).*a whole run"):
        accept.accept(run, tmp_path, TODAY)
    assert "{bias: true}" in path.read_text("utf-8")


def test_an_incomplete_run_is_refused(tmp_path: Path) -> None:
    run = run_of(composed, tmp_path)
    run.results.pop()
    with pytest.raises(InputError, match="the run is incomplete; allowed: a run that came to its end"):
        accept.accept(run, tmp_path, TODAY)


def test_what_was_new_is_known_from_now_on_and_that_is_said(tmp_path: Path) -> None:
    file_of(tmp_path, DILATED, REFUSED, cases="0.9")
    run = run_of(composed, tmp_path)
    assert judged(run, tmp_path) == ["changed"] * 9, "those that an entry reaches are not new"
    change = changed(run, tmp_path)
    assert 'cases: "1.0"' in change.after()
    assert "failing jobs of cases younger than it were new, and are known from now on" in change.summary
    assert change.younger == 9
    file_of(tmp_path, DILATED, REFUSED, cases="1.7")
    assert 'cases: "1.7"' in changed(run, tmp_path).after(), "an older case set's run"


def test_a_file_of_another_name_or_form_is_the_one_that_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    entry = "{when: {rank: 1, bias: true}, verdict: mismatch, causes: [bias-dropped], reason: by hand}"
    path.write_text(f'# Mine.\nschema: 1\nrunner: fake\nknown: [{entry}]\ncases: "1.0"\n', "utf-8")
    run = run_of(composed, tmp_path)
    change = changed(run, tmp_path)
    assert change.path == path
    change.write(["new"] * len(change.new))
    assert judged(run, tmp_path) == []
    assert path.read_text("utf-8").startswith("# Mine.\n")
    assert [entry.reason for entry in expectations.read_file(path).known] == ["by hand", "new", "new"]


def test_a_runner_without_a_file_starts_from_what_is_in_effect(tmp_path: Path) -> None:
    run = run_of(composed, tmp_path)
    (tmp_path / "packaged").mkdir()
    file_of(tmp_path / "packaged", f"when: {{rank: 1, bias: true}}; {DROPPED}", DILATED, REFUSED)
    others = expectations.read_folder(tmp_path / "packaged")
    assert accept.accept(run, tmp_path / "own", TODAY, (), others) == []
    file_of(tmp_path / "packaged", f"when: {{rank: 1, bias: true}}; {DROPPED}", REFUSED)
    (change,) = accept.accept(run, tmp_path / "own", TODAY, (), expectations.read_folder(tmp_path / "packaged"))
    assert change.path == tmp_path / "own" / "fake.yaml"
    assert change.before == ""
    assert len(change.new) == 1
    assert "reason: by hand" in change.after()


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["cannot pad 3x4"], {"cannot pad"}),
        (["index 7 is out of bounds for axis 0 with size 6"] * 3, {"index 7 is out of bounds for axis 0 with size 6"}),
        ([f"index 7 of axis {axis}" for axis in (0, 1, 2)], {"index 7 of axis"}),
        (["Called f().\n\x1b[1mthe Lambda's output has none. More.\x1b[0m"], {"the Lambda's output has none"}),
        (["not implemented for 'Half'", "not implemented for 'Char'"], {"not implemented for"}),
        (["no \ud800 such file\u2028or \x85 folder"], {"such file"}),
        ([""], {""}),
    ],
)  # fmt: skip
def test_the_words_of_a_message_are_those_that_say_most_whatever_its_numbers(
    messages: list[str], expected: set[str]
) -> None:
    found = accept.words(messages)
    assert set(found.values()) == expected
    assert all(words in message for message, words in found.items())


ENDINGS = [
    MATCH,
    MATCH,
    {"verdict": "hazard", "causes": ["symmetric-for-asymmetric"]},
    mismatch("bias-dropped"),
    mismatch("bias-dropped", "dilation-ignored"),
    mismatch("dilation-ignored", alternatives=(("pads-ignored", "bias-dropped"),)),
    mismatch("pads-ignored", alternatives=(("bias-dropped",), ("dilation-ignored",))),
    error("cannot stride by 2"),
    error("cannot stride by 3"),
    {**error("no such thing"), "verdict": "unsupported"},
    {**error(""), "verdict": "crash"},
]
PARTS = st.tuples(
    st.sampled_from(["rank", "stride", "dilation", "bias", "size", "variant"]),
    st.integers(0, 2),
    st.sampled_from(ENDINGS),
)


def endings(parts: Sequence[tuple[str, int, Ending]]) -> Callable[[Case, str], Ending]:
    """Jobs that end by the first part whose fact they have; the last resort is right."""

    def ends(case: Case, variant: str) -> Ending:
        have = {
            "rank": case.rank - 1,
            "stride": case.stride[0] - 1,
            "dilation": case.dilation[0] - 1,
            "bias": int(case.bias),
            "size": (6, 7, 9).index(case.input[0]),
            "variant": int(variant == "pads"),
        }
        return next((ending for name, value, ending in parts if have[name] == value), MATCH)

    return ends


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(PARTS, min_size=1, max_size=5), later=st.lists(PARTS, max_size=5))
def test_after_accepting_the_gate_holds_exactly_and_no_new_entry_can_go(
    tmp_path: Path, parts: list[tuple[str, int, Ending]], later: list[tuple[str, int, Ending]]
) -> None:
    (tmp_path / "fake.yaml").unlink(missing_ok=True)
    for several in (parts, later):
        run = run_of(endings(several), tmp_path)
        kept = expectations.read_folder(tmp_path)
        for change in accept.accept(run, tmp_path, TODAY):
            change.write([f"new-{number}" for number in range(len(change.new))])
        assert judged(run, tmp_path) == []
        assert accept.accept(run, tmp_path, TODAY) == []
        if not kept and (tmp_path / "fake.yaml").exists():
            path = tmp_path / "fake.yaml"
            whole = path.read_text("utf-8")
            head, *entries = whole.split("  - ")
            for number in range(len(entries)):
                left = [entry for at, entry in enumerate(entries) if at != number]
                path.write_text(head + "".join("  - " + entry for entry in left), "utf-8")
                assert judged(run, tmp_path) != []
            path.write_text(whole, "utf-8")
