"""The loop is right: what it computes, step by step."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.shared.processes import run_python
from tests.trainer.training import build_model, fit, make_arrays, make_columns
from trainer.data.batches import Batches, Call
from trainer.data.columns import Columns
from trainer.loop import optimizers
from trainer.loop.actions import TrainingDiverged
from trainer.models.heads import head_of
from trainer.options import Loop
from trainer.parameters import Label

pytestmark = pytest.mark.tensorflow


def losses_of(reports):
    return [report.loss for report in reports if report.eval is None]


def weights_differ(first, second) -> float:
    pairs = zip(first.model.get_weights(), second.model.get_weights(), strict=True)
    return max(float(np.max(np.abs(a - b), initial=0.0)) for a, b in pairs)


def with_dense_gradients(optimizer):
    """Keras squares a sparse gradient before it adds up the rows that occur twice, which is not Adam's formula."""
    apply = optimizer.apply
    optimizer.apply = lambda gradients, variables=None: apply([tf.convert_to_tensor(g) for g in gradients], variables)
    return optimizer


@pytest.mark.parametrize("optimizer", ["adamw", pytest.param("sgd", marks=pytest.mark.slow)])
def test_the_loss_of_each_step_is_that_of_model_fit(tmp_path, optimizer):
    columns, steps = make_columns(100), 200
    options = {"name": optimizer, "learning_rate": 0.02, "weight_decay": 0.01, "schedule": {"warmup_steps": 10}}
    trained, reports = fit(columns, tmp_path, epochs=None, steps=steps, steps_per_loop=1, optimizer=options, seed=7)
    ours = losses_of(reports)
    assert len(ours) == steps

    keras.utils.set_random_seed(7)
    model = build_model()
    model.compile(
        optimizer=with_dense_gradients(optimizers.build(Loop(optimizer=options), steps=steps)),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    batches = Batches(columns, batch_size=32, replicas=1, seed=7)

    def in_the_same_order():
        for step in range(steps):
            block = batches.block(Call(start=step, steps=1), replica=0, steps=1)
            rows = int(block.valid.sum())
            features = columns.layout.unpack({name: matrix[0, :rows] for name, matrix in block.matrices.items()})
            label = features.pop("label")
            yield features, label

    spec = {name: tf.TensorSpec([None, *values.shape[1:]], values.dtype) for name, values in make_arrays(1).items()}
    label = spec.pop("label")
    dataset = tf.data.Dataset.from_generator(in_the_same_order, output_signature=(spec, label))
    # An epoch of one step, since Keras reports the mean of an epoch.
    theirs = model.fit(dataset, epochs=steps, steps_per_epoch=1, verbose=0).history["loss"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert ours[-1] < ours[0]


@pytest.mark.slow
def test_the_size_of_a_call_changes_nothing(tmp_path):
    columns = make_columns(100)
    (one, one_reports), (many, many_reports) = (
        fit(columns, tmp_path, steps_per_loop=steps, dropout=0.3) for steps in (1, 50)
    )
    assert weights_differ(one, many) < 1e-6
    assert len(losses_of(one_reports)) == 12
    assert len(losses_of(many_reports)) == 3


@pytest.mark.slow
def test_a_seed_fixes_the_result(tmp_path):
    columns = make_columns(100)
    first, second, other = (fit(columns, tmp_path, seed=seed, epochs=1, dropout=0.3)[0] for seed in (3, 3, 4))
    assert weights_differ(first, second) == 0
    assert weights_differ(first, other) > 0.01


@pytest.mark.slow
def test_accumulation_is_a_larger_batch(tmp_path):
    columns = make_columns(100)
    whole, _ = fit(columns, tmp_path)
    pieces, _ = fit(columns, tmp_path, accumulation=4)
    uneven, _ = fit(columns, tmp_path, accumulation=3)
    assert weights_differ(whole, pieces) < 1e-6
    assert weights_differ(whole, uneven) < 1e-6


@pytest.mark.slow
def test_eager_and_uncompiled_steps_compute_the_same(tmp_path):
    columns = make_columns(100)
    compiled, _ = fit(columns, tmp_path, dropout=0.3)
    graph, _ = fit(columns, tmp_path, jit_compile=False, dropout=0.3)
    eager, _ = fit(columns, tmp_path, eager=True, dropout=0.3)
    assert weights_differ(compiled, graph) < 1e-5
    assert weights_differ(compiled, eager) < 1e-5


def test_clipping_bounds_the_step(tmp_path):
    columns = make_columns(32)
    sgd = {"name": "sgd", "learning_rate": 1.0, "schedule": {"decay": "constant"}}
    keras.utils.set_random_seed(0)
    start = [np.array(values) for values in build_model().get_weights()]
    trained, _ = fit(columns, tmp_path, epochs=None, steps=1, optimizer={**sgd, "clip_norm": 0.01})
    change = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(trained.model.get_weights(), start, strict=True)))
    assert change == pytest.approx(0.01, rel=1e-4)


@pytest.mark.slow
def test_averages_are_what_is_evaluated_and_returned(tmp_path):
    columns = make_columns(32)
    sgd = {"name": "sgd", "learning_rate": 0.5, "schedule": {"decay": "constant"}}
    keras.utils.set_random_seed(0)
    steps = [[np.array(values) for values in build_model().get_weights()]]
    for count in (1, 2, 3):
        steps.append(fit(columns, tmp_path, epochs=None, steps=count, optimizer=sgd)[0].model.get_weights())
    expected = steps[0]
    for weights in steps[1:]:
        expected = [0.8 * average + 0.2 * new for average, new in zip(expected, weights, strict=True)]
    averaged, _ = fit(columns, tmp_path, epochs=None, steps=3, optimizer={**sgd, "ema": 0.8})
    for got, wanted in zip(averaged.model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)
    model, arrays = averaged.model, make_arrays(32)
    label = arrays.pop("label")
    loss = np.mean(head_of(Label(column="label")).losses(label, model(arrays)))
    assert averaged.evaluation["loss"] == pytest.approx(loss, rel=1e-5)


def test_class_and_example_weights_count_as_repeated_examples(tmp_path):
    arrays = make_arrays(24)
    positive = arrays["label"][:, 0] == 1
    tripled = {name: np.concatenate([values, *[values[positive]] * 2]) for name, values in arrays.items()}
    options = {"epochs": None, "steps": 5, "global_batch_size": 96}
    repeated, _ = fit(Columns.from_arrays(tripled), tmp_path, **options)
    by_class, _ = fit(Columns.from_arrays(arrays), tmp_path, class_weights={"1": 3.0}, **options)
    weight = {"example_weight": np.where(positive, 3.0, 1.0).astype(np.float32)[:, None]}
    by_example, _ = fit(Columns.from_arrays({**arrays, **weight}), tmp_path, **options)
    assert weights_differ(repeated, by_class) < 1e-5
    assert weights_differ(repeated, by_example) < 1e-5
    assert by_example.evaluation["accuracy"] == pytest.approx(repeated.evaluation["accuracy"], abs=1e-6)


def test_label_smoothing_in_numbers():
    logits = np.array([[2.0], [-1.0]], np.float32)
    label = np.array([[1.0], [0.0]], np.float32)
    smooth = label * 0.8 + 0.1
    probability = 1 / (1 + np.exp(-logits))
    expected = -(smooth * np.log(probability) + (1 - smooth) * np.log(1 - probability))[:, 0]
    np.testing.assert_allclose(head_of(Label(column="x")).losses(label, logits, smoothing=0.2), expected, rtol=1e-6)
    head = head_of(Label(column="x", task="multiclass", classes=4))
    logits, label = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32), np.array([[2]])
    log_softmax = logits[0] - np.log(np.sum(np.exp(logits[0])))
    target = np.array([0.05, 0.05, 0.85, 0.05])
    np.testing.assert_allclose(head.losses(label, logits, smoothing=0.2), [-np.sum(target * log_softmax)], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_as_well(tmp_path, precision):
    columns = make_columns(300)
    full, _ = fit(columns, tmp_path)
    half, _ = fit(columns, tmp_path, precision=precision)
    assert keras.config.dtype_policy().name == "float32"
    assert half.model.layers[-1].compute_dtype == precision
    assert {variable.dtype for variable in half.model.trainable_variables} == {"float32"}
    assert half.evaluation["auc"] == pytest.approx(full.evaluation["auc"], abs=0.01)


def test_a_scaled_loss_outlives_an_overflow(tmp_path):
    """Gradients of a float16 loss that is scaled by 2 ** 15 overflow; such a step must leave the weights alone."""
    arrays = make_arrays(64)
    arrays["numbers"] = arrays["numbers"] * 100
    trained, _ = fit(Columns.from_arrays(arrays), tmp_path, precision="float16", optimizer={"clip_norm": 1.0})
    assert all(np.all(np.isfinite(values)) for values in trained.model.get_weights())


def test_the_other_tasks_learn(tmp_path):
    arrays = make_arrays(300)
    many = {**arrays, "label": arrays["ids"][:, :1]}
    label = Label(column="label", task="multiclass", classes=4)
    assert fit(Columns.from_arrays(many), tmp_path, label=label, epochs=10)[0].evaluation["accuracy"] > 0.95
    number = {**arrays, "label": arrays["numbers"] * 2 + 1}
    label = Label(column="label", task="regression")
    trained, reports = fit(Columns.from_arrays(number), tmp_path, label=label, epochs=20)
    assert trained.evaluation["mean_absolute_error"] < 0.2
    assert "mean_absolute_error" in reports[0].metrics


def test_early_stopping_goes_back_to_the_best(tmp_path):
    arrays = make_arrays(60)
    arrays["label"] = np.random.default_rng(5).permutation(arrays["label"])
    options = {"epochs": 30, "optimizer": {"learning_rate": 0.05}, "evaluate_every_steps": 2}
    stopping = {"metric": "loss", "patience": 3, "min_delta": 0.01}
    trained, reports = fit(Columns.from_arrays(arrays), tmp_path, early_stopping=stopping, **options)
    evaluations = {report.step: report.eval["loss"] for report in reports if report.eval}
    assert trained.steps == max(evaluations) < 60
    best = max(step for step, loss in evaluations.items() if loss == trained.evaluation["loss"])
    assert trained.steps == best + 3 * 2
    label = arrays.pop("label")
    loss = np.mean(head_of(Label(column="label")).losses(label, trained.model(arrays)))
    assert loss == pytest.approx(trained.evaluation["loss"], rel=1e-5)
    assert abs(loss - evaluations[max(evaluations)]) > 1e-4
    arrays["label"] = label
    with pytest.raises(ValueError, match="early_stopping.metric: there is no 'f1'; there are loss, auc, accuracy"):
        fit(Columns.from_arrays(arrays), tmp_path, early_stopping={"metric": "f1"})


def test_a_diverging_training_says_so(tmp_path):
    arrays = make_arrays(60)
    arrays["numbers"][10] = np.inf
    with pytest.raises(TrainingDiverged, match="the loss is nan at step .*lower optimizer.learning_rate"):
        fit(Columns.from_arrays(arrays), tmp_path)


def test_options_without_effect_are_named(tmp_path, caplog):
    fit(
        make_columns(64),
        tmp_path,
        epochs=1,
        eager=True,
        jit_compile=True,
        strategy="mirrored",
        early_stopping={"patience": 5},
        optimizer={"momentum": 0.9, "schedule": {"warmup_steps": 100}},
    )
    said = " ".join(record.getMessage() for record in caplog.records if record.name == "trainer.loop.progress")
    for text in ("optimizer.momentum", "early_stopping", "warm-up of 100", "mirrored", "jit_compile"):
        assert text in said


def test_an_indivisible_batch_is_named(tmp_path):
    with pytest.raises(ValueError, match="global_batch_size: 32 does not divide among 3 replicas; take 33"):
        Batches(make_columns(10), batch_size=32, replicas=3, seed=0)


def test_models_that_xla_cannot_compile_still_train(tmp_path):
    """`jit_compile` left open compiles where it works."""

    @keras.saving.register_keras_serializable(package="test")
    class Unique(keras.layers.Layer):
        def call(self, inputs):
            return inputs + 0.0 * tf.cast(tf.size(tf.unique(tf.reshape(inputs, [-1]))[0]), inputs.dtype)

    def build():
        model = build_model()
        return keras.Model(model.inputs, Unique()(model.output))

    trained, _ = fit(make_columns(64), tmp_path, epochs=1, build=lambda: named(build()))
    assert np.isfinite(trained.evaluation["loss"])


def named(model: keras.Model) -> keras.Model:
    """With inputs as a dict, as the registry's models take them."""
    return keras.Model({tensor.name: tensor for tensor in model.inputs}, model.output)


def test_losses_are_bit_identical_to_the_golden_ones(tmp_path):
    """A refactor that should change nothing changes nothing; one file per kind of machine."""
    outcome = run_python("tests.trainer.loop.golden", str(tmp_path))
    result = json.loads(outcome.stdout.splitlines()[-1])
    if result["golden"]:
        assert result["losses"] == result["golden"]
        return
    again = json.loads(run_python("tests.trainer.loop.golden", str(tmp_path)).stdout.splitlines()[-1])
    assert result["losses"] == again["losses"]
    pytest.skip("no golden losses of this kind of machine: python -m tests.trainer.loop.golden FOLDER --write")
