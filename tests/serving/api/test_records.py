"""What is kept of each call: counts, times, logs, deadlines, unplanned errors."""

from __future__ import annotations

import logging
import time

import pytest
from tensorflow_serving.apis import input_pb2

from serving.api import REST
from serving.inference.engine import SavedModel
from tests.conformance.calls import classify_request, regress_request, spec
from tests.serving.api.servers import ONE, Code, multi, predict_request, refusal, samples, serving
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


class Failing:
    """A servable whose run fails unexpectedly."""

    def __init__(self, signatures, error):
        self.signatures, self._error = signatures, error

    def run(self, *_, **__):
        raise self._error

    def close(self):
        pass


def test_requests_are_counted_and_successes_timed(folders):
    with serving({"m": folders["m"]}) as server:
        for _ in range(2):
            server.api.predict(predict_request(), entrypoint=REST)
        refusal(lambda: server.prediction.Predict(predict_request(signature="s")))
        server.prediction.Classify(classify_request(spec("m", signature="classify"), ONE))
        server.prediction.Regress(regress_request(spec("m", signature="regress"), ONE))
        refusal(lambda: server.prediction.Regress(regress_request(spec("n"), input_pb2.Input())))
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
        "classify_log": (server.prediction.Classify, classify_request(spec("m", signature="classify", version=1), ONE)),
        "regress_log": (server.prediction.Regress, regress_request(spec("m", signature="regress"), ONE)),
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


def test_the_clients_deadline_ends_the_run(folders):
    """The signature loops for ever: only a run that is cancelled leaves the server able to stop and to count it."""
    with serving({"m": folders["m"]}) as server:
        slow = predict_request(signature="slow")
        assert refusal(lambda: server.prediction.Predict(slow, timeout=0.5))[0] == Code.DEADLINE_EXCEEDED
        wait_for(lambda: samples(server.metrics, "request_count"))
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
