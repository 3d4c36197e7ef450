"""What TFX's launcher hands to the Trainer's executor, on a small data set in plain folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import Artifact, standard_artifacts
from tfx.utils import json_utils

from components.training_handover import TRAINING_JOB_KEY
from tests.trainer.distribution.jobs import make_parameters
from trainer.parameters import CHECKPOINTS_KEY, CUSTOM_CONFIG_KEY


class TrainerCall:
    """One execution of the Trainer.

    Args:
        data: of `transformed`, the fixture.
        folder: for the outputs.
        checkpoints: a folder.
        options: of the executor, as JSON.
    """

    def __init__(self, data: Path, folder: Path, *, checkpoints: Path, options: str):
        self.model, self.model_run = folder / "model", folder / "model_run"
        examples = standard_artifacts.Examples()
        examples.split_names = '["train", "eval"]'
        self.inputs = {
            "examples": [_at(examples, data / "examples")],
            "transform_graph": [_at(standard_artifacts.TransformGraph(), data / "transform")],
            "schema": [_at(standard_artifacts.Schema(), data / "schema")],
        }
        self.outputs = {
            "model": [_at(standard_artifacts.Model(), self.model)],
            "model_run": [_at(standard_artifacts.ModelRun(), self.model_run)],
        }
        self.properties: dict[str, Any] = {
            "run_fn": "trainer.run_fn.run_fn",
            "train_args": '{"splits": ["train"]}',
            "eval_args": '{"splits": ["eval"]}',
            "custom_config": json_utils.dumps(
                {
                    CUSTOM_CONFIG_KEY: make_parameters().model_dump_json(),
                    CHECKPOINTS_KEY: str(checkpoints),
                    TRAINING_JOB_KEY: options,
                    "source_digest": "0",
                }
            ),
        }

    def run(self, executor: type[BaseExecutor]) -> None:
        """Call the executor."""
        executor().Do(self.inputs, self.outputs, self.properties)


def _at(artifact: Artifact, folder: Path) -> Artifact:
    artifact.uri = str(folder)
    return artifact
