"""Any ``onnx.backend.base.Backend`` as a runner: ``onnx-backend:package.module``, without a line of code.

The module is a backend itself (it has ``prepare``, as ``onnxruntime.backend``), or one of its classes is:
a ``Backend``, or an evaluator as ``onnx.reference`` has one, which is made of a model and has ``run``.
``onnx-backend:package.module:Class`` names one of several. What a backend refuses, it says as ONNX's own
test runner has it: https://github.com/onnx/onnx/blob/main/onnx/backend/test/runner/__init__.py
"""

from __future__ import annotations

import importlib
import inspect
from functools import cached_property
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional, Tuple
from unittest import SkipTest

from conformance import runners
from conformance.domain.case import OPS
from conformance.runners.contract import Refusal
from conformance.runners.onnx_models import Converter

if TYPE_CHECKING:
    from conformance.runners.contract import Array, Layer

DEVICE = "CPU"


class BackendRefusal(Exception):  # noqa: N818
    """A model that a backend says it does not implement."""


class OnnxBackend(Converter):
    """The backend that a spec names, on the models of a node or two."""

    ops: Tuple[str, ...] = OPS
    models = ("pads", "auto_pad", "auto_pad-dynamic", "pad-node")
    refusals = (Refusal("BackendRefusal", "the backend refuses"),)

    def __init__(self, spec: str) -> None:
        super().__init__()
        self.name = spec
        self.module, _, self.attribute = spec[len(runners.BACKEND) :].partition(":")
        if not _exists(self.module):
            raise LookupError(f"cannot load runner {spec!r}: there is no module {self.module!r} here")

    @cached_property
    def distributions(self) -> Tuple[str, ...]:  # type: ignore[override]
        """The packages that bring the module, and onnx."""
        from importlib.metadata import packages_distributions  # the parent's Python has it

        found = packages_distributions().get(self.module.partition(".")[0], [])
        return tuple(dict.fromkeys([*found, "onnx"]))

    def open(self) -> None:
        """Import the backend; ``LookupError`` where the module has none."""
        super().open()
        module = importlib.import_module(self.module)
        self.prepared = _prepared(getattr(module, self.attribute) if self.attribute else _backend(module))

    def convert(self, model: Any, **options: Any) -> Layer:
        """What the backend prepares, as a callable on one array."""
        try:
            return self.prepared(model)
        except SkipTest as error:  # and BackendIsNotSupposedToImplementIt, which is one
            raise BackendRefusal(f"the backend refuses: {type(error).__name__}: {error}") from error


def _exists(name: str) -> bool:
    """Whether there is a module of this name; none is imported."""
    top, *rest = name.split(".")
    if not all(part.isidentifier() for part in (top, *rest)):
        return False
    spec = find_spec(top)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return False
        top = f"{top}.{part}"
        spec = PathFinder.find_spec(top, spec.submodule_search_locations)
    return spec is not None


def _backend(module: Any) -> Any:
    """The backend of a module: itself, or its only class that is one."""
    if callable(getattr(module, "prepare", None)):
        return module
    for needed in (("prepare", "run_model"), ("run", "input_names", "output_names")):
        found = [kind for kind in _public_classes(module) if all(hasattr(kind, name) for name in needed)]
        if len(found) == 1:
            return found[0]
        if found:
            names = " or ".join(f"{runners.BACKEND}{module.__name__}:{kind.__name__}" for kind in found)
            raise LookupError(f"{module.__name__} has {len(found)} backends; allowed: {names}")
    raise LookupError(f"{module.__name__} is no backend: it has neither prepare nor a class with prepare, or with run")


def _public_classes(module: Any) -> Iterator[type]:
    for name, kind in vars(module).items():
        if not name.startswith("_") and inspect.isclass(kind) and kind.__module__ != "onnx.backend.base":
            yield kind


def _prepared(backend: Any) -> Callable[[Any], Layer]:
    """What makes a callable of a model, as a backend or an evaluator does it."""

    def asked(name: str, *arguments: Any) -> Optional[str]:
        function = getattr(backend, name, None)
        return None if function is None or function(*arguments) else f"the backend refuses: {name} is False"

    def represented(model: Any) -> Layer:
        refusal = asked("supports_device", DEVICE) or asked("is_compatible", model)
        if refusal:
            raise BackendRefusal(refusal)
        representation = backend.prepare(model, DEVICE)
        return lambda x: representation.run([x])[0]

    def evaluated(model: Any) -> Layer:
        evaluator = backend(model)

        def layer(x: Array) -> Array:
            return evaluator.run(None, {"x": x})[0]  # type: ignore[no-any-return]

        return layer

    return represented if hasattr(backend, "prepare") else evaluated
