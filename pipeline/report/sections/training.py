"""Loss, metric, learning rate and speed by step, and the options that are not the defaults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from components.messages import one_line
from pipeline.config.training.trainer import Trainer
from pipeline.records.why import flattened
from pipeline.report import trials  # part: tuner
from pipeline.report.html.plots import axis, colored, plot, plots, table
from pipeline.report.html.templates import render
from pipeline.report.run import ReportedRun
from trainer.models.heads import head_of
from trainer.run_fn import HISTORY

# What optional nodes add, each below its heading.
_EXTRAS: tuple[tuple[str, Callable[[ReportedRun], Markup | None]], ...] = (
    ("Search for hyperparameters", trials.shown),  # part: tuner
)
_POINTS = 400
_COLORS = {"train": "var(--candidate)", "eval": "var(--served)"}
_TEMPLATE = """\
{{ drawn }}
{% for heading, shown in extras %}<h3>{{ heading }}</h3>
{{ shown }}
{% endfor %}
<h3>Options that are not the defaults</h3>
{{ options }}
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Training"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty if nothing was trained."""
    folder = run.folder("Trainer", "model_run")
    if folder is None:
        return Markup()
    train, evaluations = read_history(folder / HISTORY)
    return render(
        _TEMPLATE,
        drawn=_drawn(train, evaluations, run) if train else Markup("<p>The trainer wrote no history.</p>"),
        extras=[(heading, shown) for heading, of in _EXTRAS if (shown := of(run)) is not None],
        options=_options(run.config.trainer),
    )


def read_history(path: Path) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, float]]]:
    """The trainer's reports and the metrics of the rows it evaluated, both by step; empty where there is no file.

    A training that was killed and resumed reports some steps twice, the last of which counts, and may leave half a
    line behind.
    """
    train, evaluations = {}, {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            report = json.loads(line)
        except json.JSONDecodeError:
            continue
        train[report["step"]] = report
        if report["eval"] is not None:
            evaluations[report["step"]] = report["eval"]
    return dict(sorted(train.items())), dict(sorted(evaluations.items()))


def _drawn(
    train: Mapping[int, Mapping[str, Any]], evaluations: Mapping[int, Mapping[str, float]], run: ReportedRun
) -> Markup:
    monitor = head_of(run.config.label).monitor
    higher = head_of(run.config.label).higher_is_better
    epochs = {step: report["epoch"] for step, report in train.items()}
    known = {step: found[monitor] for step, found in evaluations.items() if monitor in found}
    best = (max if higher else min)(known, key=known.__getitem__) if known else None
    losses = [*_series(train, "loss", "train", epochs), *_series(evaluations, "loss", "eval", epochs)]
    words = f"{monitor.replace('_', ' ').capitalize()} of the eval rows"
    if best is not None:
        words += f"; best {known[best]:.4f} at step {best:,}, epoch {epochs.get(best, '?')}"
    return plots(
        [
            plot(_lines(losses, "loss"), words="Loss of train and eval rows"),
            plot(_lines(_series(evaluations, monitor, "eval", epochs), monitor, best=best), words=words),
            plot(_lines(_series(train, "learning_rate", "train", epochs), "learning rate"), words="Learning rate"),
            plot(
                _lines(_series(train, "examples_per_second", "train", epochs), "examples per second", zero=True),
                words="Throughput",
            ),
        ]
    )


def _series(
    points: Mapping[int, Mapping[str, Any]], key: str, series: str, epochs: Mapping[int, int]
) -> list[dict[str, Any]]:
    steps = [step for step, values in points.items() if key in values]
    steps = steps[:: max(len(steps) // _POINTS, 1)]
    return [{"step": step, "epoch": epochs.get(step), "value": points[step][key], "series": series} for step in steps]


def _lines(
    values: Sequence[Mapping[str, Any]], name: str, *, best: int | None = None, zero: bool = False
) -> dict[str, Any]:
    present = {series: color for series, color in _COLORS.items() if any(one["series"] == series for one in values)}
    tip = [{"field": "series"}, {"field": "step"}, {"field": "epoch"}, {"field": "value", "format": ".4~g"}]
    lines = {
        "data": {"values": list(values)},
        "mark": {"type": "line", "strokeWidth": 1.8, "point": {"size": 25, "filled": True}},
        "encoding": {
            "x": axis("step", "step", axis={"format": "~s"}, scale={"zero": False}),
            "y": axis("value", name.replace("_", " "), scale={"zero": zero}, axis={"format": "~s" if zero else "~g"}),
            "color": colored(present) if len(present) > 1 else {"value": next(iter(present.values()), "")},
            "tooltip": tip,
        },
    }
    marked = [one for one in values if one["step"] == best and one["series"] == "eval"]
    if not marked:
        return {"layer": [lines]}
    star = {
        "data": {"values": marked},
        "mark": {"type": "point", "size": 160, "strokeWidth": 2, "color": "var(--good)", "tooltip": True},
        "encoding": {"x": axis("step", "step"), "y": axis("value", name.replace("_", " "), scale={"zero": False})},
    }
    return {"layer": [lines, star]}


def _options(given: Trainer) -> Markup:
    """What the config gives otherwise than the defaults are."""
    ours, defaults = flattened(given.model_dump(mode="json")), flattened(Trainer().model_dump(mode="json"))
    rows = [
        (f"trainer.{name}", _shown(value), _shown(defaults.get(name)))
        for name, value in ours.items()
        if value != defaults.get(name)
    ]
    if not rows:
        return Markup("<p>All options are the defaults.</p>")
    return table(("option", "value", "default"), rows, words="Options that are not the defaults", left=(0, 1, 2))


def _shown(value: object) -> str:
    return "not set" if value is None else one_line(str(value), limit=80)
