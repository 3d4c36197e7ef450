"""The outer loop: epochs, evaluation, early stopping, checkpoints and reports around the compiled calls."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import tensorflow as tf

from trainer.data.batches import Batches, Block, Call, plan, prefetched
from trainer.data.columns import Columns
from trainer.distribution.preemption import Preempted, Preemption
from trainer.distribution.replicas import Replicas
from trainer.loop import optimizers
from trainer.loop.checkpoints import Checkpoints, State
from trainer.loop.evaluation import Evaluation
from trainer.loop.meter import Meter
from trainer.loop.progress import Progress, progress_logger
from trainer.loop.schedule import Cadence
from trainer.loop.step import StepRunner
from trainer.models.heads import Head
from trainer.options import Loop

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


class TrainingDiverged(ValueError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The result.

    Attributes:
        model: with the final weights: the best, or the averaged, where the options ask for that.
        steps: that were run; fewer than planned after an early stop.
        evaluation: the eval split's loss and metrics with these weights.
        discard_checkpoints: to be called once the model is safe elsewhere; until then a killed process goes on from the
            last checkpoint, though it be at the last step.
    """

    model: keras.Model
    steps: int
    evaluation: Mapping[str, float]
    discard_checkpoints: Callable[[], None]


def fit(
    *,
    build_model: Callable[[], keras.Model],
    head: Head,
    class_weights: tf.Tensor | None,
    train: Columns,
    evaluation: Columns,
    options: Loop,
    replicas: Replicas,
    checkpoints: str,
    report: Callable[[Progress], None],
) -> Trained:
    """Train a model, or go on where a killed training with the same arguments left off.

    Args:
        build_model: called once, inside the strategy's scope.
        head: of the task.
        class_weights: by class id; None where all count the same.
        train: the training split.
        evaluation: the eval split.
        options: of the loop.
        replicas: where to train.
        checkpoints: a folder of this training alone.
        report: called with every report.

    Raises:
        Preempted: SIGTERM came; a checkpoint is saved.
        TrainingDiverged: the loss is not finite.
        ValueError: the batch does not divide among the replicas, or the metric to watch is not known.
    """
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    batches = Batches(train, batch_size=options.global_batch_size, replicas=replicas.count, seed=options.seed)
    cadence = Cadence.of(options, batches)
    with replicas.strategy.scope(), _policy(_POLICIES[options.precision]):
        runner = StepRunner(
            model=build_model(),
            optimizer=optimizers.build(options, steps=cadence.total),
            head=head,
            layout=train.layout,
            options=options,
            class_weights=class_weights,
            replicas=replicas,
        )
    for text in [*optimizers.without_effect(options.optimizer), *cadence.without_effect(options, replicas)]:
        progress_logger.warning(text)
    weights = [variable.value for variable in runner.model.variables]
    saved = Checkpoints(
        folder=checkpoints,
        keep=options.checkpoints.keep,
        variables={
            "model": weights,
            "optimizer": [variable.value for variable in runner.optimizer.variables],
            "averages": runner.averages,
        },
        weights=weights,
        chief=replicas.chief,
    )
    controller = Controller(
        runner=runner,
        batches=batches,
        evaluation=Evaluation(model=runner.model, columns=evaluation, head=head, eager=options.eager),
        checkpoints=saved,
        cadence=cadence,
        options=options,
        head=head,
        replicas=replicas,
        report=report,
    )
    state = controller.run(saved.restore())

    def discard_checkpoints() -> None:
        # The others may still be reading what the chief removes.
        replicas.barrier()
        saved.remove()

    return Trained(
        model=runner.model,
        steps=state.step,
        evaluation=state.evaluation,
        discard_checkpoints=discard_checkpoints,
    )


class Controller:
    """Runs the calls and does between them what is due.

    Args:
        runner: the inner loop.
        batches: of the training split.
        evaluation: of the eval split.
        checkpoints: where to save.
        cadence: when what is due.
        options: of the loop.
        head: says which metric to watch.
        replicas: for which batches are made.
        report: called with every report.
    """

    def __init__(
        self,
        *,
        runner: StepRunner,
        batches: Batches,
        evaluation: Evaluation,
        checkpoints: Checkpoints,
        cadence: Cadence,
        options: Loop,
        head: Head,
        replicas: Replicas,
        report: Callable[[Progress], None],
    ):
        self._runner = runner
        self._batches = batches
        self._evaluation = evaluation
        self._checkpoints = checkpoints
        self._cadence = cadence
        self._options = options
        self._head = head
        self._replicas = replicas
        self._report = report

    def run(self, state: State) -> State:
        """Train from ``state`` to the end."""
        cadence, stopping = self._cadence, self._options.early_stopping
        if state.step:
            progress_logger.warning(f"continues at step {state.step:,} of {cadence.total:,}.")
        calls = plan(
            start=state.step,
            total=cadence.total,
            per_call=cadence.call,
            stops=[cadence.evaluate, cadence.save],
        )
        meter = Meter(state.step, batch_size=self._options.global_batch_size)
        with Preemption() as preemption:
            for call, block in prefetched(self._block, [] if self._out_of_patience(state) else calls):
                meter.add(call, self._runner.run(block, steps=call.steps, stop=preemption.requested))
                # Several processes have to stop at the same step, so they agree on it in the next call's sums.
                leave = meter.stop or (preemption.requested and self._replicas.count == self._replicas.local)
                state = dataclasses.replace(state, step=call.end)
                self._check(meter)
                finished = call.end == cadence.total
                if call.end % cadence.evaluate == 0 or finished:
                    state = self._evaluate(state, meter)
                elif meter.is_due(call.end, cadence.total):
                    self._report(self._progress(meter, state))
                stop = self._out_of_patience(state)
                if call.end % cadence.save == 0 or finished or stop or leave:
                    self._checkpoints.save(state)
                if leave and not (finished or stop):
                    raise Preempted(state.step)
                if stop:
                    progress_logger.warning(
                        f"stopped early at step {state.step:,}: the best evaluation was at {state.best_step:,}."
                    )
                    break
        if stopping and stopping.restore_best and state.best is not None:
            self._checkpoints.restore_best()
            return dataclasses.replace(state, evaluation=state.best_evaluation)
        self._runner.use_averages()
        return state

    def _block(self, call: Call) -> Block:
        steps = self._cadence.call
        return self._replicas.put(lambda replica: self._batches.block(call, replica=replica, steps=steps))

    def _check(self, meter: Meter) -> None:
        if not math.isfinite(meter.sums.loss):
            raise TrainingDiverged(
                f"the loss is {meter.sums.loss} at step {meter.step}: lower optimizer.learning_rate, "
                "set optimizer.clip_norm, or look for infinite values in the features."
            )

    def _evaluate(self, state: State, meter: Meter) -> State:
        progress = self._progress(meter, state)
        self._report(progress)
        with self._runner.averaged():
            figures = self._evaluation.run()
            state = dataclasses.replace(state, evaluation=figures)
            if self._options.early_stopping:
                state = self._judged(state, figures)
        meter.restart()
        self._report(dataclasses.replace(progress, eval=figures))
        return state

    def _judged(self, state: State, figures: Mapping[str, float]) -> State:
        stopping = self._options.early_stopping
        metric = stopping.metric or self._head.monitor
        if metric not in figures:
            raise ValueError(f"early_stopping.metric: there is no {metric!r}; there are {', '.join(figures)}.")
        higher = metric != "loss" and self._head.higher_is_better
        gain = math.inf if state.best is None else (figures[metric] - state.best) * (1 if higher else -1)
        if gain > stopping.min_delta:
            if stopping.restore_best:
                self._checkpoints.save_best(state.step)
            return dataclasses.replace(
                state, best=figures[metric], best_step=state.step, waited=0, best_evaluation=figures
            )
        return dataclasses.replace(state, waited=state.waited + 1)

    def _out_of_patience(self, state: State) -> bool:
        stopping = self._options.early_stopping
        return stopping is not None and state.waited >= stopping.patience

    def _progress(self, meter: Meter, state: State) -> Progress:
        sums, steps, rate = meter.take()
        weight = sums.weight or 1.0
        left = (self._cadence.total - state.step) * self._options.global_batch_size / rate
        return Progress(
            step=state.step,
            steps=self._cadence.total,
            epoch=(state.step - 1) // self._cadence.epoch + 1,
            loss=sums.loss / weight,
            metrics={self._head.score_name: sums.score / weight},
            examples_per_second=rate,
            learning_rate=sums.rate / (steps * self._replicas.count),
            seconds_left=left,
        )


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Keras' dtype policy, which layers take when they are created, for as long as this is open."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(former)
