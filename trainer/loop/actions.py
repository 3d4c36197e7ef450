"""What happens between the compiled calls: small actions with one job each, as in orbit (tensorflow/models).

The controller runs them in order after every call. An action decides by itself whether it is due.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from trainer.distribution.preemption import Preempted
from trainer.loop.checkpoints import Checkpoints, TrainingState
from trainer.loop.evaluation import Evaluation
from trainer.loop.intervals import Intervals
from trainer.loop.meter import Meter
from trainer.loop.progress import TrainingProgress, progress_logger
from trainer.loop.step import StepRunner
from trainer.models.heads import Head
from trainer.options import EarlyStopping


class TrainingDiverged(ValueError):
    """The loss is no longer a finite number."""


@dataclass(kw_only=True)
class Turn:
    """Where the training stands after a call; the actions read it, and may replace ``state`` and set ``stop``.

    Attributes:
        state: what a checkpoint would save.
        meter: sums since the last report.
        total: steps of the whole training.
        preempted: whether SIGTERM asked this process or another to leave.
        stop: whether the training ends with this call.
    """

    state: TrainingState
    meter: Meter
    total: int
    preempted: bool = False
    stop: bool = False

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.state.step == self.total


Action = Callable[[Turn], None]


def check_loss(turn: Turn) -> None:
    """End a training that has diverged.

    Raises:
        TrainingDiverged: the loss is infinite or not a number.
    """
    loss = turn.meter.sums.loss
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the loss is {loss} at step {turn.state.step}: lower optimizer.learning_rate, set optimizer.clip_norm, or "
            "look for infinite values in the features."
        )


class Report:
    """Reports the training's progress about once a second.

    Args:
        intervals: steps of the training and of an epoch.
        head: names the training metric.
        batch_size: int, examples per step over all replicas.
        replicas: int, replicas over all processes.
        send: receives every report.
    """

    def __init__(
        self,
        *,
        intervals: Intervals,
        head: Head,
        batch_size: int,
        replicas: int,
        send: Callable[[TrainingProgress], None],
    ):
        self._intervals = intervals
        self._head = head
        self._batch_size = batch_size
        self._replicas = replicas
        self.send = send

    def __call__(self, turn: Turn) -> None:
        """Report if it is time to."""
        if turn.meter.is_due(turn.total):
            self.now(turn)

    def now(self, turn: Turn) -> TrainingProgress:
        """Report the sums since the last report, due or not, and return the report."""
        sums, steps, rate = turn.meter.take()
        weight = sums.weight or 1.0
        progress = TrainingProgress(
            step=turn.state.step,
            steps=turn.total,
            epoch=(turn.state.step - 1) // self._intervals.epoch + 1,
            loss=sums.loss / weight,
            metrics={self._head.score_name: sums.score / weight},
            examples_per_second=rate,
            learning_rate=sums.rate / (steps * self._replicas),
            seconds_left=(turn.total - turn.state.step) * self._batch_size / rate,
        )
        self.send(progress)
        return progress


class StopEarly:
    """Stops the training when the evaluated rows no longer improve.

    Args:
        options: metric, patience and minimum improvement.
        head: says whether a metric is the better the higher it is.
        checkpoints: keeps the best weights.
    """

    def __init__(self, options: EarlyStopping, *, head: Head, checkpoints: Checkpoints):
        self._options = options
        self._metric = options.metric
        self._sign = 1 if head.better_if_higher(self._metric) else -1
        self._checkpoints = checkpoints

    def __call__(self, turn: Turn) -> None:
        """Stop the training if its patience is used up."""
        if self.out_of_patience(turn.state):
            turn.stop = True
            progress_logger.warning(
                f"stopped early at step {turn.state.step:,}: the best evaluation was at {turn.state.best_step:,}."
            )

    def judge(self, state: TrainingState) -> TrainingState:
        """Compare the last evaluation with the best; a better one's weights, those the model has now, are kept.

        Raises:
            ValueError: the metric to watch is unknown.
        """
        figures = state.evaluation
        if self._metric not in figures:
            raise ValueError(f"early_stopping.metric: there is no {self._metric!r}; there are {', '.join(figures)}.")
        value = figures[self._metric]
        gain = math.inf if state.best is None else (value - state.best) * self._sign
        if gain <= self._options.min_delta:
            return dataclasses.replace(state, waited=state.waited + 1)
        if self._options.restore_best:
            self._checkpoints.save_best(state.step)
        return dataclasses.replace(state, best=value, best_step=state.step, waited=0, best_evaluation=figures)

    def out_of_patience(self, state: TrainingState) -> bool:
        """Whether too many evaluations have passed since the best."""
        return state.waited >= self._options.patience

    def restore_best(self, state: TrainingState) -> TrainingState | None:
        """Give the model its best weights and return the state with their figures; None where none are kept."""
        if not self._options.restore_best or state.best is None:
            return None
        self._checkpoints.restore_best()
        return dataclasses.replace(state, evaluation=state.best_evaluation)


class Evaluate:
    """Evaluates, at intervals and after the last step, and reports the figures.

    Args:
        every: int, steps between evaluations.
        evaluation: computes the figures.
        runner: gives the model its averaged weights for as long as they are evaluated.
        report: reports the training's sums before, and the figures after.
        stopping: judges the figures; None without early stopping.
    """

    def __init__(
        self, *, every: int, evaluation: Evaluation, runner: StepRunner, report: Report, stopping: StopEarly | None
    ):
        self._every = every
        self._evaluation = evaluation
        self._runner = runner
        self._report = report
        self._stopping = stopping

    def __call__(self, turn: Turn) -> None:
        """Evaluate if it is time to."""
        if turn.state.step % self._every and not turn.finished:
            return
        progress = self._report.now(turn)
        with self._runner.averaged():
            figures = self._evaluation.run()
            turn.state = dataclasses.replace(turn.state, evaluation=figures)
            if self._stopping:
                turn.state = self._stopping.judge(turn.state)
        turn.meter.restart()
        self._report.send(dataclasses.replace(progress, eval=figures))


class Save:
    """Saves a checkpoint, at intervals and whenever the training is about to end.

    Args:
        every: int, steps between checkpoints.
        checkpoints: writes them.
    """

    def __init__(self, *, every: int, checkpoints: Checkpoints):
        self._every = every
        self._checkpoints = checkpoints

    def __call__(self, turn: Turn) -> None:
        """Save if it is time to, or the last chance."""
        if turn.state.step % self._every == 0 or turn.finished or turn.stop or turn.preempted:
            self._checkpoints.save(turn.state)


def leave_if_preempted(turn: Turn) -> None:
    """Leave an unfinished training on SIGTERM.

    Raises:
        Preempted: the training can be resumed.
    """
    if turn.preempted and not (turn.finished or turn.stop):
        raise Preempted(turn.state.step)
