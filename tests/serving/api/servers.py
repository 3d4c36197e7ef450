"""The servicers on a port of this machine, and requests to them."""

from __future__ import annotations

import re
from concurrent import futures
from contextlib import contextmanager, suppress

import grpc
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

from serving.api import Api
from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.metrics import Metrics
from serving.models.core import ServerCore
from serving.server.servicers import ModelService, PredictionService
from tests.conformance import calls
from tests.conformance.calls import example, example_list, multi_request, spec, tensor
from tests.serving.support import half_plus_two

Code = grpc.StatusCode
ONE = example_list(example(x=1.0))


def samples(metrics, name):
    """The values of a counter, or of a histogram's count, by label values."""
    found = {}
    for line in metrics.exposition().splitlines():
        if line.startswith(f":tensorflow:serving:{name}{{"):
            labels, value = line.rsplit(" ", 1)
            found[tuple(re.findall('"(.*?)"', labels))] = float(value)
    return found


class RecordedLog:
    """A log that wants every request, or none."""

    def __init__(self, wanted):
        self.wanted, self.written = wanted, []

    def wants(self):
        return self.wanted

    def write(self, model, log):
        self.written.append((model, log))


def config_of(folders):
    config = model_server_config_pb2.ModelServerConfig()
    for name, path in folders.items():
        model = config.model_config_list.config.add(name=name, base_path=str(path), model_platform="tensorflow")
        model.model_version_policy.all.SetInParent()
    return config


def load(name, folder):
    return SavedModel(str(folder))


class Server:
    """The servicers on a port of this machine."""

    def __init__(self, core, log=None):
        self.metrics, self.log = Metrics(), log
        self.api = Api(core, metrics=self.metrics, request_loggers=[log] if log else [])
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(self.api), self._server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.api), self._server)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}")
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._server.start()

    def stop(self):
        self._channel.close()
        self._server.stop(grace=None)


@contextmanager
def serving(folders, *, loader=load, log=None):
    core = ServerCore(load=loader, poll_seconds=0)
    # A model that fails to load does not affect the others.
    with suppress(StatusError):
        core.reload(config_of(folders))
    server = Server(core, log)
    try:
        yield server
    finally:
        server.stop()
        core.stop()


def predict_request(*, model="m", value=1.0, **which):
    return calls.predict_request(spec(model, **which), x=tensor([value], shape=[1, 1]))


def multi(*signatures, version=None):
    methods = [half_plus_two.CLASSIFY if name.startswith("classify") else half_plus_two.REGRESS for name in signatures]
    specs = [spec("m", version=version, signature=name) for name in signatures]
    return multi_request(ONE, *zip(specs, methods, strict=True))


def refusal(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()
