import datetime
import subprocess
import sys

import pyarrow as pa
import pytest
import tensorflow as tf

from components.example_gen.encoding import to_examples
from components.example_gen.readers.schemas import UnsupportedColumn
from components.example_gen.readers.values import cleaned

pytestmark = pytest.mark.tensorflow


def table_to_examples(table: pa.Table) -> list[bytes]:
    return [example for batch in table.combine_chunks().to_batches() for example in to_examples(cleaned(batch, ()))]


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


@pytest.mark.parametrize("kind", [pa.list_(pa.uint8()), pa.large_list(pa.uint8()), pa.list_(pa.uint8(), 2)])
def test_lists_become_features_of_many_values(kind):
    table = pa.table({"pixels": pa.array([[0, 255], None, [7, 0]], kind), "row": [0, 1, 2]})
    expected = [{"pixels": [0, 255], "row": [0]}, {"pixels": [], "row": [1]}, {"pixels": [7, 0], "row": [2]}]
    assert [values(example) for example in table_to_examples(table)] == expected
    assert [values(example) for example in table_to_examples(table.slice(1))] == expected[1:]


def test_lists_may_differ_in_length_and_hold_texts():
    table = pa.table({"tags": [["a", "", "b"], [], ["c"]], "weights": [[0.5], [0.0, 1.0], []]})
    assert [values(example) for example in table_to_examples(table)] == [
        {"tags": [b"a", b"", b"b"], "weights": [0.5]},
        {"tags": [], "weights": [0.0, 1.0]},
        {"tags": [b"c"], "weights": []},
    ]


def test_a_list_of_lists_names_the_column():
    with pytest.raises(UnsupportedColumn, match="column 'pixels' has the type list"):
        list(table_to_examples(pa.table({"pixels": [[[1], [2]]]})))


@pytest.mark.slow
def test_every_process_writes_the_same_bytes_since_their_hash_decides_the_split():
    code = (
        "import pyarrow as pa; from components.example_gen.encoding import to_examples;"
        "print(to_examples(pa.record_batch({name: [1, 2] for name in 'abcdefghijklmnop'})))"
    )
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(outputs) == 1


def test_order_is_kept_over_chunks():
    chunks = [pa.table({"x": [1, 2]}), pa.table({"x": [3]})]
    assert [values(example)["x"] for example in table_to_examples(pa.concat_tables(chunks))] == [[1], [2], [3]]


def test_an_unsupported_type_names_the_column():
    with pytest.raises(UnsupportedColumn, match="column 'hour' has the type time64"):
        list(table_to_examples(pa.table({"hour": [datetime.time(12)]})))


def test_dictionaries_are_read_as_what_they_stand_for():
    """What pandas makes of its categories."""
    table = pa.table({"kind": pa.array(["card", None, "card"]).dictionary_encode()})
    assert [values(example)["kind"] for example in table_to_examples(table)] == [[b"card"], [], [b"card"]]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.large_binary(), pa.binary(1), pa.string_view(), pa.binary_view()]
)
def test_texts_of_any_layout_are_texts(kind):
    assert [values(example)["x"] for example in table_to_examples(pa.table({"x": pa.array(["a", None], kind)}))] == [
        [b"a"],
        [],
    ]
