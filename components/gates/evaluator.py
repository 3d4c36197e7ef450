"""Evaluator: TFX's own, except that a baseline without files counts as no baseline.

On a platform the preceding node always yields an artifact, an empty one in a first run, on which TFX's Evaluator fails.
"""

from __future__ import annotations

from typing import Any

from tfx.components.evaluator import component, executor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import Artifact
from tfx.types.standard_component_specs import BASELINE_MODEL_KEY

from trainer.export.model_artifact import is_empty


class Executor(executor.Executor):
    """Evaluates without a comparison if the baseline is empty.

    TFX then drops the limits on the change from the baseline; `components.gates.model_gate` decides whether a first
    model may pass.
    """

    def Do(  # noqa: N802 (TFX names it so)
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See TFX's executor."""
        baselines = [artifact for artifact in input_dict.get(BASELINE_MODEL_KEY, ()) if not is_empty(artifact.uri)]
        inputs = {key: artifacts for key, artifacts in input_dict.items() if key != BASELINE_MODEL_KEY}
        if baselines:
            inputs[BASELINE_MODEL_KEY] = baselines
        super().Do(inputs, output_dict, exec_properties)


class Evaluator(component.Evaluator):
    """TFX's Evaluator with the `Executor` above."""

    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
