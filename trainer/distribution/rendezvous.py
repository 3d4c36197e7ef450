"""The processes of a cluster connect before TensorFlow starts, or report which of them is missing.

TensorFlow itself waits forever for a process that never comes, does not say which one, and ignores SIGTERM meanwhile.
No TensorFlow here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
import time

from trainer.distribution.cluster import Cluster, ClusterError

_RETRY_SECONDS = 0.2
_ANSWER_SECONDS = 5.0
# The length in bytes of a digest and a place, with room to spare.
_LONGEST_LINE = 256
_WELCOME, _STRANGER = b"welcome\n", b"stranger\n"


def meet(cluster: Cluster, *, timeout_seconds: float) -> None:
    """Wait until this process has reached every other one of ``cluster``, and every other one has reached this one.

    Meanwhile each listens on its own port, which is free again when this returns.

    Args:
        cluster: all processes.
        timeout_seconds: how long to wait.

    Raises:
        ClusterError: processes did not come in time, one was started with another cluster, or the port is in use; the
            message names them.
    """
    deadline = time.monotonic() + timeout_seconds
    silent = {place for place in range(len(cluster.addresses)) if place != cluster.place}
    with _Door(cluster) as door:
        while silent or door.awaited:
            silent = {place for place in silent if not _reaches(cluster, place)}
            if time.monotonic() > deadline and (silent or door.awaited):
                raise ClusterError(_missing(cluster, silent, door.awaited, timeout_seconds))
            time.sleep(_RETRY_SECONDS)


class _Door:
    """Answers the other processes while open.

    Attributes:
        awaited: the places of those that have not connected yet.
    """

    def __init__(self, cluster: Cluster):
        self.awaited = {place for place in range(len(cluster.addresses)) if place != cluster.place}
        self._cluster = cluster
        address = cluster.addresses[cluster.place]
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        try:
            self._server = socket.create_server(
                ("", int(address.rpartition(":")[2])), family=family, dualstack_ipv6=dual
            )
        except OSError as error:
            raise ClusterError(
                f"cannot listen on {address}, this process's address in the cluster ({error.strerror}): does another "
                "training run here?"
            ) from None
        self._server.settimeout(_RETRY_SECONDS)
        self._open = True
        self._thread = threading.Thread(target=self._answer, name="rendezvous", daemon=True)

    def __enter__(self) -> _Door:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._open = False
        self._thread.join()
        self._server.close()

    def _answer(self) -> None:
        while self._open:
            with contextlib.suppress(OSError):
                caller, _ = self._server.accept()
                # Others need not wait for a silent caller.
                threading.Thread(target=self._hear, args=(caller,), name="rendezvous caller", daemon=True).start()

    def _hear(self, caller: socket.socket) -> None:
        # A port scanner is not an error.
        with caller, contextlib.suppress(OSError, ValueError):
            caller.settimeout(_ANSWER_SECONDS)
            match json.loads(_line(caller)):
                case [str(digest), int(place)]:
                    known = digest == _digest(self._cluster)
                    caller.sendall(_WELCOME if known else _STRANGER)
                    if known:
                        self.awaited.discard(place)


def _reaches(cluster: Cluster, place: int) -> bool:
    host, _, port = cluster.addresses[place].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS) as connection:
            connection.sendall(json.dumps([_digest(cluster), cluster.place]).encode() + b"\n")
            answer = _line(connection)
    except OSError:
        return False
    if answer == _STRANGER:
        raise ClusterError(
            f"{cluster.names[place]} ({cluster.addresses[place]}) was started with another list of hosts; all "
            "processes need the same list in the same order."
        )
    return answer == _WELCOME


def _line(connection: socket.socket) -> bytes:
    return connection.makefile("rb").readline(_LONGEST_LINE)


def _digest(cluster: Cluster) -> str:
    return hashlib.sha256(json.dumps([cluster.names, cluster.addresses]).encode()).hexdigest()


def _missing(cluster: Cluster, silent: set[int], awaited: set[int], seconds: float) -> str:
    def named(places: set[int]) -> str:
        return ", ".join(f"{cluster.names[place]} ({cluster.addresses[place]})" for place in sorted(places))

    if silent:
        return f"after {seconds:g} s there is no answer from {named(silent)}: is it running, and its port open?"
    return f"after {seconds:g} s nothing has come from {named(awaited)}: can it reach {named({cluster.place})}?"
