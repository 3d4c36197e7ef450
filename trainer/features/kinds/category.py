"""``category``: an id per value, by vocabulary, hash or code; missing and unseen values have ids of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from trainer.features.faults import Fault, RowTest, Seen
from trainer.features.kind import CODES, HASH, WORDS, Column, IdColumn, Kind, Size, Vocabulary

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Options(Kind):
    """Text, integers or booleans, one of which a row holds.

    Attributes:
        top_k: int, the most frequent values that have ids of their own.
        min_count: int, rarer values share the id of unseen ones, so that it is trained.
        codes: int, the values are the integers from 0 to ``codes - 1``; no vocabulary is learnt.
        hash: int, ids that all values share by hash, for very many values; no vocabulary is learnt.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT")

    kind: Literal["category"] = "category"
    top_k: int = Field(default=1000, gt=0)
    min_count: int = Field(default=2, gt=0)
    codes: Size | None = None
    hash: Size | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Options:
        if self.codes is not None and self.hash is not None:
            raise ValueError("give codes or hash, not both")
        return self

    def faults(self, seen: Seen) -> Iterator[Fault]:
        """Codes are numbers, and some of them are in their range."""
        found = list(super().faults(seen))
        yield from found
        if self.codes is None or found:
            return
        if seen.span is None:
            yield Fault(
                "KIND_TYPE", f"holds text, such as {seen.sample}, but codes are integers; drop codes: {self.codes}"
            )
        elif seen.span[1] < 0 or seen.span[0] >= self.codes:
            yield Fault(
                "CODE_OUT_OF_RANGE",
                f"ranges from {seen.span[0]:.0f} to {seen.span[1]:.0f}, but codes: {self.codes} means 0 to "
                f"{self.codes - 1}",
            )

    def row_test(self, seen: Seen) -> RowTest | None:
        """Codes out of range share an id of their own, so that they are only counted."""
        size = self.codes
        if size is None or seen.span is None or 0 <= seen.span[0] <= seen.span[1] < size:
            return None
        return RowTest(
            "CODE_OUT_OF_RANGE",
            f"have a code that is not in 0 to {size - 1}, so that they share the id of unseen values",
            fails=lambda values: (values < 0) | (values >= size),
            refuses=False,
        )


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """Stack the columns by form, so that each form is analysed once."""
    found = ids(columns)
    codes = [column for column in found if column.form == CODES]
    if codes:
        outputs.codes(raw.floats([column.name for column in codes]), codes)
    hashed = [column for column in found if column.form == HASH]
    if hashed:
        outputs.hashed(raw.words([column.name for column in hashed]), hashed)
    learnt = _learnt(columns)
    if learnt:
        words = [column for column in found if column.form == WORDS]
        outputs.words(raw.words([column.name for column in words]), words, [_vocabulary(column) for column in learnt])


def ids(columns: Sequence[Column[Options]]) -> list[IdColumn]:
    """Codes, then hashes, then words, those with vocabularies of the same kind side by side."""
    return [
        *(IdColumn(name, CODES, options.codes + 2) for name, options in columns if options.codes),
        *(IdColumn(name, HASH, options.hash + 1) for name, options in columns if options.hash),
        *(IdColumn(column.name, WORDS, 2) for column in _learnt(columns)),
    ]


def _learnt(columns: Sequence[Column[Options]]) -> list[Column[Options]]:
    return sorted((each for each in columns if not (each.options.codes or each.options.hash)), key=_vocabulary)


def _vocabulary(column: Column[Options]) -> Vocabulary:
    return Vocabulary(column.options.top_k, column.options.min_count)
