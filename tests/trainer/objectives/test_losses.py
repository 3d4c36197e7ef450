"""Losses and metrics of the config's own: their numbers, and trainings that use them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.training import FEATURES, fit, make_arrays
from trainer import models
from trainer.data.columns import Columns
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY
from trainer.labels.config import Label
from trainer.models.heads import BinaryHead, MulticlassHead, RegressionHead, head_of
from trainer.objectives import losses, metrics
from trainer.objectives.chosen import Chosen, of_rows
from trainer.objectives.function import LOSSES, Loss
from trainer.parameters import Model, Parameters

pytestmark = pytest.mark.tensorflow

LABELS = {
    "binary": Label(column="label"),
    "multiclass": Label(column="label", task="multiclass", classes=3),
    "regression": Label(column="label", task="regression"),
}


def numbers(function, target, output, **options):
    return np.asarray(function(tf.constant(target, tf.float32), tf.constant(output, tf.float32), **options))


def head_with(task: str, loss: dict):
    return head_of(LABELS[task], chosen=Chosen(loss=Loss.model_validate(loss).load(LOSSES)))


def test_the_losses_by_hand():
    np.testing.assert_allclose(numbers(losses.mae, [[1], [2]], [[3], [1.5]]), [2, 0.5])
    np.testing.assert_allclose(numbers(losses.huber, [[0], [0]], [[0.5], [-3]]), [0.125, 2.5])
    np.testing.assert_allclose(numbers(losses.huber, [[0]], [[-3]], delta=2.0), [4])
    np.testing.assert_allclose(numbers(losses.quantile, [[1], [0]], [[0], [1]], level=0.9), [0.9, 0.1], rtol=1e-5)
    # A probability of 3/4 for what happened, and of 1/4.
    sure = np.log([[3.0], [3.0]])
    expected = [-np.log(0.75) * 0.25**2, -np.log(0.25) * 0.75**2]
    np.testing.assert_allclose(numbers(losses.focal, [[1], [0]], sure), expected, rtol=1e-5)


def test_the_metrics_by_hand():
    np.testing.assert_allclose(numbers(metrics.brier, [[1, 0, 0]], [[0.5, 0.25, 0.25]]), [0.375])
    np.testing.assert_allclose(numbers(metrics.pinball, [[10], [10]], [[8], [12]], level=0.75), [1.5, 0.5])
    np.testing.assert_allclose(numbers(metrics.percentage_error, [[10], [0.1]], [[8], [0.6]]), [0.2, 0.5], rtol=1e-5)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_focal_without_focus_is_cross_entropy(task):
    logits = tf.constant(np.random.default_rng(0).normal(size=(20, 1 if task == "binary" else 3)), tf.float32)
    label = tf.constant(np.arange(20)[:, None] % (2 if task == "binary" else 3), tf.float32)
    own, default = head_with(task, {"name": "focal", "gamma": 0}), head_of(LABELS[task])
    for smoothing in (0.0, 0.1):
        np.testing.assert_allclose(
            own.losses(label, logits, smoothing=smoothing),
            default.losses(label, logits, smoothing=smoothing),
            rtol=1e-4,
        )


def test_focal_has_a_gradient_where_the_network_is_sure():
    logits = tf.Variable([[200.0], [-200.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(losses.focal(tf.constant([[1.0], [1.0]]), logits, gamma=0.5))
    assert np.isfinite(tape.gradient(loss, logits)).all()


def test_the_loss_of_an_ensemble_is_the_mean_of_its_members():
    head = head_with("regression", {"name": "quantile", "level": 0.8})
    label, logits = tf.constant([[1.0], [2.0]]), tf.constant([[[0.0], [3.0]], [[2.0], [5.0]]])
    each = np.stack([head.losses(label, logits[:, member]) for member in range(2)])
    np.testing.assert_allclose(head.losses(label, logits), each.mean(axis=0), rtol=1e-6)
    assert each.std() > 0


def test_a_regression_s_loss_sees_standard_deviations_from_the_mean():
    seen = {}

    def look(target, output):
        seen.update(target=target.numpy(), output=output.numpy())
        return target[:, 0]

    head = RegressionHead(mean=10.0, std=2.0, chosen=Chosen(loss=look))
    head.losses(tf.constant([[12.0]]), tf.constant([[9.0]]))
    assert (seen["target"], seen["output"]) == (1.0, -0.5)


@pytest.mark.parametrize("head", [BinaryHead, MulticlassHead, RegressionHead])
def test_a_mean_instead_of_a_loss_for_each_example_is_named(head):
    def mean(target, output):
        return keras.ops.mean((target - output) ** 2)

    made = head(**({"units": 2} if head is MulticlassHead else {}), chosen=Chosen(loss=mean))
    with pytest.raises(ValueError, match=r"trainer\.loss: must return one figure for each example, \[batch\]"):
        made.losses(tf.zeros([4, 1]), tf.zeros([4, made.units]))


def test_a_class_reaches_a_metric_as_one_hot():
    found = of_rows(
        lambda label, prediction: label[:, 2] - prediction[:, 0], np.array([[2], [0]]), np.eye(3)[:2], what=""
    )
    np.testing.assert_array_equal(found, [0, 0])


def arrays(task: str) -> dict[str, np.ndarray]:
    made = make_arrays(200)
    if task == "multiclass":
        made["label"] = (made["ids"][:, :1] % 3).astype(np.int64)
    if task == "regression":
        made["label"] = made["numbers"] + made["ids"][:, :1].astype(np.float32)
    return made


@pytest.mark.parametrize(
    ("network", "task", "loss", "options"),
    [
        ("tabm", "regression", {"name": "quantile", "level": 0.9}, {}),
        pytest.param(
            "wide_and_deep",
            "multiclass",
            {"name": "focal"},
            {"class_weights": {"0": 2.0}, "jit_compile": True},
            marks=pytest.mark.slow,
        ),
        ("dnn", "binary", {"name": "focal", "gamma": 1.0}, {"precision": "bfloat16", "label_smoothing": 0.1}),
        pytest.param("tabm", "binary", {"name": "focal"}, {"precision": "float16"}, marks=pytest.mark.slow),
        pytest.param("dnn", "regression", {"name": "huber"}, {"jit_compile": False}, marks=pytest.mark.slow),
        pytest.param("wide_and_deep", "regression", {"name": "mae"}, {"eager": True}, marks=pytest.mark.slow),
        pytest.param("tabm", "multiclass", {"name": "focal"}, {"accumulation": 2}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_training_minimises_it(tmp_path, network, task, loss, options):
    label = LABELS[task]
    given = Parameters(
        label=label,
        loss=loss,
        metrics={"own": "brier" if task != "regression" else "pinball"},
        model=Model(name=network),
    )
    units = head_of(label).units
    trained, reports = fit(
        Columns.from_arrays({**arrays(task), EXAMPLE_WEIGHT_KEY: np.full((200, 1), 2, np.float32)}),
        tmp_path,
        label=label,
        chosen=Chosen.of(given),
        build=lambda: models.build(given.model, features=FEATURES, units=units),
        **{"epochs": 8, **options},
    )
    seen = [report.eval for report in reports if report.eval]
    assert set(seen[0]) >= {"loss", "own"}
    assert seen[-1]["loss"] < seen[0]["loss"]
    assert np.isfinite(trained.evaluation["own"])


@pytest.mark.slow
def test_a_quantile_lies_above_that_share_of_the_labels(tmp_path):
    made = arrays("regression")
    made["label"] = made["label"] + np.random.default_rng(3).exponential(size=(200, 1)).astype(np.float32)
    for level in (0.1, 0.9):
        given = Parameters(label=LABELS["regression"], loss={"name": "quantile", "level": level})
        trained, _ = fit(
            Columns.from_arrays(made), tmp_path / str(level), label=given.label, chosen=Chosen.of(given), epochs=60
        )
        features = {name: tf.constant(made[name]) for name in ("numbers", "ids")}
        predictions = models.apply(trained.model, features, training=False).numpy()
        assert np.mean(made["label"] <= predictions) == pytest.approx(level, abs=0.08)
