"""The last step of a run: query the model server with real rows, over a real port."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.messages import one_line
from pipeline.config.config import Config
from pipeline.running.live.model_server import ServerNotReady
from serving.client import Client, ServingError
from trainer.models.heads import PREDICTION, PROBABILITY, head_of
from trainer.parameters import Label

_POLL_SECONDS = 30.0
# Of a value in a line.
_LONGEST = 60


@dataclass(frozen=True, kw_only=True)
class LiveAnswer:
    """One row and the model's answer.

    Attributes:
        row: its raw features.
        said: the answer as text, by output: ``probability``; or ``class`` and its ``probability``; or ``prediction``.
        truth: the label as text.
    """

    row: Mapping[str, object]
    said: Mapping[str, str]
    truth: str


def ask(target: str, *, config: Config, version: int, rows: Sequence[Mapping[str, object]]) -> list[LiveAnswer]:
    """Query one version with ``rows`` over gRPC, once it is served.

    Raises:
        ServerNotReady: the version was not served in time; the message has the server's last error.
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
    predictions = outputs[head_of(config.label).output]
    return [answer(config.label, row, prediction) for row, prediction in zip(rows, predictions, strict=True)]


def answer(label: Label, row: Mapping[str, object], prediction: np.ndarray) -> LiveAnswer:
    """A prediction as text.

    Args:
        label: what the model predicts.
        row: the raw row, label included.
        prediction: float array, the served output, shape ``[1]`` or ``[classes]``.
    """
    truth = label.of(row)
    if label.task == "regression":
        return LiveAnswer(row=row, said={PREDICTION: f"{prediction[0]:.4g}"}, truth=f"{truth:.4g}")
    names = label.class_names()
    # The data gate may allow labels that are not a class.
    known = names[int(truth)] if 0 <= truth < len(names) else str(row.get(label.column, "unknown"))
    if label.task == "binary":
        return LiveAnswer(row=row, said={PROBABILITY: f"{prediction[0]:.3f}"}, truth=known)
    best = int(np.argmax(prediction))
    return LiveAnswer(row=row, said={"class": names[best], PROBABILITY: f"{prediction[best]:.3f}"}, truth=known)


def sample_rows(examples_uri: str, *, split: str, count: int, among: int = 300) -> list[dict[str, object]]:
    """``count`` rows spread evenly over the first ``among`` of a split, as plain dicts that a client can send."""
    files = sorted(str(path) for path in Path(examples_uri, f"Split-{split}").iterdir())
    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP").take(among)
    records = [bytes(record) for record in dataset.as_numpy_iterator()]
    return [example_row(records[index * len(records) // count]) for index in range(min(count, len(records)))]


def example_row(record: bytes) -> dict[str, object]:
    """A serialized tf.Example as a dict of plain values; features without a value are left out."""
    row: dict[str, object] = {}
    for name, feature in sorted(tf.train.Example.FromString(record).features.feature.items()):
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        if values:
            plain = [_text(value) if isinstance(value, bytes) else value for value in values]
            row[name] = plain[0] if len(plain) == 1 else plain
    return row


def _text(value: bytes) -> str | bytes:
    """Decoded text, or the bytes if they are not text."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def in_words(value: object) -> str:
    """A raw value, short enough for a line."""
    if isinstance(value, bytes):
        return f"({len(value):,} bytes)"
    if isinstance(value, list):
        return f"({len(value):,} values)"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = one_line(str(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
