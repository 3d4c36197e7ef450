"""Which rows are kept, and which split each of them goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from components.example_gen.rows import expression
from components.example_gen.rows.columns import Columns
from components.example_gen.rows.counts import NO_LABEL, READ, SPLIT, WHERE, RowCounts, Tally
from components.example_gen.rows.expression import Condition
from components.example_gen.rows.options import Rows
from components.example_gen.rows.splits import Splits
from components.example_gen.rows.where import kept
from components.refusal import GateRefused


@dataclass(frozen=True)
class Selection:
    """Which rows are kept: those that meet a condition and have a label.

    Attributes:
        where: the condition; None keeps all.
        label: the columns without which a row has no label.
    """

    where: Condition | None = None
    label: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Rows) -> Selection:
        """What the options say."""
        return cls(expression.parse(options.where) if options.where else None, options.label)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that decide, each once."""
        return tuple(dict.fromkeys([*(expression.columns(self.where) if self.where else ()), *self.label]))

    def masks(self, columns: Columns, *, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Which rows meet the condition, and which of them have a label, both bool ``[rows]``."""
        meets = np.ones(rows, bool)
        if self.where:
            meets = kept(self.where, columns, rows=rows).to_numpy(zero_copy_only=False)
        labelled = meets.copy()
        for name in self.label:
            labelled &= columns[name].is_valid().to_numpy(zero_copy_only=False)
        return meets, labelled

    def of_columns(self, columns: Columns, *, rows: int) -> Columns:
        """The columns of the rows that are kept."""
        return _filtered(columns, self.masks(columns, rows=rows)[1])


@dataclass(frozen=True)
class Sorter:
    """Sorts examples into splits.

    Attributes:
        selection: which are kept.
        splits: which split each goes to.
        names: the splits' names.
    """

    selection: Selection
    splits: Splits
    names: Sequence[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that decide, each once."""
        return tuple(dict.fromkeys([*self.selection.columns, *self.splits.columns]))

    def sorted_out(self, examples: Sequence[bytes], columns: Columns, *, path: str) -> tuple[list[list[bytes]], Tally]:
        """The kept examples of each split, in order, and what happened to all of them.

        Args:
            examples: serialized tf.Examples.
            columns: their values in `columns`.
            path: the file that they are from.

        Raises:
            GateRefused: a value cannot be compared, or has no split.
        """
        meets, labelled = self.selection.masks(columns, rows=len(examples))
        tally = Tally({(READ, path): len(examples), (WHERE, path): int((~meets).sum())})
        tally[NO_LABEL, path] = int((meets & ~labelled).sum())
        if not labelled.all():
            examples = [example for example, keep in zip(examples, labelled, strict=True) if keep]
            columns = _filtered(columns, labelled)
        parts: list[list[bytes]] = [[] for _ in self.names]
        for example, index in zip(examples, self.splits.indices(examples, columns), strict=True):
            parts[index].append(example)
        for name, part in zip(self.names, parts, strict=True):
            tally[SPLIT, name] = len(part)
        return parts, tally


def checked(
    tally: Tally,
    options: Rows,
    distinct: Mapping[str, int],
    *,
    files: Iterable[str],
    first_unlabelled: Callable[[], str],
) -> RowCounts:
    """The counts of a whole ingest.

    Args:
        tally: what happened to all rows.
        options: what was wanted.
        distinct: the number of different rows of each split.
        files: the files that were read.
        first_unlabelled: finds the place of a row without a label, in words.

    Raises:
        GateRefused: there are no rows, no row or no row of a split is left, or labels are missing and must not.
    """
    counts = RowCounts.of(tally, distinct)
    if not counts.read:
        shown = list(files)
        raise GateRefused(f"there are no rows in {', '.join(shown[:3])}{' ...' if shown[3:] else ''}.")
    if counts.where == counts.read:
        raise GateRefused(f"data.where leaves out all {counts.read:,} rows: {options.where}")
    rows = counts.read - counts.where
    if counts.missing_label and options.missing == "refuse":
        column = " or ".join(options.label)
        raise GateRefused(
            f"the label ({column}) is missing in {counts.missing_label:,} of {rows:,} rows "
            f"({counts.missing_label / rows:.1%}), first in {first_unlabelled()}; fill it in, or leave the rows out "
            "with label.missing: drop."
        )
    if counts.missing_label == rows:
        raise GateRefused(f"the label ({' or '.join(options.label)}) is missing in all {rows:,} rows.")
    empty = [name for name, count in counts.splits.items() if not count]
    if empty and options.splits and options.splits.by != "row":
        raise GateRefused(f"data.splits (by {options.splits.by}): none of {rows:,} rows is in {empty[0]}.")
    return counts


def _filtered(columns: Columns, mask: np.ndarray) -> Mapping[str, pa.Array]:
    return {name: column.filter(pa.array(mask)) for name, column in columns.items()}
