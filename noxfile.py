"""The sessions: conformance · gate · tests · lint · types · bench."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests", "gate"]

CONSTRAINTS = ("-c", "constraints.txt")
FRAMEWORKS = ".nox/frameworks"
"""One environment for the sessions that need every framework: installing them takes minutes and gigabytes."""

CORE = ("torch", "tensorflow", "keras", "tf1", "onnxruntime", "onnx2keras", "onnx2keras-same")
REQUIRED = [part for name in CORE for part in ("--require", name)]


def install_frameworks(session: nox.Session, *groups: str) -> None:
    session.install("-e", ".[all]", *CONSTRAINTS, *(part for name in groups for part in ("--group", name)))


@nox.session(venv_location=FRAMEWORKS)
def conformance(session: nox.Session) -> None:
    """Every case in every core runner → reports/latest/report.html."""
    install_frameworks(session)
    session.run("conformance", "run", *REQUIRED, *session.posargs)


@nox.session(venv_location=FRAMEWORKS)
def gate(session: nox.Session) -> None:
    """Exit 1 when anything differs from the expectations; a run folder after -- is judged as it is."""
    install_frameworks(session)
    folder = session.posargs[0] if session.posargs else "reports/gate"
    if not session.posargs:
        session.run("conformance", "run", *REQUIRED, "--out", folder, success_codes=[0, 1])
    session.run("conformance", "gate", folder)


@nox.session(venv_location=FRAMEWORKS)
def tests(session: nox.Session) -> None:
    """The project's own tests."""
    install_frameworks(session, "tests")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style."""
    session.install("ruff", *CONSTRAINTS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e", ".", "--group", "types", *CONSTRAINTS)
    session.run("mypy")


@nox.session(venv_location=FRAMEWORKS)
def bench(session: nox.Session) -> None:
    """Measure, side by side, and print ratios."""
    install_frameworks(session)
    session.run("python", "-m", "benchmarks", *session.posargs)
