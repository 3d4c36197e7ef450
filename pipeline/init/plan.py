"""Everything that is decided about a table, from its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from components.messages import did_you_mean, known_names, shown
from components.reference.encoder import labels_of
from components.reference.one_column import Telling
from components.refusal import GateRefused
from pipeline.checks.columns import check_no_name_is_taken
from pipeline.config.loading import ConfigError
from pipeline.init.judging import kinds, leaks
from pipeline.init.judging.baseline import Baseline, baseline_of
from pipeline.init.judging.label import FEWEST_ROWS, label_of
from pipeline.init.judging.treatment import Treatment
from pipeline.init.reading.profile import ColumnProfile, Table, profiled
from pipeline.init.reading.source import Source
from trainer.labels.config import Label, Task

_WEIGHT_NAME = re.compile(r"w|wt|wgt|(sample|example|case|survey)?[_ ]?weights?|fnlwgt", re.IGNORECASE)
_GROUP_ROWS = 1.5


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What becomes of the columns.

    Attributes:
        table: what is known of the columns.
        label: the label.
        remark: what was decided about it.
        treatments: what becomes of each column, the label's included.
        rows: the sample's rows that have a label.
        labels: the labels of these rows.
    """

    table: Table
    label: Label
    remark: str
    treatments: Mapping[str, Treatment]
    rows: Mapping[str, pa.Array]
    labels: np.ndarray

    @property
    def features(self) -> dict[str, Treatment]:
        """What becomes of the columns other than the label."""
        return {name: each for name, each in self.treatments.items() if name != self.label.column}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What ``init`` writes.

    Attributes:
        name: the pipeline's.
        source: the data.
        decisions: what becomes of the columns.
        suggestions: by key of the config, columns that a person may want there.
        baseline: what boosted trees reach.
    """

    name: str
    source: Source
    decisions: Decisions
    suggestions: Mapping[str, tuple[str, ...]]
    baseline: Baseline


def decisions_of(
    source: Source, *, label: str | Label, task: Task | None, progress: Callable[[str], None]
) -> Decisions:
    """Read all rows and decide about the columns.

    Args:
        source: the data.
        label: the label's column, or all that is known of the label.
        task: the label's task; None decides by the values.
        progress: called with a few words before each step.

    Raises:
        ConfigError: nothing can be learnt from the data; one line.
    """
    progress("reading the rows")
    if source.names:
        _check_label(label, source.names, source)
    try:
        table = profiled(source.batches())
    except GateRefused as error:
        raise ConfigError(f"--data: {error.reason}") from None
    check_no_name_is_taken(table.columns)
    if not table.rows:
        raise ConfigError(f"--data: there are no rows in {source.section.get('path', source.stem)}.")
    _check_label(label, table.columns, source)
    if isinstance(label, Label):
        found, remark = label, ""
    else:
        found, remark = label_of(table.columns[label], table.sample.column(label).combine_chunks(), task)
    treatments = dict(_treatments(table, found))
    progress("looking for columns that give the label away")
    rows, labels = _labelled(table.sample, found)
    for suspect in leaks.suspects(treatments, rows, labels, found):
        treatments[suspect.column] = _judged(treatments[suspect.column], suspect)
    if not any(each.entry for each in treatments.values()):
        reasons = "; ".join(f"{column!r}: {each.reason}" for column, each in list(treatments.items())[:3])
        raise ConfigError(f"--data: no column is left to learn from ({reasons or 'there is only the label'}).")
    treatments[found.column] = Treatment(schema_type=_label_type(table.columns[found.column], found))
    return Decisions(table=table, label=found, remark=remark, treatments=treatments, rows=rows, labels=labels)


def plan_of(source: Source, *, name: str, label: str, task: Task | None, progress: Callable[[str], None]) -> Plan:
    """Decide about the columns, and find limits and slices.

    Args:
        source: the data.
        name: the pipeline's name.
        label: the label's column.
        task: the label's task; None decides by the values.
        progress: called with a few words before each step.

    Raises:
        ConfigError: nothing can be learnt from the data; one line.
    """
    decisions = decisions_of(source, label=label, task=task, progress=progress)
    progress("training boosted trees, for limits")
    return Plan(
        name=name,
        source=source,
        decisions=decisions,
        suggestions=_suggestions(decisions, source),
        baseline=baseline_of(
            decisions.table.columns, decisions.features, decisions.rows, decisions.labels, decisions.label
        ),
    )


def _check_label(label: str | Label, names: Collection[str], source: Source) -> None:
    hint = " A CSV file needs a line with its columns' names." if source.section.get("format") == "csv" else ""
    for name in label.columns if isinstance(label, Label) else (label,):
        if name not in names:
            there = f"{did_you_mean(names, like=name)}there are {known_names(names, like=name)}"
            raise ConfigError(f"--label: there is no column {shown(name)}; {there}.{hint}")


def _treatments(table: Table, label: Label) -> Iterator[tuple[str, Treatment]]:
    repeated = leaks.duplicates(table.columns, table.sample)
    for name, column in table.columns.items():
        if name == label.column:
            continue
        found = kinds.treatment_of(column, table.sample.column(name).combine_chunks())
        if repeated.get(name) == label.column:
            found = replace(found, entry=None, reason="the label again, in every row")
        elif name in repeated and found.entry:
            found = replace(found, entry=None, reason=f"the same as {shown(repeated[name], limit=30)} in every row")
        if _WEIGHT_NAME.fullmatch(name) and found.entry and column.is_number:
            negative = "; but weights must not be negative" if column.least < 0 else ""
            found = replace(found, warning=f"may be the weight of each row, which is no feature{negative}")
        yield name, found


def _labelled(sample: pa.Table, label: Label) -> tuple[dict[str, pa.Array], np.ndarray]:
    """The sample's rows that have a label, and their labels."""
    columns = {name: sample.column(name).combine_chunks() for name in sample.schema.names}
    labels = labels_of(label, columns)
    known = ~np.isnan(labels)
    if known.sum() < FEWEST_ROWS:
        raise ConfigError(f"--label: {label.column!r} has {known.sum()} usable labels in {len(labels):,} rows.")
    return {name: values.filter(pa.array(known)) for name, values in columns.items()}, labels[known]


def _judged(before: Treatment, found: Telling) -> Treatment:
    if found.is_leak:
        reason = f"gives the label away: alone it reaches {found.score} on held-back rows"
        return replace(before, entry=None, reason=reason)
    return replace(before, warning=f"alone it reaches {found.score}: is it known when the model is asked?")


def _suggestions(decisions: Decisions, source: Source) -> dict[str, tuple[str, ...]]:
    columns, features = decisions.table.columns, decisions.features
    found = {
        "example_weight": tuple(
            name
            for name, treatment in features.items()
            if _WEIGHT_NAME.fullmatch(name) and treatment.entry and columns[name].least >= 0
        ),
        "column": tuple(
            name
            for name, treatment in features.items()
            if treatment.reason.startswith("an identifier") and columns[name].repeats >= _GROUP_ROWS
        ),
        "time": tuple(
            name
            for name, treatment in features.items()
            if list(treatment.kinds) == ["date"] and columns[name].distinct >= FEWEST_ROWS
        ),
    }
    return {
        key: () if key != "example_weight" and "splits" in source.section else names for key, names in found.items()
    }


def _label_type(column: ColumnProfile, label: Label) -> str:
    """A class that pandas wrote as 1.0 is the integer 1."""
    return "INT" if column.type == "FLOAT" and label.task != "regression" else column.type
