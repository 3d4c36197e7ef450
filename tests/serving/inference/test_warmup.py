"""Warm-up files, run through a real model."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_log_pb2,
)

from serving.errors import StatusError
from serving.inference import warmup
from serving.inference.engine import SavedModel
from serving.inference.example_requests import prediction_logs
from serving.metrics import Metrics
from tests.serving.support import small_saved_model
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow


class Counted:
    """A model that records its requests.

    Attributes:
        asked: the names of the inputs and the rows of every run.
    """

    def __init__(self, path):
        self._model = SavedModel(str(path))
        self.signatures = self._model.signatures
        self.asked: list[tuple[str, int]] = []

    def run(self, signature, inputs, **options):
        self.asked.append((",".join(inputs), len(next(iter(inputs.values())))))
        return self._model.run(signature, inputs, **options)

    def close(self):
        self._model.close()


@pytest.fixture
def saved_model(tmp_path):
    return small_saved_model.write(tmp_path / "small" / "1")


@pytest.fixture
def model(saved_model):
    model = Counted(saved_model)
    yield model
    model.close()


def predict_log(rows: int = 1, *, name: str = "double") -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "another name"
    request.model_spec.signature_name = name
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0]] * rows))
    return log


def example_log(kind: str, name: str) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, kind).request
    request.input.example_list.examples.append(small_saved_model.example(1))
    request.model_spec.signature_name = name
    return log


def multi_inference_log() -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.multi_inference_log.request
    request.input.example_list.examples.append(small_saved_model.example(1))
    task = request.tasks.add(method_name=tf.saved_model.REGRESS_METHOD_NAME)
    task.model_spec.name, task.model_spec.signature_name = "m", "regress"
    return log


def count_of(metrics: Metrics, status: str) -> str:
    """Warm-ups with this status; together they took between a microsecond and a minute each."""
    found = {}
    for line in metrics.exposition().splitlines():
        for kind in ("count", "sum"):
            if f"model_warmup_latency_{kind}" in line and f'status="{status}"' in line:
                assert kind not in found
                found[kind] = line.rpartition(" ")[2]
    assert 1 < float(found["sum"]) / int(found["count"]) < 60e6
    return found["count"]


def test_every_kind_of_request_is_run(saved_model, model):
    logs = [
        predict_log(3),
        example_log("regress_log", "regress"),
        example_log("classify_log", "classify"),
        multi_inference_log(),
        prediction_log_pb2.PredictionLog(),
    ]
    warmup.write(logs, saved_model)
    metrics = Metrics()
    assert warmup.replay(model, saved_model, metrics=metrics) == 5
    assert [rows for _, rows in model.asked] == [3, 1, 1, 1]
    assert count_of(metrics, "OK") == "1"


def test_each_request_is_run_as_often_as_wanted(saved_model, model):
    warmup.write([predict_log(1), predict_log(2)], saved_model)
    assert warmup.replay(model, saved_model, iterations=3) == 2
    assert [rows for _, rows in model.asked] == [1, 1, 1, 2, 2, 2]


def test_no_file_no_warm_up(saved_model, model):
    metrics = Metrics()
    assert warmup.replay(model, saved_model, metrics=metrics) == 0
    assert "model_warmup_latency_count" not in metrics.exposition()


@pytest.mark.parametrize(("kind", "number"), [("session_run_log", 5), ("predict_streamed_log", 7)])
def test_kinds_that_tf_serving_does_not_run(saved_model, model, kind, number):
    log = prediction_log_pb2.PredictionLog()
    getattr(log, kind).SetInParent()
    warmup.write([predict_log(), log], saved_model)
    with pytest.raises(StatusError) as error:
        warmup.replay(model, saved_model)
    assert error.value.code is grpc.StatusCode.UNIMPLEMENTED
    assert error.value.text == f"Unsupported log_type for warmup: {number}"


def test_at_most_a_thousand_records(saved_model, model):
    warmup.write([predict_log()] * 1000, saved_model)
    assert warmup.replay(model, saved_model) == 1000
    warmup.write([predict_log()] * 1001, saved_model)
    with pytest.raises(StatusError) as error:
        warmup.replay(model, saved_model)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.text.startswith("Number of warmup records exceeds the maximum (1000) at ")


def test_a_record_that_fails_ends_the_warm_up_with_its_error(saved_model, model):
    warmup.write([predict_log(), predict_log(name="nothing"), predict_log()], saved_model)
    metrics = Metrics()
    with pytest.raises(StatusError) as error:
        warmup.replay(model, saved_model, metrics=metrics)
    assert error.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.value.text == 'Serving signature key "nothing" not found.'
    assert len(model.asked) == 1
    assert count_of(metrics, "FAILED_PRECONDITION") == "1"


def test_a_file_that_is_no_tfrecord(saved_model, model):
    warmup.write([predict_log()], saved_model)
    file = saved_model / warmup.WARMUP_FILE
    whole = file.read_bytes()
    for content, text in ((b"this is no TFRecord file at all", "corrupted record at 0"), (whole[:-5], "truncated ")):
        file.write_bytes(content)
        with pytest.raises(StatusError) as error:
            warmup.replay(model, saved_model)
        assert error.value.code is grpc.StatusCode.DATA_LOSS
        assert error.value.text.startswith(text)
        assert error.value.text.endswith(". Please verify your warmup data is in TFRecord format.")


def test_a_record_that_is_no_prediction_log(saved_model, model):
    warmup.write([], saved_model)
    with tf.io.TFRecordWriter(str(saved_model / warmup.WARMUP_FILE)) as writer:
        writer.write(b"\xff no message")
    with pytest.raises(StatusError, match="Failed to parse warmup record: ") as error:
        warmup.replay(model, saved_model)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_requests_made_of_examples_ask_each_signature_through_its_own_api(saved_model, model):
    records = [small_saved_model.example(float(number)).SerializeToString() for number in range(3)]
    logs = prediction_logs(model.signatures, records, names=["regress", "classify", "double", "not there"])
    kinds = [log.WhichOneof("log_type") for log in logs]
    assert kinds == ["classify_log", "predict_log", "regress_log"]
    warmup.write(logs, saved_model)
    assert warmup.replay(model, saved_model) == 3
    # One row each, so that no server's largest batch is too small for it.
    assert model.asked == [(name, 1) for name in ("inputs", "x", "inputs")]
    before = (saved_model / warmup.WARMUP_FILE).read_bytes()
    warmup.write(prediction_logs(model.signatures, records, names=["classify", "double", "regress"]), saved_model)
    assert (saved_model / warmup.WARMUP_FILE).read_bytes() == before


def test_a_version_whose_warm_up_fails_is_not_served(saved_model):
    small_saved_model.write(saved_model.parent / "2")
    warmup.write([predict_log()], saved_model)
    warmup.write([predict_log(name="nothing")], saved_model.parent / "2")
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "small"
    flags = ("--model_name", "small", "--model_base_path", saved_model.parent)
    with RunningServer(*flags) as server, grpc.insecure_channel(server.target) as channel:
        response = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=30)
    [status] = response.model_version_status
    assert status.version == 2
    assert status.state != get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert 'Serving signature key "nothing" not found.' in status.status.error_message
