"""Checks of the search for hyperparameters."""

from __future__ import annotations

from pipeline.checks.trainer import check_function
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.model import check_model


def check_tuner(config: Config) -> None:
    """Check that the networks exist that a search would build, with their options, and so does the Tuner's function.

    Raises:
        ConfigError: with the key of the search space.
    """
    check_function("trainer.tuner_fn", config.trainer.tuner_fn)
    search = config.trainer.tuner
    for path, candidate in search.candidates(config.parameters()) if search else ():
        try:
            check_model(candidate.model)
        except ConfigError as error:
            raise ConfigError(f"trainer.tuner.space.{path}: {error}") from None
