"""All checks, in the order in which a reader can fix what they find."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.checks.columns import check_data, check_schema
from pipeline.checks.engine import check_engine
from pipeline.checks.files import check_writable
from pipeline.checks.trainer import check_trainer, check_weights
from pipeline.checks.tuner import check_tuner  # part: tuner
from pipeline.config.config import Config

_WITHOUT_DATA: tuple[Callable[[Config], None], ...] = (
    check_schema,
    check_trainer,
    check_tuner,  # part: tuner
)
_HERE = (check_writable, check_data, *_WITHOUT_DATA, check_weights, check_engine)


def check(config: Config) -> None:
    """Check everything that the config of a run on this machine points to.

    Raises:
        ConfigError: with the key of the config, the file or column, and what to do.
    """
    for each in _HERE:
        each(config)


def check_without_data(config: Config) -> None:
    """Check what can be checked without the data: the schema, the columns' types, models, functions.

    Raises:
        ConfigError: see `check`.
    """
    for each in _WITHOUT_DATA:
        each(config)
