"""The log is read into the state: each record once, from any writer, with half-written and damaged files."""

import os
import time

import pytest

from pipeline.watch.reading.examples import plain_row
from pipeline.watch.reading.requests import nothing_logged, take_in
from pipeline.watch.store import Busy, opened
from serving.request_log.writer import RequestLog
from tests.pipeline.watch.asked import MODEL, MONDAY, asked_of, config, request, trips, write, write_day

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def state(tmp_path):
    with opened(tmp_path / "watch") as connection:
        yield connection


def counts(state) -> tuple[int, int, int]:
    """Records, rows, broken."""
    return state.execute("SELECT sum(records), sum(rows), sum(broken) FROM windows").fetchone()


def test_each_record_is_read_once_while_the_server_writes_and_after(tmp_path, state):
    asked = asked_of(config(tmp_path))
    log = RequestLog(folder=tmp_path / "log", sampling_rate=1.0, rotate_bytes=10**6, rotate_seconds=3600.0)
    log.write(MODEL, request(trips(1, 10)))
    read, deadline = 0, time.monotonic() + 20
    while not read and time.monotonic() < deadline:
        read = take_in(state, asked) if (tmp_path / "log" / MODEL).is_dir() else 0
    assert [path.suffix for path in (tmp_path / "log" / MODEL).iterdir()] == [".open"]
    assert counts(state) == (1, 10, 0)
    log.write(MODEL, request(trips(2, 5)))
    log.close()
    assert take_in(state, asked) == 1
    assert take_in(state, asked) == 0
    assert counts(state) == (2, 15, 0)


def test_half_a_record_waits_for_its_other_half(tmp_path, state):
    asked = asked_of(config(tmp_path))
    path = write_day(tmp_path, 0, trips(1, 30))
    whole, open_ = path.read_bytes(), path.with_name(f"{path.name}.open")
    path.unlink()
    open_.write_bytes(whole[:-7])
    assert take_in(state, asked) == 2
    open_.write_bytes(whole)
    assert take_in(state, asked) == 1
    open_.rename(path)
    assert take_in(state, asked) == 0
    assert counts(state) == (3, 30, 0)


def test_a_log_that_is_gone_for_a_while_is_not_read_again(tmp_path, state):
    asked = asked_of(config(tmp_path))
    path = write_day(tmp_path, 0, trips(1, 30))
    assert take_in(state, asked) == 3
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.mkdir()
    assert [take_in(state, asked), take_in(state, asked)] == [0, 0]
    path.parent.rmdir()
    (tmp_path / "elsewhere").rename(path.parent)
    assert take_in(state, asked) == 0
    assert counts(state) == (3, 30, 0)


def test_a_damaged_file_is_read_to_the_damage_and_counts_once(tmp_path, state):
    path = write_day(tmp_path, 0, trips(1, 30))
    path.write_bytes(path.read_bytes()[:-7])
    for _ in range(2):
        take_in(state, asked_of(config(tmp_path)))
        # What cannot be read counts as a record and a row.
        assert counts(state) == (3, 21, 1)
    assert state.execute("SELECT count(*) FROM files WHERE damaged IS NOT NULL").fetchone() == (1,)


def test_what_cannot_be_read_is_broken_and_costs_nothing_else(tmp_path, state):
    good = request(trips(1, 4))
    nan = request([*trips(2, 1), {"km": float("nan"), "trip": "a"}])
    lacking = request(trips(3, 2))
    del lacking.predict_log.response.outputs["probability"]
    write(tmp_path / "log" / MODEL / "a.tfrecord", [good, nan, lacking, b"\xff no log", good])
    take_in(state, asked_of(config(tmp_path)))
    # Four rows twice, one of two, and three faults.
    assert counts(state) == (5, 12, 3)
    assert state.execute("SELECT count(*) FROM rows").fetchone() == (9,)


def test_another_server_s_log_has_no_folder_of_the_model_and_no_times(tmp_path, state):
    logs = [request(trips(1, 4)), request(trips(2, 4), model="another"), request(trips(3, 2))]
    for log in logs:
        log.log_metadata.timestamp_secs = 0
    path = write(tmp_path / "log" / "taxi_log-00001", logs)
    os.utime(path, (MONDAY + 7, MONDAY + 7))
    take_in(state, asked_of(config(tmp_path)))
    assert state.execute("SELECT start, version, records, asked, rows, undated FROM windows").fetchall() == [
        (MONDAY, 7, 2, 4.0, 6, 2)
    ]


def test_answers_of_classify_and_regress_are_predictions_too(tmp_path, state):
    classify, regress = (request([]) for _ in range(2))
    classify.ClearField("predict_log")
    regress.ClearField("predict_log")
    for one, answered in ((classify.classify_log, "classifications"), (regress.regress_log, "regressions")):
        one.request.input.example_list.examples.add().features.feature["km"].float_list.value.append(1.0)
        made = getattr(one.response.result, answered).add()
        if answered == "regressions":
            made.value = 0.25
        else:
            made.classes.add(label="0", score=0.375)
            made.classes.add(label="1", score=0.625)
    write(tmp_path / "log" / MODEL / "a.tfrecord", [classify, regress])
    take_in(state, asked_of(config(tmp_path)))
    found = [row[0] for row in state.execute("SELECT prediction FROM rows ORDER BY id")]
    assert [memoryview(one).cast("f").tolist() for one in found] == [[0.625], [0.25]]


def test_the_rows_that_are_kept_are_the_same_however_the_log_is_read(tmp_path):
    def kept(folder, sizes) -> list[bytes]:
        asked, found = asked_of(config(tmp_path), most=100), []
        whole = write_day(tmp_path, 0, trips(1), per_request=1)
        data = whole.read_bytes()
        with opened(folder) as state:
            for size in sizes:
                whole.unlink()
                part = whole.with_name(f"{whole.name}.open")
                part.write_bytes(data[: int(len(data) * size)])
                take_in(state, asked)
                part.rename(whole)
            found = [row[0] for row in state.execute("SELECT example FROM rows ORDER BY example")]
            assert counts(state) == (400, 400, 0)
        return found

    first = kept(tmp_path / "first", [1.0])
    assert len(first) == 100
    numbers = [int(plain_row(example)["trip"].partition("-")[2]) for example in first]
    # Not those that came first.
    assert 30 < sum(number >= 200 for number in numbers) < 70
    assert kept(tmp_path / "second", [0.1, 0.47, 0.8, 1.0]) == first


def test_a_removed_file_is_forgotten_and_what_it_held_stays(tmp_path, state):
    path, other = (write_day(tmp_path, day, trips(1, 30)) for day in range(2))
    take_in(state, asked_of(config(tmp_path)))
    path.unlink()
    assert take_in(state, asked_of(config(tmp_path))) == 0
    assert counts(state) == (6, 60, 0)
    assert state.execute("SELECT name FROM files").fetchall() == [(other.name,)]


def test_two_at_a_time_are_refused(tmp_path, state):
    with pytest.raises(Busy, match="another watch"), opened(tmp_path / "watch"):
        pass


def test_a_log_without_the_model_is_named_with_the_share_that_servers_log(tmp_path, state):
    asked = asked_of(config(tmp_path))
    write(tmp_path / "log" / "another" / "a.tfrecord", [request(trips(1, 2))])
    take_in(state, asked)
    [notice] = nothing_logged(state, asked)
    assert notice.startswith(f"{tmp_path / 'log'} holds no request to '{MODEL}'; servers log a share of them, 0.01 ")
    write(tmp_path / "log" / MODEL / "a.tfrecord", [request(trips(1, 2))])
    take_in(state, asked)
    assert list(nothing_logged(state, asked)) == []
