"""Names and sizes of the transformed features: the contract between preprocessing_fn and the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import tensorflow_transform as tft

from trainer.features.columns import Features
from trainer.features.feature import Feature

Value = TypeVar("Value")

LABEL_KEY = "label"
EXAMPLE_WEIGHT_KEY = "example_weight"


def model_inputs(transformed: Mapping[str, Value]) -> dict[str, Value]:
    """The transformed features that a model reads: all but the label and the example weight."""
    return {name: value for name, value in transformed.items() if name not in (LABEL_KEY, EXAMPLE_WEIGHT_KEY)}


@dataclass(frozen=True, kw_only=True)
class TransformedFeatures:
    """The inputs that a model is built for.

    Attributes:
        numeric: names of float32 inputs ``[batch, 1]``.
        categorical: number of ids (missing and unseen included) of each int64 input ``[batch, 1]``, by name.
        images: height, width and channels of each float32 picture, by name.
    """

    numeric: tuple[str, ...]
    categorical: Mapping[str, int]
    images: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, features: Features, transform_output: tft.TFTransformOutput) -> TransformedFeatures:
        """Read the sizes that the Transform component learnt from the data."""
        read = _read(features, transform_output)
        return cls(
            numeric=tuple(each.name for each in read if each.ids is None and each.shape == (1,)),
            categorical={each.name: each.ids for each in sorted(read, key=lambda each: each.name) if each.ids},
            images={each.name: each.shape for each in read if len(each.shape) == 3},
        )


def read_vocabularies(features: Features, transform_output: tft.TFTransformOutput) -> dict[str, list[str]]:
    """The words of each feature with a vocabulary by its transformed name, in the order of their ids."""
    return {
        each.name: [word.decode(errors="replace") for word in transform_output.vocabulary_by_name(each.vocabulary)]
        for each in _read(features, transform_output)
        if each.vocabulary is not None
    }


def _read(features: Features, transform_output: tft.TFTransformOutput) -> list[Feature]:
    return [column.kind.feature(column.name, column.options, transform_output) for column in features.columns()]
