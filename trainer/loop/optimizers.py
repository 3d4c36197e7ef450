"""The Keras optimizer that the options describe, and the options that have no effect on it."""

from __future__ import annotations

from typing import Any

import keras

from trainer.options import Loop, Optimizer, Schedule

# Keras does not annotate what its operations return.
ops: Any = keras.ops

_CLASSES = {
    "adamw": keras.optimizers.AdamW,
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "lion": keras.optimizers.Lion,
    "lamb": keras.optimizers.Lamb,
    "ftrl": keras.optimizers.Ftrl,
}
# Patterns of the names of weights that a decay would only pull away from what they are for.
_NOT_DECAYED = ("bias", "scale")
WITH_MOMENTUM = frozenset({"sgd", "rmsprop"})


@keras.saving.register_keras_serializable(package="trainer")
class WarmupAndDecay(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate at a step; see `trainer.options.Schedule`.

    Args:
        learning_rate: the peak.
        steps: int, steps of the whole training.
        schedule: warm-up and decay.
    """

    def __init__(self, *, learning_rate: float, steps: int, schedule: Schedule):
        self.learning_rate = learning_rate
        self.steps = steps
        self.schedule = schedule

    def __call__(self, step: Any) -> Any:
        """The learning rate of the step after ``step`` steps, a float32 scalar."""
        step = ops.cast(step, "float32")
        warmup, final = float(self.schedule.warmup_steps), self.schedule.final
        # From 0 at the end of the warm-up to 1 at the end of the training.
        progress = ops.clip((step - warmup) / max(self.steps - warmup, 1.0), 0.0, 1.0)
        if self.schedule.decay == "cosine":
            # Loshchilov and Hutter 2017, arXiv:1608.03983, one cycle.
            factor = final + (1 - final) * 0.5 * (1 + ops.cos(3.141592653589793 * progress))
        elif self.schedule.decay == "linear":
            factor = 1 - (1 - final) * progress
        elif self.schedule.decay == "exponential":
            factor = ops.power(final, progress)
        else:
            factor = ops.ones_like(progress)
        rising = ops.minimum((step + 1) / warmup, 1.0) if warmup else 1.0
        return self.learning_rate * rising * factor

    def get_config(self) -> dict[str, object]:
        """The configuration that rebuilds the schedule."""
        return {"learning_rate": self.learning_rate, "steps": self.steps, "schedule": self.schedule.model_dump()}

    @classmethod
    def from_config(cls, config: dict[str, object]) -> WarmupAndDecay:
        """The inverse of `get_config`."""
        return cls(**{**config, "schedule": Schedule.model_validate(config["schedule"])})


def build(options: Loop, *, steps: int) -> keras.optimizers.Optimizer:
    """Create the optimizer, inside the strategy's scope.

    The step itself clips and averages: under MirroredStrategy Keras clips each replica's gradients before they are
    summed, and its averaging raises RuntimeError.

    Args:
        options: the loop's options.
        steps: int, steps of the whole training, which the schedule spans.
    """
    chosen = options.optimizer
    rate = WarmupAndDecay(learning_rate=chosen.learning_rate, steps=steps, schedule=chosen.schedule)
    momentum = {"momentum": chosen.momentum} if chosen.name in WITH_MOMENTUM else {}
    # AdamW has a default decay unless it gets 0; the others take None for no decay.
    decay = chosen.weight_decay if chosen.name == "adamw" else chosen.weight_decay or None
    optimizer = _CLASSES[chosen.name](rate, weight_decay=decay, **momentum)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
    if options.precision == "float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def without_effect(options: Optimizer) -> list[str]:
    """Messages about options that this optimizer does not have."""
    if options.momentum and options.name not in WITH_MOMENTUM:
        return [f"optimizer.momentum has no effect on {options.name}; it is for {' and '.join(sorted(WITH_MOMENTUM))}."]
    return []
