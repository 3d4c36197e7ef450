"""The gates between data and serving."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config.gates.data import DataGate
from pipeline.config.gates.evaluation import EvaluationGate
from pipeline.config.gates.infra import InfraGate
from pipeline.config.section import Section
from trainer.parameters import Parameters


class Gates(Section):
    """The three gates between data and serving."""

    data: DataGate = DataGate()
    evaluation: EvaluationGate
    infra: InfraGate = InfraGate()

    def problems(self, parameters: Parameters) -> Iterator[str]:
        """See `Section`."""
        for index, threshold in enumerate(self.evaluation.thresholds):
            problem = threshold.problem(parameters)
            if problem:
                yield f"evaluation.thresholds.{index}.{problem}"
