"""Reference: what boosted trees reach on the rows of the run, as the yardstick for its model."""

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.annotations import InputArtifact, OutputArtifact, Parameter
from components.reference import trees
from components.reference.encoder import Columns, Encoder, inferred_features, labels_of
from components.reference.sample import Sampler, single_values
from trainer.features.columns import Features
from trainer.labels.config import Label

FILE = "reference.json"
_REACHED, _TRIVIAL = "reached", "trivial"
# Trees of more rows take minutes, and are hardly better.
_ROWS = 200_000
_BATCH = 4096


@component
def Reference(  # noqa: N802 (TFX names components as classes)
    examples: InputArtifact[standard_artifacts.Examples],
    reference: OutputArtifact[standard_artifacts.ModelEvaluation],
    label: Parameter[str],
    features: Parameter[str] = "",
    example_weight: Parameter[str] = "",
    code: Parameter[str] = "",
) -> None:
    """Train boosted trees on the train split, and write their metrics on the eval split to `FILE`.

    Args:
        examples: ExampleGen's output.
        reference: gets the file.
        label: a `trainer.parameters.Label` as JSON.
        features: a `trainer.features.columns.Features` as JSON; empty means that each column is used by its type.
        example_weight: the column that holds the example weights; empty without weights.
        code: digest of the sources, so that a change of them is no hit of the cache.
    """
    del code
    found = reached(
        {split: f"{examples.uri}/Split-{split}" for split in ("train", "eval")},
        label=Label.model_validate_json(label),
        features=Features.model_validate_json(features) if features else None,
        example_weight=example_weight or None,
    )
    fileio.makedirs(reference.uri)
    with fileio.open(f"{reference.uri}/{FILE}", "w") as file:
        file.write(json.dumps(found))


def reached(
    folders: Mapping[str, str], *, label: Label, features: Features | None, example_weight: str | None
) -> dict[str, dict[str, float]]:
    """The metrics of boosted trees, and of a model that always answers the same, by name.

    Args:
        folders: the folder of each split, with gzipped TFRecord files.
        label: what is learnt.
        features: the columns that are learnt from; None means all, by their type.
        example_weight: the column that holds the example weights.
    """
    train, held_back = (_columns(folders[split]) for split in ("train", "eval"))
    features = features or inferred_features(train, {*label.columns, example_weight})
    encoder = Encoder.fitted(_with_all(train, features.names()), features)
    parts = []
    for columns in (train, held_back):
        labels = labels_of(label, columns)
        known = ~np.isnan(labels)
        matrix, codes = encoder.matrix(_with_all(columns, features.names()))
        parts.append((matrix[known], labels[known], _weights(columns, example_weight)[known], codes))
    (matrix, labels, weights, codes), (others, truth, their_weights, _) = parts
    predicted = trees.predictions(matrix, labels, others, codes=codes, label=label, weights=weights)
    return {
        _REACHED: trees.metrics(truth, predicted, label=label, weights=their_weights),
        _TRIVIAL: trees.trivial(labels, truth, label=label),
    }


def load(uri: str) -> dict[str, float]:
    """The metrics of the trees in a `Reference` node's output."""
    return _load(uri)[_REACHED]


def load_trivial(uri: str) -> dict[str, float]:
    """The metrics of a model that always answers the same."""
    return _load(uri)[_TRIVIAL]


def _load(uri: str) -> dict[str, dict[str, float]]:
    with fileio.open(f"{uri}/{FILE}") as file:
        return json.loads(file.read())


def _columns(folder: str) -> Columns:
    sampler = Sampler(_ROWS)
    for batch in _batches(folder):
        sampler.add(batch)
    table = single_values(sampler.table())
    return {name: table.column(name).combine_chunks() for name in table.schema.names}


def _batches(folder: str) -> Iterator[pa.RecordBatch]:
    decoder = ExamplesToRecordBatchDecoder()
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    for records in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_BATCH).as_numpy_iterator():
        yield decoder.DecodeBatch(list(records))


def _with_all(columns: Columns, names: Sequence[str]) -> Columns:
    """With a column of nulls in place of one that no row has a value of."""
    rows = len(next(iter(columns.values())))
    return {name: columns.get(name, pa.nulls(rows, pa.large_binary())) for name in names}


def _weights(columns: Columns, name: str | None) -> np.ndarray:
    """A missing weight counts 1."""
    rows = len(next(iter(columns.values())))
    if name is None or name not in columns:
        return np.ones(rows)
    return np.nan_to_num(columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False), nan=1.0)
