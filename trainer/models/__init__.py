"""The networks that the trainer can build: one module each, found by its name.

A module defines ``build(*, features, units, **options)``, which returns a Keras model from a dict of transformed
features to logits ``[batch, units]``. The options' annotations are what the configuration is checked against.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, validate_call

from trainer.features.transformed import model_inputs
from trainer.parameters import Model

if TYPE_CHECKING:
    import keras

    from trainer.features.transformed import TransformedFeatures


def build(model: Model, *, features: TransformedFeatures, units: int) -> keras.Model:
    """Build the network that ``model`` names, with its options.

    Args:
        model: name and options.
        features: names and sizes of the transformed features.
        units: the width of the logits.
    """
    module = importlib.import_module(f"{__name__}.{model.name}")
    checked = validate_call(module.build, config=ConfigDict(arbitrary_types_allowed=True))
    return checked(features=features, units=units, **model.options)


def apply(model: keras.Model, transformed: Mapping[str, Any], *, training: bool) -> Any:
    """Logits ``[batch, units]`` of transformed features.

    A functional model takes a dict with more keys than it has inputs, but pairs them by their order, and so silently
    mixes the features up. So it is given what it reads and nothing else.

    Args:
        model: from `build` or `load`.
        transformed: features by name; label and example weight may be among them.
        training: whether dropout and the like are at work.
    """
    features = model_inputs(transformed)
    known = getattr(model, "input", None)
    if isinstance(known, Mapping):
        features = {name: features[name] for name in known}
    return model(features, training=training)


def load(path: str) -> keras.Model:
    """Load a Keras file.

    Keras finds a layer of ours by its name only once the module that defines it has been imported, so all are.

    Args:
        path: of a file that ``keras.Model.save`` wrote.
    """
    import keras

    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return keras.models.load_model(path)
