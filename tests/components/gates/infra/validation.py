"""Rows of each task, and the validator on artifacts."""

from __future__ import annotations

from tfx.types import Artifact

from components.gates.infra_validator import InfraValidator
from tests.shared import stand_ins
from trainer.parameters import Label

TASKS = list(stand_ins.LABELS)


def rows_of(task: str) -> list[dict]:
    units = {"binary": 1, "regression": 1}.get(task, 3)
    label = {"binary": 1.0, "regression": -2.5, "multiclass": 2, "named": "bee"}[task]
    return [
        {**{f"z{number}": float(index * (number + 1) % 7 - 3) for number in range(units)}, "y": label, "weight": 1.0}
        for index in range(20)
    ]


def validate(label: Label, *, warmup: int = 1, **given: Artifact | str) -> None:
    """Runs InfraValidator on the artifacts that are given."""
    InfraValidator.test_call(
        label=label.model_dump_json(),
        split="eval",
        num_examples=16,
        tolerance=1e-4,
        timeout_seconds=60,
        warmup=warmup,
        code="",
        **given,
    )
