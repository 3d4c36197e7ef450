"""The label's task and options, from the values of its column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from components.gates.data.label_scale import out_of_scale
from components.messages import shown
from pipeline.config.loading import ConfigError
from pipeline.init.judging.treatment import distinct, is_number
from pipeline.init.reading.profile import MOST_CHARACTERS, ColumnProfile
from trainer.labels.config import FALSE_WORDS, TRUE_WORDS, Label, Task

# With fewer labels nothing can be learnt and held back.
FEWEST_ROWS = 20
# Whole numbers with more values are amounts or counts, which a regression predicts.
_MOST_NUMBER_CLASSES = 10
_MOST_CLASSES = 100
_ROWS_PER_CLASS = 5
# Share of the labels that are a fault among numbers, and no class.
_FEW_OTHERS = 0.05
# Above it, a few large labels decide the squared error.
_SKEWED = 3.0


def label_of(column: ColumnProfile, values: pa.Array, task: Task | None) -> tuple[Label, str]:
    """The label and a remark on what was decided.

    Args:
        column: what is known of it.
        values: the sample's values.
        task: what the user says it is; None decides by the values.

    Raises:
        ConfigError: no model can learn it.
    """
    _refuse_hopeless(column)
    given: dict[str, Any] = {"column": column.name, "task": task or _task(column)}
    remarks = _alike(column)
    if given["task"] == "regression":
        if column.is_number and (scale := out_of_scale(column.least, column.most)):
            raise ConfigError(f"--label: {shown(column.name)} {scale}.")
        if column.type == "BYTES":
            raise ConfigError(
                f"--label: {column.name!r} is text, such as {shown(column.counts[0][0])}, which is no "
                "number to predict; drop --task."
            )
        if _is_skewed(column, values):
            given["log"] = True
            remarks.append("a few labels are far larger than the others, so logarithms are learnt")
        elif not task and column.whole and column.distinct <= 2 * _MOST_NUMBER_CLASSES:
            remarks.append("for classes, task: multiclass with their names under classes")
    elif given["task"] == "binary":
        remarks += _name_two(column, given)
    else:
        remarks += _name_many(column, given, chosen=task is not None)
    if column.missing:
        given["missing"] = "drop"
        remarks.append(f"rows without a label ({column.missing:,}) are left out")
    return Label.model_validate(given), "; ".join(remarks)


def _refuse_hopeless(column: ColumnProfile) -> None:
    problem = None
    if column.is_list:
        problem = f"holds up to {column.lengths[1]} values in a row; a label is one"
    elif column.present < FEWEST_ROWS:
        problem = f"has {column.present} labels in {column.rows:,} rows; at least {FEWEST_ROWS} are needed"
    elif column.distinct == 1:
        problem = f"is {shown(column.counts[0][0])} in every row, so there is nothing to learn"
    elif not column.is_utf8:
        problem = "holds bytes that are no text"
    elif column.coarse:
        problem = column.coarse
    elif long := next((value for value, _ in column.counts if _is_long(value)), None):
        problem = f"holds texts of {MOST_CHARACTERS} characters or more, such as {shown(long)}; write shorter names"
    elif odd := _no_number(column):
        rows = f"{odd[1]:,} of {column.rows:,} rows"
        problem = f"holds numbers, but {shown(odd[0])} in {rows}; correct the value, or leave it empty"
    if problem:
        raise ConfigError(f"--label: {shown(column.name)} {problem}.")


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= MOST_CHARACTERS


def _no_number(column: ColumnProfile) -> tuple[Any, int] | None:
    """The most frequent text among labels nearly all of which are numbers, and how often it stands there."""
    if column.type != "BYTES" or column.many:
        return None
    others = [(value, count) for value, count in column.counts if not is_number(value)]
    few = sum(count for _, count in others) <= _FEW_OTHERS * column.present
    return others[0] if others and few else None


def _alike(column: ColumnProfile) -> list[str]:
    """What to say of classes whose names differ only in case or blanks."""
    if column.type != "BYTES" or column.many or _is_word(column):
        return []
    first: dict[str, str] = {}
    for value, _ in column.counts:
        before = first.setdefault(" ".join(str(value).casefold().split()), value)
        if before != value:
            return [
                f"{shown(before, limit=20)} and {shown(value, limit=20)} are two classes: correct them if they are one"
            ]
    return []


def _is_word(column: ColumnProfile) -> bool:
    """Whether the labels are one word such as yes and one such as no, in any case and with blanks around them."""
    words = {str(value).strip().lower() for value, _ in column.counts if not isinstance(value, float)}
    return len(words) == 2 and bool(words & set(TRUE_WORDS)) and bool(words & set(FALSE_WORDS))


def _task(column: ColumnProfile) -> Task:
    if column.distinct == 2 or (column.type == "BYTES" and _is_word(column)):
        return "binary"
    if column.type == "BYTES":
        return "multiclass"
    few = column.whole and column.distinct <= _MOST_NUMBER_CLASSES
    return "multiclass" if few and column.repeats >= _ROWS_PER_CLASS else "regression"


def _name_two(column: ColumnProfile, given: dict[str, Any]) -> list[str]:
    values = [_plain(value) for value, _ in column.counts]
    if column.type == "BYTES" and _is_word(column):
        return []
    if len(values) != 2:
        raise ConfigError(f"--label: {column.name!r} has {column.distinct:,} different values; a binary label has two.")
    if all(isinstance(value, int) for value in values):
        if set(values) != {0, 1}:
            given["classes"] = sorted(values)
        return []
    # The most frequent is first: what is rarer is what one looks for.
    given["classes"] = values
    return [f"the probability is that of {shown(values[1])}, the rarer one"]


def _name_many(column: ColumnProfile, given: dict[str, Any], *, chosen: bool) -> list[str]:
    values = sorted(_plain(value) for value, _ in column.counts)
    if column.many or column.distinct > _MOST_CLASSES or column.repeats < _ROWS_PER_CLASS or not column.whole:
        raise ConfigError(
            f"--label: {column.name!r} has {distinct(column)} different values in "
            f"{column.present:,} rows, such as {shown(column.counts[0][0])}: too many for classes, which are at most "
            f"{_MOST_CLASSES} of {_ROWS_PER_CLASS} rows; "
            + ("merge rare ones, or write amounts as plain numbers." if column.type == "BYTES" else "merge rare ones.")
        )
    numbers = values == list(range(len(values)))
    given["classes"] = len(values) if numbers else values
    rare = [value for value, count in column.counts if count < _ROWS_PER_CLASS]
    remarks = [f"{len(rare)} classes have fewer than {_ROWS_PER_CLASS} rows, such as {shown(rare[0])}"] if rare else []
    if column.type != "BYTES" and not chosen:
        remarks.append("for an amount or a count, task: regression without classes")
    return remarks


def _plain(value: Any) -> Any:
    """Whole floats as the integers that they stand for."""
    return int(value) if isinstance(value, float) else value


def _is_skewed(column: ColumnProfile, values: pa.Array) -> bool:
    if not column.least >= 0:
        return False
    numbers = values.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
    logs = np.log1p(numbers)
    return _skewness(numbers) > _SKEWED and abs(_skewness(logs)) < 1


def _skewness(numbers: np.ndarray) -> float:
    deviations = numbers - numbers.mean()
    spread = deviations.std()
    return float((deviations**3).mean() / spread**3) if spread else 0.0
