"""A wide-and-deep binary classifier (Cheng et al. 2016, arXiv:1606.07792) in Keras 3's functional style."""

from __future__ import annotations

import keras

from trainer.features import TransformedFeatures
from trainer.parameters import Model


def build(*, features: TransformedFeatures, options: Model) -> keras.Model:
    """Build the network.

    Args:
        features: names and sizes of the transformed features.
        options: widths, embedding size and dropout.

    Returns:
        A model from a dict of ``[batch, 1]`` features (float32 numeric, int64 ids) to logits ``[batch, 1]``.
        Its wide half gives every id a weight of its own, its deep half an embedding that feeds dense layers.
    """
    numeric = {name: keras.Input((1,), name=name, dtype="float32") for name in features.numeric}
    categorical = {name: keras.Input((1,), name=name, dtype="int64") for name in features.categorical}

    wide, deep = [], list(numeric.values())
    for name, ids in categorical.items():
        size = features.categorical[name]
        weight = keras.layers.Embedding(size, 1, embeddings_initializer="zeros", name=f"{name}_weight")(ids)
        wide.append(keras.layers.Flatten()(weight))
        dim = min(options.embedding_dim, size)
        embedding = keras.layers.Embedding(size, dim, name=f"{name}_embedding")(ids)
        deep.append(keras.layers.Flatten()(embedding))

    hidden = keras.layers.Concatenate()(deep) if len(deep) > 1 else deep[0]
    for index, units in enumerate(options.hidden_units):
        hidden = keras.layers.Dense(units, activation="relu", name=f"hidden_{index}")(hidden)
        hidden = keras.layers.Dropout(options.dropout)(hidden)
    logits = keras.layers.Dense(1, name="deep_logit")(hidden)
    if wide:
        logits = keras.layers.Add(name="logit")([logits, *wide])
    return keras.Model({**numeric, **categorical}, logits, name="wide_and_deep")
