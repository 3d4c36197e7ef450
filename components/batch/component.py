"""BatchInference: scores files with the model that the run has pushed.

TFX's BulkInferrer reads tf.Examples alone, writes no keys, ends at the first bad row, and takes a multiple of the CPU
(``python -m bench.batch``).
"""

from __future__ import annotations

import json
from typing import Any

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.io import fileio
from tfx.types import Channel, artifact_utils, component_spec, standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from components.batch import job, work
from components.batch.options import BatchOptions
from components.example_gen.reading import Reading
from components.pushed_model import VERSION_PROPERTY
from components.refusal import GateRefused


class BatchInferenceSpec(component_spec.ComponentSpec):
    """Its properties: ``input`` and ``keys`` are JSON lists, ``reading`` is a `Reading` as JSON."""

    PARAMETERS = {
        "input": component_spec.ExecutionParameter(type=str),
        "reading": component_spec.ExecutionParameter(type=str),
        "model_name": component_spec.ExecutionParameter(type=str),
        "keys": component_spec.ExecutionParameter(type=str),
        "inputs": component_spec.ExecutionParameter(type=int),
        "format": component_spec.ExecutionParameter(type=str),
        "max_bad": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
    }
    OUTPUTS = {"scores": component_spec.ChannelParameter(type=standard_artifacts.InferenceResult)}


class Executor(BaseBeamExecutor):
    """Writes the answers into the output artifact; see `components.batch`."""

    def Do(  # noqa: N802 (named by TFX)
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Score the files.

        Raises:
            GateRefused: the input cannot be read, or has more bad rows than ``max_bad``.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(input_dict["pushed_model"])
        folder = artifact_utils.get_single_uri(output_dict["scores"])
        options = BatchOptions(
            saved_model=path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"])),
            model=exec_properties["model_name"],
            version=int(pushed.get_string_custom_property(VERSION_PROPERTY)),
            keys=tuple(json.loads(exec_properties["keys"])),
            inputs=bool(exec_properties["inputs"]),
            format=exec_properties["format"],
        )
        reading = Reading.model_validate_json(exec_properties["reading"])
        planned = work.plan(json.loads(exec_properties["input"]), reading, options, folder=folder)
        fileio.makedirs(folder)
        with self._make_beam_pipeline() as pipeline:
            job.add_steps(pipeline, planned)
        tally = job.finish(planned)
        if tally.bad > exec_properties["max_bad"]:
            raise GateRefused(
                f"{tally.bad:,} rows are bad, more than batch.max_bad, {exec_properties['max_bad']:,}; "
                f"{folder}/_errors.jsonl says why"
            )


class BatchInference(BaseBeamComponent):
    """Scores files with the model that the run has pushed."""

    SPEC_CLASS = BatchInferenceSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, **given: Any):
        super().__init__(spec=BatchInferenceSpec(scores=Channel(type=standard_artifacts.InferenceResult), **given))
