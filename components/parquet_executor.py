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
import pyarrow.compute as pc
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.types import standard_component_specs
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder


class UnsupportedColumn(Exception):
    """A Parquet column whose type has no place in a tf.Example."""


class Executor(BaseExampleGenExecutor):
    """Reads Parquet in row groups and encodes them column by column.

    Integers and booleans become int64, floating-point numbers float32, texts and binaries bytes; a list becomes a
    feature of many values, and a null one without a value.
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
    """A column as one of lists: those that it holds, or one value for each scalar; none for a null."""
    if isinstance(column, (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        values = column.flatten()
        if values.null_count:
            raise UnsupportedColumn(f"column {name!r} has a null inside a list; leave the value or the whole list out")
    else:
        lengths = column.is_valid().cast(pa.int64())
        values = column.drop_null()
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)])
    return pa.LargeListArray.from_arrays(pa.array(offsets), values.cast(_example_type(name, values.type)))


def _example_type(name: str, kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float32()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        return pa.large_binary()
    raise UnsupportedColumn(
        f"column {name!r} has the type {kind}; a tf.Example holds numbers, texts and lists of them only"
    )
