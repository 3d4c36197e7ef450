"""One look at the requests: what is new goes into the state, all of it is judged, and the findings are written."""

from __future__ import annotations

import functools
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from pipeline.checks.columns import schema_features
from pipeline.checks.reading import reading_of
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.records import printing, served
from pipeline.records.runs import records_of
from pipeline.watch import gauges, last
from pipeline.watch.document import Look, document
from pipeline.watch.judging.reference import Reference, reference_of
from pipeline.watch.judging.verdict import judge
from pipeline.watch.judging.windows import windows
from pipeline.watch.page import page
from pipeline.watch.reading import labels, latency, requests
from pipeline.watch.store import FILE, forget, remember, remembered
from trainer.models.heads import head_of


def look(connection: sqlite3.Connection, config: Config, *, now: float) -> Look:
    """Read what is new, and judge.

    Args:
        connection: the state.
        config: the pipeline, with a log.
        now: seconds since 1970.

    Raises:
        FileNotFoundError: there is no such log.
        ConfigError: ML Metadata cannot be read, or the windows had another length so far.
    """
    watch, seconds = config.watch, config.watch.seconds
    assert watch.log is not None
    asked = requests.Asked(
        folder=watch.log,
        model=config.serving.model_name,
        output=head_of(config.label).output,
        keys=watch.keys,
        seconds=seconds,
        most=watch.most,
    )
    _check_window(connection, config)
    requests.use_keys(connection, watch.keys)
    new = requests.take_in(connection, asked)
    problems = [
        *requests.nothing_logged(connection, asked),
        *labels.take_in(connection, _label_files(config), now=int(now)),
        *labels.unjoined(connection, watch.keys),
        *latency.take_in(connection, watch.latency, model=asked.model, start=int(now - now % seconds)),
    ]
    _forget(connection, config, now)
    found = windows(connection, config, _references(config), now=now)
    [known] = connection.execute("SELECT count(*) FROM labels").fetchone()
    [damaged] = connection.execute("SELECT count(*) FROM files WHERE damaged IS NOT NULL").fetchone()
    return Look(
        config=config,
        time=now,
        new=new,
        windows=found,
        verdict=judge(found, watch),
        problems=problems,
        labels=known,
        damaged=damaged,
    )


def write(look: Look) -> None:
    """Write the page, the gauges and, last, the JSON that ``retrain-if`` reads; each appears whole."""
    folder = last.folder(look.config)
    texts = {
        page.FILE: page.page(look),
        gauges.FILE: gauges.exposition(look),
        last.FILE: json.dumps(printing.plain(document(look)), indent=1, ensure_ascii=False),
    }
    for name, text in texts.items():
        part = folder / f".{name}.{os.getpid()}"
        part.write_text(text)
        part.replace(folder / name)


def lines(look: Look) -> Iterator[str]:
    """The look in words."""
    counts = (
        (look.new, "new record"),
        (sum(one.rows for one in look.windows), "row"),
        (len(look.windows), look.config.watch.window),
        (look.labels, "label"),
    )
    records, rows, spread, known = (f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in counts)
    yield f"{look.config.serving.model_name}: {look.verdict.word}; {records}, {rows} in {spread}, {known}"
    yield from printing.columns([(one.kind, one.text) for one in look.verdict.findings])
    yield from (f"  notice: {text}" for text in look.notices)
    if look.labelled and look.labelled.quality:
        quality, at = look.labelled.quality, datetime.fromtimestamp(look.labelled.start, UTC)
        low, high = quality.live.interval(look.config.watch.quality.level)
        before = f", {quality.pushed.value:.4f} at the push" if quality.pushed else ""
        yield f"  {quality.metric} {quality.live.value:.4f} ({low:.4f} to {high:.4f}) on {at:%Y-%m-%d}{before}"
    yield f"  page {printing.path(last.folder(look.config) / page.FILE)}"


def _check_window(connection: sqlite3.Connection, config: Config) -> None:
    """Counts by day cannot become counts by hour."""
    known, wanted = remembered(connection, "window"), config.watch.window
    if known not in (None, wanted):
        state = last.folder(config) / FILE
        raise ConfigError(
            f"watch.window: was {known} so far, is {wanted} now; move {state} away, and the log and the labels are "
            "read again."
        )
    with connection:
        remember(connection, "window", wanted)


def _label_files(config: Config) -> labels.LabelFiles:
    reading = reading_of(config, schema_features(config.schema_path) if config.schema_path else {})
    return labels.LabelFiles(patterns=config.watch.labels, keys=config.watch.keys, label=config.label, reading=reading)


def _forget(connection: sqlite3.Connection, config: Config, now: float) -> None:
    """Keep the newest windows; of the log, not of the clock, so that an old log can be looked at, too."""
    # A server whose clock is ahead must not make all others' requests old.
    [newest] = connection.execute("SELECT max(start) FROM windows WHERE start <= ?", (now,)).fetchone()
    if newest is not None:
        length = config.watch.keep * config.watch.seconds
        forget(connection, before=newest - length + config.watch.seconds, labels_before=int(now) - length)


def _references(config: Config) -> functools._lru_cache_wrapper[Reference | None]:
    records, versions = records_of(config), served.versions(config, ())

    @functools.cache
    def of(version: int) -> Reference | None:
        newest = versions[0].version if versions else 0
        return reference_of(config, records, version or newest)

    return of
