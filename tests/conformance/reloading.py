"""Changes what the server serves, and waits for the result."""

from __future__ import annotations

import time

import grpc
from google.protobuf import text_format
from grpc import StatusCode
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests.conformance.calls import SECONDS, predict_request, spec, tensor, values_of
from tests.conformance.models import config

State = get_model_status_pb2.ModelVersionStatus
X = tensor([2.0])


class Reloading:
    """Changes the server's config."""

    def __init__(self, stub, folder):
        self._stub = stub
        self.folder = folder

    def original(self):
        """A copy of the config that the server was started with."""
        return text_format.Parse(config(self.folder), model_server_config_pb2.ModelServerConfig())

    def __call__(self, new):
        answer = self._stub.HandleReloadConfigRequest(
            model_management_pb2.ReloadConfigRequest(config=new), timeout=SECONDS
        )
        assert (answer.status.error_code, answer.status.error_message) == (0, "")


def entry(of, name):
    return next(model for model in of.model_config_list.config if model.name == name)


def add(to, name, folder):
    return to.model_config_list.config.add(name=name, base_path=f"{folder}/{name}", model_platform="tensorflow")


def states(management, name):
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec(name))
    return {status.version: status.state for status in management.GetModelStatus(request, SECONDS).model_version_status}


def eventually(condition):
    """The call does not wait for unloading and new versions."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def ask(prediction, model):
    return values_of(prediction.Predict(predict_request(model, x=X), SECONDS).outputs["y"])


def gone(prediction, name):
    try:
        ask(prediction, spec(name))
    except grpc.RpcError as error:
        return error.code() == StatusCode.NOT_FOUND
    return False
