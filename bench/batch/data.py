"""Any number of taxi trips, drawn with replacement from the real ones, as Parquet and as tf.Examples."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The same rows in two formats.

    Attributes:
        parquet: folder of the Parquet files.
        examples: folder of an Examples artifact with the split ``all``.
    """

    parquet: Path
    examples: Path


def make(folder: Path, *, rows: int) -> Rows:
    """Write the rows below ``folder``."""
    trips = csv.read_csv(_SOURCE, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    made = Rows(parquet=folder / "parquet", examples=folder / "examples")
    made.parquet.mkdir(parents=True)
    generator = np.random.default_rng(20)
    with ShardWriter(str(made.examples / "Split-all")) as shards:
        for number in range(_FILES):
            left = rows // _FILES + (number < rows % _FILES)
            with parquet.ParquetWriter(made.parquet / f"trips-{number}.parquet", trips.schema) as writer:
                while left:
                    some = trips.take(pa.array(generator.integers(trips.num_rows, size=min(left, _BATCH))))
                    writer.write_table(some)
                    [batch] = some.combine_chunks().to_batches()
                    shards.write(to_examples(cleaned(batch, ())))
                    left -= batch.num_rows
    return made
