"""Stand-ins for a trained model of each task: real SavedModels whose answers can be worked out by hand.

The model reads one logit per class (or the prediction itself) from the raw features ``z0``, ``z1``, ... and scales it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx.types import Artifact, standard_artifacts

from tests.shared.models.small_model import serialize
from trainer.export.saved_model import COLUMNAR, TRANSFORM_FEATURES
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY
from trainer.models.heads import head_of
from trainer.parameters import KERAS_MODEL, Label

LABELS = {
    "binary": Label(column="y"),
    "multiclass": Label(column="y", task="multiclass", classes=3),
    "named": Label(column="y", task="multiclass", classes=("ant", "bee", "cow")),
    "regression": Label(column="y", task="regression"),
}
Row = Mapping[str, object]


class Serving(tf.Module):
    """The signatures of an export, with a transform that only renames.

    Args:
        label: what the model predicts.
        model: from features to logits.
        missing: what the columnar signature does with NaN: ``refused`` by name, or a fault: ``nan`` answers NaN,
            ``zero`` takes it for 0, ``unnamed`` refuses it without the column's name.
    """

    def __init__(self, *, label: Label, model: keras.Model, missing: str = "refused"):
        super().__init__()
        self.model = model
        self._missing = missing
        self._label = label
        self._head = head_of(label)
        self._names = [f"z{index}" for index in range(self._head.units)]

    def spec(self) -> dict[str, tf.io.FixedLenFeature]:
        kind = tf.string if isinstance(self._label.classes, tuple) else tf.float32
        kind = tf.int64 if isinstance(self._label.classes, int) else kind
        columns = {name: tf.io.FixedLenFeature([1], tf.float32) for name in self._names}
        return columns | {
            "y": tf.io.FixedLenFeature([1], kind),
            "weight": tf.io.FixedLenFeature([1], tf.float32),
        }

    def transform(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What a preprocessing_fn would do."""
        label = raw["y"]
        if isinstance(self._label.classes, tuple):
            label = tf.argmax(tf.cast(label == tf.constant([self._label.classes]), tf.int64), axis=1)[:, None]
        return {
            **{name: tf.identity(raw[name]) for name in self._names},
            LABEL_KEY: tf.identity(label),
            EXAMPLE_WEIGHT_KEY: tf.identity(raw["weight"]),
        }

    def transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.transform(tf.io.parse_example(examples, self.spec()))

    def predict(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        features = {name: self._present(name, tf.reshape(columns[name], [-1, 1])) for name in self._names}
        return {self._head.output: self._head.predictions(self.model(features, training=False))}

    def _present(self, name: str, values: tf.Tensor) -> tf.Tensor:
        missing = tf.math.is_nan(values)
        if self._missing == "nan":
            return values
        if self._missing == "zero":
            return tf.where(missing, 0.0, values)
        message = f"{name!r} is missing" if self._missing == "refused" else "something is missing"
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(~missing), [message])]):
            return tf.identity(values)

    def predict_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {name: spec for name, spec in self.spec().items() if name in self._names}
        return self.predict(tf.io.parse_example(examples, spec))

    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self.predict_examples(inputs)[self._head.output]
        if self._label.task == "binary":
            scores = tf.concat([1 - scores, scores], axis=1)
        names = tf.tile(tf.constant([self._label.class_names()]), [tf.shape(scores)[0], 1])
        return {"classes": names, "scores": scores}

    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": self.predict_examples(inputs)[self._head.output]}

    def columns(self) -> dict[str, tf.TensorSpec]:
        return {name: tf.TensorSpec([None], tf.float32, name=name) for name in self._names}


def keras_model(label: Label, *, scale: float) -> keras.Model:
    """From ``z0``, ``z1``, ... to logits ``scale`` times as large."""
    units = head_of(label).units
    inputs = {f"z{index}": keras.Input([1], name=f"z{index}") for index in range(units)}
    dense = keras.layers.Dense(units, use_bias=False)
    columns = list(inputs.values())
    outputs = dense(keras.layers.concatenate(columns) if units > 1 else columns[0])
    dense.set_weights([np.eye(units, dtype=np.float32) * scale])
    return keras.Model(inputs, outputs)


def write_model(
    folder: Path, label: Label, *, scale: float = 1.0, without: Sequence[str] = (), missing: str = "refused"
) -> Artifact:
    """A Model artifact with the export and the Keras file, some signatures left out; ``missing`` is as in `Serving`."""
    model = keras_model(label, scale=scale)
    (folder / KERAS_MODEL).parent.mkdir(parents=True, exist_ok=True)
    model.save(folder / KERAS_MODEL)
    serving = Serving(label=label, model=model, missing=missing)
    examples, inputs = ([tf.TensorSpec([None], tf.string, name=name)] for name in ("examples", "inputs"))
    last = "regress" if label.task == "regression" else "classify"
    archive = keras.export.ExportArchive()
    archive.track(serving)
    for name, function, signature in (
        ("serving_default", serving.predict_examples, examples),
        (COLUMNAR, serving.predict, [serving.columns()]),
        (TRANSFORM_FEATURES, serving.transform_examples, examples),
        (last, getattr(serving, last), inputs),
    ):
        if name not in without:
            archive.add_endpoint(name, tf.function(function, input_signature=signature, autograph=False))
    archive.write_out(str(folder / "Format-Serving"), verbose=False)
    return artifact(standard_artifacts.Model, folder, identity=7)


def write_transform_graph(folder: Path, label: Label) -> Artifact:
    """A TransformGraph artifact with the same transform as in the export."""
    serving = Serving(label=label, model=keras_model(label, scale=1.0))
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(serving.spec()))
    with tft_beam.Context(temp_dir=str(folder / "temporary")):
        transform_fn = ([], metadata) | tft_beam.AnalyzeDataset(serving.transform)
        transform_fn | tft_beam.WriteTransformFn(str(folder))
    metadata_io.write_metadata(metadata, str(folder / tft.TFTransformOutput.RAW_METADATA_DIR))
    return artifact(standard_artifacts.TransformGraph, folder)


def write_examples(folder: Path, rows: Sequence[Row]) -> Artifact:
    """An Examples artifact with one split, ``eval``."""
    examples = artifact(standard_artifacts.Examples, folder)
    examples.split_names = '["eval"]'
    (folder / "Split-eval").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "Split-eval/data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        for row in rows:
            writer.write(serialize(row))
    return examples


def artifact(kind: type[Artifact], folder: Path, *, identity: int = 0) -> Artifact:
    """An artifact at ``folder``."""
    made = kind()
    made.uri = str(folder)
    made.id = identity
    return made
