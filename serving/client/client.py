"""A gRPC client for TF Serving and the embedded server: rows in, arrays out, no TensorFlow."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import numpy as np

from serving.client import steps
from serving.client.call_options import CallOptions, CallSettings, ClientDefaults
from serving.client.connection import Connection
from serving.client.diagnosis import explained
from serving.client.errors import ServingError, error_of
from serving.client.messages import requests
from serving.client.messages.columns import Row
from serving.client.messages.protos import message
from serving.client.messages.requests import Rpc
from serving.client.steps import SignatureCache, Steps

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class Client:
    """Calls model servers. Thread-safe; use as a context manager.

    The keyword arguments of every method are those of `CallOptions`. Every method may raise `ServingError` with the
    server's code and text, of the class that says what to do about it (see `serving.client.errors`), and `ValueError`
    if rows or arguments cannot become a request.

    Args:
        target: ``host:port``, several with commas between them, or a `Connection`.
        timeout: float, seconds for one request, unless a call sets its own.
        strict: bool, whether a key of a row that is not a feature of the model is an error; otherwise it is left out.
        requests_in_flight: int, most chunks of one call in flight at a time.
    """

    def __init__(
        self, target: str | Connection, *, timeout: float = 10.0, strict: bool = False, requests_in_flight: int = 4
    ):
        self._connection = connection = Connection.of(target)
        retry = connection.retry.attempts > 1
        self._defaults = ClientDefaults(
            timeout=timeout, strict=strict, requests_in_flight=requests_in_flight, retry_interrupted=retry
        )
        self._cache: SignatureCache = {}
        self._channel = connection.channel()
        self._methods = methods(self._channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def predict(self, model: str, rows: Sequence[Row], **options: Unpack[CallOptions]) -> dict[str, np.ndarray]:
        """Predict for plain dicts, one per example, by raw feature name.

        None, an empty text, NaN or an absent key is a missing value.

        Returns:
            Output name to array, first dimension ``len(rows)``.
        """
        settings = self._defaults.settings(model, **options)
        return self._run(steps.predict(self._cache, settings, rows), settings)

    def predict_arrays(
        self, model: str, inputs: Mapping[str, np.ndarray], **options: Unpack[CallOptions]
    ) -> dict[str, np.ndarray]:
        """Call any signature, ``serving_default`` by default, with arrays as they are; ``schema`` is not allowed."""
        settings = self._defaults.settings(model, **options)
        return self._run(steps.predict_arrays(settings, inputs), settings)

    def classify(
        self, model: str, rows: Sequence[Row], **options: Unpack[CallOptions]
    ) -> list[list[tuple[str, float]]]:
        """The classes of each row and their scores, in the model's order."""
        settings = self._defaults.settings(model, **options)
        return self._run(steps.classify(self._cache, settings, rows), settings)

    def regress(self, model: str, rows: Sequence[Row], **options: Unpack[CallOptions]) -> np.ndarray:
        """A number per row, float32 ``[rows]``."""
        settings = self._defaults.settings(model, **options)
        return self._run(steps.regress(self._cache, settings, rows), settings)

    def multi_inference(
        self,
        model: str,
        rows: Sequence[Row],
        *,
        classify: Sequence[str] = (),
        regress: Sequence[str] = (),
        **options: Unpack[CallOptions],
    ) -> dict[str, Any]:
        """The results of `classify` and `regress` by signature, from one run over the rows.

        ``classify`` and ``regress`` name the signatures; ``signature`` is not allowed.
        """
        settings = self._defaults.settings(model, **options)
        return self._run(
            steps.multi_inference(self._cache, settings, rows, classify=classify, regress=regress), settings
        )

    def signatures(self, model: str, **options: Unpack[CallOptions]) -> dict[str, Any]:
        """The model's signatures (SignatureDef messages) by name; of `CallOptions`, version, label and timeout."""
        settings = self._defaults.settings(model, **options)
        return self._run(steps.signatures(self._cache, settings.model), settings)

    def status(self, model: str, *, timeout: float | None = None) -> dict[int, str]:
        """The state of every version: ``AVAILABLE``, ``LOADING``, ``END`` and so on."""
        settings = self._defaults.settings(model, timeout=timeout)
        return self._run(steps.one(requests.status(settings.model), requests.states), settings)

    def load_errors(self, model: str, *, timeout: float | None = None) -> dict[int, str]:
        """The server's text for every version that it could not load."""
        settings = self._defaults.settings(model, timeout=timeout)
        return self._run(steps.one(requests.status(settings.model), requests.load_errors), settings)

    def reload_config(self, config: Any, *, timeout: float | None = None) -> None:
        """Let the server serve the models of ``config`` and no others; returns when the new ones are available.

        ``config`` is a ModelServerConfig message or its text format. With several servers, it goes to any one.
        """
        settings = self._defaults.settings("", timeout=timeout)
        self._run(steps.one(requests.reload_config(config), requests.reloaded), settings)

    def health(self, service: str = "", *, timeout: float | None = None) -> str:
        """``SERVING``, ``NOT_SERVING`` and so on, from a server whose health service is on."""
        settings = self._defaults.settings("", timeout=timeout)
        return self._run(steps.one(requests.health(service), requests.healthy), settings)

    def _run(self, generator: Steps[T], settings: CallSettings) -> T:
        """Drive a generator of `steps` to its end."""
        try:
            calls = next(generator)
            while True:
                try:
                    responses = self._responses(calls, settings.timeout)
                except (ServingError, ValueError) as error:
                    calls = generator.throw(error)
                else:
                    calls = generator.send(responses)
        except StopIteration as end:
            return end.value

    def _responses(self, calls: Iterable[Rpc], timeout: float) -> list[Any]:
        """The responses in order; some calls are in flight at a time, and none after an error."""
        responses, pending = [], deque()
        try:
            calls = iter(calls)
            first, second = next(calls), next(calls, None)
            if second is None:
                # A plain call is cheaper than a future.
                return [self._answer(first, time.monotonic() + timeout)]
            for call in chain((first, second), calls):
                future = self._methods[call.method].future(call.request, timeout=timeout)
                pending.append((call, time.monotonic() + timeout, future))
                if len(pending) >= self._defaults.requests_in_flight:
                    responses.append(self._answer(*pending.popleft()))
            while pending:
                responses.append(self._answer(*pending.popleft()))
        except grpc.RpcError as error:
            raise explained(self._connection, error_of(error.code(), error.details())) from None
        finally:
            for _, _, future in pending:
                future.cancel()
        return responses

    def _answer(self, call: Rpc, end: float, future: grpc.Future | None = None) -> Any:
        """The response to a call that may be in flight already, or to a second attempt."""
        try:
            return self._send(call, end) if future is None else future.result()
        except grpc.RpcError as error:
            if not self._defaults.should_retry(call, end, error):
                raise
        return self._send(call, end)

    def _send(self, call: Rpc, end: float) -> Any:
        return self._methods[call.method](call.request, timeout=end - time.monotonic())


def methods(channel: Any) -> dict[str, Any]:
    """A callable per method of `requests.RESPONSES`, on a channel of either kind."""
    return {
        method: channel.unary_unary(
            method,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message(response).FromString,
        )
        for method, response in requests.RESPONSES.items()
    }
