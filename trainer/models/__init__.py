"""The networks that the trainer can build: one module each, found by its name.

The module of a network defines ``build(*, features, units, **options)``, which returns a Keras model from a dict of
transformed features to logits ``[batch, units]``. The configuration is checked against the options' annotations.
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
        units: int, width of the logits.

    Raises:
        ModuleNotFoundError: there is no module of that name.
        ValueError: the module is not a network, or an option is wrong.
    """
    module = importlib.import_module(f"{__name__}.{model.name}")
    if not hasattr(module, "build"):
        raise ValueError(f"model.name: {module.__name__} is not a network; it defines no build().")
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))
    return checked(module.build)(features=features, units=units, **model.options)


def apply(model: keras.Model, transformed: Mapping[str, Any], *, training: bool) -> Any:
    """Logits ``[batch, units]`` of transformed features.

    A functional model accepts a dict with more keys than it has inputs, but pairs them by order, and so silently mixes
    up the features. So it gets exactly those that it reads.

    Args:
        model: from `build` or `load`.
        transformed: tensors by transformed feature; label and example weight may be among them.
        training: whether layers such as dropout are active.
    """
    features = model_inputs(transformed)
    return model({name: features[name] for name in inputs_of(model) or features}, training=training)


def served(model: keras.Model) -> keras.Model:
    """The same function with the same weights, as it answers fastest.

    A layer that has another form for that offers it as ``served()``; all others are shared with the model.

    Args:
        model: from `build` or `load`, after its training.
    """
    import keras

    if not inputs_of(model) or not any(hasattr(layer, "served") for layer in model.layers):
        return model
    return keras.models.clone_model(
        model, clone_function=lambda layer: layer.served() if hasattr(layer, "served") else layer
    )


def inputs_of(model: keras.Model) -> tuple[str, ...]:
    """The transformed features that a functional model reads; empty for other models, which do not list them."""
    known = getattr(model, "input", None)
    return tuple(sorted(known)) if isinstance(known, Mapping) else ()


def load(path: str) -> keras.Model:
    """Load a Keras file.

    Keras finds a layer of ours by its name only once the module that defines it has been imported, so all are.

    Args:
        path: a file that ``keras.Model.save`` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    import keras

    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    model = keras.models.load_model(path)
    if not isinstance(model, keras.Model):
        raise ValueError(f"{path} does not hold a model.")
    return model
