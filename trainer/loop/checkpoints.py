"""What a killed training resumes from: weights, optimizer, averages, the step, and the state of early stopping.

The step is also the position in the data: its number determines the rows that it sees (`trainer.data.batches`).
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
class TrainingState:
    """Where a training stands.

    Attributes:
        step: int, steps done.
        best: the best value of the watched metric so far; None before the first evaluation.
        best_step: the step of that evaluation.
        waited: int, evaluations since then.
        evaluation: the figures of the last evaluation by metric.
        best_evaluation: the figures of the best evaluation by metric.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    evaluation: Mapping[str, float] = dataclasses.field(default_factory=dict)
    best_evaluation: Mapping[str, float] = dataclasses.field(default_factory=dict)


class Checkpoints:
    """Saves and restores a training. TensorFlow writes each checkpoint beside the others and renames it when complete.

    Args:
        folder: path of the checkpoints, on any file system that TensorFlow can write to.
        keep: int, checkpoints to keep.
        variables: everything that changes while training, by a name for each group.
        weights: the model's variables, whose best values are kept separately.
        chief: whether the checkpoints of this process count. All processes save, since variables may be spread over
            them, but what the others write is discarded.
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
        self._state = _CheckpointedState()
        last = tf.train.Checkpoint(state=self._state, **{name: list(group) for name, group in variables.items()})
        best = tf.train.Checkpoint(weights=list(weights))
        self._written = written = folder if chief else tempfile.mkdtemp(prefix="discarded-checkpoints-")
        self._last = tf.train.CheckpointManager(last, tf.io.gfile.join(written, "last"), max_to_keep=keep)
        self._best = tf.train.CheckpointManager(best, tf.io.gfile.join(written, "best"), max_to_keep=1)

    def restore(self) -> TrainingState:
        """Restore the newest readable checkpoint and return its state; a fresh state if there is none."""
        known = tf.train.get_checkpoint_state(tf.io.gfile.join(self._folder, "last"))
        for path in reversed(known.all_model_checkpoint_paths if known else ()):
            try:
                self._last.checkpoint.restore(path).assert_existing_objects_matched()
                return self._state.value
            except Exception as error:  # TensorFlow raises many kinds for a broken file, such as IndexError.
                logger.warning("The checkpoint %s cannot be read: %s", path, error)
        return TrainingState()

    def save(self, state: TrainingState) -> None:
        """Save everything."""
        self._state.value = state
        self._last.save(checkpoint_number=state.step)

    def save_best(self, step: int) -> None:
        """Keep the model's current weights as the best."""
        self._best.save(checkpoint_number=step)

    def restore_best(self) -> None:
        """Give the model its best weights: those that this process kept, or else an earlier run."""
        path = self._best.latest_checkpoint or tf.train.latest_checkpoint(tf.io.gfile.join(self._folder, "best"))
        self._best.checkpoint.restore(path).expect_partial()

    def remove(self) -> None:
        """Remove what this process wrote: the training is over."""
        if tf.io.gfile.exists(self._written):
            tf.io.gfile.rmtree(self._written)


class _CheckpointedState(tf.train.experimental.PythonState):
    """Carries `TrainingState` inside a TensorFlow checkpoint, so that both are complete or neither is."""

    def __init__(self):
        self.value = TrainingState()

    def serialize(self) -> str:
        return json.dumps(dataclasses.asdict(self.value))

    def deserialize(self, string_value: bytes) -> None:
        self.value = TrainingState(**json.loads(string_value))
