"""What a killed training goes on from: weights, optimizer, averages, the step, and the state of early stopping.

The step is the position in the data as well: which rows a step sees follows from its number (`trainer.data.batches`).
"""

from __future__ import annotations

import dataclasses
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a training stands.

    Attributes:
        step: steps done.
        best: the best value of the watched metric so far; None before the first evaluation.
        best_step: the step of that evaluation.
        waited: evaluations since.
        evaluation: the last evaluation's figures.
        best_evaluation: those of the best.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    evaluation: Mapping[str, float] = dataclasses.field(default_factory=dict)
    best_evaluation: Mapping[str, float] = dataclasses.field(default_factory=dict)


class Checkpoints:
    """Saves and restores a training. TensorFlow writes each checkpoint beside the others and renames it when whole.

    Args:
        folder: of the checkpoints; anything that TensorFlow can write to.
        keep: how many are kept.
        variables: all that changes while training, by a name for each group.
        weights: the model's variables, of which the best are kept apart.
        chief: whether this process' checkpoints count. All processes save, since variables may be spread over them,
            but what the others write is thrown away.
    """

    def __init__(
        self,
        *,
        folder: str,
        keep: int,
        variables: Mapping[str, Sequence[tf.Variable]],
        weights: Sequence[tf.Variable],
        chief: bool,
    ):
        self._folder = folder
        self._state = _State()
        last = tf.train.Checkpoint(state=self._state, **{name: list(group) for name, group in variables.items()})
        best = tf.train.Checkpoint(weights=list(weights))
        self._written = written = folder if chief else tempfile.mkdtemp(prefix="discarded-checkpoints-")
        self._last = tf.train.CheckpointManager(last, tf.io.gfile.join(written, "last"), max_to_keep=keep)
        self._best = tf.train.CheckpointManager(best, tf.io.gfile.join(written, "best"), max_to_keep=1)

    def restore(self) -> State:
        """Restore the newest checkpoint that can be read, and say where the training stands; `State` () if none."""
        known = tf.train.get_checkpoint_state(tf.io.gfile.join(self._folder, "last"))
        for path in reversed(known.all_model_checkpoint_paths if known else ()):
            try:
                self._last.checkpoint.restore(path).assert_existing_objects_matched()
                return self._state.value
            except Exception as error:  # TensorFlow raises many kinds, IndexError among them, for a broken file.
                logger.warning("The checkpoint %s cannot be read: %s", path, error)
        return State()

    def save(self, state: State) -> None:
        """Save everything."""
        self._state.value = state
        self._last.save(checkpoint_number=state.step)

    def save_best(self, step: int) -> None:
        """Keep the model's present weights as the best."""
        self._best.save(checkpoint_number=step)

    def restore_best(self) -> None:
        """Give the model the best weights back: what this process kept, or what an earlier run left."""
        path = self._best.latest_checkpoint or tf.train.latest_checkpoint(tf.io.gfile.join(self._folder, "best"))
        self._best.checkpoint.restore(path).expect_partial()

    def remove(self) -> None:
        """Remove what this process wrote: the training is over."""
        if tf.io.gfile.exists(self._written):
            tf.io.gfile.rmtree(self._written)


class _State(tf.train.experimental.PythonState):
    """Carries `State` inside a TensorFlow checkpoint, so that both are whole or neither is."""

    def __init__(self):
        self.value = State()

    def serialize(self) -> str:
        return json.dumps(dataclasses.asdict(self.value))

    def deserialize(self, string_value: bytes) -> None:
        self.value = State(**json.loads(string_value))
