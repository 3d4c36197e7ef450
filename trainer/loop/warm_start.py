"""Starts from the weights of an earlier model, even if the vocabularies or the features have changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from trainer import models
from trainer.models.layers.embeddings import BagEmbedding, IdEmbedding

_SUFFIX = "_embedding"


@dataclass(frozen=True)
class Meanings:
    """What the ids of a model stand for.

    Attributes:
        rows: by transformed feature: column, form, and the column's id or word, in the order of the ids.
    """

    rows: Mapping[str, Sequence[Sequence[str]]]

    def write(self, path: str) -> None:
        """Write a JSON file."""
        with tf.io.gfile.GFile(path, "w") as file:
            json.dump(dict(self.rows), file)

    @classmethod
    def read(cls, path: str) -> Meanings:
        """The inverse of `write`."""
        with tf.io.gfile.GFile(path) as file:
            return cls(json.load(file))


def transfer(model: keras.Model, *, keras_file: str, old: Meanings, new: Meanings) -> tuple[int, int]:
    """Copy the weights of an earlier model into ``model``, variable by variable.

    A variable takes the values of the one at the same path if the shapes are equal. In an embedding each id takes the
    row of its meaning; new words keep their initial rows.

    Args:
        model: a freshly built model.
        keras_file: path of the earlier model.
        old: meanings of the earlier model's ids.
        new: meanings of the ids of ``model``.

    Returns:
        The number of variables that took values, and the number of all variables.
    """
    earlier = models.load(keras_file)
    values = {variable.path: variable.numpy() for variable in earlier.variables}
    features = {variable.path: feature for feature, variables in _tables(model).items() for variable in variables}
    taken = 0
    for variable in model.variables:
        value = values.get(variable.path)
        feature = features.get(variable.path, "")
        if value is not None and feature in new.rows and feature in old.rows:
            value = _moved(variable.numpy(), value, old=old.rows[feature], new=new.rows[feature])
        if value is not None and tuple(value.shape) == tuple(variable.shape):
            variable.assign(value)
            taken += 1
    return taken, len(model.variables)


def _tables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """The weights with a row per id, of the model's layers and inside of them, by transformed feature."""
    tables: dict[str, list[keras.Variable]] = {}
    for layer in model._flatten_layers():  # noqa: SLF001 (Keras has no public way to the layers inside of layers)
        if isinstance(layer, IdEmbedding | BagEmbedding):
            tables[layer.name.removesuffix(_SUFFIX)] = layer.weights
    return tables


def _moved(
    rows: np.ndarray, earlier: np.ndarray, *, old: Sequence[Sequence[str]], new: Sequence[Sequence[str]]
) -> np.ndarray:
    """A table in which each id has the row of the earlier id of the same meaning, or else its own."""
    if rows.shape[1:] != earlier.shape[1:]:
        return rows
    places = {tuple(meaning): place for place, meaning in enumerate(old)}
    ids = np.array([places.get(tuple(meaning), -1) for meaning in new])
    return np.where(ids[:, np.newaxis] >= 0, earlier[ids], rows)
