"""The arithmetic: quality with its interval, latency from histograms, gauges."""

import http.server
import threading

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sklearn.metrics import roc_auc_score

from pipeline.watch import gauges
from pipeline.watch.document import Look, document
from pipeline.watch.judging import scan
from pipeline.watch.judging.quality import Figure, Quality, figure
from pipeline.watch.judging.verdict import judge
from pipeline.watch.judging.windows import windows
from pipeline.watch.reading import latency
from pipeline.watch.reading.requests import take_in
from pipeline.watch.store import opened
from tests.pipeline.watch.asked import DAY, MONDAY, asked_of, config, reference, trips, write_day

pytestmark = pytest.mark.tensorflow


def test_the_area_under_the_curve_is_scikit_learn_s_and_its_error_shrinks_with_the_rows():
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 4000).astype(float)
    # With ties.
    scores = np.round(labels * 0.3 + random.random(4000), 2)[:, None] / 1.3
    found = figure("binary", "auc", labels, scores)
    assert found.value == pytest.approx(roc_auc_score(labels, scores[:, 0]), abs=1e-12)
    few = figure("binary", "auc", labels[:400], scores[:400])
    assert 2 < few.error / found.error < 5
    low, high = found.interval(0.95)
    assert high - low == pytest.approx(2 * 1.96 * found.error, rel=1e-3)


def test_the_other_metrics_by_hand():
    two = np.array([[0.9], [0.2], [0.5], [0.8]])
    assert figure("binary", "accuracy", np.array([1.0, 0, 0, 0]), two).value == 0.75
    three = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3]])
    assert figure("multiclass", "accuracy", np.array([0.0, 2, 2]), three).value == pytest.approx(2 / 3)
    numbers, truth = np.array([[1.0], [2.0], [5.0]]), np.array([1.0, 4.0, 4.0])
    assert figure("regression", "mean_absolute_error", truth, numbers).value == pytest.approx(1.0)
    assert figure("regression", "root_mean_squared_error", truth, numbers).value == pytest.approx((5 / 3) ** 0.5)
    assert np.isnan(figure("binary", "auc", np.ones(4), two).value)
    assert np.isnan(figure("binary", "auc", np.zeros(0), np.zeros((0, 1))).value)


def test_predictions_of_classes_are_compared_by_the_likeliest_one_and_of_another_model_too():
    three = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    found = scan.of_predictions(three, ["a", "b"])
    shares = {bucket.label: bucket.sample_count for bucket in found.string_stats.rank_histogram.buckets}
    assert shares == {"2": 3.0, "a": 1.0}
    assert scan.of_predictions(np.array([[0.25], [0.75]]), ["no", "yes"]).num_stats.mean == 0.5


def test_a_fall_is_sure_beyond_the_errors_of_both_sides():
    was, now = Figure(value=0.9, error=0.03, rows=100), Figure(value=0.8, error=0.04, rows=100)
    quality = Quality(metric="auc", live=now, pushed=was)
    assert quality.fall == pytest.approx(0.1)
    assert quality.sure_fall(0.95) == pytest.approx(0.1 - 1.96 * 0.05, abs=1e-4)
    error = Quality(
        metric="mean_absolute_error",
        live=Figure(value=3.0, error=0.0, rows=9),
        pushed=Figure(value=2.0, error=0.0, rows=9),
    )
    assert error.fall == pytest.approx(0.5)
    assert np.isnan(Quality(metric="auc", live=now, pushed=None).sure_fall(0.95))


def text(*counts: int, other: int = 0) -> str:
    name = ":tensorflow:serving:request_latency_bucket"
    lines = [
        f'{name}{{model_name="m",API="predict",entrypoint="GRPC",le="{bound}"}} {count}'
        for bound, count in zip(("1000", "2000", "+Inf"), counts, strict=True)
    ]
    lines += [
        f'{name}{{model_name="m",API="predict",entrypoint="REST",le="1000"}} {other}',
        f'{name}{{model_name="x",le="1000"}} 9',
    ]
    return "\n".join(lines) + "\n"


def test_buckets_are_added_up_over_apis_and_quantiles_lie_inside_of_them():
    assert latency.buckets(text(10, 30, 40, other=5), "m") == {"1000.0": 15.0, "2000.0": 30.0, "inf": 40.0}
    found = [(1000.0, 10.0), (2000.0, 30.0), (float("inf"), 40.0)]
    assert latency.quantile(found, 0.25) == 1000.0
    assert latency.quantile(found, 0.5) == 1500.0
    # Beyond the last bound nothing is known.
    assert latency.quantile(found, 0.99) == 2000.0


def test_latency_is_what_came_since_the_last_look_also_after_a_restart(tmp_path):
    answers = [text(10, 10, 10), text(10, 14, 14), text(2, 2, 2)]

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers.pop(0).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    with opened(tmp_path / "watch") as state:
        for expected in (None, (4.0, 1.5), (6.0, 1.25)):
            assert list(latency.take_in(state, [url], model="m", start=MONDAY)) == []
            found = latency.latency_of(state, MONDAY)
            assert (found and (found.answers, found.median)) == expected
        server.shutdown()
        server.server_close()
        [problem] = latency.take_in(state, [url], model="m", start=MONDAY)
        assert problem.startswith(f"latency: {url} does not answer")


@pytest.fixture
def seen(tmp_path) -> Look:
    """A look at two days, of which the second has moved."""
    given, known = config(tmp_path), reference()
    write_day(tmp_path, 0, trips(1))
    write_day(tmp_path, 1, [{**row, "km": row["km"] + 1} for row in trips(2)])
    with opened(tmp_path / "watch") as state:
        new = take_in(state, asked_of(given))
        found = windows(state, given, lambda _: known, now=MONDAY + 2 * DAY)
    verdict = judge(found, given.watch)
    return Look(
        config=given, time=MONDAY + 2 * DAY, new=new, windows=found, verdict=verdict, problems=(), labels=0, damaged=1
    )


def test_gauges_are_what_prometheus_reads(seen):
    found = {
        (sample.name, sample.labels.get("column", "")): sample.value
        for family in text_string_to_metric_families(gauges.exposition(seen))
        for sample in family.samples
    }
    assert found["pipeline_watch_verdict", ""] == 1
    assert found["pipeline_watch_requests", ""] == 40
    assert found["pipeline_watch_window_seconds", ""] == MONDAY + DAY
    [km, _] = seen.judged.columns
    assert found["pipeline_watch_skew", "km"] == km.skew.value > 0.1
    assert found["pipeline_watch_drift", "km"] == km.drift.value > 0.1
    assert found["pipeline_watch_skew", "town"] < 0.1


def test_the_document_says_what_was_seen(seen):
    said = document(seen)
    assert (said["verdict"], said["code"], said["judged"]) == ("retrain", 10, "2026-03-03T00:00:00+00:00")
    assert [one["requests_estimated"] for one in said["windows"]] == [80, 80]
    assert said["windows"][1]["columns"]["km"]["drift"]["value"] > 0.1
    assert said["windows"][0]["columns"]["km"]["drift"] is None
    assert said["notices"] == ["the rest of a file of the log is damaged, and lost"]
