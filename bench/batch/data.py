"""Any number of taxi trips, drawn with replacement from the real ones, as Parquet and as tf.Examples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from components.example_gen.encoding import to_examples
from components.example_gen.readers.values import cleaned
from components.example_gen.shards import ShardWriter

_SOURCE = Path(__file__).resolve().parents[2] / "data" / "taxi" / "trips.csv"
_FILES = 4
_BATCH = 10_000


def write_parquet(folder: Path, *, rows: int) -> None:
    """Write the rows to Parquet files."""
    folder.mkdir(parents=True)
    for number in range(_FILES):
        some = rows // _FILES + (number < rows % _FILES)
        tables = _drawn(some, seed=number)
        first = next(tables)
        with parquet.ParquetWriter(folder / f"trips-{number}.parquet", first.schema) as writer:
            for table in chain([first], tables):
                writer.write_table(table)


def write_examples(folder: Path, *, rows: int) -> None:
    """Write the rows to an Examples artifact with the split ``all``."""
    with ShardWriter(str(folder / "Split-all")) as shards:
        for table in _drawn(rows, seed=_FILES):
            for batch in table.combine_chunks().to_batches():
                shards.write(to_examples(cleaned(batch, ())))


def _drawn(rows: int, *, seed: int) -> Iterator[pa.Table]:
    trips = csv.read_csv(_SOURCE, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    generator = np.random.default_rng(seed)
    for start in range(0, rows, _BATCH):
        yield trips.take(pa.array(generator.integers(trips.num_rows, size=min(_BATCH, rows - start))))
