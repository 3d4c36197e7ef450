"""HTML from templates."""

from __future__ import annotations

from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.running.live.live_check import in_words


def render(template: str, **values: Any) -> Markup:
    """HTML from a Jinja template; values are escaped, and a missing one is an error.

    Args:
        template: the template's text; it may use the filter ``in_words`` for raw values.
        values: the values of the template's names.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["in_words"] = in_words
    return Markup(environment.from_string(template).render(**values))
