"""Models read statically: a file's padded operators as cases, and what a target's habits make of them.

One file per format. A format's own reader loads when a file of that format comes, and no framework ever does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conformance.domain.geometry import Sizes
from conformance.errors import InputError
from conformance.models.layers import Model
from conformance.strict_yaml import shown_path


def read(path: Path, shapes: Mapping[str, Sizes], external: bool = False) -> Model:
    """The padded operators of a model file; the format follows from its content, not its name.

    ``shapes`` are those of inputs (or other values) that the model leaves open; ``external`` allows
    weights in files below the model's folder. Raises ``InputError`` for anything that is no such model.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}; allowed: a model file", shown_path(path)) from None
    if head.startswith(b"PK\x03\x04"):
        from conformance.models import keras_file

        return keras_file.read(path, shapes)
    if head[4:] == b"TFL3":
        from conformance.models import tflite_file

        return tflite_file.read(path, shapes)
    need(path, "onnx", "an ONNX file", "'padding-conformance[onnx]'")
    from conformance.models import onnx_file

    return onnx_file.read(path, shapes, external)


def need(path: Path, package: str, what: str, install: str) -> None:
    """Refuse a file whose reader is not installed, with what installs it."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise InputError(
            f"reading {what} needs {package}, which is not installed; try: python -m pip install {install}",
            shown_path(path),
        )
