"""How the data's files are to be read: what their section says, and what the columns are used for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.example_gen.pictures.folders import PICTURE
from components.example_gen.reading import Reading
from pipeline.config.config import Config
from trainer.features.kinds import category

# The kinds of features that take one number a row, and those that take one code.
_NUMBERS = ("number",)
_CODES = ("category", "cross")


def reading_of(config: Config, types: Mapping[str, str] | None = None) -> Reading:
    """The reader's parameters.

    Args:
        config: the pipeline's config.
        types: the types of the curated schema. A column that it has is read by its type, whatever it is used for, so
            that another choice of features finds the same examples in the cache.
    """
    known = types or {}
    numbers = {*_numbers_beside_features(config), *_columns(config, _NUMBERS), *_integers_from_0(config)}
    return Reading(
        kind=config.data.file_format,
        types=known,
        csv=config.data.csv,
        numbers=tuple(sorted(numbers - set(known))),
        codes=tuple(sorted(set(_columns(config, _CODES)) - set(known))),
        weight=config.example_weight,
        guessed=config.features is None,
        pictures=(PICTURE,) if config.data.file_format == "pictures" else config.data.pictures,
        has_folder=config.data.path is not None,
        label=config.label.column if config.data.file_format == "pictures" else "",
    )


def _columns(config: Config, kinds: tuple[str, ...]) -> Iterator[str]:
    for column in config.features.columns() if config.features else ():
        yield from (source for source, options in column.readings if options.kind in kinds)


def _integers_from_0(config: Config) -> Iterator[str]:
    """The columns of categories whose values are their ids."""
    for column in config.features.columns() if config.features else ():
        for source, options in column.readings:
            if isinstance(options, category.Options) and options.codes:
                yield source


def _numbers_beside_features(config: Config) -> Iterator[str]:
    label = config.label
    if label.task == "regression" or label.above is not None:
        yield from label.columns
    if config.example_weight:
        yield config.example_weight
