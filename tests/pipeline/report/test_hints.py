"""What is said of a refused model."""

import pytest

from pipeline.report import hints

pytestmark = pytest.mark.tensorflow


def _history(*losses: tuple[float, float], steps: int = 30):
    return [
        {"step": 10 * place, "steps": steps, "loss": train, "eval": {"loss": held_back}}
        for place, (train, held_back) in enumerate(losses, 1)
    ]


@pytest.mark.parametrize(
    ("history", "part"),
    [
        (
            _history((0.9, 0.9), (0.7, 0.8), (0.6, 0.7)),
            "still became better on held-back rows when it ended at step 30",
        ),
        (_history((0.9, 0.9), (0.3, 0.6), (0.1, 0.7)), "its loss is 0.1 in training and 0.7 on held-back rows"),
        (_history((0.9, 0.9), (0.5, 0.6), (0.5, 0.61)), None),
        (_history((0.9, 0.9), (0.5, 0.6), (0.1, 0.7), steps=500), None),
        (_history((0.2, 0.9), (0.1, 1.2), steps=500), "its loss is 0.2 in training and 0.9 on held-back rows"),
        (_history((0.9, 0.9), (0.7, 0.8), (0.6, 0.7), steps=500), None),
        ([{"step": 1, "steps": 1, "loss": 1.0, "eval": None}], None),
    ],
)
def test_a_training_that_was_too_short_or_too_long(history, part):
    found = list(hints.of_training(history))
    assert (part in found[0]) if part else not found


@pytest.mark.parametrize(
    ("model", "trees", "trivial", "parts"),
    [
        ({"auc": 0.6, "accuracy": 0.7}, {"auc": 0.9}, {"accuracy": 0.7}, ["most frequent class", "look at network"]),
        ({"auc": 0.6, "accuracy": 0.8}, {"auc": 0.61}, {"accuracy": 0.7}, ["look at data"]),
        (
            {"root_mean_squared_error": 9.9},
            {"root_mean_squared_error": 3.0},
            {"root_mean_squared_error": 10.0},
            ["answering the mean in every row", "look at network"],
        ),
        ({"accuracy": 0.8}, {}, {}, []),
    ],
)
def test_a_model_that_is_worse_than_trees_or_answers_the_same(model, trees, trivial, parts):
    found = list(hints.of_reference(model, trees, trivial, warn=0.1))
    assert len(found) == len(parts)
    for text, part in zip(found, parts, strict=True):
        assert part in text
