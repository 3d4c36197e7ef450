"""A ``run_fn`` as the taxi template of TFX has it: tfxio's dataset, ``model.fit``, ``tf.saved_model.save``.

The network, the batch size and the number of examples are ours, so only the way of training differs.
"""

from __future__ import annotations

import time

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.public import tfxio

from trainer import models
from trainer.features.transformed import LABEL_KEY, TransformedFeatures
from trainer.loop import optimizers
from trainer.models.heads import head_of
from trainer.parameters import Parameters


def run_fn(fn_args: FnArgs, parameters: Parameters) -> dict[str, float]:
    """Train and export; return the seconds of both phases."""
    output = tft.TFTransformOutput(fn_args.transform_output)
    options = parameters.loop

    def dataset(pattern: str) -> tf.data.Dataset:
        source = tfxio.TFExampleRecord(
            pattern, schema=output.transformed_metadata.schema, telemetry_descriptors=["bench"]
        )
        return source.TensorFlowDataset(
            tfxio.TensorFlowDatasetOptions(batch_size=options.global_batch_size, label_key=LABEL_KEY)
        ).repeat()

    start = time.perf_counter()
    head = head_of(parameters.label)
    columns = parameters.resolved_features(output.raw_feature_spec())
    features = TransformedFeatures.read(columns, output)
    model = models.build(parameters.model, features=features, units=head.units)
    model.compile(
        optimizer=optimizers.build(options, steps=10**6),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=["binary_accuracy"],
    )
    model.fit(
        dataset(fn_args.train_files[0]),
        steps_per_epoch=fn_args.train_steps,
        validation_data=dataset(fn_args.eval_files[0]),
        validation_steps=10,
        verbose=0,
        callbacks=[keras.callbacks.TensorBoard(log_dir=fn_args.model_run_dir, update_freq="epoch")],
    )
    trained = time.perf_counter()
    spec = {name: feature for name, feature in output.raw_feature_spec().items() if name in columns.names()}
    model.tft_layer = output.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = model.tft_layer(tf.io.parse_example(examples, spec))
        return {"outputs": model({name: features[name] for name in model.input})}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.tft_layer(tf.io.parse_example(examples, output.raw_feature_spec()))

    tf.saved_model.save(
        model, fn_args.serving_model_dir, signatures={"serving_default": serve, "transform_features": transform}
    )
    return {"train": trained - start, "export": time.perf_counter() - trained}
