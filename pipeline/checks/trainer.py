"""Checks of the trainer's options and of the functions that a config names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from components.messages import did_you_mean
from pipeline.checks.objectives import check_objectives
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.model import check_model, functions_of
from pipeline.sources import module_file


def check_trainer(config: Config) -> None:
    """Check the network, the options of the loop, and the functions.

    Raises:
        ConfigError: with the key, what is wrong, and what is known instead.
    """
    check_model(config.trainer.model)
    check_objectives(config)
    check_loop(config)
    check_function("trainer.run_fn", config.trainer.run_fn)
    check_function("trainer.preprocessing_fn", config.trainer.preprocessing_fn)


def check_weights(config: Config) -> None:
    """The file of weights that a network starts from must be here; one behind a URI is looked for by the Trainer.

    Raises:
        ConfigError: names the file.
    """
    weights = config.trainer.model.options.get("weights")
    if isinstance(weights, str) and "://" not in weights and not Path(weights).is_file():
        raise ConfigError(f"trainer.model.weights: there is no file {weights}; name a file of weights.")


def check_loop(config: Config) -> None:
    """Options of the loop that depend on the label."""
    label, loop = config.label, config.trainer.loop
    for key in ("class_weights", "label_smoothing"):
        if label.task == "regression" and getattr(loop, key):
            raise ConfigError(f"trainer.loop.{key}: a regression label has no classes; drop it.")
    metric = loop.stopping.metric if loop.stopping else None
    known = config.parameters().objectives()
    if metric and metric not in known:
        raise ConfigError(
            f"trainer.loop.early_stopping.metric: there is no {metric!r} while training; "
            f"{did_you_mean(known, like=metric)}there are "
            f"{', '.join(known)}."
        )
    known = label.class_names()
    for name in loop.class_weights if isinstance(loop.class_weights, Mapping) else ():
        if name not in known:
            shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
            near = did_you_mean(known, like=name)
            raise ConfigError(
                f"trainer.loop.class_weights.{name}: there is no such class; {near}the classes are {shown}."
            )


def check_function(key: str, path: str) -> None:
    """A dotted path must name a function; its module is read, not imported, since that would import TensorFlow."""
    module, _, function = path.rpartition(".")
    file = module_file(module)
    if file is None:
        raise ConfigError(f"{key}: there is no module {module or path!r}; give the dotted path of a function.")
    names = functions_of(file)
    if function not in names:
        raise ConfigError(
            f"{key}: {file} defines no function {function!r}; {did_you_mean(names, like=function)}it has "
            f"{', '.join(sorted(names)) or 'none'}."
        )
