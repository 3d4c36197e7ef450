"""TabM by hand in numpy, and the form of a network that is served."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.models.test_models import BINNED, TABLE, batch, build
from trainer import models

pytestmark = pytest.mark.tensorflow

# Both ends of the axis, the bins' own ends, insides, and what is beyond.
PLACES = [[0, 5, 2.5], [4.999, -1, 9], [1, 2, 3], [0.5, 4.5, 3.25]]


def trained(units: int) -> keras.Model:
    """A network whose every weight differs from its first value."""
    model, random = build("tabm", BINNED, units=units, members=4, embedding_dim=3), np.random.default_rng(0)
    model.set_weights([random.normal(size=one.shape).astype(one.dtype) for one in model.get_weights()])
    return model


def inputs() -> dict[str, tf.Tensor]:
    return {**batch(BINNED, rows=4), "bins_5": tf.constant(PLACES)}


@pytest.mark.parametrize("units", [1, 3])
def test_each_member_is_a_network_of_its_own(units):
    model = trained(units)
    table, scale, kernel, bias = (
        layer.numpy()
        for layer in (
            model.get_layer("bins_5_embedding").table,
            model.get_layer("hidden_0").scale,
            model.get_layer("logits").kernel,
            model.get_layer("logits").bias,
        )
    )
    places = np.clip(np.array(PLACES)[:, :, None] - np.arange(5), 0, 1)
    row = np.concatenate([inputs()["numbers"], np.einsum("bnt,ntd->bnd", places, table).reshape(4, -1)], axis=1)
    expected = []
    for member in range(4):
        hidden = row * scale[member]
        for name in ("hidden_0", "hidden_1"):
            *_, weights, offset = model.get_layer(name).get_weights()
            hidden = np.maximum(hidden @ weights + offset, 0)
        linear = inputs()["numbers"].numpy() @ model.get_layer("linear").kernel.numpy()
        expected.append(hidden @ kernel[member] + bias[member] + linear)
    # Few rows are scaled themselves; for many, the kernel is.
    for copies in (1, 100):
        rows = {name: tf.repeat(values, copies, axis=0) for name, values in inputs().items()}
        logits = models.apply(model, rows, training=False)
        repeated = np.repeat(np.stack(expected, axis=1), copies, axis=0)
        np.testing.assert_allclose(logits, repeated, rtol=2e-4, atol=1e-3)


def test_the_served_form_computes_the_same_and_a_nan_stays_one():
    model = trained(1)
    served = models.served(model)
    assert type(served.get_layer("bins_5_embedding")).__name__ == "PlaceLookup"
    assert served.get_layer("hidden_0") is model.get_layer("hidden_0")
    expected = models.apply(model, inputs(), training=False)
    np.testing.assert_allclose(models.apply(served, inputs(), training=False), expected, rtol=1e-4, atol=1e-4)
    unknown = {**inputs(), "bins_5": tf.fill([4, 3], np.nan)}
    assert np.isnan(models.apply(served, unknown, training=False)).all()


def test_a_network_without_another_form_is_served_as_it_is():
    model = build("wide_and_deep", TABLE)
    assert models.served(model) is model
