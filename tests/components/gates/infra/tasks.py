"""Rows of each task."""

from __future__ import annotations

from tests.shared import stand_ins

TASKS = list(stand_ins.LABELS)


def rows_of(task: str) -> list[dict]:
    units = {"binary": 1, "regression": 1}.get(task, 3)
    label = {"binary": 1.0, "regression": -2.5, "multiclass": 2, "named": "bee"}[task]
    return [
        {**{f"z{number}": float(index * (number + 1) % 7 - 3) for number in range(units)}, "y": label, "weight": 1.0}
        for index in range(20)
    ]
