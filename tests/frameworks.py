"""Frameworks that tests use in their own process."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def tensorflow() -> Any:
    """TensorFlow with one thread, as the runners have it: whoever uses it first in a process decides for all."""
    import tensorflow as tf

    from conformance.runners.tensorflow import pin_threads

    pin_threads(tf)
    return tf
