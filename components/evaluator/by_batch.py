"""TFMA's evaluator for metrics, plots and validations, on statistics of whole blocks of rows instead of single rows.

The config, the derived metrics (AUC, precision, differences from the baseline), the intervals' arithmetic, the files
and the verdicts are TFMA's; several of its functions that this calls are private, so it is for one version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection, PValue
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_model_analysis import constants, version
from tensorflow_model_analysis.evaluators import evaluator, metrics_validator, poisson_bootstrap
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as tfma_evaluator
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils import model_util
from tensorflow_model_analysis.writers import writer

from components.evaluator import predictions, some_rows
from components.evaluator.predictions import SummarizePredictions, WritePredictions
from components.evaluator.replicates import REPLICATES
from components.evaluator.some_rows import KeepRows, WriteRows
from components.evaluator.statistics import Computations, ComputeMetrics, ExtractStatistics, MergeStatistics

_TFMA_VERSION = "0.52"

_BOOTSTRAP = config_pb2.ConfidenceIntervalOptions.POISSON_BOOTSTRAP


def batch_evaluator(
    config: config_pb2.EvalConfig,
    *,
    run_after: str,
    schema: schema_pb2.Schema | None,
    replicates: int = REPLICATES,
    edges: Mapping[str, Sequence[float]] | None = None,
) -> Any:
    """The evaluator.

    Args:
        config: with TFMA's defaults filled in.
        run_after: stage of the extractor that adds the predictions; the rows are still in batches there.
        schema: of the data, for metrics that ask for it.
        replicates: how many the bootstrap draws, if the config asks for intervals.
        edges: by column, where numbers are divided into buckets to slice by.

    Raises:
        RuntimeError: TFMA is of another version.
        ValueError: the config asks for what this cannot compute.
    """
    if not version.VERSION.startswith(f"{_TFMA_VERSION}."):
        raise RuntimeError(
            f"components/evaluator is written for tensorflow-model-analysis {_TFMA_VERSION}, not {version.VERSION}"
        )
    refuse(config)
    return evaluator.Evaluator(
        stage_name="EvaluateByBatch",
        run_after=run_after,
        ptransform=_Evaluate(config=config, schema=schema, replicates=replicates, edges=edges or {}),
    )


def predictions_writer(evaluation_uri: str) -> writer.Writer:
    """One of TFMA's writers: writes what the evaluator found out about the predictions.

    Args:
        evaluation_uri: folder of the evaluation.
    """
    return writer.Writer(stage_name="WritePredictions", ptransform=WritePredictions(evaluation_uri))


def rows_writer(evaluation_uri: str) -> writer.Writer:
    """One of TFMA's writers: writes some of the rows with their predictions.

    Args:
        evaluation_uri: folder of the evaluation.
    """
    return writer.Writer(stage_name="WriteRows", ptransform=WriteRows(evaluation_uri))


def refuse(config: config_pb2.EvalConfig) -> None:
    """Refuse what would be computed otherwise than the config says.

    Raises:
        ValueError: it asks for query keys, SQL slices or the jackknife.
    """
    for spec in config.metrics_specs:
        if spec.query_key:
            raise ValueError(f"metrics_specs: query_key {spec.query_key!r} is not supported")
    for spec in config.slicing_specs:
        if spec.slice_keys_sql:
            raise ValueError(f"slicing_specs: SQL is not supported: {spec.slice_keys_sql}")
    options = config.options
    if options.compute_confidence_intervals.value and options.confidence_intervals.method != _BOOTSTRAP:
        raise ValueError("options.confidence_intervals: the only supported method is POISSON_BOOTSTRAP")


class _Evaluate(beam.PTransform):
    """Batches of extracts in, TFMA's evaluation out: metrics, plots, attributions and validations by slice.

    `AllPredictions` are added to it.
    """

    def __init__(
        self,
        *,
        config: config_pb2.EvalConfig,
        schema: schema_pb2.Schema | None,
        replicates: int,
        edges: Mapping[str, Sequence[float]],
    ):
        super().__init__()
        self._edges = edges
        self._config = config
        self._schema = schema
        self._replicates = replicates if config.options.compute_confidence_intervals.value else 0

    def expand(self, input_or_inputs: PCollection) -> Any:
        """See Beam."""
        config = self._config
        separated = tfma_evaluator._filter_and_separate_computations(
            metric_specs.to_computations(list(config.metrics_specs), eval_config=config, schema=self._schema)
        )
        computations = Computations.of(separated.non_derived_computations, separated.derived_computations)
        statistics = (
            input_or_inputs
            | "ExtractStatistics"
            >> beam.ParDo(ExtractStatistics(computations, config, replicates=self._replicates, edges=self._edges))
            | "MergeStatistics" >> beam.CombinePerKey(MergeStatistics(computations))
        )
        samples = self._samples(statistics, computations, separated.cross_slice_computations)
        metrics = (
            self._metrics(samples)
            | "AddDerivedOfIntervals"
            >> beam.Map(tfma_evaluator._add_ci_derived_metrics, separated.ci_derived_computations)
            | "RemovePrivateMetrics" >> beam.MapTuple(tfma_evaluator._remove_private_metrics)
        )
        if config.options.min_slice_size.value > 1:
            sizes = statistics | "CountRows" >> beam.MapTuple(lambda key, found: (key, found.rows))
            metrics = metrics | "FilterSmallSlices" >> slicer_lib.FilterOutSlices(
                sizes, config.options.min_slice_size.value
            )
        summary = input_or_inputs | "SummarizePredictions" >> beam.CombineGlobally(SummarizePredictions(config))
        kept = input_or_inputs | "KeepRows" >> beam.CombineGlobally(KeepRows(config))
        return {predictions.KEY: summary, some_rows.KEY: kept, **self._by_kind(metrics)}

    def _samples(self, statistics: PValue, computations: Computations, cross_slice: Any) -> list[PValue]:
        """TFMA's metrics of the rows themselves, then of each replicate, compared with the baseline's."""
        baseline = model_util.get_baseline_model_spec(self._config)
        compared = tfma_evaluator._AddDerivedCrossSliceAndDiffMetrics(
            [], cross_slice, list(self._config.cross_slicing_specs), baseline.name if baseline else None
        )
        return [
            statistics
            | f"ComputeMetrics_{sample}" >> beam.ParDo(ComputeMetrics(computations, sample))
            | f"CompareMetrics_{sample}" >> compared
            | f"AddSampleId_{sample}" >> beam.MapTuple(poisson_bootstrap._add_sample_id, _tfmas_number(sample))
            for sample in range(1 + self._replicates)
        ]

    def _metrics(self, samples: list[PValue]) -> PValue:
        """The metrics of the rows themselves, with intervals where there are replicates."""
        if not self._replicates:
            return samples[0] | "DropSampleId" >> beam.MapTuple(lambda key, sample: (key, sample.metrics))
        skipped = metric_specs.metric_keys_to_skip_for_confidence_intervals(
            list(self._config.metrics_specs), eval_config=self._config
        )
        combine = poisson_bootstrap._BootstrapSampleCombineFn(
            num_bootstrap_samples=self._replicates, skip_ci_metric_keys=set(skipped)
        )
        return samples | "FlattenSamples" >> beam.Flatten() | "CombineSamples" >> beam.CombinePerKey(combine)

    def _by_kind(self, metrics: PValue) -> dict[str, PValue]:
        """TFMA's evaluation: metrics, plots, attributions and validations."""
        kinds = {
            constants.METRICS_KEY: metric_types.MetricKey,
            constants.PLOTS_KEY: metric_types.PlotKey,
            constants.ATTRIBUTIONS_KEY: metric_types.AttributionsKey,
        }
        evaluation = {
            name: metrics | f"Filter_{name}" >> beam.Map(tfma_evaluator._filter_by_key_type, kind)
            for name, kind in kinds.items()
        }
        validations = evaluation[constants.METRICS_KEY] | "Validate" >> beam.Map(
            metrics_validator.validate_metrics, self._config
        )
        return {**evaluation, constants.VALIDATIONS_KEY: validations}


def _tfmas_number(sample: int) -> int:
    """TFMA numbers the replicates from 0."""
    return sample - 1 if sample else poisson_bootstrap._FULL_SAMPLE_ID
