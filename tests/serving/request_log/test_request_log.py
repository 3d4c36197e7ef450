"""The request log: real files, real processes, real kills."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import resource
import shutil
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from serving.client.messages import tensors
from serving.client.messages.columns import column
from serving.metrics import Metrics
from serving.processes import process_context
from serving.request_log import writer as request_log
from serving.request_log.reader import parse, read
from serving.request_log.writer import RequestLog
from tests.serving.support.hammer import wait_for
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

PredictionLog = prediction_log_pb2.PredictionLog
ROWS = [{"fare": 2.5, "hour": 7, "kind": "cash"}, {"fare": 4.0}, {"kind": "card", "hour": 0}]
DTYPES = {"fare": np.dtype(np.float32), "hour": np.dtype(np.int64), "kind": np.dtype(object)}


def predict_log(rows=ROWS, *, number: int = 0) -> PredictionLog:
    """A columnar Predict request of these rows, answered with ``number``."""
    log = PredictionLog()
    asked, answered = log.predict_log.request, log.predict_log.response
    asked.model_spec.name = answered.model_spec.name = "taxi"
    asked.model_spec.version_label = "stable"
    asked.model_spec.signature_name = "columnar"
    answered.model_spec.version.value = 3
    for name, dtype in DTYPES.items():
        tensors.fill(asked.inputs[name], column(rows, name, dtype))
    tensors.fill(answered.outputs["probability"], np.full([len(rows), 1], number, np.float32))
    return log


def numbers(folder: Path, model: str = "taxi") -> list[int]:
    """What the logged requests were answered with, in the order of the log."""
    return [int(record.answer["probability"][0, 0]) for record in read(folder, model)]


def opened(folder: Path, **changes) -> RequestLog:
    options = {"sampling_rate": 1.0, "rotate_bytes": 1 << 20, "rotate_seconds": 3600.0}
    return RequestLog(folder=folder, **(options | changes))


def finished(folder: Path, model: str = "taxi") -> list[Path]:
    return sorted((folder / model).glob("*.tfrecord"))


def unfinished(folder: Path, model: str = "taxi") -> list[Path]:
    return sorted((folder / model).glob("*.open"))


def test_rows_come_back_without_their_missing_values(tmp_path):
    log = opened(tmp_path, sampling_rate=1.0)
    start = int(time.time())
    log.write("taxi", predict_log(number=1))
    log.close()
    (record,) = read(tmp_path, "taxi")
    assert record.rows() == [
        {"fare": 2.5, "hour": 7, "kind": b"cash"},
        {"fare": 4.0},
        {"kind": b"card", "hour": 0},
    ]
    assert (record.version, record.signature) == (3, "columnar")
    assert start <= record.time <= time.time()
    assert record.answer["probability"].tolist() == [[1.0]] * 3
    (file,) = finished(tmp_path)
    (serialized,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    assert PredictionLog.FromString(serialized).log_metadata.sampling_config.sampling_rate == 1.0


def test_lists_and_vectors_come_back_as_they_were_sent(tmp_path):
    sent = predict_log()
    inputs = sent.predict_log.request.inputs
    tags = [{"tags": ["a", "b"], "place": [1, None]}, {"tags": ["c"]}, {"place": [2, 3]}]
    tensors.fill(inputs["tags"], column(tags, "tags", np.dtype(object), shape=None))
    tensors.fill(inputs["place"], column(tags, "place", np.dtype(np.float32), shape=[2]))
    log = opened(tmp_path)
    log.write("taxi", sent)
    log.close()
    (record,) = read(tmp_path, "taxi")
    first, second, third = record.rows()
    assert first["tags"] == [b"a", b"b"]
    assert first["place"][0] == 1
    assert np.isnan(first["place"][1])
    assert second["tags"] == b"c"
    assert "place" not in second
    assert (third["place"], "tags" in third) == ([2, 3], False)


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


def counts(metrics: Metrics) -> dict[str, int]:
    """How many records of the model ended how."""
    pattern = r'request_log_count{model_name="taxi",status_code="(\w+)"} (\d+)\n'
    return {status: int(count) for status, count in re.findall(pattern, metrics.exposition())}


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


def example(**features: float) -> tf.train.Example:
    made = tf.train.Example()
    for name, value in features.items():
        made.features.feature[name].float_list.value.append(value)
    return made


def test_examples_of_every_call_come_back():
    expected = [{"fare": 1.0}, {"fare": 2.0, "tips": 3.0}]
    examples = [example(**row) for row in expected]

    predict = PredictionLog()
    tensors.fill(
        predict.predict_log.request.inputs["examples"],
        np.array([one.SerializeToString() for one in examples], dtype=object),
    )
    predict.log_metadata.model_spec.version.value = 4
    record = parse(predict)
    assert (record.rows(), record.signature, record.version) == (expected, "serving_default", 4)

    for kind in ("classify_log", "regress_log"):
        log = PredictionLog()
        asked, answered = getattr(log, kind).request, getattr(log, kind).response
        asked.model_spec.signature_name = "s"
        asked.input.example_list.examples.extend(examples)
        answered.model_spec.version.value = 5
        answered.result.SetInParent()
        record = parse(log)
        assert (record.rows(), record.signature, record.version) == (expected, "s", 5)
        assert record.answer["result"] == answered.result

    log = PredictionLog()
    for name in ("classify", "regress"):
        log.multi_inference_log.request.tasks.add().model_spec.signature_name = name
    sent = log.multi_inference_log.request.input.example_list_with_context
    sent.context.CopyFrom(example(fare=1.0))
    sent.examples.extend([tf.train.Example(), example(fare=2.0, tips=3.0)])
    log.multi_inference_log.response.results.add().model_spec.version.value = 6
    record = parse(log)
    assert (record.rows(), record.signature, record.version) == (expected, "classify,regress", 6)
    with pytest.raises(ValueError, match="session_run_log"):
        parse(PredictionLog(session_run_log=prediction_log_pb2.SessionRunLog()))


def test_features_of_many_values_are_missing_as_a_whole():
    log = PredictionLog()
    inputs = log.predict_log.request.inputs
    tensors.fill(inputs["pixels"], np.array([[1, np.nan], [np.nan, np.nan]], np.float32))
    tensors.fill(inputs["flag"], np.array([True, False]))
    tensors.fill(inputs["small"], np.array([1, 2], np.int32))
    first, second = parse(log).rows()
    assert first["pixels"][0] == 1
    assert np.isnan(first["pixels"][1])
    assert (first["flag"], first["small"]) == (1, 1)
    assert second == {"flag": 0, "small": 2}


def test_a_server_logs_what_it_answered_and_ends_with_whole_files(half_plus, tmp_path):
    (tmp_path / "models" / "m").mkdir(parents=True)
    half_plus(tmp_path / "models" / "m" / "7", constant=2.0)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    tensors.fill(request.inputs["x"], np.array([[1.0], [3.0]], np.float32))
    flags = ["--model_name", "m", "--model_base_path", tmp_path / "models" / "m"]
    flags += ["--request_log_folder", tmp_path / "log", "--request_log_sampling_rate", "1"]
    with RunningServer(*flags) as server, grpc.insecure_channel(server.target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for _ in range(5):
            stub.Predict(request, timeout=10)
        request.model_spec.version.value = 9
        with pytest.raises(grpc.RpcError):
            stub.Predict(request, timeout=10)
    records = list(read(tmp_path / "log", "m"))
    assert [record.version for record in records] == [7] * 5
    assert records[0].rows() == [{"x": 1.0}, {"x": 3.0}]
    assert records[0].answer["y"].ravel().tolist() == [2.5, 3.5]
    assert not unfinished(tmp_path / "log", "m")
