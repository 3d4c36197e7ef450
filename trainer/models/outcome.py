"""Layers at the end of a network that carry what its head learnt from the label, so that it travels with the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="trainer")
class TargetScale(keras.layers.Layer):
    """From the standardised scale, on which a regression is learnt, to that of the label: ``mean + std * value``.

    Args:
        mean: of the training rows' labels, or of their logarithms.
        std: their standard deviation.
    """

    def __init__(self, *, mean: float, std: float, **options: Any):
        # Half precision has three digits, too few for a price.
        super().__init__(**{**options, "dtype": "float32"})
        self.mean = mean
        self.std = std

    def call(self, inputs: Any) -> Any:
        """Values of any shape."""
        return self.mean + self.std * inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "mean": self.mean, "std": self.std}


@keras.saving.register_keras_serializable(package="trainer")
class Threshold(keras.layers.Layer):
    """Changes nothing; keeps the probability from which on a row is called positive, chosen after the training."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the threshold, a float32 scalar; one half until one is chosen."""
        half = keras.initializers.Constant(0.5)
        self.probability = self.add_weight(shape=(), initializer=half, trainable=False, name="probability")

    def call(self, inputs: Any) -> Any:
        """Logits of any shape, as they are."""
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape


@keras.saving.register_keras_serializable(package="trainer")
class WithOutcome(keras.Model):
    """A network that is no functional model, followed by a layer.

    Args:
        network: from a dict of transformed features to logits.
        outcome: the layer.
    """

    def __init__(self, *, network: keras.Model, outcome: keras.layers.Layer, **options: Any):
        super().__init__(**options)
        self.network = network
        self.outcome = outcome

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Logits ``[batch, units]``."""
        return self.outcome(self.network(inputs, training=training))

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds it."""
        parts = {"network": self.network, "outcome": self.outcome}
        return {
            **super().get_config(),
            **{name: keras.saving.serialize_keras_object(part) for name, part in parts.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> WithOutcome:
        """The inverse of `get_config`."""
        del custom_objects
        parts = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("network", "outcome")}
        return cls(**{**config, **parts})


def followed_by(model: keras.Model, outcome: keras.layers.Layer) -> keras.Model:
    """The model with a layer at its end; a functional one stays functional."""
    if isinstance(getattr(model, "input", None), Mapping):
        return keras.Model(model.input, outcome(model.output), name=model.name)
    return WithOutcome(network=model, outcome=outcome)


def outcome_of(model: keras.Model) -> keras.layers.Layer | None:
    """The layer that `followed_by` put at the end; None if there is none."""
    last = model.outcome if isinstance(model, WithOutcome) else model.layers[-1] if model.layers else None
    return last if isinstance(last, TargetScale | Threshold) else None
