"""Some rows as they came in, with pictures as thumbnails and long text cut."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from components.messages import one_line
from pipeline.report.plots import table
from pipeline.running.live.live_check import example_row, in_words

# What pictures begin with, and their types.
_PICTURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
# Of one picture: a page of ten rows must not grow by megabytes.
_MOST_BYTES = 40_000
_MOST_LETTERS = 60


def rows(records: Sequence[bytes]) -> list[dict[str, object]]:
    """Serialized tf.Examples as plain values by column."""
    return [example_row(record) for record in records]


def shown(found: Sequence[Mapping[str, object]], *, words: str, before: Mapping[str, Sequence[str]] = {}) -> Markup:
    """Rows as a table.

    Args:
        found: values by column.
        words: what the table is.
        before: columns that come first, such as the answers, with a cell of each row.
    """
    names = list(dict.fromkeys(name for row in found for name in row))
    head = [*before, *names]
    cells = [
        [*(column[place] for column in before.values()), *(cell(row.get(name)) for name in names)]
        for place, row in enumerate(found)
    ]
    return table(head, cells, words=words, left=range(len(before), len(head)))


def cell(value: object) -> Markup:
    """A value of a row."""
    if isinstance(value, bytes):
        kind = next((kind for start, kind in _PICTURES.items() if value.startswith(start)), None)
        if kind and len(value) <= _MOST_BYTES:
            data = base64.b64encode(value).decode()
            return Markup('<img class="thumb" alt="picture" src="data:image/{};base64,{}">').format(kind, data)
    if value is None:
        return Markup('<span class="note">missing</span>')
    return escape(one_line(in_words(value), limit=_MOST_LETTERS))
