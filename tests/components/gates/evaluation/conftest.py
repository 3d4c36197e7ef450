"""Runs the real Evaluator on real exports."""

import functools
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tfx.types import Artifact, standard_artifacts

from components.evaluator.component import Executor
from pipeline.config.beam.engine import NO_SDIST
from pipeline.config.gates.evaluation import EvaluationGate
from pipeline.nodes.gates.eval_config import eval_config
from tests.components.gates.evaluation.evaluations import (
    SCALES,
    Evaluation,
    make_rows,
)
from tests.shared import stand_ins
from trainer.parameters import Parameters


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The new and the old model of a task, exported once, with the rows as examples."""

    @functools.cache
    def make(task: str) -> tuple[Artifact, Artifact, Artifact]:
        folder, label = tmp_path_factory.mktemp(task), stand_ins.LABELS[task]
        new, old = SCALES[task]
        return (
            stand_ins.write_model(folder / "new", label, scale=new),
            stand_ins.write_model(folder / "old", label, scale=old),
            stand_ins.write_examples(folder / "examples", make_rows(task)),
        )

    return make


@pytest.fixture
def evaluate_models(tmp_path):
    """Runs the Evaluator on models and examples."""
    runs = itertools.count()

    def run(
        task: str,
        candidate: Artifact,
        baseline: Artifact | None,
        examples: Artifact,
        *thresholds: dict,
        weighted: bool = False,
        metrics: dict[str, Any] | None = None,
        **keys: Any,
    ) -> Evaluation:
        gate = EvaluationGate(thresholds=thresholds, **{"slices": ("kind",), "min_slice_size": 5, **keys})
        parameters = Parameters(
            label=stand_ins.LABELS[task], example_weight="weight" if weighted else None, metrics=metrics or {}
        )
        config = eval_config(gate, parameters=parameters)
        replicates = gate.confidence.replicates if gate.confidence else None
        folder = Path(tmp_path, f"run-{next(runs)}")
        evaluation = stand_ins.artifact(standard_artifacts.ModelEvaluation, folder / "evaluation")
        blessing = stand_ins.artifact(standard_artifacts.ModelBlessing, folder / "blessing")
        verdict = stand_ins.artifact(standard_artifacts.ModelBlessing, folder / "verdict")
        context = Executor.Context(
            beam_pipeline_args=["--runner=FnApiRunner", NO_SDIST], tmp_dir=str(folder / "temporary"), unique_id="1"
        )
        Executor(context).Do(
            {"model": [candidate], "examples": [examples], **({"baseline_model": [baseline]} if baseline else {})},
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": json_format.MessageToJson(config),
                "replicates": replicates,
                "edges": json.dumps(gate.edges()),
                "example_splits": "null",
            },
        )
        return Evaluation(task, gate, evaluation, blessing, baseline, verdict)

    return run


@pytest.fixture
def evaluate(models, evaluate_models, tmp_path):
    """Runs the Evaluator on the new and the old model of a task."""

    def run(
        task: str, *thresholds: dict, first: str | None = None, swapped: bool = False, **options: Any
    ) -> Evaluation:
        new, old, examples = models(task)
        candidate, baseline = (old, new) if swapped else (new, old)
        if first:
            baseline = None if first == "absent" else stand_ins.artifact(standard_artifacts.Model, tmp_path / "empty")
        return evaluate_models(task, candidate, baseline, examples, *thresholds, **options)

    return run
