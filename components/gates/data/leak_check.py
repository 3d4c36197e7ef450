"""Columns that give the label away, so that a model looks good and cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.gates.data.label_check import Statistics, split_statistics
from components.gates.data.label_rows import labelled, split_records
from components.gates.findings import Finding, finding
from components.reference.encoder import Columns, inferred_features, kinds_by_column
from components.reference.one_column import rows_per_class, telling_columns, too_few
from components.reference.sample import Sampler, single_values
from trainer.features.columns import Features
from trainer.labels.config import Label

TRAIN = "train"
_RECORD, _LABEL = "record", "label"


def leak_findings(
    statistics: str,
    examples: str,
    *,
    features: Features | None,
    label: Label,
    others: Collection[str],
    unreadable: Collection[str],
    refuses: bool,
) -> Iterator[Finding]:
    """Columns that alone predict the label too well to be true, in rows of the train split chosen at random.

    Args:
        statistics: folder of an ExampleStatistics artifact.
        examples: folder of the Examples artifact that they describe.
        features: the columns that the model reads; None means every column but ``others``.
        label: the label; rows without one are left out.
        others: the columns of the label and the example weight.
        unreadable: columns that do not hold what their kind reads.
        refuses: whether a leak is a fault, or only worth knowing.
    """
    columns, labels = _some_rows(statistics, examples, label)
    if too_few(labels, label):
        text = "has too few rows of each class" if label.task != "regression" else "is in too few rows"
        yield finding(TRAIN, label.column, "LEAKS_UNKNOWN", f"{text} to look for columns that tell it", refuses=False)
        return
    kinds = kinds_by_column(features or inferred_features(columns, others))
    readable = {name: kinds[name] for name in kinds if name not in unreadable}
    for found in telling_columns(columns, readable, labels, label):
        text = f"alone predicts the label with {found.score} on held-back rows: is it known when the model is asked?"
        way_out = (
            f"if so, gates.data.allow: [{json.dumps(f'{found.column}:LABEL_LEAKED')}], else leave it out of features"
        )
        yield finding(TRAIN, found.column, "LABEL_LEAKED", text, refuses=refuses and found.is_leak, way_out=way_out)


def _some_rows(statistics: str, examples: str, label: Label) -> tuple[Columns, np.ndarray]:
    """Rows with a label, by column, and their labels; of classes so many of each, so that a rare one is there, too."""
    _, seen = split_statistics(statistics, TRAIN)
    samplers: dict[float, Sampler] = {}
    if set(label.columns) <= seen.keys():
        for records, labels in _batches(examples, label, seen):
            groups = np.zeros(len(labels)) if label.task == "regression" else labels
            batch = pa.record_batch({_RECORD: pa.array(records, pa.large_binary()), _LABEL: labels})
            for group in np.unique(groups).tolist():
                sampler = samplers.setdefault(group, Sampler(rows_per_class(label)))
                sampler.add(batch.filter(pa.array(groups == group)))
    if not samplers:
        return {}, np.zeros(0)
    chosen = pa.concat_tables([sampler.table() for sampler in samplers.values()])
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(chosen.column(_RECORD).to_pylist())
    table = single_values(pa.Table.from_batches([batch]))
    columns = {name: table.column(name).combine_chunks() for name in table.schema.names}
    return columns, chosen.column(_LABEL).to_numpy()


def _batches(examples: str, label: Label, seen: Mapping[str, Statistics]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for records, labels, _ in labelled(split_records(examples)(TRAIN), label=label, features=seen):
        known = np.isfinite(labels)
        if known.any():
            yield records[known], labels[known]
