"""Starts from the weights of an earlier model, even if the vocabularies have changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from trainer import models
from trainer.models.layers import JointEmbedding


@dataclass(frozen=True)
class Vocabularies:
    """The words that the learnt ids stand for.

    Attributes:
        words: words in the order of their ids by transformed feature; only features with a vocabulary have an entry.
    """

    words: Mapping[str, Sequence[str]]

    def write(self, path: str) -> None:
        """Write a JSON file."""
        with tf.io.gfile.GFile(path, "w") as file:
            json.dump(dict(self.words), file)

    @classmethod
    def read(cls, path: str) -> Vocabularies:
        """The inverse of `write`."""
        with tf.io.gfile.GFile(path) as file:
            return cls(json.load(file))


def transfer(
    model: keras.Model, *, keras_file: str, old: Vocabularies, new: Vocabularies, first_word_id: int
) -> tuple[int, int]:
    """Copy the weights of an earlier model into ``model``, variable by variable.

    A variable takes the values of the one at the same path if the shapes are equal. In a joint embedding each id takes
    the row of its word; new words keep their initial rows.

    Args:
        model: a freshly built model.
        keras_file: path of the earlier model.
        old: vocabularies of the earlier model.
        new: vocabularies of ``model``.
        first_word_id: int, id of a vocabulary's first word (those before it stand for missing values).

    Returns:
        The number of variables that took values, and the number of all variables.
    """
    earlier = models.load(keras_file)
    values = {variable.path: variable.numpy() for variable in earlier.variables}
    tables = _tables(model, earlier, old=old, new=new, first_word_id=first_word_id)
    taken = 0
    for variable in model.variables:
        value = tables.get(variable.path, values.get(variable.path))
        if value is not None and tuple(value.shape) == tuple(variable.shape):
            variable.assign(value)
            taken += 1
    return taken, len(model.variables)


def _tables(
    model: keras.Model, earlier: keras.Model, *, old: Vocabularies, new: Vocabularies, first_word_id: int
) -> dict[str, np.ndarray]:
    """The tables of joint embeddings by path, with the earlier rows moved to the new ids of their words."""
    earlier_layers = {layer.table.path: layer for layer in _joint_embeddings(earlier)}
    tables = {}
    for layer in _joint_embeddings(model):
        before = earlier_layers.get(layer.table.path)
        if before is None or before.table.shape[1] != layer.table.shape[1]:
            continue
        rows, earlier_rows = layer.split(layer.table.numpy()), before.split(before.table.numpy())
        for name in rows.keys() & earlier_rows.keys():
            sizes = len(rows[name]), len(earlier_rows[name])
            ids = _earlier_ids(*sizes, old.words.get(name), new.words.get(name), first_word_id)
            rows[name] = np.where(ids[:, None] >= 0, earlier_rows[name][ids], rows[name])
        tables[layer.table.path] = np.concatenate(list(rows.values()))
    return tables


def _joint_embeddings(model: keras.Model) -> list[JointEmbedding]:
    """The joint embeddings among the model's layers and inside of them."""
    candidates = [part for layer in model.layers for part in (layer, *vars(layer).values())]
    return [part for part in candidates if isinstance(part, JointEmbedding)]


def _earlier_ids(
    size: int, earlier_size: int, old: Sequence[str] | None, new: Sequence[str] | None, first_word_id: int
) -> np.ndarray:
    """For each id of a feature the earlier model's id of the same meaning, or -1."""
    ids = np.arange(size)
    if old is not None and new is not None:
        place = {word: index + first_word_id for index, word in enumerate(old)}
        for index, word in enumerate(new):
            ids[first_word_id + index] = place.get(word, -1)
        # The buckets of unseen words follow the words.
        ids[first_word_id + len(new) :] += len(old) - len(new)
    return np.where(ids < earlier_size, ids, -1)
