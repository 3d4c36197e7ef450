"""A training outside the Trainer's own task."""

from __future__ import annotations

from dataclasses import dataclass

from tfx.dsl.components.base.base_executor import BaseExecutor


@dataclass(frozen=True, kw_only=True)
class RemoteTraining:
    """What the Trainer's node runs instead of the training.

    Attributes:
        executor: starts the job in the node's task, and waits for its end.
        options: the executor's options, as JSON.
    """

    executor: type[BaseExecutor]
    options: str
