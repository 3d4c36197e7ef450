"""What the REST API counts, on a real server."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conformance.calls import Rest
from tests.serving.rest.sending import one_model, send
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

METRICS = "/monitoring/prometheus/metrics"
PREDICT = "/v1/models/half_plus_two:predict"


def test_metrics_count_the_requests(folder):
    config = folder / "other_path.config"
    config.write_text('prometheus_config { enable: true path: "/metrics" }')
    flags = (*one_model(folder, "half_plus_two"), "--monitoring_config_file", config)
    with RunningServer("--rest_api_port", -1, *flags) as running:
        rest = Rest(running.rest)
        for _ in range(3):
            rest.post(PREDICT, {"instances": [[2.0]]})
        regress = "/v1/models/half_plus_two:regress"
        rest.post(regress, {"signature_name": "s", "examples": [{"x": 2.0}]})
        rest.post(regress, {"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}]})
        for path, body in ((PREDICT, "{"), ("/v1/models/half_plus_two:guess", "{}"), ("/v1/models/m:predict", "{}")):
            rest.call("POST", path, body)
        rest.get("/v1/models/half_plus_two")
        rest.call("OPTIONS", PREDICT)
        rest.get("/outside")
        answer = rest.get("/metrics")
        assert rest.get(METRICS).status == 404
    assert answer.headers["content-type"] == "text/plain"
    families = {family.name: family for family in text_string_to_metric_families(answer.body)}
    counts = {tuple(s.labels.values()): s.value for s in families[":tensorflow:serving:request_count"].samples}
    assert counts == {
        ("half_plus_two", "OK"): 5,
        ("half_plus_two", "INVALID_ARGUMENT"): 2,
        ("", "INVALID_ARGUMENT"): 1,
        ("", "NOT_FOUND"): 1,
        ("", "FAILED_PRECONDITION"): 1,
    }
    latency = families[":tensorflow:serving:request_latency"]
    assert latency.type == "histogram"
    times = {tuple(s.labels.values()): s.value for s in latency.samples if s.name.endswith("_count")}
    assert times == {
        ("half_plus_two", "", "REST"): 1,
        ("half_plus_two", "predict", "REST"): 3,
        ("half_plus_two", "regress", "REST"): 1,
    }
    runs = families[":tensorflow:serving:runtime_latency"].samples
    assert {s.labels["API"] for s in runs} == {"Predict", "Regress"}


def test_refusals_before_the_answer_are_counted(folder):
    config = folder / "refusals.config"
    config.write_text('prometheus_config { enable: true path: "/metrics" }')
    flags = (*one_model(folder, "half_plus_two"), "--monitoring_config_file", config, "--max_message_bytes", 10_000)
    with RunningServer("--rest_api_port", -1, *flags) as running:
        assert Rest(running.rest).call("POST", PREDICT, "x" * 20_000).status == 413
        assert send(running.rest, "POST", PREDICT, b"no gzip", Content_Encoding="gzip")[0] == 400
        text = Rest(running.rest).get("/metrics").body
    for status in ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"):
        assert f'request_count{{model_name="half_plus_two",status="{status}"}} 1\n' in text
