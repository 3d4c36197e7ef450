"""The label as the config describes it. No TensorFlow here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from trainer.options import Strict

Task = Literal["binary", "multiclass", "regression"]

# What text means 1 and 0 in a binary label that names no classes, in any case and without blanks around it.
TRUE_WORDS = ("1", "true", "yes", "y", "t", "on")
FALSE_WORDS = ("0", "false", "no", "n", "f", "off")
# Stands for a number with a fraction, which names no class.
FRACTION = "?"

_Value = str | int


class Above(Strict):
    """The right side of a comparison: ``label = column > times * other column``.

    Attributes:
        column: the other column.
        times: the factor.
    """

    column: str
    times: float = Field(gt=0, allow_inf_nan=False)


class Label(Strict):
    """What the model learns to predict.

    Attributes:
        column: the column that holds the label, or its left side when ``above`` is given.
        task: ``binary`` (one of two values, or a comparison), ``multiclass`` (one of ``classes``) or ``regression`` (a
            number).
        above: for ``binary``: the right side of a comparison, another column or a number; None means that ``column``
            itself is the label.
        positive: for ``binary``: the text or integer that means 1; every other value means 0. None reads 0 and 1,
            booleans, and words such as yes and no.
        classes: for ``multiclass``: the number of classes if the column holds integers from 0 on, or else their names,
            texts or integers, as the column holds them. For ``binary``: both values, the one that means 0 first; with
            ``above`` the names of the outcomes.
        log: for ``regression``: whether the model learns the logarithm of 1 + the label, which fits amounts and counts
            whose errors grow with them; no label may be negative.
        threshold: for ``binary``: the probability from which on a row is called positive, in (0, 1), or which measure
            it makes best on held-back rows of train. The export then says which class it is. None decides at one half
            and exports the probability alone.
        missing: whether rows without a label are left out (``drop``), or one of them stops the run (``refuse``).
    """

    column: str
    task: Task = "binary"
    above: Above | Annotated[float, Field(allow_inf_nan=False)] | None = None
    positive: _Value | None = None
    classes: Annotated[int, Field(gt=1)] | tuple[_Value, ...] | None = None
    log: bool = False
    threshold: (
        Annotated[float, Field(gt=0, lt=1)] | Literal["best_f1", "best_accuracy", "best_balanced_accuracy"] | None
    ) = None
    missing: Literal["refuse", "drop"] = "refuse"

    @field_validator("above", "positive", "classes", "threshold", mode="before")
    @classmethod
    def _not_read_as_booleans(cls, given: Any) -> Any:
        several = given if isinstance(given, list | tuple) else [given]
        if any(isinstance(value, bool) for value in several):
            raise ValueError("YAML reads yes, no, true and false as booleans; put the text in quotes")
        return given

    @model_validator(mode="after")
    def _fits_the_task(self) -> Label:
        if self.above is not None and self.task != "binary":
            raise ValueError(f"above: a comparison makes a binary label; the task is {self.task}")
        for key, task in (("positive", "binary"), ("threshold", "binary"), ("log", "regression")):
            if getattr(self, key) not in (None, False) and self.task != task:
                raise ValueError(f"{key}: is for a {task} label; the task is {self.task}")
        if self.positive is not None and (self.above is not None or self.classes is not None):
            raise ValueError(f"positive: drop it, {'above' if self.above is not None else 'classes'} says it already")
        self._check_classes()
        return self

    def _check_classes(self) -> None:
        if self.task == "multiclass" and self.classes is None:
            raise ValueError("classes: a multiclass label needs classes (their number or their names)")
        if self.task == "regression" and self.classes is not None:
            raise ValueError("classes: a regression label has no classes (their number or their names)")
        if self.task == "binary" and self.classes is not None and (self.values is None or len(self.values) != 2):
            raise ValueError("classes: a binary label has two; name the one that means 0 first")
        if self.values is not None and (len(self.values) < 2 or len(set(self.values)) < len(self.values)):
            raise ValueError("classes: name at least two, each once")

    @property
    def values(self) -> tuple[str, ...] | None:
        """The named classes as text, in the order of their ids; None where the label has no names."""
        return tuple(map(str, self.classes)) if isinstance(self.classes, tuple) else None

    def class_values(self) -> tuple[str, ...]:
        """The values that the config names, as text."""
        return self.values or (() if self.positive is None else (str(self.positive),))

    def needs_text(self) -> bool:
        """Whether none of the named classes is a whole number, so that the column must hold text."""
        return self.values is not None and self.above is None and not any(map(_is_whole, self.values))

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that make the label."""
        return (self.column, self.above.column) if isinstance(self.above, Above) else (self.column,)

    @property
    def unknown(self) -> float:
        """What stands for a label that is missing or has no meaning: -1 for a class id, else NaN."""
        return -1.0 if self.task == "multiclass" else math.nan

    def class_names(self) -> tuple[str, ...]:
        """The names of the classes in the order of their ids; without names of a binary label, ``"0"`` and ``"1"``."""
        if self.values is not None:
            return self.values
        if self.positive is not None:
            return f"not {self.positive}", str(self.positive)
        return tuple(map(str, range(self.classes if isinstance(self.classes, int) else 2)))

    def of(self, row: Mapping[str, Any]) -> float:
        """The label of one raw row as the model sees it, `unknown` where it is missing or has no meaning."""
        value = _present(row.get(self.column))
        if value is None:
            return self.unknown
        if self.above is not None:
            right = _present(row.get(self.above.column)) if isinstance(self.above, Above) else 1.0
            times = self.above.times if isinstance(self.above, Above) else self.above
            return self.unknown if right is None else float(float(value) > times * float(right))
        if self.task == "regression":
            return float(value)
        if self.values is not None:
            return float(self.values.index(as_text(value))) if as_text(value) in self.values else self.unknown
        if self.task == "multiclass":
            return float(value) if float(value) in range(len(self.class_names())) else self.unknown
        if self.positive is not None:
            return float(as_text(value) == str(self.positive))
        word = as_text(value).strip().lower()
        return 1.0 if word in TRUE_WORDS else 0.0 if word in FALSE_WORDS else self.unknown


def as_text(value: Any) -> str:
    """A raw value as the config names it: whole numbers without a fraction, any other number as `FRACTION`."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else FRACTION
    return str(int(value)) if isinstance(value, int) else str(value)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _present(value: Any) -> Any:
    """A raw value; None for what counts as missing, which are an empty text and NaN, too."""
    return None if value in ("", b"") or value != value else value
