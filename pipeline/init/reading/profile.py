"""What the columns hold: counted over all rows in one pass of bounded memory, with a sample of whole rows."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.readers.schemas import is_list
from components.reference.sample import Sampler, single_values
from trainer.features.dates.iso import READABLE

# Distinct values that are counted; a column with more has more than can be a category's or a domain's.
MOST_COUNTED = 20_000
_SAMPLE_ROWS = 20_000
# Longer texts are compared by their first characters.
MOST_CHARACTERS = 200
# Numbers that are fewer as float32 are hardly told apart.
_LEVELS = 16


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """What is known of a column.

    Attributes:
        name: its name.
        type: ``INT``, ``FLOAT`` or ``BYTES``, as in a schema; ``UNKNOWN`` if no row has a value.
        rows: of the table.
        absent: rows without a value.
        missing: rows without a value or with an empty text.
        counts: how often each value occurs, the most frequent first; of some of the values if `many`.
        many: whether there are more than `MOST_COUNTED` values.
        distinct: how many values there are; estimated if `many`.
        least: the smallest number; NaN if there are no numbers.
        most: the largest number.
        whole: whether all numbers are whole.
        rising: whether each number is above the one before it.
        lengths: the fewest and most values of a row, where it has some.
        is_list: whether a row may hold several values.
        is_utf8: whether all texts are text.
        undated: how many texts are no ISO date; only some are counted where most are none.
    """

    name: str
    type: str
    rows: int
    absent: int
    missing: int
    counts: Sequence[tuple[Any, int]]
    many: bool
    distinct: int
    least: float
    most: float
    whole: bool
    rising: bool
    lengths: tuple[int, int]
    is_list: bool
    is_utf8: bool
    undated: int

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def is_number(self) -> bool:
        """Whether it has numbers."""
        return not math.isnan(self.least)

    @property
    def coarse(self) -> str | None:
        """Why its numbers cannot be told apart as float32, which a model reads; None if they can."""
        if self.type == "BYTES" or self.distinct <= _LEVELS:
            return None
        step = max(-self.least, self.most) * 2.0**-24
        if self.most - self.least >= _LEVELS * step:
            return None
        return f"holds numbers that differ by less than a float32 can tell: subtract {self.least}"

    @property
    def share_missing(self) -> float:
        """Of all rows."""
        return self.missing / self.rows

    @property
    def repeats(self) -> float:
        """How often a value occurs in the mean, at least 1."""
        return sum(count for _, count in self.counts) / max(1, len(self.counts))


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is known of a table.

    Attributes:
        rows: all of them.
        columns: by name, in the order of the files.
        sample: some rows with all columns, in order; lists of at most one value are single values.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    sample: pa.Table


def profiled(batches: Iterable[pa.RecordBatch]) -> Table:
    """Read all rows.

    Raises:
        GateRefused: by the reader.
    """
    seen: dict[str, _Seen] = {}
    sampler = Sampler(_SAMPLE_ROWS)
    rows = 0
    for batch in batches:
        for name in batch.schema.names:
            # Of a TFRecord file, an example may lack a feature.
            seen.setdefault(name, _Seen(name)).add(batch.column(name), before=rows)
        rows += batch.num_rows
        sampler.add(batch)
    columns = {name: each.column(rows) for name, each in seen.items()}
    return Table(rows=rows, columns=columns, sample=single_values(sampler.table()))


class _Counts:
    """Counts of values; of too many, those of a part that is chosen by hash, so that their number can be told."""

    def __init__(self) -> None:
        self.values: Counter[Any] = Counter()
        self.halvings = 0

    def add(self, values: pa.Array) -> None:
        found = pc.value_counts(values)
        pairs = zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)
        self.values.update({value: count for value, count in pairs if self._chosen(value)})
        while len(self.values) > MOST_COUNTED:
            self.halvings += 1
            self.values = Counter({value: count for value, count in self.values.items() if self._chosen(value)})

    def _chosen(self, value: Any) -> bool:
        return not self.halvings or zlib.crc32(repr(value).encode()) % (1 << self.halvings) == 0


class _Seen:
    """What was seen of a column so far."""

    def __init__(self, name: str):
        self.name = name
        self.type = "UNKNOWN"
        self.rows = self.absent = self.empty = self.undated = 0
        self.counts = _Counts()
        self.least: float | None = None
        self.most: float | None = None
        self.whole = self.rising = self.is_utf8 = True
        self.is_list = False
        self.lengths: tuple[int, int] | None = None

    def add(self, column: pa.Array, *, before: int) -> None:
        # What an example lacks before or after is missing.
        self.absent += before - self.rows
        self.rows = before + len(column)
        if is_list(column.type):
            self.is_list = True
            lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
            self.absent += int((lengths == 0).sum())
            self._add_lengths(lengths[lengths > 0])
            values = column.flatten()
        else:
            self.absent += column.null_count
            values = column.drop_null()
        if len(values):
            self._add_values(values)

    def column(self, rows: int) -> ColumnProfile:
        lengths = self.lengths or (1, 1)
        absent = self.absent + rows - self.rows
        return ColumnProfile(
            name=self.name,
            type=self.type,
            rows=rows,
            absent=absent,
            missing=absent + (0 if self.is_list and lengths[1] > 1 else self.empty),
            counts=self.counts.values.most_common(),
            many=self.counts.halvings > 0,
            distinct=len(self.counts.values) << self.counts.halvings,
            least=math.nan if self.least is None else self.least,
            most=math.nan if self.most is None else self.most,
            whole=self.whole,
            rising=self.rising and self.least is not None,
            lengths=lengths,
            is_list=self.is_list and lengths[1] > 1,
            is_utf8=self.is_utf8,
            undated=self.undated,
        )

    def _add_lengths(self, lengths: np.ndarray) -> None:
        if len(lengths):
            fewest, most = self.lengths or (int(lengths[0]), int(lengths[0]))
            self.lengths = (min(fewest, int(lengths.min())), max(most, int(lengths.max())))

    def _add_values(self, values: pa.Array) -> None:
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            self.type = "INT" if pa.types.is_integer(values.type) else "FLOAT"
            self._add_numbers(values.to_numpy(zero_copy_only=False))
        else:
            self.type = "BYTES"
            values = self._text(values)
            empty = int(pc.sum(pc.equal(pc.binary_length(values), 0)).as_py() or 0)
            self.empty += empty
            values = values.filter(pc.greater(pc.binary_length(values), 0)) if empty else values
            if self.undated * 2 <= self.rows and self.is_utf8:
                self.undated += int(pc.sum(pc.invert(pc.match_substring_regex(values, READABLE))).as_py() or 0)
        # Of many fractions, the number says nothing.
        if not (self.counts.halvings and self.type == "FLOAT" and not self.whole):
            self.counts.add(values)

    def _add_numbers(self, numbers: np.ndarray) -> None:
        least, most = numbers.min().item(), numbers.max().item()
        self.rising = (
            self.rising and (self.most is None or numbers[0] > self.most) and bool((np.diff(numbers) > 0).all())
        )
        self.least = least if self.least is None else min(self.least, least)
        self.most = most if self.most is None else max(self.most, most)
        self.whole = self.whole and bool((numbers == np.floor(numbers)).all())

    def _text(self, values: pa.Array) -> pa.Array:
        """The beginnings of texts; bytes that are no text stay bytes, and of them the ends count, too."""
        if self.is_utf8:
            try:
                text = values.cast(pa.large_string())
                text.validate(full=True)
                return pc.utf8_slice_codeunits(text, 0, MOST_CHARACTERS)
            except pa.ArrowInvalid:
                self.is_utf8 = False
                self.counts = _Counts()
        return _ends(values.cast(pa.large_binary()))


def _ends(values: pa.Array) -> pa.Array:
    """The beginnings and ends of bytes: all files of a format may begin alike."""
    ends = [value[:MOST_CHARACTERS] + value[-MOST_CHARACTERS:] for value in values.to_pylist()]
    return pa.array(ends, pa.large_binary())
