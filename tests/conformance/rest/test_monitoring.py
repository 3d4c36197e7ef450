"""The Prometheus endpoint (util/prometheus_exporter_test.cc, testPrometheusEndpoint of the Python suite)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import grpc
import pytest

from tests.conformance.calls import (
    REGRESS,
    SECONDS,
    classify_request,
    example,
    example_list,
    multi_request,
    predict_request,
    regress_request,
    spec,
    tensor,
)
from tests.conformance.models import HALF_PLUS_TWO

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.source("util/prometheus_exporter_test.cc", "model_servers/http_server.cc"),
]

PATH = "/monitoring/prometheus/metrics"
PREFIX = ":tensorflow:serving:"
_SAMPLE = re.compile(r"^(?P<name>[:\w]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
MALFORMED = {"model_name": "", "status": "INVALID_ARGUMENT"}
TWO = example_list(example(x=2.0))


def scrape(rest) -> Mapping[tuple[str, frozenset], float]:
    """The samples by name and labels."""
    answer = rest.get(PATH)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    samples = {}
    for line in answer.body.splitlines():
        if line and not line.startswith("#"):
            sample = _SAMPLE.match(line)
            assert sample, line
            samples[sample["name"], frozenset(_LABEL.findall(sample["labels"] or ""))] = float(sample["value"])
    return samples


def value(samples, name, **labels):
    return samples.get((PREFIX + name, frozenset(labels.items())), 0.0)


def grown(rest, name, call, **labels):
    """By how much a sample is higher after ``call``."""
    before = value(scrape(rest), name, **labels)
    call()
    return value(scrape(rest), name, **labels) - before


def calls(prediction, rest):
    """One request of each kind, by its API and where it enters."""
    return {
        ("Predict", "GRPC"): lambda: prediction.Predict(predict_request(spec(HALF_PLUS_TWO), x=tensor([2.0])), SECONDS),
        ("Classify", "GRPC"): lambda: prediction.Classify(
            classify_request(spec(HALF_PLUS_TWO, signature="classify_x_to_y"), TWO), SECONDS
        ),
        ("Regress", "GRPC"): lambda: prediction.Regress(
            regress_request(spec(HALF_PLUS_TWO, signature="regress_x_to_y"), TWO), SECONDS
        ),
        ("predict", "REST"): lambda: rest.post(f"/v1/models/{HALF_PLUS_TWO}:predict", {"instances": [2.0]}),
    }


KINDS = pytest.mark.parametrize(
    "kind", [("Predict", "GRPC"), ("Classify", "GRPC"), ("Regress", "GRPC"), ("predict", "REST")]
)


@KINDS
def test_requests_are_counted(prediction, rest, kind):
    call = calls(prediction, rest)[kind]
    assert grown(rest, "request_count", call, model_name=HALF_PLUS_TWO, status="OK") == 1


@KINDS
def test_latencies_are_counted(prediction, rest, kind):
    api, entrypoint = kind
    call = calls(prediction, rest)[kind]
    labels = {"model_name": HALF_PLUS_TWO, "API": api}
    assert grown(rest, "request_latency_count", call, entrypoint=entrypoint, **labels) == 1
    assert grown(rest, "request_latency_sum", call, entrypoint=entrypoint, **labels) > 0
    labels["API"] = api.title()
    assert grown(rest, "runtime_latency_count", call, runtime="TF1", **labels) == 1


def test_a_request_that_fails_is_counted_under_its_code_and_not_timed(prediction, rest):
    def call():
        with pytest.raises(grpc.RpcError):
            prediction.Predict(predict_request(spec(HALF_PLUS_TWO)), SECONDS)

    labels = {"model_name": HALF_PLUS_TWO}
    assert grown(rest, "request_count", call, status="INVALID_ARGUMENT", **labels) == 1
    assert grown(rest, "request_count", call, status="OK", **labels) == 0
    assert grown(rest, "request_latency_count", call, API="Predict", entrypoint="GRPC", **labels) == 0


@pytest.mark.deviation("unknown_names")
def test_a_request_for_no_model_is_counted(prediction, rest):
    def call():
        with pytest.raises(grpc.RpcError):
            prediction.Predict(predict_request(spec("nobody"), x=tensor([2.0])), SECONDS)

    before = scrape(rest)
    call()
    after = scrape(rest)
    grew = [
        value(after, "request_count", model_name=name, status="NOT_FOUND")
        - value(before, "request_count", model_name=name, status="NOT_FOUND")
        for name in ("nobody", "")
    ]
    assert sorted(grew) == [0, 1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/v1/models/{HALF_PLUS_TWO}", None, "OK"),
        ("GET", f"/v1/models/{HALF_PLUS_TWO}/metadata", None, "OK"),
        ("GET", f"/v1/models/{HALF_PLUS_TWO}/versions/1", None, "NOT_FOUND"),
        ("POST", f"/v1/models/{HALF_PLUS_TWO}:predict", "{", "INVALID_ARGUMENT"),
        ("POST", f"/v1/models/{HALF_PLUS_TWO}:guess", "{}", None),
    ],
)
def test_every_rest_request_is_counted(rest, method, path, body, status):
    """http_server.cc, ProcessRequest: under the model's name if the path is understood, else under an empty one."""
    labels = {"model_name": HALF_PLUS_TWO, "status": status} if status else dict(MALFORMED)
    assert grown(rest, "request_count", lambda: rest.call(method, path, body), **labels) == 1


def test_latencies_of_other_rest_requests_have_no_api(rest):
    labels = {"model_name": HALF_PLUS_TWO, "API": "", "entrypoint": "REST"}
    call = lambda: rest.get(f"/v1/models/{HALF_PLUS_TWO}")  # noqa: E731
    assert grown(rest, "request_latency_count", call, **labels) == 1


def test_multi_inference_is_not_counted(prediction, rest):
    request = multi_request(TWO, (spec(HALF_PLUS_TWO, signature="regress_x_to_y"), REGRESS))
    call = lambda: prediction.MultiInference(request, SECONDS)  # noqa: E731
    assert grown(rest, "request_count", call, model_name=HALF_PLUS_TWO, status="OK") == 0


@pytest.mark.source("util/prometheus_exporter_test.cc", "model_servers/tensorflow_model_server_test.py")
def test_types_are_declared_and_buckets_add_up(prediction, rest):
    for call in calls(prediction, rest).values():
        call()
    text = rest.get(PATH).body
    assert f"# TYPE {PREFIX}request_count counter" in text
    assert f"# TYPE {PREFIX}request_latency histogram" in text
    wanted = {("model_name", HALF_PLUS_TWO), ("API", "Predict"), ("entrypoint", "GRPC")}
    buckets = {
        dict(labels)["le"]: count
        for (name, labels), count in scrape(rest).items()
        if name == f"{PREFIX}request_latency_bucket" and wanted < labels
    }
    bounds = sorted(buckets, key=float)
    assert bounds[-1] == "+Inf"
    counts = [buckets[bound] for bound in bounds]
    assert counts == sorted(counts)
    labels = {"model_name": HALF_PLUS_TWO, "API": "Predict", "entrypoint": "GRPC"}
    assert counts[-1] == value(scrape(rest), "request_latency_count", **labels) > 0
    assert 10.0 in [float(bound) for bound in bounds]
    assert 18.0 in [float(bound) for bound in bounds]
