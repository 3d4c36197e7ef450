"""PredictionService and ModelService: gRPC over `Api`, with TF Serving's status codes and texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.api import Api
from serving.errors import StatusError

# gRPC Python gives a call without a deadline one in the far future.
_NO_DEADLINE_SECONDS = 1e8


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata.

    Args:
        api: answers the requests.
    """

    def __init__(self, api: Api):
        self._api = api

    # The names are those of the service's definition; requests and responses are its messages.
    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, D102
        return _run(self._api.predict, request, context)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, D102
        return _run(self._api.classify, request, context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, D102
        return _run(self._api.regress, request, context)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, D102
        return _run(self._api.multi_inference, request, context)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, D102
        return _answer(self._api.get_model_metadata, request, context)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest.

    Args:
        api: answers the requests.
    """

    def __init__(self, api: Api):
        self._api = api

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, D102
        return _answer(self._api.get_model_status, request, context)

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, D102
        return _answer(self._api.reload_config, request, context)


def within_deadline(method: Callable[[Any, float | None], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    """A handler from a function of a request and the seconds that its client waits; None: for ever."""

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request, _seconds_left(context))
        except StatusError as error:
            context.abort(error.code, error.text)

    return answer


def _run(method: Callable[..., Any], request: Any, context: grpc.ServicerContext) -> Any:
    """Answer a request that runs the model, within the client's deadline."""
    try:
        return method(request, timeout_seconds=_seconds_left(context))
    except StatusError as error:
        context.abort(error.code, error.text)


def _seconds_left(context: grpc.ServicerContext) -> float | None:
    remaining = context.time_remaining()
    return None if remaining is None or remaining > _NO_DEADLINE_SECONDS else remaining


def _answer(method: Callable[[Any], Any], request: Any, context: grpc.ServicerContext) -> Any:
    try:
        return method(request)
    except StatusError as error:
        context.abort(error.code, error.text)
