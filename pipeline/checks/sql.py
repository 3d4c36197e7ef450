"""Checks of a query: whether the database answers it, and with which columns."""

from __future__ import annotations

from components.example_gen.sql.database import Database
from components.refusal import GateRefused
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.sources.sql import Sql


def query_columns(config: Config) -> tuple[str, set[str]] | None:
    """The words for the query in a message, and its columns; None if the examples are not from one.

    Raises:
        ConfigError: the driver is not installed, or the database cannot be reached or does not take the query.
    """
    if not isinstance(config.data, Sql):
        return None
    try:
        with Database(config.data.as_query()) as database:
            return "the rows of data.query", set(database.schema().names)
    except GateRefused as error:
        raise ConfigError(error.reason) from None
