import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.metrics import Metrics, exponential_bounds

# The names of TF Serving's source, in the order in which it prints them.
NAMES = [
    ":tensorflow:serving:batching_session:input_batch_size",
    ":tensorflow:serving:batching_session:padding_size",
    ":tensorflow:serving:batching_session:processed_batch_size",
    ":tensorflow:serving:batching_session:queuing_latency",
    ":tensorflow:serving:batching_session:wrapped_run_count",
    ":tensorflow:serving:model_warmup_latency",
    ":tensorflow:serving:request_count",
    ":tensorflow:serving:request_latency",
    ":tensorflow:serving:request_log_count",
    ":tensorflow:serving:runtime_latency",
]


def samples(metrics: Metrics) -> dict[tuple[str, tuple], float]:
    # The parser gives every counter OpenMetrics' suffix.
    families = text_string_to_metric_families(metrics.exposition())
    return {
        (sample.name.removesuffix("_total"), tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_an_unused_server_names_every_metric_and_its_type():
    lines = Metrics().exposition().splitlines()
    kinds = ["counter" if name.endswith("_count") else "histogram" for name in NAMES]
    assert lines == [f"# TYPE {name} {kind}" for name, kind in zip(NAMES, kinds, strict=True)]


def test_counters_grow_by_label_values():
    metrics = Metrics()
    metrics.request_count.add("taxi", "OK")
    metrics.request_count.add("taxi", "OK", amount=2)
    metrics.request_count.add("taxi", "NOT_FOUND")
    name = ":tensorflow:serving:request_count"
    assert samples(metrics) == {
        (name, (("model_name", "taxi"), ("status", "OK"))): 3,
        (name, (("model_name", "taxi"), ("status", "NOT_FOUND"))): 1,
    }
    assert f'{name}{{model_name="taxi",status="OK"}} 3\n' in metrics.exposition()


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        (0, "1"),
        (0.5, "1"),
        (1, "1"),
        (1.0001, "2"),
        (2, "2"),
        (3, "4"),
        (8192, "8192"),
        (8193, "+Inf"),
    ],
)
def test_a_bucket_takes_what_is_above_the_last_bound_and_at_most_its_own(value, bucket):
    metrics = Metrics()
    metrics.input_batch_size.observe(value, "taxi")
    found = samples(metrics)
    buckets = {dict(labels)["le"]: count for (name, labels), count in found.items() if name.endswith("_bucket")}
    bounds = [*(str(2**power) for power in range(14)), "+Inf"]
    assert buckets == {bound: int(index >= bounds.index(bucket)) for index, bound in enumerate(bounds)}
    assert [count for (name, _), count in found.items() if name.endswith(("_count", "_sum"))] == [value, 1]


def test_histograms_are_cumulative():
    metrics = Metrics()
    values = (0, 0, 1, 2, 3, 8192, 9000)
    for rows in values:
        metrics.input_batch_size.observe(rows, "taxi")
    found = samples(metrics)
    name, pool = ":tensorflow:serving:batching_session:input_batch_size", ("thread_pool_name", "taxi")
    counts = [found[f"{name}_bucket", (("le", le), pool)] for le in ("1", "2", "4", "8", "4096", "8192", "+Inf")]
    assert counts == [3, 4, 5, 5, 5, 6, 7]
    assert found[f"{name}_count", (pool,)] == len(values)
    assert found[f"{name}_sum", (pool,)] == sum(values)


def test_latency_buckets_are_tf_servings():
    bounds = exponential_bounds(scale=10, growth=1.8, count=33)
    assert bounds[:3] == pytest.approx([10, 18, 32.4])
    assert bounds[-1] / 60e6 == pytest.approx(24.6, abs=0.1)  # 20-odd minutes
    metrics = Metrics()
    metrics.request_latency.observe(1, "m", "Predict", "GRPC")
    text = metrics.exposition()
    assert 'request_latency_bucket{model_name="m",API="Predict",entrypoint="GRPC",le="188.957"} 1\n' in text


def test_label_values_are_escaped():
    metrics = Metrics()
    odd = 'a"b\\c\nd'
    metrics.request_count.add(odd, "OK")
    assert list(samples(metrics)) == [(":tensorflow:serving:request_count", (("model_name", odd), ("status", "OK")))]


def test_a_forgotten_label_is_refused_when_it_is_counted():
    with pytest.raises(ValueError, match="1 label values for the labels model_name, status"):
        Metrics().request_count.add("taxi")
    with pytest.raises(ValueError, match="0 label values for the labels thread_pool_name"):
        Metrics().queuing_latency.observe(1.0)


def test_no_count_is_lost_between_threads():
    metrics = Metrics()

    def work() -> None:
        for value in range(5000):
            metrics.request_count.add("taxi", "OK")
            metrics.queuing_latency.observe(value, "taxi")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {name: value for (name, _), value in samples(metrics).items() if not name.endswith("_bucket")}
    assert found[":tensorflow:serving:request_count"] == 20000
    assert found[":tensorflow:serving:batching_session:queuing_latency_count"] == 20000
    assert found[":tensorflow:serving:batching_session:queuing_latency_sum"] == 4 * sum(range(5000))
