"""A few servers with one models config file, and those who call them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import numpy as np
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.client.connection import Connection
from serving.client.messages import tensors
from serving.versions import cli, models_config
from serving.versions.rollout import AVAILABLE, Server
from tests.serving.support.running import RunningServer

MODEL = "m"
# Version to the constant that is added; version 5 is not a SavedModel.
CONSTANTS = {2: 2.0, 3: 3.0, 4: 4.0}
BAD = 5


class Fleet:
    """The models config file of a few servers, and the command line on both."""

    def __init__(self, file: Path):
        self.file = file
        self.targets: list[str] = []

    def server(self) -> RunningServer:
        return RunningServer("--model_config_file", str(self.file), "--file_system_poll_wait_seconds", "0.1")

    def __call__(self, command: str, *flags: object) -> int:
        common = ["--model", MODEL, "--model_config_file", str(self.file), "--target", ",".join(self.targets)]
        return cli.main([command, *common, *map(str, flags)])

    def labels(self) -> dict[str, int]:
        return models_config.labels(models_config.read(self.file), MODEL)


@contextmanager
def running(fleet, count=1):
    with ExitStack() as stack:
        fleet.targets = [stack.enter_context(fleet.server()).target for _ in range(count)]
        yield


def available(target) -> set[int]:
    with Server(Connection.of(target), timeout=10) as server:
        return {version for version, state in server.states(MODEL).items() if state.state == AVAILABLE}


def pointed(target) -> dict[str, int]:
    with Server(Connection.of(target), timeout=10) as server:
        return server.labels(MODEL, ["stable", "previous", "canary"])


class Callers:
    """Threads that ask for label stable all the time. Use as a context manager."""

    def __init__(self, target, *, count: int = 4):
        self.answers: Counter[float] = Counter()
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(target,)) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answers_with(self, value: float) -> None:
        """Wait until new requests get this answer."""
        with self._lock:
            self.answers.clear()
        end = time.monotonic() + 20
        while self.answers[value] < 20:
            assert time.monotonic() < end, (value, self.answers, self.errors[:3])
            time.sleep(0.01)

    def _ask(self, target):
        with grpc.insecure_channel(target) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.version_label = MODEL, "stable"
            tensors.fill(request.inputs["x"], np.array([[2.0]], np.float32))
            while not self._stop.is_set():
                try:
                    response = stub.Predict(request, timeout=30)
                    value = float(tensors.to_array(response.outputs["y"]).ravel()[0]) - 1.0
                    with self._lock:
                        self.answers[value] += 1
                except grpc.RpcError as error:
                    self.errors.append(f"{error.code()}: {error.details()}")
