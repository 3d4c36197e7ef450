"""The user module and its options."""

from __future__ import annotations

from pipeline.config.section import Section
from pipeline.config.training.tuner import WithTuner  # part: tuner
from trainer.objectives.function import WithObjectives
from trainer.parameters import Loop, Model


class Trainer(
    WithTuner,  # part: tuner
    WithObjectives,
    Section,
):
    """The user module and its options.

    Attributes:
        run_fn: dotted path of the function that trains and exports.
        preprocessing_fn: dotted path of the Transform function.
    """

    run_fn: str = "trainer.run_fn.run_fn"
    preprocessing_fn: str = "trainer.preprocessing.preprocessing_fn"
    model: Model = Model()
    loop: Loop = Loop()
