"""The windows of time: what was asked, how far it lies from the training data, and how well it was answered."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.gates.data.drift import distances
from components.gates.data.drift.distances import Distance
from components.gates.data.drift.earlier import features_of
from components.gates.data.label_check import NUMERIC, Statistics
from pipeline.config.config import Config
from pipeline.watch.judging import quality, scan
from pipeline.watch.judging.quality import Quality
from pipeline.watch.judging.reference import Reference
from pipeline.watch.judging.scan import Scan
from pipeline.watch.reading.examples import plain_row
from pipeline.watch.reading.latency import Latency, latency_of

References = Callable[[int], Reference | None]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One column of a window.

    Attributes:
        name: of the column.
        numeric: whether it holds numbers.
        missing: share of rows without a value.
        missing_moved: how far that is from training's share.
        skew: distance from the training data; None where one of them has no values.
        drift: distance from the window before.
        unseen: share of the values that training never saw; None where that cannot be said.
    """

    name: str
    numeric: bool
    missing: float
    missing_moved: Distance
    skew: Distance | None
    drift: Distance | None
    unseen: float | None


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The labels of a window's rows.

    Attributes:
        known: int, rows with one.
        contradicted: int, rows whose label came with two values.
    """

    known: int = 0
    contradicted: int = 0


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window of time.

    Attributes:
        start: seconds since 1970.
        over: whether nothing more comes.
        records: logged requests.
        asked: requests that they stand for, by the sampling rate.
        rows: rows of the logged requests; a record that cannot be read counts as one.
        broken: records and rows that could not be read, or were answered with no numbers.
        undated: records without a time.
        versions: rows by the version that answered.
        version: the one that answered most of them; what follows is about its rows.
        kept: rows that were looked at.
        reference: what they are compared with; None if that is not known.
        scan: what training never had.
        columns: those that the model reads.
        features: the statistics by column.
        predictions: distance of the predictions from those on the eval split; None if those are not known.
        predicted: statistics of the predictions; None without rows.
        labels: of all rows.
        quality: None without labels.
        latency: of all answers; None where no server was asked.
    """

    start: int
    over: bool
    records: int
    asked: float
    rows: int
    broken: int
    undated: int
    versions: Mapping[int, int]
    version: int
    kept: int
    reference: Reference | None
    scan: Scan = Scan()
    columns: Sequence[Moved] = ()
    features: Mapping[str, Statistics] = field(default_factory=dict)
    predictions: Distance | None = None
    predicted: Statistics | None = None
    labels: Labelled = Labelled()
    quality: Quality | None = None
    latency: Latency | None = None


def windows(connection: sqlite3.Connection, config: Config, references: References, *, now: float) -> list[Window]:
    """All windows that are kept, the oldest first.

    Args:
        connection: the state.
        config: the pipeline.
        references: what a version is compared with; of version 0, that of answers that name none, the newest.
        now: seconds since 1970.
    """
    found: list[Window] = []
    for start, group in _counts(connection).items():
        before = found[-1].features if found else {}
        found.append(_window(connection, config, references, start, group, before=before, now=now))
    return found


def _counts(connection: sqlite3.Connection) -> dict[int, list[tuple[int, int, float, int, int, int]]]:
    found: dict[int, list[tuple[int, int, float, int, int, int]]] = {}
    for start, *counts in connection.execute(
        "SELECT start, version, records, asked, rows, broken, undated FROM windows ORDER BY start, version"
    ):
        found.setdefault(start, []).append(tuple(counts))
    return found


def _window(
    connection: sqlite3.Connection,
    config: Config,
    references: References,
    start: int,
    counts: Sequence[tuple[int, int, float, int, int, int]],
    *,
    before: Mapping[str, Statistics],
    now: float,
) -> Window:
    versions = {version: rows for version, _, _, rows, _, _ in counts if rows}
    version = max(versions, key=lambda one: (versions[one], one), default=0)
    reference = references(version)
    rows = connection.execute(
        "SELECT key, example, prediction, time FROM rows WHERE start = ? AND version = ? ORDER BY rank",
        (start, version),
    ).fetchall()
    window = Window(
        start=start,
        over=now >= start + config.watch.seconds,
        records=sum(one[1] for one in counts),
        asked=sum(one[2] for one in counts),
        rows=sum(one[3] for one in counts),
        broken=sum(one[4] for one in counts),
        undated=sum(one[5] for one in counts),
        versions=versions,
        version=version,
        kept=len(rows),
        reference=reference,
        latency=latency_of(connection, start),
    )
    if reference is None or not rows:
        return window
    statistics, scanned = _seen(connection, config, reference, window, [row[1] for row in rows])
    features = features_of(statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics]))
    # An answer of another shape is another model's.
    outputs = max({len(row[2]) for row in rows}, key=[len(row[2]) for row in rows].count)
    same = [row for row in rows if len(row[2]) == outputs]
    predictions = np.array([np.frombuffer(row[2], np.float32) for row in same], np.float64)
    predicted = scan.of_predictions(predictions, config.label.class_names())
    labels, live = _quality(connection, config, reference, same, predictions)
    return Window(
        **{
            **vars(window),
            "scan": scanned,
            "columns": [_moved(name, features, before, reference, scanned, len(rows)) for name in reference.columns],
            "features": features,
            "predictions": _distance(predicted, reference.predicted),
            "predicted": predicted,
            "labels": labels,
            "quality": live,
        }
    )


def _seen(
    connection: sqlite3.Connection, config: Config, reference: Reference, window: Window, examples: Sequence[bytes]
) -> tuple[statistics_pb2.DatasetFeatureStatistics, Scan]:
    """The statistics of a window, computed once for as long as no row comes."""
    place = (window.start, window.version, window.rows)
    known = connection.execute(
        "SELECT statistics, scan FROM seen WHERE start = ? AND version = ? AND rows = ?", place
    ).fetchone()
    if known:
        return statistics_pb2.DatasetFeatureStatistics.FromString(known[0]), Scan.model_validate_json(known[1])
    statistics, about = scan.scan(examples, reference.features, columns=reference.columns, keys=config.watch.keys)
    with connection:
        connection.execute(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)",
            (*place, statistics.SerializeToString(), about.model_dump_json()),
        )
    return statistics, about


def _moved(
    name: str,
    now: Mapping[str, Statistics],
    before: Mapping[str, Statistics],
    reference: Reference,
    scanned: Scan,
    rows: int,
) -> Moved:
    sound = max(rows - scanned.mistyped, 1)
    trained = reference.features[name]
    missing = distances.missing_rows(now.get(name), sound)
    missing_before = distances.missing_rows(trained, reference.rows)
    return Moved(
        name=name,
        numeric=trained.type in NUMERIC,
        missing=missing / sound,
        missing_moved=distances.share(missing, sound, missing_before, reference.rows),
        skew=_distance(now.get(name), trained),
        drift=_distance(now.get(name), before.get(name)),
        unseen=scanned.unseen.get(name),
    )


def _distance(now: Statistics | None, before: Statistics | None) -> Distance | None:
    if now is None or before is None:
        return None
    if now.type in NUMERIC and before.type in NUMERIC:
        return distances.of_numbers(now, before)
    return distances.of_categories(now, before) if now.type == before.type == Statistics.STRING else None


def _quality(
    connection: sqlite3.Connection,
    config: Config,
    reference: Reference,
    rows: Sequence[tuple[str | None, bytes, bytes, int]],
    predictions: np.ndarray,
) -> tuple[Labelled, Quality | None]:
    """How well the rows with labels were answered; of requests with the same key, the last one counts."""
    last = {key: index for index, (key, *_) in sorted(enumerate(rows), key=lambda each: each[1][3]) if key}
    known, contradicted = {}, 0
    for key, index in last.items():
        found = connection.execute("SELECT value, contradicted FROM labels WHERE key = ?", (key,)).fetchone()
        if found and found[1]:
            contradicted += 1
        elif found:
            value = config.label.of({**plain_row(rows[index][1]), **json.loads(found[0])})
            if np.isfinite(value) and value != config.label.unknown:
                known[index] = value
    labels = Labelled(known=len(known), contradicted=contradicted)
    if not known:
        return labels, None
    live = quality.figure(config.label.task, reference.metric, np.array([*known.values()]), predictions[[*known]])
    return labels, Quality(metric=reference.metric, live=live, pushed=reference.quality)
