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
    """Keyword arguments of a call; all are optional.

    Attributes:
        version: int, number of the version to call; the latest without it and without a label.
        label: str, label of the version to call.
        signature: str; without it `Client.predict` takes ``columnar``, or ``serving_default`` where there is none or a
            schema is given; `Client.classify` and `Client.regress` take the model's only one of that method.
        schema: ``schema.pbtxt``, or what `features_of_schema` read from it: rows are sent as tf.Examples with these
            features. Without it the features are those of the model's columnar signature.
        chunk_rows: int, most rows of one request; more rows are sent in several, some at a time, and the answers
            joined in order. Unless a version is named, one that is pushed meanwhile answers the later requests.
        timeout: float, seconds for each request to the server, all attempts together.
    """

    version: int | None
    label: str | None
    signature: str | None
    schema: Path | str | Features | None
    chunk_rows: int | None
    timeout: float | None


@dataclass(frozen=True, kw_only=True)
class CallSettings:
    """Checked `CallOptions`, with the client's defaults filled in.

    Attributes:
        model: the model and version.
        signature: str; None: the method's default.
        schema: features; None: the model's own.
        chunk_rows: int; None: all rows in one request.
        timeout: float, seconds.
        strict: bool, whether a key of a row that is not a feature is an error.
    """

    model: ModelRef
    signature: str | None
    schema: Features | None
    chunk_rows: int | None
    timeout: float
    strict: bool

    def __post_init__(self) -> None:
        if self.chunk_rows is not None and self.chunk_rows < 1:
            raise ValueError(f"chunk_rows must be above 0, not {self.chunk_rows}")
        if self.timeout <= 0:
            raise ValueError(f"timeout must be above 0, not {self.timeout}")


@dataclass(frozen=True, kw_only=True)
class ClientDefaults:
    """A client's settings for all calls.

    Attributes:
        timeout: float, seconds for one request.
        strict: see `CallSettings`.
        requests_in_flight: int, most chunks in flight at a time.
        retry_interrupted: bool, whether to repeat a call whose connection breaks during the answer; see
            `should_retry`.
    """

    timeout: float = 10.0
    strict: bool = False
    requests_in_flight: int = 4
    retry_interrupted: bool = True

    def __post_init__(self) -> None:
        if self.requests_in_flight < 1:
            raise ValueError(f"requests_in_flight must be above 0, not {self.requests_in_flight}")

    def should_retry(self, call: Rpc, end: float, error: grpc.RpcError) -> bool:
        """Whether to repeat a call because its connection broke during the answer.

        gRPC retries only before any part of an answer has arrived. Asking a model twice is safe; a repeated reload
        may undo a later change.

        Args:
            call: the failed call.
            end: float, end of its timeout by `time.monotonic`.
            error: its error.
        """
        if not self.retry_interrupted or call.method == RELOAD_CONFIG or time.monotonic() >= end:
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
        """The settings of one call; the arguments are those of `CallOptions`.

        Raises:
            OSError: the schema cannot be read.
            ValueError: the arguments contradict each other or are out of range, or the schema is invalid.
        """
        return CallSettings(
            model=ModelRef(name=model, version=version, label=label),
            signature=signature,
            schema=features_of_schema(schema) if isinstance(schema, (str, Path)) else schema,
            chunk_rows=chunk_rows,
            timeout=self.timeout if timeout is None else timeout,
            strict=self.strict,
        )
