"""The sessions: lint · types · wheel · conformance · gate · tests · bench · faults · figures · models · releases.

By tag (``nox -t TAG``): ``ci`` is what has to be green, ``static`` the part of it that needs no framework,
``conformance`` what runs the cases, ``measure`` what takes times and figures.

Those that need every framework share one environment, ``.nox/frameworks``: installing it takes
minutes and gigabytes.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.tags = ["ci"]

CONSTRAINTS = ("-c", "constraints.txt")
FRAMEWORKS = Path(".nox", "frameworks")
CORE = (
    "torch",
    "tensorflow",
    "keras",
    "tf_keras",
    "tf1",
    "torch-onnx",
    "onnxruntime",
    "onnx2keras",
    "onnx2keras-same",
)
ONNX2KERAS = {
    "0.0.24": ("tensorflow==2.15.1", "keras==2.15.0", "numpy==1.26.4", "onnx==1.18.0", "torch==2.13.0"),
    "0.0.25": ("tensorflow", "keras", "numpy", "onnx", "torch", *CONSTRAINTS),
}
"""Two releases with what each needs; PyTorch's newer exporter does not run beside the older TensorFlow."""
LAYOUTS = {
    "": ("pads", "auto_pad", "auto_pad-dynamic", "torch-export"),
    "-change-ordering": ("*pad*-change-ordering", "torch-export-change-ordering"),
}
"""Their variants, each layout in a run of its own: TensorFlow 2.15 mixes up the pools of two layouts in one process."""
REQUIRED = [part for name in CORE for part in ("--require", name)]


def in_frameworks(session: nox.Session, *command: str) -> None:
    """Run ``python -m …`` in the environment that has every framework, made on first use."""
    python = FRAMEWORKS / "bin" / "python"
    if not python.exists():
        session.run(sys.executable, "-m", "venv", str(FRAMEWORKS), external=True)
    install = ("pip", "install", "-q", "-e", ".[all]", "--group", "tests", *CONSTRAINTS)
    session.run(str(python), "-m", "pip", "install", "-q", "--upgrade", "pip>=25.1", external=True)
    session.run(str(python), "-m", *install, external=True)
    session.run(str(python), "-m", *command, external=True)


@nox.session(tags=["ci", "static"])
def lint(session: nox.Session) -> None:
    """Style."""
    session.install("ruff==0.17.5")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(tags=["ci", "static"])
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e", ".", "--group", "types", *CONSTRAINTS)
    session.run("mypy")


@nox.session(reuse_venv=False, tags=["ci"])
def wheel(session: nox.Session) -> None:
    """The wheel, built and installed elsewhere: cases and expectations travel in it."""
    session.install("build")
    folder = Path(session.create_tmp())
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder), silent=True)
    built = max(folder.glob("*.whl"), key=lambda file: file.stat().st_mtime).resolve()
    session.install(str(built))
    with session.chdir(folder):
        listed = session.run("conformance", "list", silent=True)
        session.run("conformance", "doctor")
        session.log(f"{len(str(listed).splitlines())} cases travel in {built.name}")


@nox.session(venv_backend="none", tags=["conformance"])
def conformance(session: nox.Session) -> None:
    """Every case in every core runner → reports/latest/report.html; arguments after -- go to the command."""
    in_frameworks(session, "conformance", "run", *REQUIRED, *session.posargs)


@nox.session(venv_backend="none", tags=["ci", "conformance"])
def gate(session: nox.Session) -> None:
    """Exit 1 when anything differs from the expectations; a run folder after -- is judged as it is."""
    if session.posargs:
        in_frameworks(session, "conformance", "gate", *session.posargs)
    else:
        in_frameworks(session, "conformance", "run", *REQUIRED, "--out", "reports/gate")


@nox.session(venv_backend="none", tags=["ci"])
def tests(session: nox.Session) -> None:
    """The project's own tests."""
    in_frameworks(session, "pytest", *session.posargs)


@nox.session(venv_backend="none", tags=["measure"])
def bench(session: nox.Session) -> None:
    """Measure, side by side, and print ratios; the report's sizes and times against their budgets."""
    in_frameworks(session, "pip", "install", "-q", "polygraphy", *CONSTRAINTS)
    in_frameworks(session, "benchmarks", *session.posargs)


@nox.session(venv_backend="none", tags=["measure"])
def faults(session: nox.Session) -> None:
    """Faults planted in every stage of runs of 1,000 jobs; runs killed, resumed and compared; malformed files read."""
    in_frameworks(session, "benchmarks.faults", *session.posargs)
    in_frameworks(session, "benchmarks.kills")
    in_frameworks(session, "benchmarks.malformed")


@nox.session(venv_backend="none", tags=["measure"])
def figures(session: nox.Session) -> None:
    """What the judging is worth: false alarms, faults missed, causes named, times, the control, blind cases, proofs."""
    for module in ("planted", "judging", "control", "alarms"):
        in_frameworks(session, f"benchmarks.{module}")
    in_frameworks(session, "conformance", "audit")
    in_frameworks(session, "conformance", "exhaust", "--runner", "torch/explicit")
    others = [part for op in ("conv", "conv_transpose", "avg_pool", "pad") for part in ("--op", op)]
    in_frameworks(session, "conformance", "exhaust", "--runner", "onnxruntime/pads", *others)


@nox.session(venv_backend="none", tags=["measure"])
def models(session: nox.Session) -> None:
    """Real models checked, fixed and run before and after → docs/models.md; then the times of both commands."""
    in_frameworks(session, "pip", "install", "-q", "tf2onnx", *CONSTRAINTS)
    folder = Path(".nox", "models")
    folder.mkdir(exist_ok=True)
    in_frameworks(session, "benchmarks.models", str(folder), "--out", "docs/models.md")
    in_frameworks(session, "benchmarks.static")


@nox.session
@nox.parametrize("release", list(ONNX2KERAS))
def releases(session: nox.Session, release: str) -> None:
    """Every case in two releases of onnx2keras, each in an environment of its own → docs/releases.md."""
    session.install("-e", ".", *CONSTRAINTS)
    folder = Path(".nox", f"onnx2keras-{release}")
    python = folder / "bin" / "python"
    if not python.exists():
        older = shutil.which("python3.11") or sys.executable  # TensorFlow 2.15 has no wheels for newer ones
        session.run(older, "-m", "venv", str(folder), external=True)
    session.run(
        str(python), "-m", "pip", "install", "-q", f"onnx2keras=={release}", *ONNX2KERAS[release], external=True
    )
    for layout, variants in LAYOUTS.items():
        wanted = [part for name in variants for part in ("--runner", f"onnx2keras/{name}@{python}")]
        out = ("--out", f"reports/onnx2keras-{release}{layout}")
        session.run("conformance", "run", *wanted, *out, success_codes=[0, 1])
    if release != list(ONNX2KERAS)[-1]:
        return
    runs = [[f"reports/onnx2keras-{name}{layout}" for name in ONNX2KERAS] for layout in LAYOUTS]
    for layout, pair in zip(LAYOUTS, runs, strict=True):
        session.run("conformance", "compare", *pair, "--out", f"reports/compare{layout}", success_codes=[0, 1])
    session.run("python", "-m", "benchmarks.releases", *runs[0], *runs[1], "--out", "docs/releases.md")
