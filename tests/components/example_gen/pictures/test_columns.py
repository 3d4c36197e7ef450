"""Columns of paths: the examples hold the pictures, and a path that names none is refused with its place."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from components.example_gen.pictures.columns import with_content
from components.example_gen.reading import Reading
from components.example_gen.tables import Tables
from components.refusal import GateRefused
from tests.components.example_gen.ingest import ingest, plain
from tests.shared.models.pictures import encoded, write
from tests.shared.services.remote import Remote

pytestmark = pytest.mark.tensorflow

PHOTOS = {"pictures": ("photo",)}


def table(folder: Path, kind: str, columns: dict[str, list]) -> None:
    """A table of one file, ``data/trips.KIND``."""
    path = folder / "data" / f"trips.{kind}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    elif kind == "parquet":
        # Two row groups.
        parquet.write_table(pa.table(columns), path, row_group_size=4)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.table(columns).schema) as writer:
            writer.write_table(pa.table(columns))


def by_number(output: Path) -> dict[int, list[bytes]]:
    return {row["n"][0]: row.get("photo", []) for row in plain(output)}


@pytest.mark.parametrize(
    ("kind", "runner"),
    [
        ("csv", "FnApiRunner"),
        ("parquet", "FnApiRunner"),
        ("arrow", "FnApiRunner"),
        pytest.param("parquet", "BundleBasedDirectRunner", marks=pytest.mark.slow),
    ],
)
def test_the_examples_hold_the_files_wherever_they_are(tmp_path, kind, runner):
    files = {
        "cats/1.png": write(tmp_path / "data" / "cats" / "1.png", 10),
        "cats/../far/2": write(tmp_path / "data" / "far" / "2", 20, form="JPEG"),
        str(tmp_path / "3.gif"): write(tmp_path / "3.gif", 30, form="GIF"),
        f"{Remote.scheme()}:/{tmp_path}/4.bmp": write(tmp_path / "4.bmp", 40, form="BMP"),
    }
    paths = [*files, None, "", "cats/1.png"]
    table(tmp_path, kind, {"n": [*range(len(paths))], "photo": paths})
    ingest(tmp_path / "data", tmp_path / "out", kind=kind, reading=PHOTOS, runner=runner)
    found = by_number(tmp_path / "out")
    assert found == dict(enumerate([*([content] for content in files.values()), [], [], [files["cats/1.png"]]]))


def rows(folder: Path, kind: str) -> list[dict]:
    """What is read, before it becomes examples."""
    reading = Reading(kind=kind, **PHOTOS)
    [tables] = Tables.of([[str(folder / "data" / f"trips.{kind}")]], reading)
    return [row for piece in tables.pieces() for batch in tables.batches(piece) for row in batch.to_pylist()]


def test_a_file_called_by_a_number_is_a_file(tmp_path):
    content = write(tmp_path / "data" / "17", 10)
    table(tmp_path, "csv", {"n": [1], "photo": [17]})
    assert rows(tmp_path, "csv") == [{"n": 1, "photo": content}]


REFUSED = [
    (lambda path: None, "which does not exist; add the file, or leave the cell empty"),
    (lambda path: path.mkdir(), "which is a folder; name a picture file"),
    (os.mkfifo, "which is no regular file"),
    (lambda path: path.write_bytes(b""), "which is empty; replace the file"),
    (lambda path: path.write_text("<html>"), "which is no picture: its bytes are not those of PNG, JPEG, GIF or BMP"),
    (lambda path: path.write_bytes(encoded(1)[:-20]), r"which is cut off or damaged \(.+\); replace the file"),
    (lambda path: path.write_bytes(encoded(1, form="JPEG")[:-40]), r"which is cut off or damaged \(.+\); replace"),
    (
        lambda path: Image.new("RGB", (3, 3), "red").convert("P").save(path, "BMP"),
        "which is a BMP with a table of colours, which cannot be read; save it as PNG",
    ),
    (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2**26)), "which has more than 64 MB; make the picture"),
]


@pytest.mark.parametrize(("plant", "reason"), REFUSED)
def test_what_is_no_picture_is_refused_with_file_row_and_column(tmp_path, plant, reason):
    write(tmp_path / "data" / "1.png", 1)
    plant(tmp_path / "data" / "x.png")
    table(tmp_path, "csv", {"n": [*range(21)], "photo": [*["1.png"] * 19, "x.png", "1.png"]})
    place = r"data/trips\.csv, row 20 after the header: 'photo' is 'x\.png', "
    with pytest.raises(GateRefused, match=place + reason) as error:
        rows(tmp_path, "csv")
    assert len(str(error.value)) <= 300


def test_a_refused_picture_leaves_no_shards_and_a_row_that_is_left_out_needs_none(tmp_path):
    write(tmp_path / "data" / "1.png", 1)
    table(tmp_path, "csv", {"n": [1, 2, 3], "photo": ["1.png", "x.png", "y.png"]})
    with pytest.raises(GateRefused, match=r"row 2 after the header: 'photo' is 'x\.png', which does not exist"):
        ingest(tmp_path / "data", tmp_path / "out", reading=PHOTOS)
    assert not list((tmp_path / "out").rglob("data_tfrecord-*"))
    ingest(tmp_path / "data", tmp_path / "again", reading=PHOTOS, rows={"where": "photo != 'x.png' and n < 3"})
    assert list(by_number(tmp_path / "again")) == [1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    write(tmp_path / "data" / "1.png", 1)
    (tmp_path / "data" / "1.png").chmod(0)
    table(tmp_path, "csv", {"n": [1], "photo": ["1.png"]})
    with pytest.raises(GateRefused, match=r"'1\.png', which cannot be read \(Permission denied\)"):
        rows(tmp_path, "csv")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["far://nowhere/1.png"], r"row 1: 'photo' is 'far://nowhere/1\.png', which cannot be read \(.+\); check"),
        (["https://example.com/1.png"], r"which cannot be read \(Unable to get filesystem.*\); check the address"),
        (
            ["../1.png"],
            r"row 1: 'photo' is '\.\./1\.png', which leads out of the table's folder; write an absolute path",
        ),
        (["a/../../1.png"], r"row 1: 'photo' is 'a/\.\./\.\./1\.png', which leads out of the table's folder"),
        (["a\0.png"], r"row 1: 'photo' is 'a.*\.png', which cannot be read \(embedded null byte\)"),
        ([b"\xff.png"], r"row 1: 'photo' is b'\\xff\.png', which is no path in UTF-8"),
        ([encoded(1)], r"row 1: 'photo' holds a picture, but data\.pictures says that it holds the paths of files"),
        ([17], r"column 'photo' is int64, but data\.pictures says that it holds paths of files"),
        ([["1.png"]], r"column 'photo' is list<.*>, but data\.pictures says that it holds paths of files"),
    ],
)
def test_what_is_no_path_is_refused(tmp_path, values, reason):
    table(tmp_path, "parquet", {"n": [1], "photo": values})
    with pytest.raises(GateRefused, match=reason) as error:
        rows(tmp_path, "parquet")
    assert len(str(error.value)) <= 300


def test_pictures_are_held_by_some_megabytes_whatever_the_rows(tmp_path):
    # A BMP of a million pixels has 1 MB.
    large = tmp_path / "1.bmp"
    large.write_bytes(encoded(1, form="BMP", size=(1000, 1000)))
    batch = pa.record_batch({"n": range(64), "photo": ["1.bmp"] * 64})
    parts = []
    for start, part in with_content(batch, ["photo"], folder=str(tmp_path), wanted=np.ones(64, bool)):
        assert part.nbytes < 24 * 2**20
        assert part["n"].to_pylist() == [*range(start, start + part.num_rows)]
        parts.append(part.num_rows)
    assert sum(parts) == 64
    assert len(parts) == 4


MEASURE = """
import resource, sys
from pathlib import Path
from tests.components.example_gen.ingest import ingest
ingest(Path(sys.argv[1]), Path(sys.argv[2]), reading={"pictures": ("photo",)})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_twenty_times_the_pictures_need_no_more_memory(tmp_path):
    peaks = []
    for rows in (20, 400):
        folder = tmp_path / str(rows)
        table(folder, "csv", {"n": [*range(rows)], "photo": ["1.bmp"] * rows})
        (folder / "data" / "1.bmp").write_bytes(encoded(1, form="BMP", size=(1000, 1000)))
        command = [sys.executable, "-c", MEASURE, str(folder / "data"), str(folder / "out")]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    assert peaks[1] - peaks[0] < 150, peaks
