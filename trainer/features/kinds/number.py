"""``number``: standardised and softly clipped, or cut at quantiles; a missing one becomes the mean, with a flag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from trainer.features.kind import BUCKETS, Column, IdColumn, Kind, Size

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Options(Kind):
    """A number.

    Attributes:
        buckets: int, cuts at quantiles into this many buckets with an id each; a missing value has an id of its own.
            None: the number itself.
        bins: int, quantile bins of a piecewise-linear encoding (Gorishniy et al. 2022, arXiv:2203.05556) beside the
            number itself; None for none.
    """

    SCHEMA_TYPES: ClassVar = ("INT", "FLOAT")

    kind: Literal["number"] = "number"
    buckets: Size | None = None
    bins: int | None = Field(default=None, ge=3, le=256)

    @model_validator(mode="after")
    def _one_form(self) -> Options:
        if self.buckets is not None and self.bins is not None:
            raise ValueError("give buckets or bins, or the column twice: [{kind: number, buckets: 10}, number]")
        return self


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """Stack the columns by form, so that each form is analysed once."""
    plain = [column.name for column in columns if not (column.options.buckets or column.options.bins)]
    if plain:
        outputs.numbers(raw.floats(plain))
    for bins in sorted({column.options.bins or 0 for column in columns} - {0}):
        outputs.piecewise(raw.floats([column.name for column in columns if column.options.bins == bins]), bins)
    cut = ids(columns)
    if cut:
        outputs.buckets(raw.floats([column.name for column in cut]), cut)


def ids(columns: Sequence[Column[Options]]) -> list[IdColumn]:
    """An id per bucket, those of equally many buckets side by side."""
    cut = sorted(
        (column.options.buckets, index, column) for index, column in enumerate(columns) if column.options.buckets
    )
    return [IdColumn(column.name, BUCKETS, buckets + 1) for buckets, _, column in cut]
