"""Intervals in steps: between evaluations, between checkpoints, and of one compiled call."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.data import sizes
from trainer.data.batches import Batches
from trainer.distribution.replicas import Replicas
from trainer.options import Loop

# Three blocks of batches are in flight: one runs, one is ready, one is being made.
_BLOCKS_IN_FLIGHT = 3


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """How often things happen, in steps.

    Attributes:
        total: int, steps of the whole training.
        epoch: int, steps per epoch.
        evaluate: int, steps between evaluations; the last step is evaluated as well.
        save: int, steps between checkpoints.
        call: int, the most steps in a compiled call.
    """

    total: int
    epoch: int
    evaluate: int
    save: int
    call: int

    @classmethod
    def of(cls, options: Loop, batches: Batches) -> Intervals:
        """The intervals that follow from the options and the size of the data."""
        epoch = batches.steps_per_epoch
        total = options.steps or (epoch * options.epochs if options.epochs else sizes.most_steps(epoch))
        between = sizes.steps_between_evaluations(epoch) if options.open_end else epoch
        evaluate = options.evaluate_every_steps or between
        save = options.checkpoints.every_steps or evaluate
        most = max(1, options.memory_mb * 2**20 // 2 // _BLOCKS_IN_FLIGHT // batches.batch_bytes)
        call = min(options.steps_per_loop, most, total, evaluate, save)
        return cls(total=total, epoch=epoch, evaluate=evaluate, save=save, call=call)

    def without_effect(self, options: Loop, replicas: Replicas) -> list[str]:
        """Messages about options that change nothing in a training of this length on these replicas."""
        rate = options.optimizer.schedule
        total = self.total
        most = min(options.steps_per_loop, total, self.evaluate, self.save)
        messages = {
            "evaluate_every_steps has no effect: the training ends before; it is evaluated at the end.": (
                (options.evaluate_every_steps or 0) >= total
            ),
            "checkpoints.every_steps has no effect: the training ends before; it is saved at the end.": (
                (options.checkpoints.every_steps or 0) >= total
            ),
            "optimizer.schedule.final has no effect on a constant learning rate.": (
                rate.decay == "constant" and rate.final > 0
            ),
            f"optimizer.schedule has no effect: its warm-up of {rate.warmup_steps} steps outlasts the training.": (
                rate.warmup_steps >= total
            ),
            "strategy: mirrored has no effect: there is one device.": (
                options.strategy == "mirrored" and replicas.count == 1
            ),
            "jit_compile has no effect in eager mode.": options.eager and bool(options.jit_compile),
            f"steps_per_loop is cut to {self.call}: more batches do not fit into memory_mb.": self.call < most,
        }
        return [*self._early_stopping_without_effect(options), *(text for text, holds in messages.items() if holds)]

    def _early_stopping_without_effect(self, options: Loop) -> list[str]:
        stopping, evaluations = options.stopping, -(-self.total // self.evaluate)
        if stopping is None or stopping.patience < evaluations:
            return []
        restored = " The best weights are still restored." if stopping.restore_best else ""
        return [
            f"early_stopping will not stop the training: it makes {evaluations} evaluations, no more than the patience "
            f"of {stopping.patience}.{restored}"
        ]
