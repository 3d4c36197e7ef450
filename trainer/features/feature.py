"""A transformed feature: what a kind's module says of it, and what is common to all kinds. No TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

# Id 0 of every categorical feature stands for a missing value; a vocabulary's words follow.
MISSING_ID = 0
FIRST_WORD_ID = 1
_MOST_IDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A transformed feature, as a network reads it.

    Attributes:
        name: the transformed name.
        shape: shape of one row; ``(1,)`` for a number or an id, ``(height, width, channels)`` for a picture.
        ids: int, how many ids there are, missing and unseen included: the feature is int64. None: it is float32.
        vocabulary: the name of the vocabulary whose words the ids from `FIRST_WORD_ID` on stand for; None without one.
    """

    name: str
    shape: tuple[int, ...] = (1,)
    ids: int | None = None
    vocabulary: str | None = None


def _check_size(size: int) -> int:
    if not 2 <= size <= _MOST_IDS:
        raise ValueError(f"must lie between 2 and {_MOST_IDS:,}, got {size}")
    return size


# How many ids a feature has whose ids are not learnt.
Size = Annotated[int, AfterValidator(_check_size)]
