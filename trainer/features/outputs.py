"""What Transform learns and yields: all columns of a form stacked, analysed once, and joined into a few matrices.

An analyzer per form instead of one or two per column: time and memory of Transform, and the nodes of the exported
graph, hardly grow with the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.schema_inference as schema_inference
import tensorflow_transform.tf_utils as tf_utils

from trainer.features import bags, names
from trainer.features.kind import WORDS, IdColumn
from trainer.features.names import IDS, MARK, NUMBERS
from trainer.features.raw import width

# From 8 standard deviations on a number hardly counts more: x / sqrt(1 + (x / 8)^2) (Holzmueller et al. 2024,
# arXiv:2407.04491).
_SOFT_LIMIT = 8.0
# Columns whose quantiles are analysed together; one accumulator takes 182 KB a column.
_QUANTILE_COLUMNS = 100
_QUANTILE_EPSILON = 0.01


class Outputs:
    """Collects the features of all kinds; `finish` joins them."""

    def __init__(self) -> None:
        self._numbers: list[tf.Tensor] = []
        self._scaled: list[tf.Tensor] = []
        self._binned: dict[int, tf.Tensor] = {}
        self._ids: list[tf.Tensor] = []
        self._columns: list[IdColumn] = []
        self._words: list[tuple[tf.Tensor, int, int]] = []
        self._others: dict[str, tf.Tensor] = {}

    def numbers(self, values: tf.Tensor) -> None:
        """Numbers to standardise, float64 ``[batch, n]``; NaN is missing, becomes the mean and sets a flag."""
        self._numbers.append(values)

    def scaled(self, values: tf.Tensor) -> None:
        """Numbers of about unit size, float32 ``[batch, n]``, that the network gets as they are."""
        self._scaled.append(values)

    def piecewise(self, values: tf.Tensor, bins: int) -> None:
        """Numbers, float64 ``[batch, n]``, and beside them their places on an axis of ``bins`` quantile bins.

        A place is a float32 from 0 to ``bins``: its whole part is the bin, its fraction where in the bin the number
        lies. So one value carries what the network spreads over all bins. The place of a missing number is 0.
        """
        self.numbers(values)
        edges = _quantiles(values, bins + 2)
        lower, length = edges[:, :-1], edges[:, 1:] - edges[:, :-1]
        above = tf.cast(values, tf.float32)[:, :, tf.newaxis] - lower
        # A bin without width is a step.
        place = tf.where(length > 0, above / tf.where(length > 0, length, 1.0), tf.cast(above >= 0, tf.float32))
        place = tf.where(tf.math.is_nan(place), 0.0, tf.clip_by_value(place, 0.0, 1.0))
        self._binned[bins] = tf.reduce_sum(place, axis=2)

    def buckets(self, values: tf.Tensor, columns: Sequence[IdColumn]) -> None:
        """Numbers, float64 ``[batch, n]``, as the ids of quantile buckets, equally many of each column."""
        above = tf.cast(values, tf.float32)[:, :, tf.newaxis] >= _quantiles(values, columns[0].size - 1)
        bucket = tf.reduce_sum(tf.cast(above, tf.int64), axis=2) + 1
        self._add(tf.where(tf.math.is_nan(values), tf.zeros_like(bucket), bucket), columns)

    def codes(self, values: tf.Tensor, columns: Sequence[IdColumn]) -> None:
        """Codes from 0 on, float64 ``[batch, n]``; NaN is missing, and others share the id of unseen ones."""
        inside = (values >= 0) & (values < tf.constant([column.size - 2 for column in columns], tf.float64))
        ids = tf.cast(tf.where(inside, values + 2, tf.ones_like(values)), tf.int64)
        self._add(tf.where(tf.math.is_nan(values), tf.zeros_like(ids), ids), columns)

    def hashed(self, words: tf.Tensor, columns: Sequence[IdColumn]) -> None:
        """Words, string ``[batch, n]`` and empty where missing, as ids by hash."""
        sizes = tf.constant([column.size - 1 for column in columns], tf.int64)
        hashes = tf.strings.to_hash_bucket_fast(words, 2**62) % sizes + 1
        self._add(tf.where(words == "", tf.zeros_like(hashes), hashes), columns)

    def words(self, words: tf.Tensor, columns: Sequence[IdColumn], *, top_k: int, min_count: int) -> None:
        """Words, string ``[batch, n]`` and empty where missing, as ids of the most frequent ones of each column."""
        first = sum(column.form == WORDS for column in self._columns)
        marked = tf.constant([f"{first + index}{MARK}" for index in range(len(columns))]) + words
        self._words.append((tf.where(words == "", "", marked), top_k, min_count))
        self._add(tf.cast(words != "", tf.int64), columns)

    def bag(self, kind: str, index: int, ids: tf.Tensor, *, size: int) -> None:
        """Several ids a row, int64 ``[batch, length]``: 0 is padding, and all are below ``size``."""
        _declare_range(ids, tf.constant(size - 1, tf.int64))
        self._others[names.bag_name(kind, index)] = ids

    def learnt_bag(self, kind: str, index: int, values: tf.SparseTensor, *, top_k: int, length: int) -> None:
        """Several values a row, string ``[batch, ?]``, as ids of the most frequent ones; the others share an id."""
        name = names.bag_name(kind, index)
        file = tft.vocabulary(values, top_k=top_k, vocab_filename=names.vocabulary_name(name))
        found, size = _lookup(values.values, file)
        ids = bags.padded(tf.SparseTensor(values.indices, found + 2, values.dense_shape), length)
        _declare_range(ids, size + 1)
        self._others[name] = ids

    def image(self, index: int, pixels: tf.Tensor) -> None:
        """A picture, float32 ``[batch, height, width, channels]``."""
        self._others[f"image_{index}"] = pixels

    def finish(self) -> dict[str, tf.Tensor]:
        """All outputs by name: `NUMBERS` float32, `IDS` int64, and places in bins, bags and pictures."""
        outputs = dict(self._others)
        outputs.update((names.bins_name(bins), places) for bins, places in self._binned.items())
        if self._numbers or self._scaled:
            standard = [_standardised(tf.concat(self._numbers, axis=1))] if self._numbers else []
            outputs[NUMBERS] = tf.concat([*standard, *self._scaled], axis=1)
        if self._ids:
            outputs[IDS] = self._joint_ids()
        return outputs

    def _add(self, ids: tf.Tensor, columns: Sequence[IdColumn]) -> None:
        self._ids.append(ids)
        self._columns += columns

    def _joint_ids(self) -> tf.Tensor:
        """Ids as rows of one table: first the columns' own ids, column by column, then the words of all."""
        sizes = [column.size for column in self._columns]
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        ids = tf.concat(self._ids, axis=1) + tf.constant(starts, tf.int64)
        rows = tf.constant(sum(sizes), tf.int64)
        found = []
        for index, (words, top_k, min_count) in enumerate(self._words):
            file = tft.vocabulary(
                words,
                top_k=1,
                coverage_top_k=top_k,
                frequency_threshold=min_count,
                coverage_frequency_threshold=min_count,
                key_fn=_column_of,
                vocab_filename=names.vocabulary_name(IDS, index),
            )
            places, size = _lookup(words, file)
            found.append(tf.where(places >= 0, places + rows, places))
            rows += size
        if found:
            learnt = [index for index, column in enumerate(self._columns) if column.form == WORDS]
            others = [index for index in range(len(sizes)) if index not in learnt]
            places = tf.concat(found, axis=1)
            known = tf.where(places >= 0, places, tf.gather(ids, learnt, axis=1))
            order = [(others + learnt).index(index) for index in range(len(sizes))]
            ids = tf.gather(
                tf.concat([tf.gather(ids, tf.constant(others, tf.int32), axis=1), known], axis=1), order, axis=1
            )
        _declare_range(ids, rows - 1)
        return ids


def _column_of(word: Any) -> Any:
    """The column of a marked word."""
    return word.split(MARK.encode() if isinstance(word, bytes) else MARK)[0]


def _standardised(values: tf.Tensor) -> tf.Tensor:
    """Standardised numbers, and after them a flag for each that is missing; float32 ``[batch, 2 * n]``.

    The flag of a column without a missing value in training stays 0: nothing was learnt about it.
    """
    missing = tf.cast(tf.math.is_nan(values), tf.float32)
    scaled = tft.scale_to_z_score(values, elementwise=True)
    scaled = tf.cast(tf.where(tf.math.is_nan(scaled), tf.zeros_like(scaled), scaled), tf.float32)
    known = tf.cast(tft.max(missing, reduce_instance_dims=False) > 0, tf.float32)
    return tf.concat([scaled * tf.math.rsqrt(1 + tf.square(scaled / _SOFT_LIMIT)), missing * known], axis=1)


def _quantiles(values: tf.Tensor, buckets: int) -> tf.Tensor:
    """The boundaries of quantile buckets, float32 ``[n, buckets - 1]``, of float64 ``[batch, n]``; NaN is left out."""
    parts = []
    for start in range(0, width(values), _QUANTILE_COLUMNS):
        part = tf.cast(values[:, start : start + _QUANTILE_COLUMNS], tf.float32)
        # A row of zeros that hardly weighs: a column without values has no quantiles, and the analyzer fails.
        weights = tf.concat([tf.ones(tf.shape(part)[:1]), [1e-30]], axis=0)
        part = tf.concat([part, tf.zeros([1, width(part)])], axis=0)
        parts.append(tft.quantiles(part, buckets, _QUANTILE_EPSILON, weights=weights, reduce_instance_dims=False))
    return tf.concat(parts, axis=0) if len(parts) > 1 else parts[0]


def _lookup(words: tf.Tensor, file: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """The place of each word in a vocabulary file, int64 and -1 where it is not there, and the number of words."""

    def table(path: Any) -> tf.lookup.StaticHashTable:
        initializer = tf.lookup.TextFileInitializer(
            path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        return tf.lookup.StaticHashTable(initializer, default_value=-1)

    return tf_utils.construct_and_lookup_table(table, file, words)


def _declare_range(ids: tf.Tensor, largest: tf.Tensor) -> None:
    """Write the range of ids into the schema of the transformed data, where the trainer reads it."""
    schema_inference.set_tensor_schema_override(ids, tf.constant(0, tf.int64), tf.cast(largest, tf.int64))
