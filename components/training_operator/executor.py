"""The Trainer's executor for a training as a TFJob: it hands over the inputs, waits, and fetches the model.

The workers' pods call the same ``run_fn``, and the exported model is the same.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tfx.components.trainer.executor import GenericExecutor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import standard_component_specs
from tfx.utils import io_utils, json_utils

from components import training_handover
from components.training_handover import TRAINING_JOB_KEY, Artifacts
from components.training_operator import client, tfjob
from components.training_operator.tfjob import TFJobOptions

# In the run's folder: marks the model as complete, for an attempt after one that could not copy it.
_TRAINED = "trained"


class TFJobExecutor(GenericExecutor):
    """Trains in the pods of a TFJob; see ``docs/distributed_training.md``."""

    def Do(  # noqa: N802 (named by TFX)
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Train.

        Raises:
            TFJobFailed: the training did not start, or failed; the job is deleted.
            TFJobStopped: SIGTERM arrived; the job is deleted.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        custom_config = json_utils.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        options = TFJobOptions.model_validate_json(custom_config[TRAINING_JOB_KEY])
        outputs = training_handover.outputs(output_dict)
        run = Path(options.shared_folder, training_handover.job_name(outputs["model"]))
        if not (run / _TRAINED).exists():
            self._train(options, run, self._GetFnArgs(input_dict, output_dict, exec_properties), exec_properties)
        for folder, uri in outputs.items():
            io_utils.copy_dir(str(run / folder), uri)
        shutil.rmtree(run, ignore_errors=True)

    def _train(self, options: TFJobOptions, run: Path, fn_args: FnArgs, exec_properties: dict[str, Any]) -> None:
        """Leave a trained model in ``run``."""
        manifest = tfjob.manifest(
            options,
            name=run.name,
            command=_hand_over(fn_args, exec_properties, run),
            user=os.getuid(),
            group=os.getgid(),
        )
        jobs = client.connect(options.namespace)
        try:
            jobs.run(manifest, timeout_seconds=options.timeout_seconds, on_success=(run / _TRAINED).touch)
        except client.TFJobFailed:
            # If anything else ends this process, the next attempt uses the folder.
            shutil.rmtree(run, ignore_errors=True)
            raise


def _hand_over(fn_args: FnArgs, exec_properties: dict[str, Any], run: Path) -> list[str]:
    """Copy the inputs to a folder that the workers see, and return the command that trains on them.

    The pods see the volumes, but not the launcher's mounts of the object store.
    """
    sources = training_handover.inputs(fn_args)
    _copy_whole(sources, run / "inputs")
    job = training_handover.job(
        fn_args,
        exec_properties,
        inputs={name: run / "inputs" / name for name in sources},
        outputs={"model": str(run / "model"), "model_run": str(run / "model_run")},
    )
    return training_handover.write(job, run / "job.json")


def _copy_whole(sources: dict[str, Path], target: Path) -> None:
    """Copy folders; ``target`` appears only when all are complete."""
    if target.exists():
        return
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    for name, source in sources.items():
        io_utils.copy_dir(str(source), str(part / name))
    part.rename(target)
