"""How the data's files are to be read: what their section says, and what the columns are used for."""

from __future__ import annotations

from collections.abc import Iterator

from components.example_gen.reading import Reading
from pipeline.config.config import Config

# The kinds of features that take one number a row, and those that take one code.
_NUMBERS = ("numeric", "bucketized")
_CODES = ("vocabulary", "identity")


def reading_of(config: Config) -> Reading:
    """The reader's parameters, without the types of the schema."""
    return Reading(
        kind=config.data.file_format,
        csv=config.data.csv,
        numbers=(*_numbers_beside_features(config), *_columns(config, _NUMBERS)),
        codes=tuple(_columns(config, _CODES)),
        guessed=config.features is None,
    )


def _columns(config: Config, kinds: tuple[str, ...]) -> Iterator[str]:
    for column in config.features.columns() if config.features else ():
        if column.key.removeprefix("features.") in kinds:
            yield column.name


def _numbers_beside_features(config: Config) -> Iterator[str]:
    label = config.label
    if label.task == "regression" or label.above:
        yield label.column
    if label.above:
        yield label.above.column
    if config.example_weight:
        yield config.example_weight
