"""The data are compared with the requests that a server has logged."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_serving.apis import prediction_log_pb2

from components.gates.findings import read_notices
from components.refusal import GateRefused
from serving.client.messages import tensors
from serving.request_log.writer import RequestLog
from tests.components.gates.data.validated import gate, write_artifacts
from tests.shared.models.small_model import serialize

pytestmark = pytest.mark.tensorflow

FEATURES = json.dumps({"x": ["number"], "c": ["category"]})


def trips(*, times: float = 1.0, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.lognormal(0, 1, 400) * times, "c": random.choice(["a", "b"], 400)})
    return frame.assign(y=random.integers(0, 2, 400))


def log(folder, sent: pd.DataFrame) -> None:
    """A server's log of these rows, in requests of ten."""
    requests = RequestLog(folder=folder, sampling_rate=1.0, rotate_bytes=10**6, rotate_seconds=60.0)
    rows = [serialize(row.to_dict()) for _, row in sent.astype(object).iterrows()]
    for start in range(0, len(rows), 10):
        record = prediction_log_pb2.PredictionLog()
        tensors.fill(record.predict_log.request.inputs["examples"], np.array(rows[start : start + 10], dtype=object))
        requests.write("trips", record)
    requests.close()


def test_what_is_asked_is_compared_with_what_is_learnt(tmp_path):
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(trips()))
    artifacts = write_artifacts(tmp_path / "data", schema, {"train": trips()})

    def judge(**limits) -> tuple[str, ...]:
        requests = json.dumps({"folder": str(tmp_path / "log"), "model": "trips"})
        gate(artifacts, features=FEATURES, requests=requests, drift=json.dumps(limits))
        return read_notices(artifacts["notices"].uri)

    assert judge() == ("gates.data.requests has no logged requests",)
    log(tmp_path / "log", trips(times=0.001, seed=1).drop(columns=["c", "y"]))
    moved, absent = sorted(judge(), reverse=True)
    assert moved.startswith("train/x: has moved by 1 from the requests (median 0.00")
    assert moved.endswith("(SKEW_NUMBERS)")
    assert absent.startswith("train/c: is missing in 0.0%, but in 100.0% in the requests")
    with pytest.raises(GateRefused, match="train/c: .*SKEW_MISSING.*; accept it with gates.data.drift.exceptions"):
        judge(skew={"action": "block"})
    # The newest requests count.
    log(tmp_path / "log", trips(seed=2).drop(columns="y"))
    assert judge(skew={"most": 400}) == ()
    tfdv.get_feature(schema, "x").skew_comparator.jensen_shannon_divergence.threshold = 0.0001
    artifacts = write_artifacts(tmp_path / "with-comparator", schema, {"train": trips()})
    [moved] = judge(skew={"most": 400})
    assert "train/x: has moved by" in moved
    assert moved.endswith("from the requests, more than 0.0001 (COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH)")
