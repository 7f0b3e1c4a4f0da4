"""Conformance suite for padding: who pads a convolution how, who is right, and why not."""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes longer to load than all of this
if TYPE_CHECKING:
    from conformance.explanation.explain import Explanation

__version__ = "0.1.0"


def explain(
    layer: str,
    input: int | tuple[int, ...] = (),  # noqa: A002
    kernel: int | tuple[int, ...] = (),
    channels: int = 0,
) -> Explanation:
    """What a layer as people write it pads over an input of these spatial sizes, and how to write it elsewhere.

    ``kernel`` and ``channels`` fill in what the text leaves open. The result shows itself: as text, and
    in a notebook as HTML. Raises ``errors.InputError`` where the layer cannot be read.
    """
    from conformance.explanation import explain

    return explain.explain(layer, input, kernel, channels)
