"""Confidence intervals of metrics, and of their differences from the baseline's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow_model_analysis as tfma
from scipy import stats

from components.gates.evaluation import CANDIDATE, slice_name


@dataclass(frozen=True)
class Interval:
    """A figure, and between which values it may lie.

    Attributes:
        value: the figure of the rows themselves.
        low: the lower bound.
        high: the upper bound.
    """

    value: float
    low: float
    high: float


Intervals = Mapping[str, Mapping[str, Interval]]


def intervals_by_slice(evaluation_uri: str, *, level: float, of_change: bool = False) -> Intervals:
    """The intervals of the candidate's metrics.

    TFMA writes 95 % intervals around the mean of the replicates; these have any level, and lie around the figure that
    is judged and shown.

    Args:
        evaluation_uri: folder of a ModelEvaluation artifact.
        level: how sure, such as 0.95.
        of_change: those of its differences from the baseline's instead.

    Returns:
        By slice and metric; empty if the Evaluator computed none.
    """
    table: dict[str, dict[str, Interval]] = {}
    for record in tfma.load_metrics(evaluation_uri):
        for entry in record.metric_keys_and_values:
            key, interval = entry.key, entry.confidence_interval
            mine = key.is_diff if of_change else not key.is_diff and (key.model_name or CANDIDATE) == CANDIDATE
            if not mine or not interval.HasField("standard_error"):
                continue
            value = entry.value.double_value.value
            steps = float(stats.t.ppf((1 + level) / 2, interval.degrees_of_freedom.value))
            reach = steps * interval.standard_error.double_value.value
            table.setdefault(slice_name(record.slice_key), {})[key.name] = Interval(value, value - reach, value + reach)
    return table
