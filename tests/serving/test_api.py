import logging
import re
import threading
import time
from concurrent import futures
from contextlib import contextmanager, suppress

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from serving.api import REST, Api
from serving.client.messages.tensors import fill
from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.metrics import Metrics
from serving.models.core import ServerCore
from serving.server.servicers import ModelService, PredictionService
from tests.serving.support import half_plus_two

pytestmark = pytest.mark.tensorflow

Code = grpc.StatusCode


def samples(metrics, name):
    """The values of a counter, or of a histogram's count, by label values."""
    found = {}
    for line in metrics.exposition().splitlines():
        if line.startswith(f":tensorflow:serving:{name}{{"):
            labels, value = line.rsplit(" ", 1)
            found[tuple(re.findall('"(.*?)"', labels))] = float(value)
    return found


class RecordedLog:
    """A log that wants every request, or none."""

    def __init__(self, wanted):
        self.wanted, self.written = wanted, []

    def wants(self):
        return self.wanted

    def write(self, model, log):
        self.written.append((model, log))


class Failing:
    """A servable whose run fails unexpectedly."""

    def __init__(self, signatures, error):
        self.signatures, self._error = signatures, error

    def run(self, *_, **__):
        raise self._error

    def close(self):
        pass


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Base paths by model name: ``m`` has two versions, ``bad`` one that is not a SavedModel."""
    root = tmp_path_factory.mktemp("models")
    half_plus_two.save(root / "m" / "1")
    half_plus_two.save(root / "m" / "2", intercept=3.0)
    (root / "bad" / "7").mkdir(parents=True)
    return {"m": root / "m", "bad": root / "bad"}


def config_of(folders):
    config = model_server_config_pb2.ModelServerConfig()
    for name, path in folders.items():
        model = config.model_config_list.config.add(name=name, base_path=str(path), model_platform="tensorflow")
        model.model_version_policy.all.SetInParent()
    return config


def load(name, folder):
    return SavedModel(str(folder))


class Server:
    """The servicers on a port of this machine."""

    def __init__(self, core, log=None):
        self.metrics, self.log = Metrics(), log
        self.api = Api(core, metrics=self.metrics, request_loggers=[log] if log else [])
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(self.api), self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.api), self._server)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}")
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._server.start()

    def stop(self):
        self._channel.close()
        self._server.stop(grace=None)


@contextmanager
def serving(folders, *, loader=load, log=None):
    core = ServerCore(load=loader, poll_seconds=0)
    # A model that fails to load does not affect the others.
    with suppress(StatusError):
        core.reload(config_of(folders))
    server = Server(core, log)
    try:
        yield server
    finally:
        server.stop()
        core.stop()


@pytest.fixture(scope="module")
def server(folders):
    with serving(folders, log=RecordedLog(True)) as server:
        yield server


def example(x):
    value = tf.train.Feature(float_list=tf.train.FloatList(value=[x]))
    return tf.train.Example(features=tf.train.Features(feature={"x": value}))


def examples(*values):
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=[example(x) for x in values]))


def predict_request(*, model="m", version=None, signature="", value=1.0):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    fill(request.inputs["x"], np.array([[value]], np.float32))
    return request


def named(request, *, model="m", version=None, signature=""):
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    return request


def multi(*signatures, version=None):
    request = inference_pb2.MultiInferenceRequest(input=examples(1.0))
    for signature in signatures:
        method = half_plus_two.CLASSIFY if signature.startswith("classify") else half_plus_two.REGRESS
        named(request.tasks.add(method_name=method), signature=signature, version=version)
    return request


def refusal(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def spec_of(spec):
    return spec.name, spec.version.value, spec.signature_name


def test_every_answer_names_its_version_and_signature(server):
    newest = server.prediction.Predict(predict_request(), timeout=60)
    assert list(newest.outputs["y"].float_val) == [3.5]
    assert spec_of(newest.model_spec) == ("m", 2, "serving_default")
    older = server.prediction.Predict(predict_request(version=1, signature="two_outputs"))
    assert list(older.outputs["y"].float_val) == [2.5]
    assert spec_of(older.model_spec) == ("m", 1, "two_outputs")
    classified = server.prediction.Classify(
        named(classification_pb2.ClassificationRequest(input=examples(1.0)), signature="classify", version=1)
    )
    assert classified.result.classifications[0].classes[0].score == 2.5
    assert spec_of(classified.model_spec) == ("m", 1, "classify")
    regressed = server.prediction.Regress(
        named(regression_pb2.RegressionRequest(input=examples(1.0)), signature="regress")
    )
    assert regressed.result.regressions[0].value == 3.5
    assert spec_of(regressed.model_spec) == ("m", 2, "regress")
    both = server.prediction.MultiInference(multi("regress", "classify", version=1)).results
    assert [spec_of(result.model_spec) for result in both] == [("m", 1, "regress"), ("m", 1, "classify")]
    assert both[0].regression_result.regressions[0].value == 2.5


def test_requests_are_counted_and_successes_timed(folders):
    with serving({"m": folders["m"]}) as server:
        for _ in range(2):
            server.api.predict(predict_request(), entrypoint=REST)
        refusal(lambda: server.prediction.Predict(predict_request(signature="s")))
        server.prediction.Classify(
            named(classification_pb2.ClassificationRequest(input=examples(1.0)), signature="classify")
        )
        server.prediction.Regress(named(regression_pb2.RegressionRequest(input=examples(1.0)), signature="regress"))
        refusal(lambda: server.prediction.Regress(named(regression_pb2.RegressionRequest(), model="n")))
        server.prediction.MultiInference(multi("regress"))
        metrics = server.metrics
        assert samples(metrics, "request_count") == {
            ("m", "OK"): 4,
            ("m", "FAILED_PRECONDITION"): 1,
            # Of an unknown model: invented names must not fill the memory.
            ("", "NOT_FOUND"): 1,
        }
        assert samples(metrics, "request_latency_count") == {
            ("m", "Predict", "REST"): 2,
            ("m", "Classify", "GRPC"): 1,
            ("m", "Regress", "GRPC"): 1,
        }
        assert samples(metrics, "runtime_latency_count") == {
            ("m", "Predict", "TF1"): 2,
            ("m", "Classify", "TF1"): 1,
            ("m", "Regress", "TF1"): 1,
        }
        run = samples(metrics, "runtime_latency_sum")["m", "Predict", "TF1"]
        assert 2 < run < samples(metrics, "request_latency_sum")["m", "Predict", "REST"] < 60e6


def test_what_was_answered_is_logged_under_the_version_that_answered(server):
    server.log.written.clear()
    requests = {
        "predict_log": (server.prediction.Predict, predict_request()),
        "classify_log": (
            server.prediction.Classify,
            named(classification_pb2.ClassificationRequest(input=examples(1.0)), signature="classify", version=1),
        ),
        "regress_log": (
            server.prediction.Regress,
            named(regression_pb2.RegressionRequest(input=examples(1.0)), signature="regress"),
        ),
        "multi_inference_log": (server.prediction.MultiInference, multi("regress")),
    }
    before = int(time.time())
    answers = {kind: method(request) for kind, (method, request) in requests.items()}
    refusal(lambda: server.prediction.Predict(predict_request(signature="s")))
    refusal(lambda: server.prediction.Predict(predict_request(model="n")))
    assert [model for model, _ in server.log.written] == ["m"] * 4
    for (kind, (_, request)), version, (_, log) in zip(requests.items(), (2, 1, 2, 2), server.log.written, strict=True):
        assert log.WhichOneof("log_type") == kind
        assert getattr(log, kind).request == request
        assert getattr(log, kind).response == answers[kind]
        assert (log.log_metadata.model_spec.name, log.log_metadata.model_spec.version.value) == ("m", version)
        assert before <= log.log_metadata.timestamp_secs <= time.time()


def test_metadata_holds_the_signatures(server):
    request = named(get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"]), version=1)
    response = server.prediction.GetModelMetadata(request)
    assert spec_of(response.model_spec) == ("m", 1, "")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["regress"].method_name == half_plus_two.REGRESS
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum


def test_an_unknown_metadata_field_is_named(server):
    request = named(get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def", "q"]))
    assert refusal(lambda: server.prediction.GetModelMetadata(request)) == (
        Code.INVALID_ARGUMENT,
        "Metadata field q is not supported",
    )


def test_status_lists_versions_newest_first_and_what_failed(server):
    def status(**spec):
        response = server.model.GetModelStatus(named(get_model_status_pb2.GetModelStatusRequest(), **spec))
        return response.model_version_status

    state = get_model_status_pb2.ModelVersionStatus.State
    assert [(entry.version, entry.state) for entry in status()] == [(2, state.AVAILABLE), (1, state.AVAILABLE)]
    assert [entry.version for entry in status(version=1)] == [1]
    assert all(entry.HasField("status") and not entry.status.error_code for entry in status())
    (failed,) = status(model="bad")
    assert failed.version == 7
    assert failed.status.error_code != 0
    assert "SavedModel" in failed.status.error_message


def test_a_reload_serves_other_models(folders):
    with serving({"m": folders["m"]}) as server:
        reload = model_management_pb2.ReloadConfigRequest(config=config_of({"other": folders["m"]}))
        response = server.model.HandleReloadConfigRequest(reload, timeout=60)
        assert response.HasField("status")
        assert (response.status.error_code, response.status.error_message) == (0, "")
        assert server.prediction.Predict(predict_request(model="other")).model_spec.name == "other"
        assert refusal(lambda: server.prediction.Predict(predict_request()))[0] == Code.NOT_FOUND


def test_a_reload_that_is_refused_changes_nothing(server, folders):
    relative = model_management_pb2.ReloadConfigRequest(config=config_of({"m": "models/m"}))
    code, text = refusal(lambda: server.model.HandleReloadConfigRequest(relative))
    assert code == Code.INVALID_ARGUMENT
    assert text.startswith("Expected model m to have an absolute path or URI")
    for config in (
        model_server_config_pb2.ModelServerConfig(),
        model_server_config_pb2.ModelServerConfig(custom_model_config={}),
    ):
        request = model_management_pb2.ReloadConfigRequest(config=config)
        assert refusal(lambda request=request: server.model.HandleReloadConfigRequest(request)) == (
            Code.INVALID_ARGUMENT,
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported",
        )
    assert list(server.prediction.Predict(predict_request()).outputs["y"].float_val) == [3.5]


def test_the_clients_deadline_ends_the_run(folders):
    """The signature loops for ever: only a run that is cancelled leaves the server able to stop and to count it."""
    with serving({"m": folders["m"]}) as server:
        slow = predict_request(signature="slow")
        assert refusal(lambda: server.prediction.Predict(slow, timeout=0.5))[0] == Code.DEADLINE_EXCEEDED
        end = time.monotonic() + 60
        while not samples(server.metrics, "request_count") and time.monotonic() < end:
            time.sleep(0.01)
        assert samples(server.metrics, "request_count") == {("m", "DEADLINE_EXCEEDED"): 1}


def test_a_call_without_a_deadline_has_no_timeout(folders):
    seen = []

    class Watching(SavedModel):
        def run(self, *args, timeout_seconds=None, **kwargs):
            seen.append(timeout_seconds)
            return super().run(*args, timeout_seconds=timeout_seconds, **kwargs)

    with serving({"m": folders["m"]}, loader=lambda _, folder: Watching(str(folder))) as server:
        server.prediction.Predict(predict_request())
        server.prediction.Predict(predict_request(), timeout=50)
    assert seen[0] is None
    # Both ends read their own clocks.
    assert 40 < seen[1] < 60


def test_an_unplanned_error_is_one_line_for_the_client_and_a_traceback_in_the_log(folders, caplog):
    model = SavedModel(str(folders["m"] / "1"))
    failing = Failing(model.signatures, ZeroDivisionError("first line\nsecond line"))
    with serving({"m": folders["m"]}, loader=lambda *_: failing) as server, caplog.at_level(logging.ERROR):
        expected = (Code.INTERNAL, "ZeroDivisionError: first line second line")
        assert refusal(lambda: server.prediction.Predict(predict_request())) == expected
        assert refusal(lambda: server.prediction.MultiInference(multi("regress"))) == expected
        assert samples(server.metrics, "request_count") == {("m", "INTERNAL"): 1}
    assert [record.message for record in caplog.records] == ["Predict failed", "MultiInference failed"]
    assert all(record.exc_info for record in caplog.records)
    model.close()


def test_requests_from_many_threads_get_their_own_answers(server):
    found = {}

    def ask(value):
        response = server.api.predict(predict_request(value=value, version=1))
        found[value] = response.outputs["y"].float_val[0]

    threads = [threading.Thread(target=ask, args=(float(value),)) for value in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {float(value): value / 2 + 2 for value in range(50)}
