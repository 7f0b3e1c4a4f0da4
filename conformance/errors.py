"""The ways in which a command ends early, each with its exit status."""

from __future__ import annotations


class ConformanceError(Exception):
    """Something that the user has to know; the command prints it and exits with ``status``."""

    status = 3


class InputError(ConformanceError):
    """Bad usage, a bad case file or bad expectations: where, what arrived, what is allowed."""

    status = 4

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)


class NothingSelectedError(ConformanceError):
    """No job is left after selection."""

    status = 5
