"""How the label changes with a column."""

import numpy as np
import pytest

from pipeline.report.data.relation import MISSING, OTHER, relation


def one_hot(classes: np.ndarray) -> np.ndarray:
    return (classes[:, None] == np.arange(3)).astype(float)


def test_a_number_that_decides_explains_all_and_noise_nothing():
    random = np.random.default_rng(0)
    numbers = random.normal(size=2000)
    label = (numbers > 0).astype(float)[:, None]
    found = relation(numbers.tolist(), label)
    assert len(found.bins) == 8
    assert [one.rows for one in found.bins] == [250] * 8
    assert [one.means[0] for one in found.bins] == pytest.approx([0, 0, 0, 0, 1, 1, 1, 1], abs=0.2)
    assert found.explained > 0.9
    assert relation(random.normal(size=2000).tolist(), label).explained < 0.01
    assert relation(one_hot(random.integers(0, 3, 2000)).argmax(axis=1).tolist(), label).explained < 0.01


def test_edges_that_lie_close_together_have_names_of_their_own():
    numbers = 1.7031e10 + np.linspace(0, 1, 500)
    names = [one.words for one in relation(numbers.tolist(), numbers[:, None]).bins]
    assert len(set(names)) == len(names) == 8


def test_texts_are_ranked_and_the_rare_ones_go_together():
    towns = [f"town {place}" for place in range(9) for _ in range(20 - place)] + [None] * 5
    label = np.array([[1.0 if town == "town 0" else 0.0] for town in towns])
    found = relation(towns, label)
    assert [one.words for one in found.bins] == [*(f"town {place}" for place in range(7)), OTHER, MISSING]
    assert [one.means[0] for one in found.bins] == [1, *[0] * 8]
    assert found.bins[-1].rows == 5
    assert found.bins[-2].rows == 13 + 12


def test_classes_have_a_share_each():
    classes = np.arange(300) % 3
    found = relation([f"is {kind}" for kind in classes], one_hot(classes))
    assert [one.means for one in found.bins] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert found.explained == pytest.approx(1)


@pytest.mark.parametrize("values", [[1, 1, 1, 1], [None] * 4, [[1, 2], 1, 2, 3]])
def test_there_is_no_relation_to_lists_or_to_one_value(values):
    assert relation(values, np.array([[0.0], [1.0], [0.0], [1.0]])) is None


def test_a_label_that_never_changes_is_explained_by_nothing():
    assert relation([1.0, 2.0, 3.0, 4.0], np.ones((4, 1))).explained == 0
