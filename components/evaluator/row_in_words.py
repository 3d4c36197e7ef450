"""A row that shows what is wrong, in a few words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.messages import shown

# A row in words, and a cell of it.
_ROW, _CELL = 150, 24


def numbers_in_words(values: np.ndarray) -> str:
    """A prediction, of several values the first."""
    texts = [f"{value:.6g}" for value in values.tolist()]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts[:3])}{', ...' if len(texts) > 3 else ''}]"


def row_in_words(record: bytes, columns: Iterable[str]) -> str:
    """The raw values of a row, as many as are short: those that are missing first.

    Args:
        record: a serialized tf.Example.
        columns: that rows may have.
    """
    try:
        features = tf.train.Example.FromString(record).features.feature
    except DecodeError:
        return f"the bytes {shown(record, limit=_CELL)}"
    cells: dict[str, str] = {}
    for name in sorted(features):
        kind = features[name].WhichOneof("kind")
        held = list(getattr(features[name], kind).value) if kind else []
        cells[name] = shown(_plain(held[0]) if len(held) == 1 else [_plain(each) for each in held[:3]], limit=_CELL)
    missing = [name for name in sorted({*columns, *cells}) if cells.get(name, "[]") == "[]"]
    parts = [f"no {name}" for name in missing]
    parts += [f"{name} {cell}" for name, cell in cells.items() if name not in missing]
    return _as_many_as_fit(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _as_many_as_fit(parts: list[str]) -> str:
    text = ""
    for number, part in enumerate(parts):
        longer = f"{text}, {part}" if text else part
        if text and len(longer) > _ROW:
            return f"{text} and {len(parts) - number} more columns"
        text = longer
    return text or "a row without values"
