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
        self._kept: list[tuple[np.ndarray, pa.RecordBatch]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at more rows."""
        self._keep(self._random.random(batch.num_rows), batch)
        while self._too_much():
            self._share /= 2
            kept, self._kept = self._kept, []
            for draws, rows in kept:
                self._keep(draws, rows)

    def table(self) -> pa.Table:
        """The rows that were kept, in order."""
        tables = [pa.Table.from_batches([rows]) for _, rows in self._kept]
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks() if tables else pa.table({})

    def _keep(self, draws: np.ndarray, rows: pa.RecordBatch) -> None:
        if self._share < 1:
            chosen = draws < self._share
            draws, rows = draws[chosen], rows.filter(pa.array(chosen))
        if rows.num_rows:
            self._kept.append((draws, rows))

    def _too_much(self) -> bool:
        rows = sum(batch.num_rows for _, batch in self._kept)
        return rows > self._rows or (rows > 1 and sum(batch.nbytes for _, batch in self._kept) > _BYTES)


def single_values(table: pa.Table) -> pa.Table:
    """Lists as single values, where no row has more than one."""
    for place, name in enumerate(table.schema.names):
        column = table.column(name).combine_chunks()
        if not is_list(column.type):
            continue
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
        if len(lengths) and lengths.max() <= 1:
            single = column.flatten().take(pa.array(np.cumsum(lengths) - 1, mask=lengths == 0))
            table = table.set_column(place, name, single)
    return table
