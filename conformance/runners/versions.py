"""Which of a runner's packages an interpreter has; started as a program by path in another one."""

from __future__ import annotations

import json
import platform
import sys
from typing import Dict, Iterable


def versions(distributions: Iterable[str]) -> Dict[str, str]:
    """The version of this interpreter, as ``python``, and of those of the distributions that it has."""
    from importlib.metadata import PackageNotFoundError, version  # slow to load

    found = {"python": platform.python_version()}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    del sys.path[0]  # this folder, in which the names of frameworks are runners
    print(json.dumps(versions(sys.argv[1:])))  # noqa: T201
