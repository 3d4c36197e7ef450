"""A network of ``keras.applications`` with weights of a local file, and a new last layer.

The weights are not downloaded: name a file without the top layers, as Keras publishes it, or as ``save_weights`` writes
it.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import keras
import tensorflow as tf
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.inputs import picture_input
from trainer.models.layers.dropout import HashDropout

# All halve a picture five times.
_SIDE = 32
# The networks' own preprocessing of pixels from 0 to 1: a factor and a summand for each colour.
_AS_FILE = (255.0, 0.0)
_AROUND_ZERO = (2.0, -1.0)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STANDARDISED = (
    [1 / std for std in _STD],
    [-mean / std for mean, std in zip(_MEAN, _STD, strict=True)],
)
_PREPROCESSING: dict[str, tuple[Any, Any]] = {
    "MobileNetV2": _AROUND_ZERO,
    "MobileNetV3Small": _AS_FILE,
    "MobileNetV3Large": _AS_FILE,
    "EfficientNetV2B0": _AS_FILE,
    "ResNet50V2": _AROUND_ZERO,
    "DenseNet121": _STANDARDISED,
}


@keras.saving.register_keras_serializable(package="trainer")
class Fixed(keras.layers.Layer):
    """A network that never is in training mode.

    So it has no dropout, and no statistics of a batch, which would depend on its size and on the padding of an epoch's
    last one. ``training=False`` in a functional model would not do: the outer model's mode replaces it.

    Args:
        network: from pictures to features.
    """

    def __init__(self, network: keras.Model, **options: Any):
        super().__init__(**options)
        self.network = network

    def call(self, pictures: Any) -> Any:
        """``[batch, height, width, 3]`` to ``[batch, height / 32, width / 32, channels]``."""
        return self.network(pictures, training=False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """The network's shape."""
        return self.network.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Fixed:
        """The inverse of `get_config`."""
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})


def build(
    *,
    features: TransformedFeatures,
    units: int,
    weights: str,
    application: Literal[
        "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "EfficientNetV2B0", "ResNet50V2", "DenseNet121"
    ] = "MobileNetV2",
    trained_layers: Annotated[int, Field(ge=0)] = 0,
    hidden_units: tuple[PositiveInt, ...] = (),
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
) -> keras.Model:
    """Build the network.

    Args:
        features: one picture of at least 32 x 32 pixels; a grey one is read as three equal colours.
        units: int, width of the logits.
        weights: path of a file of the application's weights without its top layers, ``.h5`` or ``.weights.h5``; or its
            URI, such as ``gs://...``.
        application: a class of ``keras.applications``.
        trained_layers: int, layers at the end of the application that are trained on; the others keep the file's
            weights. Batch normalisation keeps its statistics in any case.
        hidden_units: widths of dense layers between the application and the logits.
        dropout: share of the averaged values that a training step drops, in [0, 1).

    Returns:
        A model from a dict with the picture, float32 ``[batch, height, width, channels]``, to logits
        ``[batch, units]``.

    Raises:
        ValueError: the features are not exactly one picture, it is too small, or the file has no such weights.
    """
    name, picture = picture_input(features, network="backbone", side=_SIDE)
    hidden: Any = picture
    if picture.shape[-1] == 1:
        hidden = keras.layers.Concatenate(name="colours")([hidden] * 3)
    scale, offset = _PREPROCESSING[application]
    hidden = keras.layers.Rescaling(scale, offset, name="preprocessed")(hidden)
    network = _network(application, (*picture.shape[1:3], 3), weights)
    network.trainable = trained_layers > 0
    for layer in network.layers[: len(network.layers) - trained_layers]:
        layer.trainable = False
    hidden = Fixed(network, name=application)(hidden)
    hidden = keras.layers.GlobalAveragePooling2D(name="average")(hidden)
    hidden = HashDropout(dropout, name="dropout")(hidden)
    for index, width in enumerate(hidden_units):
        hidden = keras.layers.Dense(width, activation="relu", name=f"hidden_{index}")(hidden)
    return keras.Model({name: picture}, keras.layers.Dense(units, name="logits")(hidden), name="backbone")


def _network(application: str, shape: tuple[int, ...], weights: str) -> keras.Model:
    make: Any = getattr(keras.applications, application)
    network = make(include_top=False, weights=None, input_shape=shape)
    # A warning says that layers keep their random weights.
    with _local(weights) as path, warnings.catch_warnings(action="error"):
        try:
            network.load_weights(path)
        except Exception as error:
            # Keras and h5py raise errors of many kinds.
            reason = " ".join(str(error).split())[:120]
            raise ValueError(
                f"trainer.model.weights: {weights} has no weights of {application} without its top layers ({reason}); "
                "name another file, or another application."
            ) from None
    return network


@contextlib.contextmanager
def _local(weights: str) -> Iterator[str]:
    """The path of the file on this machine."""
    if not tf.io.gfile.exists(weights) or tf.io.gfile.isdir(weights):
        raise ValueError(f"trainer.model.weights: there is no file {weights} here; name a file of weights.")
    if "://" not in weights:
        yield weights
        return
    with tempfile.TemporaryDirectory() as folder:
        # Keras goes by the ending.
        path = str(Path(folder, weights.rpartition("/")[2]))
        tf.io.gfile.copy(weights, path)
        yield path
