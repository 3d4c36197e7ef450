"""Networks for pictures as TF Lite files: int8 learns its ranges from pictures, and answers as the network does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.export import lite
from trainer.features.transformed import TransformedFeatures
from trainer.models import backbone, lenet, resnet
from trainer.models.heads import head_of
from trainer.parameters import Label

pytestmark = pytest.mark.tensorflow

RANDOM = np.random.default_rng(0)
HEAD = head_of(Label(column="y", task="multiclass", classes=("dark", "light", "striped")))


def pictures(rows: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures of three classes, in whole pixel values."""
    classes = np.arange(rows) % 3
    stripes = np.where(np.arange(side) % 4 < 2, 60.0, 200.0)[np.newaxis, :, np.newaxis, np.newaxis]
    light = np.select([classes == 0, classes == 1], [60.0, 200.0], 0.0)[:, np.newaxis, np.newaxis, np.newaxis]
    plain = np.where((classes == 2)[:, np.newaxis, np.newaxis, np.newaxis], stripes, light)
    noisy = plain + RANDOM.normal(0, 25, (rows, side, side, 1))
    return np.round(np.clip(noisy, 0, 255)).astype(np.float32) / 255, classes[:, np.newaxis]


def trained(model: keras.Model, values: np.ndarray, classes: np.ndarray) -> keras.Model:
    optimizer = keras.optimizers.Adam(0.005)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(HEAD.losses(tf.constant(classes), model({"image_0": values}, training=True)))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    for _ in range(40):
        step()
    return model


@pytest.mark.parametrize("network", ["lenet", "resnet"])
def test_an_int8_file_of_pictures_answers_as_the_network(network):
    features = TransformedFeatures(images={"image_0": (12, 12, 1)})
    build, options = {
        "lenet": (lenet.build, {"filters": (8,), "hidden_units": (16,)}),
        "resnet": (resnet.build, {"filters": (8, 16)}),
    }[network]
    values, classes = pictures(90, 12)
    model = trained(build(features=features, units=3, **options), values, classes)
    inputs = {"image_0": tf.TensorSpec([None, 12, 12, 1], tf.float32)}
    converted = {
        variant: lite.convert(
            model=model, head=HEAD, inputs=inputs, variant=variant, representative=[{"image_0": values[:60]}]
        )
        for variant in ("float32", "int8")
    }
    new, answers = pictures(60, 12)
    expected = HEAD.predictions(model({"image_0": new}, training=False)).numpy()
    assert np.mean(expected.argmax(axis=1) == answers[:, 0]) > 0.9
    np.testing.assert_allclose(lite.predict(converted["float32"], {"image_0": new}), expected, atol=1e-4)
    small = lite.predict(converted["int8"], {"image_0": new})
    assert np.mean(small.argmax(axis=1) == expected.argmax(axis=1)) > 0.95
    assert np.abs(small - expected).mean() < 0.05
    assert len(converted["int8"]) < len(converted["float32"])


@pytest.mark.slow
def test_a_backbone_becomes_an_int8_file(tmp_path):
    path = str(tmp_path / "some.weights.h5")
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    features = TransformedFeatures(images={"image_0": (32, 32, 1)})
    model = backbone.build(features=features, units=3, weights=path)
    values, _ = pictures(20, 32)
    content = lite.convert(
        model=model,
        head=HEAD,
        inputs={"image_0": tf.TensorSpec([None, 32, 32, 1], tf.float32)},
        variant="int8",
        representative=[{"image_0": values}],
    )
    found = lite.predict(content, {"image_0": values})
    expected = HEAD.predictions(model({"image_0": values}, training=False)).numpy()
    np.testing.assert_allclose(found, expected, atol=0.1)
