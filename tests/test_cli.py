"""The command from outside: each exit status, and what it says."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner

from conformance import __version__, cases, cli, environments, journal, packaged, plan, runners
from tests.fakes import ROOT
from tests.render.test_sarif import LOG as SARIF
from tests.small_runs import FAKES, case_file

NAMES = ("good-0", "bad-run", "good-1")
HEAVY = "numpy pydantic yaml rich jinja2 torch tensorflow keras tf_keras onnx onnxruntime onnx2keras"
COMMAND = [sys.executable, "-m", "conformance"]
ENVIRON = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "200"}

Ended = subprocess.CompletedProcess[str]


def conformance(*arguments: str | Path, cwd: Path | str = ROOT, **environ: str) -> Ended:
    """The command's end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**ENVIRON, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )


def run(folder: Path, fake: str, *options: str | Path, names: tuple[str, ...] = NAMES) -> Ended:
    """``conformance run`` of small cases through one fake, into ``run``."""
    return conformance("run", case_file(folder, names), "--runner", FAKES + fake, "--out", folder / "run", *options)


def expectation(
    folder: Path, fake: str, when: str = "{}", verdict: str = "mismatch", causes: str = "[unattributed]"
) -> Path:
    """A folder with one entry about a fake."""
    (folder / "known").mkdir(exist_ok=True)
    about = f"causes: {causes}" if verdict == "mismatch" else "message: a"
    (folder / "known" / "fake.yaml").write_text(
        f'schema: 1\nrunner: "{FAKES}{fake}"\ncases: "1.0"\nknown:\n'
        f"  - {{when: {when}, verdict: {verdict}, {about}, reason: it is so}}\n"
    )
    return folder / "known"


def loaded(*arguments: str) -> list[str]:
    """The heavy modules that a command has imported when it ends."""
    code = f"""
import sys
sys.argv = ["conformance", *{arguments!r}]
from conformance import cli
try:
    cli.main()
except SystemExit as ended:
    assert ended.code in (0, None), ended.code
print("loaded:", *sorted(set({HEAVY!r}.split()) & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=ENVIRON, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1].split()[1:]


def test_0_the_gate_holds(tmp_path: Path) -> None:
    ended = run(tmp_path, "Right")
    assert ended.returncode == 0, ended.stderr
    assert "6 jobs" in ended.stdout
    assert "6 match" in ended.stdout
    assert str(tmp_path / "run" / "report.html") in ended.stdout.replace("\n", "")
    assert ended.stderr == ""
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {"results.jsonl", "report.html", "summary.json", "summary.md", "junit.xml", "results.sarif"}
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert "match" in json.dumps(summary)


def test_0_habits_and_known_defects_hold(tmp_path: Path) -> None:
    assert run(tmp_path, "Habit").returncode == 0
    known = expectation(tmp_path, "Wrong", '{case: "*/bad-*"}')
    ended = run(tmp_path, "Wrong", "--expectations", known)
    assert ended.returncode == 0, ended.stdout
    assert {result["gate"] for result in journal.read(tmp_path / "run").results} == {"ok", "known"}


def test_1_the_gate_does_not_hold_and_the_jobs_are_named(tmp_path: Path) -> None:
    ended = run(tmp_path, "Wrong")
    assert ended.returncode == 1
    assert "small/bad-run" in ended.stdout
    assert "regression" in ended.stdout
    assert "unattributed" in ended.stdout


@pytest.mark.parametrize(
    ("when", "verdict", "causes", "word"),
    [
        ('{case: "*/bad-*", variant: asked}', "mismatch", "[unattributed]", "regression"),
        ("{}", "mismatch", "[unattributed]", "fixed"),
        ('{case: "*/bad-*"}', "mismatch", "[pads-ignored]", "changed"),
        ('{case: "*/bad-*"}', "error", "[]", "changed"),
    ],
)
def test_1_where_anything_differs_from_what_is_known(
    tmp_path: Path, when: str, verdict: str, causes: str, word: str
) -> None:
    known = expectation(tmp_path, "Wrong", when, verdict, causes)
    ended = run(tmp_path, "Wrong", "--expectations", known)
    assert ended.returncode == 1, ended.stdout
    assert word in {result["gate"] for result in journal.read(tmp_path / "run").results}
    assert word in ended.stdout


def test_1_a_finished_run_is_judged_again_against_expectations_as_they_are_now(tmp_path: Path) -> None:
    run(tmp_path, "Wrong")
    before = (tmp_path / "run" / "results.jsonl").read_bytes()
    known = expectation(tmp_path, "Wrong", '{case: "*/bad-*"}')
    assert conformance("gate", tmp_path / "run").returncode == 1
    assert conformance("gate", tmp_path / "run", "--expectations", known).returncode == 0
    assert conformance("gate", tmp_path / "run" / "results.jsonl", "--expectations", known).returncode == 0
    expectation(tmp_path, "Wrong", "{case: small/bad-run, variant: asked}")
    ended = conformance("gate", tmp_path / "run", "--expectations", known)
    assert ended.returncode == 1
    assert "small/bad-run" in ended.stdout
    assert (tmp_path / "run" / "results.jsonl").read_bytes() == before


def test_1_an_entry_that_reaches_nothing_of_a_whole_run_is_stale(tmp_path: Path) -> None:
    """The run says that it left nothing out, as a run of every packaged case does."""
    run(tmp_path, "Right")
    path = tmp_path / "run" / "results.jsonl"
    _, *rest = path.read_bytes().splitlines(keepends=True)
    changed = journal.read(tmp_path / "run").header
    assert changed["selection"]["narrowed"] is True
    known = expectation(tmp_path, "Right", "{rank: 3}")
    assert conformance("gate", tmp_path / "run", "--expectations", known).returncode == 0
    changed["selection"]["narrowed"] = False
    path.write_bytes(journal.line(changed) + b"".join(rest))
    ended = conformance("gate", tmp_path / "run", "--expectations", known)
    assert ended.returncode == 1
    assert "stale" in ended.stdout
    assert "fake.yaml:5:5" in ended.stdout


def test_1_and_0_cases_younger_than_the_expectations_fail_with_strict_new_alone(tmp_path: Path) -> None:
    known = expectation(tmp_path, "Wrong", "{rank: 1}")
    file = case_file(tmp_path, NAMES, since='"1.1"')
    arguments = ("run", file, "--runner", FAKES + "Wrong", "--out", tmp_path / "run", "--expectations", known)
    assert conformance(*arguments).returncode == 0
    assert {result["gate"] for result in journal.read(tmp_path / "run").results} == {"ok", "new"}
    for strict, status in (((), 0), (("--strict-new",), 1)):
        assert conformance("gate", tmp_path / "run", "--expectations", known, *strict).returncode == status
    assert conformance(*arguments, "--strict-new").returncode == 1


def test_accept_shows_first_asks_for_reasons_and_the_gate_then_holds(tmp_path: Path) -> None:
    run(tmp_path, "Wrong")
    target = ("accept", tmp_path / "run", "--expectations", tmp_path / "known")
    known = tmp_path / "known" / "tests.fakes_Wrong.yaml"
    shown = conformance(*target, "--dry-run")
    assert (shown.returncode, known.exists()) == (0, False)
    assert "+    causes: [unattributed]" in shown.stdout
    assert "1 known, 1 of them new" in shown.stdout
    ended = conformance(*target)
    assert (ended.returncode, known.exists()) == (4, False)
    assert "new entries without a reason: 1; allowed: --reason TEXT, or a terminal to ask on" in ended.stderr
    ended = conformance(*target, "--reason", "it is wrong")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, f"wrote {known}")
    assert 'reason: "it is wrong"' in known.read_text()
    assert conformance("gate", tmp_path / "run", "--expectations", tmp_path / "known").returncode == 0
    assert conformance(*target).stdout == "the expectations describe this run already\n"


def test_accept_asks_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "Wrong")
    monkeypatch.setattr(cli, "_on_terminal", lambda: True)
    command = ["accept", str(tmp_path / "run"), "--expectations", str(tmp_path / "known")]
    ended = CliRunner().invoke(cli.commands, command, input="asked for\n", standalone_mode=False)
    assert ended.exception is None
    assert ended.output.index("+    causes: [unattributed]") < ended.output.index("Reason: asked for")
    assert 'reason: "asked for"' in (tmp_path / "known" / "tests.fakes_Wrong.yaml").read_text()


def test_4_accept_has_to_know_where_to_write(tmp_path: Path) -> None:
    run(tmp_path, "Wrong")
    ended = conformance("accept", tmp_path / "run", cwd=tmp_path)
    assert ended.returncode == 4
    assert "no folder to write to; allowed: --expectations DIR, or expectations in [tool.conformance]" in ended.stderr
    (tmp_path / "pyproject.toml").write_text('[tool.conformance]\nexpectations = "known"\n')
    assert conformance("accept", tmp_path / "run", "--reason", "r", cwd=tmp_path).returncode == 0
    assert [path.name for path in (tmp_path / "known").iterdir()] == ["tests.fakes_Wrong.yaml"]


def test_expectations_are_found_in_the_users_pyproject(tmp_path: Path) -> None:
    run(tmp_path, "Wrong")
    expectation(tmp_path, "Wrong", '{case: "*/bad-*"}')
    (tmp_path / "pyproject.toml").write_text('[tool.conformance]\nexpectations = "known"\n')
    (tmp_path / "deeper").mkdir()
    assert conformance("gate", tmp_path / "run").returncode == 1
    for folder in (tmp_path, tmp_path / "deeper"):
        assert conformance("gate", tmp_path / "run", cwd=folder).returncode == 0
    (tmp_path / "pyproject.toml").write_text('[tool.conformance]\nexpectations = ["nowhere"]\n')
    ended = conformance("gate", tmp_path / "run", cwd=tmp_path)
    assert (ended.returncode, "nowhere is no folder" in ended.stderr) == (4, True)
    (tmp_path / "pyproject.toml").write_text("[tool.conformance]\nexpectations = 3\n")
    ended = conformance("gate", tmp_path / "run", cwd=tmp_path)
    assert ended.returncode == 4
    assert "tool.conformance.expectations: 3; allowed: a folder, or a list of them" in ended.stderr


def test_2_a_runner_that_cannot_start_makes_the_run_incomplete(tmp_path: Path) -> None:
    ended = run(tmp_path, "CannotOpen")
    assert ended.returncode == 2
    assert "not_run" in ended.stdout
    assert "incomplete" in ended.stdout.lower()
    assert conformance("gate", tmp_path / "run").returncode == 2


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell starts in the background, these tests too, ignores SIGINT, and so does all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_2_an_interrupted_run_keeps_what_it_has_and_says_that_it_is_incomplete(tmp_path: Path, number: int) -> None:
    """More jobs come before the one that hangs than a worker is ahead, so most have been recorded."""
    pipe = tmp_path / "hangs"
    os.mkfifo(pipe)
    names = [*(f"good-{number}" for number in range(100)), "bad-run", "good-100"]
    command = [*COMMAND, "run", str(case_file(tmp_path, names)), "--runner", FAKES + "Hangs", "--jobs", "1"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "run")],
        cwd=ROOT,
        env={**ENVIRON, "HANGS": str(pipe)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        with pipe.open("rb", buffering=0) as hanging:
            assert hanging.read(5) == b"hangs"
            process.send_signal(number)
            assert hanging.read() == b"", "the worker has died"
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "incomplete" in output.lower()
    found = journal.read(tmp_path / "run")
    assert 100 < len(found.results) <= 200
    assert {result["verdict"] for result in found.results} == {"match"}
    assert (found.planned, found.footer, found.complete) == (204, None, False)
    assert conformance("gate", tmp_path / "run").returncode == 2
    assert conformance("report", tmp_path / "run").returncode == 2
    assert conformance("accept", tmp_path / "run", "--expectations", tmp_path / "known").returncode == 4
    for name, mark in {
        "report.html": "<title>INCOMPLETE",
        "summary.md": "**INCOMPLETE, ",
        "summary.json": '"complete": false',
        "junit.xml": ">INCOMPLETE: ",
    }.items():
        assert mark in (tmp_path / "run" / name).read_text("utf-8"), name


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("how", ["exception", "exec"])
def test_2_an_interrupt_is_one_wherever_it_comes(tmp_path: Path, how: str) -> None:
    ended = run(tmp_path, f"InterruptedInThePlan/{how}")
    assert (ended.returncode, ended.stderr.strip()) == (2, "interrupted")


def test_4_an_error_is_one_line_that_no_terminal_and_no_ci_log_takes_for_a_command() -> None:
    ended = conformance("run", "a\n::error::b\x1b[31m\u202e.yaml")
    assert ended.returncode == 4
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("error: a\\x0a::error::b\\x1b[31m\\x202e.yaml does not exist")


def test_3_a_fault_of_this_program_says_so(tmp_path: Path) -> None:
    ended = run(tmp_path, "BreaksInThePlan")
    assert ended.returncode == 3
    assert "ZeroDivisionError" in ended.stderr
    assert "a fault of this program" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["walk"], "No such command 'walk'"),
        (["run", "--wat"], "No such option"),
        (["run", "nowhere.yaml"], "nowhere.yaml does not exist; allowed: case files (*.yaml) and folders of them"),
        (["run", "--runner", "pytorch"], "unknown runner 'pytorch': expected one of torch, tensorflow"),
        (["run", "--require", "pytorch"], "unknown runner 'pytorch'"),
        (
            ["run", "--runner", "torch/sane"],
            "unknown variant 'sane' of runner torch; allowed: explicit, same, symmetric, channels-last",
        ),
        (["run", "--runner", "tests.fakes:Nobody"], "cannot load runner 'tests.fakes:Nobody'"),
        (["run", "--runner", "tests.fakes:NoRunner"], "'tests.fakes:NoRunner' is no runner"),
        (["run", "--runner", "tests.fakes:NeedsWhatIsMissing"], "which is not installed; try: python -m pip install"),
        (["run", "--require", "tests.fakes:NeedsWhatIsMissing"], "which is not installed; try: python -m pip install"),
        (["run", "-k", "a and"], "-k 'a and'; allowed: words joined by 'and', 'or', 'not' and parentheses"),
        (["run", "--shard", "3/2"], "'3/2'; allowed: I/N with 1 <= I <= N"),
        (["run", "--shard", "half"], "'half'; allowed: I/N with 1 <= I <= N"),
        (["run", "--jobs", "0"], "0 is not in the range"),
        (["run", "--timeout", "0"], "not in the range"),
        (["run", "--memory", "-1"], "not in the range"),
        (
            ["run", "--runner", "tests.fakes:DeclaresTooMuch"],
            "tests.fakes:DeclaresTooMuch/huge with pads 0.1000000000: input: an array of",
        ),
        (["run", "--expectations", "nowhere"], "nowhere is no folder; allowed: a folder of expectation files"),
        (
            ["run", "--format", "pdf"],
            "'pdf' is not one of 'rich', 'text', 'github', 'json', 'junit', 'sarif', 'markdown'",
        ),
        (["gate", "nowhere", "--format", "pdf"], "'pdf' is not one of 'rich', 'text'"),
        (["run", "--format", "text", "--format", "json"], "text, json; allowed: each of json, junit, sarif, markdown"),
        (["run", "--min-jobs", "-1"], "-1 is not in the range"),
        (["run", "--maxfail", "some"], "'some' is not a valid integer range"),
        (["gate", "nowhere"], "nowhere: no journal there"),
        (["report", "nowhere"], "no journal there"),
        (["accept", "nowhere"], "no journal there"),
        (["explain", "--input", "6", "--padding", "same"], "--kernel is missing; allowed: --from LAYER, or --input,"),
        (
            ["explain", "--input", "6", "--kernel", "9", "--padding", "valid"],
            "kernel 9 with dilation 1 spans 9; allowed: up",
        ),
        (["explain", "--from", "Conv2D(6, k)", "--input", "9x9"], "layer:1:11: kernel_size is 'k'; allowed: a literal"),
        (["explain", "--from", "Conv2D(6, 3)"], "--input is missing; allowed: 2 sizes, such as 224x224"),
        (["explain", "--from", "Conv2D(6, 3)", "--padding", "same"], "--padding with --from; allowed: what the layer"),
        (["explain", "--from", "Conv2D(6, 3)", "--input", "9x9", "--to", "mxnet"], "--to 'mxnet'; allowed: torch, ten"),
        (["explain", "--from", "Conv2D(6, 3)", "--input", "9x9", "--format", "pdf"], "--format 'pdf'; allowed: text,"),
        (
            ["explain", "--from", "Conv2D(6, 3)", "--input", "9x9", "--to", "jax", "--format", "svg"],
            "--format svg with --to; allowed: text or json",
        ),
        (["list", "--runner", "pytorch"], "unknown runner 'pytorch'"),
        (["probe", "seeds/keras-same-stride/k4-s2-i64"], "--runner is missing"),
        (["reproduce", "nowhere", "torch"], "no case 'nowhere'; allowed: what 'conformance list' prints"),
        (["reproduce", "seeds/fixed-padding/i5-same", "nothing"], "unknown runner 'nothing'"),
        (["reproduce", "seeds/fixed-padding/i5-same", "*"], "'*' names 9 runners; allowed: one, as NAME[/VARIANT]"),
        (
            ["reproduce", "seeds/fixed-padding/i5-same", "torch/none"],
            "unknown variant 'none' of runner torch; allowed: ex",
        ),
        (["reproduce", "seeds/fixed-padding/i5-same", "keras/causal"], "does not apply to keras/causal"),
        (["reproduce", "seeds/fixed-padding/i5-same", FAKES + "Right"], "has no program(case, variant), the text"),
        (["reproduce", "seeds/fixed-padding/i5-same", "torch", "--run", "/nowhere"], "no journal there"),
        (["probe", "nowhere", "--runner", "torch"], "no case 'nowhere'; allowed: what 'conformance list' prints"),
        (["probe", "a", "--runner", "torch", "--kernel", "3"], "a case and --kernel; allowed: one of them"),
        (["probe", "--runner", "torch", "--input", "6", "--kernel", "3"], "--padding is missing"),
        (["probe", "--runner", "torch", "--input", "6x", "--kernel", "3", "--padding", "1"], "--input '6x'; allowed"),
        (["probe", "--runner", "torch", "--input", "6", "--kernel", "3", "--padding", "some"], "--padding 'some'"),
        (["probe", "--runner", "torch", "--input", "6", "--kernel", "0", "--padding", "1"], "--kernel '0'; allowed"),
        (["probe", "--runner", "torch", "--input", "6", "--kernel", "9", "--padding", "valid"], "kernel: 9"),
        (
            ["probe", "--runner", "torch", "--input", "6", "--kernel", "3", "--padding", "1", "--op", "lp_pool"],
            "op: 'lp_pool'",
        ),
    ],
    ids=" ".join,
)
def test_4_bad_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    if arguments[0] == "run":
        arguments = [*arguments, "--out", str(tmp_path / "run")]
    ended = conformance(*arguments)
    assert ended.returncode == 4, ended.stdout
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "schema: 1\ntitle: t\ncases:\n  - {name: a, input: 6, kernel: 3, pading: same}\n",
            "small.yaml:4:36: unknown key",
        ),
        (
            "schema: 1\ntitle: t\ncases:\n  - {name: a, input: 6, kernel: 9, padding: valid}\n",
            "small.yaml:4:33: kernel: 9",
        ),
        (
            "schema: 1\ntitle: t\ncases:\n  - {name: a, input: 6, kernel: 3, padding: same, expect: {output: [5]}}\n",
            "small.yaml:4:68: expect.output: (5,); the reference gives (6,)",
        ),
        ("", "small.yaml:1:1: the file is empty"),
        ("schema: 1\ntitle: t\n", "small.yaml:1:1: 'cases' is missing"),
    ],
    ids=["key", "kernel", "expect", "empty", "incomplete"],
)
def test_4_a_bad_case_file_before_any_runner_starts(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "small.yaml").write_text(text)
    ended = conformance("run", tmp_path / "small.yaml", "--runner", FAKES + "HangsInOpen", "--out", tmp_path / "run")
    assert ended.returncode == 4
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_4_bad_expectations_before_any_runner_starts(tmp_path: Path) -> None:
    known = expectation(tmp_path, "HangsInOpen", "{ranks: 1}")
    ended = run(tmp_path, "HangsInOpen", "--expectations", known)
    assert ended.returncode == 4
    assert "fake.yaml:5:13: unknown key 'ranks'; allowed: case, op, rank" in ended.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [["run", "-k", "no-such-case"], ["run", "--tag", "no-such-tag"], ["list", "-k", "no-such-case"]],
    ids=" ".join,
)
def test_5_nothing_selected(tmp_path: Path, arguments: list[str]) -> None:
    options = ["--runner", FAKES + "HangsInOpen"]
    if arguments[0] == "run":
        options += ["--out", str(tmp_path / "run")]
    ended = conformance(*arguments, *options)
    assert ended.returncode == 5
    assert not (tmp_path / "run").exists()


def test_5_where_no_case_applies_to_the_variants(tmp_path: Path) -> None:
    path = case_file(tmp_path, ["a"], padding="valid")
    ended = conformance("run", path, "--runner", "torch/same", "--out", tmp_path / "run")
    assert ended.returncode == 5
    assert "try: conformance list" in ended.stderr


def test_5_fewer_jobs_than_asked_for(tmp_path: Path) -> None:
    ended = run(tmp_path, "HangsInOpen", "--min-jobs", "7")
    assert ended.returncode == 5
    assert ended.stderr == "error: 6 of at least 7 jobs (--min-jobs); try: conformance list\n"
    assert not (tmp_path / "run").exists()
    assert run(tmp_path, "Right", "--min-jobs", "6").returncode == 0
    assert conformance("gate", tmp_path / "run", "--min-jobs", "6").returncode == 0
    assert conformance("gate", tmp_path / "run", "--min-jobs", "7").returncode == 5


@pytest.mark.parametrize(("option", "most"), [(["-x"], 1), (["--maxfail", "3"], 3)], ids=["x", "maxfail"])
def test_2_a_run_stops_after_so_many_jobs_that_break_the_gate(tmp_path: Path, option: list[str], most: int) -> None:
    ended = run(tmp_path, "AlwaysWrong", "--runner", FAKES + "Right", *option)
    assert ended.returncode == 2
    assert len([line for line in ended.stdout.splitlines() if line.startswith("regression ")]) == most
    assert "The run is INCOMPLETE" in ended.stdout
    found = journal.read(tmp_path / "run")
    assert [result["gate"] for result in found.results].count("regression") == most
    assert (found.planned, found.footer) == (12, None)


def test_1_a_run_whose_last_job_breaks_the_gate_has_not_been_stopped(tmp_path: Path) -> None:
    ended = run(tmp_path, "Wrong", "--maxfail", "2")  # what is not attributed comes last
    assert ended.returncode == 1
    assert journal.read(tmp_path / "run").complete


def test_known_deviations_stop_no_run(tmp_path: Path) -> None:
    known = expectation(tmp_path, "Wrong", '{case: "*/bad-*"}')
    assert run(tmp_path, "Wrong", "-x", "--expectations", known).returncode == 0


def test_lf_runs_what_broke_the_gate_last_and_all_where_nothing_did(tmp_path: Path) -> None:
    def ran(fake: str, *options: str | Path) -> tuple[int, set[str]]:
        ended = run(tmp_path, fake, "--lf", *options)
        return ended.returncode, {result["case"] for result in journal.read(tmp_path / "run").results}

    everything = {f"small/{name}" for name in NAMES}
    assert ran("Wrong") == (1, everything), "there is no run before it"
    assert ran("Wrong") == (1, {"small/bad-run"})
    assert journal.read(tmp_path / "run").header["selection"]["narrowed"] is True
    assert ran("Right") == (0, everything), "none of its jobs was run before"
    known = expectation(tmp_path, "Wrong", '{case: "*/bad-*"}')
    assert ran("Wrong", "--expectations", known) == (0, everything)
    assert ran("Wrong", "--expectations", known) == (0, everything), "a known deviation has not failed"


def test_a_log_has_lines_and_a_terminal_has_prose(tmp_path: Path) -> None:
    lines = run(tmp_path, "Wrong").stdout.splitlines()
    assert [line for line in lines if "small/" in line] == [
        f"regression mismatch small/bad-run {FAKES}Wrong/{variant} unattributed" for variant in ("asked", "by-rule")
    ]
    assert lines[-2] == "gate: The gate does not hold: 2 regressions"
    ours, theirs = pty.openpty()
    command = [*COMMAND, "gate", str(tmp_path / "run")]
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        ended = subprocess.run(command, cwd=ROOT, env=ENVIRON, stdout=theirs, stderr=subprocess.PIPE, timeout=60)
        os.close(theirs)
        shown = terminal.read(65536).decode()
    assert ended.returncode == 1
    assert "The worst jobs, which break the gate" in shown
    rich = conformance("gate", tmp_path / "run", "--format", "rich").stdout
    assert "The worst jobs, which break the gate" in rich


def test_formats_of_a_real_run_are_what_their_readers_expect(tmp_path: Path) -> None:
    """In a folder of the user's, which has the expectations and not the runner's class."""
    expectation(tmp_path, "Wrong", "{case: small/good-0}")
    options = ("--runner", FAKES + "Wrong", "--expectations", "known")
    ended = conformance("run", case_file(tmp_path, NAMES), *options, "--out", "run", cwd=tmp_path)
    assert ended.returncode == 1, ended.stderr

    def printed(*names: str) -> str:
        formats = [part for name in names for part in ("--format", name)]
        ended = conformance("gate", "run", "--expectations", "known", *formats, cwd=tmp_path)
        assert (ended.returncode, ended.stderr) == (1, "")
        return ended.stdout

    summary = json.loads(printed("json"))
    jsonschema.validate(summary, json.loads(conformance("schema", "summary").stdout))
    assert (summary["gates"]["regression"], summary["gates"]["fixed"]) == (2, 2)
    log = json.loads(printed("sarif"))
    jsonschema.validate(log, SARIF)
    found = [
        (result["ruleId"], where["artifactLocation"]["uri"], where["region"]["startLine"])
        for result in log["runs"][0]["results"]
        for where in [result["locations"][0]["physicalLocation"]]
    ]
    assert found == [("unattributed", "known/fake.yaml", 1), ("fixed", "known/fake.yaml", 5)]
    assert log == json.loads((tmp_path / "run" / "results.sarif").read_text("utf-8"))
    assert len(list(ElementTree.fromstring(printed("junit")).iter("testcase"))) == 6
    assert printed("markdown").startswith("# Padding conformance\n")
    both = printed("text", "github").splitlines()
    assert both[0].startswith("regression mismatch small/bad-run")
    assert [line.partition(",title")[0] for line in both[-2:]] == [
        "::error file=known/fake.yaml,line=1",
        "::error file=known/fake.yaml,line=5",
    ]


def test_github_is_asked_for_and_not_guessed(tmp_path: Path) -> None:
    summary = tmp_path / "step.md"
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    file = case_file(tmp_path, NAMES)
    options = ("--runner", FAKES + "Wrong", "--out", tmp_path / "run")
    ended = conformance("run", file, *options, **environ)
    assert ("::error" in ended.stdout, summary.exists()) == (False, False)
    ended = conformance("gate", tmp_path / "run", "--format", "github", **environ)
    assert (ended.returncode, summary.exists()) == (1, True)
    source = Path(ROOT, "tests", "fakes.py").read_text("utf-8").splitlines()
    line = source.index("class Wrong(Right):") + 1
    assert ended.stdout.startswith(f"::error file=tests/fakes.py,line={line},title=regression%3A mismatch unattributed")
    assert len(ended.stdout.splitlines()) == 1


def test_shards_are_parts_of_the_run_and_merged_they_are_the_run(tmp_path: Path) -> None:
    parts, seen = [tmp_path / "one", tmp_path / "two"], []
    for index, part in enumerate(parts, 1):
        assert run(tmp_path, "Right", "--shard", f"{index}/2", "--out", part).returncode == 0
        seen += [result["case"] for result in journal.read(part).results]
    assert sorted(seen) == sorted(f"small/{name}" for name in NAMES for _ in range(2))
    ended = conformance("merge", *parts, "--out", tmp_path / "all")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "6 of 6 jobs match" in ended.stdout
    ended = conformance("merge", parts[0], "--out", tmp_path / "half")
    assert (ended.returncode, ended.stderr) == (4, "error: a shard is missing: 2/2; allowed: all that have jobs\n")
    assert not (tmp_path / "half").exists()


def test_a_shuffled_run_ends_alike(tmp_path: Path) -> None:
    ended = run(tmp_path, "Wrong", "--shuffle", "1")
    assert ended.returncode == 1
    assert [result["case"] for result in journal.read(tmp_path / "run").results][::2] != [f"small/{n}" for n in NAMES]


def test_reports_are_rendered_again_from_the_journal(tmp_path: Path) -> None:
    run(tmp_path, "Wrong")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    for name in before:
        if name != "results.jsonl":
            (tmp_path / "run" / name).unlink()
    ended = conformance("report", tmp_path / "run")
    assert ended.returncode == 0, ended.stderr
    assert "small/bad-run" in ended.stdout
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_no_color_means_plain_text(tmp_path: Path) -> None:
    ended = conformance(
        "run", case_file(tmp_path, NAMES), "--runner", FAKES + "Wrong", "--out", tmp_path / "run", "--no-color",
        "--format", "rich", FORCE_COLOR="1", TERM="xterm-256color",
    )  # fmt: skip
    assert ended.returncode == 1
    assert "\x1b[3" not in ended.stdout
    assert "\x1b[9" not in ended.stdout


def test_what_a_runner_says_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    ended = run(tmp_path, "Raises")
    assert ended.returncode == 1
    assert "\x1b" not in ended.stdout


def test_list_names_cases_and_with_a_runner_jobs() -> None:
    packaged_cases = cases.load()
    listed = conformance("list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [case.id for case in packaged_cases]
    assert conformance("list", "-k", "seeds/keras").stdout.splitlines() == [
        f"{case.id}  {case.describe()}" for case in packaged_cases if case.id.startswith("seeds/keras")
    ]
    jobs = plan.plan(
        [case for case in packaged_cases if "seeds" in case.id], plan.select_runners(["torch", "tf1/same"])
    )
    assert conformance("list", "-k", "seeds", "--runner", "torch", "--runner", "tf1/same").stdout.splitlines() == [
        f"{job.case.id}  {job.runner}/{job.variant}" for job in jobs
    ]


def test_list_as_json() -> None:
    found = list(map(json.loads, conformance("list", "-k", "i6-same", "--json").stdout.splitlines()))
    assert [(case["id"], case["pads"]) for case in found if "fixed" in case["id"]] == [
        ("seeds/fixed-padding/i6-same", [[0, 1], [0, 1]]),
        ("seeds/fixed-padding/rows-i6-same", [[0, 1]]),
    ]
    jobs = conformance("list", "-k", "rows-i6-same", "--runner", "torch/symmetric", "--json").stdout
    assert json.loads(jobs) == {
        "case": "seeds/fixed-padding/rows-i6-same",
        "runner": "torch",
        "variant": "symmetric",
        "declared": [[1, 1]],
    }


def test_the_schema_is_the_one_beside_the_cases() -> None:
    assert conformance("schema").stdout == (packaged.cases() / cases.MARKER).read_text("utf-8")


def test_doctor_says_what_is_installed() -> None:
    ended = conformance("doctor")
    assert ended.returncode == 0
    for name in runners.CORE:
        assert f"\n{name}: ready: " in "\n" + ended.stdout
    found = environments.installed(runners.load("torch"))
    assert f"torch: ready: python {found['python']}, torch {found['torch']}\n" in ended.stdout
    assert "    variants: explicit, same, symmetric, channels-last\n" in ended.stdout
    assert "a negative control" in ended.stdout


def test_doctor_says_how_to_install_what_is_missing(tmp_path: Path) -> None:
    """In an environment of its own, whose one package folder leaves PyTorch out."""
    code = """
import importlib.metadata, sys
known = importlib.metadata.version
def version(name):
    if name == "torch":
        raise importlib.metadata.PackageNotFoundError(name)
    return known(name)
importlib.metadata.version = version
sys.argv = ["conformance", "doctor"]
from conformance import cli
cli.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=ENVIRON, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "torch: missing torch; python -m pip install 'padding-conformance[torch]'\n" in ended.stdout


def test_explain_prints_the_arithmetic_and_the_drawing() -> None:
    ended = conformance("explain", "--input", "6", "--kernel", "3", "--stride", "2", "--padding", "same")
    assert ended.returncode == 0
    assert "begin = 1 // 2 = 0; end = 1 - 0 = 1" in ended.stdout
    assert "2 from 4 |    ###|" in ended.stdout


def test_explain_takes_a_layer_as_it_is_written_and_says_what_to_write_elsewhere() -> None:
    layer = ("--from", "nn.Conv2d(64, 64, 3, stride=2, padding=1)", "--input", "56x56")
    whole = conformance("explain", *layer)
    assert whole.returncode == 0
    assert whole.stdout.startswith("nn.Conv2d(64, 64, 3, stride=2, padding=1) (torch)\n1.1x1.1 padding: input 56x56")
    told = conformance("explain", *layer, "--to", "keras")
    assert told.returncode == 0
    assert told.stdout.startswith("# Keras, right for every size\n# x: N H W C (1, 56, 56, 64)")
    assert "keras.layers.ZeroPadding2D(((1, 1), (1, 1)))" in told.stdout
    as_json = json.loads(conformance("explain", *layer, "--to", "keras", "--format", "json").stdout)
    assert as_json["code"] in told.stdout
    assert as_json["sizes"] == "for every size"


def test_explain_ends_with_1_where_a_layer_cannot_be_written() -> None:
    layer = ("--from", "nn.Conv2d(4, 4, 3, stride=2, dilation=2)", "--input", "56x56")
    ended = conformance("explain", *layer, "--to", "keras")
    assert ended.returncode == 1
    assert ended.stdout.startswith("# Keras: not to be written. Keras' convolution layers refuse")
    assert conformance("explain", *layer).returncode == 0


def test_probe_reads_what_a_runner_does() -> None:
    options = ("--input", "6x7", "--kernel", "3", "--stride", "2", "--padding", "same", "--channels", "2", "--bias")
    right = conformance("probe", "--runner", FAKES + "Right/asked", *options)
    assert right.returncode == 0, right.stderr
    assert "1 execution of 85 samples" in right.stdout
    assert "axis 0: pads 0.1; stride 2; dilation 1" in right.stdout
    assert right.stdout.endswith("  as asked\n")
    wrong = conformance("probe", "--runner", FAKES + "IgnoresPads/asked", *options)
    assert wrong.returncode == 1
    assert "axis 0: pads 0.0, asked pads 0.1" in wrong.stdout
    assert wrong.stdout.endswith("  NOT as asked\n")


def test_probe_takes_a_case_by_its_identity(tmp_path: Path) -> None:
    file = case_file(tmp_path, NAMES)
    ended = conformance("probe", f"small/{NAMES[0]}", "--cases", file, "--runner", FAKES + "ReversesOneAxis")
    assert ended.returncode == 1, ended.stderr
    assert "reversed" in ended.stdout


def test_probe_shows_the_smallest_input_that_is_no_geometry() -> None:
    options = ("--input", "9", "--kernel", "3", "--padding", "1")
    ended = conformance("probe", "--runner", FAKES + "PadsWithFives", *options)
    assert ended.returncode == 1, ended.stderr
    assert "no such geometry: without any impulse the outputs are neither 0 nor the bias" in ended.stdout
    assert "at input 1" in ended.stdout


def test_probe_prints_what_an_exception_says_without_commands_to_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "raises.py").write_text(
        "from conformance.domain.records import Spelling\n\n\nclass Raises:\n"
        "    variants = {'asked': lambda case: Spelling(case.pads, '')}\n\n    def open(self): ...\n\n"
        "    def build(self, case, variant, weights):\n        raise ValueError('\\x07red\\x9b2J')\n"
    )
    options = ("--input", "6", "--kernel", "3", "--padding", "1")
    ended = conformance("probe", "--runner", "raises:Raises", *options, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[1] == "  raised: red"


def test_help_and_version() -> None:
    for arguments in (["--help"], ["-h"]):
        ended = conformance(*arguments)
        assert ended.returncode == 0
        assert "Exit status: 0 the gate holds; 1 it does not; 2 interrupted" in ended.stdout
    assert __version__ in conformance("--version").stdout


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["run", "--help"], set()),
        (["explain", "--input", "6", "--kernel", "3", "--padding", "same"], set()),
        (["explain", "--from", "Conv2D(6, 3)", "--input", "6x6", "--format", "json"], set()),
        (["doctor"], {"numpy", "pydantic", "yaml"}),
        (["list"], {"pydantic", "yaml"}),
        (["list", "--runner", "tf1"], {"pydantic", "yaml"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_command_loads(arguments: list[str], allowed: set[str]) -> None:
    assert set(loaded(*arguments)) <= allowed
