"""When what is due, in steps: evaluations, checkpoints, the length of a compiled call."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.data.batches import Batches
from trainer.distribution.replicas import Replicas
from trainer.options import DEFAULT_EPOCHS, Loop

# Three blocks of batches are in flight: one runs, one is ready, one is being made.
_BLOCKS_IN_FLIGHT = 3


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """When things happen, in steps.

    Attributes:
        total: the training's length.
        epoch: steps per epoch.
        evaluate: between evaluations; there is one at the end, too.
        save: between checkpoints.
        call: the most steps in a compiled call.
    """

    total: int
    epoch: int
    evaluate: int
    save: int
    call: int

    @classmethod
    def of(cls, options: Loop, batches: Batches) -> Cadence:
        """What the options mean for so many rows."""
        epoch = batches.steps_per_epoch
        total = options.steps or epoch * (options.epochs or DEFAULT_EPOCHS)
        evaluate = options.evaluate_every_steps or epoch
        save = options.checkpoints.every_steps or evaluate
        most = max(1, options.memory_mb * 2**20 // 2 // _BLOCKS_IN_FLIGHT // batches.batch_bytes)
        call = min(options.steps_per_loop, most, total, evaluate, save)
        return cls(total=total, epoch=epoch, evaluate=evaluate, save=save, call=call)

    def without_effect(self, options: Loop, replicas: Replicas) -> list[str]:
        """Which options change nothing in a training of this length, on these replicas."""
        texts = []
        stopping, warmup = options.early_stopping, options.optimizer.schedule.warmup_steps
        evaluations = -(-self.total // self.evaluate)
        if stopping and stopping.patience >= evaluations:
            texts.append(
                f"early_stopping will not stop the training: its patience of {stopping.patience} is not used up in "
                f"{evaluations} evaluations." + (" The best weights are still taken." if stopping.restore_best else "")
            )
        if options.evaluate_every_steps and options.evaluate_every_steps >= self.total:
            texts.append("evaluate_every_steps has no effect: the training is over before; it is evaluated at the end.")
        if options.checkpoints.every_steps and options.checkpoints.every_steps >= self.total:
            texts.append("checkpoints.every_steps has no effect: the training is over before; it is saved at the end.")
        if options.optimizer.schedule.decay == "constant" and options.optimizer.schedule.final:
            texts.append("optimizer.schedule.final has no effect on a constant learning rate.")
        if warmup >= self.total:
            texts.append(f"optimizer.schedule has no effect: its warm-up of {warmup} steps outlasts the training.")
        if options.strategy == "mirrored" and replicas.count == 1:
            texts.append("strategy: mirrored has no effect: there is one device.")
        if options.eager and options.jit_compile:
            texts.append("jit_compile has no effect in eager mode.")
        if self.call < min(options.steps_per_loop, self.total, self.evaluate, self.save):
            texts.append(f"steps_per_loop is cut to {self.call}: more batches do not fit into memory_mb.")
        return texts
