"""The Trainer's executor for a training in a custom job of Vertex AI: it starts the job and waits for its end.

The job's workers call the same ``run_fn``, and the exported model is the same. They see the bucket under the same mount
as this task, so nothing is copied.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tfx.components.trainer.executor import GenericExecutor
from tfx.types import standard_component_specs
from tfx.utils import json_utils, path_utils

from components import training_handover
from components.training_handover import TRAINING_JOB_KEY, Artifacts
from components.vertex.custom_job_options import CustomJobOptions
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE
from trainer.export.model_artifact import is_empty

_JOB_FILE = "job.json"


class CustomJobExecutor(GenericExecutor):
    """Trains in the workers of a custom job; see ``docs/distributed_training.md``.

    Attributes:
        poll_seconds: pause between two queries of the job.
    """

    poll_seconds = 20.0

    # Tells the containers' entry point to leave the outputs in the mount (see `kubeflow.container.invocation`).
    OUTPUTS_MADE_ELSEWHERE = True

    def Do(  # noqa: N802 (named by TFX)
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Train. SIGTERM cancels the job, whose checkpoints stay.

        Raises:
            CustomJobFailed: the job did not start, or ended without a model.
            SystemExit: with 75, after SIGTERM.
        """
        # It imports Vertex AI's client, which takes seconds that compiling does not need.
        from components.vertex.custom_job import CustomJobRun, CustomJobStopped

        self._log_startup(input_dict, output_dict, exec_properties)
        custom_config = json_utils.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        options = CustomJobOptions.model_validate_json(custom_config[TRAINING_JOB_KEY])
        outputs = training_handover.outputs(output_dict)
        fn_args = self._GetFnArgs(input_dict, output_dict, exec_properties)
        job = training_handover.job(fn_args, exec_properties, inputs=training_handover.inputs(fn_args), outputs=outputs)
        command = training_handover.write(job, Path(outputs["model_run"], _JOB_FILE))
        name = training_handover.job_name(outputs["model"])
        model = path_utils.serving_model_dir(outputs["model"])
        try:
            CustomJobRun(options, name=name, poll_seconds=self.poll_seconds).run(
                command, is_made=lambda: not is_empty(model)
            )
        except CustomJobStopped as stopped:
            print(stopped, file=sys.stderr)
            sys.exit(RESUMABLE_EXIT_CODE)
