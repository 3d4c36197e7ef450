"""Parquet and Arrow files as tables: types, names and damage, each refused with its place."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from components.example_gen.readers import table_files
from components.example_gen.readers.arrow_files import record_batches, schema
from components.example_gen.readers.schemas import check_schemas
from components.example_gen.readers.table_files import Piece
from components.example_gen.reading import Reading
from components.refusal import GateRefused


def check(*tables: pa.Table, **reading) -> None:
    files = [(f"{number}.parquet", table.schema) for number, table in enumerate(tables, 1)]
    check_schemas(files, Reading(kind="parquet", **reading))


def twice(name: str) -> pa.Table:
    return pa.Table.from_arrays([pa.array([1]), pa.array([0.5])], names=[name, name])


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ([twice("x1")], r"^1\.parquet: column 'x1' occurs twice"),
        ([pa.table({"": [1]})], r"^1\.parquet: column 1 of 1 has no name"),
        ([pa.table({"a\nb": [1]})], r"^1\.parquet: the name of column 1 has a control character: 'a\\nb'"),
        ([pa.table({"a": [1]}), pa.table({"b": [1]})], r"^2\.parquet lacks the column 'a', which 1\.parquet has"),
        ([pa.table({"a": [1], "b": [1]}), pa.table({"b": [1]})], r"^2\.parquet lacks the column 'a'"),
        ([pa.table({"a": [1]}), pa.table({"a": [0.5]})], r"column 'a' is float in 2\.parquet but int64 in 1\.parquet"),
        ([pa.table({"a": [datetime.time(12)]})], r"^1\.parquet: column 'a' has the type time64"),
        ([pa.table({"a": [[[1]]]})], r"^1\.parquet: column 'a' has the type list<.*list"),
        ([pa.table({"a": [{"b": 1}]})], r"^1\.parquet: column 'a' has the type struct"),
    ],
)
def test_files_that_do_not_fit_are_refused(tables, reason):
    with pytest.raises(GateRefused, match=reason):
        check(*tables)


def test_columns_that_do_not_fit_their_use_are_refused():
    lists = pa.table({"tags": [["a", "b"]], "emb": pa.array([[1.0, 2.0]], pa.list_(pa.float64(), 2)), "t": ["$1"]})
    check(lists)
    with pytest.raises(GateRefused, match=r"'tags' holds lists \(list<.*choose a kind for several values"):
        check(lists, codes=["tags"])
    with pytest.raises(GateRefused, match=r"'emb' holds lists \(fixed_size_list"):
        check(lists, numbers=["emb"])
    with pytest.raises(GateRefused, match=r"'t' is text \(string\), but the config uses it as a number"):
        check(lists, numbers=["t"])


def test_codes_may_be_integers_in_one_file_and_floats_in_another():
    check(pa.table({"a": [1]}), pa.table({"a": [1.0]}), codes=["a"])


def test_names_types_and_order_may_be_any():
    names = ["a", " a", "A", "b.c/d", "Größe (m²)"]
    check(pa.table({name: [1] for name in names}), pa.table({name: [1] for name in reversed(names)}))


def test_a_page_that_fails_its_checksum_is_refused(tmp_path):
    path = tmp_path / "d.parquet"
    numbers = np.random.default_rng(0).random(900)
    table = pa.table({"x": numbers})
    parquet.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[data.find(numbers[450].tobytes())] ^= 1
    path.write_bytes(data)
    with path.open("rb") as stream, pytest.raises(OSError, match="CRC checksum verification failed"):
        list(record_batches(stream, "parquet", 0, None))


def test_an_index_that_no_value_has_is_damage_in_its_file(tmp_path):
    groups = pa.DictionaryArray.from_arrays(pa.array([0, 9]), pa.array(["a", "b"]), safe=False)
    with pa.ipc.new_file(tmp_path / "d.arrow", pa.schema({"g": groups.type})) as writer:
        writer.write_batch(pa.record_batch({"g": groups.slice(0, 1)}))
        writer.write_batch(pa.record_batch({"g": groups}))
    with pytest.raises(GateRefused, match=r"d\.arrow is not a complete Arrow file \(.*out of bounds: 9 .*\)"):
        list(table_files.record_batches(Piece(str(tmp_path / "d.arrow")), Reading(kind="arrow"), {}))


@pytest.mark.parametrize("note", [b"{no JSON", b"[1]", b'{"index_columns": null}', b"\xff"])
def test_a_note_of_pandas_that_is_none_is_left_alone(tmp_path, note):
    table = pa.table({"x": [1]}).replace_schema_metadata({b"pandas": note})
    parquet.write_table(table, tmp_path / "d.parquet")
    with (tmp_path / "d.parquet").open("rb") as stream:
        assert schema("d.parquet", "parquet", stream).names == ["x"]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_an_index_that_pandas_wrote_without_a_name_is_left_out(tmp_path, kind):
    frame = pa.table({"x": [1, 2, 3]}).to_pandas()
    table = pa.Table.from_pandas(frame[frame["x"] != 2])
    assert table.schema.names == ["x", "__index_level_0__"]
    path = tmp_path / f"d.{kind}"
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    with path.open("rb") as stream:
        assert schema(str(path), kind, stream).names == ["x"]
        assert [batch.to_pylist() for batch in record_batches(stream, kind, 0, None)] == [[{"x": 1}, {"x": 3}]]
