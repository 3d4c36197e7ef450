"""One of TFMA's combiners on arrays: sufficient statistics of many rows at once, TFMA's accumulators at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.rows import Entries, RowBatch


class BatchCombiner(ABC):
    """Does for all rows of a block what a combiner of TFMA does for a row.

    Merging, outputs and everything derived from them stay TFMA's.

    Args:
        computation: what TFMA made of the config, with its combiner.
    """

    # The combiner that this stands in for, and its attribute with the key of what it computes.
    TFMA_COMBINER: ClassVar[type]
    KEY: ClassVar[str] = "_key"

    def __init__(self, computation: metric_types.MetricComputation):
        self.tfma: Any = computation.combiner

    @classmethod
    def fits(cls, computation: metric_types.MetricComputation) -> bool:
        """Whether the combiner, with the options it has here, can be computed on arrays.

        Here: if it sees a row as one entry, or as one per class, all with the row's weight.
        """
        combiner: Any = computation.combiner
        if not isinstance(combiner, cls.TFMA_COMBINER) or computation.preprocessors:
            return False
        key = getattr(combiner, cls.KEY)
        whole = key.sub_key is None or (
            key.sub_key.class_id is not None and key.sub_key.k is None and key.sub_key.top_k is None
        )
        return whole and not key.output_name and combiner._aggregation_type is None and not combiner._class_weights

    def entries(self, rows: RowBatch) -> Entries:
        """What the combiner sees of each row."""
        return rows.entries_of(getattr(self.tfma, self.KEY))

    def setup(self) -> None:
        """Prepare for work in this process."""
        self.tfma.setup()

    @abstractmethod
    def of_rows(self, rows: RowBatch) -> Any:
        """What each row of a block adds, whatever the slice.

        Raises:
            ValueError: labels or predictions that TFMA refuses, too.
        """

    @abstractmethod
    def of_slice(self, added: Any, indices: np.ndarray, counts: np.ndarray) -> Any:
        """The statistic of some rows.

        Args:
            added: what `of_rows` returned.
            indices: int64 `[rows of the slice]`.
            counts: float64 `[rows of the slice, samples]`, how often each counts in each sample.
        """

    @abstractmethod
    def merge(self, first: Any, second: Any) -> Any:
        """The statistic of all rows of two."""

    @abstractmethod
    def accumulator(self, statistic: Any, sample: int) -> Any:
        """TFMA's accumulator for one of the samples."""


class SumsCombiner(BatchCombiner):
    """Adds up a fixed number of values per row."""

    def of_slice(self, added: np.ndarray, indices: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """See the base. Returns float64 `[samples, values]`."""
        return counts.T @ added[indices]

    def merge(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See the base."""
        return first + second

    def accumulator(self, statistic: np.ndarray, sample: int) -> Any:
        """See the base."""
        return self.of_sums(statistic[sample])

    @abstractmethod
    def of_sums(self, sums: np.ndarray) -> Any:
        """TFMA's accumulator.

        Args:
            sums: float64 `[values]`.
        """
