"""The dashboard's graphs of what ``python -m pipeline watch`` found: gauges of a text file that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Sequence

_PREFIX = "pipeline_watch_"
_CHOSEN = '{model_name=~"$model"}'

# Title, Grafana's unit, and queries with their legends.
Graph = tuple[str, str, Sequence[tuple[str, str]]]


def graphs() -> list[Graph]:
    """All graphs, in reading order."""
    return [
        ("Watch: verdict (1 retrain, 2 alarm)", "none", [(_newest("verdict", by="model_name"), "{{model_name}}")]),
        ("Watch: findings", "none", [(_newest("findings", by="model_name, kind"), "{{model_name}} {{kind}}")]),
        (
            "Watch: hours since it looked",
            "h",
            [(f"(time() - {_newest('looked_seconds', by='model_name')}) / 3600", "{{model_name}}")],
        ),
        ("Inputs: distance from the training data", "none", [(_newest("skew", by="column"), "{{column}}")]),
        ("Inputs: distance from the window before", "none", [(_newest("drift", by="column"), "{{column}}")]),
        ("Inputs: missing values", "percentunit", [(_newest("missing", by="column"), "{{column}}")]),
        ("Inputs: values never seen in training", "percentunit", [(_newest("unseen", by="column"), "{{column}}")]),
        (
            "Predictions: distance from those at the push",
            "none",
            [(_newest("predictions", by="model_name"), "{{model_name}}")],
        ),
        (
            "Live quality",
            "none",
            [
                (_newest("quality", by="metric, bound"), "{{metric}} {{bound}}"),
                (_newest("quality_pushed", by="metric"), "{{metric}} at the push"),
            ],
        ),
        ("Labels", "short", [(_newest("labels", by="model_name"), "{{model_name}}")]),
    ]


def _newest(name: str, *, by: str) -> str:
    return f"max by ({by}) ({_PREFIX}{name}{_CHOSEN})"
