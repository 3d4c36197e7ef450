"""How the log writes, also after kills, damage and full disks: real files, real processes."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import resource
import shutil
import time
from pathlib import Path

import pytest
import tensorflow as tf

from serving.metrics import Metrics
from serving.processes import process_context
from serving.request_log import writer as request_log
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


def whole_records(file: Path) -> int:
    count = 0
    with contextlib.suppress(tf.errors.DataLossError):
        for _ in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            count += 1
    return count


def _write_for_ever(folder, sender) -> None:
    log = opened(folder)
    for number in range(50):
        log.write("taxi", predict_log(number=number))
    sender.send(None)
    time.sleep(60)


def test_a_killed_server_leaves_whole_records_and_the_next_one_finishes_its_files(tmp_path, caplog):
    receiver, sender = process_context().Pipe(duplex=False)
    process = process_context().Process(target=_write_for_ever, args=(tmp_path, sender), daemon=True)
    process.start()
    assert receiver.poll(60)
    wait_for(lambda: unfinished(tmp_path) and whole_records(unfinished(tmp_path)[0]) == 50)
    (left,) = unfinished(tmp_path)
    # A second server of the same folder leaves the file of the living one alone.
    opened(tmp_path).close()
    assert left.exists()
    process.kill()
    process.join()
    os.truncate(left, left.stat().st_size - 7)
    empty = left.with_name("20200101T000000-1-0000.tfrecord.open")
    empty.touch()
    opened(tmp_path).close()
    assert numbers(tmp_path) == list(range(49))
    # The half record is cut from the file itself, so that other readers of TFRecords need not know of it.
    assert "damaged" not in caplog.text
    assert not unfinished(tmp_path)
    assert len(finished(tmp_path)) == 1


def test_damage_costs_the_rest_of_one_file(tmp_path, caplog):
    for start in (0, 10):
        log = opened(tmp_path)
        for number in range(start, start + 10):
            log.write("taxi", predict_log(number=number))
        log.close()
    first, _ = finished(tmp_path)
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 0xFF
    first.write_bytes(content)
    assert numbers(tmp_path) == [*range(5), *range(10, 20)]
    assert "the file is damaged, its rest is skipped" in caplog.text


@pytest.mark.slow
def test_a_folder_that_vanishes_is_logged_once_and_created_again(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(request_log, "_RETRY_SECONDS", 0.2)
    log = opened(tmp_path / "log")
    log.write("taxi", predict_log(number=1))
    wait_for(lambda: unfinished(tmp_path / "log"))
    shutil.rmtree(tmp_path / "log")
    (tmp_path / "log").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        for _ in range(30):
            log.write("taxi", predict_log(number=2))
            time.sleep(0.05)
        assert [record.message.split(" (")[0] for record in caplog.records] == [
            f"request log: {tmp_path / 'log' / 'taxi'} cannot be written"
        ]
        (tmp_path / "log").unlink()

        def arrives() -> bool:
            log.write("taxi", predict_log(number=3))
            return "can be written again" in caplog.text

        wait_for(arrives)
    log.close()
    # One that waited when the folder could be made again may be there, too.
    assert {3} <= set(numbers(tmp_path / "log")) <= {2, 3}


def _write_to_a_full_disk(folder, sender, retry_seconds: float) -> None:
    request_log._RETRY_SECONDS = retry_seconds
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    metrics = Metrics()
    log = opened(folder, metrics=metrics, max_files=3)
    for number in range(500):
        log.write("taxi", predict_log(number=number))
    wait_for(lambda: sum(counts(metrics).values()) == 500)
    sender.send((counts(metrics), len(finished(folder))))
    log.close()


@pytest.mark.slow
@pytest.mark.parametrize("retry_seconds", [60.0, 0.0])
def test_a_full_disk_keeps_what_was_written(tmp_path, retry_seconds):
    receiver, sender = process_context().Pipe(duplex=False)
    process = process_context().Process(
        target=_write_to_a_full_disk, args=(tmp_path, sender, retry_seconds), daemon=True
    )
    process.start()
    sender.close()
    assert receiver.poll(60)
    counted, files = receiver.recv()
    assert counted["DROPPED"] > 300
    # However often it was tried again, there are no more files than allowed.
    assert files == (1 if retry_seconds else 3)
    process.join(30)
    assert process.exitcode == 0
    written = numbers(tmp_path)
    assert len(written) >= 10
    assert written == sorted(set(written))
    assert not unfinished(tmp_path)
