"""The files beside the renderers: templates, styles, the report's script."""

from __future__ import annotations

from importlib import resources


def asset(name: str) -> str:
    """The text of one of them."""
    return resources.files("conformance.render").joinpath(name).read_text("utf-8")
