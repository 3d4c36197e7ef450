"""The purpose of a request log: TFDV finds requests that differ from the training data."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_serving.apis import prediction_log_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from serving.client.messages import tensors
from serving.client.messages.columns import column
from serving.request_log.reader import read
from serving.request_log.writer import RequestLog
from tests.shared.models.small_model import serialize

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

DTYPES = {"fare": np.dtype(np.float32), "kind": np.dtype(object), "hour": np.dtype(np.int64)}
ROWS = 400


def rows(*, cash: float, fare: float) -> list[dict]:
    generator = np.random.default_rng(1)
    made = []
    for index in range(ROWS):
        row = {"fare": float(generator.normal(fare, 1.0)), "kind": "cash" if generator.random() < cash else "card"}
        made.append(row if index % 4 else {**row, "hour": 7})
    return made


def statistics(examples: list[bytes]):
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(examples)
    return generate_statistics_in_memory(batch, tfdv.StatsOptions())


def logged(folder, sent: list[dict], *, columnar: bool) -> list[bytes]:
    log = RequestLog(folder=folder, sampling_rate=1.0, rotate_bytes=10_000, rotate_seconds=60.0)
    for start in range(0, ROWS, 10):
        record = prediction_log_pb2.PredictionLog()
        inputs = record.predict_log.request.inputs
        some = sent[start : start + 10]
        if columnar:
            for name, dtype in DTYPES.items():
                tensors.fill(inputs[name], column(some, name, dtype))
        else:
            tensors.fill(inputs["examples"], np.array([serialize(row) for row in some], dtype=object))
        log.write("taxi", record)
    log.close()
    return [example for record in read(folder, "taxi") for example in record.examples]


@pytest.mark.parametrize("columnar", [True, False])
def test_a_drifted_feature_is_seen_in_the_log_and_no_other(tmp_path, columnar):
    baseline = statistics([serialize(row) for row in rows(cash=0.5, fare=10.0)])
    schema = tfdv.infer_schema(baseline)
    tfdv.get_feature(schema, "kind").drift_comparator.infinity_norm.threshold = 0.1
    tfdv.get_feature(schema, "fare").drift_comparator.jensen_shannon_divergence.threshold = 0.1

    same = statistics(logged(tmp_path / "same", rows(cash=0.5, fare=10.0), columnar=columnar))
    assert not tfdv.validate_statistics(same, schema, previous_statistics=baseline).anomaly_info
    features = {feature.path.step[0]: feature for feature in same.datasets[0].features}
    assert features["hour"].num_stats.common_stats.num_missing == ROWS * 3 // 4

    drifted = statistics(logged(tmp_path / "drifted", rows(cash=0.9, fare=10.0), columnar=columnar))
    found = tfdv.validate_statistics(drifted, schema, previous_statistics=baseline).anomaly_info
    assert set(found) == {"kind"}
    assert "Linfty" in found["kind"].description
    drifted = statistics(logged(tmp_path / "shifted", rows(cash=0.5, fare=15.0), columnar=columnar))
    assert set(tfdv.validate_statistics(drifted, schema, previous_statistics=baseline).anomaly_info) == {"fare"}
