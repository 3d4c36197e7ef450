"""Some rows as they came in, with pictures as thumbnails and long text cut."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from markupsafe import Markup, escape

from components.messages import one_line
from pipeline.report.html.plots import table
from pipeline.running.live.live_check import example_row, in_words
from trainer.parameters import Features

# What pictures begin with, and their types.
_PICTURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
# Of one picture: a page of ten rows must not grow by megabytes.
_MOST_BYTES = 40_000
_MOST_LETTERS = 60


def rows(records: Sequence[bytes]) -> list[dict[str, object]]:
    """Serialized tf.Examples as plain values by column."""
    return [example_row(record) for record in records]


def shown(
    found: Sequence[Mapping[str, object]],
    *,
    words: str,
    features: Features | None,
    before: Mapping[str, Sequence[str]] | None = None,
) -> Markup:
    """Rows as a table.

    Args:
        found: values by column.
        words: what the table is.
        features: say which columns hold the pixels of pictures.
        before: columns that come first, such as the answers, with a cell of each row.
    """
    pictures = {
        one.name: one.options for one in (features.columns() if features else ()) if one.options.kind == "image"
    }
    first, names = before or {}, list(dict.fromkeys(name for row in found for name in row))
    cells = [
        [*(column[place] for column in first.values()), *(_cell(row.get(name), pictures.get(name)) for name in names)]
        for place, row in enumerate(found)
    ]
    return table([*first, *names], cells, words=words, left=range(len(first), len(first) + len(names)))


def _cell(value: object, picture: Any) -> Markup:
    """A value of a row; ``picture`` has the options of the kind image if the column is one."""
    if value is None:
        return Markup('<span class="note">missing</span>')
    if picture is not None and isinstance(value, list):
        shape = (picture.height, picture.width, picture.channels)
        pixels = np.clip(np.reshape(np.array(value, np.float64), shape) * (255 / picture.scale), 0, 255)
        value = bytes(tf.io.encode_png(pixels.astype(np.uint8)).numpy())
    if isinstance(value, bytes):
        kind = next((kind for start, kind in _PICTURES.items() if value.startswith(start)), None)
        if kind and len(value) <= _MOST_BYTES:
            data = base64.b64encode(value).decode()
            return Markup('<img class="thumb" alt="picture" src="data:image/{};base64,{}">').format(kind, data)
    return escape(one_line(in_words(value), limit=_MOST_LETTERS))
