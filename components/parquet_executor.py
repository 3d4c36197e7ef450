"""Parquet files to tf.Examples, zeros included.

The executor that TFX ships goes through ``dict_to_example``, which takes every falsy value for a missing one: a fare of
0.0, a count of 0 and an empty text all disappear.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.types import standard_component_specs
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder


class UnsupportedColumn(Exception):
    """A Parquet column whose type has no place in a tf.Example."""


class Executor(BaseExampleGenExecutor):
    """Reads Parquet in row groups and encodes them column by column.

    Integers and booleans become int64, floating-point numbers float32, texts and binaries bytes; a null becomes a
    feature without a value.
    """

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:  # noqa: N802 (named by TFX)
        """The transform from files to serialized tf.Examples."""
        return _parquet_to_examples


@beam.ptransform_fn
@beam.typehints.with_input_types(beam.Pipeline)
@beam.typehints.with_output_types(bytes)
def _parquet_to_examples(
    pipeline: beam.Pipeline, exec_properties: dict[str, Any], split_pattern: str
) -> beam.PCollection:
    pattern = str(Path(exec_properties[standard_component_specs.INPUT_BASE_KEY]) / split_pattern)
    return (
        pipeline
        | "ReadFromParquet" >> beam.io.ReadFromParquetBatched(pattern)
        | "ToExamples" >> beam.FlatMap(table_to_examples)
    )


def table_to_examples(table: pa.Table) -> Iterator[bytes]:
    """Serialized tf.Examples of a table's rows, in order.

    Raises:
        UnsupportedColumn: names the column and its type.
    """
    for batch in table.combine_chunks().to_batches():
        columns = [_as_lists(name, batch.column(name)) for name in batch.schema.names]
        yield from RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(columns, batch.schema.names))


def _as_lists(name: str, column: pa.Array) -> pa.Array:
    """A column of scalars as one of lists with one value, or none for a null."""
    offsets = np.concatenate([[0], np.cumsum(column.is_valid().to_numpy(zero_copy_only=False))])
    values = column.drop_null().cast(_example_type(name, column.type))
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values)


def _example_type(name: str, kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float32()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        return pa.large_binary()
    raise UnsupportedColumn(f"column {name!r} has the type {kind}; a tf.Example holds numbers and texts only")
