"""How many rows were read, were left out and why, and are in each split: ``rows.json`` of an Examples artifact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from trainer.options import Strict

FILE = "rows.json"

# What happened to rows, with the file or the split that it concerns, to the number of rows; sums of it can be added.
Tally = Counter[tuple[str, str]]
READ, WHERE, NO_LABEL, SPLIT = "read", "where", "no label", "split"


class RowCounts(Strict):
    """The rows of one ingest.

    Attributes:
        read: int, rows in the files.
        where: int, rows that ``data.where`` left out.
        missing_label: int, further rows that have no label and were left out.
        splits: int by split, rows that were written.
        distinct: int by split, how many of them differ from each other; estimated if they are many.
    """

    read: int
    where: int
    missing_label: int
    splits: Mapping[str, int]
    distinct: Mapping[str, int] = {}

    @classmethod
    def of(cls, tally: Tally, distinct: Mapping[str, int]) -> RowCounts:
        """The sums of a tally, and the different rows of each split; a split without rows has 0."""
        return cls(
            read=sum(of_each(tally, READ).values()),
            where=sum(of_each(tally, WHERE).values()),
            missing_label=sum(of_each(tally, NO_LABEL).values()),
            splits={split: tally[SPLIT, split] for split in distinct},
            distinct=distinct,
        )

    @classmethod
    def load(cls, examples_uri: str) -> RowCounts | None:
        """The counts in an Examples artifact's folder; None if another ExampleGen than ours wrote it."""
        path = Path(examples_uri) / FILE
        return cls.model_validate_json(path.read_text()) if path.exists() else None

    def left_out(self) -> str:
        """In words, such as ``1,203 of 15,002 rows by data.where``; empty if none was left out."""
        reasons = ((self.where, "by data.where"), (self.missing_label, "without a label"))
        texts = [f"{count:,} of {self.read:,} rows {reason}" for count, reason in reasons if count]
        return ", ".join(texts)


def of_each(tally: Tally, what: str) -> dict[str, int]:
    """What a tally says about one thing, by file or by split."""
    return {name: count for (found, name), count in tally.items() if found == what and count}
