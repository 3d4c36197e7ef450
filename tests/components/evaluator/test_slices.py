"""How rows are numbered by slice, for every form in which TFMA hands over a column."""

from __future__ import annotations

import numpy as np
import pytest
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import types

from components.evaluator.slices import Slicer
from tests.components.evaluator.evaluations import config

pytestmark = pytest.mark.tensorflow

_NO_METRICS = 'metrics_specs { metrics { class_name: "ExampleCount" } }'
_ROWS = 5


def sliced(values: object, edges: dict[str, list[float]] | None = None) -> dict[object, list[int]]:
    """The rows of each value of a column."""
    slicer = Slicer(config(_NO_METRICS, slices=("feature_keys: 'x'",)), edges)
    # Twice: the numbering continues from batch to batch.
    for _ in range(2):
        combinations = slicer.combinations({constants.FEATURES_KEY: {"x": values}}, _ROWS)
    return {key[0][1]: rows.tolist() for key, rows in slicer.rows(combinations)}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.array([[b"b"], [b"a"], [b"b"], [b""], [b"a"]], object), {"b": [0, 2], "a": [1, 4], "": [3]}),
        (np.array([[3], [1], [3], [3], [1]]), {3: [0, 2, 3], 1: [1, 4]}),
        (np.array([[3, 1], [1, 1], [2, 2], [3, 4], [4, 3]]), {3: [0, 3, 4], 1: [0, 1], 2: [2], 4: [3, 4]}),
        (
            # No value in row 1.
            types.VarLenTensorValue(
                values=np.array([7, 8, 7, 8]),
                indices=np.array([[0, 0], [2, 0], [3, 0], [4, 0]]),
                dense_shape=np.array([5, 1]),
            ),
            {7: [0, 3], 8: [2, 4]},
        ),
        (
            types.VarLenTensorValue(
                values=np.array([7, 8, 7]), indices=np.array([[0, 0], [0, 1], [4, 0]]), dense_shape=np.array([5, 2])
            ),
            {7: [0, 4], 8: [0]},
        ),
        (
            types.RaggedTensorValue(values=np.array([7, 8, 7]), nested_row_splits=[np.array([0, 2, 2, 2, 2, 3])]),
            {7: [0, 4], 8: [0]},
        ),
    ],
)
def test_rows_of_each_value(values, found):
    assert sliced(values) == found


def test_ranges_hold_their_lower_edge_and_neither_nan_nor_what_is_missing():
    edges = {"x": [5.0, 10.0]}
    dense = np.array([[4.9], [5.0], [9.99], [10.0], [np.nan]], np.float32)
    expected = {"below 5": [0], "5 to 10": [1, 2], "10 or more": [3]}
    assert sliced(dense, edges) == expected
    sparse = types.VarLenTensorValue(
        values=dense[:4, 0], indices=np.array([[0, 0], [1, 0], [2, 0], [3, 0]]), dense_shape=np.array([5, 1])
    )
    assert sliced(sparse, edges) == expected
