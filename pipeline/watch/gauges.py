"""The figures of a look for Prometheus: a text file for the textfile collector of its node exporter."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipeline.watch.document import Look
from pipeline.watch.judging.windows import Window

FILE = "watch.prom"
_PREFIX = "pipeline_watch_"
_HELP = {
    "verdict": "0 quiet, 1 retrain, 2 alarm",
    "findings": "what is beyond a limit",
    "looked_seconds": "when the watch looked, seconds since 1970",
    "window_seconds": "start of the judged window, seconds since 1970",
    "requests": "logged requests of the judged window",
    "broken": "broken records and rows of the judged window",
    "skew": "distance of a column from the training data",
    "drift": "distance of a column from the window before",
    "missing": "share of rows without a value",
    "unseen": "share of a column's values that training never saw",
    "predictions": "distance of the predictions from those on the eval split",
    "quality": "live quality, with its interval",
    "quality_pushed": "the same metric on the eval split at the push",
    "labels": "labels by which live quality is judged",
    "latency_seconds": "how long answers took",
}
_WORDS = ("quiet", "retrain", "alarm")
_Sample = tuple[str, dict[str, str], float | None]


def exposition(look: Look) -> str:
    """The text that Prometheus reads."""
    model = look.config.serving.model_name
    found: dict[str, list[str]] = {}
    for name, labels, value in _samples(look):
        if value is not None and math.isfinite(value):
            pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in {"model_name": model, **labels}.items())
            found.setdefault(name, []).append(f"{_PREFIX}{name}{{{pairs}}} {value!r}")
    lines = []
    for name, some in found.items():
        lines += [f"# HELP {_PREFIX}{name} {_HELP[name]}", f"# TYPE {_PREFIX}{name} gauge", *some]
    return "".join(f"{line}\n" for line in lines)


def _samples(look: Look) -> Iterator[_Sample]:
    yield "verdict", {}, float(_WORDS.index(look.verdict.word))
    for kind in _WORDS[1:]:
        yield "findings", {"kind": kind}, float(sum(one.kind == kind for one in look.verdict.findings))
    yield "looked_seconds", {}, float(look.time)
    if look.judged:
        yield from _of_requests(look.judged)
    if look.labelled and look.labelled.quality:
        quality = look.labelled.quality
        low, high = quality.live.interval(look.config.watch.quality.level)
        for bound, value in (("low", low), ("value", quality.live.value), ("high", high)):
            yield "quality", {"metric": quality.metric, "bound": bound}, value
        yield "quality_pushed", {"metric": quality.metric}, quality.pushed.value if quality.pushed else None
        yield "labels", {}, float(quality.live.rows)


def _of_requests(window: Window) -> Iterator[_Sample]:
    yield "window_seconds", {}, float(window.start)
    yield "requests", {}, float(window.records)
    yield "broken", {}, float(window.broken + window.scan.mistyped)
    for column in window.columns:
        labels = {"column": column.name}
        yield "skew", labels, column.skew.value if column.skew else None
        yield "drift", labels, column.drift.value if column.drift else None
        yield "missing", labels, column.missing
        yield "unseen", labels, column.unseen
    yield "predictions", {}, window.predictions.value if window.predictions else None
    if window.latency:
        yield "latency_seconds", {"quantile": "0.5"}, window.latency.median / 1000
        yield "latency_seconds", {"quantile": "0.99"}, window.latency.high / 1000


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
