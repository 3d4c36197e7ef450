"""Hyperparameters: keys of the trainer's parameters by their dotted paths, such as ``loop.optimizer.learning_rate``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trainer.parameters import Parameters


def with_hyperparameters(parameters: Parameters, values: Mapping[str, Any]) -> Parameters:
    """The parameters with some keys replaced.

    Args:
        parameters: as configured.
        values: by dotted path; text that is JSON of a list stands for it, since KerasTuner's choices are scalars.
    """
    changed = parameters.model_dump()
    for path, value in values.items():
        *parents, key = path.split(".")
        target = changed
        for parent in parents:
            target = target[parent]
        target[key] = json.loads(value) if isinstance(value, str) and value.startswith("[") else value
    return Parameters.model_validate(changed)
