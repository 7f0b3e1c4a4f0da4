"""ONNX's own backend test runner on its node tests of convolutions and pools, in ONNX Runtime's backend.

``python -m benchmarks.peer_backend TIMES`` runs all of them so many times, and prints how many there are.
"""

from __future__ import annotations

import sys
import unittest
import warnings

import onnxruntime.backend
from onnx.backend.test.runner import Runner

warnings.simplefilter("ignore")
onnxruntime.set_default_logger_severity(3)
runner = Runner(onnxruntime.backend, __name__)
runner.include(r"^test_(basic_)?(conv|convtranspose|averagepool|maxpool)(_.*)?_cpu$")
kind = runner.test_cases["OnnxBackendNodeModelTest"]
tests = unittest.defaultTestLoader.loadTestsFromTestCase(kind)
first = unittest.TestResult()
tests.run(first)
skipped = {test.id() for test, _ in first.skipped}
names = [
    name
    for name in unittest.defaultTestLoader.getTestCaseNames(kind)
    if f"{kind.__module__}.{kind.__qualname__}.{name}" not in skipped
]
result = unittest.TestResult()
for _ in range(int(sys.argv[1]) - 1):
    for name in names:
        kind(name).run(result)
if not first.wasSuccessful() or not result.wasSuccessful():
    raise SystemExit(f"{(first.failures + first.errors + result.failures + result.errors)[0]}")
print(len(names))
