"""Batching in a running server."""

from __future__ import annotations

from concurrent import futures

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.client import Retry, Unavailable
from tests.serving.support import small_saved_model
from tests.serving.support.hammer import client_of, looped
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow


def test_a_server_with_batching_answers_callers_together(tmp_path):
    small_saved_model.write(tmp_path / "small" / "1")
    (tmp_path / "batching.txt").write_text("max_batch_size { value: 32 } batch_timeout_micros { value: 20000 }")
    flags = ("--model_name", "small", "--model_base_path", tmp_path / "small", "--grpc_max_threads", "64")
    batching = ("--enable_batching", "--batching_parameters_file", tmp_path / "batching.txt")
    with RunningServer(*flags, *batching) as server, grpc.insecure_channel(server.target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(number: int) -> tuple[float, int]:
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = "small", "double"
            request.inputs["x"].CopyFrom(tf.make_tensor_proto([[float(number)]]))
            outputs = stub.Predict(request, timeout=60).outputs
            return tf.make_ndarray(outputs["y"]).item(), tf.make_ndarray(outputs["rows"]).item()

        with futures.ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(ask, range(200)))
    assert [y for y, _ in answers] == [2 * number for number in range(200)]
    assert 1 < max(rows for _, rows in answers) <= 32


@pytest.mark.slow
def test_a_full_queue_refuses(slow_model, tmp_path):
    parameters = tmp_path / "batching.txt"
    parameters.write_text(
        "max_batch_size { value: 1 } max_enqueued_batches { value: 1 } num_batch_threads { value: 1 }\n"
    )
    batching = ["--enable_batching", f"--batching_parameters_file={parameters}"]
    with (
        RunningServer(
            "--model_name=m", f"--model_base_path={slow_model}", *batching, "--grpc_max_threads=16"
        ) as server,
        client_of(server.target, retry=Retry(attempts=1)) as client,
        futures.ThreadPoolExecutor(8) as pool,
    ):
        assert looped(client, 1) == [2.0]
        calls = [pool.submit(looped, client, 20_000) for _ in range(8)]
        refused = [call.exception() for call in calls if call.exception()]
        assert {type(error) for error in refused} == {Unavailable}
        assert all("full" in error.details for error in refused)
        assert [call.result() for call in calls if not call.exception()] == [[2.0]] * (8 - len(refused))
        assert 1 <= len(refused) < 8
        assert looped(client, 1) == [2.0]
