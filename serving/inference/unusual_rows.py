"""Rows as careless callers will send them, without a column or with an extreme value, and what a model answers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from serving.errors import StatusError
from serving.inference.example_requests import requests_for
from serving.inference.servable import Servable

_LARGEST = float(np.finfo(np.float32).max)
_EXTREMES: Mapping[str, Sequence[Any]] = {
    "float_list": (_LARGEST, -_LARGEST),
    "int64_list": (2**63 - 1, -(2**63)),
    "bytes_list": (b"", b"x" * 1000),
}


@dataclass(frozen=True, kw_only=True)
class UnusualRow:
    """A row that lacks some columns or has an extreme value in one, and what each signature said to it.

    Attributes:
        columns: the columns that make it unusual: one, or all that the model reads.
        words: what is unusual, as in "a row ...".
        record: the row as a serialized tf.Example.
        answers: outputs of one row, by signature and name.
        refused: what the signatures said that refused the row as an invalid request which names one of the columns.
        failed: what the signatures said that failed in any other way.
    """

    columns: tuple[str, ...]
    words: str
    record: bytes
    answers: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def ask(
    servable: Servable, records: Sequence[bytes], *, columns: Collection[str], signatures: Collection[str]
) -> list[UnusualRow]:
    """Send rows without each of the columns, one without any, and rows with extreme values, each by itself.

    Args:
        servable: the model.
        records: serialized tf.Examples that the columns are taken from, in turn.
        columns: names of the columns.
        signatures: names of the signatures to call; those that the model does not have are skipped.
    """
    rows = [*_without(records, sorted(columns)), *_with_extremes(records, sorted(columns))]
    for row in rows:
        for name in sorted(servable.signatures.keys() & set(signatures)):
            _ask(servable, name, row)
    return rows


def _ask(servable: Servable, name: str, row: UnusualRow) -> None:
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


def _without(records: Sequence[bytes], columns: Sequence[str]) -> Iterator[UnusualRow]:
    lacking = [*((column,) for column in columns), *([tuple(columns)] if len(columns) > 1 else [])]
    for names, record in zip(lacking, cycle(records), strict=False):
        example = tf.train.Example.FromString(record)
        for name in names:
            # Of a map, so that a name it lacks is no error.
            example.features.feature.pop(name, None)
        what = f"any of its {len(names)} columns" if len(names) > 1 else repr(names[0])
        yield UnusualRow(columns=names, words=f"without {what}", record=example.SerializeToString())


def _with_extremes(records: Sequence[bytes], columns: Sequence[str]) -> Iterator[UnusualRow]:
    """Rows with the extremes of a column's type in it; a column without a value in all records is left out."""
    examples = [tf.train.Example.FromString(record) for record in records]
    for column in columns:
        for example in [each for each in examples if _kind(each, column)][:1]:
            kind = _kind(example, column)
            for value in _EXTREMES[kind]:
                changed = tf.train.Example.FromString(example.SerializeToString())
                values = getattr(changed.features.feature[column], kind).value
                values[:] = [value] * len(values)
                words = f"with {value!r:.40} as {column!r}"
                yield UnusualRow(columns=(column,), words=words, record=changed.SerializeToString())


def _kind(example: tf.train.Example, column: str) -> str:
    """The type of a column's values; empty where the example has none."""
    feature = example.features.feature
    return (feature[column].WhichOneof("kind") or "") if column in feature else ""


def _names(text: str, column: str) -> bool:
    """Whether a text names a column, as it is or as TensorFlow's assertions write what is not ASCII."""
    escaped = "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in column.encode())
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in (column, escaped))
