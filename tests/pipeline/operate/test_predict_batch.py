"""``predict-batch`` through its command line: the model's answers are those that gRPC gives, in every format."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.client import Client
from serving.client.messages.tensors import to_array
from tests.serving.support.running import RunningServer
from tests.shared.batch import Served, errors, write
from tests.shared.models.small_model import make_rows, serialize

pytestmark = pytest.mark.tensorflow

ROWS = [
    {key: value for key, value in {**row, "id": index}.items() if key != "tips"}
    for index, row in enumerate(make_rows(1000))
]


@pytest.fixture(scope="module")
def served(small_model, tmp_path_factory) -> Served:
    return Served(small_model.saved_model, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def answers(served) -> np.ndarray:
    """What the server says over gRPC."""
    flags = ("--model_name=taxi", f"--model_base_path={served.base_path}")
    with RunningServer(*flags) as server, Client(server.target) as client:
        return client.predict("taxi", ROWS, chunk_rows=128)["probability"][:, 0]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.arrow", "a.tfrecord", "a.tfrecord.gz"])
def test_rows_without_labels_are_scored_as_over_grpc(served, answers, tmp_path, name):
    source = write(ROWS, tmp_path / name)
    assert served.predict(source, tmp_path / "out") == 0
    found = pd.read_parquet(tmp_path / "out")
    assert list(found.columns) == ["file", "row", "model_version", "probability"]
    np.testing.assert_allclose(found["probability"], answers, atol=1e-6)
    assert found["row"].tolist() == list(range(1, 1001))
    assert set(found["file"]) == {str(source)}
    assert set(found["model_version"]) == {1}
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith("_")) == ["_summary.json"]


def test_the_output_repeats_keys_and_what_the_model_was_asked(served, tmp_path):
    source = write(ROWS[:5], tmp_path / "a.parquet")
    assert served.predict(source, tmp_path / "out", "--keys", "id", "kind", "--inputs") == 0
    found = pd.read_parquet(tmp_path / "out")
    assert list(found.columns[:4]) == ["id", "kind", "model_version", "probability"]
    assert sorted(found.columns[4:]) == ["fare", "hour"]
    assert found["id"].tolist() == [0, 1, 2, 3, 4]
    assert found["kind"].tolist() == [row.get("kind") for row in ROWS[:5]]
    assert found["fare"].tolist() == [row["fare"] for row in ROWS[:5]]
    # Row 0 has no hour.
    assert found["hour"].isna().tolist() == [True, False, False, False, False]


def test_a_prediction_log_holds_requests_and_answers(served, answers, tmp_path):
    source = write(ROWS, tmp_path / "a.csv")
    assert served.predict(source, tmp_path / "out", "--format", "prediction_log") == 0
    [path] = (tmp_path / "out").glob("predictions-*")
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record).predict_log
        for record in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator()
    ]
    said = np.concatenate([to_array(log.response.outputs["probability"]) for log in logs])[:, 0]
    np.testing.assert_allclose(said, answers, atol=1e-6)
    asked = np.concatenate([to_array(log.request.inputs["fare"]) for log in logs])
    np.testing.assert_array_equal(asked, np.array([row["fare"] for row in ROWS], np.float32))
    assert logs[0].response.model_spec.version.value == 1


def test_bad_rows_are_told_and_their_number_decides_the_exit_code(served, tmp_path, capsys):
    (tmp_path / "a.csv").write_text(
        "fare,kind,hour,id\n1.5,cash,3,a\n2.5,cash\nmuch,card,4,b\n\n3.5,card,5,c,6,7\n4.5,,,d\n5.5,cash,2.5,e\n"
    )
    assert served.predict(tmp_path / "a.csv", tmp_path / "out", "--keys", "id") == 3
    assert capsys.readouterr().err == f"4 bad rows: {tmp_path}/out/_errors.jsonl says why\n"
    assert errors(tmp_path / "out") == [
        (2, "has 2 cells, the header has 4: '2.5,cash'"),
        (3, "fare: 'much' is not a number"),
        (4, "has 6 cells, the header has 4: '3.5,card,5,c,6,7'"),
        (6, "hour: '2.5' is not a whole number"),
    ]
    told = [json.loads(line)["keys"] for line in (tmp_path / "out" / "_errors.jsonl").read_text().splitlines()]
    assert told == [{}, {"id": "b"}, {}, {"id": "e"}]
    assert pd.read_parquet(tmp_path / "out")["id"].tolist() == ["a", "d"]
    assert served.predict(tmp_path / "a.csv", tmp_path / "other", "--max-bad", "4") == 0


def test_records_that_are_no_examples_and_features_of_two_types(served, tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as stream:
        for row in ({"fare": 1.0, "hour": 3}, b"\xff no", {"fare": 2}, {"fare": [1.0, 2.0]}, {"kind": "cash"}):
            stream.write(row if isinstance(row, bytes) else serialize(row))
    assert served.predict(tmp_path / "a.tfrecord", tmp_path / "out", "--max-bad", "2") == 0
    [garbage, several] = errors(tmp_path / "out")
    assert garbage[0] == 2
    assert garbage[1].startswith("is no tf.Example")
    assert several == (4, "fare: [1.0, 2.0] is not a number")
    assert pd.read_parquet(tmp_path / "out")["row"].tolist() == [1, 3, 5]


def test_a_label_chooses_the_version_and_without_one_it_is_the_newest(small_model, tmp_path):
    served = Served(small_model.saved_model, tmp_path)
    shutil.copytree(served.base_path / "1", served.base_path / "2")
    labels = tmp_path / "models.config"
    labels.write_text(
        'model_config_list { config { name: "taxi" base_path: "x" model_platform: "tensorflow" '
        'version_labels { key: "stable" value: 1 } } }'
    )
    source = write(ROWS[:3], tmp_path / "a.csv")
    flags = ("--label", "stable", "--model_config_file", str(labels))
    assert served.predict(source, tmp_path / "stable", *flags) == served.predict(source, tmp_path / "newest") == 0
    versions = [pd.read_parquet(tmp_path / name)["model_version"].unique().tolist() for name in ("stable", "newest")]
    assert versions == [[1], [2]]


def test_a_file_without_rows_is_refused(served, tmp_path, capsys):
    (tmp_path / "a.csv").write_text("fare,hour,kind\n")
    assert served.predict(tmp_path / "a.csv", tmp_path / "out") == 3
    assert capsys.readouterr().err == f"predict-batch refused: {tmp_path}/a.csv: the input has no rows\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--version", "7"], "--version 7: {runs}/taxi/serving/taxi has no such version; it has 1 (newest)."),
        (["--label", "canary"], "--label canary: {runs}/taxi/serving/taxi has no such version; it has 1 (newest)."),
        (["--keys", "name"], "keys: {folder}/a.csv has no column 'name'; it has fare, hour, id, kind."),
        (["--keys", "id", "--format", "prediction_log"], "--keys: a PredictionLog has no place for them; choose"),
        (["--input", "{folder}/none.csv"], "input: no file matches {folder}/none.csv."),
        (
            ["--input", "{folder}/a.csv", "{folder}/other.parquet"],
            "the input has csv and parquet files; score one format at a time.",
        ),
        (
            ["--input", "{folder}/other.parquet"],
            "{folder}/other.parquet lacks the column 'fare' and 1 more, which version 1 of taxi reads; add it, empty",
        ),
        (["--output", "{folder}"], "--output: {folder} is not empty; name a new folder, or empty it."),
        (["--profile", "vertex"], "--profile vertex: runs on Vertex; predict-batch needs"),  # part: vertex
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(served, tmp_path, capsys, flags, said):
    write(ROWS[:3], tmp_path / "a.csv")
    write([{"kind": "cash"}], tmp_path / "other.parquet")
    before = sorted(tmp_path.iterdir())
    words = [word.format(folder=tmp_path) for word in flags]
    assert served.predict(tmp_path / "a.csv", tmp_path / "out", *words) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(said.format(folder=tmp_path, runs=served.runs))
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_is_cut_off_leaves_no_output(served, tmp_path, capsys):
    write(ROWS, tmp_path / "a.tfrecord")
    content = (tmp_path / "a.tfrecord").read_bytes()
    (tmp_path / "a.tfrecord").write_bytes(content[: len(content) // 2])
    assert served.predict(tmp_path / "a.tfrecord", tmp_path / "out") == 3
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"predict-batch refused: {tmp_path}/a.tfrecord is cut off or damaged: its first ")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tfrecord"]


@pytest.mark.slow
def test_several_processes_give_the_rows_of_several_files_in_order(served, answers, tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(4):
        write(ROWS[250 * index : 250 * (index + 1)], tmp_path / "in" / f"{index}.csv")
    flags = ("--profile", "multi_processing", "--set", "beam.workers=2", "--keys", "id")
    assert served.predict(tmp_path / "in", tmp_path / "out", *flags) == 0
    found = pd.read_parquet(tmp_path / "out")
    assert found["id"].tolist() == [str(row["id"]) for row in ROWS]
    np.testing.assert_allclose(found["probability"], answers, atol=1e-6)


def test_a_folder_and_an_empty_output_are_taken(served, tmp_path: Path):
    (tmp_path / "in").mkdir()
    write(ROWS[:2], tmp_path / "in" / "b.csv")
    write(ROWS[2:3], tmp_path / "in" / "a.csv")
    (tmp_path / "in" / "README.md").write_text("not data")
    (tmp_path / "out").mkdir()
    assert served.predict(tmp_path / "in", tmp_path / "out", "--keys", "id") == 0
    assert pd.read_parquet(tmp_path / "out")["id"].tolist() == ["2", "0", "1"]
