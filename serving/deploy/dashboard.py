"""A Grafana dashboard for TF Serving's metrics, which the embedded server has under the same names, and the watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.deploy import watch_panels  # part: watch

_PREFIX = ":tensorflow:serving:"
_BATCHING = f"{_PREFIX}batching_session:"
# Chosen in Grafana: the data source, the models.
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_CHOSEN = 'model_name=~"$model"'
_RATE = "[$__rate_interval]"
_WIDTH, _HEIGHT, _PER_ROW = 8, 8, 3


@dataclass(frozen=True)
class Panel:
    """One graph.

    Attributes:
        title: title of the graph.
        unit: Grafana's name of the unit.
        queries: PromQL queries, each with the legend of its lines.
    """

    title: str
    unit: str
    queries: Sequence[tuple[str, str]]


def panels() -> list[Panel]:
    """All graphs, in reading order."""
    requests, warmups, logged = (
        f"{_PREFIX}request_count",
        f"{_PREFIX}model_warmup_latency",
        f"{_PREFIX}request_log_count",
    )
    return [
        Panel(
            "Requests",
            "reqps",
            [(_rate(requests, by="model_name, status", where=_CHOSEN), "{{model_name}} {{status}}")],
        ),
        Panel("Errors", "percentunit", [(_error_ratio(requests), "{{model_name}}")]),
        Panel("Latency", "µs", _quantiles(f"{_PREFIX}request_latency", by="entrypoint", where=_CHOSEN)),
        Panel("Latency by API", "µs", _quantiles(f"{_PREFIX}request_latency", by="API", where=_CHOSEN)),
        Panel("Run time of the model", "µs", _quantiles(f"{_PREFIX}runtime_latency", by="model_name", where=_CHOSEN)),
        Panel("Warm-up", "µs", [(_mean_since_start(warmups, by="model_path, status"), "{{model_path}} {{status}}")]),
        Panel("Rows per request and per batch", "short", _batch_sizes()),
        Panel("Wait in the batch queue", "µs", _quantiles(f"{_BATCHING}queuing_latency", by="thread_pool_name")),
        Panel(
            "Padding", "percentunit", [(_ratio("padding_size_sum", "processed_batch_size_sum"), "{{thread_pool_name}}")]
        ),
        Panel("Batches", "ops", [(_rate(f"{_BATCHING}wrapped_run_count"), "batches")]),
        Panel(
            "Requests logged",
            "reqps",
            [(_rate(logged, by="model_name, status_code", where=_CHOSEN), "{{model_name}} {{status_code}}")],
        ),
        *(Panel(*graph) for graph in watch_panels.graphs()),  # part: watch
    ]


def dashboard(*, name: str) -> dict[str, Any]:
    """The dashboard as Grafana imports it.

    Args:
        name: of the deployment; becomes part of title and identity.
    """
    return {
        "uid": name,
        "title": f"Serving: {name}",
        "tags": ["tensorflow-serving"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": [_graph(index, panel) for index, panel in enumerate(panels())],
    }


def _variables() -> list[dict[str, Any]]:
    models = f"label_values({_PREFIX}request_count, model_name)"
    return [
        {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
        {
            "name": "model",
            "label": "Model",
            "type": "query",
            "datasource": _SOURCE,
            "definition": models,
            "query": {"query": models, "refId": "models"},
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _graph(index: int, panel: Panel) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
        for number, (query, legend) in enumerate(panel.queries)
    ]
    position = {"x": _WIDTH * (index % _PER_ROW), "y": _HEIGHT * (index // _PER_ROW), "w": _WIDTH, "h": _HEIGHT}
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": position,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def _sum(series: str, *, by: str = "") -> str:
    return f"sum by ({by}) ({series})" if by else f"sum({series})"


def _rate(metric: str, *, by: str = "", where: str = "") -> str:
    selector = f"{metric}{{{where}}}" if where else metric
    return _sum(f"rate({selector}{_RATE})", by=by)


def _error_ratio(metric: str) -> str:
    """Nothing counts a status that never came, so without an error the share is 0, not missing."""
    everything = _rate(metric, by="model_name", where=_CHOSEN)
    failed = _rate(metric, by="model_name", where=f'{_CHOSEN}, status!="OK"')
    return f"({failed} or 0 * {everything}) / {everything}"


def _quantiles(metric: str, *, by: str, where: str = "") -> list[tuple[str, str]]:
    buckets = _rate(f"{metric}_bucket", by=f"le, {by}", where=where)
    return [
        (f"histogram_quantile({quantile}, {buckets})", f"{{{{{by}}}}} p{quantile * 100:g}") for quantile in (0.5, 0.99)
    ]


def _mean_since_start(metric: str, *, by: str) -> str:
    """For what happens once per load, of which a rate would show nothing."""
    return f"{_sum(f'{metric}_sum', by=by)} / {_sum(f'{metric}_count', by=by)}"


def _batch_sizes() -> list[tuple[str, str]]:
    return [
        (_ratio(f"{kind}_batch_size_sum", f"{kind}_batch_size_count"), f"{{{{thread_pool_name}}}} per {what}")
        for kind, what in (("input", "request"), ("processed", "batch"))
    ]


def _ratio(part: str, whole: str) -> str:
    above, below = (_rate(f"{_BATCHING}{name}", by="thread_pool_name") for name in (part, whole))
    return f"{above} / {below}"
