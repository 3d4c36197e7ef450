"""Any number of taxi trips: draws with replacement from the 15,002 real ones, with jitter, as CSV and as Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

SOURCE = Path(__file__).resolve().parents[2] / "data" / "taxi" / "trips.csv"
FILES = 4
_SEED = 20
_BATCH = 100_000
# Scaled by one factor per row: a tip stays about the same part of the fare.
_SCALED = ("fare", "tips", "trip_miles")
_SPREAD = 0.05
# Standard deviation of the jitter, and decimals.
_MOVED = {
    "trip_seconds": (30.0, 0),
    "trip_start_timestamp": (86_400.0, 0),
    "pickup_latitude": (1e-3, 6),
    "pickup_longitude": (1e-3, 6),
    "dropoff_latitude": (1e-3, 6),
    "dropoff_longitude": (1e-3, 6),
}
# Share of a row's categories that come from another row.
_RESAMPLED = 0.05


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The same rows in two formats.

    Attributes:
        csv: folder of the CSV files.
        parquet: folder of the Parquet files.
    """

    csv: Path
    parquet: Path


def make(folder: Path, *, rows: int) -> Rows:
    """The rows below ``folder``, the same at each call; written if they are missing."""
    made = folder / str(rows)
    if not made.exists():
        unfinished = folder / f"{rows}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        _write(Rows(csv=unfinished / "csv", parquet=unfinished / "parquet"), rows=rows)
        unfinished.rename(made)
    return Rows(csv=made / "csv", parquet=made / "parquet")


def _write(where: Rows, *, rows: int) -> None:
    where.csv.mkdir(parents=True)
    where.parquet.mkdir()
    trips = source()
    # Arrow always quotes column names, and TFX takes the quotes for part of the name.
    plain = pa.csv.WriteOptions(quoting_style="none", include_header=False)
    header = f"{','.join(trips.column_names)}\n".encode()
    for number in range(FILES):
        some = rows // FILES + (number < rows % FILES)
        generator = np.random.default_rng([_SEED, rows, number])
        name = f"trips-{number}"
        with (
            (where.csv / f"{name}.csv").open("wb") as file,
            pa.csv.CSVWriter(file, trips.schema, write_options=plain) as csv,
            pa.parquet.ParquetWriter(where.parquet / f"{name}.parquet", trips.schema) as parquet,
        ):
            file.write(header)
            for table in jittered(trips, rows=some, generator=generator):
                csv.write_table(table)
                parquet.write_table(table)


def source() -> pa.Table:
    """The real trips; a column without values has integer type."""
    trips = pa.csv.read_csv(SOURCE, convert_options=pa.csv.ConvertOptions(strings_can_be_null=True))
    fields = [field.with_type(pa.int64()) if pa.types.is_null(field.type) else field for field in trips.schema]
    return trips.cast(pa.schema(fields)).combine_chunks()


def jittered(trips: pa.Table, *, rows: int, generator: np.random.Generator) -> Iterator[pa.Table]:
    """Rows like those of ``trips``, in tables of bounded size."""
    for start in range(0, rows, _BATCH):
        yield _table(trips, rows=min(_BATCH, rows - start), generator=generator)


def _table(trips: pa.Table, *, rows: int, generator: np.random.Generator) -> pa.Table:
    drawn = generator.integers(trips.num_rows, size=rows)
    factor = generator.lognormal(sigma=_SPREAD, size=rows)
    columns = []
    for name in trips.column_names:
        if name in _SCALED:
            columns.append(_numbers(trips[name].take(drawn), lambda values: values * factor, decimals=2))
        elif name in _MOVED:
            width, decimals = _MOVED[name]
            offset = generator.normal(scale=width, size=rows)
            columns.append(_numbers(trips[name].take(drawn), lambda v, o=offset: v + o * (v != 0), decimals=decimals))
        else:
            others = generator.integers(trips.num_rows, size=rows)
            columns.append(trips[name].take(np.where(generator.random(rows) < _RESAMPLED, others, drawn)))
    return pa.Table.from_arrays([pa.chunked_array(column) for column in columns], schema=trips.schema)


def _numbers(column: pa.ChunkedArray, change: Callable[[np.ndarray], np.ndarray], *, decimals: int) -> pa.ChunkedArray:
    """A column with its numbers changed; one that was not negative stays so."""
    values = column.to_numpy().astype(np.float64)
    missing = np.isnan(values)
    changed = np.round(change(values), decimals)
    changed = np.where(values >= 0, np.maximum(changed, 0), changed)
    return pa.chunked_array([pa.array(changed, mask=missing).cast(column.type)])
