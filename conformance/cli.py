"""Arguments → pipeline → exit status; nothing else."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from conformance import __version__
from conformance.errors import ConformanceError, InputError
from conformance.render.formats import DOCUMENTS, FORMATS

F = TypeVar("F", bound=Callable[..., Any])

BAD_USAGE = 4
FAULT = 3
INTERRUPTED = 2

interrupts: list[int] = []
"""The signals that have come."""


def main() -> NoReturn:
    """The ``conformance`` command; exits with 0 to 5 as the commands' help says."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers have the other cores; before numpy loads
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as it is for what a shell runs in the background
            signal.signal(signal.SIGINT, _interrupt)
        signal.signal(signal.SIGTERM, _interrupt)
        gc.set_threshold(100_000, 50, 100)  # records hold no cycles: looking for some takes longer than reading them
        status = commands.main(standalone_mode=False, prog_name="conformance")
    except click.ClickException as error:
        error.show()
        status = BAD_USAGE
    except ConformanceError as error:
        click.echo(f"error: {_printable(str(error))}", err=True)
        status = error.status
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        status = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        status = FAULT
    except Exception:
        if interrupts:  # which a library has made another exception of
            click.echo("interrupted", err=True)
            status = INTERRUPTED
        else:
            import traceback

            traceback.print_exc()
            click.echo("error: a fault of this program; please report it with the lines above", err=True)
            status = FAULT
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # there is nothing left to interrupt
    gc.freeze()  # on its way out Python looks for cycles once more, through all that was read
    if interrupts:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status or 0)  # Python ends itself by SIGINT where the interrupt came through an ``exec``
    sys.exit(status or 0)


def _interrupt(number: int, frame: object) -> None:
    interrupts.append(number)
    raise KeyboardInterrupt


def _printable(text: str) -> str:
    """One line, whatever a file's name or an exception has in it: no command for a terminal or a CI log."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="conformance")
def commands() -> None:
    """Run the same convolution everywhere, and name the cause where the numbers differ.

    Exit status: 0 the gate holds; 1 it does not; 2 interrupted or incomplete; 3 a fault of this
    program; 4 bad usage, a bad case file or bad expectations; 5 nothing selected.
    """


def _selection(command: F) -> F:
    """The options that choose cases."""
    for option in (
        click.option("--tag", "tags", multiple=True, help="Only cases with this tag (repeatable)."),
        click.option("-k", "expression", default="", metavar="EXPR", help="Only cases whose identity matches."),
        click.argument("paths", nargs=-1, type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


_runners = click.option(
    "--runner",
    "runners",
    multiple=True,
    metavar="NAME[/VARIANT][@PYTHON]",
    help="Only these (repeatable, globs, module:Class, or onnx-backend:module); @ and a path: in another interpreter.",
)
_expectations = click.option(
    "--expectations",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder of expectations (repeatable; a file replaces the packaged one of its runner).",
)
_strict_new = click.option(
    "--strict-new", is_flag=True, help="Cases younger than the expectations fail as all others do."
)
_no_color = click.option("--no-color", is_flag=True, help="Plain text.")
_SECONDS = click.FloatRange(min=0, min_open=True)
_timeout = click.option(
    "--timeout", type=_SECONDS, default=60.0, show_default=True, help="Seconds a job may take in a stage."
)
_jobs = click.option("--jobs", type=click.IntRange(min=1), default=None, help="Workers at a time (default: the cores).")
_cases = click.option(
    "--cases", "paths", multiple=True, type=click.Path(path_type=Path), help="Where CASE is (packaged ones)."
)


def _alone(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > 1 and set(value) & set(DOCUMENTS):
        raise click.BadParameter(
            f"{', '.join(value)}; allowed: each of {', '.join(DOCUMENTS)} alone", context, parameter
        )
    return value


_formats = click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    callback=_alone,
    help="What to print (repeatable for logs; default: rich on a terminal, text elsewhere).",
)
_min_jobs = click.option(
    "--min-jobs", type=click.IntRange(min=0), default=0, metavar="N", help="Exit with 5 where there are fewer jobs."
)


def _shard(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    index, _, count = value.partition("/")
    if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return int(index), int(count)
    raise click.BadParameter(f"{value!r}; allowed: I/N with 1 <= I <= N", context, parameter)


@commands.command()
@_selection
@_runners
@click.option("--require", multiple=True, metavar="NAME", help="A runner that must be installed (repeatable).")
@_expectations
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("reports/latest"), show_default=True
)
@_jobs
@click.option("--shard", callback=_shard, default="1/1", metavar="I/N", help="Only one of N parts.")
@_timeout
@click.option(
    "--open-timeout",
    type=_SECONDS,
    default=180.0,
    show_default=True,
    help="Seconds a worker may take to import its framework.",
)
@click.option(
    "--build-timeout",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Seconds a job may take to be built or converted (default: as --timeout).",
)
@click.option(
    "--memory",
    type=click.IntRange(min=0),
    default=0,
    metavar="MIB",
    help="Memory a worker may hold (default: its share of 80% of the machine's, at least 2048).",
)
@click.option("--gpu", is_flag=True, help="Let workers see the machine's GPUs, which are hidden otherwise.")
@click.option(
    "--shuffle", type=int, default=None, metavar="SEED", help="Run in another order; the verdicts are the same."
)
@click.option("--resume", is_flag=True, help="Run what the journal in --out lacks of this very run.")
@_strict_new
@click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="Where the workers run: on this machine, or on a Dask cluster.",
)
@click.option("--scheduler", default="", metavar="ADDRESS", help="The Dask scheduler (default: one on this machine).")
@_min_jobs
@click.option(
    "--maxfail", type=click.IntRange(min=0), default=0, metavar="N", help="Stop after N results that break the gate."
)
@click.option("-x", "first", is_flag=True, help="The same as --maxfail 1.")
@click.option(
    "--lf", "last_failed", is_flag=True, help="Only jobs that broke the gate in the run that --out has; all if none."
)
@_formats
@_no_color
def run(
    paths: tuple[Path, ...],
    runners: tuple[str, ...],
    folders: tuple[Path, ...],
    formats: tuple[str, ...],
    no_color: bool,
    jobs: int | None,
    maxfail: int,
    first: bool,
    **rest: Any,
) -> int:
    """Run cases (files or folders; by default the packaged ones) and write a run folder."""
    from conformance import pipeline, settings
    from conformance.render.formats import show

    if rest["scheduler"] and rest["engine"] != "dask":
        raise InputError(f"--scheduler {rest['scheduler']}; allowed: with --engine dask")
    options = pipeline.Options(
        paths=paths,
        runners=runners,
        expectations=settings.expectations(folders),
        jobs=jobs or 0,
        maxfail=maxfail or int(first),
        **rest,
    )
    finished = pipeline.run(options)
    show(finished.run, finished.report, formats, no_color)
    return finished.status


@commands.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@_expectations
@_strict_new
@_min_jobs
@_formats
@_no_color
def gate(
    folder: Path, folders: tuple[Path, ...], strict_new: bool, min_jobs: int, formats: tuple[str, ...], no_color: bool
) -> int:
    """Judge a finished run against expectations."""
    from conformance import gate as gating
    from conformance import pipeline, settings
    from conformance.render.formats import show

    finished, stale = pipeline.judge_again(folder, settings.expectations(folders), min_jobs, strict_new)
    show(finished, None, formats, no_color)
    return gating.exit_status([result["gate"] for result in finished.results], stale, finished.complete)


@commands.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to write.")
@_expectations
@_strict_new
@_formats
@_no_color
def merge(
    runs: tuple[Path, ...],
    out: Path,
    folders: tuple[Path, ...],
    strict_new: bool,
    formats: tuple[str, ...],
    no_color: bool,
) -> int:
    """Join the run folders of all shards (run --shard I/N) into one, as if one machine had run all."""
    from conformance import pipeline, settings
    from conformance.render.formats import show

    finished = pipeline.join(runs, out, settings.expectations(folders), strict_new)
    show(finished.run, finished.report, formats, no_color)
    return finished.status


@commands.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--expectations",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder to write to.",
)
@click.option("--runner", "runners", multiple=True, metavar="NAME", help="Only these runners (repeatable, globs).")
@click.option("--reason", default="", help="The reason of new entries; on a terminal each asks for its own.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def accept(folder: Path, target: Path | None, runners: tuple[str, ...], reason: str, dry_run: bool) -> int:
    """Rewrite expectations so that they describe a finished run; what changes is shown first."""
    from conformance import pipeline, settings

    configured = settings.expectations(())
    if not target and not configured:
        raise InputError("no folder to write to; allowed: --expectations DIR, or expectations in [tool.conformance]")
    changes = pipeline.accept(folder, target or configured[-1], runners, () if target else configured)
    for change in changes:
        click.echo(f"{change.diff}\n{change.summary}")
    if not changes:
        click.echo("the expectations describe this run already")
    elif not dry_run:
        reasons = {change.path: _reasons(change.new, reason) for change in changes}
        if _on_terminal() and not reason and not any(reasons.values()):
            click.confirm("Write this?", abort=True)
        for change in changes:
            change.write(reasons[change.path])
            click.echo(f"wrote {change.path}")
    return 0


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _reasons(new: Sequence[str], reason: str) -> list[str]:
    """A reason for each new entry: the one given, or what a person says."""
    if reason or not new:
        return [reason] * len(new)
    if not _on_terminal():
        raise InputError(f"new entries without a reason: {len(new)}; allowed: --reason TEXT, or a terminal to ask on")
    reasons: list[str] = []
    for entry in new:
        reasons.append(click.prompt(f"\n{entry}Reason", default=reasons[-1] if reasons else None))
    return reasons


@commands.command()
@click.argument("old", metavar="OLD", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
    help="What is printed.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write compare.html and compare.md there.",
)
def compare(old: Path, new: Path, form: str, folder: Path | None) -> int:
    """Say what changed from one finished run to another, by cause: two releases, two branches, two machines.

    Exit status 1 where a job that was right is wrong now, or a failing one fails worse; 2 where a run is incomplete.
    """
    from conformance import comparing, journal
    from conformance.render import compared

    found = comparing.compare(journal.read(old), journal.read(new))
    click.echo(compared.FORMATS[form](found).rstrip("\n").encode("utf-8", "replace"))
    if folder:
        click.echo(f"Report: {compared.write(found, folder)}", err=form != "text")
    return found.status


@commands.command("list")
@_selection
@_runners
@click.option("--json", "as_json", is_flag=True, help="As JSON, an object a line.")
def list_(
    paths: tuple[Path, ...], expression: str, tags: tuple[str, ...], runners: tuple[str, ...], as_json: bool
) -> int:
    """List cases, or with --runner the jobs that they give."""
    from conformance import listing

    lines = listing.lines(paths, expression, tags, runners, as_json)
    if not lines:
        raise click.exceptions.Exit(5)
    click.echo("\n".join(lines))
    return 0


@commands.command()
@click.option(
    "--from", "layer", metavar="LAYER", help="A layer as you write it: \"Conv2D(6, 4, strides=2, padding='same')\"."
)
@click.option("--input", "sizes", metavar="N[xN…]", help="Spatial sizes, such as 6 or 224x224.")
@click.option("--kernel", metavar="K[xK…]")
@click.option("--stride", metavar="S[xS…]", help="(default 1)")
@click.option("--dilation", metavar="D[xD…]", help="(default 1)")
@click.option("--padding", metavar="PADDING", help="valid, same, same_lower, causal, fixed, 1, or 0.1x0.1")
@click.option("--channels", type=click.IntRange(1, 999_999), help="Input channels, where the layer does not say them.")
@click.option(
    "--to", "target", metavar="TARGET", help="Only what to write there: torch, tensorflow, keras, jax, onnx, caffe."
)
@click.option(
    "--format", "form", default="text", show_default=True, metavar="FORMAT", help="text, json, markdown, svg or html."
)
def explain(layer: str | None, target: str | None, form: str, **given: Any) -> int:
    """Work out one padding: the arithmetic, a drawing, who differs for which sizes, and what to write.

    The layer comes from --from (PyTorch, Keras, TensorFlow, ONNX), or from the options. Exit status 1
    where it cannot be written in TARGET.
    """
    from conformance.explanation import explain as explaining
    from conformance.explanation import targets
    from conformance.render import explained

    found = explaining.of_options(layer, **given)
    if form not in explained.FORMATS:
        raise InputError(f"--format {form!r}; allowed: {', '.join(explained.FORMATS)}")
    if target is None:
        click.echo(explained.render(found, form).rstrip("\n"))
        return 0
    if form not in ("text", "json"):
        raise InputError(f"--format {form} with --to; allowed: text or json")
    snippet = targets.snippet(found.case, targets.target(target))
    click.echo(explained.as_json(explained.snippet_record(snippet)) if form == "json" else explained.written(snippet))
    return 0 if snippet.code else 1


@commands.command()
@click.argument("case", required=False)
@_runners
@click.option("--input", "sizes", metavar="N[xN…]", help="Spatial sizes, such as 6 or 224x224.")
@click.option("--kernel", metavar="K[xK…]")
@click.option("--stride", metavar="S[xS…]")
@click.option("--dilation", metavar="D[xD…]")
@click.option("--padding", metavar="PADDING", help="valid, same, same_lower, causal, fixed, 1, or 0.1x0.1")
@click.option("--op", help="conv (the default), conv_transpose, max_pool or avg_pool.")
@click.option("--channels", type=int)
@click.option("--filters", type=int)
@click.option("--groups", help="A number, or depthwise.")
@click.option("--bias", is_flag=True, default=None)
@click.option("--output-padding", metavar="P[xP…]")
@click.option("--ceil-mode", is_flag=True, default=None)
@click.option("--count-include-pad", is_flag=True, default=None)
@_cases
@_timeout
def probe(case: str | None, runners: tuple[str, ...], paths: tuple[Path, ...], timeout: float, **given: Any) -> int:
    """Read from executions alone what a runner really does: of a case by its identity, or of the options' case.

    Exit status 1 where that is not what it was asked for.
    """
    from conformance import probing, tools
    from conformance.render.plain import printable

    if not runners:
        raise InputError("--runner is missing; allowed: NAME[/VARIANT], repeatable")
    chosen = probing.by_identity(case, paths, given) if case else probing.by_options(given)
    same = True
    for job, found in tools.probe(chosen, runners, timeout):
        text, alike = probing.describe(job, found)
        click.echo(printable(text))
        same &= alike
    return 0 if same else 1


@commands.command()
@click.argument("case")
@click.argument("runner", metavar="RUNNER[/VARIANT]")
@_cases
@click.option(
    "--run", "folder", type=click.Path(path_type=Path), help="A run folder that has the job; it is not run again."
)
@click.option("--issue", is_flag=True, help="A bug report in Markdown, with the script in it.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@_timeout
def reproduce(
    case: str, runner: str, paths: tuple[Path, ...], folder: Path | None, issue: bool, out: Path | None, timeout: float
) -> int:
    """Write one job as a Python file that needs numpy and the framework alone: both outputs, and the causes.

    Without VARIANT the one that ends worst. The file's exit status is 1 where the outputs differ, else 0.
    """
    from conformance import files, probing, reproduction, tools

    found = tools.reproduce(probing.by_identity(case, paths, {}), runner, folder, timeout)
    text = reproduction.issue(found) if issue else reproduction.script(found)
    if out is None:
        click.echo(text, nl=False)
    else:
        files.write_whole(out, text.encode())
        click.echo(f"wrote {out}: {found.where}, {found.record['verdict']}", err=True)
    return 0


def _most(name: str, most: int, least: int = 1) -> Callable[[F], F]:
    return click.option(f"--{name}", type=click.IntRange(min=least), default=most, show_default=True, metavar="MOST")


@commands.command()
@_runners
@click.option("--op", "ops", multiple=True, metavar="OP", help="Only these operators (repeatable).")
@click.option("--rank", "ranks", multiple=True, type=click.IntRange(1, 3), help="Only so many axes (repeatable).")
@_most("input", 12)
@_most("kernel", 5)
@_most("stride", 4)
@_most("dilation", 3)
@_most("pads", 4, 0)
@_jobs
@_timeout
@_no_color
def exhaust(
    runners: tuple[str, ...],
    ops: tuple[str, ...],
    ranks: tuple[int, ...],
    jobs: int | None,
    timeout: float,
    no_color: bool,
    **most: int,
) -> int:
    """Prove every small geometry on a runner: all on one axis, and chosen ones on two and three unequal axes.

    Each operator's whole matrix is read and held against the reference. Exit status 1, and the
    smallest counterexample, where one is neither as asked, nor as the variant declares, nor refused.
    """
    from conformance import tools
    from conformance.domain.case import OPS
    from conformance.exhaust import Scope
    from conformance.render import exhausted

    if not runners:
        raise InputError("--runner is missing; allowed: NAME[/VARIANT], repeatable")
    for op in ops:
        if op not in OPS:
            raise InputError(f"--op {op!r}; allowed: {', '.join(OPS)}")
    scope = Scope(ops=ops or OPS, ranks=ranks or (1, 2, 3), **most)
    found = tools.exhaust(scope, runners, jobs or 0, timeout)
    exhausted.show(found, no_color)
    return found.status


@commands.command()
@_selection
@click.option("--onnx-node-tests", is_flag=True, help="ONNX's own node tests instead of case files (needs onnx).")
@click.option("--matrix", is_flag=True, help="Every case's answers too.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_no_color
def audit(
    paths: tuple[Path, ...],
    expression: str,
    tags: tuple[str, ...],
    onnx_node_tests: bool,
    matrix: bool,
    form: str,
    no_color: bool,
) -> int:
    """Say which wrong implementations a set of cases can tell apart.

    Exit status: 0 all that differ are told apart, 1 some are not, 5 nothing selected.
    """
    from conformance import audit as auditing
    from conformance.render import audit as shown

    selection = auditing.select(paths, expression, tags, onnx_node_tests)
    powers = auditing.audit(selection)
    if form == "json":
        click.echo(shown.as_json(powers, selection.skipped, matrix))
    else:
        shown.show(powers, selection.skipped, matrix, no_color)
    return int(any(power.unseen for power in powers))


def _model(command: F) -> F:
    """The options about a model file."""
    for option in (
        click.option(
            "--allow-external-data", "external", is_flag=True, help="Weights in files below the model's folder."
        ),
        click.option(
            "--shape",
            "shapes",
            multiple=True,
            metavar="NAME=SIZES",
            help="Sizes left open: x=1,3,224,224 (repeatable).",
        ),
        click.argument("model", metavar="MODEL", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


@commands.command()
@_model
@click.option(
    "--to", "wanted", multiple=True, metavar="TARGET", help="Only these frameworks (repeatable; by default all)."
)
@click.option(
    "--save-cases", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write its layers as cases."
)
@click.option("--strict", is_flag=True, help="Exit status 1 where a habit parts from the model.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
def check(
    model: Path,
    shapes: tuple[str, ...],
    external: bool,
    wanted: tuple[str, ...],
    folder: Path | None,
    strict: bool,
    form: str,
) -> int:
    """Read a model (ONNX, .keras, TFLite) and say where a target's padding habits part from it; nothing is run.

    TARGET is keras, tensorflow, tflite, torch, caffe or onnx.
    """
    from conformance import checking
    from conformance.render import checked as shown

    found = checking.check(model, wanted, shapes, external)
    click.echo({"text": shown.text, "json": shown.as_json, "html": shown.html}[form](found))
    if folder:
        saved = checking.save(found.model, folder)
        click.echo(shown.saved(saved), err=form != "text")
    return int(strict and bool(found.parted))


@commands.command()
@_model
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option(
    "--for", "target", default="", metavar="TARGET", help="Split what this framework's operators cannot hold."
)
@_timeout
def fix(model: Path, shapes: tuple[str, ...], external: bool, out: Path, target: str, timeout: float) -> int:
    """Write an ONNX model's auto_pad as explicit pads, with --for what TARGET cannot hold as Pad nodes.

    Every rewritten node is proved in ONNX Runtime. Exit status 1, and no file, where a proof fails.
    """
    from conformance import checking, tools
    from conformance.render import fixed as shown

    planned, proofs = tools.fix(model, out, target, checking.shapes_given(shapes), external, timeout)
    click.echo(shown.text(planned, proofs, out))
    return int(not all(proof.holds for proof in proofs))


@commands.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@_no_color
def report(folder: Path, no_color: bool) -> int:
    """Render a run folder's reports again, from its journal."""
    from conformance import journal, render
    from conformance.render.formats import show

    finished = journal.read(folder)
    show(finished, render.write(finished, finished.folder), no_color=no_color)
    return 0 if finished.complete else INTERRUPTED


@commands.command()
@click.argument("what", type=click.Choice(["cases", "summary"]), default="cases")
def schema(what: str) -> int:
    """Print the JSON Schema of case files (cases, the default) or of what --format json prints (summary)."""
    import json

    from conformance.render import assets
    from conformance.schema import json_schema

    found = json_schema() if what == "cases" else json.loads(assets.asset("summary.schema.json"))
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return 0


@commands.command()
@_runners
def doctor(runners: tuple[str, ...]) -> int:
    """Say which runners are installed, here or in the interpreters that they name, and how to install the others."""
    from conformance import listing

    click.echo("\n".join(listing.runner_lines(runners)))
    return 0
