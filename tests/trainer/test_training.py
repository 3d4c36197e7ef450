"""What a training makes of its rows and labels, with default options on small tables."""

import dataclasses
import logging

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.training import FEATURES, make_arrays
from trainer import models
from trainer.data.columns import Columns
from trainer.data.held_back import hold_back
from trainer.distribution import replicas
from trainer.labels.config import Label
from trainer.models.heads import head_of
from trainer.models.outcome import outcome_of
from trainer.parameters import Loop, Model, Parameters
from trainer.training import Training

pytestmark = pytest.mark.tensorflow

SHORT = Loop(global_batch_size=32, steps=60, jit_compile=False, optimizer={"learning_rate": 0.02})


SMALL = Model(hidden_units=(16,), dropout=0.0)


def training(train: dict, evaluation: dict) -> Training:
    given = {"features": FEATURES, "train": Columns.from_arrays(train), "evaluation": Columns.from_arrays(evaluation)}
    # What its ids mean only matters to a warm start.
    return Training(**{field.name: given.get(field.name) for field in dataclasses.fields(Training)})


def rows(arrays: dict, which) -> dict:
    return {name: values[which] for name, values in arrays.items()}


def fit(made: Training, folder, *, label: Label, loop: Loop = SHORT, model: Model = SMALL, **options):
    reports = []
    trained = made.fit(
        Parameters(label=label, model=model, loop=loop),
        replicas=replicas.choose("one_device"),
        checkpoints=str(folder / "checkpoints"),
        report=reports.append,
        **options,
    )
    return trained, reports


def predict(trained, label: Label, arrays: dict) -> np.ndarray:
    features = {name: tf.constant(values) for name, values in arrays.items()}
    head = head_of(label, outcome_of(trained.model))
    return head.predictions(models.apply(trained.model, features, training=False)).numpy()[:, 0]


def root_mean_square(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64))))


def prices(count: int) -> dict:
    """300,000 +- 90,000, linear in the features, with noise of 5,000."""
    arrays, generator = make_arrays(count), np.random.default_rng(2)
    price = 300_000 + 85_000 * arrays["numbers"] + 25_000 * (arrays["ids"][:, :1] == 2)
    return arrays | {"label": (price + generator.normal(0, 5000, price.shape)).astype(np.float32)}


@pytest.mark.parametrize("log", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_price_is_learnt_as_well_as_by_a_linear_model_with_default_options(log, tmp_path):
    arrays = prices(1500)
    arrays["label"] = np.maximum(arrays["label"], 10_000)
    train, evaluation = rows(arrays, slice(1000)), rows(arrays, slice(1000, None))
    label = Label(column="y", task="regression", log=log)
    trained, reports = fit(training(train, evaluation), tmp_path, label=label, loop=Loop(), model=Model())

    def table(some: dict) -> np.ndarray:
        return np.concatenate([np.ones_like(some["numbers"]), some["numbers"], some["ids"][:, :1] == 2], axis=1)

    weights = np.linalg.lstsq(table(train), train["label"][:, 0], rcond=None)[0]
    linear = root_mean_square(table(evaluation) @ weights - evaluation["label"][:, 0])
    ours = root_mean_square(predict(trained, label, evaluation) - evaluation["label"][:, 0])
    # The logarithm of a linear label is not linear.
    assert ours < (2.0 if log else 1.1) * linear
    # 850 rows are left: 27 steps of 32 an epoch, at most 100 epochs.
    assert (reports[0].steps, reports[-1].step % 27) == (2700, 0)
    assert trained.evaluation["root_mean_squared_error"] < 3 * linear


def test_early_stopping_looks_at_rows_of_train(tmp_path):
    """The eval split cannot have been looked at: nothing in it can be learnt."""
    arrays = make_arrays(600)
    evaluation = rows(arrays, slice(100)) | {"label": 1 - arrays["label"][:100]}
    trained, _ = fit(training(arrays, evaluation), tmp_path, label=Label(column="y"), loop=Loop())
    assert trained.evaluation["accuracy"] > 0.9


def test_without_a_choice_all_rows_are_learnt_and_the_eval_split_is_shown(tmp_path):
    arrays = make_arrays(600)
    evaluation = rows(arrays, slice(100)) | {"label": 1 - arrays["label"][:100]}
    trained, reports = fit(training(arrays, evaluation), tmp_path / "1", label=Label(column="y"))
    assert trained.evaluation["accuracy"] < 0.2
    assert reports[-1].steps == 60
    compared, _ = fit(training(arrays, evaluation), tmp_path / "2", label=Label(column="y"), compared=True)
    assert compared.evaluation["accuracy"] > 0.8


def test_the_rows_held_back_are_the_same_each_time_and_no_others():
    arrays = {"x": np.arange(100, dtype=np.int64)[:, None], "label": np.arange(100, dtype=np.float32)[:, None]}
    columns = Columns.from_arrays(arrays)

    def held(share: float, seed: int) -> tuple[list, list]:
        parts = hold_back(columns, share=share, seed=seed)
        return tuple(part.take(np.arange(part.rows))["float32"][:, 0].astype(int).tolist() for part in parts)

    kept, back = held(0.15, 0)
    assert sorted(kept + back) == list(range(100))
    assert (len(back), back) == (15, sorted(back))
    assert held(0.15, 0) == (kept, back)
    assert held(0.15, 1)[1] != back
    assert len(held(0.001, 0)[1]) == 1
    with pytest.raises(ValueError, match="validation: 0.999 of 100 rows of train leaves none to train on"):
        held(0.999, 0)


def test_a_training_with_rows_held_back_can_be_repeated(tmp_path):
    made = training(make_arrays(300), make_arrays(50))
    loop = SHORT.model_copy(update={"early_stopping": {"patience": 2}})
    loop = Loop.model_validate(loop.model_dump())
    first, _ = fit(made, tmp_path / "1", label=Label(column="y"), loop=loop)
    second, _ = fit(made, tmp_path / "2", label=Label(column="y"), loop=loop)
    assert first.evaluation == second.evaluation


@pytest.mark.parametrize("measure", ["f1", pytest.param("balanced_accuracy", marks=pytest.mark.slow)])
def test_the_threshold_is_chosen_on_rows_held_back(measure, tmp_path, caplog):
    arrays, generator = make_arrays(2000), np.random.default_rng(3)
    # One row in ten is positive, whatever is known about it: at one half nearly all are called negative.
    positive = generator.random((2000, 1)) < 1 / (1 + np.exp(3 - arrays["numbers"]))
    arrays["label"] = positive.astype(np.float32)
    label = Label(column="y", threshold=f"best_{measure}", classes=("no", "yes"))
    with caplog.at_level(logging.WARNING):
        trained, _ = fit(training(arrays, arrays), tmp_path, label=label)
    head = head_of(label, outcome_of(trained.model))
    assert 0.02 < head.threshold < 0.4
    assert f"threshold {head.threshold:.4f} has the best {measure} of 300 rows held back" in caplog.text
    # The figures are those of the threshold.
    _, held = hold_back(Columns.from_arrays(arrays), share=0.15, seed=0)
    some = held.layout.unpack(held.take(np.arange(held.rows)))
    called = predict(trained, label, {name: value for name, value in some.items() if name != "label"}) > head.threshold
    assert trained.evaluation["accuracy"] == pytest.approx(np.mean(called == (np.array(some["label"])[:, 0] > 0.5)))


def test_balanced_classes_are_called_as_often_as_they_could(tmp_path):
    arrays, generator = make_arrays(2000), np.random.default_rng(3)
    arrays["label"] = (generator.random((2000, 1)) < 0.1).astype(np.float32)
    plain, balanced = (
        fit(
            training(arrays, arrays),
            tmp_path / str(number),
            label=Label(column="y"),
            loop=Loop.model_validate(SHORT.model_dump() | {"class_weights": weights}),
        )[0]
        for number, weights in enumerate(({}, "balanced"))
    )
    # Nothing can be learnt but how frequent the classes are, weighted.
    assert np.mean(predict(plain, Label(column="y"), arrays)) == pytest.approx(0.1, abs=0.05)
    assert np.mean(predict(balanced, Label(column="y"), arrays)) == pytest.approx(0.5, abs=0.1)


def test_a_label_that_is_none_is_refused(tmp_path):
    arrays = make_arrays(60)
    arrays["label"][7:9] = np.nan
    with pytest.raises(ValueError, match="'y' has no usable value in 2 of 60 rows of eval"):
        fit(training(make_arrays(60), arrays), tmp_path, label=Label(column="y"))


def test_validation_without_a_choice_says_so(tmp_path, caplog):
    made = training(make_arrays(60), make_arrays(60))
    loop = SHORT.model_copy(update={"validation": 0.3})
    fit(made, tmp_path, label=Label(column="y"), loop=loop)
    assert "validation has no effect: nothing is chosen by rows that are held back" in caplog.text
