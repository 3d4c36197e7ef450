"""Every metric that has no form on arrays: TFMA's own combiners, fed row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as tfma_evaluator
from tensorflow_model_analysis.extractors import unbatch_extractor
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.combiners.combiner import BatchCombiner
from components.evaluator.rows import RowBatch


class RowByRow(BatchCombiner):
    """TFMA's way for some computations, in the same slices and replicates as the others.

    Accumulators are merged as iterators: TFMA 0.52's mean errors, cross entropies, flip metrics, prediction differences
    and cosine similarity count the first of a list twice.

    Args:
        computations: those of TFMA.
    """

    def __init__(self, computations: Sequence[metric_types.MetricComputation]):
        self._preprocess = tfma_evaluator._PreprocessorDoFn(list(computations))
        self._combiners = [computation.combiner for computation in computations]
        self.tfma: Any = tfma_evaluator._ComputationsCombineFn(list(computations))

    def setup(self) -> None:
        """See the base."""
        super().setup()
        self._preprocess.setup()

    def of_rows(self, rows: RowBatch) -> list[Any]:
        """See the base. Returns TFMA's input of each row."""
        inputs = []
        for batch in rows.extracts:
            for extracts in unbatch_extractor._extract_unbatched_inputs(dict(batch)):
                inputs += self._preprocess.process({**extracts, constants.SLICE_KEY_TYPES_KEY: ()})
        return inputs

    def of_slice(self, added: list[Any], indices: np.ndarray, counts: np.ndarray) -> list[Any]:
        """See the base. Returns an accumulator per sample."""
        accumulators: list[Any] = [self.tfma.create_accumulator() for _ in range(counts.shape[1])]
        for index, times in zip(indices.tolist(), counts.astype(int).tolist(), strict=True):
            for sample, repeats in enumerate(times):
                for _ in range(repeats):
                    accumulators[sample] = self.tfma.add_input(accumulators[sample], added[index])
        return [self.tfma.compact(accumulator) for accumulator in accumulators]

    def merge(self, first: list[Any], second: list[Any]) -> list[Any]:
        """See the base."""
        return [
            tuple(
                combiner.merge_accumulators(iter(both)) for combiner, *both in zip(self._combiners, *pair, strict=True)
            )
            for pair in zip(first, second, strict=True)
        ]

    def accumulator(self, statistic: list[Any], sample: int) -> Any:
        """See the base."""
        return statistic[sample]
