"""What a head learnt from the labels travels with the model, whatever kind of model it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer import models
from trainer.labels.config import Label
from trainer.loop.precision import dtype_policy, in_float32
from trainer.models.heads import head_of
from trainer.models.outcome import TargetScale, Threshold, followed_by, outcome_of

pytestmark = pytest.mark.tensorflow

FEATURES = {"a": np.array([[1.0, 2.0], [-3.0, 0.5]], np.float32)}
PRICE, AMOUNT = Label(column="y", task="regression"), Label(column="y", task="regression", log=True)


@keras.saving.register_keras_serializable(package="tests")
class Own(keras.Model):
    """A network that is no functional model."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(1)

    def call(self, inputs, training=False):
        del training
        return self.dense(inputs["a"])


def functional() -> keras.Model:
    given = keras.Input([2], name="a")
    return keras.Model({"a": given}, keras.layers.Dense(1)(given))


@pytest.mark.parametrize("network", [functional, Own])
def test_a_scale_travels_with_the_model(network, tmp_path):
    plain = network()
    before = plain(FEATURES).numpy()
    model = followed_by(plain, TargetScale(mean=300_000.0, std=90_000.0))
    wanted = 300_000 + 90_000 * before
    np.testing.assert_allclose(models.apply(model, FEATURES, training=False), wanted, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = models.load(str(tmp_path / "model.keras"))
    np.testing.assert_allclose(models.apply(loaded, FEATURES, training=False), wanted, rtol=1e-6)
    assert head_of(PRICE, outcome_of(loaded)).std == 90_000.0
    if network is functional:
        # A warm start finds the weights by their paths.
        assert {variable.path for variable in loaded.variables} == {variable.path for variable in plain.variables}


@pytest.mark.parametrize("network", [functional, Own])
def test_a_threshold_travels_with_the_model(network, tmp_path):
    layer = Threshold()
    model = followed_by(network(), layer)
    before = models.apply(model, FEATURES, training=False).numpy()
    assert layer.probability.numpy() == 0.5
    layer.probability.assign(0.25)
    model.save(tmp_path / "model.keras")
    loaded = models.load(str(tmp_path / "model.keras"))
    np.testing.assert_array_equal(models.apply(loaded, FEATURES, training=False), before)
    head = head_of(Label(column="y", threshold="best_f1"), outcome_of(in_float32(loaded)))
    assert head.threshold == 0.25


def test_half_precision_ends_before_the_scale():
    with dtype_policy("bfloat16"):
        model = followed_by(functional(), TargetScale(mean=300_000.0, std=1.0))
    answers = models.apply(model, FEATURES, training=False)
    assert answers.dtype == tf.float32
    # bfloat16 has steps of 2048 there.
    assert np.all(np.abs(answers - 300_000) < 100)


def test_a_model_without_a_layer_of_ours_has_learnt_nothing_else():
    assert outcome_of(functional()) is None


def test_a_regression_is_learnt_in_standard_deviations_and_answers_in_its_own_unit():
    head = head_of(PRICE, TargetScale(mean=100.0, std=20.0))
    label, logits = tf.constant([[100.0], [140.0]]), tf.constant([[110.0], [100.0]])
    np.testing.assert_allclose(head.losses(label, logits), [0.25, 4.0])
    np.testing.assert_allclose(head.predictions(logits), logits)
    np.testing.assert_allclose(head.score(label, logits), [10.0, 40.0])
    mean, root = head.metrics()
    for metric in (mean, root):
        metric.update_state(label, head.predictions(logits))
    assert float(mean.result()) == 25.0
    assert float(root.result()) == pytest.approx(np.sqrt((100 + 1600) / 2))


def test_the_logarithm_is_learnt_and_the_amount_is_answered():
    head = head_of(AMOUNT, TargetScale(mean=0.0, std=2.0))
    label, logits = tf.constant([[np.e - 1]]), tf.constant([[3.0]])
    np.testing.assert_allclose(head.losses(label, logits), [((3 - 1) / 2) ** 2], rtol=1e-6)
    np.testing.assert_allclose(head.predictions(logits), [[np.e**3 - 1]], rtol=1e-6)
    np.testing.assert_allclose(head.score(label, logits), [np.e**3 - np.e], rtol=1e-6)


def test_a_threshold_decides_accuracy_and_names_the_class():
    head = head_of(Label(column="y", classes=("no", "yes"), threshold=0.3))
    logits = tf.math.log(tf.constant([[1 / 9], [2 / 3], [4.0]]))  # Probabilities 0.1, 0.4, 0.8.
    label = tf.constant([[0.0], [1.0], [0.0]])
    assert head.score(label, logits).numpy().tolist() == [1, 1, 0]
    accuracy = head.metrics()[1]
    accuracy.update_state(label, head.predictions(logits))
    assert float(accuracy.result()) == pytest.approx(2 / 3)
    served = head.outputs(head.predictions(logits))
    np.testing.assert_allclose(served["probability"][:, 0], [0.1, 0.4, 0.8], rtol=1e-6)
    assert served["predicted_class"].numpy().tolist() == [[b"no"], [b"yes"], [b"yes"]]


def test_without_a_threshold_the_probability_is_served_alone():
    head = head_of(Label(column="y"))
    assert set(head.outputs(tf.constant([[0.5]]))) == {"probability"}
