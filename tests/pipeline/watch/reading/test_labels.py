"""Labels from files: late, twice, half written, in every format, with keys as they are written."""

import dataclasses
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.example_gen.reading import CsvOptions, Reading
from pipeline.watch.reading.keys import key_of
from pipeline.watch.reading.labels import LabelFiles, take_in, unjoined
from pipeline.watch.reading.requests import take_in as take_requests_in
from pipeline.watch.reading.requests import use_keys
from pipeline.watch.store import opened
from tests.pipeline.watch.asked import asked_of, config, request, write
from tests.shared.models.small_model import serialize
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def state(tmp_path):
    with opened(tmp_path / "watch") as connection:
        yield connection


def files(*patterns, reading=None, label=None) -> LabelFiles:
    return LabelFiles(
        patterns=list(map(str, patterns)),
        keys=["id"],
        label=label or Label(column="y"),
        reading=reading or Reading(kind="csv"),
    )


def labels(state) -> dict[str, object]:
    return {
        json.loads(key)[0]: "?" if contradicted else json.loads(value)
        for key, value, contradicted in state.execute("SELECT key, value, contradicted FROM labels")
    }


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.arrow", "a.tfrecord"])
def test_every_format_gives_the_same_labels(tmp_path, state, name):
    path, rows = tmp_path / name, {"id": ["007", "b", "c", None], "y": [1.0, 0.1, None, 1.0], "other": ["x"] * 4}
    table = pa.table(rows)
    if name.endswith("csv"):
        path.write_text("id,y,other\n007,1,x\nb,0.1,x\nc,,x\n,1,x\n")
    elif name.endswith("parquet"):
        pq.write_table(table, path)
    elif name.endswith("arrow"):
        with pa.ipc.new_file(path, table.schema) as stream:
            stream.write_table(table)
    else:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in table.to_pylist():
                writer.write(serialize({key: value for key, value in row.items() if value is not None}))
    assert list(take_in(state, files(path), now=1)) == []
    assert labels(state) == {"007": {"y": 1}, "b": {"y": pytest.approx(0.1)}}


def test_a_label_twice_is_one_in_whatever_format_and_another_one_makes_both_worthless(tmp_path, state):
    (tmp_path / "a.csv").write_text("id,y\na,1\nb,0.1\nc,1\n")
    pq.write_table(pa.table({"id": ["a", "b"], "y": pa.array([1.0, 0.1], pa.float32())}), tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text("id,y\nc,0\n")
    given = files(tmp_path)
    assert list(take_in(state, given, now=1)) == []
    assert labels(state) == {"a": {"y": 1}, "b": {"y": pytest.approx(0.1)}, "c": "?"}
    # What came first does not come back.
    (tmp_path / "d.csv").write_text("id,y\nc,1\n")
    list(take_in(state, given, now=2))
    assert labels(state)["c"] == "?"


def test_a_file_that_grows_is_read_again_and_one_that_cannot_be_read_is_a_problem_until_it_can(tmp_path, state):
    path = tmp_path / "a.csv"
    path.write_text("id,y\na,1\nb,much,2\n")
    [problem] = take_in(state, files(path), now=1)
    assert str(path) in problem
    assert labels(state) == {}
    path.write_text("id,y\na,1\n")
    assert list(take_in(state, files(path), now=1)) == []
    path.write_text("id,y\na,1\nb,0\n")
    assert list(take_in(state, files(path), now=1)) == []
    assert labels(state) == {"a": {"y": 1}, "b": {"y": 0}}
    path.write_text("id,z\na,1\n")
    [problem] = take_in(state, files(path), now=1)
    assert "has no column 'y'" in problem


def test_numbers_are_written_as_in_the_data_and_a_comparison_may_bring_both_sides(tmp_path, state):
    (tmp_path / "a.csv").write_text("id;tips;fare\n1;1,5;10\n2;2;\n")
    label = Label(column="tips", above={"column": "fare", "times": 0.2})
    reading = Reading(kind="csv", csv=CsvOptions(decimal=","), numbers=("tips", "fare"))
    assert list(take_in(state, files(tmp_path / "a.csv", reading=reading, label=label), now=1)) == []
    assert labels(state) == {"1": {"tips": 1.5, "fare": 10}, "2": {"tips": 2}}


def test_keys_are_the_same_however_a_value_is_stored():
    assert (
        key_of({"a": 7}, ["a"]) == key_of({"a": "7"}, ["a"]) == key_of({"a": 7.0}, ["a"]) == key_of({"a": b"7"}, ["a"])
    )
    assert key_of({"a": 0.1}, ["a"]) == key_of({"a": float(tf.constant(0.1))}, ["a"])
    assert key_of({"a": "1", "b": "2"}, ["a", "b"]) != key_of({"a": "1,2"}, ["a"])
    for row in ({}, {"a": ""}, {"a": None}, {"a": float("nan")}, {"a": [1, 2]}):
        assert key_of(row, ["a"]) is None
    assert key_of({"a": 1}, []) is None


def test_with_other_keys_rows_get_new_ones_and_labels_are_read_anew(tmp_path, state):
    write(tmp_path / "log" / "asked" / "a.tfrecord", [request([{"trip": "a", "town": "Ulm"}, {"town": "Ulm"}])])
    use_keys(state, [])
    take_requests_in(state, dataclasses.replace(asked_of(config(tmp_path)), keys=()))
    (tmp_path / "a.csv").write_text("id,y\na,1\n")
    list(take_in(state, files(tmp_path / "a.csv"), now=1))
    for keys, expected in ((["trip"], ['["a"]', None]), (["trip", "town"], ['["a", "Ulm"]', None]), ([], [None, None])):
        use_keys(state, keys)
        assert [row[0] for row in state.execute("SELECT key FROM rows ORDER BY id")] == expected
        assert labels(state) == {}
        list(take_in(state, files(tmp_path / "a.csv"), now=1))
        use_keys(state, keys)
        assert len(labels(state)) == 1


def test_keys_that_no_row_has_or_no_label_shares_are_a_problem(tmp_path, state):
    write(tmp_path / "log" / "asked" / "a.tfrecord", [request([{"trip": "a"}, {"town": "Ulm"}])])
    take_requests_in(state, dataclasses.replace(asked_of(config(tmp_path)), keys=["trip"]))
    path = tmp_path / "a.csv"
    other = """labels: none has the key of a logged row; a label's is ["b"], a row's ["a"]; write both alike"""
    for text, expected in (
        ("trip,y\n", []),
        ("trip,y\nb,1\n", [other]),
        ("trip,y\nb,1\na,1\n", []),
    ):
        path.write_text(text)
        list(take_in(state, dataclasses.replace(files(path), keys=["trip"]), now=1))
        assert list(unjoined(state, ["trip"])) == expected
    use_keys(state, ["id", "line"])
    assert list(unjoined(state, ["id", "line"])) == [
        "watch.keys: no logged row has 'id' and 'line', so no label finds its request; name columns that requests hold"
    ]
    assert list(unjoined(state, [])) == []
