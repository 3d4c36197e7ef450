"""A sample of a table's rows, in bounded memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.readers.schemas import is_list

_BYTES = 256 * 2**20


class Sampler:
    """Keeps rows at random, each with the same probability, which falls as there are more.

    Args:
        rows: int, as many are kept at most, or fewer of large ones.
    """

    def __init__(self, rows: int):
        self._rows = rows
        self._random = np.random.default_rng(0)
        self._share = 1.0
        # With the draw of each row, and the size in bytes.
        self._kept: list[tuple[np.ndarray, pa.RecordBatch, int]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at more rows."""
        self._keep(self._random.random(batch.num_rows), batch)
        while self._too_much():
            self._share /= 2
            kept, self._kept = self._kept, []
            for draws, rows, _ in kept:
                self._keep(draws, rows)

    def table(self) -> pa.Table:
        """The rows that were kept, in order."""
        tables = [pa.Table.from_batches([rows]) for _, rows, _ in self._kept]
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks() if tables else pa.table({})

    def _keep(self, draws: np.ndarray, rows: pa.RecordBatch) -> None:
        if self._share < 1:
            chosen = draws < self._share
            draws, rows = draws[chosen], rows.filter(pa.array(chosen))
        if rows.num_rows:
            self._kept.append((draws, rows, rows.nbytes))

    def _too_much(self) -> bool:
        rows = sum(batch.num_rows for _, batch, _ in self._kept)
        return rows > self._rows or (rows > 1 and sum(size for _, _, size in self._kept) > _BYTES)


def single_values(table: pa.Table) -> pa.Table:
    """Lists as single values, where no row has more than one."""
    return pa.table(list(map(_single, table.columns)), table.schema.names) if table.num_columns else table


def _single(chunks: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    column = chunks.combine_chunks()
    if not is_list(column.type):
        return chunks
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    if not len(lengths) or lengths.max() > 1:
        return chunks
    return column.flatten().take(pa.array(np.cumsum(lengths) - 1, mask=lengths == 0))
