"""``cross``: two or more columns taken together, hashed; missing where one of them is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from trainer.features.faults import Fault, Seen
from trainer.features.kind import HASH, Column, IdColumn, Kind, Size
from trainer.features.kinds import date, number
from trainer.options import Strict

if TYPE_CHECKING:
    import tensorflow as tf

    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Crossed(Strict):
    """A column of a cross; its name alone stands for a column of text or integers, whose values are taken as they are.

    Attributes:
        column: the column.
        buckets: int, of numbers: cuts at quantiles into this many buckets.
        part: of dates: `month`, `weekday` or `hour`.
        format: of dates: as in the kind `date`.
    """

    column: str
    buckets: Size | None = None
    part: date.Part | None = None
    format: date.Format | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Crossed:
        if self.buckets and self.part:
            raise ValueError("give buckets of a number or part of a date, not both")
        if self.format and not self.part:
            raise ValueError("a format is that of a date; give part, too")
        return self

    @property
    def options(self) -> Kind | None:
        """The options by which the column is read; None if its values are taken as they are."""
        if self.buckets:
            return number.Options(buckets=self.buckets)
        return date.Options(format=self.format) if self.part else None


def _named(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


class Options(Kind):
    """A feature of several columns; its name in the config is its own.

    Attributes:
        columns: the columns: names of columns of text or integers, ``{column: NAME, buckets: 10}`` of numbers, or
            ``{column: NAME, part: hour}`` of dates, with the ``format`` if they have one.
        hash: int, ids that all combinations share by hash.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT")

    kind: Literal["cross"] = "cross"
    columns: tuple[Annotated[Crossed, BeforeValidator(_named)], ...] = Field(min_length=2)
    hash: Size = 1000

    def readings(self, name: str) -> tuple[tuple[str, Kind], ...]:
        """The crossed columns."""
        del name
        return tuple((crossed.column, crossed.options or self) for crossed in self.columns)

    def faults(self, seen: Seen) -> Iterator[Fault]:
        """Numbers with fractions hardly ever are the same twice."""
        if seen.kind == "FLOAT":
            text = (
                f"holds numbers, such as {seen.sample}, which a cross reads in buckets ({{column: NAME, buckets: 9}})"
            )
            yield Fault("KIND_TYPE", text)
        else:
            yield from super().faults(seen)


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """One joined word per feature."""
    import tensorflow as tf

    joined = []
    for column in columns:
        words = _words(column.options.columns, raw)
        missing = tf.reduce_any(tf.equal(words, ""), axis=1)
        joined.append(tf.where(missing, "", tf.strings.reduce_join(words, axis=1, separator="\x1f")))
    outputs.hashed(tf.stack(joined, axis=1), ids(columns))


def ids(columns: Sequence[Column[Options]]) -> list[IdColumn]:
    """The hashes of each feature."""
    return [IdColumn(column.name, HASH, column.options.hash + 1) for column in columns]


def _words(columns: Sequence[Crossed], raw: RawColumns) -> tf.Tensor:
    """A word for each column, string ``[batch, len(columns)]`` and empty where missing."""
    from trainer.features.raw import joined

    parts = []
    for as_they_are, group in groupby(columns, key=lambda crossed: crossed.options is None):
        if as_they_are:
            parts.append(raw.words([crossed.column for crossed in group]))
        else:
            parts += [_number(crossed, raw) for crossed in group]
    return joined(parts)


def _number(crossed: Crossed, raw: RawColumns) -> tf.Tensor:
    """The number of a bucket, or of a part of a date, string ``[batch, 1]`` and empty where missing."""
    import tensorflow as tf

    from trainer.features.dates import calendar
    from trainer.features.outputs import bucket_ids
    from trainer.features.raw import whole_words

    name, options = crossed.column, crossed.options
    if isinstance(options, number.Options):
        found = bucket_ids(raw.floats([name]), number.ids([Column(name, options)]))
        return tf.where(tf.equal(found, 0), "", tf.strings.as_string(found))
    parts = calendar.parts(raw.days({name: crossed.format}))
    place = [part == crossed.part for part in date.PARTS].index(True)
    return whole_words(parts[:, place : place + 1])
