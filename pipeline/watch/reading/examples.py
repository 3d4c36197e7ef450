"""Logged rows as plain values."""

from __future__ import annotations

from typing import Any

from tensorflow.core.example import example_pb2


def plain_row(example: bytes) -> dict[str, Any]:
    """A tf.Example as plain values, texts decoded; a feature without values is left out, and several are a list."""
    row: dict[str, Any] = {}
    for name, feature in example_pb2.Example.FromString(example).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if values:
            row[name] = values[0] if len(values) == 1 else values
    return decoded(row)


def decoded(row: dict[str, Any]) -> dict[str, Any]:
    """A row in which bytes that are text are text."""
    return {name: _text(value) if isinstance(value, bytes) else value for name, value in row.items()}


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
