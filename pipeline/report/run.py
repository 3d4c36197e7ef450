"""What the sections of the page are made from, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.config.config import Config
from pipeline.report.results import Results
from pipeline.running.live.live_check import Answer, in_words


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """A run that ended with a push.

    Attributes:
        config: the pipeline.
        results: the run's results.
        answers: the served model's answers about real rows.
    """

    config: Config
    results: Results
    answers: Sequence[Answer]


def render(template: str, **values: Any) -> Markup:
    """HTML from a Jinja template; values are escaped, and a missing one is an error.

    Args:
        template: the template's text; it may use the filter ``in_words`` for raw values.
        values: the values of the template's names.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["in_words"] = in_words
    return Markup(environment.from_string(template).render(**values))
