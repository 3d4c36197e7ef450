"""The search for hyperparameters, as a part of the key ``trainer``."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config.section import Section
from trainer.parameters import Parameters
from trainer.tuning.search import Search


class WithTuner(Section):
    """What the search adds.

    Attributes:
        tuner_fn: dotted path of the function that makes the tuner.
        tuner: the search before the training; None trains with what is configured.
    """

    tuner_fn: str = "trainer.tuner_fn.tuner_fn"
    tuner: Search | None = None

    def problems(self, parameters: Parameters) -> Iterator[str]:
        """See `Section`."""
        if self.tuner:
            try:
                self.tuner.check(parameters)
            except ValueError as error:
                yield f"tuner.{error}"
