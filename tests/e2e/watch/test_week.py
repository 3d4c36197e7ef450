"""A week of requests to a real server, and what ``watch``, ``retrain-if`` and ``feedback`` make of it."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.watch.store import FILE
from serving.versions import version_folders
from tests.e2e.watch.week import (
    DAYS,
    PER_DAY,
    SHIFTED,
    Week,
    ask,
    logged,
    make_past,
    sent,
    served,
    trips,
    write_labels,
)

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

_RECORDS_A_DAY = PER_DAY // 8
_MANY = 60
_KILLS = 3
_SECONDS = 120.0


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> Week:
    project = Week(tmp_path_factory.mktemp("week"))
    outcome = project.run()
    assert outcome.code == 0, outcome.err
    return project


@pytest.fixture(scope="module")
def records(week, tmp_path_factory) -> list:
    """What the server logged of six days' requests over gRPC."""
    raw = tmp_path_factory.mktemp("raw")
    with served(week, raw) as server:
        for day in range(1, DAYS):
            ask(server.target, sent(day))
    found = list(logged(raw))
    assert len(found) == (DAYS - 1) * _RECORDS_A_DAY
    return found


@pytest.fixture(autouse=True)
def nothing_seen_yet(week):
    for folder in (week.watch_folder, week.log, week.folder / "labels"):
        shutil.rmtree(folder, ignore_errors=True)


def pass_day(week: Week, records: list, day: int) -> Path:
    some = records[(day - 1) * _RECORDS_A_DAY : day * _RECORDS_A_DAY]
    return make_past(week, some, day=day, ago=DAYS - day)


def date_of(day: int) -> str:
    return f"{datetime.fromtimestamp(time.time() - (DAYS - day) * 86_400, UTC):%Y-%m-%d}"


def look_until(week: Week, rows: int, *words: str) -> dict:
    """Look until the newest window has so many rows; the server's log is up to a second behind."""
    deadline = time.monotonic() + _SECONDS
    while True:
        outcome = week.watch("--json", *words)
        said = json.loads(outcome.out)
        assert outcome.code == said["code"], outcome.err
        if said["windows"][-1]["rows"] >= rows or time.monotonic() > deadline:
            return said


def test_it_is_silent_before_the_shift_and_alarms_after_and_a_new_model_is_called_for(week, records, tmp_path):
    for day in range(1, SHIFTED):
        pass_day(week, records, day)
    outcome = week.watch()
    assert (outcome.code, outcome.err) == (0, ""), outcome.out
    assert outcome.out.startswith("week: quiet; 150 new records, 1,200 rows in 3 days")
    assert week.other("retrain-if", "--watch").code == 0
    pass_day(week, records, SHIFTED)
    outcome = week.watch()
    assert outcome.code == 3, outcome.out + outcome.err
    assert f"alarm  {date_of(SHIFTED)}: km: has moved by" in outcome.out
    retrain = week.other("retrain-if", "--watch")
    assert retrain.code == 10
    assert f"watch: {date_of(SHIFTED)}: km: has moved by" in retrain.out
    for day in range(SHIFTED + 1, DAYS):
        pass_day(week, records, day)
    # The last day is live: its file is being written, and its day is not over.
    with served(week, week.log, monitoring=tmp_path / "monitoring") as server:
        ask(server.target, sent(DAYS)[:-80])
        metrics = f"watch.latency=[http://{server.rest}/monitoring/prometheus/metrics]"
        assert look_until(week, PER_DAY - 80, "--set", metrics)["windows"][-1]["latency_ms"] is None
        ask(server.target, sent(DAYS)[-80:])
        said = look_until(week, PER_DAY, "--set", metrics)
    assert said["code"] == 3
    # Between the two looks.
    latency = said["windows"][-1]["latency_ms"]
    assert latency["answers"] == 10
    assert 0 < latency["median"] <= latency["high"] < 1000
    assert [(one["rows"], one["over"]) for one in said["windows"]] == [(PER_DAY, True)] * 6 + [(PER_DAY, False)]
    assert said["judged"].startswith(date_of(DAYS - 1))
    assert said == week.document()
    moved = [one["columns"]["km"]["skew"]["value"] > 0.3 for one in said["windows"]]
    assert moved == [False] * 3 + [True] * 4
    drifted = [one["columns"]["km"]["drift"]["value"] > 0.3 for one in said["windows"][1:]]
    # From the day before, only the day of the change has moved.
    assert drifted == [False, False, True, False, False, False]
    # The server has closed its file: nothing is read twice.
    assert json.loads(week.watch("--json").out)["new_records"] == 0
    assert (week.watch_folder / "index.html").stat().st_size > 100_000
    assert 'pipeline_watch_verdict{model_name="week"} 2.0' in (week.watch_folder / "watch.prom").read_text()


def test_a_kill_in_the_middle_neither_repeats_nor_loses_a_record(week, records):
    make_past(week, records[:_RECORDS_A_DAY] * _MANY, day=1, ago=1)
    expected = _RECORDS_A_DAY * _MANY
    seen = [0]
    for _ in range(_KILLS):
        process = week.popen("watch", "--config", "configs/week.yaml", "--log", str(week.log))
        deadline = time.monotonic() + _SECONDS
        while (done := read_so_far(week)) <= seen[-1] and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.append(done)
    assert 0 < seen[1] < expected, seen
    assert seen == sorted(seen)
    outcome = week.watch("--json")
    assert outcome.code == 0, outcome.err
    [window] = json.loads(outcome.out)["windows"]
    assert (window["requests"], window["rows"]) == (expected, expected * 8)


def read_so_far(week: Week) -> int:
    state = week.watch_folder / FILE
    if not state.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT coalesce(sum(records), 0) FROM windows").fetchone()[0]
    except sqlite3.Error:
        return 0


def test_labels_come_late_twice_and_contradict_and_quality_falls_with_the_shift(week, records):
    for day in range(1, SHIFTED + 1):
        pass_day(week, records, day)
    labels = week.folder / "labels"
    words = ("--labels", str(labels))
    labels.mkdir()
    outcome = week.watch(*words)
    assert outcome.code == 3
    # Late: the days are over. Twice: both files have the second day. And two trips of the third have another label.
    write_labels(labels / "a.csv", [1, 2])
    other = {f"trip3_{number}": 1 - trips(3, PER_DAY)[number]["y"] for number in range(2)}
    write_labels(labels / "b.csv", [2, 3])
    write_labels(labels / "c.csv", [3], **other)
    outcome = week.watch(*words, "--json")
    said = json.loads(outcome.out)
    assert said["labels"] == 3 * PER_DAY
    assert [(one["labels"]["known"], one["labels"]["contradicted"]) for one in said["windows"]] == [
        (PER_DAY, 0),
        (PER_DAY, 0),
        (PER_DAY - 2, 2),
        (0, 0),
    ]
    for window in said["windows"][:3]:
        quality = window["quality"]
        assert quality["low"] < quality["value"] < quality["high"]
        assert quality["sure_fall"] < 0.02
    assert not any(one["check"] == "quality" for one in said["findings"])
    write_labels(labels / "d.csv", [SHIFTED])
    said = json.loads(week.watch(*words, "--json").out)
    [fallen] = [one for one in said["findings"] if one["check"] == "quality"]
    assert (fallen["kind"], fallen["start"][:10]) == ("alarm", date_of(SHIFTED))
    assert "watch: " + fallen["text"] in week.other("retrain-if", "--watch").out


def test_a_span_of_feedback_trains_the_next_model(week, records):
    for day in range(1, SHIFTED):
        pass_day(week, records, day)
    labels = write_labels(week.folder / "labels" / "a.csv", [1, 2])
    write_labels(labels.with_name("b.csv"), [1], trip1_0=1 - trips(1, 1)[0]["y"])
    assert week.watch("--labels", str(labels.parent)).code == 0
    assert week.other("retrain-if", "--new-spans").code == 0
    outcome = week.other("feedback")
    assert outcome.out == "data/week/day-2.csv: 799 rows, span 2; 400 wait for a label\n", outcome.err
    assert week.other("feedback").out.startswith("nothing was written: 0 new rows have a label")
    with (week.folder / "data" / "week" / "day-2.csv").open(newline="") as stream:
        found = {row["trip"]: (float(row["km"]), row["town"], int(row["y"])) for row in csv.DictReader(stream)}
    truth = {row["trip"]: (row["km"], row["town"], row["y"]) for day in (1, 2) for row in trips(day, PER_DAY)}
    assert found == {trip: values for trip, values in truth.items() if trip != "1-0"}
    assert week.other("retrain-if", "--new-spans").code == 10
    outcome = week.run("--set", "data.window=2")
    assert outcome.code == 0, outcome.err
    assert "1,999 rows" in outcome.out
    assert len(version_folders.find(week.serving_folder)) == 2
