"""A date is the same to the client, in both kinds of requests, and to predict-batch, whatever type it has."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from serving.client import Client
from tests.conformance.calls import Rest, error
from tests.serving.support.running import RunningServer
from tests.shared.batch import Served
from tests.shared.models import exports
from trainer.parameters import Parameters

pytestmark = pytest.mark.tensorflow

# By column: its kind, its type, and how a file of it writes a time.
COLUMNS = {
    "iso": ("date", tf.string, "%Y-%m-%dT%H:%M:%S"),
    "dmy": ({"kind": "date", "format": "%d.%m.%Y"}, tf.string, "%d.%m.%Y"),
    "us": ({"kind": "date", "format": "%m/%d/%Y %I:%M %p"}, tf.string, "%m/%d/%Y %I:%M %p"),
    "named": ({"kind": "date", "format": "%B %d, %Y"}, tf.string, "%B %d, %Y"),
    "whole": ({"kind": "date", "format": "%Y%m%d"}, tf.int64, "%Y%m%d"),
    "epoch": ("date", tf.int64, "%s"),
    "crossed": (None, tf.string, "%d.%m.%y"),
}
PARAMETERS = Parameters(
    label={"column": "y", "task": "regression"},
    features={
        **{name: kind for name, (kind, _, _) in COLUMNS.items() if kind},
        "both": {
            "kind": "cross",
            "columns": [
                {"column": "crossed", "part": "weekday", "format": "%d.%m.%y"},
                {"column": "dmy", "part": "month", "format": "%d.%m.%Y"},
            ],
        },
    },
    model={"name": "dnn", "hidden_units": [8]},
)
TIMES = [datetime.datetime(2024, 2, 2, 15, 7) + datetime.timedelta(days=37 * row, hours=row) for row in range(8)]


def written(time: datetime.datetime) -> dict[str, object]:
    """What stands in the file."""
    texts = {name: time.strftime(form) for name, (_, _, form) in COLUMNS.items()}
    seconds = int(time.replace(tzinfo=datetime.UTC).timestamp())
    return {**texts, "whole": int(texts["whole"]), "epoch": seconds}


ROWS = [written(time) for time in TIMES]


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Served:
    folder = tmp_path_factory.mktemp("dates")
    spec = {name: tf.io.VarLenFeature(dtype) for name, (_, dtype, _) in COLUMNS.items()}
    rows = [{**row, "y": float(index)} for index, row in enumerate(ROWS)]
    exports.make(rows, {**spec, "y": tf.io.FixedLenFeature([1], tf.float32)}, PARAMETERS, folder, steps=10)
    return Served(folder / "saved_model", folder)


@pytest.fixture(scope="module")
def server(served):
    flags = [
        "--model_name=m",
        f"--model_base_path={served.base_path}",
        "--rest_api_port=-1",  # part: rest
    ]
    with RunningServer(*flags) as running:
        yield running


@pytest.fixture(scope="module")
def answers(server) -> np.ndarray:
    """Of what stands in the file, each other than that of a row without the date."""
    with Client(server.target) as client:
        found = client.predict("m", ROWS)["prediction"][:, 0]
        for name in COLUMNS:
            lacking = client.predict("m", [{**row, name: None} for row in ROWS])["prediction"][:, 0]
            assert not np.isclose(lacking, found, atol=1e-6).any(), name
    return found


TYPES = {
    "datetime": list,
    "in another zone": lambda times: [
        time.replace(tzinfo=datetime.UTC).astimezone(datetime.timezone(datetime.timedelta(hours=-5))) for time in times
    ],
    "Timestamp": lambda times: [pd.Timestamp(time) for time in times],
    "numpy": lambda times: [np.datetime64(time, "ns") for time in times],
}


@pytest.mark.parametrize("signature", ["columnar", "serving_default"])
@pytest.mark.parametrize("kind", TYPES)
def test_a_time_gets_the_answer_of_what_stands_in_the_file(server, answers, kind, signature):
    rows = [dict.fromkeys(COLUMNS, value) for value in TYPES[kind](TIMES)]
    with Client(server.target) as client:
        found = client.predict("m", rows, signature=signature)["prediction"][:, 0]
    np.testing.assert_allclose(found, answers, atol=1e-6)


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("ns", tz="Asia/Tokyo"), pa.timestamp("s")], ids=str)
def test_predict_batch_gives_the_same_for_times_of_parquet(served, answers, tmp_path, kind):
    instants = pa.array(TIMES, pa.timestamp("us")).cast(pa.timestamp(kind.unit)).cast(kind)
    pq.write_table(pa.table(dict.fromkeys(COLUMNS, instants)), tmp_path / "a.parquet")
    assert served.predict(tmp_path / "a.parquet", tmp_path / "out") == 0
    np.testing.assert_allclose(pd.read_parquet(tmp_path / "out")["prediction"], answers, atol=1e-6)


def test_a_day_is_the_same_everywhere(server, served, tmp_path):
    days = [time.date() for time in TIMES]
    rows = [written(datetime.datetime(day.year, day.month, day.day)) for day in days]
    with Client(server.target) as client:
        expected = client.predict("m", rows)["prediction"][:, 0]
        for kind in (list, lambda days: [np.datetime64(day) for day in days]):
            for signature in ("columnar", "serving_default"):
                sent = [dict.fromkeys(COLUMNS, day) for day in kind(days)]
                found = client.predict("m", sent, signature=signature)["prediction"][:, 0]
                np.testing.assert_allclose(found, expected, atol=1e-6)
    pq.write_table(pa.table(dict.fromkeys(COLUMNS, pa.array(days, pa.date32()))), tmp_path / "a.parquet")
    assert served.predict(tmp_path / "a.parquet", tmp_path / "out") == 0
    np.testing.assert_allclose(pd.read_parquet(tmp_path / "out")["prediction"], expected, atol=1e-6)


@pytest.mark.parametrize("value", [1706851635, True, 3.7, -1])
def test_a_number_for_a_text_date_is_refused_alike(server, value):
    for name, text in (("iso", "date"), ("dmy", "date of the format %d.%m.%Y")):
        rows = [ROWS[0], {**ROWS[1], name: value}]
        expected = f"row 1, {name}: {value} is not a {text}"
        with Client(server.target) as client:
            for signature in ("columnar", "serving_default"):
                with pytest.raises(ValueError, match="row 1") as caught:
                    client.predict("m", rows, signature=signature)
                assert str(caught.value) == expected
        if server.rest:
            body = {"signature_name": "columnar", "instances": rows}
            assert error(Rest(server.rest).post("/v1/models/m:predict", body)) == expected


def test_metadata_tell_the_formats(server):
    with Client(server.target) as client:
        inputs = client.signatures("m")["columnar"].inputs
    found = {name: info.tensor_shape.dim[0].name for name, info in inputs.items()}
    assert found == {
        "iso": "date",
        "dmy": 'date "%d.%m.%Y", cross',
        "us": 'date "%m/%d/%Y %I:%M %p"',
        "named": 'date "%B %d, %Y"',
        "whole": 'date "%Y%m%d"',
        "epoch": 'date "%s"',
        "crossed": 'cross, date "%d.%m.%y"',
    }
