"""The last step of a run: ask the model server about real rows, over a real port."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from pipeline.config import Config
from pipeline.model_server import ServerNotReady
from serving.client import Client, ServingError

_POLL_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One row that was asked: the model's probability and the truth."""

    row: dict[str, object]
    probability: float
    truth: bool


def ask(target: str, *, config: Config, version: int, rows: Sequence[dict[str, object]]) -> list[Answer]:
    """Ask one version about ``rows`` over gRPC, waiting for it to be served.

    Raises:
        ServerNotReady: it was not served in time; the message has the server's last word.
    """
    deadline = time.monotonic() + _POLL_SECONDS
    with Client(target) as client:
        while True:
            try:
                outputs = client.predict(config.serving.model_name, rows, version=version)
                break
            except ServingError as error:
                if time.monotonic() > deadline:
                    raise ServerNotReady(f"version {version} is not served: {error}") from None
                time.sleep(0.1)
    return [
        Answer(row=row, probability=float(value), truth=config.label.of(row))
        for row, value in zip(rows, outputs["probability"][:, 0], strict=True)
    ]


def sample_rows(examples_uri: str, *, split: str, count: int, among: int = 300) -> list[dict[str, object]]:
    """Rows spread evenly over the first ``among`` of a split, as plain dicts, as a client would hold them."""
    files = sorted(str(path) for path in Path(examples_uri, f"Split-{split}").iterdir())
    records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").take(among).as_numpy_iterator())
    return [example_row(records[index * len(records) // count]) for index in range(min(count, len(records)))]


def example_row(record: bytes) -> dict[str, object]:
    """A serialized tf.Example as a dict of plain values; features without a value are left out."""
    row: dict[str, object] = {}
    for name, feature in sorted(tf.train.Example.FromString(record).features.feature.items()):
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        if values:
            row[name] = values[0].decode() if isinstance(values[0], bytes) else values[0]
    return row
