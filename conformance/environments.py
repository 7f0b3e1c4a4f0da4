"""Interpreters of their own for runners whose packages do not fit together with what runs here.

``NAME@PATH`` names one. Its worker needs Python 3.9 and numpy there besides the runner's packages; of this
program it gets the files of ``domain`` and ``runners``, and nothing that is installed here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence

from conformance.errors import InputError
from conformance.runners import versions
from conformance.runners.contract import Runner

OLDEST = (3, 9)
ALLOWED = "the path of Python 3.9 or newer"

PATIENCE = 60.0
"""Seconds that an interpreter may take to say what is installed in it."""

OURS = ("PYTHONHOME", "PYTHONPATH")
"""Variables that would bring packages from here."""


def interpreter(path: str) -> str:
    """The absolute path of an interpreter; a link stays one, as it is what makes a virtual environment."""
    found = shutil.which(os.path.expanduser(path))
    if found is None:
        raise InputError(f"no program {path!r}; allowed: {ALLOWED}")
    return os.path.abspath(found)


def needs(runner: Runner) -> Sequence[str]:
    """The packages without which a runner's worker cannot start; numpy is here anyway."""
    return runner.distributions if not runner.python else [*dict.fromkeys([*runner.distributions, "numpy"])]


def installed(runner: Runner) -> dict[str, str]:
    """The versions of Python and of those of a runner's packages that are installed where its worker runs."""
    if not runner.python:
        return versions.versions(needs(runner))
    found = ask(runner.python, needs(runner))
    major, minor, *_ = found["python"].split(".")
    if (int(major), int(minor)) < OLDEST:
        raise InputError(f"Python {found['python']}; allowed: {ALLOWED}", runner.python)
    return found


def ask(python: str, distributions: Sequence[str]) -> dict[str, str]:
    """What another interpreter has of these distributions, and its version; ``InputError`` where it does not say."""
    said = ""
    try:
        answer = subprocess.run(
            [python, versions.__file__, *distributions],
            env=inherited(python),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        said = answer.stderr.strip().rpartition("\n")[-1]
        found: dict[str, str] = json.loads(answer.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise InputError(f"cannot say what is installed ({said or error}); allowed: {ALLOWED}", python) from error
    return found


def inherited(python: str) -> dict[str, str]:
    """The environment that a worker starts from: in another interpreter without what belongs to this one's."""
    return {name: value for name, value in os.environ.items() if not python or name not in OURS}
