"""Slices that came or went since the served model was pushed: nobody compared the models on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from components.gates.evaluation import EXAMPLE_COUNT, Evaluated
from components.gates.findings import Finding, notice

_SHOWN = 5


def slice_findings(now: Evaluated, then: Evaluated, *, min_slice_size: int) -> Iterator[Finding]:
    """Slices that only one of two evaluations has, of columns that both are sliced by.

    Args:
        now: the evaluation of this run.
        then: that by which the served model was pushed.
        min_slice_size: examples below which a slice is not worth a word.
    """
    for found, others, what in (
        (now, then, "new since the served model was pushed"),
        (then, now, "gone since the served model was pushed"),
    ):
        sliced = set(map(tuple, others.columns.values()))
        names = [
            name
            for name, metrics in found.candidate.items()
            if name not in others.candidate
            and tuple(found.columns[name]) in sliced
            and metrics[EXAMPLE_COUNT] >= min_slice_size
        ]
        if names:
            yield notice(f"{what}: {_some(names)}")


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more slices" if len(names) > _SHOWN else shown
