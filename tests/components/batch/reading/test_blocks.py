"""Rows come with their numbers, however a file is cut into blocks, and whatever is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.batch.reading.blocks import ROWS, BatchFiles
from components.batch.reading.inputs import find
from components.example_gen.reading import Reading
from components.refusal import GateRefused


def read(files: BatchFiles, *columns: str) -> tuple[list, list, list]:
    """Row numbers, values of the first column, and bad rows, piece by piece."""
    numbers, values, bad = [], [], []
    for piece in files.pieces():
        for block in files.blocks(piece, columns):
            assert len(block.rows) <= ROWS
            assert block.batch.num_rows == len(block.rows) == len(block.files)
            numbers += block.rows.tolist()
            values += block.batch.column(0).to_pylist()
            bad += [(each.row, each.reason) for each in block.bad]
    return numbers, values, bad


def test_bad_rows_of_a_csv_file_keep_their_numbers_over_many_blocks(tmp_path):
    count, every = 120_000, 997
    wrong = [row for row in range(1, count + 1) if row % every == 0 or row == count]
    lines = [f"{row},{'x' * 40}" for row in range(1, count + 1)]
    for index, row in enumerate(wrong):
        lines[row - 1] = str(row) if index % 2 else f"{lines[row - 1]},more"
    (tmp_path / "a.csv").write_text("id,text\n" + "\n".join(lines) + "\n")
    assert (tmp_path / "a.csv").stat().st_size > 2 * 2**20
    numbers, values, bad = read(find([str(tmp_path)], Reading(kind="csv")), "id")
    assert [row for row, _ in bad] == wrong
    assert bad[0][1] == f"has 3 cells, the header has 2: '997,{'x' * 40},more'"
    assert numbers == sorted({*range(1, count + 1)} - {*wrong})
    assert values == list(map(str, numbers))


def test_a_value_behind_the_delimiter_that_ends_each_row_is_a_bad_row(tmp_path):
    (tmp_path / "a.csv").write_text("id,text,\n1,x,\n2,x,7\n3,x\n4,x,\n")
    numbers, values, bad = read(find([str(tmp_path)], Reading(kind="csv")), "id")
    assert (numbers, values) == ([1, 4], ["1", "4"])
    assert sorted(bad) == [
        (2, "has '7' behind the last delimiter, in a column without a name"),
        (3, "has 2 cells, the header has 3: '3,x'"),
    ]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_row_groups_and_record_batches_continue_the_numbers(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("components.example_gen.readers.table_files._PIECE_BYTES", 4096)
    table = pa.table({"other": ["x"] * 3000, "id": np.arange(3000)})
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=500)
    else:
        with pa.ipc.new_file(path, table.schema) as stream:
            stream.write_table(table, 500)
    files = find([str(path)], Reading(kind="csv"))
    assert len(files.pieces()) > 1
    numbers, values, bad = read(files, "id")
    assert numbers == list(range(1, 3001))
    assert values == list(range(3000))
    assert bad == []


def test_pictures_below_a_folder_are_rows(tmp_path):
    for name in ("b/2.png", "a/1.JPG", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = find([str(tmp_path)], Reading(kind="pictures"))
    assert files.reading.pictures == ("picture",)
    [piece] = files.pieces()
    [block] = files.blocks(piece, ["picture"])
    paths = [str(tmp_path / "a/1.JPG"), str(tmp_path / "b/2.png")]
    assert block.batch.to_pydict() == {"picture": paths}
    assert block.files.to_pylist() == paths


def test_what_is_named_comes_in_its_order_and_format(tmp_path, monkeypatch):
    for name in ("b.parquet", "a.parquet", "c.dat"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    def names(*words: str) -> list[str]:
        return [Path(path).name for path in find(words, Reading(kind="arrow")).paths]

    assert names("b.parquet", "a.parquet") == ["b.parquet", "a.parquet"]
    assert names("*.parquet") == names(f"{tmp_path}/[ab].parquet") == ["a.parquet", "b.parquet"]
    assert find(["c.dat"], Reading(kind="arrow")).reading.kind == "arrow"
    with pytest.raises(GateRefused, match="the input has arrow and parquet files"):
        names("*")
