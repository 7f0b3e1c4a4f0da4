"""ONNX backends that refuse, each in one of the ways that ``onnx.backend`` has for it; and one that is right."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

from onnx.backend.base import Backend, BackendRep
from onnx.reference import ReferenceEvaluator as _Evaluator


class NotSupposedTo(SkipTest):
    """As ``BackendIsNotSupposedToImplementIt`` is."""


class Prepared(BackendRep):  # type: ignore[misc]
    def __init__(self, model: Any) -> None:
        self.evaluator = _Evaluator(model)

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        return tuple(self.evaluator.run(None, dict(zip(self.evaluator.input_names, inputs, strict=True))))


class Right(Backend):  # type: ignore[misc]
    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> BackendRep:
        return Prepared(model)


class NoDilation(Right):
    """Refuses in words of its own."""

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> BackendRep:
        if any(max(one.ints, default=1) > 1 for one in model.graph.node[0].attribute if one.name == "dilations"):
            raise NotSupposedTo("no dilations here")
        return super().prepare(model, device)


class OnlyPads(Right):
    """Is not compatible with ``auto_pad``."""

    @classmethod
    def is_compatible(cls, model: Any, device: str = "CPU", **kwargs: Any) -> bool:
        return not any(one.name == "auto_pad" for node in model.graph.node for one in node.attribute)


class OnlyCuda(Right):
    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CUDA"


class Raises(Right):
    """Raises what is no refusal."""

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> BackendRep:
        raise NotImplementedError("not yet")
