"""The files beside the renderers: templates, styles, the report's script."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template


def asset(name: str) -> str:
    """The text of one of them."""
    return resources.files("conformance.render").joinpath(name).read_text("utf-8")


def template(name: str, **names: Any) -> Template:
    """One of them as a template, which may use these names; what is put into it is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(asset(name), names)
