"""All columns that a config names, as one matrix for trees."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from components.example_gen.readers.schemas import is_list
from components.reference.column_encoders import ColumnEncoder, encoder_for
from trainer.features.columns import Features
from trainer.labels.config import Label

Columns = Mapping[str, pa.Array]
_DTYPES = ((pa.types.is_floating, "float32"), (pa.types.is_integer, "int64"))


@dataclass(frozen=True)
class Encoder:
    """Turns raw columns into a matrix.

    Attributes:
        encoders: one for each column that features read; kinds that are made of others, such as crosses, have none.
    """

    encoders: Mapping[str, ColumnEncoder]

    @classmethod
    def fitted(cls, columns: Columns, features: Features) -> Encoder:
        """Learn from some rows.

        Args:
            columns: the rows.
            features: what the columns are.
        """
        kinds = kinds_by_column(features)
        encoders = {name: encoder_for(columns[name], kinds[name]) for name in kinds}
        return cls({name: encoder for name, encoder in encoders.items() if encoder is not None})

    def matrix(self, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
        """The rows of ``columns``.

        Returns:
            float64 ``[rows, width]``, and bool ``[width]`` that tells which columns are codes of categories.
        """
        blocks = [encoder.numbers(columns[name]) for name, encoder in self.encoders.items()]
        codes = [
            np.full(block.shape[1], encoder.categorical)
            for block, encoder in zip(blocks, self.encoders.values(), strict=True)
        ]
        return np.concatenate(blocks, axis=1), np.concatenate(codes)


def kinds_by_column(features: Features) -> dict[str, list[dict[str, Any]]]:
    """The options of the kinds by which features read each column; none of kinds that are made of several columns."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for column in features.columns():
        for source in column.sources:
            kinds.setdefault(source, [])
            if column.sources == (column.name,):
                kinds[source].append(column.options.model_dump())
    return kinds


def inferred_features(columns: Columns, others: Collection[str | None]) -> Features:
    """Each column but ``others`` and lists by its type, as Transform does where the config names no features."""
    found: dict[str, Any] = {}
    for name, column in columns.items():
        if name not in others and not is_list(column.type):
            found[name] = next((dtype for matches, dtype in _DTYPES if matches(column.type)), "string")
    return Features.infer(found)


def labels_of(label: Label, columns: Columns) -> np.ndarray:
    """The label of each row as the model sees it, float64 ``[rows]``; NaN where it is missing or has no meaning."""
    rows = zip(*(columns[name].to_pylist() for name in label.columns), strict=True)
    found = np.array([label.of(dict(zip(label.columns, row, strict=True))) for row in rows], np.float64)
    return np.where(found < 0, np.nan, found) if label.task == "multiclass" else found
