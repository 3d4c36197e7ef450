"""The same client for asyncio."""

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
from serving.client.call_options import Asking, Defaults, How
from serving.client.client import methods
from serving.client.connection import Connection
from serving.client.errors import ServingError, error_of
from serving.client.messages import requests
from serving.client.messages.columns import Row
from serving.client.messages.requests import Call
from serving.client.steps import SignatureCache, Steps

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class AsyncClient:
    """`serving.client.client.Client` for asyncio: the same arguments, methods, answers and errors.

    Make it inside the event loop that uses it; use as an async context manager.
    """

    def __init__(
        self, target: str | Connection, *, timeout: float = 10.0, strict: bool = False, requests_in_flight: int = 4
    ):
        connection = Connection.of(target)
        again = connection.retry.attempts > 1
        self._defaults = Defaults(timeout=timeout, strict=strict, requests_in_flight=requests_in_flight, again=again)
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

    async def predict(self, model: str, rows: Sequence[Row], **how: Unpack[How]) -> dict[str, np.ndarray]:
        """As `Client.predict`."""
        asking = self._defaults.asking(model, **how)
        return await self._run(steps.predict(self._cache, asking, rows), asking)

    async def predict_arrays(
        self, model: str, inputs: Mapping[str, np.ndarray], **how: Unpack[How]
    ) -> dict[str, np.ndarray]:
        """As `Client.predict_arrays`."""
        asking = self._defaults.asking(model, **how)
        return await self._run(steps.predict_arrays(asking, inputs), asking)

    async def classify(self, model: str, rows: Sequence[Row], **how: Unpack[How]) -> list[list[tuple[str, float]]]:
        """As `Client.classify`."""
        asking = self._defaults.asking(model, **how)
        return await self._run(steps.classify(self._cache, asking, rows), asking)

    async def regress(self, model: str, rows: Sequence[Row], **how: Unpack[How]) -> np.ndarray:
        """As `Client.regress`."""
        asking = self._defaults.asking(model, **how)
        return await self._run(steps.regress(self._cache, asking, rows), asking)

    async def multi_inference(
        self,
        model: str,
        rows: Sequence[Row],
        *,
        classify: Sequence[str] = (),
        regress: Sequence[str] = (),
        **how: Unpack[How],
    ) -> dict[str, Any]:
        """As `Client.multi_inference`."""
        asking = self._defaults.asking(model, **how)
        return await self._run(
            steps.multi_inference(self._cache, asking, rows, classify=classify, regress=regress), asking
        )

    async def signatures(self, model: str, **how: Unpack[How]) -> dict[str, Any]:
        """As `Client.signatures`."""
        asking = self._defaults.asking(model, **how)
        return await self._run(steps.signatures(self._cache, asking.model), asking)

    async def status(self, model: str, *, timeout: float | None = None) -> dict[int, str]:
        """As `Client.status`."""
        asking = self._defaults.asking(model, timeout=timeout)
        return await self._run(steps.one(requests.status(asking.model), requests.states), asking)

    async def load_errors(self, model: str, *, timeout: float | None = None) -> dict[int, str]:
        """As `Client.load_errors`."""
        asking = self._defaults.asking(model, timeout=timeout)
        return await self._run(steps.one(requests.status(asking.model), requests.load_errors), asking)

    async def reload_config(self, config: Any, *, timeout: float | None = None) -> None:
        """As `Client.reload_config`."""
        asking = self._defaults.asking("", timeout=timeout)
        await self._run(steps.one(requests.reload_config(config), requests.reloaded), asking)

    async def health(self, service: str = "", *, timeout: float | None = None) -> str:
        """As `Client.health`."""
        asking = self._defaults.asking("", timeout=timeout)
        return await self._run(steps.one(requests.health(service), requests.healthy), asking)

    async def _run(self, asked: Steps[T], asking: Asking) -> T:
        """Drive a generator of `steps` to its end."""
        try:
            calls = next(asked)
            while True:
                try:
                    responses = await self._responses(calls, asking.timeout)
                except (ServingError, ValueError) as error:
                    calls = asked.throw(error)
                else:
                    calls = asked.send(responses)
        except StopIteration as end:
            return end.value

    async def _responses(self, calls: Iterable[Call], timeout: float) -> list[Any]:
        """The responses in order; some calls are under way at a time, and none after an error."""
        responses, pending = [], deque()
        try:
            for call in calls:
                end = time.monotonic() + timeout
                pending.append((call, end, self._send(call, end)))
                if len(pending) >= self._defaults.requests_in_flight:
                    responses.append(await self._answer(*pending.popleft()))
                # Making the next chunk takes a while; the loop's other tasks go first.
                await asyncio.sleep(0)
            while pending:
                responses.append(await self._answer(*pending.popleft()))
        except grpc.RpcError as error:
            raise error_of(error.code(), error.details()) from None
        finally:
            for _, _, sent in pending:
                sent.cancel()
        return responses

    async def _answer(self, call: Call, end: float, sent: Awaitable[Any]) -> Any:
        """The response, or that to one more attempt."""
        try:
            return await sent
        except grpc.RpcError as error:
            if not self._defaults.once_more(call, end, error):
                raise
        return await self._send(call, end)

    def _send(self, call: Call, end: float) -> Awaitable[Any]:
        return self._methods[call.method](call.request, timeout=end - time.monotonic())
