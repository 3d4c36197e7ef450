"""The dashboard's queries against the metrics of an embedded server with the deployed files, and the watch's gauges."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request

import grpc
import promql_parser
import pytest
import tensorflow as tf
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from serving.deploy import compose, dashboard, model_server
from serving.deploy.options import Deploy, DeployPlan
from serving.deploy.render import render, write
from serving.inference import warmup
from tests.pipeline.watch.seen import gauges_of_a_week  # part: watch
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow
# The panels show these parts, too.
for part in ("batching", "request_log", "rest"):
    pytest.importorskip(f"serving.{part}.part")

MODEL = "half_plus_two"
# Values that Grafana fills in.
CHOICES = {"$model": MODEL, "$__rate_interval": "1m"}
_MOST_SCRAPES = 100
OPTIONS = Deploy(batching={"max_batch_size": 4, "batch_timeout_micros": 0, "allowed_batch_sizes": (4,)})


def predict_request(name: str = MODEL) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0]]))
    return request


@pytest.fixture(scope="module")
def server(tmp_path_factory, half_plus):
    """The embedded server with the flags and files of the compose file, but on free ports and folders of the test."""
    folder = tmp_path_factory.mktemp("deploy")
    plan = DeployPlan(model_name=MODEL, serving_folder=folder / "serving", options=OPTIONS)
    (plan.serving_folder / MODEL).mkdir(parents=True)
    model = half_plus(plan.serving_folder / MODEL / "1")
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=predict_request()))
    warmup.write([log], model)
    write(render(plan), folder=folder)
    config = folder / "compose" / compose.CONFIG_FOLDER
    models = config / model_server.MODELS_FILE
    models.write_text(models.read_text().replace(model_server.MODELS_FOLDER, str(plan.serving_folder)))
    flags = [flag.replace(model_server.CONFIG_FOLDER, str(config)) for flag in model_server.flags(plan)]
    flags = [flag for flag in flags if not flag.startswith(("--port=", "--rest_api_port="))]
    logging = ["--request_log_folder", folder / "requests", "--request_log_sampling_rate", "1"]
    with RunningServer("--rest_api_port", "-1", *flags, *logging) as running:
        yield running


@pytest.fixture(scope="module")
def samples(server, tmp_path_factory):
    """A scrape after successful requests and a failed one; the request log counts a little later."""
    with grpc.insecure_channel(server.target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(predict_request(), timeout=30)
        bad = predict_request()
        bad.inputs["z"].CopyFrom(bad.inputs["x"])
        with pytest.raises(grpc.RpcError):
            stub.Predict(bad, timeout=30)
    url = f"http://{server.rest}/v1/models/{MODEL}:predict"
    with urllib.request.urlopen(urllib.request.Request(url, data=b'{"instances": [[1.0]]}'), timeout=30) as answer:
        assert json.load(answer) == {"predictions": [[2.5]]}
    for _ in range(_MOST_SCRAPES):
        found = scrape(server)
        if ":tensorflow:serving:request_log_count" in found:
            break
        time.sleep(0.1)
    found |= parsed(gauges_of_a_week(tmp_path_factory.mktemp("week"), model=MODEL))  # part: watch
    return found


def scrape(server) -> dict[str, list[dict[str, str]]]:
    """By metric: the labels of each sample."""
    with urllib.request.urlopen(f"http://{server.rest}{model_server.METRICS_PATH}", timeout=30) as answer:
        return parsed(answer.read().decode())


def parsed(text: str) -> dict[str, list[dict[str, str]]]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            # The parser adds _total to a counter, as OpenMetrics has it; Prometheus takes names as they are.
            name = family.name if family.type == "counter" else sample.name
            assert f"\n{name}{{" in text
            found.setdefault(name, []).append(sample.labels)
    return found


def filled_in(query: str) -> str:
    for name, value in CHOICES.items():
        query = query.replace(name, value)
    return query


def selectors(expression) -> list[promql_parser.VectorSelector]:
    found = []

    def visit(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(expression, visit)
    return found


def fits(matcher, value: str) -> bool:
    if matcher.op == promql_parser.MatchOp.Re:
        return re.fullmatch(matcher.value, value) is not None
    assert matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual)
    return (value == matcher.value) == (matcher.op == promql_parser.MatchOp.Equal)


def selected(selector, samples) -> list[dict[str, str]]:
    """The labels of the samples that a selector takes; refuses labels and metrics that the scrape does not have."""
    if selector.name not in samples:
        raise LookupError(f"{selector.name} is not in the scrape")
    kept = []
    for labels in samples[selector.name]:
        for matcher in selector.matchers.matchers:
            if matcher.name not in labels:
                raise LookupError(f"{selector.name} has no label {matcher.name}")
        if all(fits(matcher, labels[matcher.name]) for matcher in selector.matchers.matchers):
            kept.append(labels)
    return kept


def problems(query: str, legend: str, samples) -> list[str]:
    """Why a query would show nothing, or an unnamed line; empty for a valid query."""
    expression = promql_parser.parse(filled_in(query))
    groups = []

    def visit(node):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            groups.append((node.modifier.labels, selectors(node.expr)))

    promql_parser.walk(expression, visit)
    try:
        found = [f"{item} takes no sample" for item in selectors(expression) if not selected(item, samples)]
        for labels, inner in groups:
            present = [sample for selector in inner for sample in selected(selector, samples)]
            found += [f"no label {label}" for label in labels for sample in present if label not in sample]
    except LookupError as error:
        return [str(error)]
    grouped = {label for labels, _ in groups for label in labels}
    return found + [f"legend: no {label}" for label in re.findall(r"{{(\w+)}}", legend) if label not in grouped]


QUERIES = [(panel.title, query, legend) for panel in dashboard.panels() for query, legend in panel.queries]


@pytest.mark.parametrize(("title", "query", "legend"), QUERIES, ids=[title for title, _, _ in QUERIES])
def test_every_query_finds_its_metrics_and_labels(title, query, legend, samples):
    assert problems(query, legend, samples) == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("sum(rate(:tensorflow:serving:request_counts[1m]))", "is not in the scrape"),
        ('sum(rate(:tensorflow:serving:request_count{model="x"}[1m]))', "has no label model"),
        ('sum(rate(:tensorflow:serving:request_count{model_name="x"}[1m]))', "takes no sample"),
        ("sum by (code) (rate(:tensorflow:serving:request_count[1m]))", "no label code"),
    ],
)
def test_a_wrong_query_is_found(query, problem, samples):
    assert problem in problems(query, "", samples)[0]


def test_the_shown_queries_are_the_checked_ones(samples):
    made = json.loads(json.dumps(dashboard.dashboard(name="x")))
    shown = [(panel["title"], target["expr"]) for panel in made["panels"] for target in panel["targets"]]
    assert shown == [(title, query) for title, query, _ in QUERIES]
    (models,) = (item["definition"] for item in made["templating"]["list"] if item["type"] == "query")
    metric, label = re.fullmatch(r"label_values\((.*), (.*)\)", models).groups()
    assert MODEL in {labels[label] for labels in samples[metric]}


def test_the_health_command_of_the_compose_file_finds_a_served_model(server):
    port = int(server.rest.rpartition(":")[2])
    assert subprocess.run(compose.health_command(MODEL, port=port), timeout=30).returncode == 0
    assert subprocess.run(compose.health_command("another", port=port), timeout=30).returncode != 0
    assert subprocess.run(compose.health_command(MODEL, port=1), timeout=30, stderr=subprocess.DEVNULL).returncode != 0


def test_the_probe_path_answers_for_the_served_model_only(server):
    with urllib.request.urlopen(f"http://{server.rest}{model_server.status_path(MODEL)}", timeout=30) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://{server.rest}{model_server.status_path('another')}", timeout=30)
