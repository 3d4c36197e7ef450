"""The list of all runs: how each ended, what is served, and how the metrics moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from components.messages import one_line
from pipeline.config.config import Config
from pipeline.config.gates.metrics import SHOWN, known_metrics
from pipeline.records import history, printing, served
from pipeline.records.history import Row
from pipeline.records.runs import Records, RunRecord
from pipeline.report.html import plots
from pipeline.report.html.frame import document
from pipeline.report.html.templates import render

NAME = "index.html"
_HEADER = """\
<h1>{{ name }}</h1>
<p class="note">{{ shown }} of {{ count }} runs, the newest first.
{% if served %}Served:
{% for one in served %}version {{ one.version }} ({{ one.words }}){{ ", " if not loop.last }}{% endfor %}.
{% else %}Nothing is served yet.{% endif %}</p>"""
_MOST = 100
_REASON = 200


def page_of(config: Config, record: RunRecord) -> Path:
    """Where the page of a run is; its name is the time of the run, without what file names cannot have."""
    return config.run_folder / "report" / f"{record.run.replace(':', '-')}.html"


def write(config: Config, records: Records) -> Path:
    """Write the list of the newest runs, and return its path."""
    found = history.rows(records, _MOST)
    versions = served.versions(config, served.models_files(config, None))
    labels = {one.version: one.words for one in versions}
    path = config.run_folder / "report" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    header = render(
        _HEADER,
        name=config.name,
        served=[one for one in versions if one.words],
        count=len(records.contexts),
        shown=len(found),
    )
    sections = [("runs", "Runs", _runs(config, found, labels)), ("trend", "Metrics", _trend(config, found))]
    page = document(header, [section for section in sections if section[2]], title=f"{config.name}: all runs")
    path.write_text(page)
    return path


def _runs(config: Config, found: Sequence[Row], labels: Mapping[int, str]) -> Markup:
    metrics = SHOWN[config.label.task]
    rows = [
        (
            _link(config, row),
            f"{row.run.started:%Y-%m-%d %H:%M}",
            Markup('<span class="badge {}">{}</span>').format(row.run.result.replace(" ", "-"), row.run.result),
            printing.took(row.run.seconds),
            f"{sum(row.rows.values()):,}" if row.rows else "",
            *(f"{row.candidate[name]:.4f}" if name in row.candidate else "" for name in metrics),
            _served(row.run, labels),
            one_line(f"{row.run.node}: {row.run.reason}", limit=_REASON) if row.run.reason else "",
        )
        for row in found
    ]
    head = ("run", "started", "result", "time", "rows", *(name.replace("_", " ") for name in metrics), "version", "why")
    last = len(head) - 1
    return plots.table(head, rows, words="All runs", left=(0, 1, 2, last), klass="words")


def _link(config: Config, row: Row) -> Markup | str:
    page = page_of(config, row.run)
    return Markup('<a href="{}">{}</a>').format(page.name, row.run.number) if page.exists() else str(row.run.number)


def _served(record: RunRecord, labels: Mapping[int, str]) -> str:
    if record.version is None:
        return ""
    words = labels.get(record.version, "")
    return f"{record.version} ({words})" if words and record.result == "pushed" else str(record.version)


def _trend(config: Config, found: Sequence[Row]) -> Markup:
    """A plot for each metric that any run has, by the number of the run."""
    known = known_metrics(config.parameters())
    names = [name for name in known if any(name in row.candidate for row in found)]
    return plots.plots(
        plots.plot(
            _trend_spec([_point(row, name) for row in reversed(found) if name in row.candidate], name),
            words=f"{name.replace('_', ' ')} by run, {'higher' if known[name].higher_is_better else 'lower'} is better",
            height=170,
        )
        for name in names
    )


def _point(row: Row, name: str) -> dict[str, Any]:
    return {
        "run": row.run.number,
        "started": f"{row.run.started:%Y-%m-%d %H:%M}",
        "value": row.candidate[name],
        "result": row.run.result,
        "series": "pushed" if row.run.result.startswith("pushed") else "not pushed",
    }


def _trend_spec(points: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    x = plots.axis("run", kind="quantitative", axis={"tickMinStep": 1, "format": "d"}, scale={"nice": False})
    y = plots.axis("value", name.replace("_", " "), scale={"zero": False})
    shape = {"field": "series", "type": "nominal", "scale": {"domain": ["pushed", "not pushed"]}, "title": None}
    colors = plots.colored({"pushed": "var(--good)", "not pushed": plots.BAD})
    tip = [{"field": field} for field in ("run", "started", "value", "result")]
    return {
        "data": {"values": list(points)},
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": {"type": "line", "color": plots.QUIET, "strokeWidth": 1}},
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {"color": colors, "shape": shape, "tooltip": tip},
            },
        ],
    }
