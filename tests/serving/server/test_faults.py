"""The server under faults: killed, starved, flooded with garbage, given half a model."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving.client import DeadlineExceeded, Retry, ServingError
from tests.conformance.calls import SECONDS, spec
from tests.serving.server.malformed import huge, malformed
from tests.serving.support.hammer import (
    Hammer,
    anonymous_megabytes,
    client_of,
    copy_slowly,
    free_port,
    half_of_two,
    looped,
    wait_for,
)
from tests.serving.support.running import RunningServer

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

ONCE = Retry(attempts=1)
State = get_model_status_pb2.ModelVersionStatus


@pytest.fixture
def base_path(tmp_path, half_plus):
    """One model, version 1, y = x / 2 + 2."""
    (tmp_path / "m").mkdir()
    half_plus(tmp_path / "m" / "1")
    return tmp_path / "m"


def flags(base_path, *more):
    return ["--model_name=m", f"--model_base_path={base_path}", "--file_system_poll_wait_seconds=0.01", *more]


def statuses(server):
    with grpc.insecure_channel(server.target) as channel:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec("m"))
        answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=SECONDS)
    return {status.version: status for status in answer.model_version_status}


def test_killed_and_started_again_under_load(base_path):
    """Clients that retry notice only the delay."""
    on_one_port = [*flags(base_path), f"--port={free_port()}"]
    with (
        RunningServer(*on_one_port) as first,
        client_of(first.target) as client,
        Hammer(lambda: half_of_two(client)) as hammer,
    ):
        hammer.keeps_answering()
        first.kill()
        with RunningServer(*on_one_port) as second:
            assert second.target == first.target
            hammer.keeps_answering()
            hammer.stop()
    assert set(hammer.answers) == {3.0}
    assert not hammer.refusals


def test_a_terminated_server_answers_what_it_accepted(base_path):
    """With a second server no client notices; one that does not retry gets an answer or an error.

    The client gets UNAVAILABLE, or gRPC's own CANCELLED for what arrives while it says goodbye; no handler saw those.
    """
    with (
        RunningServer(*flags(base_path)) as leaving,
        RunningServer(*flags(base_path)) as staying,
        client_of(leaving.target, staying.target) as both,
        client_of(leaving.target, retry=ONCE) as one,
        Hammer(lambda: half_of_two(both)) as covered,
        Hammer(lambda: half_of_two(one), threads=2) as alone,
    ):
        covered.keeps_answering()
        alone.keeps_answering()
        leaving.terminate()
        leaving.process.join(30)
        assert leaving.process.exitcode == 0
        covered.keeps_answering()
        wait_for(lambda: alone.refusals)
    assert set(covered.answers) == set(alone.answers) == {3.0}
    assert not covered.refusals
    assert set(alone.refusals) <= {StatusCode.UNAVAILABLE, StatusCode.CANCELLED}


def test_a_version_that_is_copied_in_slowly_is_never_served_half(base_path, tmp_path, half_plus):
    half_plus(tmp_path / "newer", constant=3.0)
    with (
        RunningServer(*flags(base_path)) as server,
        client_of(server.target, retry=ONCE) as client,
        Hammer(lambda: half_of_two(client)) as hammer,
    ):
        hammer.keeps_answering()
        failures, complete = set(), threading.Event()
        copying = threading.Thread(
            target=copy_slowly,
            args=(tmp_path / "newer", base_path / "2"),
            kwargs={"pause": 0.1, "complete": complete},
        )
        copying.start()
        while copying.is_alive():
            half = statuses(server).get(2)
            if half is not None and half.state == State.END and half.status.error_code:
                failures.add(half.status.error_message)
            assert half is None or half.state != State.AVAILABLE or complete.is_set()
        wait_for(lambda: hammer.answers[4.0])
        hammer.keeps_answering()
    assert failures
    assert set(hammer.answers) == {3.0, 4.0}
    assert not hammer.refusals
    assert not hammer.surprises


def test_a_bad_version_does_not_affect_others_and_is_served_once_fixed(base_path, half_plus):
    with (
        RunningServer(*flags(base_path)) as server,
        client_of(server.target, retry=ONCE) as client,
        Hammer(lambda: half_of_two(client), threads=2) as hammer,
    ):
        hammer.keeps_answering()
        half_plus(base_path / "20", constant=3.0)
        wait_for(lambda: hammer.answers[4.0])
        shutil.copytree(base_path / "20", base_path / ".stage")
        good = (base_path / ".stage" / "saved_model.pb").read_bytes()
        (base_path / ".stage" / "saved_model.pb").write_bytes(good[:100])
        (base_path / ".stage").rename(base_path / "21")
        wait_for(lambda: 21 in statuses(server) and statuses(server)[21].state == State.END)
        bad = statuses(server)[21].status
        assert bad.error_code
        assert "saved_model.pb" in bad.error_message
        hammer.keeps_answering()
        assert statuses(server)[20].state == State.AVAILABLE
        (base_path / "21" / "saved_model.pb").write_bytes(good)
        wait_for(lambda: statuses(server)[21].state == State.AVAILABLE)
        assert not statuses(server)[21].status.error_message
        hammer.keeps_answering()
    assert not hammer.refusals


@pytest.mark.parametrize("warm", [False, True], ids=["first request", "after quick ones"])
def test_an_expired_deadline_gives_the_thread_back(slow_model, warm):
    """Twice as many endless requests as threads; quick earlier ones must not make the server trust these."""
    threads = 2
    with (
        RunningServer(*flags(slow_model), f"--grpc_max_threads={threads}") as server,
        client_of(server.target, retry=ONCE) as client,
        ThreadPoolExecutor(2 * threads) as pool,
    ):
        for _ in range(30 * warm):
            assert looped(client, 1) == [2.0]
        calls = [pool.submit(looped, client, 10**9, timeout=0.5) for _ in range(2 * threads)]
        assert {type(call.exception()) for call in calls} == {DeadlineExceeded}
        try:
            assert looped(client, 1, timeout=20.0) == [2.0]
        except ServingError:
            # Such a server would not end on SIGTERM either.
            server.kill()
            raise


def test_a_thousand_malformed_requests(base_path):
    limit = 20_000_000
    with (
        RunningServer(*flags(base_path), f"--max_message_bytes={limit}") as server,
        grpc.insecure_channel(server.target, options=[("grpc.max_send_message_length", -1)]) as channel,
        client_of(server.target, retry=ONCE) as client,
    ):

        def code_of(method, message):
            try:
                channel.unary_unary(method)(message, timeout=SECONDS)
            except grpc.RpcError as error:
                return error.code()
            return StatusCode.OK

        def send(requests):
            for request in requests:
                code = code_of(request.method, request.message)
                assert code in request.codes, request

        send(malformed(200, model="m", seed=1))
        before = anonymous_megabytes(server.process.pid)
        send(malformed(800, model="m", seed=2))
        assert anonymous_megabytes(server.process.pid) < before + 3
        # What these leave free would hide what the small ones leave behind.
        send(huge("m"))
        too_large = b"\x0a" * (limit + 1)
        assert code_of("/tensorflow.serving.PredictionService/Predict", too_large) == StatusCode.RESOURCE_EXHAUSTED
        assert half_of_two(client) == 3.0


def test_twenty_reloads_leave_the_memory_flat(base_path, half_plus):
    """Every version is loaded, called and unloaded before the next one."""
    with RunningServer(*flags(base_path)) as server, client_of(server.target, retry=ONCE) as client:

        def push(version):
            constant = 2.0 + version % 2
            half_plus(base_path / str(version), constant=constant)
            wait_for(lambda: statuses(server).get(version) and statuses(server)[version].state == State.AVAILABLE)
            wait_for(lambda: statuses(server)[version - 1].state == State.END)
            assert half_of_two(client) == 1.0 + constant
            shutil.rmtree(base_path / str(version - 1))

        for version in range(2, 7):
            push(version)
        before = anonymous_megabytes(server.process.pid)
        for version in range(7, 27):
            push(version)
        assert anonymous_megabytes(server.process.pid) < before + 20
        server.terminate()
        server.process.join(30)
        assert server.process.exitcode == 0
