import numpy as np
import pytest

from trainer.labels.config import Label
from trainer.labels.threshold import best_threshold
from trainer.labels.values import check, class_weights, scale

BINARY = Label(column="y")
ANIMALS = Label(column="y", task="multiclass", classes=("ant", "bee", "cow"))
AMOUNT = Label(column="y", task="regression", log=True)


def test_scale_is_mean_and_deviation_of_the_labels_or_their_logarithms():
    assert scale(np.array([1.0, 3.0], np.float32), log=False) == (2.0, 1.0)
    mean, std = scale(np.expm1(np.array([1.0, 3.0])), log=True)
    assert (mean, std) == pytest.approx((2.0, 1.0))
    assert scale(np.full(3, 7.0), log=False) == (7.0, 1.0)
    # In float32 the squares would have lost the deviation.
    assert scale(np.array([3e8, 3e8 + 64] * 1000, np.float32), log=False)[1] == pytest.approx(32.0)


@pytest.mark.parametrize(
    ("label", "values", "message"),
    [
        (
            BINARY,
            [0, 1, np.nan],
            "'y' has no usable value in 1 of 3 rows of eval; leave the rows out with label.missing",
        ),
        (ANIMALS, [0, -1, -1], "'y' has no usable value in 2 of 3 rows of eval"),
        (AMOUNT, [0, 5, np.inf], "'y' has no usable value in 1 of 3 rows"),
        (AMOUNT, [0, 5, -1.5], "label.log: 'y' is -1.5 in eval; log.* needs labels above -1"),
    ],
)
def test_labels_that_nothing_can_be_learnt_from_are_refused(label, values, message):
    with pytest.raises(ValueError, match=message):
        check(np.array(values), label=label, split="eval")


def test_other_labels_pass():
    check(np.array([0.0, 1.0]), label=BINARY, split="train")
    check(np.array([-5.0, 1e9]), label=Label(column="y", task="regression"), split="train")


def weights(given, values=(), rows=None, label=ANIMALS):
    return class_weights(given, label=label, values=np.array(values), row_weights=rows)


def test_weights_by_hand():
    assert weights({}) is None
    assert weights({"bee": 3.0}) == [1.0, 3.0, 1.0]
    with pytest.raises(ValueError, match="there is no class 'elk'; the classes are ant, bee, cow"):
        weights({"elk": 2.0})


def test_balanced_classes_have_the_same_total_and_keep_that_of_all_rows():
    # Six rows: 3 ants, 2 bees, 1 cow; a third of six is 2.
    assert weights("balanced", [0, 0, 0, 1, 1, 2]) == pytest.approx([2 / 3, 1.0, 2.0])
    # Weighted 3, 4, 5: a third of twelve is 4.
    assert weights("balanced", [0, 0, 0, 1, 1, 2], np.array([1, 1, 1, 2, 2, 5.0])) == pytest.approx([4 / 3, 1.0, 0.8])
    # Nobody is a bee.
    assert weights("balanced", [0, 0, 0, 2]) == pytest.approx([2 / 3, 1.0, 2.0])


@pytest.mark.parametrize(
    ("measure", "chosen"),
    [
        # Above 0.15, 3 of 3 are found with 1 false: 6/7. All rows give 6/8, above 0.3 it is 4/6, above 0.5 4/5.
        ("f1", (0.1 + 0.2) / 2),
        # 4 of 5 are right at 0.15 and at 0.5, fewer elsewhere; the nearer to one half is taken.
        ("accuracy", (0.4 + 0.6) / 2),
        ("balanced_accuracy", (0.4 + 0.6) / 2),
    ],
)
def test_the_best_threshold_by_hand(measure, chosen):
    probabilities, labels = np.array([0.1, 0.2, 0.4, 0.6, 0.8]), np.array([0, 1, 0, 1, 1])
    assert best_threshold(probabilities, labels, np.ones(5), measure=measure) == pytest.approx(chosen)


def test_weights_count_in_the_threshold():
    probabilities, labels = np.array([0.1, 0.2, 0.4, 0.6]), np.array([0, 1, 0, 1])
    heavy = np.array([1.0, 1.0, 5.0, 1.0])
    assert best_threshold(probabilities, labels, heavy, measure="accuracy") == pytest.approx(0.5)
    light = np.array([1.0, 5.0, 1.0, 1.0])
    assert best_threshold(probabilities, labels, light, measure="accuracy") == pytest.approx(0.15)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_one_class_leaves_the_threshold_at_one_half(labels):
    assert best_threshold(np.array([0.2, 0.3]), np.array(labels), np.ones(2), measure="f1") == 0.5


def test_it_is_the_best_of_all_by_trying_each():
    generator = np.random.default_rng(5)
    probabilities = generator.random(200).round(2)
    labels = (generator.random(200) < probabilities).astype(float)
    rows = generator.random(200)

    def f1(threshold):
        called = probabilities > threshold
        hits = np.sum(rows * called * labels)
        return 2 * hits / (np.sum(rows * called) + np.sum(rows * labels))

    found = best_threshold(probabilities, labels, rows, measure="f1")
    assert f1(found) == pytest.approx(max(f1(step / 1000) for step in range(1000)))
