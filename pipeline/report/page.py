"""The page that shows why a model was pushed: one self-contained HTML file with its plots inside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import jinja2

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT
from pipeline.config.config import Config
from pipeline.config.metrics import PRIMARY
from pipeline.report.plots import slices_plot, training_plot
from pipeline.report.results import Results
from pipeline.running.live_check import Answer, in_words
from trainer.models.heads import head_of
from trainer.run_fn import HISTORY

_TEMPLATE = Path(__file__).with_name("page.html")


def write(config: Config, results: Results, answers: Sequence[Answer]) -> Path:
    """Write ``report/index.html`` in the run folder and return its path."""
    task = config.label.task
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["in_words"] = in_words
    page = environment.from_string(_TEMPLATE.read_text()).render(
        name=config.name,
        time=f"{datetime.now():%Y-%m-%d %H:%M}",
        results=results,
        answers=answers,
        metrics=[name for name in results.candidate[ALL_EXAMPLES] if name != EXAMPLE_COUNT],
        primary=PRIMARY[task].replace("_", " "),
        slices_plot=slices_plot(results, task, min_slice_size=config.gates.evaluation.min_slice_size),
        training_plot=training_plot(Path(results.model_run_uri) / HISTORY, monitor=head_of(config.label).monitor),
    )
    path = config.run_folder / "report" / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
    return path
