"""What the ids of the transformed features stand for: fixed ids by column, then the words of learnt vocabularies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from trainer.features.kind import WORDS, IdColumn
from trainer.features.names import IDS, MARK, bag_name, vocabulary_name

if TYPE_CHECKING:
    import tensorflow_transform as tft

    from trainer.features.columns import Features

# Column, form, and which of the column's ids or which word.
Meaning = tuple[str, str, str]


def id_columns(features: Features) -> list[IdColumn]:
    """The columns of `IDS`, in their order."""
    return [column for kind, columns in features.by_kind() if hasattr(kind, "ids") for column in kind.ids(columns)]


def meanings(features: Features, output: tft.TFTransformOutput) -> dict[str, list[Meaning]]:
    """What each id means, by transformed feature; features of which nothing is known are left out.

    Args:
        features: the configured features.
        output: Transform's output.
    """
    found = {}
    columns = id_columns(features)
    learnt = [column.name for column in columns if column.form == WORDS]
    fixed = [(column.name, column.form, str(index)) for column in columns for index in range(column.size)]
    words = [word.partition(MARK) for word in _words(IDS, output)]
    if columns:
        # An empty vocabulary holds a word of Transform's own, without a mark.
        found[IDS] = fixed + [(learnt[int(number)] if mark else "", WORDS, f"={word}") for number, mark, word in words]
    for index, column in enumerate(column for column in features.columns() if column.options.kind == "list"):
        name = bag_name("list", index)
        values = [(column.name, WORDS, f"={word}") for word in _words(name, output)]
        found[name] = [(column.name, WORDS, str(place)) for place in range(2)] + values
    return {name: rows for name, rows in found.items() if len(rows) == size_of(name, output)}


def unlearnt_columns(features: Features, rows: Mapping[str, Sequence[Meaning]]) -> list[str]:
    """The columns with a vocabulary in which no word is, since no value is frequent enough.

    Args:
        features: the configured features.
        rows: from `meanings`.
    """
    if IDS not in rows:
        return []
    words = {column for column, form, what in rows[IDS] if form == WORDS and what.startswith("=")}
    return [column.name for column in id_columns(features) if column.form == WORDS and column.name not in words]


def untrained(features: Features) -> tuple[int, ...]:
    """The ids of `IDS` that stand for missing and unseen values, of which the training data may have none."""
    found, start = [], 0
    for column in id_columns(features):
        found += [start + place for place in range(column.unlearnt)]
        start += column.size
    return tuple(found)


def size_of(feature: str, output: tft.TFTransformOutput) -> int:
    """The number of ids of a transformed feature; 1 if nothing is known."""
    ranges = {each.name: each.int_domain.max for each in output.transformed_metadata.schema.feature}
    return ranges.get(feature, 0) + 1


def _words(feature: str, output: tft.TFTransformOutput) -> Iterator[str]:
    """The learnt words in the order of their ids."""
    index = 0
    while output.vocabulary_file_by_name(vocabulary_name(feature, index)) is not None:
        for word in output.vocabulary_by_name(vocabulary_name(feature, index)):
            yield word.decode(errors="replace")
        index += 1
