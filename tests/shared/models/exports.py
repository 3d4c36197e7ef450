"""Real models in seconds: Transform, a short training and the export, without the components around them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from trainer import models
from trainer.export import saved_model
from trainer.features.transformed import TransformedFeatures, model_inputs
from trainer.models.heads import head_of
from trainer.parameters import CUSTOM_CONFIG_KEY, Parameters
from trainer.preprocessing import preprocessing_fn

Spec = Mapping[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]
Row = Mapping[str, object]


def transform(rows: Sequence[Row], spec: Spec, parameters: Parameters, folder: Path) -> tft.TFTransformOutput:
    """Analyse and transform ``rows`` with Beam; writes ``transform`` and ``transformed.gz`` into ``folder``."""
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(dict(spec)))
    custom_config = {CUSTOM_CONFIG_KEY: parameters.model_dump_json()}
    output = str(folder / "transform")
    with tft_beam.Context(temp_dir=tempfile.mkdtemp(dir=folder)):
        (data, out_metadata), transform_fn = (
            [{name: _values(row.get(name)) for name in spec} for row in rows],
            metadata,
        ) | tft_beam.AnalyzeAndTransformDataset(functools.partial(preprocessing_fn, custom_config=custom_config))
        transform_fn | tft_beam.WriteTransformFn(output)
    metadata_io.write_metadata(metadata, f"{output}/{tft.TFTransformOutput.RAW_METADATA_DIR}")
    coder = tft.coders.ExampleProtoCoder(out_metadata.schema)
    with tf.io.TFRecordWriter(str(folder / "transformed.gz"), "GZIP") as writer:
        for instance in data:
            writer.write(coder.encode(instance))
    return tft.TFTransformOutput(output)


def transformed_columns(transform_output: tft.TFTransformOutput, folder: Path) -> dict[str, tf.Tensor]:
    """What `transform` wrote, read as the trainer reads it: parsed with the transformed feature spec."""
    records = tf.data.TFRecordDataset(str(folder / "transformed.gz"), compression_type="GZIP").batch(10_000)
    return tf.io.parse_example(next(iter(records)), transform_output.transformed_feature_spec())


def train(
    parameters: Parameters, transform_output: tft.TFTransformOutput, folder: Path, *, steps: int = 40
) -> keras.Model:
    """A few steps on all rows at once."""
    keras.utils.set_random_seed(parameters.loop.seed)
    head = head_of(parameters.label)
    raw = parameters.resolved_features(transform_output.raw_feature_spec())
    features = TransformedFeatures.read(raw, transform_output)
    model = models.build(parameters.model, features=features, units=head.units)
    columns = transformed_columns(transform_output, folder)
    optimizer = keras.optimizers.Adam(parameters.loop.optimizer.learning_rate)

    @tf.function(autograph=False)
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(head.losses(columns["label"], model(model_inputs(columns), training=True)))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    optimizer.build(model.trainable_variables)
    for _ in range(steps):
        step()
    return model


def make(
    rows: Sequence[Row], spec: Spec, parameters: Parameters, folder: Path, *, steps: int = 40
) -> tft.TFTransformOutput:
    """Transform, train and export into ``folder``: ``transform``, ``model.keras`` and ``saved_model``."""
    transform_output = transform(rows, spec, parameters, folder)
    model = train(parameters, transform_output, folder, steps=steps)
    model.save(folder / "model.keras")
    saved_model.export(
        model=model,
        transform_output=transform_output,
        label=parameters.label,
        features=parameters.resolved_features(transform_output.raw_feature_spec()),
        path=str(folder / "saved_model"),
    )
    return transform_output


def _values(value: object) -> list[object]:
    """As Beam's in-memory instances hold them: lists, and text as bytes."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [text.encode() if isinstance(text, str) else text for text in values]
