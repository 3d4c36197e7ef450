"""Which split an example goes to: by a hash as TFX's own ExampleGen takes it, by a time, or by a value."""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from tensorflow.core.example import example_pb2
from tfx.proto import example_gen_pb2

from components.example_gen.rows.columns import Columns
from components.example_gen.rows.expression import ColumnValue, OneOf
from components.example_gen.rows.options import TRAIN, ByTime, ByValue
from components.example_gen.rows.times import TimeCounts, ordered
from components.example_gen.rows.where import kept
from components.refusal import GateRefused


class Splits(Protocol):
    """How examples are shared out."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that decide."""
        ...

    def indices(self, examples: Sequence[bytes], columns: Columns) -> Sequence[int] | np.ndarray:
        """The index of each example's split.

        Args:
            examples: serialized tf.Examples.
            columns: their values in `columns`.
        """
        ...


class One:
    """All examples of files go to the split that the files are for.

    Args:
        index: the split's index.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, index: int):
        self._index = index

    def indices(self, examples: Sequence[bytes], columns: Columns) -> Sequence[int]:
        """The split's index for each example."""
        del columns
        return [self._index] * len(examples)


class HashSplits:
    """The splits of an ``output_config``, so that rows are in the split where TFX has them.

    Source: ``_PartitionFn`` in tfx/components/example_gen/base_example_gen_executor.py.

    Args:
        config: splits with their hash buckets, and the feature whose value is hashed instead of the example, if any.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, config: example_gen_pb2.SplitConfig):
        self._bounds = list(itertools.accumulate(split.hash_buckets for split in config.splits))
        self._feature = config.partition_feature_name

    def indices(self, examples: Sequence[bytes], columns: Columns) -> list[int]:
        """The index of each example's split.

        Raises:
            GateRefused: an example has no integer and no text in the feature.
        """
        del columns
        return [self._index(self._key(example) if self._feature else example) for example in examples]

    def _index(self, key: bytes) -> int:
        bucket = int.from_bytes(hashlib.sha256(key).digest(), "big") % self._bounds[-1]
        return bisect.bisect(self._bounds, bucket)

    def _key(self, example: bytes) -> bytes:
        features = example_pb2.Example.FromString(example).features.feature
        kind = features[self._feature].WhichOneof("kind") if self._feature in features else None
        if not kind or kind == "float_list" or not getattr(features[self._feature], kind).value:
            what = "has a number with a fraction" if kind == "float_list" else "has none"
            raise GateRefused(
                f"data.splits: every row needs a text or an integer in {self._feature!r}, by which rows are split; one "
                f"{what}. data.where can leave rows out."
            )
        return features[self._feature].SerializeToString(deterministic=True)


class TimeSplits:
    """The latest rows are held out.

    Args:
        column: the column with the time.
        bounds: the time from which on rows are in the second split, in the third and so on; see `times.ordered`.
        given: the dates' format, see `ByTime`.
    """

    def __init__(self, column: str, bounds: Sequence[int], *, given: str | None = None):
        self.columns = (column,)
        self._given = given
        self._bounds = np.array(bounds, np.int64)

    @classmethod
    def fitted(cls, options: ByTime, rows: Iterable[tuple[str, Columns]]) -> TimeSplits:
        """The splits whose shares of the rows are as wanted.

        Args:
            options: column and shares.
            rows: the column of all rows, some at a time, each with the file.

        Raises:
            GateRefused: a row has no time or an unreadable one.
        """
        counts, total, missing = TimeCounts(), 0, 0
        for path, columns in rows:
            column = columns[options.column]
            total, missing = total + len(column), missing + column.null_count
            try:
                counts.add(ordered(options.column, column.drop_null(), given=options.format))
            except GateRefused as error:
                raise GateRefused(f"{path}: {error.reason}") from None
        name = options.column if options.column.isidentifier() else f"`{options.column}`"
        if missing:
            raise GateRefused(
                f"data.splits: {options.column} is missing in {missing:,} of {total:,} rows, so they have no place in "
                f'time; leave them out with data.where: "{name} is not missing".'
            )
        shares = list(itertools.accumulate(reversed(list(options.given.values()))))[::-1]
        bounds = counts.bounds(shares) if total else [0] * len(shares)
        return cls(options.column, bounds, given=options.format)

    def indices(self, examples: Sequence[bytes], columns: Columns) -> np.ndarray:
        """The index of each example's split."""
        del examples
        [name] = self.columns
        return np.searchsorted(self._bounds, ordered(name, columns[name], given=self._given), side="right")


class ValueSplits:
    """A column's value names the split.

    Args:
        options: column and values.
    """

    def __init__(self, options: ByValue):
        self.columns = (options.column,)
        self._among: Mapping[str, OneOf] = {
            name: OneOf(ColumnValue(options.column), values) for name, values in options.given.items()
        }
        self._names = options.names

    def indices(self, examples: Sequence[bytes], columns: Columns) -> np.ndarray:
        """The index of each example's split.

        Raises:
            GateRefused: a row's value is in no split.
        """
        [name] = self.columns
        rest = self._names.index(TRAIN) if TRAIN not in self._among else -1
        found = np.full(len(examples), rest)
        for split, among in self._among.items():
            is_in = kept(among, columns, rows=len(examples), key=f"data.splits.{split}")
            found[is_in.to_numpy(zero_copy_only=False)] = self._names.index(split)
        if (found < 0).any():
            value = columns[name][int(found.argmin())].as_py()
            text = value.decode(errors="replace")[:80] if isinstance(value, bytes) else value
            what = "missing" if text is None else repr(text)
            raise GateRefused(
                f"data.splits: a row's {name} is {what}, which is in no split; name it, leave the rows out with "
                "data.where, or drop train, which then takes all other rows."
            )
        return found
