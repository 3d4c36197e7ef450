"""The client for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio
import numpy as np

from serving.client import steps
from serving.client.call_options import CallOptions, CallSettings, ClientDefaults
from serving.client.client import methods
from serving.client.connection import Connection
from serving.client.diagnosis import explained
from serving.client.errors import ServingError, error_of
from serving.client.messages import requests
from serving.client.messages.columns import Row
from serving.client.messages.requests import Rpc
from serving.client.steps import SignatureCache, Steps

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class AsyncClient:
    """`serving.client.client.Client` for asyncio: the same arguments, methods, answers and errors.

    Create it in the event loop that uses it; use as an async context manager.
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
        self._channel = connection.channel(grpc.aio)
        self._methods = methods(self._channel)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._channel.close()

    async def predict(self, model: str, rows: Sequence[Row], **options: Unpack[CallOptions]) -> dict[str, np.ndarray]:
        """As `Client.predict`."""
        settings = self._defaults.settings(model, **options)
        return await self._run(steps.predict(self._cache, settings, rows), settings)

    async def predict_arrays(
        self, model: str, inputs: Mapping[str, np.ndarray], **options: Unpack[CallOptions]
    ) -> dict[str, np.ndarray]:
        """As `Client.predict_arrays`."""
        settings = self._defaults.settings(model, **options)
        return await self._run(steps.predict_arrays(settings, inputs), settings)

    async def classify(
        self, model: str, rows: Sequence[Row], **options: Unpack[CallOptions]
    ) -> list[list[tuple[str, float]]]:
        """As `Client.classify`."""
        settings = self._defaults.settings(model, **options)
        return await self._run(steps.classify(self._cache, settings, rows), settings)

    async def regress(self, model: str, rows: Sequence[Row], **options: Unpack[CallOptions]) -> np.ndarray:
        """As `Client.regress`."""
        settings = self._defaults.settings(model, **options)
        return await self._run(steps.regress(self._cache, settings, rows), settings)

    async def multi_inference(
        self,
        model: str,
        rows: Sequence[Row],
        *,
        classify: Sequence[str] = (),
        regress: Sequence[str] = (),
        **options: Unpack[CallOptions],
    ) -> dict[str, Any]:
        """As `Client.multi_inference`."""
        settings = self._defaults.settings(model, **options)
        return await self._run(
            steps.multi_inference(self._cache, settings, rows, classify=classify, regress=regress), settings
        )

    async def signatures(self, model: str, **options: Unpack[CallOptions]) -> dict[str, Any]:
        """As `Client.signatures`."""
        settings = self._defaults.settings(model, **options)
        return await self._run(steps.signatures(self._cache, settings.model), settings)

    async def status(self, model: str, *, timeout: float | None = None) -> dict[int, str]:
        """As `Client.status`."""
        settings = self._defaults.settings(model, timeout=timeout)
        return await self._run(steps.one(requests.status(settings.model), requests.states), settings)

    async def load_errors(self, model: str, *, timeout: float | None = None) -> dict[int, str]:
        """As `Client.load_errors`."""
        settings = self._defaults.settings(model, timeout=timeout)
        return await self._run(steps.one(requests.status(settings.model), requests.load_errors), settings)

    async def reload_config(self, config: Any, *, timeout: float | None = None) -> None:
        """As `Client.reload_config`."""
        settings = self._defaults.settings("", timeout=timeout)
        await self._run(steps.one(requests.reload_config(config), requests.reloaded), settings)

    async def health(self, service: str = "", *, timeout: float | None = None) -> str:
        """As `Client.health`."""
        settings = self._defaults.settings("", timeout=timeout)
        return await self._run(steps.one(requests.health(service), requests.healthy), settings)

    async def _run(self, generator: Steps[T], settings: CallSettings) -> T:
        """Drive a generator of `steps` to its end."""
        try:
            calls = next(generator)
            while True:
                try:
                    responses = await self._responses(calls, settings.timeout)
                except (ServingError, ValueError) as error:
                    calls = generator.throw(error)
                else:
                    calls = generator.send(responses)
        except StopIteration as end:
            return end.value

    async def _responses(self, calls: Iterable[Rpc], timeout: float) -> list[Any]:
        """The responses in order; some calls are in flight at a time, and none after an error."""
        responses, pending = [], deque()
        try:
            for call in calls:
                end = time.monotonic() + timeout
                pending.append((call, end, self._send(call, end)))
                if len(pending) >= self._defaults.requests_in_flight:
                    responses.append(await self._answer(*pending.popleft()))
                # The next chunk takes a while to make; let the loop's other tasks run first.
                await asyncio.sleep(0)
            while pending:
                responses.append(await self._answer(*pending.popleft()))
        except grpc.RpcError as error:
            said = error_of(error.code(), error.details())
            raise await asyncio.to_thread(explained, self._connection, said) from None
        finally:
            for _, _, sent in pending:
                sent.cancel()
        return responses

    async def _answer(self, call: Rpc, end: float, sent: Awaitable[Any]) -> Any:
        """The response, or that to a second attempt."""
        try:
            return await sent
        except grpc.RpcError as error:
            if not self._defaults.should_retry(call, end, error):
                raise
        return await self._send(call, end)

    def _send(self, call: Rpc, end: float) -> Awaitable[Any]:
        return self._methods[call.method](call.request, timeout=end - time.monotonic())
