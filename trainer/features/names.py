"""The names of the transformed features and of their vocabularies, in which no column's name appears."""

from __future__ import annotations

NUMBERS = "numbers"
IDS = "ids"
BAG = "bag_"
BINS = "bins_"
# Separates the number of a column from the word in the vocabulary of `IDS`.
MARK = "\x1f"


def bag_name(kind: str, index: int) -> str:
    """The transformed name of the ``index``-th feature of a kind with several values a row."""
    return f"{BAG}{kind}_{index}"


def image_name(index: int) -> str:
    """The transformed name of the ``index``-th picture."""
    return f"image_{index}"


def bins_name(bins: int) -> str:
    """The transformed name of the numbers that are cut into ``bins`` quantile bins."""
    return f"{BINS}{bins}"


def bins_of(name: str) -> int | None:
    """The inverse of `bins_name`; None for any other name."""
    count = name.removeprefix(BINS)
    return int(count) if name.startswith(BINS) and count.isdecimal() else None


def vocabulary_name(feature: str, index: int = 0) -> str:
    """The name of a learnt vocabulary of a transformed feature."""
    return f"words_{feature}_{index}"
