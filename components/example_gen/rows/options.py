"""Which rows are kept and how they are split, as strict and frozen models: the YAML's, and what the executor gets.

No Arrow and no TensorFlow here: a mistake must be reported within a second.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from components.example_gen.rows import expression
from trainer.features.dates import formats
from trainer.options import Strict

TRAIN, EVAL = "train", "eval"


class _Splits(BaseModel):
    """How rows are split; every key that is no field names a split."""

    model_config = ConfigDict(extra="allow", frozen=True)
    # Whether `train` takes what the other splits leave.
    train_is_the_rest: ClassVar[bool] = False

    @property
    def given(self) -> Mapping[str, Any]:
        """What the config says about each split."""
        return self.model_extra or {}

    @property
    def names(self) -> tuple[str, ...]:
        """The splits in order."""
        rest = (TRAIN,) if self.train_is_the_rest and TRAIN not in self.given else ()
        return (*rest, *self.given)

    @model_validator(mode="after")
    def _are_named(self) -> _Splits:
        for name in self.given:
            if not name.replace("-", "_").isidentifier():
                raise ValueError(
                    f"{name!r} may contain only letters, digits, '-' and '_', and may not start with a digit"
                )
        if missing := {TRAIN, EVAL} - set(self.names):
            raise ValueError(f"{' and '.join(sorted(missing))} missing; the trainer and the Evaluator need them")
        return self


class ByRow(_Splits):
    """By the hash of the row.

    Attributes:
        by: the hash of the row decides.
        SPLIT: int, hash buckets of the split; ``{train: 2, eval: 1}`` is two thirds and one third.
    """

    __pydantic_extra__: dict[str, PositiveInt]  # pyright: ignore[reportIncompatibleVariableOverride]
    by: Literal["row"] = "row"


class ByColumn(_Splits):
    """By the hash of a column's value.

    Attributes:
        by: the hash of a column's value decides: rows with the same value are in the same split.
        column: a column of integers or texts, such as the customer.
        SPLIT: int, hash buckets of the split.
    """

    __pydantic_extra__: dict[str, PositiveInt]  # pyright: ignore[reportIncompatibleVariableOverride]
    by: Literal["column"]
    column: str


class ByTime(_Splits):
    """By a time.

    Attributes:
        by: the latest rows are held out; rows of the same time are in the same split.
        column: a column of ISO dates or timestamps, or of numbers that grow with time, such as epoch seconds.
        format: how the column writes dates otherwise, as in a feature of the kind ``date``.
        SPLIT: float, share of the latest rows; of several splits, the last is the latest. ``train`` is what they leave.
    """

    __pydantic_extra__: dict[str, Annotated[float, Field(gt=0, lt=1)]]  # pyright: ignore[reportIncompatibleVariableOverride]
    train_is_the_rest = True
    by: Literal["time"]
    column: str
    format: Annotated[str, AfterValidator(formats.check)] | None = None

    @model_validator(mode="after")
    def _leaves_rows(self) -> ByTime:
        if TRAIN in self.given:
            raise ValueError("train is what the other splits leave; drop the key")
        if sum(self.given.values()) >= 1:
            raise ValueError("the shares add up to 1 or more, which leaves no rows for train")
        return self


def _as_text(value: Any) -> Any:
    """YAML reads 2024-01-31 as a date."""
    return value.isoformat() if isinstance(value, datetime.date) else value


_Values = Annotated[tuple[Annotated[bool | int | float | str, BeforeValidator(_as_text)], ...], Field(min_length=1)]


class ByValue(_Splits):
    """By a column's value.

    Attributes:
        by: a column's value decides.
        column: the column.
        SPLIT: the values whose rows the split takes; without ``train``, it takes all other rows.
    """

    __pydantic_extra__: dict[str, _Values]  # pyright: ignore[reportIncompatibleVariableOverride]
    train_is_the_rest = True
    by: Literal["value"]
    column: str

    @model_validator(mode="after")
    def _are_disjoint(self) -> ByValue:
        found: dict[Any, str] = {}
        for name, values in self.given.items():
            for value in values:
                if found.setdefault(value, name) != name:
                    raise ValueError(f"{value!r} is in {found[value]} and in {name}")
        if len({isinstance(value, str) for value in found}) > 1:
            raise ValueError("there are texts and numbers; a column holds one of them")
        return self


class ByFiles(_Splits):
    """By files of their own.

    Attributes:
        by: each split has files of its own.
        SPLIT: str, a pattern below ``data.path``, in place of ``data.files``.
    """

    __pydantic_extra__: dict[str, Annotated[str, Field(min_length=1)]]  # pyright: ignore[reportIncompatibleVariableOverride]
    by: Literal["files"]


def _by_row(given: Any) -> Any:
    return {"by": "row", **given} if isinstance(given, Mapping) and "by" not in given else given


Splits = Annotated[ByRow | ByColumn | ByTime | ByValue | ByFiles, Field(discriminator="by"), BeforeValidator(_by_row)]


def check_where(text: str) -> str:
    """Check an expression.

    Raises:
        ValueError: names the place of the mistake.
    """
    expression.parse(text)
    return text


class Rows(Strict):
    """What the executor knows of the rows, beyond TFX's own properties.

    Attributes:
        where: the condition under which a row is kept.
        label: the columns without which a row has no label.
        missing: whether a row without a label is left out, or refuses the data.
        splits: how rows are split; None leaves it to TFX's own properties.
        window: how many of the newest spans are read.
        patterns: patterns of the files with their spans unresolved, one for each input split.
    """

    where: str | None = None
    label: tuple[str, ...] = ()
    missing: Literal["refuse", "drop"] = "refuse"
    splits: Splits | None = None
    window: PositiveInt = 1
    patterns: tuple[str, ...] = ()
