"""Moves running servers from one models config to another without failing a request. Needs no TensorFlow.

A server takes a label only for a version that is AVAILABLE, and sets labels before it loads or unloads (TF Serving:
ServerCore::ReloadConfig in model_servers/server_core.cc). So one change is several reloads:

1. Load the new versions beside all others; the servers' labels stay in place.
2. When all servers have loaded them, move the labels. Nothing is unloaded yet.
3. Write the file.
4. Unload the versions that are no longer needed.

Wherever this stops, each version that a label of the file or of a server points to is loaded: before step 3 a
restarted server comes up as before the command, after it as after the command. The next command starts from the file
and brings every server to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from serving.client.client import methods
from serving.client.connection import Connection
from serving.client.errors import ServingError, Unavailable, error_of
from serving.client.messages import requests
from serving.client.messages.requests import ModelRef, Rpc
from serving.versions import models_config

AVAILABLE = "AVAILABLE"
END = "END"
_POLL_SECONDS = 0.1
# A failed load counts after this time: at first the status of an earlier attempt is still there.
_FAILED_SECONDS = 3.0
# A request may pause between the lookup of a label and the hold on its version.
_GRACE_SECONDS = 0.5


class ServerError(Exception):
    """A server cannot be reached or refuses; one line that names the server."""


@dataclass(frozen=True, kw_only=True)
class ReportedState:
    """The state of one version on one server; ``error`` is empty unless its load failed."""

    state: str
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _Snapshot:
    """A server's state before a change."""

    labels: dict[str, int]
    available: set[int]


class Server:
    """One model server. Use as a context manager.

    Args:
        connection: connection to one server.
        timeout: float, seconds for one call; a reload blocks until new models are loaded.

    Raises:
        OSError: a TLS file cannot be read.
    """

    def __init__(self, connection: Connection, *, timeout: float):
        self.target = ",".join(connection.addresses)
        self._timeout = timeout
        self._channel = connection.channel()
        self._methods = methods(self._channel)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self._channel.close()

    def reload(self, config: Any) -> None:
        """Serve the models of ``config`` and no others.

        Raises:
            ServerError: the server refuses or cannot be reached.
        """
        response = self._call(requests.reload_config(config))
        try:
            requests.reloaded(response)
        except ServingError as error:
            raise self._error(error) from None

    def states(self, model: str) -> dict[int, ReportedState]:
        """All versions of a model that the server knows; none for an unknown model."""
        response = self._ask(requests.status(ModelRef(name=model)))
        if response is None:
            return {}
        errors = requests.load_errors(response)
        return {
            version: ReportedState(state=state, error=errors.get(version, ""))
            for version, state in requests.states(response).items()
        }

    def available(self, model: str) -> set[int]:
        """The versions of a model that are available."""
        return {version for version, state in self.states(model).items() if state.state == AVAILABLE}

    def labels(self, model: str, names: Collection[str]) -> dict[str, int]:
        """The versions that the server's labels point to; unknown labels are left out.

        No call lists labels, but the metadata of a label name its version.
        """
        answers = {name: self._ask(requests.metadata(ModelRef(name=model, label=name))) for name in names}
        return {name: answer.model_spec.version.value for name, answer in answers.items() if answer}

    def _ask(self, call: Rpc) -> Any | None:
        """The answer, or None if there is no such model, version or label."""
        return self._call(call, none_for=(grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT))

    def _call(self, call: Rpc, *, none_for: Collection[grpc.StatusCode] = ()) -> Any | None:
        try:
            return self._methods[call.method](call.request, timeout=self._timeout)
        except grpc.RpcError as error:
            if error.code() in none_for:
                return None
            raise self._error(error_of(error.code(), error.details())) from None

    def _error(self, error: ServingError) -> ServerError:
        if isinstance(error, Unavailable):
            return ServerError(f"{self.target}: cannot be reached; is the server running?")
        return ServerError(f"{self.target}: {' '.join(str(error).split())}")


def roll_out(
    servers: Sequence[Server],
    *,
    model: str,
    before: Any,
    after: Any,
    save: Callable[[], None],
    saved: Callable[[], bool] = lambda: False,
    timeout: float,
) -> list[str]:
    """Move all servers from one config to another, or leave all as they were.

    Args:
        servers: replicas that serve the same file.
        model: the model whose entry differs.
        before: the file's ModelServerConfig.
        after: the new ModelServerConfig.
        save: writes the file.
        saved: returns whether the file holds the new config; called if ``save`` fails or is interrupted.
        timeout: float, seconds to wait for versions to load.

    Returns:
        Warnings after a successful change, one line each: a server still has an unneeded version loaded, or ``save``
        failed after the file was written.

    Raises:
        ServerError: a server refused or did not load a version; the servers' labels are as before.
        OSError: the file could not be written; the servers' labels are as before.
    """
    names = models_config.labels(before, model).keys() | models_config.labels(after, model).keys()
    snapshots = {
        server: _Snapshot(labels=server.labels(model, names), available=server.available(model)) for server in servers
    }
    wanted = models_config.labels(after, model)
    touched: list[Server] = []
    try:
        for server in servers:
            touched.append(server)
            server.reload(_widened(before, after, model, snapshots[server], snapshots[server].labels))
        for server in servers:
            _wait_until_available(server, model, set(wanted.values()), timeout=timeout)
        for server in servers:
            server.reload(_widened(before, after, model, snapshots[server], wanted))
        late = _save(save, saved)
    except BaseException as error:
        # On any error, interrupts included, no server may be left between two configs.
        left = [line for server in touched for line in _restore(server, model, before, after, snapshots[server])]
        if left:
            raise ServerError("\n".join([str(error) or type(error).__name__, *left])) from None
        raise
    return [*late, *_settle(servers, after)]


def _save(save: Callable[[], None], saved: Callable[[], bool]) -> list[str]:
    """Write the file. Once it is written, the servers must keep its config: they would load it at a restart."""
    try:
        save()
    except BaseException as error:
        if not saved():
            raise
        return [f"{str(error) or type(error).__name__} (after the file was written; the change is done)"]
    return []


def _widened(before: Any, after: Any, model: str, snapshot: _Snapshot, labels: dict[str, int]) -> Any:
    """The new config with other labels, and with every version of both configs and of the server."""
    versions = models_config.specific_versions(after, model)
    if versions is not None:
        versions = versions | (models_config.specific_versions(before, model) or set()) | snapshot.available
    return models_config.edited(after, model, labels=labels, versions=versions)


def _wait_until_available(server: Server, model: str, versions: set[int], *, timeout: float) -> None:
    end = time.monotonic() + timeout
    failed_since: dict[int, float] = {}
    while True:
        states, now = server.states(model), time.monotonic()
        missing = sorted(v for v in versions if v not in states or states[v].state != AVAILABLE)
        if not missing:
            return
        for version in missing:
            state = states.get(version, ReportedState(state="UNKNOWN"))
            if state.state == END and state.error:
                failed_since.setdefault(version, now)
            else:
                failed_since.pop(version, None)
            if now >= end or now - failed_since.get(version, now) >= _FAILED_SECONDS:
                why = state.error or f"still {state.state} after {timeout:g} s"
                raise ServerError(f"{server.target}: version {version} of {model} does not load: {why}")
        time.sleep(_POLL_SECONDS)


def _restore(server: Server, model: str, before: Any, after: Any, snapshot: _Snapshot) -> list[str]:
    """Move labels first, then unload, in the same order as forwards."""
    versions = models_config.specific_versions(before, model)
    if versions is not None:
        versions = versions | snapshot.available
    original = models_config.edited(before, model, labels=snapshot.labels, versions=versions)
    try:
        server.reload(_widened(before, after, model, snapshot, snapshot.labels))
        time.sleep(_GRACE_SECONDS)
        server.reload(original)
    except ServerError as error:
        return [f"{error} (while it was restored; it reads the old file when it starts)"]
    return []


def _settle(servers: Sequence[Server], after: Any) -> list[str]:
    time.sleep(_GRACE_SECONDS)
    left = []
    for server in servers:
        try:
            server.reload(after)
        except ServerError as error:
            left.append(f"{error} (the change is done; unneeded versions stay loaded until its next start)")
    return left
