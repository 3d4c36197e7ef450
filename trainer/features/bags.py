"""Several values a row as a bag of ids: a matrix ``[batch, length]`` in which 0 is padding."""

from __future__ import annotations

import tensorflow as tf

# Characters that separate words: everything but letters, digits and marks.
_SEPARATORS = r"[^\pL\pN\pM]+"


def ngram_ids(text: tf.Tensor, *, ngrams: int, buckets: int, max_words: int) -> tf.Tensor:
    """Hashed ids of the words of a text and of their sequences.

    Args:
        text: string ``[batch]``, UTF-8.
        ngrams: int, the longest sequence.
        buckets: int, number of ids.
        max_words: int, words that are read.

    Returns:
        int64 ``[batch, ngrams * max_words]``: 1 to ``buckets``, and 0 for padding.
    """
    plain = tf.strings.regex_replace(tf.strings.lower(text, encoding="utf-8"), _SEPARATORS, " ")
    words = tf.strings.split(tf.strings.strip(plain))[:, :max_words]
    grams = tf.strings.ngrams(words, ngram_width=list(range(1, ngrams + 1)))
    ids = tf.ragged.map_flat_values(tf.strings.to_hash_bucket_fast, grams, buckets) + 1
    return ids.to_tensor(shape=[None, ngrams * max_words])


def padded(ids: tf.SparseTensor, length: int) -> tf.Tensor:
    """The first ``length`` ids of each row, int64 ``[batch, length]``; 0 is padding."""
    ragged = tf.RaggedTensor.from_sparse(ids)
    return tf.cast(ragged.to_tensor(shape=[None, length]), tf.int64)


def separated_values(cells: tf.SparseTensor, separator: str) -> tf.SparseTensor:
    """The values of cells such as ``a;b``, without the blanks around them; empty ones are left out."""
    return _split(_one_cell(cells), separator)


def json_values(cells: tf.SparseTensor) -> tf.SparseTensor:
    """The values of cells such as ``["a", "b"]`` or ``[1, 2]``; escapes other than quotes are kept as they are."""
    text = tf.strings.regex_replace(_one_cell(cells), r"^\s*\[\s*|\s*\]\s*$", "")
    # A comma inside of quotes is part of a value, so the separators are marked first.
    text = tf.strings.regex_replace(text, r"\"\s*,\s*\"", "\x1f")
    quoted = tf.strings.regex_full_match(text, r"\".*\"")
    numbers = tf.strings.regex_replace(text, ",", "\x1f")
    bare = tf.strings.regex_replace(tf.strings.regex_replace(text, r"^\"|\"$", ""), r"\\\"", '"')
    return _split(tf.where(quoted, bare, numbers), "\x1f")


def _one_cell(cells: tf.SparseTensor) -> tf.Tensor:
    column = tf.SparseTensor(cells.indices, cells.values, [cells.dense_shape[0], 1])
    return tf.reshape(tf.sparse.to_dense(column, default_value=""), [-1])


def _split(text: tf.Tensor, separator: str) -> tf.SparseTensor:
    values = tf.strings.strip(tf.strings.split(text, sep=separator).to_sparse().values)
    ragged = tf.strings.split(text, sep=separator).with_flat_values(values)
    return tf.ragged.boolean_mask(ragged, ragged != "").to_sparse()
