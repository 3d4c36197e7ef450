import numpy as np
import pytest
import tensorflow as tf

from trainer import input as batches
from trainer import loop
from trainer.features import TransformedFeatures
from trainer.input import Columns
from trainer.models import wide_and_deep
from trainer.parameters import Loop, Model

FEATURES = TransformedFeatures(numeric=("x_scaled",), categorical={"k_token": 4, "h_identity": 6})


def make_columns(rows: int) -> Columns:
    generator = np.random.default_rng(1)
    x, k = generator.normal(size=(rows, 1)), generator.integers(0, 4, (rows, 1))
    label = (x + (k == 2) > 0.5).astype(np.float32)
    features = {
        "x_scaled": tf.constant(x, tf.float32),
        "k_token": tf.constant(k),
        "h_identity": tf.constant(generator.integers(0, 6, (rows, 1))),
    }
    return Columns(features=features, label=tf.constant(label), rows=rows)


def fit(columns, tmp_path, **options):
    reports = []
    model = loop.fit(
        build_model=lambda: wide_and_deep.build(features=FEATURES, options=Model(hidden_units=(8,), dropout=0.0)),
        train=columns,
        evaluation=columns,
        options=Loop(**{"global_batch_size": 32, "epochs": 3, "steps_per_loop": 4, "learning_rate": 0.02, **options}),
        summary_dir=str(tmp_path),
        report=reports.append,
    )
    return model, reports


def test_an_epoch_visits_every_row_once_and_epochs_differ():
    rows = 70
    columns = Columns(
        features={"row": tf.reshape(tf.range(rows, dtype=tf.int64), [-1, 1])}, label=tf.zeros([rows, 1]), rows=rows
    )
    steps = batches.steps_per_epoch(columns, batch_size=32)
    assert steps == 3
    taken = list(batches.train_batches(columns, batch_size=32, seed=5).take(2 * steps))
    sizes = [int(label.shape[0]) for _, label in taken]
    assert sizes == [32, 32, 6] * 2
    epochs = [
        [int(v) for features, _ in taken[part] for v in features["row"][:, 0]] for part in (slice(0, 3), slice(3, 6))
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(rows))
    assert epochs[0] != epochs[1]
    again = [int(v) for f, _ in batches.train_batches(columns, batch_size=32, seed=5).take(3) for v in f["row"][:, 0]]
    other = [int(v) for f, _ in batches.train_batches(columns, batch_size=32, seed=6).take(3) for v in f["row"][:, 0]]
    assert again == epochs[0] != other


def test_training_learns_reports_and_writes_summaries(tmp_path):
    _, reports = fit(make_columns(500), tmp_path)
    losses = [report.loss for report in reports if report.eval_auc is None]
    aucs = [report.eval_auc for report in reports if report.eval_auc is not None]
    assert losses[-1] < losses[0] / 2
    assert len(aucs) == 3
    assert aucs[-1] > 0.95
    assert reports[-1].step == reports[-1].steps == 48
    tags = {
        value.tag
        for file in tmp_path.glob("events*")
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert {"train/loss", "train/learning_rate", "train/examples_per_second", "eval/loss", "eval/auc"} <= tags


def test_a_seed_fixes_the_result(tmp_path):
    columns = make_columns(100)
    first, second, other = (
        fit(columns, tmp_path / str(index), seed=seed, epochs=1)[0].get_weights()
        for index, seed in enumerate((3, 3, 4))
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_steps_per_loop_changes_nothing_but_the_reports(tmp_path):
    columns = make_columns(100)
    one, many = (
        fit(columns, tmp_path / str(steps), epochs=2, steps_per_loop=steps)[0].get_weights() for steps in (1, 50)
    )
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(one, many, strict=True))


def test_mirrored_strategy_trains(tmp_path):
    _, reports = fit(make_columns(100), tmp_path, strategy="mirrored", epochs=1)
    assert np.isfinite(reports[-1].loss)


def test_missing_or_empty_examples_are_named(tmp_path):
    spec = {"label": tf.io.FixedLenFeature([1], tf.float32)}
    with pytest.raises(ValueError, match="no transformed examples at .*nothing"):
        batches.read_columns([str(tmp_path / "nothing-*")], spec)
    with tf.io.TFRecordWriter(str(tmp_path / "empty.gz"), "GZIP"):
        pass
    with pytest.raises(ValueError, match="are empty"):
        batches.read_columns([str(tmp_path / "empty.gz")], spec)


def test_joint_embedding_gives_each_feature_rows_of_its_own():
    layer = wide_and_deep.JointEmbedding(sizes=(2, 3), dim=1)
    layer.build((None, 2))
    layer.table.assign([[0.0], [1.0], [10.0], [11.0], [12.0]])
    ids = tf.constant([[0, 0], [1, 2], [9, -4]], tf.int64)
    assert layer(ids).numpy().tolist() == [[0.0, 10.0], [1.0, 12.0], [1.0, 10.0]]
    clone = wide_and_deep.JointEmbedding.from_config(layer.get_config())
    assert (clone.sizes, clone.dim) == ((2, 3), 1)
