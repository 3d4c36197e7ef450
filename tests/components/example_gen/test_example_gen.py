"""ExampleGen reads files of every format, in memory that no row adds to, and refuses bad ones."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

from components.example_gen.readers.table_files import Piece, pieces, record_batches
from components.example_gen.reading import Reading
from components.example_gen.shards import ShardWriter
from components.refusal import GateRefused
from tests.components.example_gen.ingest import ingest, plain, written
from tests.shared.services.remote import Remote

pytestmark = pytest.mark.tensorflow

TAXI = Path("data/taxi")
# Neither this process's streaming nor an engine: TFX's own way through Beam.
THROUGH_BEAM = "BundleBasedDirectRunner"
_SLOW_BEAM = pytest.param(THROUGH_BEAM, marks=pytest.mark.slow)


def test_the_types_of_the_schema_win_and_other_columns_are_inferred_over_all_files(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "1.csv").write_text("zip,count,new\n01234,1,1\n")
    (tmp_path / "data" / "2.csv").write_text("zip,count,new\n99999,2,x\n")
    ingest(tmp_path / "data", tmp_path / "out", types={"zip": "BYTES", "count": "FLOAT", "absent": "INT"})
    assert sorted(plain(tmp_path / "out"), key=str) == [
        {"zip": [b"01234"], "count": [1.0], "new": [b"1"]},
        {"zip": [b"99999"], "count": [2.0], "new": [b"x"]},
    ]


REFUSED = [
    (
        "a,b\n1,2\n3,x\n",
        {"a": "INT", "b": "INT"},
        r"1\.csv, row 2 after the header: 'b' is 'x', but the schema says INT",
    ),
    ("a,b\n1,2.5\n", {"a": "INT", "b": "INT"}, r"row 1 after the header: 'b' is '2\.5', but the schema says INT"),
    ("a,b\n1,2\n3\n", {}, r"1\.csv, row 2 after the header has 1 cells, the header has 2: '3'"),
    ("a,b\n1,2\n\n3,4,5\n", {}, r"row 2 after the header has 3 cells, the header has 2"),
    ('a,b\n1,"2\n3,4\n', {}, r"a quote is opened but never closed"),
    (b"a,b\n1,\xff\n", {}, r"1\.csv, line 1 after the header: b'1,\\xff' is not UTF-8 text"),
    ("a,a\n1,2\n", {}, r"column 'a' occurs twice"),
    (b"\xff,b\n1,2\n", {}, r"not text in utf-8 \(byte 0xff\); set data\.csv\.encoding"),
]


@pytest.mark.parametrize("runner", ["FnApiRunner", _SLOW_BEAM])
@pytest.mark.parametrize(("text", "types", "reason"), REFUSED)
def test_bad_csv_is_refused_with_file_row_and_column(tmp_path, text, types, reason, runner):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "1.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    # Beam wraps what a step raises.
    with pytest.raises(GateRefused if runner == "FnApiRunner" else Exception, match=reason):
        ingest(tmp_path / "data", tmp_path / "out", types=types, runner=runner)
    assert not list((tmp_path / "out").rglob("data_tfrecord-*"))


def test_files_may_order_their_columns_as_they_like(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,x\n")
    (tmp_path / "2.csv").write_text("b,a\ny,2\n")
    ingest(tmp_path, tmp_path / "out")
    assert sorted(plain(tmp_path / "out"), key=str) == [{"a": [1], "b": [b"x"]}, {"a": [2], "b": [b"y"]}]


def test_files_with_other_columns_and_no_file_at_all_are_refused(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("a\n1\n")
    with pytest.raises(GateRefused, match=r"2\.csv lacks the column 'b', which .*1\.csv has"):
        ingest(tmp_path, tmp_path / "out")
    with pytest.raises(GateRefused, match=r"no file matches .*\*\.parquet"):
        ingest(tmp_path, tmp_path / "out", kind="parquet")


def test_numbers_of_thousands_of_digits_are_texts(tmp_path):
    (tmp_path / "1.csv").write_text("a\n" + "9" * 5000 + "\n1\n")
    ingest(tmp_path, tmp_path / "out")
    assert {row["a"][0] for row in plain(tmp_path / "out")} == {b"9" * 5000, b"1"}


def test_a_column_of_two_types_is_refused_with_both_files(tmp_path):
    parquet.write_table(pa.table({"a": [1], "b": pa.nulls(1)}), tmp_path / "1.parquet")
    parquet.write_table(pa.table({"a": [1], "b": [0.5]}), tmp_path / "2.parquet")
    ingest(tmp_path, tmp_path / "out", kind="parquet")
    parquet.write_table(pa.table({"a": [1.5], "b": [0.5]}), tmp_path / "3.parquet")
    with pytest.raises(GateRefused, match=r"column 'a' is float in .*3\.parquet but int64 in .*1\.parquet"):
        ingest(tmp_path, tmp_path / "again", kind="parquet")


def test_a_type_that_no_example_has_is_refused_with_its_file(tmp_path):
    parquet.write_table(pa.table({"t": pa.array([0], pa.time32("s"))}), tmp_path / "1.parquet")
    with pytest.raises(GateRefused, match=r"1\.parquet: column 't' has the type time32.*cast it"):
        ingest(tmp_path, tmp_path / "out", kind="parquet")


def test_no_row_at_all_is_refused(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n")
    with pytest.raises(GateRefused, match=r"there are no rows in .*1\.csv"):
        ingest(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_the_pieces_of_a_file_are_all_its_rows(tmp_path, kind, monkeypatch):
    write_table(kind, tmp_path / f"1.{kind}")
    monkeypatch.setattr(
        "components.example_gen.readers.table_files._PIECE_BYTES", (tmp_path / f"1.{kind}").stat().st_size // 2
    )
    reading = Reading(kind=kind)
    parts = pieces(str(tmp_path / f"1.{kind}"), reading)
    assert len(parts) == 2
    rows = [row for part in parts for batch in record_batches(part, reading, {}) for row in batch["row"].to_pylist()]
    assert rows == [*range(3000)]


def test_a_schema_of_structures_is_refused_and_one_without_a_type_is_inferred(tmp_path):
    (tmp_path / "1.csv").write_text("a\n1\n")
    with pytest.raises(GateRefused, match="schema says that .a. is STRUCT"):
        ingest(tmp_path, tmp_path / "out", types={"a": "STRUCT"})
    ingest(tmp_path, tmp_path / "again", types={"a": "TYPE_UNKNOWN"})
    assert plain(tmp_path / "again") == [{"a": [1]}]


TABLE = pa.table(
    {
        "fare": pa.array([0.0, None, 2.5] * 1000),
        "kind": ["", "card", None] * 1000,
        "tags": [["a", ""], [], None] * 1000,
        "row": range(3000),
    }
)


def write_table(kind: str, path: Path) -> None:
    if kind == "parquet":
        parquet.write_table(TABLE, path, row_group_size=700)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=700)


@pytest.mark.parametrize("runner", ["FnApiRunner", _SLOW_BEAM])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_row_groups_and_record_batches_are_all_read_once(tmp_path, kind, runner):
    write_table(kind, tmp_path / f"1.{kind}")
    ingest(tmp_path, tmp_path / "out", kind=kind, runner=runner)
    rows = sorted(plain(tmp_path / "out"), key=lambda row: row["row"])
    assert [row["row"] for row in rows] == [[row] for row in range(3000)]
    assert rows[0] == {"row": [0], "fare": [0.0], "kind": [b""], "tags": [b"a", b""]}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_file_that_was_cut_off_is_refused(tmp_path, kind):
    file = tmp_path / f"1.{kind}"
    write_table(kind, file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(GateRefused, match=rf"1\.{kind} is not a complete (Parquet|Arrow) file"):
        ingest(tmp_path, tmp_path / "out", kind=kind)


def test_a_remote_file_is_read_like_one_here(tmp_path):
    assert Remote.scheme() == "far"
    write_table("parquet", tmp_path / "1.parquet")
    write_table("arrow", tmp_path / "1.arrow")
    (tmp_path / "1.csv").write_text("a,b\n" + "1,2\n" * 199)
    for kind, rows in (("parquet", 3000), ("arrow", 3000), ("csv", 199)):
        assert sum(1 for _ in pieces(f"far:/{tmp_path}/1.{kind}", Reading(kind=kind))) == 1
        batches = [
            *record_batches(Piece(f"far:/{tmp_path}/1.{kind}"), Reading(kind=kind), {"a": "BYTES", "b": "BYTES"})
        ]
        assert sum(batch.num_rows for batch in batches) == rows


def test_a_new_shard_begins_after_so_many_bytes(tmp_path):
    with ShardWriter(str(tmp_path), shard_bytes=1000) as shards:
        shards.write(bytes([number]) * 100 for number in range(25))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"data_tfrecord-{number:05d}-of-00003.gz" for number in range(3)
    ]
    records = tf.data.TFRecordDataset(sorted(map(str, tmp_path.iterdir())), "GZIP").as_numpy_iterator()
    assert [*records] == [bytes([number]) * 100 for number in range(25)]


MEASURE = """
import resource, sys
from pathlib import Path
from tests.components.example_gen.ingest import ingest, written
ingest(Path(sys.argv[1]), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_twenty_times_the_rows_need_no_more_memory(tmp_path):
    peaks = []
    header, _, rows = (TAXI / "trips.csv").read_text().partition("\n")
    for name, times in (("few", 1), ("many", 20)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trips.csv").write_text(f"{header}\n{rows * times}")
        command = [sys.executable, "-c", MEASURE, str(tmp_path / name), str(tmp_path / f"{name}-out")]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    # TFX's own would need some 650 MB more.
    assert peaks[1] - peaks[0] < 150
    assert sum(sum(rows.values()) for rows in written(tmp_path / "many-out").values()) == 20 * 15002
