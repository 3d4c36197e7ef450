"""Limits that are judged by the unfavourable bound of a confidence interval, and not by the figure alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from components.gates.evaluation import Evaluated, at_least, at_most
from components.gates.model.intervals import Interval, intervals_by_slice
from trainer.parameters import Strict


class Bounds(Strict):
    """What is judged by bounds.

    Attributes:
        level: of the intervals.
        thresholds: all limits, of all examples and of slices.
    """

    level: float
    thresholds: tuple[Mapping[str, Any], ...] = Field(min_length=1)


def bound_failures(
    bounds: Bounds, evaluation_uri: str, evaluated: Evaluated, *, min_slice_size: int
) -> Iterator[tuple[str, str]]:
    """The limits that a candidate may have missed, given how sure its metrics are.

    Args:
        bounds: the limits.
        evaluation_uri: folder of the evaluation, with its intervals.
        evaluated: what else it says.
        min_slice_size: examples per slice below which no limit applies.

    Returns:
        Of each what it limits, such as ``auc of all examples``, and the failure in words.
    """
    intervals = intervals_by_slice(evaluation_uri, level=bounds.level)
    changes = intervals_by_slice(evaluation_uri, level=bounds.level, of_change=True)
    for limit in bounds.thresholds:
        metric = limit["metric"]
        for name in evaluated.large(limit["slice"], min_slice_size=min_slice_size):
            what = f"{metric} of {name or 'all examples'}"
            found, change = (table.get(name, {}).get(metric) for table in (intervals, changes))
            if found is None:
                yield what, f"{what} has no confidence interval; are the examples too few for it?"
                continue
            texts = [*_absolute(found, limit), *(_relative(change, limit) if change else ())]
            yield from ((what, f"{what} {text}") for text in texts)


def _absolute(found: Interval, limit: Mapping[str, Any]) -> Iterator[str]:
    if limit["min"] is not None and not found.low >= at_least(limit["min"]):
        yield f"is {found.value:.4f} and may be {found.low:.4f}, below the minimum {limit['min']:g}"
    if limit["max"] is not None and not found.high <= at_most(limit["max"]):
        yield f"is {found.value:.4f} and may be {found.high:.4f}, above the maximum {limit['max']:g}"


def _relative(change: Interval, limit: Mapping[str, Any]) -> Iterator[str]:
    if limit["max_drop"] is not None and change.low < -limit["max_drop"]:
        yield (
            f"changed by {change.value:+.4f} from the last blessed model and may have fallen by "
            f"{-change.low:.4f}, more than the allowed {limit['max_drop']:g}"
        )
    if limit["max_rise"] is not None and change.high > limit["max_rise"]:
        yield (
            f"changed by {change.value:+.4f} from the last blessed model and may have risen by "
            f"{change.high:.4f}, more than the allowed {limit['max_rise']:g}"
        )
