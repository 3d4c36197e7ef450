"""Load for the fault tests: threads that send requests without a pause and count the answers."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from pathlib import Path

import grpc
import numpy as np

from serving.client import Client, Connection, Retry
from serving.client.errors import ServingError

# Long enough for a server to restart on a busy machine.
PATIENT = Retry(initial_seconds=0.5, max_seconds=8.0, multiplier=2.0)


class Hammer:
    """Calls from many threads. Use as a context manager.

    Args:
        call: one request; its answer is counted, or the code that it was refused with.
        threads: how many ask at a time.

    Attributes:
        answers: how often each answer came.
        refusals: how often each code came.
        surprises: whatever else a call raised.
    """

    def __init__(self, call: Callable[[], Hashable], *, threads: int = 4):
        self.answers: Counter[Hashable] = Counter()
        self.refusals: Counter[grpc.StatusCode] = Counter()
        self.surprises: list[BaseException] = []
        self._call = call
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Hammer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop sending, and wait for the open answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def keeps_answering(self, count: int = 20) -> None:
        """Wait for ``count`` more answers."""
        wanted = self.answers.total() + count
        wait_for(lambda: self.answers.total() >= wanted or self.surprises)
        assert not self.surprises

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._call()
            except ServingError as error:
                with self._lock:
                    self.refusals[error.code] += 1
            except BaseException as error:  # noqa: BLE001 (told to the test)
                self.surprises.append(error)
                return
            else:
                with self._lock:
                    self.answers[answer] += 1


def client_of(*targets: str, retry: Retry = PATIENT) -> Client:
    """A client of one server or several."""
    return Client(Connection(addresses=targets, retry=retry), timeout=60.0)


def half_of_two(client: Client, model: str = "m") -> float:
    """The model's answer for x = 2."""
    return float(client.predict_arrays(model, {"x": np.array([[2.0]], np.float32)})["y"][0, 0])


def looped(client: Client, turns: int, *, timeout: float = 60.0) -> list[float]:
    """The slow model's answer after so many turns."""
    inputs = {"x": np.array([2.0], np.float32), "turns": np.array([turns])}
    return client.predict_arrays("m", inputs, timeout=timeout)["x"].tolist()


def wait_for(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Return once the condition holds; fail after a time that is long on any machine."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def free_port() -> int:
    """A port that no server has at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def anonymous_megabytes(pid: int) -> float:
    """Memory of a process that is not backed by files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:"))


def copy_slowly(source: Path, target: Path, *, pause: float, complete: threading.Event) -> None:
    """Copy as a careless script would: in place, the graph first, the variables piece by piece.

    Args:
        source: a version's folder.
        target: the version's place below the base path.
        pause: seconds before each piece.
        complete: set just before the last piece is written.
    """
    target.mkdir()
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: path.suffix != ".pb")
    pieces = [(path, part) for path in files for part in range(2)]
    for path, part in pieces:
        time.sleep(pause)
        place = target / path.relative_to(source)
        place.parent.mkdir(exist_ok=True)
        content = path.read_bytes()
        half = len(content) // 2
        if (path, part) == pieces[-1]:
            complete.set()
        with place.open("ab") as stream:
            stream.write(content[half:] if part else content[:half])
