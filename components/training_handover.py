"""Converts the Trainer's inputs into a job file: the hand-over from an executor to the processes that train."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import Artifact, artifact_utils, standard_component_specs

from trainer.export.model_artifact import is_empty
from trainer.job import TrainingJob
from trainer.parameters import CHECKPOINTS_KEY, CUSTOM_CONFIG_KEY, Parameters

# The key under which TFX's custom_config carries an executor's own options as JSON.
TRAINING_JOB_KEY = "training_job"
_HANDED_OVER = (TRAINING_JOB_KEY, CUSTOM_CONFIG_KEY, CHECKPOINTS_KEY)

Artifacts = dict[str, list[Artifact]]


def job_name(model_uri: str) -> str:
    """A name that is the same for every attempt of one execution, and unique to it."""
    return f"train-{hashlib.sha256(model_uri.encode()).hexdigest()[:16]}"


def outputs(output_dict: Artifacts) -> dict[str, str]:
    """The folders of ``model`` and ``model_run``."""
    keys = {"model": standard_component_specs.MODEL_KEY, "model_run": standard_component_specs.MODEL_RUN_KEY}
    return {name: artifact_utils.get_single_uri(output_dict[key]) for name, key in keys.items()}


def inputs(fn_args: FnArgs) -> dict[str, Path]:
    """The folders that a training reads, by purpose, without an empty base model."""
    base_model = Path(fn_args.base_model).parent if fn_args.base_model else None
    return {
        **{f"train/{index}": Path(files).parent for index, files in enumerate(fn_args.train_files)},
        **{f"eval/{index}": Path(files).parent for index, files in enumerate(fn_args.eval_files)},
        "transform_graph": Path(fn_args.transform_output),
        **({"schema": Path(fn_args.schema_path).parent} if fn_args.schema_path else {}),
        **({"base_model": base_model} if base_model and not is_empty(str(base_model)) else {}),
    }


def job(
    fn_args: FnArgs, exec_properties: Mapping[str, Any], *, inputs: Mapping[str, Path], outputs: Mapping[str, str]
) -> TrainingJob:
    """The job of every process that trains.

    Args:
        fn_args: arguments that TFX's executor would pass to ``run_fn``.
        exec_properties: execution properties of the Trainer.
        inputs: folders of `inputs`, as the processes see them.
        outputs: folders for ``model`` and ``model_run``, as the processes see them.
    """
    there = {name: str(folder) for name, folder in inputs.items()}
    custom_config = dict(fn_args.custom_config)
    return TrainingJob(
        train=tuple(there[f"train/{index}"] for index in range(len(fn_args.train_files))),
        eval=tuple(there[f"eval/{index}"] for index in range(len(fn_args.eval_files))),
        transform_graph=there["transform_graph"],
        schema_file=f"{there['schema']}/{Path(fn_args.schema_path).name}" if "schema" in there else None,
        base_model=there.get("base_model"),
        **outputs,
        parameters=Parameters.model_validate_json(custom_config[CUSTOM_CONFIG_KEY]),
        checkpoints=custom_config.get(CHECKPOINTS_KEY),
        hyperparameters=fn_args.hyperparameters,
        custom_config={key: value for key, value in custom_config.items() if key not in _HANDED_OVER},
        run_fn=exec_properties[standard_component_specs.RUN_FN_KEY],
    )


def write(job: TrainingJob, file: Path) -> list[str]:
    """Write the job file, and return the command that trains by it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(job.model_dump_json())
    return ["python", "-m", "trainer", "--job", str(file)]
