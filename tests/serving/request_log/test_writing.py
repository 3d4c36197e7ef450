"""How the log writes: rotation, folders, sampling, a queue that drops."""

from __future__ import annotations

import random

import pytest

from serving.metrics import Metrics
from serving.request_log.reader import read
from tests.serving.request_log.logs import counts, finished, numbers, opened, predict_log, unfinished
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def test_files_are_rotated_by_size_and_the_oldest_removed(tmp_path):
    size = len(predict_log().SerializeToString())
    log = opened(tmp_path, rotate_bytes=10 * size, max_files=3)
    for number in range(100):
        log.write("taxi", predict_log(number=number))
    log.close()
    assert len(finished(tmp_path)) == 3
    assert not unfinished(tmp_path)
    assert all(10 * size <= file.stat().st_size <= 11 * (size + 40) for file in finished(tmp_path)[:2])
    kept = numbers(tmp_path)
    assert len(kept) > 15
    assert kept == list(range(100 - len(kept), 100))
    # So is what an earlier server left beyond the limit.
    second = opened(tmp_path, max_files=1)
    wait_for(lambda: len(finished(tmp_path)) == 1)
    second.close()
    assert numbers(tmp_path)[-1] == 99


def test_a_file_is_rotated_by_age_without_another_request(tmp_path):
    log = opened(tmp_path, rotate_seconds=0.1)
    log.write("taxi", predict_log(number=1))
    wait_for(lambda: finished(tmp_path))
    assert numbers(tmp_path) == [1]
    log.write("taxi", predict_log(number=2))
    log.close()
    assert numbers(tmp_path) == [1, 2]


def test_models_have_folders_of_their_own_below_the_log(tmp_path):
    log = opened(tmp_path / "log")
    log.write("taxi", predict_log(number=1))
    log.write("../taxi/x", predict_log(number=2))
    log.close()
    assert numbers(tmp_path / "log") == [1]
    assert numbers(tmp_path / "log", "../taxi/x") == [2]
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    with pytest.raises(FileNotFoundError, match="no requests to cab were logged here"):
        read(tmp_path / "log", "cab")


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_sampling(tmp_path, rate):
    random.seed(5)
    log = opened(tmp_path, sampling_rate=rate)
    share = sum(log.wants() for _ in range(20000)) / 20000
    log.close()
    # Five standard deviations; none at the ends.
    assert abs(share - rate) <= 5 * (rate * (1 - rate) / 20000) ** 0.5
    assert not list(tmp_path.iterdir())


def test_a_full_queue_drops_records_and_counts_them(tmp_path):
    metrics = Metrics()
    log = opened(tmp_path, max_queued=10, metrics=metrics)
    for number in range(500):
        log.write("taxi", predict_log(number=number))
    log.close()
    log.write("taxi", predict_log())
    written = numbers(tmp_path)
    assert 10 <= len(written) < 500
    assert counts(metrics) == {"OK": len(written), "DROPPED": 501 - len(written)}


def test_a_queue_holds_so_many_bytes_and_no_more(tmp_path):
    metrics = Metrics()
    log = opened(tmp_path, max_queued_bytes=predict_log().ByteSize() - 1, metrics=metrics)
    log.write("taxi", predict_log())
    log.close()
    assert counts(metrics) == {"DROPPED": 1}
