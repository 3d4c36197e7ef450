"""What Transform learns and yields: all columns of a form stacked, analysed once, and joined into a few matrices.

An analyzer per form instead of one or two per column: time and memory of Transform, and the nodes of the exported
graph, hardly grow with the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.schema_inference as schema_inference
import tensorflow_transform.tf_utils as tf_utils

from trainer.features import bags, names
from trainer.features.kind import WORDS, IdColumn, Vocabulary
from trainer.features.names import IDS, MARK, NUMBERS
from trainer.features.raw import joined, width

# From 8 standard deviations on a number hardly counts more: x / sqrt(1 + (x / 8)^2) (Holzmueller et al. 2024,
# arXiv:2407.04491).
_SOFT_LIMIT = 8.0
# From here on, all numbers are clipped to the limit, to the last bit of a float32.
_FAR = 1e6
# Columns whose quantiles are analysed together; one accumulator takes 182 KB a column.
_QUANTILE_COLUMNS = 100
_QUANTILE_EPSILON = 0.01
# A vocabulary has a line for each word, and so leaves out words with line breaks; this stands for one.
_LINE_BREAK, _NO_LINE_BREAK = "[\r\n]", "\x1e"
# The id of a missing value among those of its column.
_MISSING = np.int64(0)


class Outputs:
    """Collects the features of all kinds; `finish` joins them."""

    def __init__(self) -> None:
        self._numbers: list[tf.Tensor] = []
        self._scaled: list[tf.Tensor] = []
        self._binned: dict[int, tf.Tensor] = {}
        self._ids: list[tf.Tensor] = []
        self._columns: list[IdColumn] = []
        self._words: list[tf.Tensor] = []
        self._vocabularies: list[Vocabulary] = []
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
        """Numbers, float64 ``[batch, n]``, as the ids of quantile buckets, by the number of buckets."""
        self._add(bucket_ids(values, columns), columns)

    def codes(self, values: tf.Tensor, columns: Sequence[IdColumn]) -> None:
        """Codes from 0 on, float64 ``[batch, n]``; NaN is missing, and others share the id of unseen ones."""
        inside = (values >= 0) & (values < tf.constant([column.size - 2 for column in columns], tf.float64))
        ids = tf.cast(tf.where(inside, values + 2, tf.constant(1, tf.float64)), tf.int64)
        self._add(tf.where(tf.math.is_nan(values), _MISSING, ids), columns)

    def hashed(self, words: tf.Tensor, columns: Sequence[IdColumn]) -> None:
        """Words, string ``[batch, n]`` and empty where missing, as ids by hash."""
        sizes = tf.constant([column.size - 1 for column in columns], tf.int64)
        hashes = tf.strings.to_hash_bucket_fast(words, 2**62) % sizes + 1
        self._add(tf.where(words == "", _MISSING, hashes), columns)

    def words(self, words: tf.Tensor, columns: Sequence[IdColumn], vocabularies: Sequence[Vocabulary]) -> None:
        """Words, string ``[batch, n]`` and empty where missing, as ids of the most frequent ones of each column.

        ``vocabularies`` has those of the columns; columns with equal ones lie side by side.
        """
        self._words.append(words)
        self._vocabularies += vocabularies
        self._columns += columns

    def bag(self, kind: str, index: int, ids: tf.Tensor, *, size: int) -> None:
        """Several ids a row, int64 ``[batch, length]``: 0 is padding, and all are below ``size``."""
        _declare_range(ids, tf.constant(size - 1, tf.int64))
        self._others[names.bag_name(kind, index)] = ids

    def learnt_bag(self, kind: str, index: int, values: tf.SparseTensor, *, top_k: int, length: int) -> None:
        """Several values a row, string ``[batch, ?]``, as ids of the most frequent ones; the others share an id."""
        name = names.bag_name(kind, index)
        values = tf.SparseTensor(values.indices, _of_one_line(values.values), values.dense_shape)
        file = tft.vocabulary(values, top_k=top_k, vocab_filename=names.vocabulary_name(name))
        found, size = _lookup(values.values, file)
        ids = bags.padded(tf.SparseTensor(values.indices, found + 2, values.dense_shape), length)
        _declare_range(ids, size + 1)
        self._others[name] = ids

    def image(self, index: int, pixels: tf.Tensor) -> None:
        """A picture, float32 ``[batch, height, width, channels]``."""
        self._others[names.image_name(index)] = pixels

    def finish(self) -> dict[str, tf.Tensor]:
        """All outputs by name: `NUMBERS` float32, `IDS` int64, and places in bins, bags and pictures."""
        outputs = dict(self._others)
        outputs.update((names.bins_name(bins), places) for bins, places in self._binned.items())
        if self._numbers or self._scaled:
            standard = [_standardised(joined(self._numbers))] if self._numbers else []
            outputs[NUMBERS] = joined([*standard, *self._scaled])
        if self._columns:
            outputs[IDS] = self._joint_ids()
        return outputs

    def _add(self, ids: tf.Tensor, columns: Sequence[IdColumn]) -> None:
        self._ids.append(ids)
        self._columns += columns

    def _joint_ids(self) -> tf.Tensor:
        """Ids as rows of one table: first the columns' own ids, column by column, then the words of all.

        In the matrix, the columns of words come last.
        """
        sizes = [column.size for column in self._columns]
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        learnt = [column.form == WORDS for column in self._columns]
        rows = tf.constant(sum(sizes), tf.int64)
        parts = []
        if self._ids:
            own = tf.constant([start for start, words in zip(starts, learnt, strict=True) if not words], tf.int64)
            parts.append(joined(self._ids) + own)
        if self._words:
            own = tf.constant([start for start, words in zip(starts, learnt, strict=True) if words], tf.int64)
            ids, rows = _word_ids(_of_one_line(joined(self._words)), self._vocabularies, own, rows)
            parts.append(ids)
        ids = joined(parts)
        _declare_range(ids, rows - 1)
        return ids


def bucket_ids(values: tf.Tensor, columns: Sequence[IdColumn]) -> tf.Tensor:
    """The quantile bucket of each number, int64 ``[batch, n]``, from 1; 0 where the number is missing.

    Args:
        values: float64 ``[batch, n]``, NaN where missing.
        columns: one for each of the ``n``, those of equally many buckets side by side.
    """
    above = tf.cast(values, tf.float32)[:, :, tf.newaxis] >= _all_quantiles(values, columns)
    bucket = tf.reduce_sum(tf.cast(above, tf.int64), axis=2) + 1
    return tf.where(tf.math.is_nan(values), _MISSING, bucket)


def _word_ids(
    words: tf.Tensor, vocabularies: Sequence[Vocabulary], own: tf.Tensor, rows: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The ids of all words, int64 ``[batch, columns]``, and the rows of the table behind them.

    Args:
        words: string ``[batch, columns]``, empty where missing.
        vocabularies: what each column's vocabulary holds.
        own: the first of each column's two own ids, int64 ``[columns]``: a missing word, and one that is unseen.
        rows: rows of the table before them.
    """
    marked = tf.constant([f"{column}{MARK}" for column in range(len(vocabularies))]) + words
    there = words != ""
    known = tf.where(there, marked, "")
    places, starts, first = [], [], 0
    for index, (vocabulary, same) in enumerate(groupby(vocabularies)):
        end = first + len(tuple(same))
        # Transform warns of a threshold of 1, which changes nothing.
        least = vocabulary.min_count if vocabulary.min_count > 1 else None
        file = tft.vocabulary(
            known[:, first:end],
            top_k=1,
            coverage_top_k=vocabulary.top_k,
            frequency_threshold=least,
            coverage_frequency_threshold=least,
            key_fn=_column_of,
            vocab_filename=names.vocabulary_name(IDS, index),
        )
        # A missing word is in no vocabulary, marked or not.
        found, size = _lookup(marked if end - first == len(vocabularies) else marked[:, first:end], file)
        places.append(found)
        starts.append(tf.fill([end - first], rows))
        rows += size
        first = end
    found = joined(places)
    return tf.where(found >= 0, found + tf.concat(starts, axis=0), tf.cast(there, tf.int64) + own), rows


def _of_one_line(words: tf.Tensor) -> tf.Tensor:
    """Words whose line breaks another character stands for, string of the same shape."""
    return tf.strings.regex_replace(words, _LINE_BREAK, _NO_LINE_BREAK)


def _column_of(word: Any) -> Any:
    """The column of a marked word."""
    return word.split(MARK.encode() if isinstance(word, bytes) else MARK)[0]


def _standardised(values: tf.Tensor) -> tf.Tensor:
    """Standardised numbers, and after them a flag for each that is missing; float32 ``[batch, 2 * n]``.

    The flag of a column without a missing value in training stays 0: nothing was learnt about it.
    """
    # Not tft.scale_to_z_score, whose nine nodes every request would run: these become constants.
    mean, variance = (learnt(values, reduce_instance_dims=False) for learnt in (tft.mean, tft.var))
    scale = tf.where(variance > 0, tf.math.rsqrt(variance), tf.constant(1, variance.dtype))
    known = tft.max(tf.cast(tf.math.is_nan(values), tf.float32), reduce_instance_dims=False)
    scaled = (values - mean) * scale
    # Of a column without any value in training, all are.
    missing = tf.math.is_nan(scaled)
    clipped = softly_clipped(tf.where(missing, tf.constant(0, scaled.dtype), scaled))
    return tf.concat([clipped, tf.cast(missing, tf.float32) * known], axis=1)


def softly_clipped(scaled: tf.Tensor) -> tf.Tensor:
    """Standardised numbers, float64, within 8 standard deviations, float32 of the same shape."""
    # From some 1e19 on, the square overflows float32, and the largest number would become 0 or NaN.
    scaled = tf.cast(tf.clip_by_value(scaled, -_FAR, _FAR), tf.float32)
    return scaled * tf.math.rsqrt(1 + tf.square(scaled * (1 / _SOFT_LIMIT)))


def _all_quantiles(values: tf.Tensor, columns: Sequence[IdColumn]) -> tf.Tensor:
    """The boundaries of the buckets of each column, float32 ``[n, ?]``; the rows of those with fewer end with NaN."""
    most = max(column.size for column in columns)
    parts, first = [], 0
    for size, same in groupby(column.size for column in columns):
        end = first + len(tuple(same))
        boundaries = _quantiles(values[:, first:end], size - 1)
        parts.append(tf.pad(boundaries, [[0, 0], [0, most - size]], constant_values=np.nan))
        first = end
    return tf.concat(parts, axis=0)


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
