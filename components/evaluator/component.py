"""Evaluator: TFX's component with an executor of ours, which evaluates by batch.

TFX's executor can be given other extractors, but no other evaluators. On a platform the preceding node always yields a
baseline, an empty one in a first run, on which TFX's fails; here a baseline without files counts as none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import apache_beam as beam
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_model_analysis.constants import ARROW_INPUT_COLUMN
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator import constants
from tfx.components.util import tfxio_utils
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import Artifact, artifact_utils, standard_component_specs
from tfx.types import standard_component_specs as keys
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ExecutionParameter
from tfx.types.standard_artifacts import ModelBlessing, ModelEvaluation
from tfx.utils import io_utils, json_utils, path_utils
from tfx_bsl.tfxio import tensor_adapter

from components.evaluator.by_batch import batch_evaluator, predictions_writer, rows_writer
from components.evaluator.replicates import REPLICATES
from components.gates import judged
from components.gates.evaluation import write_metrics
from components.gates.model.predictions import AllPredictions
from components.refusal import GateRefused
from trainer.export.model_artifact import is_empty

# What the model answers at once: rows, and values in all columns. An ensemble makes a few hundred floats of each value.
_ROWS, _VALUES = 4096, 2**18
_REPLICATES, _EDGES = "replicates", "edges"


class Executor(BaseBeamExecutor):
    """Evaluates a model, compares it with a baseline if there is one, and blesses it within its limits."""

    def Do(  # noqa: N802 (TFX names it so)
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write TFMA's files, and the blessing.

        Args:
            input_dict: examples and model; a baseline and a schema may be there.
            output_dict: evaluation and blessing.
            exec_properties: TFMA's EvalConfig as JSON, the splits to evaluate, and the options of `Evaluator`.

        Raises:
            GateRefused: predictions of a model are not finite; with their number and one row.
        """
        model = artifact_utils.get_single_instance(input_dict[keys.MODEL_KEY])
        baseline = next((each for each in input_dict.get(keys.BASELINE_MODEL_KEY, ()) if not is_empty(each.uri)), None)
        config = json_format.Parse(exec_properties[keys.EVAL_CONFIG_KEY], config_pb2.EvalConfig())
        # Without a baseline TFMA drops the limits on the change from it; ModelGate decides about a first model.
        config = tfma.utils.update_eval_config_with_defaults(
            config, has_baseline=baseline is not None, rubber_stamp=True
        )
        tfma.utils.verify_eval_config(config)
        evaluation = artifact_utils.get_single_uri(output_dict[keys.EVALUATION_KEY])
        blessing = artifact_utils.get_single_instance(output_dict[keys.BLESSING_KEY])
        judged.record(blessing, model=model)
        models = {spec.name: baseline if spec.is_baseline and baseline else model for spec in config.model_specs}
        self._evaluate(
            config,
            models=[_shared_model(config, name, artifact) for name, artifact in models.items()],
            examples=input_dict[keys.EXAMPLES_KEY],
            splits=json_utils.loads(exec_properties.get(keys.EXAMPLE_SPLITS_KEY) or "null") or ["eval"],
            schema=_schema(input_dict.get(keys.SCHEMA_KEY)),
            replicates=int(exec_properties.get(_REPLICATES) or REPLICATES),
            edges=json.loads(exec_properties.get(_EDGES) or "{}"),
            evaluation=evaluation,
        )
        _require_finite(AllPredictions.load(evaluation) or AllPredictions())
        write_metrics(evaluation)
        # Nothing to judge by is no reason to bless.
        if tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config):
            _bless(blessing, evaluation=evaluation, model=model, baseline=baseline)
            blessing.set_string_custom_property("component_id", exec_properties.get("current_component_id", ""))

    def _evaluate(
        self,
        config: config_pb2.EvalConfig,
        *,
        models: list[Any],
        examples: list[Artifact],
        splits: Sequence[str],
        schema: schema_pb2.Schema | None,
        replicates: int,
        edges: dict[str, list[float]],
        evaluation: str,
    ) -> None:
        shared = models[0] if len(models) == 1 else models
        tfxio_of = tfxio_utils.get_tfxio_factory_from_artifact(
            examples=examples,
            telemetry_descriptors=["Evaluator"],
            schema=schema,
            raw_record_column_name=ARROW_INPUT_COLUMN,
        )
        sources = {
            f"{split}_{index}": tfxio_of(io_utils.all_files_pattern(uri))
            for split in splits
            for index, uri in enumerate(artifact_utils.get_split_uris(examples, split))
        }
        any_source = next(iter(sources.values()))
        adapter = schema and tensor_adapter.TensorAdapterConfig(
            arrow_schema=any_source.ArrowSchema(), tensor_representations=any_source.TensorRepresentations()
        )
        # The last two would take batches apart and give each row its slices.
        *extractors, _, _ = tfma.default_extractors(
            eval_shared_model=shared, eval_config=config, tensor_adapter_config=adapter
        )
        evaluator = batch_evaluator(
            config, run_after=extractors[-1].stage_name, schema=schema, replicates=replicates, edges=edges
        )
        rows = rows_at_once(schema)
        with self._make_beam_pipeline() as pipeline:
            batches = [
                pipeline | f"Read_{name}" >> source.BeamSource(batch_size=rows) for name, source in sources.items()
            ]
            _ = (
                batches
                | "Flatten" >> beam.Flatten(pipeline=pipeline)
                | "ExtractEvaluateAndWriteResults"
                >> tfma.ExtractEvaluateAndWriteResults(
                    eval_shared_model=shared,
                    eval_config=config,
                    extractors=extractors,
                    evaluators=[evaluator],
                    writers=[
                        *tfma.default_writers(evaluation, eval_shared_model=shared, eval_config=config),
                        predictions_writer(evaluation),
                        rows_writer(evaluation),
                    ],
                    tensor_adapter_config=adapter,
                )
            )


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """Those of TFX's inputs and parameters that the `Executor` knows, and its own."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        keys.EVAL_CONFIG_KEY: ExecutionParameter(type=config_pb2.EvalConfig),
        keys.EXAMPLE_SPLITS_KEY: ExecutionParameter(type=str, optional=True),
        _REPLICATES: ExecutionParameter(type=int, optional=True),
        _EDGES: ExecutionParameter(type=str, optional=True),
    }


class Evaluator(BaseBeamComponent):
    """TFX's Evaluator with the `Executor` above.

    Args:
        examples: with the splits.
        model: the candidate.
        eval_config: what to compute.
        baseline_model: what to compare with; None, nothing or an artifact without files for none.
        schema: of the examples.
        replicates: how many the bootstrap draws, if the config asks for intervals; None for TFMA's number.
        edges: by column, where numbers are divided into buckets to slice by.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: BaseChannel,
        model: BaseChannel,
        eval_config: config_pb2.EvalConfig,
        baseline_model: BaseChannel | None = None,
        schema: BaseChannel | None = None,
        replicates: int | None = None,
        edges: Mapping[str, Sequence[float]] | None = None,
    ):
        super().__init__(
            EvaluatorSpec(
                examples=examples,
                model=model,
                eval_config=eval_config,
                baseline_model=baseline_model,
                schema=schema,
                replicates=replicates,
                edges=json.dumps(edges) if edges else None,
                evaluation=Channel(type=ModelEvaluation),
                blessing=Channel(type=ModelBlessing),
            )
        )


def rows_at_once(schema: schema_pb2.Schema | None) -> int:
    """Rows that the model answers at once: fewer of a wide table, whose columns a schema knows."""
    columns = len(schema.feature) if schema else 0
    return max(1, min(_ROWS, _VALUES // columns)) if columns else _ROWS


def _require_finite(found: AllPredictions) -> None:
    """Refuse predictions that are not finite, even with an override: they have no metrics to compare with a limit."""
    wrong = found.candidate.not_finite
    if wrong.rows:
        raise GateRefused(
            f"{wrong.rows:,} of {found.candidate.rows:,} predictions are not finite, such as {wrong.example}"
        )
    baseline = found.baseline
    if baseline and baseline.not_finite.rows:
        raise GateRefused(
            f"{baseline.not_finite.rows:,} of {baseline.rows:,} predictions of the served model are not finite; to do "
            f"without it, set gates.evaluation.baseline=none for one run; such as {baseline.not_finite.example}"
        )


def _shared_model(config: config_pb2.EvalConfig, name: str, model: Artifact) -> Any:
    return tfma.default_eval_shared_model(
        eval_saved_model_path=path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)),
        model_name=name,
        eval_config=config,
    )


def _schema(artifacts: list[Artifact] | None) -> schema_pb2.Schema | None:
    if not artifacts:
        return None
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts)))


def _bless(blessing: Artifact, *, evaluation: str, model: Artifact, baseline: Artifact | None) -> None:
    """Record TFMA's verdict as TFX does, so that its Pusher and resolvers understand it."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    blessed = tfma.load_validation_result(evaluation).validation_ok
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(f"{blessing.uri}/{name}", "")
    value = constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
