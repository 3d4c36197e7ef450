"""What a log says: quiet where nothing moved, and each limit finds the one thing that is planted for it."""

import dataclasses
import os
from pathlib import Path

import pytest

from components.example_gen.reading import Reading
from pipeline.watch.judging.verdict import judge
from pipeline.watch.judging.windows import windows
from pipeline.watch.reading.labels import LabelFiles
from pipeline.watch.reading.labels import take_in as take_labels_in
from pipeline.watch.store import opened
from tests.pipeline.watch.asked import DAY, LABEL, MONDAY, config, look, reference, request, trips, write, write_day

pytestmark = pytest.mark.tensorflow

AFTER = MONDAY + DAY
KM = [{**row, "km": row["km"] + 1} for row in trips(1)]
METRES = [{**row, "km": row["km"] * 1000} for row in trips(1)]


@pytest.fixture(scope="module")
def known():
    return reference()


@pytest.fixture
def state(tmp_path):
    with opened(tmp_path / "watch") as connection:
        yield connection


def found(verdict) -> list[tuple[str, str, str]]:
    return [(one.kind, one.check, one.column) for one in verdict.findings]


def test_the_same_kind_of_requests_is_quiet(tmp_path, state, known):
    write_day(tmp_path, 0, trips(1))
    verdict = look(state, config(tmp_path), known=known, now=AFTER)
    assert (verdict.code, verdict.judged, found(verdict), list(verdict.notices)) == (0, MONDAY, [], [])


@pytest.mark.parametrize(
    ("rows", "watch", "code", "expected"),
    [
        (KM, {"predictions": {}}, 10, [("retrain", "numbers", "km")]),
        (KM, {"numbers": {}}, 10, [("retrain", "predictions", "")]),
        (KM, {"numbers": {"alarm": 0.05}, "predictions": {}}, 3, [("alarm", "numbers", "km")]),
        (METRES, {"predictions": {}, "unseen": {}}, 3, [("alarm", "numbers", "km")]),
        (METRES, {"predictions": {}, "numbers": {}}, 3, [("alarm", "unseen", "km")]),
        ([{**row, "town": "Ulm"} for row in trips(1)], {}, 10, [("retrain", "categories", "town")]),
        (
            [{**row, "town": "Kiel"} if index % 8 == 0 else row for index, row in enumerate(trips(1))],
            {"categories": {}},
            10,
            [("retrain", "unseen", "town")],
        ),
        (
            [{name: value for name, value in row.items() if name != "town"} for row in trips(1)],
            {},
            3,
            [("alarm", "missing", "town")],
        ),
        ([{**row, "city": "Ulm"} for row in trips(1)], {}, 3, [("alarm", "unknown", "")]),
        ([{**row, "km": int(row["km"])} for row in trips(1)], {"ignore": ["km"]}, 3, [("alarm", "broken", "")]),
    ],
    ids=lambda value: None,
)
def test_each_limit_finds_its_fault(tmp_path, state, known, rows, watch, code, expected):
    write_day(tmp_path, 0, rows)
    given = config(tmp_path, **watch)
    verdict = look(state, given, known=dataclasses.replace(known, moving=frozenset(given.watch.ignore)), now=AFTER)
    first = [one for one in found(verdict) if one in expected]
    assert (verdict.code, first) == (code, expected), found(verdict)
    if code == 10:
        assert found(verdict) == expected


def test_what_moves_by_nature_is_not_judged(tmp_path, state):
    write_day(tmp_path, 0, METRES)
    verdict = look(state, config(tmp_path, predictions={}), known=reference(moving=["km"]), now=AFTER)
    assert found(verdict) == []


def test_a_window_is_judged_when_it_is_over_and_large_enough(tmp_path, state, known):
    write_day(tmp_path, 0, trips(1))
    write_day(tmp_path, 1, METRES)
    given = config(tmp_path)
    assert look(state, given, known=known, now=AFTER + DAY - 1).code == 0
    assert look(state, config(tmp_path, judge_open=True), known=known, now=AFTER + DAY - 1).code == 3
    assert look(state, given, known=known, now=AFTER + DAY).code == 3
    few = look(state, config(tmp_path, min_rows=401), known=known, now=AFTER + DAY)
    assert (few.code, few.judged) == (0, None)
    assert "401 rows" in few.notices[0]


def test_an_unknown_version_is_an_alarm_and_no_silence(tmp_path, state):
    write_day(tmp_path, 0, trips(1))
    verdict = look(state, config(tmp_path), known=None, now=AFTER)
    assert found(verdict) == [("alarm", "reference", "")]
    assert "version 7 answered, and nothing is known" in verdict.findings[0].text


def test_broken_records_are_an_alarm(tmp_path, state, known):
    path = write_day(tmp_path, 0, trips(1))
    write(path.with_name("b.tfrecord"), [b"\xff"] * 5)
    # The file's time stands for that of what has none.
    os.utime(path.with_name("b.tfrecord"), (MONDAY, MONDAY))
    verdict = look(state, config(tmp_path), known=known, now=AFTER)
    assert found(verdict) == [("alarm", "broken", "")]
    assert verdict.findings[0].text.startswith("2026-03-02: 5 (1.2%) of the rows are broken")


def test_the_version_with_the_most_rows_is_compared(tmp_path, state, known):
    write_day(tmp_path, 0, trips(1))
    path = write_day(tmp_path, 0, METRES[:150], version=8)
    path.rename(path.with_name("canary.tfrecord"))
    write_day(tmp_path, 0, trips(1))
    given = config(tmp_path)
    assert look(state, given, known=known, now=AFTER).code == 0
    [window] = windows(state, given, lambda _: known, now=AFTER)
    assert (window.version, dict(window.versions), window.kept) == (7, {7: 400, 8: 150}, 400)


def label(state, tmp_path, rows, name="labels.csv") -> list[str]:
    path = tmp_path / name
    path.write_text("trip,y\n" + "".join(f"{row['trip']},{row['y']}\n" for row in rows))
    files = LabelFiles(patterns=[str(tmp_path / "*.csv")], keys=["trip"], label=LABEL, reading=Reading(kind="csv"))
    return list(take_labels_in(state, files, now=MONDAY))


def test_quality_falls_where_the_labels_say_so(tmp_path, state, known):
    write_day(tmp_path, 0, trips(1))
    label(state, tmp_path, trips(1))
    assert look(state, config(tmp_path), known=known, now=AFTER).code == 0
    write_day(tmp_path, 1, trips(2))
    half = [{**row, "y": 1 - row["y"]} if index % 3 == 0 else row for index, row in enumerate(trips(2))]
    label(state, tmp_path, half, "more.csv")
    verdict = look(state, config(tmp_path), known=known, now=AFTER + DAY)
    assert found(verdict) == [("alarm", "quality", "")]
    assert verdict.findings[0].about_the_model
    assert 0.3 < verdict.findings[0].value < 0.4
    [retrain] = look(state, config(tmp_path, quality={"alarm": 0.9}), known=known, now=AFTER + DAY).findings
    assert retrain.kind == "retrain"
    # A fall that chance could have made is none.
    barely = {"retrain": retrain.value - 0.005, "alarm": None}
    assert look(state, config(tmp_path, quality=barely), known=known, now=AFTER + DAY).code == 0


def test_quality_is_that_of_the_newest_window_with_enough_labels(tmp_path, state, known):
    for day in range(3):
        write_day(tmp_path, day, trips(day))
    wrong = [{**row, "y": 1 - row["y"]} for row in trips(1)]
    label(state, tmp_path, [*trips(0), *wrong, *trips(2)[:99]])
    verdict = look(state, config(tmp_path), known=known, now=AFTER + 2 * DAY)
    assert [(one.check, one.start, verdict.judged) for one in verdict.findings] == [
        ("quality", MONDAY + DAY, MONDAY + 2 * DAY)
    ]
    few = look(state, config(tmp_path, quality={"min_labels": 401}), known=known, now=AFTER + 2 * DAY)
    assert (few.code, len(few.notices)) == (0, 1)
    assert "401 labels" in few.notices[0]


def test_labels_that_come_twice_count_once_and_those_that_contradict_not_at_all(tmp_path, state, known):
    write_day(tmp_path, 0, trips(1))
    other = [{**row, "y": 1 - row["y"]} for row in trips(1)[:40]]
    for name, rows in (("a.csv", trips(1)), ("b.csv", trips(1)), ("c.csv", other), ("d.csv", other)):
        label(state, tmp_path, rows, name)
    given = config(tmp_path, contradicted={"alarm": 0.05})
    verdict = look(state, given, known=known, now=AFTER)
    assert found(verdict) == [("alarm", "contradicted", "")]
    assert verdict.findings[0].text == "2026-03-02: 40 (10.0%) of the labels have two values"
    [window] = windows(state, given, lambda _: known, now=AFTER)
    assert (window.labels.known, window.labels.contradicted, window.quality.live.rows) == (360, 40, 360)


def test_of_requests_with_the_same_key_the_last_one_counts(tmp_path, state, known):
    rows = trips(1)
    write_day(tmp_path, 0, rows)
    again = request([{**row, "km": 0.0} for row in rows[:100]], time=MONDAY + DAY - 1)
    write(tmp_path / "log" / "asked" / "again.tfrecord", [again])
    label(state, tmp_path, rows)
    look(state, config(tmp_path), known=known, now=AFTER)
    [window] = windows(state, config(tmp_path), lambda _: known, now=AFTER)
    assert (window.kept, window.labels.known) == (500, 400)
    wrong = sum(row["y"] for row in rows[:100])
    accuracy = dataclasses.replace(known, metric="accuracy")
    [window] = windows(state, config(tmp_path), lambda _: accuracy, now=AFTER)
    assert window.quality.live.value == pytest.approx(1 - wrong / 400)


def test_without_predictions_of_the_push_a_notice_says_so(tmp_path, state, known):
    write_day(tmp_path, 0, METRES)
    verdict = look(state, config(tmp_path), known=dataclasses.replace(known, scored=None), now=AFTER)
    assert "no predictions of version 7" in verdict.notices[0]


def test_nothing_is_judged_without_a_window():
    assert judge([], config(Path("x")).watch).code == 0
