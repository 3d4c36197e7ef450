import datetime

import pyarrow as pa
import pytest
import tensorflow as tf

from components.parquet_executor import UnsupportedColumn, table_to_examples


def values(example: bytes) -> dict:
    features = tf.train.Example.FromString(example).features.feature
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value) if feature.WhichOneof("kind") else []
        for name, feature in features.items()
    }


def test_zeros_and_empty_texts_are_values_and_nulls_are_none():
    table = pa.table(
        {
            "fare": pa.array([0.0, None, 2.5]),
            "count": pa.array([0, 7, None], pa.int32()),
            "paid": pa.array([False, True, None]),
            "kind": ["", "card", None],
        }
    )
    assert [values(example) for example in table_to_examples(table)] == [
        {"fare": [0.0], "count": [0], "paid": [0], "kind": [b""]},
        {"fare": [], "count": [7], "paid": [1], "kind": [b"card"]},
        {"fare": [2.5], "count": [], "paid": [], "kind": []},
    ]


def test_order_is_kept_over_chunks():
    chunks = [pa.table({"x": [1, 2]}), pa.table({"x": [3]})]
    assert [values(example)["x"] for example in table_to_examples(pa.concat_tables(chunks))] == [[1], [2], [3]]


def test_an_unsupported_type_names_the_column():
    with pytest.raises(UnsupportedColumn, match="column 'day' has the type date32"):
        list(table_to_examples(pa.table({"day": [datetime.date(2024, 1, 1)]})))
