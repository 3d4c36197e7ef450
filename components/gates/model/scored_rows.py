"""Some rows of an evaluation as they are, with what both models answered: for curves, and for the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tfx.dsl.io import fileio

_FILE = "rows.parquet"
_MOST_ROWS = 10_000
# Of one model: a row of a thousand classes counts as much as a thousand rows of two.
_MOST_VALUES = 200_000
_MOST_BYTES = 4_000_000


@dataclass(frozen=True, kw_only=True)
class ScoredRows:
    """Rows in the order of their hashes, which is as good as any; those with the smallest hashes are kept.

    Attributes:
        hashes: uint64 `[rows]`, of the serialized examples.
        labels: float64 `[rows]`, class ids or numbers.
        weights: float64 `[rows]`, 1 without example weights.
        predictions: float32 `[rows, outputs]`, by TFMA's name of the model, which is empty where there is one.
        records: the serialized tf.Examples; None of the last rows where they would be too many bytes.
    """

    hashes: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    predictions: Mapping[str, np.ndarray]
    records: tuple[bytes | None, ...]

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def kept(cls, parts: Sequence[ScoredRows]) -> ScoredRows:
        """Those of the parts that are kept; however rows were spread over the parts, the same ones.

        Args:
            parts: at least one, all of the same models.
        """
        hashes = np.concatenate([part.hashes for part in parts])
        predictions = {
            model: np.concatenate([part.predictions[model] for part in parts]) for model in parts[0].predictions
        }
        outputs = max((values.shape[1] for values in predictions.values()), default=1)
        order = np.argsort(hashes, kind="stable")[: min(_MOST_ROWS, _MOST_VALUES // max(outputs, 1))]
        records = [record for part in parts for record in part.records]
        sizes = np.cumsum([len(records[index] or b"") for index in order.tolist()])
        return cls(
            hashes=hashes[order],
            labels=np.concatenate([part.labels for part in parts])[order],
            weights=np.concatenate([part.weights for part in parts])[order],
            predictions={model: values[order] for model, values in predictions.items()},
            records=tuple(
                records[index] if size <= _MOST_BYTES else None
                for index, size in zip(order.tolist(), sizes.tolist(), strict=True)
            ),
        )

    @classmethod
    def load(cls, evaluation_uri: str) -> ScoredRows | None:
        """What an Evaluator wrote beside its metrics; None if it is an older one, or had no rows."""
        path = f"{evaluation_uri}/{_FILE}"
        if not fileio.exists(path):
            return None
        with fileio.open(path, "rb") as file:
            table = pq.read_table(pa.BufferReader(file.read()))
        models = [name for name in table.column_names if name.startswith("predictions")]
        return cls(
            hashes=table["hash"].to_numpy(),
            labels=table["label"].to_numpy(),
            weights=table["weight"].to_numpy(),
            predictions={
                name.removeprefix("predictions").removeprefix(" of "): np.array(
                    table[name].to_pylist(), np.float32
                ).reshape(len(table), -1)
                for name in models
            },
            records=tuple(table["record"].to_pylist()),
        )

    def save(self, evaluation_uri: str) -> None:
        """Write them beside the metrics."""
        columns = {
            "hash": pa.array(self.hashes, pa.uint64()),
            "label": pa.array(self.labels, pa.float64()),
            "weight": pa.array(self.weights, pa.float64()),
            "record": pa.array(self.records, pa.binary()),
        }
        for model, values in self.predictions.items():
            name = f"predictions of {model}" if model else "predictions"
            columns[name] = pa.array(list(values), pa.list_(pa.float32()))
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), sink)
        with fileio.open(f"{evaluation_uri}/{_FILE}", "wb") as file:
            file.write(sink.getvalue().to_pybytes())
