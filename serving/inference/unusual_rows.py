"""Rows as careless callers will send them, without a column or with an extreme value, and what a model answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from serving.errors import StatusError
from serving.inference.example_requests import requests_for
from serving.inference.servable import Servable

# Rows of each sort; of a table with more columns, a row is unusual in several.
_MOST_GROUPS = 100
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
        columns: the columns that make it unusual: one, some of a wide table, or all that the model reads.
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

    @property
    def is_sound(self) -> bool:
        """Whether every signature answered, with finite numbers."""
        outputs = [array for each in self.answers.values() for array in each.values()]
        finite = all(np.isfinite(array).all() for array in outputs if array.dtype.kind == "f")
        return finite and not self.refused and not self.failed


# Rows made of examples, for some columns; the number of the row chooses the example.
_Make = Callable[[Sequence[tf.train.Example], Sequence[str], int], Iterator[UnusualRow]]


def ask(
    servable: Servable, records: Sequence[bytes], *, columns: Collection[str], signatures: Collection[str]
) -> list[UnusualRow]:
    """Send rows without each of the columns, one without any, and rows with extreme values, each by itself.

    Of a wide table, a row lacks several columns, or has extreme values in several: row by row for each column, the time
    would grow with the square of the columns. If an answer is then no number, these columns get rows of their own.

    Args:
        servable: the model.
        records: serialized tf.Examples that the columns are taken from, in turn.
        columns: names of the columns.
        signatures: names of the signatures to call; those that the model does not have are skipped.
    """
    called = sorted(servable.signatures.keys() & set(signatures))
    names = tuple(sorted(columns))
    examples = [tf.train.Example.FromString(record) for record in records]

    def asked(make: _Make, group: tuple[str, ...], place: int) -> list[UnusualRow]:
        rows = [_asked(servable, called, row) for row in make(examples, group, place)]
        if 1 < len(group) < len(names) and not all(row.is_sound for row in rows):
            return [row for column in group for row in asked(make, (column,), place)]
        return rows

    size = max(1, -(-len(names) // _MOST_GROUPS))
    groups = [names[start : start + size] for start in range(0, len(names), size)]
    lacking = [*groups, *([names] if len(names) > 1 else [])]
    return [
        *chain.from_iterable(asked(_without, group, place) for place, group in enumerate(lacking)),
        *chain.from_iterable(asked(_with_extremes, group, place) for place, group in enumerate(groups)),
    ]


def _asked(servable: Servable, signatures: Sequence[str], row: UnusualRow) -> UnusualRow:
    for name in signatures:
        _ask(servable, name, row)
    return row


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


def _without(examples: Sequence[tf.train.Example], columns: Sequence[str], place: int) -> Iterator[UnusualRow]:
    """The example at a place, in turn, without some columns."""
    example = tf.train.Example.FromString(examples[place % len(examples)].SerializeToString())
    for name in columns:
        # Of a map, so that a name it lacks is no error.
        example.features.feature.pop(name, None)
    several = f"any of {len(columns)} columns, {columns[0]!r} to {columns[-1]!r}"
    what = several if len(columns) > 1 else repr(columns[0])
    yield UnusualRow(columns=tuple(columns), words=f"without {what}", record=example.SerializeToString())


def _with_extremes(examples: Sequence[tf.train.Example], columns: Sequence[str], place: int) -> Iterator[UnusualRow]:
    """Rows with the extremes of their types in some columns; a column without a value in all examples is left out."""
    del place
    first = {column: next((each for each in examples if _kind(each, column)), None) for column in columns}
    found = {column: example for column, example in first.items() if example is not None}
    for extreme in range(2) if found else ():
        [row, *_] = found.values()
        changed = tf.train.Example.FromString(row.SerializeToString())
        words = ""
        for column, example in found.items():
            kind, feature = _kind(example, column), changed.features.feature[column]
            feature.CopyFrom(example.features.feature[column])
            value, values = _EXTREMES[kind][extreme], getattr(feature, kind).value
            values[:] = [value] * len(values)
            words = f"with {value!r:.40} as {column!r}"
        more = f" and extreme values in {len(found) - 1} more columns" if len(found) > 1 else ""
        yield UnusualRow(columns=tuple(found), words=words + more, record=changed.SerializeToString())


def _kind(example: tf.train.Example, column: str) -> str:
    """The type of a column's values; empty where the example has none."""
    feature = example.features.feature
    return (feature[column].WhichOneof("kind") or "") if column in feature else ""


def _names(text: str, column: str) -> bool:
    """Whether a text names a column, as it is or as TensorFlow's assertions write what is not ASCII."""
    escaped = "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in column.encode())
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in (column, escaped))
