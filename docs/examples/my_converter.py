"""A converter as a runner: a class with ``convert``, and nothing else.

    cd docs/examples
    conformance run --runner my_converter:MyConverter -k seeds

``convert`` takes an ONNX model of one convolution, input ``x``, and gives a callable on arrays. This one
"converts" to ONNX's own reference evaluator; yours converts to what you maintain.
"""

from __future__ import annotations

from typing import Any


class MyConverter:
    """What this project runs, judges and reports like its own runners."""

    distributions = ("onnx",)  # optional: packages that it needs, whose versions are recorded

    def convert(self, model: Any) -> Any:
        """The model as a function from an array ``N C spatial…`` to an array ``N O spatial…``."""
        from onnx.reference import ReferenceEvaluator  # here: this file is also read where nothing is installed

        session = ReferenceEvaluator(model)
        return lambda x: session.run(None, {"x": x})[0]
