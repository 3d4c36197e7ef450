"""Raw columns as numbers for trees: each encoder learns from some rows and turns any rows into columns of numbers."""

from __future__ import annotations

import datetime
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.readers.schemas import is_list
from components.example_gen.rows.times import iso_of
from trainer.features.dates.iso import UNITS

# scikit-learn's trees have 255 bins; one is for all other values.
MOST_CATEGORIES = 254
_INDICATORS = 50
_SIDE = 8
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class ColumnEncoder(ABC):
    """One raw column as some columns of numbers; a missing value is NaN.

    Args:
        column: the rows to learn from.
        options: the options of the column's kind.
    """

    categorical = False

    def __init__(self, column: pa.Array, options: Mapping[str, Any]):
        del column, options

    @abstractmethod
    def numbers(self, column: pa.Array) -> np.ndarray:
        """The rows of a column, float64 ``[rows, width]``."""


class Number(ColumnEncoder):
    """Numbers as they are."""

    def numbers(self, column: pa.Array) -> np.ndarray:
        """See `ColumnEncoder`."""
        return _floats(column)[:, np.newaxis]


class Category(ColumnEncoder):
    """Codes by frequency."""

    categorical = True

    def __init__(self, column: pa.Array, options: Mapping[str, Any], *, most: int = MOST_CATEGORIES):
        super().__init__(column, options)
        self._words = _most_frequent(_words(column), most)

    def numbers(self, column: pa.Array) -> np.ndarray:
        """See `ColumnEncoder`."""
        words = _words(column)
        places = pc.fill_null(pc.index_in(words, value_set=self._words), len(self._words))
        codes = pc.if_else(pc.is_null(words), None, places)
        return codes.cast(pa.float64()).to_numpy(zero_copy_only=False)[:, np.newaxis]


class Date(ColumnEncoder):
    """Days since 1970, month, weekday and hour."""

    def __init__(self, column: pa.Array, options: Mapping[str, Any]):
        super().__init__(column, options)
        self._format = options.get("format")

    def numbers(self, column: pa.Array) -> np.ndarray:
        """See `ColumnEncoder`."""
        seconds = _epoch_seconds(iso_of(_words(column), self._format) if self._format else column)
        known = np.where(np.isnan(seconds), 0, seconds).astype("int64").astype("datetime64[s]")
        days = known.astype("datetime64[D]")
        months = known.astype("datetime64[M]").astype("int64") % 12
        weekdays = (days.astype("int64") + 3) % 7
        hours = (known - days).astype("int64") // 3600
        found = np.stack([seconds / 86_400, months, weekdays, hours], axis=1).astype(np.float64)
        found[np.isnan(seconds)] = np.nan
        return found


class Indicators(ColumnEncoder):
    """Which of the most frequent words or values a row has."""

    def __init__(self, column: pa.Array, options: Mapping[str, Any]):
        super().__init__(column, options)
        self._separator = options.get("separator")
        self._is_text = options["kind"] == "text"
        values = [value for row in self._rows(column) for value in set(row)]
        self._values = _most_frequent(pa.array(values, pa.large_string()), _INDICATORS).to_pylist()

    def numbers(self, column: pa.Array) -> np.ndarray:
        """See `ColumnEncoder`."""
        places = {value: place for place, value in enumerate(self._values)}
        found = np.zeros((len(column), len(places) + 1))
        for index, row in enumerate(self._rows(column)):
            found[index, -1] = len(row)
            found[index, [places[value] for value in row if value in places]] = 1
        return found

    def _rows(self, column: pa.Array) -> list[list[str]]:
        return [self._split(value) for value in column.to_pylist()]

    def _split(self, value: Any) -> list[str]:
        if value is None:
            return []
        if isinstance(value, list):
            return [_decoded(each) for each in value]
        text = _decoded(value)
        if self._separator:
            return [entry.strip() for entry in text.split(self._separator)]
        if self._is_text:
            return text.lower().split()
        try:
            found = json.loads(text)
        except ValueError:
            return []
        return list(map(str, found)) if isinstance(found, list) else [str(found)]


class Vector(ColumnEncoder):
    """The numbers of a row side by side."""

    def __init__(self, column: pa.Array, options: Mapping[str, Any]):
        super().__init__(column, options)
        self._length = options["length"]

    def numbers(self, column: pa.Array) -> np.ndarray:
        """See `ColumnEncoder`."""
        rows = [row if row else [np.nan] * self._length for row in column.to_pylist()]
        return np.array(rows, np.float64).reshape(len(rows), self._length)


class Picture(ColumnEncoder):
    """Grey pictures of 8 x 8 pixels."""

    def __init__(self, column: pa.Array, options: Mapping[str, Any]):
        super().__init__(column, options)
        self._shape = (options["height"], options["width"], options["channels"])

    def numbers(self, column: pa.Array) -> np.ndarray:
        """See `ColumnEncoder`."""
        return np.stack([self._small(value) for value in column.to_pylist()])

    def _small(self, value: Any) -> np.ndarray:
        from PIL import Image

        if value is None or not len(value):
            return np.full(_SIDE * _SIDE, np.nan)
        if isinstance(value, list):
            picture = Image.fromarray(np.array(value, np.float32).reshape(self._shape).mean(axis=2))
        else:
            picture = Image.open(pa.BufferReader(value)).convert("L")
        return np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), np.float64).ravel()


ENCODERS: Mapping[str, type[ColumnEncoder]] = {
    "number": Number,
    "category": Category,
    "date": Date,
    "text": Indicators,
    "list": Indicators,
    "vector": Vector,
    "image": Picture,
}


def encoder_for(
    column: pa.Array, kinds: Sequence[Mapping[str, Any]], *, most_categories: int = MOST_CATEGORIES
) -> ColumnEncoder | None:
    """The encoder of a column; None for lists of a kind that is not known here.

    Args:
        column: the rows to learn from.
        kinds: the options of each of its kinds.
        most_categories: how many categories have a code of their own.
    """
    # A number tells trees more than a category of the same column.
    known = sorted(
        (options for options in kinds if options["kind"] in ENCODERS), key=lambda each: each["kind"] != "number"
    )
    if not known and is_list(column.type):
        return None
    options = known[0] if known else {"kind": "category" if _is_text(column.type) else "number"}
    if options["kind"] == "category":
        return Category(column, options, most=most_categories)
    return ENCODERS[options["kind"]](column, options)


def _floats(column: pa.Array) -> np.ndarray:
    # Beyond 2^53 an integer is rounded.
    return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _words(column: pa.Array) -> pa.Array:
    """Text as bytes, whole numbers as digits; an empty text is missing."""
    if pa.types.is_boolean(column.type) or pa.types.is_floating(column.type):
        column = column.cast(pa.int64(), safe=False)
    if pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    words = column.cast(pa.large_binary())
    return pc.if_else(pc.equal(pc.binary_length(words), 0), None, words)


def _most_frequent(values: pa.Array, count: int) -> pa.Array:
    found = pc.value_counts(values.drop_null())
    order = np.argsort(-found.field(1).to_numpy(), kind="stable")[:count]
    return found.field(0).take(pa.array(order))


def _decoded(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _epoch_seconds(column: pa.Array) -> np.ndarray:
    if _is_text(column.type):
        return np.array([_seconds(value) for value in column.to_pylist()], np.float64)
    numbers = _floats(column)
    seconds = numbers
    for least, per_second in reversed(UNITS):
        seconds = np.where(np.abs(numbers) >= least, numbers / per_second, seconds)
    return seconds


def is_iso(text: str) -> bool:
    """Whether a text is a date that exists, or a time of one."""
    return not np.isnan(_seconds(text))


def _seconds(value: str | bytes | None) -> float:
    try:
        time = datetime.datetime.fromisoformat(_decoded(value).replace("UTC", "Z").strip())
    except ValueError:
        return np.nan
    return ((time if time.tzinfo else time.replace(tzinfo=datetime.UTC)) - _EPOCH).total_seconds()
