"""The graph and the config agree on the label of every raw value, of every type that a column may have."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.labels.config import Label
from trainer.labels.transform import label_of

pytestmark = pytest.mark.tensorflow

TEXTS = ["True", "FALSE", " yes ", "n", "1", "maybe", "Benign", "benign", "malignant", "17031", "", None]
NUMBERS = [0, 1, 2, 3, 17031, -1, None]
FLOATS = [0.0, 1.0, 2.0, 0.5, 17031.0, -1.0, -7.5, None]

NAMED = [
    {},
    {"classes": ("benign", "malignant")},
    {"classes": (1, 2)},
    {"positive": "malignant"},
    {"positive": 2},
    {"task": "multiclass", "classes": ("benign", "malignant", "17031")},
    {"task": "multiclass", "classes": (-1, 2, 17031)},
]
COUNTED = [{"above": 1}, {"above": {"column": "x", "times": 0.5}}, {"task": "regression"}]


def raw(values: list, dtype: tf.DType, *, dense: bool):
    if dense:
        present = [value for value in values if value is not None]
        return tf.constant(present, dtype)[:, tf.newaxis], present
    rows = [[index, 0] for index, value in enumerate(values) if value is not None]
    given = tf.constant([value for value in values if value is not None], dtype)
    return tf.SparseTensor(rows, given, [len(values), 1]), values


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize(
    ("options", "values", "dtype"),
    [
        *[(options, TEXTS, tf.string) for options in NAMED],
        *[(options, NUMBERS, tf.int64) for options in [*NAMED, *COUNTED, {"task": "multiclass", "classes": 3}]],
        *[(options, FLOATS, tf.float32) for options in [*NAMED, *COUNTED, {"task": "multiclass", "classes": 3}]],
    ],
)
def test_graph_and_config_agree(options, values, dtype, dense):
    label = Label(column="y", **options)
    column, values = raw(values, dtype, dense=dense)
    other = tf.constant([[2.0 if index % 2 else 3.0] for index in range(len(values))])
    found = tf.function(lambda: label_of(label, {"y": column, "x": other}))()
    assert found.dtype == (tf.int64 if label.task == "multiclass" else tf.float32)
    wanted = [label.of({"y": value, "x": float(x)}) for value, x in zip(values, other.numpy()[:, 0], strict=True)]
    np.testing.assert_array_equal(found.numpy()[:, 0], np.array(wanted, np.float32))


def test_an_id_beyond_2_to_the_24_is_not_rounded():
    label = Label(column="y", task="multiclass", classes=(2**53 + 1, 2**53 + 2))
    found = label_of(label, {"y": tf.constant([[2**53 + 2], [2**53 + 1], [2**53]], tf.int64)})
    assert found.numpy()[:, 0].tolist() == [1, 0, -1]


def test_a_missing_number_is_no_label():
    label = Label(column="y", positive=2)
    found = label_of(label, {"y": tf.constant([[2.0], [np.nan], [1.0]])})
    np.testing.assert_array_equal(found.numpy()[:, 0], [1.0, np.nan, 0.0])
