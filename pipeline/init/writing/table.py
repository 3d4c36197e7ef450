"""What was decided, as a table on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.messages import one_line
from pipeline.init.judging.treatment import distinct, missing
from pipeline.init.plan import Decisions

_MOST_ROWS = 100
_NAME = 40


def show(decisions: Decisions, console: Console) -> None:
    """Print a row for each column."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, justify in (("column", "left"), ("kind", "left"), ("missing", "right"), ("distinct", "right")):
        table.add_column(title, justify=justify)  # pyright: ignore[reportArgumentType]
    table.add_column("treatment", overflow="fold")
    table.add_column("warning", overflow="fold")
    for name, treatment in list(decisions.treatments.items())[:_MOST_ROWS]:
        column = decisions.table.columns[name]
        label = name == decisions.label.column
        kind = decisions.label.task if label else ", ".join(treatment.kinds) or "-"
        how = "label" if label else "feature" if treatment.entry else f"left out: {treatment.reason}"
        warning = decisions.remark if label else treatment.warning
        cells = (
            one_line(name, limit=_NAME),
            kind,
            missing(column) if column.missing else "-",
            distinct(column),
            one_line(how),
            one_line(warning),
        )
        table.add_row(*map(Text, cells), style="" if treatment.entry or label else "dim")
    console.print(table)
    if len(decisions.treatments) > _MOST_ROWS:
        console.print(f"... and {len(decisions.treatments) - _MOST_ROWS:,} more columns, which the config has.")
