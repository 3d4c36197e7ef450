"""The statistics of every slice: from TFMA's batches in blocks of rows, merged over bundles and workers."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as tfma_evaluator
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.combiners import KINDS
from components.evaluator.combiners.combiner import BatchCombiner
from components.evaluator.combiners.row_by_row import RowByRow
from components.evaluator.replicates import counts as draw
from components.evaluator.rows import RowBatch, all_finite, concatenate, from_extracts
from components.evaluator.slices import SliceKey, Slicer

# Rows per block: numpy's overhead per slice is then small, and a block of 1,000 columns stays within some 100 MB.
_BLOCK = 65_536


@dataclass(frozen=True)
class SliceStatistics:
    """What is known of a slice.

    Attributes:
        rows: its number of rows.
        samples: 1, or 1 + replicates.
        statistics: one for each combiner, in its own form.
    """

    rows: int
    samples: int
    statistics: tuple[Any, ...]


@dataclass(frozen=True)
class Computations:
    """All computations of an evaluation, on arrays where they can be, else row by row.

    Attributes:
        combiners: in an order that `SliceStatistics.statistics` follows.
        derived: what follows from their outputs, each from those before it.
    """

    combiners: tuple[BatchCombiner, ...]
    derived: tuple[metric_types.DerivedMetricComputation, ...]

    @classmethod
    def of(
        cls,
        computations: Sequence[metric_types.MetricComputation],
        derived: Sequence[metric_types.DerivedMetricComputation],
    ) -> Computations:
        """Choose for each computation.

        Args:
            computations: those with combiners, as TFMA makes them of the config.
            derived: the others.
        """
        batched, others = [], []
        for computation in computations:
            kind = next((kind for kind in KINDS if kind.fits(computation)), None)
            if kind is None:
                others.append(computation)
            else:
                batched.append(kind(computation))
        return cls((*batched, RowByRow(others)) if others else tuple(batched), tuple(derived))

    @property
    def row_by_row(self) -> bool:
        """Whether any computation needs the rows one at a time."""
        return any(isinstance(combiner, RowByRow) for combiner in self.combiners)

    def setup(self) -> None:
        """Prepare for work in this process."""
        for combiner in self.combiners:
            combiner.setup()

    def of_block(
        self, rows: RowBatch, slicer: Slicer, *, replicates: int
    ) -> Iterator[tuple[SliceKey, SliceStatistics]]:
        """The statistics of a block by slice."""
        counts = draw(rows.hashes, len(rows), replicates)
        added = [combiner.of_rows(rows) for combiner in self.combiners]
        for key, indices in slicer.rows(rows.combinations):
            drawn = counts[indices]
            statistics = (
                combiner.of_slice(values, indices, drawn)
                for combiner, values in zip(self.combiners, added, strict=True)
            )
            yield key, SliceStatistics(len(indices), counts.shape[1], tuple(statistics))

    def merge(self, first: SliceStatistics, second: SliceStatistics) -> SliceStatistics:
        """The statistics of all rows of two."""
        merged = (
            combiner.merge(*both)
            for combiner, *both in zip(self.combiners, first.statistics, second.statistics, strict=True)
        )
        return SliceStatistics(first.rows + second.rows, first.samples, tuple(merged))

    def metrics(self, statistics: SliceStatistics, sample: int) -> metric_types.MetricsDict:
        """TFMA's outputs of all computations for one of the samples.

        Intermediate ones are there for the rows themselves only: those of the replicates would fill Beam's shuffle.
        """
        outputs: dict[metric_types.MetricKey, Any] = {}
        for combiner, statistic in zip(self.combiners, statistics.statistics, strict=True):
            outputs.update(combiner.tfma.extract_output(combiner.accumulator(statistic, sample)))
        for computation in self.derived:
            outputs.update(computation.result(outputs))
        return {
            key: value for key, value in outputs.items() if not (sample and tfma_evaluator._is_private_metrics(key))
        }


class ExtractStatistics(beam.DoFn):
    """TFMA's batches in, (slice, `SliceStatistics`) of a bundle out.

    Args:
        computations: what to compute.
        config: names slices and outputs.
        replicates: how many to draw; 0 for none.
        edges: see `Slicer`.
    """

    def __init__(
        self,
        computations: Computations,
        config: config_pb2.EvalConfig,
        *,
        replicates: int,
        edges: Mapping[str, Sequence[float]],
    ):
        self._computations = computations
        self._config = config
        self._replicates = replicates
        self._edges = edges

    def setup(self) -> None:
        """See Beam."""
        self._computations.setup()
        self._slicer = Slicer(self._config, self._edges)

    def start_bundle(self) -> None:
        """See Beam."""
        self._pending: list[RowBatch] = []
        self._found: dict[SliceKey, SliceStatistics] = {}

    def process(self, extracts: Mapping[str, Any]) -> None:
        """See Beam. Rows of small batches are collected first.

        A batch with predictions that are not finite is left out: they have no metrics, and the Evaluator refuses them.
        """
        if not all_finite(extracts, self._config):
            return
        length = len(extracts[constants.INPUT_KEY])
        rows = from_extracts(
            extracts,
            self._config,
            combinations=self._slicer.combinations(extracts, length),
            hashed=self._replicates > 0,
        )
        self._pending.append(replace(rows, extracts=(extracts,)) if self._computations.row_by_row else rows)
        if sum(map(len, self._pending)) >= _BLOCK:
            self._add_block()

    def finish_bundle(self) -> Any:
        """See Beam."""
        if self._pending:
            self._add_block()
        window = GlobalWindow()
        for item in self._found.items():
            yield WindowedValue(item, window.max_timestamp(), (window,))

    def _add_block(self) -> None:
        # The batches lie in cycles of few objects, so that the collector would let them pile up.
        gc.collect(1)
        rows, self._pending = concatenate(self._pending), []
        for key, statistics in self._computations.of_block(rows, self._slicer, replicates=self._replicates):
            known = self._found.get(key)
            self._found[key] = statistics if known is None else self._computations.merge(known, statistics)


class MergeStatistics(beam.CombineFn):
    """Merges the `SliceStatistics` of a slice.

    Args:
        computations: those that they are of.
    """

    def __init__(self, computations: Computations):
        self._computations = computations

    def setup(self, *args: Any, **kwargs: Any) -> None:
        """See Beam."""
        self._computations.setup()

    def create_accumulator(self) -> SliceStatistics | None:
        """See Beam."""
        return None

    def add_input(self, accumulator: SliceStatistics | None, element: SliceStatistics) -> SliceStatistics:
        """See Beam."""
        return element if accumulator is None else self._computations.merge(accumulator, element)

    def merge_accumulators(self, accumulators: Iterable[SliceStatistics | None]) -> SliceStatistics | None:
        """See Beam."""
        merged = None
        for accumulator in accumulators:
            if accumulator is not None:
                merged = self.add_input(merged, accumulator)
        return merged

    def extract_output(self, accumulator: SliceStatistics) -> SliceStatistics:
        """See Beam."""
        return accumulator


class ComputeMetrics(beam.DoFn):
    """(slice, `SliceStatistics`) in, (slice, TFMA's outputs of one sample) out.

    Args:
        computations: those that the statistics are of.
        sample: 0 for the rows themselves, then the replicates.
    """

    def __init__(self, computations: Computations, sample: int):
        self._computations = computations
        self._sample = sample

    def setup(self) -> None:
        """See Beam."""
        self._computations.setup()

    def process(self, element: tuple[SliceKey, SliceStatistics]) -> Iterator[tuple[SliceKey, metric_types.MetricsDict]]:
        """See Beam."""
        key, statistics = element
        yield key, self._computations.metrics(statistics, self._sample)
