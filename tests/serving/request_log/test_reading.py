"""What was logged comes back as it was asked and answered."""

from __future__ import annotations

import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from serving.client.messages import tensors
from serving.client.messages.columns import column
from serving.request_log.reader import parse, read
from tests.serving.request_log.logs import PredictionLog, finished, opened, predict_log, unfinished
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow


def test_rows_come_back_without_their_missing_values(tmp_path):
    log = opened(tmp_path, sampling_rate=1.0)
    start = int(time.time())
    log.write("taxi", predict_log(number=1))
    log.close()
    (record,) = read(tmp_path, "taxi")
    assert record.rows() == [{"fare": 2.5, "hour": 7, "kind": b"cash"}, {"fare": 4.0}, {"kind": b"card", "hour": 0}]
    assert (record.version, record.signature) == (3, "columnar")
    assert start <= record.time <= time.time()
    assert record.answer["probability"].tolist() == [[1.0]] * 3
    (file,) = finished(tmp_path)
    (serialized,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    assert PredictionLog.FromString(serialized).log_metadata.sampling_config.sampling_rate == 1.0


def test_lists_and_vectors_come_back_as_they_were_sent(tmp_path):
    sent = predict_log()
    inputs = sent.predict_log.request.inputs
    tags = [{"tags": ["a", "b"], "place": [1, 4]}, {"tags": ["c"]}, {"place": [2, 3]}]
    tensors.fill(inputs["tags"], column(tags, "tags", np.dtype(object), shape=None))
    tensors.fill(inputs["place"], column(tags, "place", np.dtype(np.float32), shape=[2]))
    log = opened(tmp_path)
    log.write("taxi", sent)
    log.close()
    (record,) = read(tmp_path, "taxi")
    first, second, third = record.rows()
    assert first["tags"] == [b"a", b"b"]
    assert first["place"] == [1, 4]
    assert second["tags"] == b"c"
    assert "place" not in second
    assert (third["place"], "tags" in third) == ([2, 3], False)


def test_a_column_may_be_called_as_the_input_of_examples():
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = "columnar"
    tensors.fill(request.inputs["inputs"], column([{"inputs": "Cash"}], "inputs", np.dtype(object)))
    assert parse(log).rows() == [{"inputs": b"Cash"}]


def example(**features: float) -> tf.train.Example:
    made = tf.train.Example()
    for name, value in features.items():
        made.features.feature[name].float_list.value.append(value)
    return made


def test_examples_of_every_call_come_back():
    expected = [{"fare": 1.0}, {"fare": 2.0, "tips": 3.0}]
    examples = [example(**row) for row in expected]

    predict = PredictionLog()
    tensors.fill(
        predict.predict_log.request.inputs["examples"],
        np.array([one.SerializeToString() for one in examples], dtype=object),
    )
    predict.log_metadata.model_spec.version.value = 4
    record = parse(predict)
    assert (record.rows(), record.signature, record.version) == (expected, "serving_default", 4)

    for kind in ("classify_log", "regress_log"):
        log = PredictionLog()
        asked, answered = getattr(log, kind).request, getattr(log, kind).response
        asked.model_spec.signature_name = "s"
        asked.input.example_list.examples.extend(examples)
        answered.model_spec.version.value = 5
        answered.result.SetInParent()
        record = parse(log)
        assert (record.rows(), record.signature, record.version) == (expected, "s", 5)
        assert record.answer["result"] == answered.result

    log = PredictionLog()
    for name in ("classify", "regress"):
        log.multi_inference_log.request.tasks.add().model_spec.signature_name = name
    sent = log.multi_inference_log.request.input.example_list_with_context
    sent.context.CopyFrom(example(fare=1.0))
    sent.examples.extend([tf.train.Example(), example(fare=2.0, tips=3.0)])
    log.multi_inference_log.response.results.add().model_spec.version.value = 6
    record = parse(log)
    assert (record.rows(), record.signature, record.version) == (expected, "classify,regress", 6)
    with pytest.raises(ValueError, match="session_run_log"):
        parse(PredictionLog(session_run_log=prediction_log_pb2.SessionRunLog()))


def test_features_of_many_values_are_missing_as_a_whole():
    log = PredictionLog()
    inputs = log.predict_log.request.inputs
    tensors.fill(inputs["pixels"], np.array([[1, np.nan], [np.nan, np.nan]], np.float32))
    tensors.fill(inputs["flag"], np.array([True, False]))
    tensors.fill(inputs["small"], np.array([1, 2], np.int32))
    first, second = parse(log).rows()
    assert first["pixels"][0] == 1
    assert np.isnan(first["pixels"][1])
    assert (first["flag"], first["small"]) == (1, 1)
    assert second == {"flag": 0, "small": 2}


def test_a_server_logs_what_it_answered_and_ends_with_whole_files(half_plus, tmp_path):
    (tmp_path / "models" / "m").mkdir(parents=True)
    half_plus(tmp_path / "models" / "m" / "7", constant=2.0)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    tensors.fill(request.inputs["x"], np.array([[1.0], [3.0]], np.float32))
    flags = ["--model_name", "m", "--model_base_path", tmp_path / "models" / "m"]
    flags += ["--request_log_folder", tmp_path / "log", "--request_log_sampling_rate", "1"]
    with RunningServer(*flags) as server, grpc.insecure_channel(server.target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for _ in range(5):
            stub.Predict(request, timeout=10)
        request.model_spec.version.value = 9
        with pytest.raises(grpc.RpcError):
            stub.Predict(request, timeout=10)
    records = list(read(tmp_path / "log", "m"))
    assert [record.version for record in records] == [7] * 5
    assert records[0].rows() == [{"x": 1.0}, {"x": 3.0}]
    assert records[0].answer["y"].ravel().tolist() == [2.5, 3.5]
    assert not unfinished(tmp_path / "log", "m")
