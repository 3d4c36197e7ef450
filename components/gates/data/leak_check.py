"""Columns that give the label away, so that a model looks good and cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.gates.data.label_check import split_statistics
from components.gates.findings import Finding, finding
from components.reference.encoder import inferred_features, kinds_by_column, labels_of
from components.reference.one_column import ROWS, telling_columns
from components.reference.sample import single_values
from trainer.features.columns import Features
from trainer.labels.config import Label

TRAIN = "train"
_BATCH = 1024


def leak_findings(
    statistics: str, examples: str, *, features: Features | None, label: Label, others: set[str], refuses: bool
) -> Iterator[Finding]:
    """Columns that alone predict the label too well to be true, in rows spread over the train split.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        examples: folder of the Examples artifact that they describe.
        features: the columns that the model reads; None means every column but ``others``.
        label: the label, in which nothing is wrong.
        others: the columns of the label and the example weight.
        refuses: whether a leak is a fault, or only worth knowing.
    """
    columns = _some_rows(f"{examples}/Split-{TRAIN}", every=split_statistics(statistics, TRAIN)[0] // ROWS)
    if not set(label.columns) <= columns.keys():
        return
    wanted = features or inferred_features(columns, others)
    labels = labels_of(label, columns)
    known = ~np.isnan(labels)
    rows = {name: values.filter(pa.array(known)) for name, values in columns.items()}
    for found in telling_columns(rows, kinds_by_column(wanted), labels[known], label):
        text = f"alone predicts the label with {found.score} on held-back rows: is it known when the model is asked?"
        way_out = f"if so, gates.data.allow: [{found.column}:LABEL_LEAKED], else leave it out of features"
        yield finding(TRAIN, found.column, "LABEL_LEAKED", text, refuses=refuses and found.is_leak, way_out=way_out)


def _some_rows(folder: str, *, every: int) -> dict[str, pa.Array]:
    """Each of so many rows of a split, by column; an order of the rows does not matter that way."""
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").shard(max(every, 1), 0).batch(_BATCH)
    decoder = ExamplesToRecordBatchDecoder()
    batches = [pa.Table.from_batches([decoder.DecodeBatch(list(some))]) for some in records.as_numpy_iterator()]
    table = single_values(pa.concat_tables(batches, promote_options="permissive")) if batches else pa.table({})
    return {name: table.column(name).combine_chunks() for name in table.schema.names}
