"""Serialized rows with one column changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

Value = float | str


class DecodedRows:
    """Rows, decoded once.

    Args:
        records: serialized tf.Examples.

    Attributes:
        columns: the names of all columns, sorted.
    """

    def __init__(self, records: Sequence[bytes]):
        self._rows = [tf.train.Example.FromString(record) for record in records]
        self._values: dict[str, list[Value | None]] = {}
        self.columns = sorted({name for row in self._rows for name in row.features.feature})

    def __len__(self) -> int:
        return len(self._rows)

    def shuffled(self, column: str, order: Sequence[int]) -> list[bytes]:
        """The rows, each with the column of another one.

        Args:
            column: the column; a row may lack it, and then another one does.
            order: from which row each gets it.
        """
        given = [row.features.feature.get(column) for row in self._rows]
        return [self._with(row, column, given[source]) for row, source in zip(self._rows, order, strict=True)]

    def all_with(self, column: str, value: Value, most: int) -> list[bytes]:
        """The first rows, all with the same value in a column."""
        kind = next(iter(self._kinds(column)))
        feature = tf.train.Feature()
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif kind == "int64_list":
            feature.int64_list.value.append(int(value))
        else:
            feature.float_list.value.append(value)
        return [self._with(row, column, feature) for row in self._rows[:most]]

    def values(self, column: str) -> list[Value | None]:
        """The value of a column in each row; None where it is missing, no text or one of several."""
        if column not in self._values:
            self._values[column] = [_value(row.features.feature.get(column)) for row in self._rows]
        return self._values[column]

    def is_single(self, column: str) -> bool:
        """Whether a column has at most one value in each row, and those are numbers or texts."""
        values = self.values(column)
        lengths = [_length(row.features.feature.get(column)) for row in self._rows]
        return len(self._kinds(column)) == 1 and max(lengths) == 1 and any(value is not None for value in values)

    def grid(self, column: str, points: int) -> list[Value]:
        """Values that stand for all of a column: quantiles of many numbers, else the most frequent ones."""
        values = [value for value in self.values(column) if value is not None]
        counts = Counter(values)
        numbers = [value for value in values if isinstance(value, float)]
        if numbers and len(counts) > points:
            edges = np.quantile(numbers, np.linspace(0.02, 0.98, points))
            whole = self._kinds(column) == {"int64_list"}
            return sorted({float(round(edge)) if whole else float(edge) for edge in edges})
        frequent = [value for value, _ in counts.most_common(points)]
        return sorted(frequent) if numbers else frequent

    def _kinds(self, column: str) -> set[str]:
        found = {
            row.features.feature[column].WhichOneof("kind") for row in self._rows if column in row.features.feature
        }
        return {kind for kind in found if kind is not None}

    @staticmethod
    def _with(row: tf.train.Example, column: str, feature: tf.train.Feature | None) -> bytes:
        changed = tf.train.Example()
        changed.CopyFrom(row)
        if feature is None:
            if column in changed.features.feature:
                del changed.features.feature[column]
        else:
            changed.features.feature[column].CopyFrom(feature)
        return changed.SerializeToString()


def _length(feature: tf.train.Feature | None) -> int:
    kind = feature.WhichOneof("kind") if feature is not None else None
    return len(getattr(feature, kind).value) if kind else 0


def _value(feature: tf.train.Feature | None) -> Value | None:
    if feature is None or _length(feature) != 1:
        return None
    [value] = getattr(feature, feature.WhichOneof("kind") or "").value
    if not isinstance(value, bytes):
        return float(value) if np.isfinite(value) else None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
