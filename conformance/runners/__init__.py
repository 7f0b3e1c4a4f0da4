"""The child side: one file per framework or converter, and the worker that runs them.

Imported by the parent for names, spellings and refusals, none of which needs a framework.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Dict, Optional, Type

from conformance.runners.contract import Runner

CORE: Dict[str, str] = {
    "torch": "conformance.runners.torch:Torch",
    "tensorflow": "conformance.runners.tensorflow:TensorFlow",
    "keras": "conformance.runners.keras:Keras",
    "tf_keras": "conformance.runners.keras:TfKeras",
    "tf1": "conformance.runners.tf1:TensorFlow1",
    "torch-onnx": "conformance.runners.torch_onnx:TorchOnnx",
    "onnxruntime": "conformance.runners.onnxruntime:OnnxRuntime",
    "onnx2keras": "conformance.runners.onnx2keras:Onnx2Keras",
    "onnx2keras-same": "conformance.runners.onnx2keras:Onnx2KerasSame",
}
"""The runners that come with this package, and where each one's class is."""


BACKEND = "onnx-backend:"
"""What a module that is an ``onnx.backend.base.Backend``, or has one, is named after."""

ENTRY_POINTS = "conformance.runners"
"""The entry-point group through which a package brings runners of its own."""


def load(spec: str) -> Runner:
    """The runner that a core name, an entry point's name or ``package.module:Class`` names.

    A class that has only ``convert`` is a converter; after ``onnx-backend:`` comes a module that is an
    ONNX backend. The current directory is searched, as ``python -m`` does. Raises ``LookupError`` with
    what is wrong.
    """
    if spec not in CORE and "" not in sys.path:
        sys.path.insert(0, "")
    if spec.startswith(BACKEND):
        from conformance.runners.onnx_backend import OnnxBackend

        return OnnxBackend(spec)
    module_name, _, class_name = _path(spec).partition(":")
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"cannot load runner {spec!r}: {error}") from error
    runner = adopt(kind) if inspect.isclass(kind) else None
    if runner is None:
        raise LookupError(f"{spec!r} is no runner: it has neither convert(model) nor variants, open and build")
    runner.name = runner.name or spec
    return runner


def _path(spec: str) -> str:
    if spec in CORE:
        return CORE[spec]
    if spec.count(":") == 1 and all(spec.split(":")):
        return spec
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == spec:
            return entry.value
    others = "package.module:Class, onnx-backend:package.module"
    raise LookupError(f"unknown runner {spec!r}: expected one of {', '.join(CORE)}, {others}")


def adopt(kind: type) -> Optional[Runner]:
    """An instance of anybody's class as a ``Runner``; None where the class is none."""
    if issubclass(kind, Runner):
        return kind()
    base: Type[Runner]
    if all(hasattr(kind, name) for name in ("variants", "open", "build")):
        base = Runner
    elif callable(getattr(kind, "convert", None)):
        from conformance.runners.onnx_models import Converter

        base = Converter
    else:
        return None

    class Adopted(kind, base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            base.__init__(self)
            kind.__init__(self)  # type: ignore[misc]

    return Adopted()
