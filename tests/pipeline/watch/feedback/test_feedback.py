"""Logged requests with labels as a span: in every format as ingest reads it, once, and never by half."""

import csv
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.example_gen.readers.record_files import RecordReader
from components.example_gen.readers.table_files import Piece
from components.example_gen.reading import CsvOptions, Reading
from components.example_gen.tables import Tables
from pipeline import cli
from pipeline.config.loading import ConfigError
from pipeline.watch.feedback import rows, writing
from pipeline.watch.feedback.destination import Destination, next_destination
from pipeline.watch.reading.requests import take_in
from pipeline.watch.store import opened
from tests.pipeline.watch.asked import LABEL, MONDAY, asked_of, config, request, trips, write
from tests.shared.models.small_model import serialize

pytestmark = pytest.mark.tensorflow

ROWS = [
    {"trip": "a", "km": 0.1, "town": "Ulm, or not", "hour": 7, "y": 1},
    {"trip": "b", "km": 2, "town": "Köln", "y": 0},
    {"trip": "c", "town": 'a "b"', "hour": 0, "y": 1},
]
EXPECTED = [
    {"km": [pytest.approx(0.1)], "town": [b"Ulm, or not"], "hour": [7], "y": [1]},
    {"km": [2.0], "town": ["Köln".encode()], "hour": [], "y": [0]},
    {"km": [], "town": [b'a "b"'], "hour": [0], "y": [1]},
]


def like(path: Path) -> Path:
    """A file of the data, in the format of its name."""
    table = pa.table({"town": ["Bonn"], "km": pa.array([1.0], pa.float32()), "hour": [3], "y": [1], "seen": [True]})
    if path.name.endswith(".parquet"):
        pq.write_table(table, path)
    elif path.name.endswith(".arrow"):
        with pa.ipc.new_file(path, table.schema) as stream:
            stream.write_table(table)
    elif ".tfrecord" in path.name:
        with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
            writer.write(serialize({"town": "Bonn", "km": 1.0, "hour": 3, "y": 1}))
    else:
        path.write_text("town;km;hour;y;seen\nBonn;1,0;3;1;1\n", encoding="cp1252")
    return path


@pytest.mark.parametrize("name", ["1.csv", "1.csv.gz", "1.parquet", "1.arrow", "1.tfrecord", "1.tfrecord.gz"])
def test_a_span_is_read_as_the_data_are(tmp_path, name):
    plain = like(tmp_path / name.removesuffix(".gz") if name.startswith("1.csv") else tmp_path / name)
    kind = name.split(".")[1]
    options = CsvOptions(decimal=",", encoding="cp1252") if kind == "csv" else CsvOptions()
    new = tmp_path / f"2{name[1:]}"
    destination = Destination(path=new, span=2, like=plain, kind=kind)
    writing.write(ROWS, destination, options, to=tmp_path / "part")
    (tmp_path / "part").rename(new)
    types = {"km": "FLOAT", "hour": "INT", "y": "INT", "town": "BYTES"} if kind == "csv" else {}
    reading = Reading(kind=kind, csv=options, types=types)
    found = []
    if kind == "tfrecord":
        for batch in RecordReader(reading).examples(str(new)):
            for example in batch:
                features = tf.train.Example.FromString(example).features.feature
                kinds = {key: one.WhichOneof("kind") for key, one in features.items()}
                found.append({key: list(getattr(features[key], kind).value) for key, kind in kinds.items() if kind})
    else:
        [tables] = Tables.of([[str(plain), str(new)]], reading)
        for batch in tables.batches(Piece(str(new))):
            for row in batch.to_pylist():
                encoded = {key: value.encode() if isinstance(value, str) else value for key, value in row.items()}
                found.append({key: [] if value is None else [value] for key, value in encoded.items()})
    assert [{key: row.get(key, []) for key in EXPECTED[0]} for row in found] == EXPECTED


@pytest.mark.parametrize(
    ("files", "there", "expected", "span"),
    [
        ("day-{SPAN}.csv", ["day-1.csv", "day-9.csv", "day-10.csv"], "day-11.csv", 11),
        ("{SPAN:3}/*.csv*", ["007/a.csv.gz"], "008/feedback.csv", 8),
        ("s{SPAN}/v{VERSION}/data.csv", ["s3/v1/data.csv", "s3/v2/data.csv"], "s4/v1/data.csv", 4),
        ("{YYYY}-{MM}-{DD}.csv", ["2026-02-27.csv"], "2026-03-02.csv", 20514),
        ("{YYYY}/{MM}/{DD}.csv", ["2026/03/02.csv"], "2026/03/03.csv", 20515),
    ],
)
def test_the_next_span(tmp_path, files, there, expected, span):
    given = config(tmp_path)
    for name in there:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("y\n")
    given = given.model_copy(update={"data": given.data.model_copy(update={"files": files})})
    destination = next_destination(given, today=date(2026, 3, 2))
    assert (destination.path, destination.span) == (tmp_path / "data" / expected, span)
    assert destination.like == tmp_path / "data" / there[-1]


@pytest.mark.parametrize(("files", "why"), [(None, "names no span"), ("day-{SPAN}.csv", "there is no day-")])
def test_without_spans_none_is_written(tmp_path, files, why):
    given = config(tmp_path)
    given = given.model_copy(update={"data": given.data.model_copy(update={"files": files})})
    with pytest.raises(ConfigError, match=why):
        next_destination(given, today=date(2026, 3, 2))


@pytest.fixture
def state(tmp_path):
    with opened(tmp_path / "watch") as connection:
        yield connection


def labelled(state, rows_, *, contradicted=()) -> None:
    with state:
        for row in rows_:
            value = json.dumps({"y": row["y"]})
            one = (json.dumps([row["trip"]]), value, 1, row["trip"] in contradicted)
            state.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)", one)


def test_each_labelled_request_is_written_once_with_its_last_values(tmp_path, state):
    write(tmp_path / "log" / "asked" / "a.tfrecord", [request(trips(1, 6))])
    changed = [{**trips(1, 1)[0], "km": 1.5}]
    write(tmp_path / "log" / "asked" / "b.tfrecord", [request(changed, time=MONDAY + 9)])
    take_in(state, asked_of(config(tmp_path)))
    labelled(state, trips(1, 4), contradicted=["1-1"])
    found = rows.unwritten(state, LABEL)
    assert [one.row["trip"] for one in found] == ["1-2", "1-3", "1-0"]
    assert found[-1].row["km"] == 1.5
    assert rows.waiting(state) == 2
    path = tmp_path / "day-2.csv"
    rows.announce(state, path, found)
    path.touch()
    rows.settle(state)
    assert rows.unwritten(state, LABEL) == []
    labelled(state, trips(1, 5), contradicted=["1-1"])
    assert [one.row["trip"] for one in rows.unwritten(state, LABEL)] == ["1-4"]


@pytest.mark.parametrize("shown", [True, False])
def test_a_kill_around_the_rename_neither_loses_nor_repeats_a_row(tmp_path, state, shown):
    write(tmp_path / "log" / "asked" / "a.tfrecord", [request(trips(1, 6))])
    take_in(state, asked_of(config(tmp_path)))
    labelled(state, trips(1, 6))
    rows.announce(state, tmp_path / "day-2.csv", rows.unwritten(state, LABEL))
    if shown:
        (tmp_path / "day-2.csv").touch()
    # The process was killed here; this is the next one.
    rows.settle(state)
    assert len(rows.unwritten(state, LABEL)) == (0 if shown else 6)
    assert state.execute("SELECT count(*) FROM spans").fetchone() == (int(shown),)


def test_the_command_writes_what_is_new_and_says_what_it_waits_for(tmp_path, capsys):
    folder = tmp_path / "runs" / "asked" / "watch"
    write(tmp_path / "log" / "asked" / "a.tfrecord", [request(trips(1, 20))])
    with opened(folder) as state:
        take_in(state, asked_of(config(tmp_path)))
        labelled(state, trips(1, 12))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "day-1.csv").write_text("km,town,y,seen\n1.0,Ulm,1,x\n")
    (tmp_path / "asked.yaml").write_text(
        "name: asked\n"
        f"data: {{path: {tmp_path}/data, files: 'day-{{SPAN}}.csv'}}\n"
        "label: {column: y}\nfeatures: {km: number, town: category}\n"
        "gates: {evaluation: {thresholds: [{metric: accuracy, min: 0.5}]}}\nserving: {model_name: asked}\n"
        f"runs: {tmp_path}/runs\n"
    )
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "local.yaml").write_text("{}\n")

    def feedback(*words: str) -> tuple[int, dict]:
        code = cli.main(["feedback", "--config", str(tmp_path / "asked.yaml"), "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    few = {"path": None, "span": None, "rows": 0, "ready": 12, "without_label": 8}
    assert feedback() == (0, few)
    path = tmp_path / "data" / "day-2.csv"
    assert not path.exists()
    assert feedback("--min-rows", "12") == (0, {**few, "path": str(path), "span": 2, "rows": 12})
    with path.open(newline="") as stream:
        found = list(csv.DictReader(stream))
    assert list(found[0]) == ["km", "town", "y", "seen"]
    assert [(one["town"], int(one["y"])) for one in found] == [(row["town"], row["y"]) for row in trips(1, 12)]
    assert [float(one["km"]) for one in found] == pytest.approx([row["km"] for row in trips(1, 12)])
    assert {one["seen"] for one in found} == {""}
    assert feedback("--min-rows", "1") == (0, {**few, "ready": 0})
    assert sorted(one.name for one in (tmp_path / "data").iterdir()) == ["day-1.csv", "day-2.csv"]
