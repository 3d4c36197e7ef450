"""The functions that a config names, loaded, and how they are called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from trainer.objectives.function import LOSSES, METRICS, WithObjectives

# Keras does not annotate what its operations return.
ops: Any = keras.ops


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Loss and metrics beside the defaults.

    Attributes:
        loss: of targets and outputs, float32 ``[batch, units]`` both; None is the task's own.
        metrics: of labels and predictions, by name.
        higher_is_better: which way is better, by the metric's name.
    """

    loss: Callable[..., Any] | None = None
    metrics: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, given: WithObjectives) -> Chosen:
        """Those that the parameters of a training name.

        Raises:
            ImportError: there is no such module.
            AttributeError: a module has no such function.
        """
        return cls(
            loss=given.loss.load(LOSSES) if given.loss else None,
            metrics={name: metric.load(METRICS) for name, metric in given.metrics.items()},
            higher_is_better={name: metric.higher_is_better for name, metric in given.metrics.items()},
        )


DEFAULTS = Chosen()


def mean_of(function: Callable[..., Any], *, name: str) -> keras.metrics.Metric:
    """The mean of a figure of each example, as a metric of Keras.

    Args:
        function: of labels and predictions; see `of_rows`.
        name: of the metric.
    """
    figures = functools.partial(of_rows, function, what=f"trainer.metrics.{name}")
    return keras.metrics.MeanMetricWrapper(figures, name=name)


def of_rows(function: Callable[..., Any], label: Any, prediction: Any, *, what: str) -> Any:
    """The figure of each example, float32 ``[batch]``.

    Args:
        function: of labels and predictions, which it gets as float32 tensors of the same shape.
        label: ``[batch, 1]``: 0 or 1, the number of the class, or a number.
        prediction: float ``[batch, units]``.
        what: the key of the config, for an error.

    Raises:
        ValueError: the function returned something else than a figure for each example.
    """
    prediction = ops.cast(ops.convert_to_tensor(prediction), "float32")
    units = prediction.shape[1]
    label = ops.convert_to_tensor(label)
    label = ops.one_hot(ops.cast(label[:, 0], "int32"), units) if units > 1 else ops.cast(label, "float32")
    return one_per_row(function(label, prediction), what=what)


def one_per_row(figures: Any, *, what: str) -> Any:
    """What a function returned, if it is one figure for each example.

    Args:
        figures: what it returned.
        what: the key of the config, for an error.

    Raises:
        ValueError: it is something else.
    """
    shape = tuple(ops.shape(figures))
    if len(shape) != 1:
        raise ValueError(
            f"{what}: must return one figure for each example, [batch], not a tensor of the shape {list(shape)}; the "
            "loop weights and averages them"
        )
    return ops.cast(figures, "float32")
