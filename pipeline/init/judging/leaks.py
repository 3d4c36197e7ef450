"""Columns that repeat another, and columns that tell the label alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from components.reference.encoder import kinds_by_column
from components.reference.one_column import Telling, telling_columns
from pipeline.init.judging.treatment import Treatment
from pipeline.init.reading.profile import ColumnProfile
from trainer.features.columns import Features
from trainer.labels.config import Label


def duplicates(columns: Mapping[str, ColumnProfile], sample: pa.Table) -> dict[str, str]:
    """The columns whose values are those of an earlier one in every row, with its name."""
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for name, column in columns.items():
        values = sample.column(name).combine_chunks()
        key = repr((column.type, column.missing, column.counts[:100], values.slice(0, 50).to_pylist()))
        other = first.setdefault(key, name)
        if column.present and other != name and values.equals(sample.column(other).combine_chunks()):
            found[name] = other
    return found


def suspects(
    treatments: Mapping[str, Treatment], sample: Mapping[str, pa.Array], labels: np.ndarray, label: Label
) -> Iterator[Telling]:
    """The columns that alone predict held-back labels too well to be true.

    Args:
        treatments: what becomes of each column.
        sample: rows with a label.
        labels: the labels of these rows.
        label: its task decides how well is too well.
    """
    entries = {name: treatment.entry for name, treatment in treatments.items() if treatment.entry is not None}
    if entries:
        yield from telling_columns(sample, kinds_by_column(Features.model_validate(entries)), labels, label)
