"""Rows that lack raw columns, one at a time, as callers will send them, and what a model answers to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import grpc
import numpy as np
import tensorflow as tf

from serving.errors import StatusError
from serving.inference.example_requests import requests_for
from serving.inference.servable import Servable


@dataclass(frozen=True, kw_only=True)
class LackingRow:
    """A row without some columns, and what each signature said to it.

    Attributes:
        columns: the columns that the row lacks: one, or all that the model reads.
        record: the row as a serialized tf.Example.
        answers: outputs of one row, by signature and name.
        refused: what the signatures said that refused the row as an invalid request which names a lacking column.
        failed: what the signatures said that failed in any other way.
    """

    columns: tuple[str, ...]
    record: bytes
    answers: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def ask(
    servable: Servable, records: Sequence[bytes], *, columns: Collection[str], signatures: Collection[str]
) -> list[LackingRow]:
    """Send rows without each of the columns, and one without any of them, each in a request of its own.

    Args:
        servable: the model.
        records: serialized tf.Examples that the columns are taken from, in turn.
        columns: names of the columns.
        signatures: names of the signatures to call; those that the model does not have are skipped.
    """
    rows = list(_rows(records, sorted(columns)))
    for row in rows:
        for name in sorted(servable.signatures.keys() & set(signatures)):
            _ask(servable, name, row)
    return rows


def _ask(servable: Servable, name: str, row: LackingRow) -> None:
    signature = servable.signatures[name]
    try:
        inputs = requests_for(signature, [row.record])
    except ValueError as error:
        # The request cannot be made, so no caller can send it; the text names the column.
        row.refused[name] = str(error)
        return
    try:
        row.answers[name] = dict(servable.run(signature, inputs))
    except StatusError as error:
        named = any(_names(error.text, column) for column in row.columns)
        invalid = error.code is grpc.StatusCode.INVALID_ARGUMENT
        said = row.refused if named and invalid else row.failed
        said[name] = f"{error.code.name}: {error.text.partition(chr(10))[0]}"


def _rows(records: Sequence[bytes], columns: Sequence[str]) -> Iterator[LackingRow]:
    lacking = [*((column,) for column in columns), *([tuple(columns)] if len(columns) > 1 else [])]
    for names, record in zip(lacking, cycle(records), strict=False):
        example = tf.train.Example.FromString(record)
        for name in names:
            # Of a map, so that a name it lacks is no error.
            example.features.feature.pop(name, None)
        yield LackingRow(columns=names, record=example.SerializeToString())


def _names(text: str, column: str) -> bool:
    """Whether a text names a column, as it is or as TensorFlow's assertions write what is not ASCII."""
    escaped = "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in column.encode())
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in (column, escaped))
