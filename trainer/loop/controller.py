"""The outer loop: runs the compiled calls, and the actions between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from trainer.data import sizes
from trainer.data.batches import Batches, Block, Call, plan, prefetched
from trainer.data.columns import Columns
from trainer.distribution.preemption import Preemption
from trainer.distribution.replicas import Replicas
from trainer.loop import actions, augmentation, optimizers
from trainer.loop.actions import Action, Turn
from trainer.loop.checkpoints import Checkpoints, TrainingState
from trainer.loop.evaluation import Evaluation
from trainer.loop.intervals import Intervals
from trainer.loop.meter import Meter
from trainer.loop.precision import dtype_policy
from trainer.loop.progress import TrainingProgress, progress_logger
from trainer.loop.step import StepRunner
from trainer.models.heads import Head
from trainer.options import Loop


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The result of a training.

    Attributes:
        model: with the final weights: the best or the averaged ones where the options ask for them.
        steps: int, steps that ran; fewer than planned after an early stop.
        evaluation: loss and metrics of the evaluated rows with these weights.
        discard_checkpoints: to be called once the model is stored safely; until then a killed process resumes from the
            last checkpoint, even from that of the last step.
    """

    model: keras.Model
    steps: int
    evaluation: Mapping[str, float]
    discard_checkpoints: Callable[[], None]


def fit(
    *,
    build_model: Callable[[], keras.Model],
    head: Head,
    class_weights: Sequence[float] | None,
    train: Columns,
    evaluation: Columns,
    options: Loop,
    replicas: Replicas,
    checkpoints: str,
    report: Callable[[TrainingProgress], None],
) -> Trained:
    """Train a model, or resume a killed training with the same arguments.

    Args:
        build_model: called once, inside the strategy's scope.
        head: loss, score and metrics of the task.
        class_weights: by class id; None weights all classes equally.
        train: the rows to train on.
        evaluation: the rows to evaluate, which early stopping looks at.
        options: the loop's options.
        replicas: where to train.
        checkpoints: path of a folder that no other training uses.
        report: receives every report.

    Raises:
        Preempted: SIGTERM came; a checkpoint is saved.
        TrainingDiverged: the loss is not finite.
        ValueError: the batch size is not a multiple of the number of replicas, or the metric to watch is unknown.
    """
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    batch_size = options.global_batch_size or sizes.batch_size(
        train.rows, replicas=replicas.count, pieces=options.accumulation
    )
    batches = Batches(train, batch_size=batch_size, replicas=replicas.count, seed=options.seed)
    intervals = Intervals.of(options, batches)
    with replicas.strategy.scope(), dtype_policy(options.precision):
        runner = StepRunner(
            model=build_model(),
            optimizer=optimizers.build(options, steps=intervals.total),
            head=head,
            layout=train.layout,
            options=options,
            class_weights=class_weights,
            replicas=replicas,
        )
    for text in [
        *optimizers.without_effect(options.optimizer),
        *augmentation.without_effect(options.augmentation, sides=train.layout.picture_sides),
        *intervals.without_effect(options, replicas),
    ]:
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
        batch_size=batch_size,
        evaluation=Evaluation(model=runner.model, columns=evaluation, head=head, eager=options.eager),
        checkpoints=saved,
        intervals=intervals,
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
    """Runs the compiled calls, and after each of them the actions.

    Args:
        runner: the inner loop.
        batches: of the rows to train on.
        batch_size: int, examples per step over all replicas.
        evaluation: of the rows to evaluate.
        checkpoints: saves the training and the best weights.
        intervals: steps between evaluations and checkpoints, and the length of a call.
        options: the loop's options.
        head: names the training metric and the metric to watch.
        replicas: where the calls run.
        report: receives every report.
    """

    def __init__(
        self,
        *,
        runner: StepRunner,
        batches: Batches,
        batch_size: int,
        evaluation: Evaluation,
        checkpoints: Checkpoints,
        intervals: Intervals,
        options: Loop,
        head: Head,
        replicas: Replicas,
        report: Callable[[TrainingProgress], None],
    ):
        self._runner = runner
        self._batches = batches
        self._intervals = intervals
        self._replicas = replicas
        self._batch_size = batch_size
        stopping = options.stopping
        self._stopping = stopping and actions.StopEarly(stopping, head=head, checkpoints=checkpoints)
        reporter = actions.Report(
            intervals=intervals, head=head, batch_size=self._batch_size, replicas=replicas.count, send=report
        )
        evaluate = actions.Evaluate(
            every=intervals.evaluate, evaluation=evaluation, runner=runner, report=reporter, stopping=self._stopping
        )
        self._actions: Sequence[Action] = (
            actions.check_loss,
            evaluate,
            reporter,
            *([self._stopping] if self._stopping else ()),
            actions.Save(every=intervals.save, checkpoints=checkpoints),
            actions.leave_if_preempted,
        )

    def run(self, state: TrainingState) -> TrainingState:
        """Train from ``state`` to the end."""
        if state.step:
            progress_logger.warning(f"resumes at step {state.step:,} of {self._intervals.total:,}.")
        meter = Meter(batch_size=self._batch_size)
        turn = Turn(state=state, meter=meter, total=self._intervals.total)
        with Preemption() as preemption:
            for call, block in prefetched(self._block, self._calls(state)):
                meter.add(call, self._runner.run(block, start=call.start, steps=call.steps, stop=preemption.requested))
                turn.state = dataclasses.replace(turn.state, step=call.end)
                # Several processes have to stop at the same step, so they agree on it in the next call's sums.
                turn.preempted = meter.stop or (preemption.requested and self._replicas.one_process)
                for action in self._actions:
                    action(turn)
                if turn.stop:
                    break
        return self._with_final_weights(turn.state)

    def _calls(self, state: TrainingState) -> list[Call]:
        if self._stopping and self._stopping.out_of_patience(state):
            return []
        return plan(
            start=state.step,
            total=self._intervals.total,
            per_call=self._intervals.call,
            stops=[self._intervals.evaluate, self._intervals.save],
        )

    def _block(self, call: Call) -> Block:
        steps = self._intervals.call
        return self._replicas.put(lambda replica: self._batches.block(call, replica=replica, steps=steps))

    def _with_final_weights(self, state: TrainingState) -> TrainingState:
        best = self._stopping.restore_best(state) if self._stopping else None
        if best is None:
            self._runner.use_averages()
        return best or state
