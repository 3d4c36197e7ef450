"""How long answers took: from the servers' own metrics, since no request log says it."""

from __future__ import annotations

import json
import re
import sqlite3
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_SAMPLE = re.compile(r"^:tensorflow:serving:request_latency_bucket\{(?P<labels>.*)\} (?P<value>\S+)$", re.M)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_SECONDS = 5.0
# The metrics are in microseconds.
_MILLISECOND = 1000.0


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long the answers of a window took.

    Attributes:
        answers: their number, between two looks.
        median: milliseconds.
        high: milliseconds, the 99th percentile.
    """

    answers: float
    median: float
    high: float


def take_in(connection: sqlite3.Connection, urls: Sequence[str], *, model: str, start: int) -> Iterator[str]:
    """Add what the servers have answered since the last look.

    Args:
        connection: the state.
        urls: of the metrics, one for each server.
        model: the model's name.
        start: of the window that is now.

    Yields:
        Why a server could not be asked, in words.
    """
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
                now = buckets(answer.read().decode(), model)
        except (OSError, ValueError) as error:
            yield f"latency: {url} does not answer ({getattr(error, 'reason', error)})"
            continue
        with connection:
            known = connection.execute("SELECT buckets FROM scrapes WHERE url = ?", (url,)).fetchone()
            if known:
                connection.executemany(
                    "INSERT INTO latency VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET answers = answers + excluded.answers",
                    [(start, bound, count) for bound, count in _since(json.loads(known[0]), now).items()],
                )
            connection.execute("INSERT OR REPLACE INTO scrapes VALUES (?, ?)", (url, json.dumps(now)))


def buckets(text: str, model: str) -> dict[str, float]:
    """The answers of a model that took at most so many microseconds, over all APIs, by the bound as text.

    Args:
        text: what Prometheus scrapes.
        model: the model's name.
    """
    found: dict[str, float] = {}
    for sample in _SAMPLE.finditer(text):
        labels = dict(_LABEL.findall(sample["labels"]))
        if labels.get("model_name") == model and "le" in labels:
            bound = str(float(labels["le"]))
            found[bound] = found.get(bound, 0.0) + float(sample["value"])
    return found


def _since(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """What is new; after a restart of the server all is."""
    if any(now.get(bound, 0) < count for bound, count in before.items()):
        return dict(now)
    return {bound: count - before.get(bound, 0) for bound, count in now.items()}


def latency_of(connection: sqlite3.Connection, start: int) -> Latency | None:
    """That of a window; None without answers."""
    found = connection.execute("SELECT bound, answers FROM latency WHERE start = ? ORDER BY bound", (start,)).fetchall()
    if not found or not found[-1][1]:
        return None
    return Latency(
        answers=found[-1][1],
        median=quantile(found, 0.5) / _MILLISECOND,
        high=quantile(found, 0.99) / _MILLISECOND,
    )


def quantile(found: Sequence[tuple[float, float]], share: float) -> float:
    """The value that a share of the answers stays below, evenly spread in its bucket as Prometheus has it.

    Args:
        found: ascending bounds, the last one infinite, with the answers that took at most so long.
        share: between 0 and 1.
    """
    wanted, low, below = share * found[-1][1], 0.0, 0.0
    for bound, count in found:
        if count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * ((wanted - below) / (count - below) if count > below else 1.0)
        low, below = bound, count
    return low
