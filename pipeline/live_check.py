"""The last step of a run: start a model server on what was pushed, ask it about real rows, stop it."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from serving.client import Client, ServingError

_START_SECONDS = 60.0


class ServerNotReady(Exception):
    """The server ended or did not serve the version in time."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One row that was asked: the model's probability and the truth."""

    row: dict[str, object]
    probability: float
    truth: bool


@contextmanager
def model_server(*, model_name: str, base_path: Path) -> Iterator[str]:
    """Run ``serving.server`` on a free port of this machine and yield its ``host:port`` once it listens."""
    command = [sys.executable, "-m", "serving.server", "--port", "0", "--model_name", model_name]
    process = subprocess.Popen([*command, "--model_base_path", str(base_path)], stdout=subprocess.PIPE, text=True)
    try:
        ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        line = process.stdout.readline() if ready else ""
        if not line.startswith("serving "):
            raise ServerNotReady(f"the model server did not start within {_START_SECONDS:.0f} s")
        yield line.split()[-1]
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def ask(target: str, *, model_name: str, version: int, rows: Sequence[dict[str, object]]) -> list[float]:
    """The probabilities of ``rows`` from one version, over gRPC."""
    deadline = time.monotonic() + _START_SECONDS
    with Client(target) as client:
        while True:
            try:
                outputs = client.predict(model_name, rows, version=version)
                return [float(value) for value in outputs["probability"][:, 0]]
            except ServingError as error:
                if time.monotonic() > deadline:
                    raise ServerNotReady(f"version {version} is not served: {error}") from None
                time.sleep(0.1)


def sample_rows(examples_uri: str, *, split: str, count: int) -> list[dict[str, object]]:
    """The first rows of a split as plain dicts, as a client would hold them."""
    files = sorted(str(path) for path in Path(examples_uri, f"Split-{split}").iterdir())
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").take(count).as_numpy_iterator()
    return [_row(record) for record in records]


def _row(record: bytes) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, feature in sorted(tf.train.Example.FromString(record).features.feature.items()):
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        if values:
            row[name] = values[0].decode() if isinstance(values[0], bytes) else values[0]
    return row
