"""The trials of a search for hyperparameters: the best in one line, and all as a table and as parallel coordinates."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pipeline.config.config import Config
from pipeline.records.runs import Outputs
from pipeline.report.html.plots import CANDIDATE, QUIET, axis, plot, table
from trainer.tuning.hyperparameters import decoded, described

if TYPE_CHECKING:
    from pipeline.report.run import ReportedRun

_BEST = ("Tuner", "best_hyperparameters")
_RESULTS = ("Tuner", "tuner_results")
# What TFX's executor writes beside the values.
_NUMBER, _SCORE = "trial_id", "score"
# Of a whole search, the page shows the best.
_MOST = 100
_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial that ended with a figure.

    Attributes:
        number: 1 is the first that was tried.
        score: the objective on the rows of train held back.
        values: by the dotted path of the key below ``trainer``, in the form of `trainer.tuning.hyperparameters`.
    """

    number: int
    score: float
    values: Mapping[str, Any]


def trials(outputs: Outputs) -> tuple[Trial, ...]:
    """All trials that ended with a figure, the best first; none where there was no search, or its files are gone.

    Args:
        outputs: the run's artifacts.
    """
    artifact = outputs.get(_RESULTS)
    files = sorted(Path(artifact.uri).glob("*.json")) if artifact else []
    found = json.loads(files[0].read_text()) if files else []
    return tuple(
        Trial(
            number=int(one[_NUMBER]) + 1,
            score=one[_SCORE],
            values={path: value for path, value in one.items() if path not in (_NUMBER, _SCORE)},
        )
        for one in found
    )


def note(config: Config, outputs: Outputs) -> tuple[str, str] | None:
    """The summary's line on the search: its label, and the best trial with its values as ``--set trainer.`` takes them.

    Args:
        config: the pipeline.
        outputs: the run's artifacts.

    Returns:
        None where there was no search.
    """
    if _BEST not in outputs:
        return None
    found = trials(outputs)
    if not found:
        [file] = Path(outputs[_BEST].uri).iterdir()
        return "tuned", described(json.loads(file.read_text())["values"])
    best = found[0]
    return (
        "tuned",
        f"trial {best.number} is the best of {len(found)}: {_objective(config)} {best.score:.4f} with "
        f"{described(best.values)}",
    )


def shown(run: ReportedRun) -> Markup | None:
    """The trials as parallel coordinates and as a table; None where there was no search."""
    found = trials(run.outputs)[:_MOST]
    if not found:
        return None
    objective = _objective(run.config).replace("_", " ")
    names = sorted({name for one in found for name in one.values})
    short = {name: name.removeprefix("loop.").removeprefix("optimizer.") for name in names}
    rows = [[one.number, f"{one.score:.4f}", *(_words(one.values.get(name)) for name in names)] for one in found]
    drawn = Markup()
    if len(found) > 1:
        words = f"The {len(found)} best trials, a line each, by {objective}; the best in colour"
        drawn = plot(_coordinates(found, short, objective), words=words)
    head = ("trial", objective, *short.values())
    return drawn + table(head, rows, words="Trials of the search for hyperparameters", left=())


def _objective(config: Config) -> str:
    search = config.trainer.tuner
    return (search.objective if search else None) or config.parameters().watched()


def _words(value: Any) -> str:
    value = decoded(value)
    return f"{value:.4g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _coordinates(found: Sequence[Trial], short: Mapping[str, str], objective: str) -> dict[str, Any]:
    """One axis for each value and one for the objective, all from 0 to 1, with their own figures beside them."""
    points, ticks = [], []
    figures = {**{name: [one.values.get(name) for one in found] for name in short}, objective: [t.score for t in found]}
    for name, values in figures.items():
        scale = _Scale.of(values)
        label = short.get(name, name)
        points += [
            {
                "axis": label,
                "place": scale.place(value),
                "value": _words(value),
                "trial": one.number,
                "score": one.score,
                "best": one is found[0],
            }
            for one, value in zip(found, values, strict=True)
        ]
        ticks += [{"axis": label, "place": place, "text": text} for place, text in scale.ticks()]
    order = [*short.values(), objective]
    # Names side by side would run into each other on a phone.
    apart, slanted = {"type": "point", "padding": 0.4}, {"labelAngle": -25, "labelLimit": 120, "grid": True}
    across = axis("axis", "", kind="nominal", sort=order, scale=apart, axis=slanted)
    up = axis("place", "", scale={"domain": [0, 1]}, axis=None)
    tip = [{"field": "trial"}, {"field": "axis", "title": "value of"}, {"field": "value"}, {"field": "score"}]
    best = {"condition": {"test": "datum.best", "value": CANDIDATE}, "value": QUIET}
    lines = {
        "mark": {"type": "line", "point": {"size": 30, "filled": True}, "opacity": 0.75},
        "encoding": {
            "x": across,
            "y": up,
            "detail": {"field": "trial"},
            "color": best,
            "strokeWidth": {"condition": {"test": "datum.best", "value": 3}, "value": 1.2},
            "tooltip": tip,
        },
    }
    figures_beside = {
        "data": {"values": ticks},
        "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 10},
        "encoding": {"x": across, "y": up, "text": {"field": "text"}},
    }
    return {"data": {"values": points}, "layer": [lines, figures_beside]}


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Where values lie on an axis: numbers between the least and the most, by magnitude if they span two, else by rank.

    Attributes:
        ends: of numbers, on the scale they are drawn in; None ranks the words.
        log: whether by magnitude.
        ranks: the words in order.
    """

    ends: tuple[float, float] | None
    log: bool
    ranks: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Any]) -> _Scale:
        numbers = [value for value in values if isinstance(value, (int, float)) and math.isfinite(value)]
        if len(numbers) < len(values) or not numbers:
            words = dict.fromkeys(_words(value) for value in values)
            return cls(ends=None, log=False, ranks=tuple(sorted(words)))
        log = min(numbers) > 0 and max(numbers) / min(numbers) > 100
        drawn = [math.log(value) if log else float(value) for value in numbers]
        return cls(ends=(min(drawn), max(drawn)), log=log, ranks=())

    def place(self, value: Any) -> float:
        if self.ends is None:
            return self.ranks.index(_words(value)) / max(len(self.ranks) - 1, 1)
        low, high = self.ends
        return ((math.log(value) if self.log else value) - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        if self.ends is None:
            some = self.ranks[:: max(math.ceil(len(self.ranks) / _TICKS), 1)]
            return [(self.place(word), word) for word in some]
        low, high = (math.exp(end) if self.log else end for end in self.ends)
        return [(0.0, f"{low:.4g}"), (1.0, f"{high:.4g}")] if high > low else [(0.5, f"{low:.4g}")]
