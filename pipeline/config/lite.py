"""The TF Lite part of a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, model_validator

from components.messages import did_you_mean
from pipeline.config.gates.metrics import known_metrics
from pipeline.config.section import Section
from trainer.export.lite_variants import Variant
from trainer.parameters import Parameters, Strict


class LiteThreshold(Strict):
    """How much worse than the SavedModel a TF Lite file may be, over all examples of the eval split.

    Attributes:
        metric: a metric of the label's task (`pipeline.config.gates.metrics`), that judges the SavedModel, too.
        max_loss: how far it may fall below the SavedModel's; or rise above it, for an error such as
            ``mean_absolute_error``.
    """

    metric: str
    max_loss: float = Field(ge=0, allow_inf_nan=False)

    def problem(self, parameters: Parameters) -> str | None:
        """Why this cannot be a limit for a model of ``parameters``, as ``key: reason``; None where it can."""
        known = known_metrics(parameters)
        if self.metric in known:
            return None
        near = did_you_mean(known, like=self.metric)
        there = f"{near}choose one of {', '.join(known)}"
        return f"metric: {self.metric!r} is not a metric of a {parameters.label.task} label; {there}"


class Lite(Section):
    """TF Lite files of the model, beside the SavedModel.

    Attributes:
        variants: ``float32``, ``float16``, ``dynamic_range`` (int8 weights) or ``int8`` (weights and activations).
        num_representative: training examples from which ``int8`` learns the range of each value.
        thresholds: limits of each variant; if one misses a limit, the run stops and nothing is pushed.
    """

    variants: tuple[Variant, ...] = Field(default=("float32", "int8"), min_length=1)
    num_representative: int = Field(default=500, gt=0)
    thresholds: tuple[LiteThreshold, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Lite:
        metrics = [threshold.metric for threshold in self.thresholds]
        for key, values in (("variants", self.variants), ("thresholds", metrics)):
            if len(set(values)) != len(values):
                raise ValueError(f"{key}: {max(values, key=values.count)} is named twice")
        return self

    def problems(self, parameters: Parameters) -> Iterator[str]:
        """See `Section`."""
        for index, threshold in enumerate(self.thresholds):
            problem = threshold.problem(parameters)
            if problem:
                yield f"thresholds.{index}.{problem}"


class WithLite(Strict):
    """What TF Lite adds to a configuration.

    Attributes:
        lite: TF Lite files beside the SavedModel; None makes none.
    """

    lite: Lite | None = None
