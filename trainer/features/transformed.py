"""The transformed features as Transform's own output describes them: the contract between preprocessing and models.

A model's inputs follow from names, types and shapes alone, so that any preprocessing_fn may yield them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import tensorflow as tf
import tensorflow_transform as tft

from trainer.data import specs
from trainer.features import meaning, names
from trainer.features.columns import Features
from trainer.refusal import TrainingRefused

Value = TypeVar("Value")

LABEL_KEY = "label"
EXAMPLE_WEIGHT_KEY = "example_weight"


def model_inputs(transformed: Mapping[str, Value]) -> dict[str, Value]:
    """The transformed features that a model reads: all but the label and the example weight."""
    return {name: value for name, value in transformed.items() if name not in (LABEL_KEY, EXAMPLE_WEIGHT_KEY)}


def pixel_scales(features: Features) -> dict[str, float]:
    """What the pixels of each picture are divided by, by transformed feature."""
    pictures = [column.options for column in features.columns() if column.options.kind == "image"]
    return {names.image_name(index): options.scale for index, options in enumerate(pictures)}


@dataclass(frozen=True, kw_only=True)
class Ids:
    """Ids, int64 ``[batch, width]``, as rows of one embedding table.

    Attributes:
        width: int, ids a row of data.
        size: int, rows of the table; every id is below it.
        untrained: ids of missing and unseen values, whose embeddings begin at zero: the data may have none.
    """

    width: int
    size: int
    untrained: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BinPlaces:
    """Numbers as places on axes of quantile bins, float32 ``[batch, width]`` from 0 to ``bins``.

    Attributes:
        width: int, numbers a row of data.
        bins: int, bins of each number.
    """

    width: int
    bins: int


@dataclass(frozen=True, kw_only=True)
class TransformedFeatures:
    """The inputs that a model is built for, by name.

    Attributes:
        numbers: width of float32 inputs ``[batch, width]``.
        places: float32 inputs that a network spreads over quantile bins.
        ids: int64 inputs, each column of which has a meaning of its own.
        bags: int64 inputs whose ids all mean the same kind of thing; 0 is padding.
        images: height, width and channels of float32 pictures.
    """

    numbers: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, BinPlaces] = field(default_factory=dict)
    ids: Mapping[str, Ids] = field(default_factory=dict)
    bags: Mapping[str, Ids] = field(default_factory=dict)
    images: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, features: Features, output: tft.TFTransformOutput) -> TransformedFeatures:
        """Read what the Transform component yields.

        Args:
            features: the configured features, which know the ids of missing and unseen values.
            output: Transform's output.

        Raises:
            TrainingRefused: an output is no input of a model: it is text, has no fixed length, or is an integer whose
                range is not known.
        """
        numbers, places, ids, bags, images = {}, {}, {}, {}, {}
        for name, spec in sorted(model_inputs(output.transformed_feature_spec()).items()):
            shape = _shape(name, spec)
            if spec.dtype == tf.float32 and len(shape) == 3:
                images[name] = shape
            elif spec.dtype == tf.float32 and len(shape) == 1:
                bins = names.bins_of(name)
                if bins is None:
                    numbers[name] = shape[0]
                else:
                    places[name] = BinPlaces(width=shape[0], bins=bins)
            elif spec.dtype == tf.int64 and len(shape) == 1:
                size = meaning.size_of(name, output)
                if size == 1:
                    raise TrainingRefused(
                        f"preprocessing_fn: {name!r} is an integer whose range is not known: look it up with "
                        "tft.compute_and_apply_vocabulary, or cast it to float32 if it is a number."
                    )
                found = bags if name.startswith(names.BAG) else ids
                untrained = meaning.untrained(features) if name == names.IDS else ()
                found[name] = Ids(width=shape[0], size=size, untrained=untrained)
            else:
                dtype = tf.as_dtype(spec.dtype).name
                raise TrainingRefused(
                    f"preprocessing_fn: {name!r} is {dtype} of shape {list(shape)}; a model reads float32 [n], int64 "
                    "[n] and pictures, float32 [height, width, channels]."
                )
        return cls(numbers=numbers, places=places, ids=ids, bags=bags, images=images)

    def tensors(self) -> dict[str, tuple[tuple[int, ...], tf.DType]]:
        """The shape of a row and the type of each input."""
        ids = {name: ((each.width,), tf.int64) for name, each in {**self.ids, **self.bags}.items()}
        widths = {**self.numbers, **{name: each.width for name, each in self.places.items()}}
        numbers = {name: ((width,), tf.float32) for name, width in widths.items()}
        return ids | numbers | {name: (shape, tf.float32) for name, shape in self.images.items()}


def _shape(name: str, spec: object) -> tuple[int, ...]:
    if not isinstance(spec, tf.io.FixedLenFeature):
        raise TrainingRefused(
            f"preprocessing_fn: {name!r} has no fixed length; make it dense, such as with tf.sparse.to_dense."
        )
    shape = specs.row_shape(spec)
    return shape or (1,)
