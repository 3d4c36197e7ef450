"""``text``: free text as a bag of hashed words and word n-grams, whose embeddings the network averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt

from trainer.features.kind import Column, Kind, Size

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Options(Kind):
    """Free text, in any script that separates words; case and punctuation do not matter.

    Attributes:
        hash: int, ids that all n-grams share by hash.
        ngrams: int, the longest sequence of words that has an id of its own.
        max_words: int, words that are read; the rest of a longer text is left out.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES",)

    kind: Literal["text"] = "text"
    hash: Size = 5000
    ngrams: int = Field(default=2, ge=1, le=5)
    max_words: PositiveInt = 64


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """A bag of ids per column."""
    from trainer.features import bags

    for index, column in enumerate(columns):
        options = column.options
        text = raw.words([column.name])[:, 0]
        ids = bags.ngram_ids(text, ngrams=options.ngrams, buckets=options.hash, max_words=options.max_words)
        outputs.bag(options.kind, index, ids, size=options.hash + 1)
