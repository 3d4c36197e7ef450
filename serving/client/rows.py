"""Rows from files for the command line."""

from __future__ import annotations

import base64
import binascii
import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path

# The key of cells beyond the header's, which no column has.
_MORE = "\0more"


def read_rows(source: str) -> list[dict[str, object]]:
    """Rows of a ``.csv`` file with a header, of a JSON-lines file, or of standard input (``-``, JSON lines).

    Raises:
        OSError: the file cannot be read.
        ValueError: there is no row, or a line is not a JSON object; the text names the line.
    """
    try:
        rows = _read(source)
    except UnicodeDecodeError as error:
        raise ValueError(f"{source}: is not UTF-8 text (byte {error.start})") from None
    if not rows:
        raise ValueError(f"{source} has no rows")
    return rows


def _read(source: str) -> list[dict[str, object]]:
    if source.endswith(".csv"):
        with Path(source).open(newline="") as stream:
            return [_cells(source, row) for row in csv.DictReader(stream, restkey=_MORE)]
    lines = sys.stdin if source == "-" else Path(source).read_text().splitlines()
    return [_row(source, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _cells(source: str, row: Mapping[str, object]) -> dict[str, object]:
    more = row.get(_MORE)
    if isinstance(more, list):
        raise ValueError(f"{source}: a row has {len(more)} more cells than the header, such as {more[0]!r}")
    return dict(row)


def _row(source: str, number: int, line: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{source}, line {number}: is not JSON ({error.msg}); write one object per line") from None
    if not isinstance(row, dict):
        raise ValueError(f"{source}, line {number}: must be a JSON object")
    try:
        return {name: _value(value) for name, value in row.items()}
    except binascii.Error as error:
        raise ValueError(f"{source}, line {number}: is not base64 ({error})") from None


def _value(value: object) -> object:
    """A value of JSON; ``{"b64": "..."}`` is bytes, as in TF Serving's REST API."""
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        return base64.b64decode(value["b64"], validate=True)
    return value
