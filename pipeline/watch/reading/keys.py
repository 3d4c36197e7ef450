"""The key that says which request a label belongs to, as one text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainer.labels.config import as_text


def key_of(row: Mapping[str, Any], columns: Sequence[str]) -> str | None:
    """The key of a row, the same for 7, ``"7"`` and 7.0; None if a column is missing.

    Args:
        row: raw values by column.
        columns: those of the key; none of them make no key.
    """
    values = [row.get(name) for name in columns]
    if not columns or any(_missing(value) for value in values):
        return None
    return json.dumps([_text(value) for value in values])


def _missing(value: Any) -> bool:
    return value is None or value in ("", b"") or value != value or isinstance(value, list)


def _text(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        # A tf.Example holds no more digits.
        return str(np.float32(value))
    return as_text(value)
