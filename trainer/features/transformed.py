"""Names and sizes of the transformed features: the contract between preprocessing_fn and the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import tensorflow as tf
import tensorflow_transform as tft

from trainer.parameters import Features, Parameters

Value = TypeVar("Value")

LABEL_KEY = "label"
EXAMPLE_WEIGHT_KEY = "example_weight"
# Id 0 of every categorical feature stands for a missing value; a vocabulary's words follow.
MISSING_ID = 0
FIRST_WORD_ID = 1


def scaled(name: str) -> str:
    """The transformed name of a numeric feature: float32, shape ``[batch, 1]``."""
    return f"{name}_scaled"


def bucket(name: str) -> str:
    """The transformed name of a bucketized feature: int64 ids, shape ``[batch, 1]``."""
    return f"{name}_bucket"


def token(name: str) -> str:
    """The transformed name of a vocabulary feature: int64 ids, shape ``[batch, 1]``."""
    return f"{name}_token"


def identity(name: str) -> str:
    """The transformed name of an identity feature: int64 ids, shape ``[batch, 1]``."""
    return f"{name}_identity"


def image(name: str) -> str:
    """The transformed name of a picture: float32, shape ``[batch, height, width, channels]``."""
    return f"{name}_image"


def model_inputs(transformed: Mapping[str, Value]) -> dict[str, Value]:
    """What a model reads of the transformed features: all but the label and the example weight."""
    return {name: value for name, value in transformed.items() if name not in (LABEL_KEY, EXAMPLE_WEIGHT_KEY)}


def resolve_features(parameters: Parameters, specs: Mapping[str, tf.TypeSpec | tf.Tensor]) -> Features:
    """The configured features, or those inferred from the raw features' types where none are configured.

    Args:
        parameters: the trainer's parameters.
        specs: raw features by name; anything with a ``dtype``.
    """
    if parameters.features is not None:
        return parameters.features
    above = parameters.label.above
    others = {parameters.label.column, parameters.example_weight, above.column if above else None}
    return Features.infer({name: spec.dtype.name for name, spec in specs.items() if name not in others})


@dataclass(frozen=True, kw_only=True)
class TransformedFeatures:
    """What a model is built from.

    Attributes:
        numeric: names of float32 inputs.
        categorical: names of int64 id inputs, each with the number of its ids (missing and unseen included).
        images: names of float32 pictures, each with its height, width and channels.
    """

    numeric: tuple[str, ...]
    categorical: Mapping[str, int]
    images: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, parameters: Parameters, transform_output: tft.TFTransformOutput) -> TransformedFeatures:
        """Read the sizes that the Transform component learnt from the data."""
        features = resolve_features(parameters, transform_output.raw_feature_spec())
        sizes = {bucket(name): count + 1 for name, count in features.bucketized.items()}
        sizes |= {identity(name): count + 1 for name, count in features.identity.items()}
        for name, vocabulary in features.vocabulary.items():
            sizes[token(name)] = transform_output.vocabulary_size_by_name(name) + vocabulary.oov_buckets + 1
        return cls(
            numeric=tuple(map(scaled, features.numeric)),
            categorical=dict(sorted(sizes.items())),
            images={
                image(name): (picture.height, picture.width, picture.channels)
                for name, picture in features.image.items()
            },
        )


def read_vocabularies(parameters: Parameters, transform_output: tft.TFTransformOutput) -> dict[str, list[str]]:
    """The words of each vocabulary feature by its transformed name, in the order of their ids from `FIRST_WORD_ID`."""
    features = resolve_features(parameters, transform_output.raw_feature_spec())
    return {
        token(name): [word.decode(errors="replace") for word in transform_output.vocabulary_by_name(name)]
        for name in features.vocabulary
    }
