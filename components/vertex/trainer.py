"""The Trainer's executor where the training runs as a custom job of Vertex AI: it starts the job and waits for its end.

``run_fn`` is called in the job's workers and does not know; the exported model is the same. The workers see the bucket
under the same mount as this task, so nothing is copied.
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
from components.vertex.custom_job_options import JobOptions
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE
from trainer.export.model_artifact import is_empty

_JOB_FILE = "job.json"


class CustomJobExecutor(GenericExecutor):
    """Trains in the workers of a custom job; see ``docs/distributed_training.md``.

    Attributes:
        poll_seconds: between two looks at the job.
    """

    poll_seconds = 20.0

    # The containers' entry point then leaves the outputs in the mount (see `kubeflow.container.invocation`).
    OUTPUTS_MADE_ELSEWHERE = True

    def Do(  # noqa: N802 (named by TFX)
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Train. SIGTERM cancels the job, whose checkpoints stay.

        Raises:
            CustomJobFailed: no job could be started, or it ended without a model.
            SystemExit: with 75, after SIGTERM.
        """
        # It brings Vertex AI's client along, which takes seconds: not for those who only compile.
        from components.vertex.custom_job import CustomJob, CustomJobStopped

        self._log_startup(input_dict, output_dict, exec_properties)
        custom_config = json_utils.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        options = JobOptions.model_validate_json(custom_config[TRAINING_JOB_KEY])
        outputs = training_handover.outputs(output_dict)
        fn_args = self._GetFnArgs(input_dict, output_dict, exec_properties)
        job = training_handover.job(fn_args, exec_properties, inputs=training_handover.inputs(fn_args), outputs=outputs)
        command = training_handover.write(job, Path(outputs["model_run"], _JOB_FILE))
        name = training_handover.job_name(outputs["model"])
        model = path_utils.serving_model_dir(outputs["model"])
        try:
            CustomJob(options, name=name, poll_seconds=self.poll_seconds).run(
                command, is_made=lambda: not is_empty(model)
            )
        except CustomJobStopped as stopped:
            print(stopped, file=sys.stderr)
            sys.exit(RESUMABLE_EXIT_CODE)
