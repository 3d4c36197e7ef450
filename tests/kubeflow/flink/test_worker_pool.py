"""The command of the worker pool's container, started as it stands in the file, and asked as Flink asks it."""

import threading
from concurrent import futures

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc, endpoints_pb2

from kubeflow.flink.options import plan
from kubeflow.flink.session import flink_deployment
from pipeline.config.loading import load
from tests.shared.programs import Program, free_port, python_environment, wait_for_port

pytestmark = pytest.mark.tensorflow


class Control(beam_fn_api_pb2_grpc.BeamFnControlServicer):
    """What a task manager listens with: remembers which workers came."""

    def __init__(self):
        self.came, self.workers = threading.Event(), []

    def Control(self, requests, context):  # noqa: N802
        self.workers.append(dict(context.invocation_metadata())["worker_id"])
        self.came.set()
        yield from ()


@pytest.fixture
def control():
    servicer = Control()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(servicer, server)
    servicer.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer
    server.stop(0)


def test_the_pool_listens_and_starts_a_worker_that_calls_back(taxi_config, tmp_path, control):
    port = free_port()
    config = load(config=taxi_config, profile="flink_kubernetes", overrides=[f"beam.worker_pool=localhost:{port}"])
    pod = flink_deployment(plan(config, {}))["spec"]["taskManager"]["podTemplate"]["spec"]
    [pool] = [each for each in pod["containers"] if each["name"] == "beam-worker-pool"]
    program = Program([*pool["command"], *pool["args"]], log=tmp_path / "pool.log", environment=python_environment())
    try:
        wait_for_port(port, seconds=60)
        endpoint = endpoints_pb2.ApiServiceDescriptor(url=f"localhost:{control.port}")
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            answer = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel).StartWorker(
                beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1", control_endpoint=endpoint), timeout=30
            )
        assert answer.error == ""
        assert control.came.wait(60), program.log.read_text()
        assert control.workers[0] == "1-1"
    finally:
        program.stop()
