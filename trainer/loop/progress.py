"""Reports of a running training: a history file, TensorBoard summaries, and a line for the terminal."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf
from tensorboard.plugins.scalar.summary import scalar_pb

# A handler of this logger can show the training's progress; its warnings should stay on the screen.
progress_logger = logging.getLogger("trainer.loop.progress")


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """One report of the outer loop; a line of the history file.

    Attributes:
        step: int, steps done.
        steps: int, steps of the whole training.
        epoch: int, the epoch of the last step, from 1 on.
        loss: weighted mean since the last report.
        metrics: weighted mean of the head's training metric since the last report.
        examples_per_second: mean rate since the last report.
        learning_rate: mean since the last report.
        seconds_left: remaining time at this rate.
        eval: loss and metrics of the evaluated rows in a report that follows an evaluation, else None.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    metrics: Mapping[str, float]
    examples_per_second: float
    learning_rate: float
    seconds_left: float
    eval: Mapping[str, float] | None = None

    def line(self) -> str:
        """The report as a line for the terminal."""
        parts = [f"epoch {self.epoch}", f"step {self.step:,}/{self.steps:,}", f"loss {self.loss:.4f}"]
        parts += [f"{name} {value:.4f}" for name, value in self.metrics.items()]
        parts += [f"eval {name} {value:.4f}" for name, value in (self.eval or {}).items() if name != "loss"]
        parts.append(f"{self.examples_per_second:,.0f} examples/s")
        if self.step < self.steps:
            parts.append(f"{_duration(self.seconds_left)} left")
        return "  ".join(parts)


class Journal:
    """Writes every report to a history file (JSON lines) and to TensorBoard, and logs it.

    Use as a context manager. A training that resumes starts a new history there.

    Args:
        history: path of the history file.
        tensorboard: path of the summaries' folder.
    """

    def __init__(self, *, history: str, tensorboard: str):
        tf.io.gfile.makedirs(os.path.dirname(history))  # noqa: PTH120 (gs:// too)
        self._history = tf.io.gfile.GFile(history, "a")
        self._writers = {
            split: tf.summary.create_file_writer(tf.io.gfile.join(tensorboard, split)) for split in ("train", "eval")
        }

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self._history.close()
        for writer in self._writers.values():
            writer.close()

    def report(self, progress: TrainingProgress) -> None:
        """Record one report."""
        self._history.write(json.dumps(dataclasses.asdict(progress)) + "\n")
        if progress.eval is not None:
            self._history.flush()
            self._write("eval", progress.eval, step=progress.step)
        else:
            values = {
                "loss": progress.loss,
                **progress.metrics,
                "learning_rate": progress.learning_rate,
                "examples_per_second": progress.examples_per_second,
            }
            self._write("train", values, step=progress.step)
        progress_logger.info(progress.line())

    def _write(self, split: str, values: Mapping[str, float], *, step: int) -> None:
        # One record for all values, since tf.summary.scalar runs an operation for each; concatenation merges messages.
        record = b"".join(scalar_pb(name, value).SerializeToString() for name, value in values.items())
        with self._writers[split].as_default():
            tf.summary.experimental.write_raw_pb(record, step=step)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
