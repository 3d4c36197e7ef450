"""What calls back into Python is refused before the training, since no server could run it."""

import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.test_training import fit, rows, training
from tests.trainer.training import make_arrays
from trainer.labels.config import Label
from trainer.models import python_ops
from trainer.parameters import Model
from trainer.refusal import TrainingRefused

pytestmark = pytest.mark.tensorflow


class _Calls(keras.layers.Layer):
    """A layer that calls ``function`` through one of TensorFlow's two ways back into Python."""

    def __init__(self, way):
        super().__init__()
        self._way = way

    def call(self, numbers):
        # Inside a function of the graph, where a look at its nodes alone would not find it.
        doubled = tf.function(lambda some: self._way(lambda x: x * 2, [some], tf.float32), autograph=False)
        return tf.ensure_shape(doubled(numbers), numbers.shape)


@pytest.mark.parametrize("way", ["py_function", "numpy_function"])
def test_a_network_with_python_in_it_is_refused_by_name(way, tmp_path, monkeypatch):
    def build(*, features, units):
        [(name, width)] = features.numbers.items()
        inputs = {name: keras.Input((width,), name=name)}
        return keras.Model(inputs, keras.layers.Dense(units)(_Calls(getattr(tf, way))(inputs[name])))

    module = types.ModuleType("trainer.models.pythonic")
    module.build = build
    monkeypatch.setitem(sys.modules, module.__name__, module)
    arrays = make_arrays(64)
    made = training(rows(arrays, np.arange(32)), rows(arrays, np.arange(32, 64)))
    reason = rf"^trainer\.model\.name: the network 'pythonic' has the operation '.*', a tf\.{way}: its Python"
    with pytest.raises(TrainingRefused, match=reason):
        fit(made, tmp_path, label=Label(column="label"), model=Model(name="pythonic"))


def test_a_preprocessing_fn_with_python_in_it_is_refused(tmp_path):
    class Graph(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)], autograph=False)
        def transform(self, x):
            return tf.py_function(lambda some: some * 2, [x], tf.float32)

    tf.saved_model.save(Graph(), str(tmp_path))
    with pytest.raises(
        TrainingRefused, match=r"^preprocessing_fn has the operation '.*', a tf\.py_function: its Python"
    ):
        python_ops.refuse_in_transform(str(tmp_path))
