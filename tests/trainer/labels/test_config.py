import math

import pytest
from pydantic import ValidationError

from trainer.labels.config import Label

ANIMALS = Label(column="y", task="multiclass", classes=("ant", "bee", "cow"))


@pytest.mark.parametrize(
    ("row", "truth"),
    [
        ({"tips": 2.1, "fare": 10.0}, 1.0),
        ({"tips": 2.0, "fare": 10.0}, 0.0),
        ({"tips": 0.0, "fare": 0.0}, 0.0),
        ({"fare": 10.0}, math.nan),
        ({"tips": 10.0}, math.nan),
    ],
)
def test_a_comparison_of_two_columns(row, truth):
    label = Label(column="tips", above={"column": "fare", "times": 0.2})
    assert label.of(row) == pytest.approx(truth, nan_ok=True)
    assert label.columns == ("tips", "fare")


def test_a_comparison_with_a_number():
    label = Label(column="fare", above=100)
    assert [label.of({"fare": fare}) for fare in (100, 100.5, -3)] == [0.0, 1.0, 0.0]
    assert label.columns == ("fare",)


@pytest.mark.parametrize(
    ("label", "values", "truths"),
    [
        ({}, [0, 1, 1.0, True, False], [0, 1, 1, 1, 0]),
        ({}, ["True", "FALSE", " yes ", "n", b"Y", "0"], [1, 0, 1, 0, 1, 0]),
        ({}, [2, 0.5, "maybe", "", None, math.nan], [math.nan] * 6),
        ({"classes": ("benign", "malignant")}, ["malignant", "benign", "Benign"], [1, 0, math.nan]),
        ({"classes": (1, 2)}, [1, 2, 2.0, "2", 3], [0, 1, 1, 1, math.nan]),
        ({"positive": "cash"}, ["cash", "card", "Cash", None], [1, 0, 0, math.nan]),
        ({"positive": 2}, [2, 2.0, 2.5, 1], [1, 1, 0, 0]),
        ({"task": "regression"}, [-2.5, 7, None], [-2.5, 7, math.nan]),
        ({"task": "multiclass", "classes": 4}, [3, 3.0, 4, -1, 1.5, None], [3, 3, -1, -1, -1, -1]),
        ({"task": "multiclass", "classes": ("ant", "bee")}, ["bee", "ant", "elk", None], [1, 0, -1, -1]),
        ({"task": "multiclass", "classes": (9, 17031)}, [17031, 17031.0, "9", 1], [1, 1, 0, -1]),
    ],
)
def test_the_label_of_a_raw_value(label, values, truths):
    found = [Label(column="y", **label).of({"y": value}) for value in values]
    assert found == pytest.approx(truths, nan_ok=True)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ({}, ("0", "1")),
        ({"classes": ("no", "yes")}, ("no", "yes")),
        ({"positive": "cash"}, ("not cash", "cash")),
        ({"above": 3, "classes": ("small", "large")}, ("small", "large")),
        ({"task": "multiclass", "classes": 3}, ("0", "1", "2")),
        ({"task": "multiclass", "classes": (3, 9)}, ("3", "9")),
    ],
)
def test_classes_have_names(label, names):
    assert Label(column="y", **label).class_names() == names


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"task": "multiclass"}, "classes: a multiclass label needs classes"),
        ({"task": "regression", "classes": 3}, "classes: a regression label has no classes"),
        ({"classes": 2}, "classes: a binary label has two; name the one that means 0 first"),
        ({"classes": ("a", "b", "c")}, "classes: a binary label has two"),
        ({"task": "multiclass", "classes": ("a", "a")}, "name at least two, each once"),
        ({"task": "multiclass", "classes": (3, "3")}, "name at least two, each once"),
        ({"classes": [False, True]}, "YAML reads yes, no, true and false as booleans; put the text in quotes"),
        ({"positive": True}, "YAML reads yes, no, true and false as booleans"),
        ({"positive": "a", "classes": ("a", "b")}, "positive: drop it, classes says it already"),
        ({"positive": "a", "above": 3}, "positive: drop it, above says it already"),
        ({"task": "regression", "above": {"column": "x", "times": 1}}, "a comparison makes a binary label"),
        ({"task": "regression", "positive": "a"}, "positive: is for a binary label; the task is regression"),
        ({"task": "regression", "threshold": 0.3}, "threshold: is for a binary label"),
        ({"log": True}, "log: is for a regression label; the task is binary"),
        ({"threshold": 1.0}, "less than 1"),
        ({"threshold": "best"}, "best_f1"),
        ({"above": float("inf")}, "finite number"),
    ],
)
def test_a_label_must_fit_its_task(label, message):
    with pytest.raises(ValidationError, match=message):
        Label(column="y", **label)


@pytest.mark.parametrize(
    "label",
    [
        {"above": 100},
        {"above": {"column": "x", "times": 2}, "threshold": "best_f1"},
        {"positive": "1"},
        {"positive": 1, "threshold": 0.25},
        {"task": "multiclass", "classes": (3, 5)},
        {"task": "multiclass", "classes": ("3", "5")},
        {"task": "regression", "log": True},
    ],
)
def test_a_label_survives_the_journey_to_a_worker(label):
    made = Label(column="y", **label)
    assert Label.model_validate_json(made.model_dump_json()) == made
