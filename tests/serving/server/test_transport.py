"""TLS, health, sockets, limits, config files and the end of a server, over real ports."""

from __future__ import annotations

import socket
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.serving.support.certificates import Authority
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def base_path(tmp_path, half_plus):
    (tmp_path / "m").mkdir()
    half_plus(tmp_path / "m" / "1")
    return tmp_path / "m"


def flags(base_path, *more) -> list[str]:
    return ["--model_name=m", f"--model_base_path={base_path}", "--file_system_poll_wait_seconds=0.05", *map(str, more)]


def ask(channel, *, rows=1, timeout=20, name="m"):
    """The answers for x = 2."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    # Not by make_tensor_proto, which writes a repeated value once.
    x = request.inputs["x"]
    x.dtype, x.tensor_content = tf.float32.as_datatype_enum, np.full([rows, 1], 2.0, np.float32).tobytes()
    x.tensor_shape.CopyFrom(tf.TensorShape([rows, 1]).as_proto())
    response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=timeout)
    return tf.make_ndarray(response.outputs["y"])[:, 0].tolist()


def code_of(function) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as error:
        function()
    return error.value.code()


def write_ssl_config(path, **fields):
    lines = [f"{key}: {str(value).lower()}" for key, value in fields.items() if isinstance(value, bool)]
    quoted = {key: value.replace("\n", "\\n") for key, value in fields.items() if isinstance(value, str)}
    path.write_text("\n".join([*lines, *(f'{key}: "{value}"' for key, value in quoted.items())]))
    return path


def test_tls_and_client_certificates(base_path, tmp_path):
    ours, theirs = Authority(), Authority()
    server, client, stranger = ours.sign("server"), ours.sign("client"), theirs.sign("client")
    config = write_ssl_config(
        tmp_path / "ssl.config",
        server_key=server.key,
        server_cert=server.certificate,
        custom_ca=ours.certificate,
        client_verify=True,
    )

    def call(pair, *, trusted=ours):
        root = trusted.certificate.encode()
        credentials = grpc.ssl_channel_credentials(
            root, pair.key.encode() if pair else None, pair.certificate.encode() if pair else None
        )
        with grpc.secure_channel(running.target, credentials) as channel:
            return ask(channel)

    with RunningServer(*flags(base_path), f"--ssl_config_file={config}") as running:
        assert call(client) == [3.0]
        assert code_of(lambda: call(stranger)) == grpc.StatusCode.UNAVAILABLE
        assert code_of(lambda: call(None)) == grpc.StatusCode.UNAVAILABLE
        assert code_of(lambda: call(client, trusted=theirs)) == grpc.StatusCode.UNAVAILABLE
        with grpc.insecure_channel(running.target) as channel:
            assert code_of(lambda: ask(channel)) == grpc.StatusCode.UNAVAILABLE


def test_health_follows_the_models(tmp_path, half_plus):
    base_path = tmp_path / "m"
    base_path.mkdir()
    with (
        RunningServer(*flags(base_path), "--enable_grpc_healthcheck_service") as running,
        grpc.insecure_channel(running.target) as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)

        def health(name) -> int:
            return stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=20).status

        assert health("") == NOT_SERVING
        half_plus(base_path / "1")
        deadline = time.monotonic() + 20
        while health("PredictionService") != SERVING:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert [health(name) for name in ("", "ModelService")] == [SERVING, SERVING]
        assert code_of(lambda: health("nobody")) == grpc.StatusCode.NOT_FOUND
        assert ask(channel) == [3.0]


def test_without_the_flag_there_is_no_health_service(base_path):
    with RunningServer(*flags(base_path)) as running, grpc.insecure_channel(running.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert code_of(lambda: stub.Check(health_pb2.HealthCheckRequest(), timeout=20)) == grpc.StatusCode.UNIMPLEMENTED


def test_a_unix_socket_and_gRPC_s_own_options(base_path, tmp_path):  # noqa: N802
    path = tmp_path / "grpc.sock"
    more = [f"--grpc_socket_path={path}", "--grpc_channel_arguments=grpc.max_receive_message_length=2000"]
    with RunningServer(*flags(base_path), *more) as running:
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert ask(channel) == [3.0]
        with grpc.insecure_channel(running.target) as channel:
            assert ask(channel, rows=10) == [3.0] * 10
            assert code_of(lambda: ask(channel, rows=1000)) == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.slow
def test_messages_may_be_far_larger_than_grpc_s_default(base_path):
    rows = 4_000_000
    with RunningServer(*flags(base_path)) as running:
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(running.target, options=unlimited) as channel:
            assert ask(channel, rows=rows, timeout=60) == [3.0] * rows


def endless_request() -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0]))
    request.inputs["turns"].CopyFrom(tf.make_tensor_proto(10**12, tf.int64))
    return request


@pytest.mark.slow
def test_a_run_without_end_does_not_keep_the_server(slow_model):
    with (
        RunningServer(*flags(slow_model), "--shutdown_grace_seconds=0.5") as running,
        grpc.insecure_channel(running.target) as channel,
    ):
        # Without a deadline nothing can cancel the run.
        call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(endless_request())
        time.sleep(0.5)
        running.terminate()
        running.process.join(20)
        assert running.process.exitcode == 0
        assert call.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


@pytest.mark.slow
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_addresses(base_path, host):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with RunningServer(*flags(base_path), f"--host={host}") as running:
        assert running.target.startswith("[::1]:")
        with grpc.insecure_channel(running.target) as channel:
            assert ask(channel) == [3.0]


@pytest.mark.slow
def test_health_is_sent_only_on_changes(base_path):
    with (
        RunningServer(*flags(base_path), "--enable_grpc_healthcheck_service") as running,
        grpc.insecure_channel(running.target) as channel,
    ):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=1.5)
        first = next(watch)
        assert first.status == SERVING
        with pytest.raises(grpc.RpcError, match="Deadline Exceeded"):
            next(watch)


@pytest.mark.slow
def test_more_requests_than_allowed_are_refused(slow_model):
    limits = ["--max_concurrent_requests=2", "--grpc_max_threads=2"]
    with (
        RunningServer(*flags(slow_model), *limits) as running,
        grpc.insecure_channel(running.target) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = endless_request()
        long = [stub.Predict.future(request, timeout=5) for _ in range(2)]
        time.sleep(0.5)
        deadline = time.monotonic() + 4
        codes = set()
        while grpc.StatusCode.RESOURCE_EXHAUSTED not in codes and time.monotonic() < deadline:
            codes.add(code_of(lambda: stub.Predict(request, timeout=0.05)))
        assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
        assert [call.code() for call in long] == [grpc.StatusCode.DEADLINE_EXCEEDED] * 2


def test_a_config_file_is_watched(base_path, tmp_path, half_plus):
    (tmp_path / "other").mkdir()
    half_plus(tmp_path / "other" / "1", constant=4.0)
    text = 'config {{ name: "{}" base_path: "{}" model_platform: "tensorflow" }}'
    first, second = text.format("m", base_path), text.format("other", tmp_path / "other")
    config = tmp_path / "models.config"
    config.write_text(f"model_config_list {{ {first} }}")
    watched = [f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=0.1"]
    with RunningServer(*watched) as running, grpc.insecure_channel(running.target) as channel:
        assert ask(channel) == [3.0]
        config.write_text("model_config_list { half")
        time.sleep(0.5)
        assert ask(channel) == [3.0]
        config.write_text(f"model_config_list {{ {first} {second} }}")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert ask(channel, name="other") == [5.0]
                break
            except grpc.RpcError:
                time.sleep(0.05)
        assert ask(channel, name="other") == [5.0]
        assert ask(channel) == [3.0]


def test_sigterm_loses_no_accepted_request(base_path):
    answered, refused = [], []

    def keep_asking(target):
        with grpc.insecure_channel(target) as channel:
            while True:
                try:
                    answered.append(ask(channel))
                except grpc.RpcError as error:
                    refused.append(error.code())
                    return

    with RunningServer(*flags(base_path), "--grpc_max_threads=2") as running:
        threads = [threading.Thread(target=keep_asking, args=[running.target]) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(answered) < 200:
            time.sleep(0.01)
        running.terminate()
        for thread in threads:
            thread.join()
        running.process.join(20)
        assert running.process.exitcode == 0
    assert set(map(tuple, answered)) == {(3.0,)}
    # A request that was never accepted may be retried elsewhere; anything else would be a lost request. gRPC's core
    # cancels requests that arrive after the shutdown began and before the connection knows.
    assert set(refused) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


@pytest.mark.parametrize(
    ("name", "text", "flag", "said"),
    [
        (
            "models.config",
            "model_config_list { config { nme: 1 } }",
            "model_config_file",
            ":1: Error parsing text-format",
        ),
        (
            "models.config",
            'model_config_list { config { name: "a" base_path: "b" model_platform: "tensorflow" } }',
            "model_config_file",
            "Expected model a to have an absolute path",
        ),
        ("ssl.config", 'server_key: "key.pem" server_cert: "x"', "ssl_config_file", "not a file name"),
    ],
)
def test_an_invalid_config_file_ends_the_server_with_one_line(base_path, tmp_path, name, text, flag, said):
    (tmp_path / name).write_text(text)
    log = tmp_path / "log"
    with (
        pytest.raises(EOFError),
        RunningServer(*flags(base_path), f"--{flag}={tmp_path / name}", log=log) as running,
    ):
        running.process.join()
    assert said in log.read_text().splitlines()[-1]
    assert "Traceback" not in log.read_text()
