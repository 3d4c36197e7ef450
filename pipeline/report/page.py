"""The page that shows why a model was pushed: one self-contained HTML file with its plots inside."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pipeline.config.config import Config
from pipeline.report.results import Results
from pipeline.report.run import ReportedRun, render
from pipeline.running.live.live_check import Answer

_TEMPLATE = Path(__file__).with_name("page.html")
# Modules of `pipeline.report.sections`, in the order of the page.
_SECTIONS = (
    "data",
    "candidate",
    "slices",
    "training",
    "answers",
    "locations",
)


def write(config: Config, results: Results, answers: Sequence[Answer]) -> Path:
    """Write ``report/index.html`` in the run folder and return its path."""
    run = ReportedRun(config=config, results=results, answers=answers)
    modules = [importlib.import_module(f"pipeline.report.sections.{name}") for name in _SECTIONS]
    page = render(
        _TEMPLATE.read_text(),
        name=config.name,
        time=f"{datetime.now():%Y-%m-%d %H:%M}",
        results=results,
        sections=[(module.title(run), module.body(run)) for module in modules],
    )
    path = config.run_folder / "report" / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
    return path
