"""What a file answers, what it reads and how large it is, for a model of each task and kind."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.components.lite.world import CASES, ROWS, TABLE, make_inputs
from trainer import models
from trainer.export import lite
from trainer.features.transformed import TransformedFeatures
from trainer.models.heads import head_of
from trainer.parameters import Model

pytestmark = pytest.mark.tensorflow

# How far the file's answers may be from Keras', at most and in the mean: in probability, or for a regression in
# standard deviations of the answers.
BOUNDS = {"float32": (1e-5, 1e-6), "float16": (2e-3, 2e-4), "dynamic_range": (0.05, 0.005), "int8": (0.2, 0.02)}


@pytest.mark.parametrize("variant", list(BOUNDS))
def test_the_file_answers_as_the_model_for_any_batch(world, variant):
    content = world.file(variant)
    expected = world.answers()
    scale = expected.std() if world.case.label.task == "regression" else 1.0
    assert expected.std() > 0.1
    for rows in (1, 7, ROWS):
        answers = lite.predict(content, {name: array[:rows] for name, array in world.inputs.items()})
        assert answers.shape == (rows, world.head.units)
        assert answers.dtype == np.float32
        differences = np.abs(answers - expected[:rows]) / scale
        at_most, in_the_mean = BOUNDS[variant]
        assert np.max(differences) < at_most
        assert rows < ROWS or np.mean(differences) < in_the_mean


def test_only_what_the_model_reads_is_an_input_and_the_types_stay(world):
    for variant in ("float32", "int8"):
        runner = lite.interpreter(world.file(variant)).get_signature_runner(lite.SIGNATURE)
        inputs = {name: detail["dtype"] for name, detail in runner.get_input_details().items()}
        assert inputs == {name: array.dtype.type for name, array in world.inputs.items()}
        assert list(runner.get_output_details()) == [world.head.output]


def test_int8_computes_in_integers_alone(world):
    interpreter = lite.interpreter(world.file("int8"))
    ends = {detail["index"] for detail in [*interpreter.get_input_details(), *interpreter.get_output_details()]}
    inner = [detail for detail in interpreter.get_tensor_details() if detail["index"] not in ends and detail["name"]]
    assert sum(detail["dtype"] == np.int8 for detail in inner) > 5
    assert [detail["name"] for detail in inner if detail["dtype"] == np.float32] == []


def test_a_quantised_file_is_smaller_and_the_same_model_gives_the_same_bytes(world):
    sizes = {}
    for variant in ("float32", "int8"):
        content = world.file(variant)
        assert world.convert(variant) == content
        sizes[variant] = len(content)
    assert sizes["int8"] < 0.75 * sizes["float32"]


def test_int8_needs_examples(world):
    inputs = lite.input_specs(world.model, world.specs())
    with pytest.raises(ValueError, match="representative"):
        lite.convert(model=world.model, head=world.head, inputs=inputs, variant="int8")


def test_a_feature_that_is_not_there_is_named():
    model = models.build(Model(), features=TransformedFeatures(**TABLE), units=1)
    with pytest.raises(ValueError, match="'ids'"):
        lite.input_specs(model, {"numbers": tf.TensorSpec([None, 2])})


@pytest.mark.parametrize("precision", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["wide_and_deep", "dnn"])
def test_a_model_trained_in_half_precision_is_converted_in_float32(name, precision):
    features = TransformedFeatures(**TABLE)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = models.build(Model(name=name), features=features, units=1)
    finally:
        keras.config.set_dtype_policy(before)
    inputs, head = make_inputs(features), head_of(CASES["binary"].label)
    specs = {name: tf.TensorSpec([None, *array.shape[1:]], array.dtype) for name, array in inputs.items()}
    content = lite.convert(model=model, head=head, inputs=lite.input_specs(model, specs), variant="float32")
    exact = models.build(Model(name=name), features=features, units=1)
    exact.set_weights(model.get_weights())
    expected = head.predictions(exact(inputs, training=False)).numpy()
    rough = head.predictions(model(inputs, training=False)).numpy()
    assert np.max(np.abs(lite.predict(content, inputs) - expected)) < 1e-5 < np.max(np.abs(rough - expected))


@pytest.mark.slow
def test_a_process_that_never_built_the_model_can_load_it(tmp_path):
    model = models.build(Model(name="lenet"), features=CASES["multiclass"].features, units=3)
    model.save(tmp_path / "model.keras")
    code = "import sys; from trainer import models; print(models.load(sys.argv[1]).count_params())"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "model.keras"], capture_output=True, text=True)
    assert done.stdout.split() == [str(model.count_params())], done.stderr
