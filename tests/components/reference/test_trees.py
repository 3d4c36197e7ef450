"""Raw columns as numbers, and what trees make of them; figures worked out by hand or with numpy."""

import datetime
import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from components.reference import trees
from components.reference.encoder import Encoder, labels_of
from components.reference.sample import Sampler, single_values
from trainer.features.columns import Features
from trainer.labels.config import Label


def _numbers(values, entry, learnt=None) -> np.ndarray:
    features = Features.model_validate({"column": entry})
    column = values if isinstance(values, pa.Array) else pa.array(values)
    encoder = Encoder.fitted({"column": column if learnt is None else pa.array(learnt)}, features)
    return encoder.matrix({"column": column})[0]


def test_numbers_keep_their_holes():
    np.testing.assert_array_equal(_numbers([1, None, 3], "number"), [[1], [np.nan], [3]])


@pytest.mark.parametrize("words", [["a", "b", "b", "", None, "new"], [7.0, 8.0, 8.0, None, None, 9.0]])
def test_categories_are_codes_by_frequency(words):
    codes = _numbers(words, "category", learnt=words[:3])[:, 0]
    np.testing.assert_array_equal(codes, [1, 0, 0, np.nan, np.nan, 2])


def test_a_number_that_is_a_category_too_is_a_number():
    np.testing.assert_array_equal(_numbers([5, 5, 9], ["category", "number"])[:, 0], [5, 5, 9])


@pytest.mark.parametrize(
    "value", ["2024-02-29T13:30:00", "2024-02-29 14:30:00+01:00", "2024-02-29T13:30:00Z", 1709213400, 1709213400000]
)
def test_dates_are_days_months_weekdays_and_hours(value):
    days = (datetime.datetime(2024, 2, 29, 13, 30) - datetime.datetime(1970, 1, 1)).total_seconds() / 86400
    np.testing.assert_allclose(_numbers([value, None], "date"), [[days, 1, 3, 13], [np.nan] * 4])


@pytest.mark.parametrize(("value", "given"), [("29.2.2024", "%d.%m.%Y"), (20240229, "%Y%m%d")])
def test_dates_of_a_format_are_the_same(value, given):
    found = _numbers([value, None], {"kind": "date", "format": given})
    np.testing.assert_allclose(found, [[19782, 1, 3, 0], [np.nan] * 4])


def test_lists_and_texts_are_indicators_and_a_length():
    lists = _numbers(pa.array([["a", "b"], ["a"], [], None]), "list")
    np.testing.assert_array_equal(lists, [[1, 1, 2], [1, 0, 1], [0, 0, 0], [0, 0, 0]])
    cells = _numbers(["a; b", "a", None], {"kind": "list", "separator": ";"})
    np.testing.assert_array_equal(cells, [[1, 1, 2], [1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(_numbers(["Red red", "blue RED red"], "text"), [[1, 0, 2], [1, 1, 3]])


def test_vectors_and_pictures_are_columns():
    vectors = _numbers(pa.array([[1.0, 2.0], None]), {"kind": "vector", "length": 2})
    np.testing.assert_array_equal(vectors, [[1, 2], [np.nan, np.nan]])
    file = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 100, np.uint8)).save(file, "PNG")
    options = {"kind": "image", "height": 16, "width": 16, "channels": 3}
    np.testing.assert_allclose(_numbers(pa.array([file.getvalue()]), options), np.full((1, 64), 100))
    pixels = _numbers(pa.array([[7] * 144, None]), {**options, "height": 12, "width": 12, "channels": 1})
    np.testing.assert_allclose(pixels[0], np.full(64, 7))
    assert np.isnan(pixels[1]).all()


def test_labels_are_those_of_the_model():
    columns = {"y": pa.array([b"no", b"yes", b"", None])}
    np.testing.assert_array_equal(labels_of(Label(column="y"), columns), [0, 1, np.nan, np.nan])
    many = Label(column="y", task="multiclass", classes=("a", "b", "c"))
    np.testing.assert_array_equal(labels_of(many, {"y": pa.array(["c", "a", "?"])}), [2, 0, np.nan])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_trees_learn_each_task_and_are_measured(task):
    random = np.random.default_rng(0)
    matrix = np.stack([random.normal(size=600), random.integers(0, 3, 600)], axis=1)
    signal = 2 * (matrix[:, 1] == 1) + (matrix[:, 0] > 0)
    labels = {"binary": signal > 1, "multiclass": signal % 3, "regression": 10.0 * signal}[task].astype(float)
    label = Label.model_validate({"column": "y", "task": task, "classes": 3 if task == "multiclass" else None})
    predicted = trees.predictions(matrix[:400], labels[:400], matrix[400:], codes=np.array([False, True]), label=label)
    found = trees.metrics(labels[400:], predicted, label=label)
    same = trees.trivial(labels[:400], labels[400:], label=label)
    metric = "root_mean_squared_error" if task == "regression" else "accuracy"
    assert (found[metric] < 1 < same[metric]) if task == "regression" else found[metric] > 0.98 > same[metric]


def test_weights_count_in_training_and_metrics():
    matrix, labels = np.zeros((100, 1)), np.repeat([0.0, 1.0], 50)
    weights = np.where(labels == 1, 3.0, 1.0)
    label = Label(column="y")
    options = {"codes": np.array([False]), "label": label}
    predicted = trees.predictions(matrix, labels, matrix, weights=weights, **options)
    np.testing.assert_allclose(predicted[:, 1], 0.75, atol=0.01)
    assert trees.metrics(labels, predicted, label=label, weights=weights)["accuracy"] == 0.75
    assert trees.metrics(labels, predicted, label=label)["accuracy"] == 0.5


def test_a_threshold_of_the_label_decides():
    predicted = np.array([[0.7, 0.3], [0.9, 0.1]])
    assert trees.metrics(np.array([1.0, 0.0]), predicted, label=Label(column="y", threshold=0.2))["accuracy"] == 1


def test_a_sample_is_bounded_and_in_order():
    sampler = Sampler(100)
    for start in range(0, 2000, 50):
        sampler.add(pa.record_batch({"x": pa.array(range(start, start + 50))}))
    kept = sampler.table().column("x").to_pylist()
    assert 20 < len(kept) <= 100
    assert kept == sorted(kept)
    assert max(kept) > 1500


def test_lists_of_one_value_are_values():
    table = pa.table({"one": [[1], [], None, [4]], "many": [[1, 2], [], [3], [4]]})
    single = single_values(table)
    assert single.column("one").to_pylist() == [1, None, None, 4]
    assert single.column("many").to_pylist() == [[1, 2], [], [3], [4]]
