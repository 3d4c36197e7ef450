"""The page of a run: one self-contained HTML file with its plots inside, whatever the run ended with."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from components.messages import one_line
from pipeline.config.config import Config
from pipeline.records.runs import required
from pipeline.report import index
from pipeline.report.html.frame import Section, document
from pipeline.report.html.templates import render
from pipeline.report.run import ReportedRun
from pipeline.running.live.live_check import LiveAnswer

logger = logging.getLogger(__name__)
_HEADER = """\
<p class="note"><a href="{{ index }}">All runs</a></p>
<h1>{{ run.config.name }} <span class="badge {{ record.result.replace(' ', '-') }}">{{ record.result }}</span></h1>
<p class="note">Run {{ record.number }} began {{ "{:%Y-%m-%d %H:%M}".format(record.started) }}
{% if record.seconds is not none %}and took {{ "%.0f"|format(record.seconds) }} s{% endif %}</p>
{% if run.later %}
<p class="note">This page was written later: limits and options are those of the config as it is now.</p>
{% endif %}"""
# Modules of `pipeline.report.sections`, in the order of the page.
_SECTIONS = (
    "verdict",
    "timeline",
    "data",
    "quality",
    "slices",
    "why",
    "training",
    "serving",
    "lineage",
    "card",
)


def write(run: ReportedRun) -> Path:
    """Write the page of a run and the list of all runs.

    Returns:
        The path of the page, ``report/<time of the run>.html`` in the run folder.
    """
    path = index.page_of(run.config, run.record)
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = [section for name in _SECTIONS if (section := _section(name, run)) is not None]
    header = render(_HEADER, run=run, record=run.record, index=index.NAME)
    title = f"{run.config.name}, run {run.record.number}: {run.record.words}"
    path.write_text(document(header, sections, title=title))
    index.write(run.config, run.records)
    return path


def write_last(config: Config, answers: Sequence[LiveAnswer] = ()) -> Path:
    """As `write`, of the last run; also of the run before if something ended it before it could write its own.

    Args:
        config: the pipeline.
        answers: the served model's answers about real rows.
    """
    records = required(config)
    last, *earlier = records.contexts
    for context in earlier[:1]:
        before = ReportedRun(config=config, records=records, context=context, later=True)
        if not index.page_of(config, before.record).exists():
            write(before)
    return write(ReportedRun(config=config, records=records, context=last, answers=answers))


def _section(name: str, run: ReportedRun) -> Section | None:
    """Id, title and HTML of a section; None if it has nothing to say about the run."""
    module = importlib.import_module(f"pipeline.report.sections.{name}")
    try:
        body = module.body(run)
    except Exception as error:
        # One damaged artifact must not hide the other nine sections.
        words = one_line(f"{type(error).__name__}: {error}", limit=300)
        logger.warning("the section %s of the report could not be made: %s", name, words)
        logger.debug("the section %s", name, exc_info=True)
        body = Markup('<p class="bad">This section could not be made: {}</p>').format(words)
    return (name, module.title(run), body) if body else None
