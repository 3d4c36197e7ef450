"""``list``: several values a row, each looked up in a learnt vocabulary; the network averages their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from trainer.features.faults import RowTest, Seen
from trainer.features.kind import Column, Kind

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Options(Kind):
    """Several values: a list of a Parquet file, or one cell that holds them.

    Attributes:
        separator: what separates the values of a cell, such as ``;``; None for a list of the file's own.
        json_list: whether a cell is a JSON list, such as ``["a", "b"]``.
        top_k: int, the most frequent values that have ids of their own; the others share one.
        max_values: int, values of a row that are read; the others are left out.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT")

    kind: Literal["list"] = "list"
    separator: str | None = Field(default=None, min_length=1)
    json_list: bool = False
    top_k: PositiveInt = 1000
    max_values: PositiveInt = 32

    @property
    def multivalent(self) -> bool:
        """Whether the values are not in one cell."""
        return self.separator is None and not self.json_list

    def values_per_row(self, *, text: bool) -> int | None:
        """No limit, unless one cell holds them."""
        del text
        return None if self.multivalent else 1

    def row_test(self, seen: Seen) -> RowTest | None:
        """A cell may be no JSON list."""
        if not self.json_list or seen.kind != "BYTES":
            return None
        return RowTest("LIST_UNREADABLE", 'do not hold a JSON list, such as ["a", "b"]; or give separator', _no_json)

    @model_validator(mode="after")
    def _one_form(self) -> Options:
        if self.separator is not None and self.json_list:
            raise ValueError("give separator or json_list, not both")
        return self


def _no_json(values: Any) -> Any:
    """Which cells are no list; an empty one is a missing list."""
    import tensorflow as tf

    return ~tf.strings.regex_full_match(values, r"\s*(\[(?s:.*)\])?\s*")


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """A bag of ids per column."""
    from trainer.features import bags

    for index, column in enumerate(columns):
        options = column.options
        values = raw.values(column.name)
        if options.json_list:
            values = bags.json_values(values)
        elif options.separator is not None:
            values = bags.separated_values(values, options.separator)
        outputs.learnt_bag(options.kind, index, values, top_k=options.top_k, length=options.max_values)
