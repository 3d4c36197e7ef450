"""Hyperparameters: keys of the trainer's parameters by their dotted paths, such as ``loop.optimizer.learning_rate``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trainer.parameters import Parameters


def with_hyperparameters(parameters: Parameters, values: Mapping[str, Any]) -> Parameters:
    """The parameters with some keys replaced.

    Args:
        parameters: the configured parameters.
        values: by dotted path, in the form that `decoded` reads.
    """
    changed = parameters.model_dump()
    for path, value in values.items():
        *parents, key = path.split(".")
        target = changed
        for parent in parents:
            target = target[parent]
        target[key] = decoded(value)
    return Parameters.model_validate(changed)


def decoded(value: Any) -> Any:
    """The value that JSON text stands for: KerasTuner's choices are scalars, so lists, null and the like are text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def described(values: Mapping[str, Any]) -> str:
    """Values by path in one line, each in the form that ``--set trainer.`` takes."""
    decoded_values = {path: decoded(value) for path, value in sorted(values.items())}
    return "  ".join(
        f"{path}={value if isinstance(value, str) else json.dumps(value)}" for path, value in decoded_values.items()
    )
