"""The keyword arguments of a call, for both clients."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import grpc

from serving.client.errors import Unavailable, error_of
from serving.client.messages.examples import Features, features_of_schema
from serving.client.messages.requests import RELOAD_CONFIG, ModelRef, Rpc


class CallOptions(TypedDict, total=False):
    """Keyword arguments of a call; all may be left out.

    Attributes:
        version: the number of the version to ask; without it and a label it is the latest.
        label: of the version to ask.
        signature: without it `Client.predict` takes ``columnar``, or ``serving_default`` where there is none or a
            schema is given; `Client.classify` and `Client.regress` take the model's only one of that method.
        schema: ``schema.pbtxt``, or what `features_of_schema` read from it: rows are sent as tf.Examples with these
            features. Without it the features are those of the model's own columnar signature.
        chunk_rows: more rows than these are sent in several requests, some at a time, and the answers joined in
            order. Unless a version is named, one that is pushed meanwhile answers the later ones.
        timeout: seconds allowed for each request to the server, all attempts together.
    """

    version: int | None
    label: str | None
    signature: str | None
    schema: Path | str | Features | None
    chunk_rows: int | None
    timeout: float | None


@dataclass(frozen=True, kw_only=True)
class CallSettings:
    """`CallOptions`, read and checked; see there.

    Attributes:
        model: which model and version.
        signature: None: the usual one of the method.
        schema: None: the model's own features.
        chunk_rows: None: all rows in one request.
        timeout: seconds.
        strict: whether a key of a row that is no feature is an error.
    """

    model: ModelRef
    signature: str | None
    schema: Features | None
    chunk_rows: int | None
    timeout: float
    strict: bool

    def __post_init__(self) -> None:
        if self.chunk_rows is not None and self.chunk_rows < 1:
            raise ValueError(f"chunk_rows: {self.chunk_rows} is not above 0")
        if self.timeout <= 0:
            raise ValueError(f"timeout: {self.timeout} is not above 0 seconds")


@dataclass(frozen=True, kw_only=True)
class ClientDefaults:
    """What a client does unless a call says otherwise.

    Attributes:
        timeout: seconds for one request.
        strict: see `CallSettings`.
        requests_in_flight: most chunks under way at a time.
        again: whether to ask once more where a connection breaks amid an answer; see `should_retry`.
    """

    timeout: float = 10.0
    strict: bool = False
    requests_in_flight: int = 4
    again: bool = True

    def __post_init__(self) -> None:
        if self.requests_in_flight < 1:
            raise ValueError(f"requests_in_flight: {self.requests_in_flight} is not above 0")

    def should_retry(self, call: Rpc, end: float, error: grpc.RpcError) -> bool:
        """Whether to send a call again because its connection broke amid the answer.

        gRPC tries again only while no part of an answer has come. Asking a model twice is safe; a reload may
        undo what somebody else has changed since.

        Args:
            call: that failed.
            end: when its timeout has passed, by `time.monotonic`.
            error: how it ended.
        """
        if not self.again or call.method == RELOAD_CONFIG or time.monotonic() >= end:
            return False
        reason = error_of(error.code(), error.details())
        return isinstance(reason, Unavailable) and reason.interrupted

    def settings(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str | None = None,
        schema: Path | str | Features | None = None,
        chunk_rows: int | None = None,
        timeout: float | None = None,
    ) -> CallSettings:
        """One call; the arguments are those of `CallOptions`.

        Raises:
            OSError: the schema cannot be read.
            ValueError: the arguments contradict each other or lie out of range, or the schema is none.
        """
        return CallSettings(
            model=ModelRef(name=model, version=version, label=label),
            signature=signature,
            schema=features_of_schema(schema) if isinstance(schema, (str, Path)) else schema,
            chunk_rows=chunk_rows,
            timeout=self.timeout if timeout is None else timeout,
            strict=self.strict,
        )
