"""Rows in the format of the data, with the columns and types of a file that is there."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.example_gen.readers import arrow_files, csv_text
from components.example_gen.readers.record_files import records
from components.example_gen.readers.table_files import open_file
from components.example_gen.reading import CsvOptions
from components.refusal import GateRefused
from pipeline.watch.feedback.destination import Destination

Rows = Sequence[Mapping[str, Any]]
# Enough to see each feature's type.
_LOOKED_AT = 1000


def write(rows: Rows, destination: Destination, options: CsvOptions, *, to: Path) -> None:
    """Write a file, and make sure that it is on the disk; columns that no request holds are missing values.

    Args:
        rows: raw values by column.
        destination: where it goes, and what it is like.
        options: how CSV files are written.
        to: where it is written first.

    Raises:
        GateRefused: the file that it should be like cannot be read, or a value does not fit its column.
        OSError: it cannot be written.
    """
    packed = destination.path.name.endswith(".gz")
    if destination.kind == "tfrecord":
        _write_records(rows, destination, to, packed=packed)
    else:
        written = _WRITERS[destination.kind](rows, destination, options)
        to.write_bytes(gzip.compress(written) if packed else written)
    with to.open("rb") as file:
        os.fsync(file.fileno())


def _csv(rows: Rows, destination: Destination, options: CsvOptions) -> bytes:
    with csv_text.opened(str(destination.like), open_file, options) as (_, header):
        names, delimiter, index = header.names, header.delimiter, header.index
    text = io.StringIO()
    # Lines before the header, which every file of the data has.
    text.write("feedback\n" * options.skip_lines)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header.cells)
    for number, row in enumerate(rows):
        cells = [_cell(row.get(name), name, options) for name in names]
        writer.writerow([str(number), *cells] if index else cells)
    try:
        return codecs.encode(text.getvalue(), options.encoding)
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.end]
        raise GateRefused(f"the encoding {options.encoding} of {destination.like} cannot hold {bad!r}") from None


def _cell(value: Any, name: str, options: CsvOptions) -> str:
    if value is None:
        return ""
    if isinstance(value, (bytes, list)):
        kind = "bytes that are no text" if isinstance(value, bytes) else "several values"
        raise GateRefused(f"{name}: a request holds {kind}, which a CSV file cannot hold")
    if isinstance(value, float):
        # As many digits as a tf.Example has.
        return str(np.float32(value)).replace(".", options.decimal)
    return str(value)


def _table(rows: Rows, destination: Destination) -> pa.Table:
    with destination.like.open("rb") as stream:
        schema = arrow_files.schema(str(destination.like), destination.kind, stream)
    return pa.table([_column([row.get(field.name) for row in rows], field) for field in schema], schema=schema)


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    kind = field.type
    try:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            values = [value if value is None or isinstance(value, list) else [value] for value in values]
            return pa.array(values, kind)
        if pa.types.is_dictionary(kind):
            return pa.array(values, kind.value_type).cast(kind)
        if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
            return pa.array([None if value is None else str(value) for value in values]).cast(kind)
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return pa.array(values).cast(kind)
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError) as error:
        raise GateRefused(f"{field.name}: a request's value does not fit {kind} ({error})") from None


def _parquet(rows: Rows, destination: Destination, options: CsvOptions) -> bytes:
    del options
    sink = pa.BufferOutputStream()
    pq.write_table(_table(rows, destination), sink)
    return sink.getvalue().to_pybytes()


def _arrow(rows: Rows, destination: Destination, options: CsvOptions) -> bytes:
    del options
    table, sink = _table(rows, destination), pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _write_records(rows: Rows, destination: Destination, to: Path, *, packed: bool) -> None:
    kinds = _kinds(destination.like)
    with tf.io.TFRecordWriter(str(to), "GZIP" if packed else "") as writer:
        for row in rows:
            writer.write(_example(row, kinds))


def _kinds(path: Path) -> dict[str, str]:
    """The list of each feature among the first examples of a file."""
    found: dict[str, str] = {}
    looked_at = 0
    for batch in records(str(path)):
        for record in batch:
            for name, feature in tf.train.Example.FromString(record).features.feature.items():
                if kind := feature.WhichOneof("kind"):
                    found.setdefault(name, kind)
        looked_at += len(batch)
        if looked_at >= _LOOKED_AT:
            break
    return found


def _example(row: Mapping[str, Any], kinds: Mapping[str, str]) -> bytes:
    example = tf.train.Example()
    for name, kind in kinds.items():
        value = row.get(name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        if kind == "bytes_list":
            values = [each if isinstance(each, bytes) else str(each).encode() for each in values]
        elif kind == "int64_list":
            values = [int(each) for each in values]
        getattr(example.features.feature[name], kind).value.extend(values)
    return example.SerializeToString(deterministic=True)


_WRITERS: Mapping[str, Callable[[Rows, Destination, CsvOptions], bytes]] = {
    "csv": _csv,
    "parquet": _parquet,
    "arrow": _arrow,
}
