"""How far the data may be from earlier data: ``gates.data.drift`` of the config. No TensorFlow here."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from trainer.options import Strict

Action = Literal["warn", "block"]
# What an exception can name; ``skew`` stands for all comparisons with requests.
Check = Literal["numbers", "categories", "missing", "label", "duplicates", "rows", "skew"]


class Numbers(Strict):
    """The distribution of a column of numbers.

    Attributes:
        limit: largest Jensen-Shannon divergence, from 0 to 1 (logarithms to base 2).
        action: what a larger one does.
    """

    limit: float = Field(default=0.1, gt=0, le=1)
    action: Action = "block"


class Categories(Strict):
    """The distribution of a column of text.

    Attributes:
        limit: how far the share of any one value may change (the L-infinity distance), from 0 to 1.
        action: what a larger change does.
    """

    limit: float = Field(default=0.3, gt=0, le=1)
    action: Action = "block"


class Missing(Strict):
    """The share of rows in which a column has no value.

    Attributes:
        limit: how far it may change, from 0 to 1.
        action: what a larger change does.
    """

    limit: float = Field(default=0.1, gt=0, le=1)
    action: Action = "block"


class LabelRate(Strict):
    """The label.

    Attributes:
        limit: how far the share of any one class may change, from 0 to 1.
        mean: for ``regression``: how far the mean may move, in standard deviations of the earlier labels.
        action: what a larger change does.
    """

    limit: float = Field(default=0.1, gt=0, le=1)
    mean: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    action: Action = "block"


class Duplicates(Strict):
    """The share of rows that repeat another row of their split in every column.

    Attributes:
        limit: how far it may rise, from 0 to 1.
        action: what a larger rise does.
    """

    limit: float = Field(default=0.1, gt=0, le=1)
    action: Action = "warn"


class NumberOfRows(Strict):
    """The number of rows of a split.

    Attributes:
        factor: how many times more or fewer there may be.
        action: what a larger change does.
    """

    factor: float = Field(default=2.0, gt=1, allow_inf_nan=False)
    action: Action = "warn"


class Skew(Strict):
    """The comparison of the data with the newest requests, by the limits of ``numbers``, ``categories``, ``missing``.

    Attributes:
        most: int, rows of the newest requests that are compared.
        action: what a larger distance does.
    """

    most: int = Field(default=10_000, gt=0)
    action: Action = "warn"


class Accepted(Strict):
    """A change that is known and accepted for a time.

    Attributes:
        column: the column; ``dataset`` for ``duplicates`` and ``rows``.
        check: the key of the check below ``gates.data.drift``.
        reason: why, for those who read the notice.
        until: the last day on which it holds, such as 2026-12-31. The config is refused after it.
    """

    column: str
    check: Check
    reason: str = Field(min_length=1)
    until: date

    def holds(self, today: date) -> bool:
        """Whether it is still in force."""
        return today <= self.until


class Limits(Strict):
    """How far the data may be from those that the served model was trained on, or from the span before them.

    Attributes:
        min_rows: int, smaller splits are not compared, but for their number of rows.
        exceptions: changes that are accepted until a day.
    """

    min_rows: int = Field(default=100, gt=0)
    numbers: Numbers = Numbers()
    categories: Categories = Categories()
    missing: Missing = Missing()
    label: LabelRate = LabelRate()
    duplicates: Duplicates = Duplicates()
    rows: NumberOfRows = NumberOfRows()
    skew: Skew = Skew()
    exceptions: tuple[Accepted, ...] = ()
