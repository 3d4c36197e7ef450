"""What a training tells while it runs: a history file, TensorBoard summaries, and a line for whoever watches."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary import scalar_pb

# Whoever wants to show the training's progress listens here; warnings are to be kept on the screen.
progress_logger = logging.getLogger("trainer.loop.progress")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One report of the outer loop; a line of the history file.

    Attributes:
        step: steps done; ``steps`` in all.
        epoch: the epoch of the last step, from 1 on.
        loss: the weighted mean since the last report.
        metrics: the head's training metric, likewise.
        examples_per_second: since the last report.
        learning_rate: the mean since the last report.
        seconds_left: at this pace.
        eval: the figures of the eval split where it was just looked at, else None.
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
        """For the terminal."""
        parts = [f"epoch {self.epoch}", f"step {self.step:,}/{self.steps:,}", f"loss {self.loss:.4f}"]
        parts += [f"{name} {value:.4f}" for name, value in self.metrics.items()]
        parts += [f"eval {name} {value:.4f}" for name, value in (self.eval or {}).items() if name != "loss"]
        parts.append(f"{self.examples_per_second:,.0f} examples/s")
        if self.step < self.steps:
            parts.append(f"{_duration(self.seconds_left)} left")
        return "  ".join(parts)


class Journal:
    """Writes every report to a history file (JSON lines) and to TensorBoard, and logs it.

    Use as a context manager. A training that continues begins a new history where it goes on.

    Args:
        history: the history file; None writes none.
        tensorboard: the folder of the summaries.
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

    def report(self, progress: Progress) -> None:
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
        # One record for all; tf.summary.scalar runs an operation for each.
        summary = Summary()
        for name, value in values.items():
            summary.MergeFrom(scalar_pb(name, value))
        with self._writers[split].as_default():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
