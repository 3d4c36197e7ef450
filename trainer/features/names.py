"""The names of the transformed features and of their vocabularies, in which no column's name appears."""

from __future__ import annotations

NUMBERS = "numbers"
IDS = "ids"
BAG = "bag_"
# Separates the number of a column from the word in the vocabulary of `IDS`.
MARK = "\x1f"


def bag_name(kind: str, index: int) -> str:
    """The transformed name of the ``index``-th feature of a kind with several values a row."""
    return f"{BAG}{kind}_{index}"


def vocabulary_name(feature: str, index: int = 0) -> str:
    """The name of a learnt vocabulary of a transformed feature."""
    return f"words_{feature}_{index}"
