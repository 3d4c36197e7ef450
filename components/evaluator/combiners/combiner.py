"""One of TFMA's combiners on arrays: sufficient statistics of many rows at once, TFMA's accumulators at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.rows import Rows


class BatchCombiner(ABC):
    """Does for all rows of a block what a combiner of TFMA does for a row.

    Merging, outputs and everything derived from them stay TFMA's.

    Args:
        computation: what TFMA made of the config, with its combiner.
    """

    # The combiner that this stands in for.
    TFMA_COMBINER: ClassVar[type]

    def __init__(self, computation: metric_types.MetricComputation):
        self.tfma: Any = computation.combiner

    @classmethod
    def fits(cls, computation: metric_types.MetricComputation) -> bool:
        """Whether the combiner, with the options it has here, can be computed on arrays."""
        return isinstance(computation.combiner, cls.TFMA_COMBINER) and not computation.preprocessors

    def setup(self) -> None:
        """Prepare for work in this process."""
        self.tfma.setup()

    @abstractmethod
    def of_rows(self, rows: Rows) -> Any:
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


def binary(key: metric_types.MetricKey, tfma: Any) -> bool:
    """Whether a metric sees each row as one entry, or as one per class, with one weight."""
    sub_key = key.sub_key
    plain = sub_key is None or (sub_key.class_id is not None and sub_key.k is None and sub_key.top_k is None)
    return plain and not key.output_name and tfma._aggregation_type is None and not tfma._class_weights
