"""A training as a custom job of Vertex AI: several workers, GPUs, machines that the pipeline's tasks do not have."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from google.cloud import aiplatform_v1 as vertex

from components import vertex_api
from components.custom_job_options import JobOptions

logger = logging.getLogger(__name__)

_CALL_SECONDS = 60.0
_FIRST_POLL_SECONDS, _POLL_SECONDS = 1.0, 20.0
# Says which output a job trains for, so that a task that is started again finds the job it had started.
_LABEL = "training"
_ENDED = (
    vertex.JobState.JOB_STATE_SUCCEEDED,
    vertex.JobState.JOB_STATE_FAILED,
    vertex.JobState.JOB_STATE_CANCELLED,
    vertex.JobState.JOB_STATE_EXPIRED,
    vertex.JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
)
_CONSOLE = "https://console.cloud.google.com/vertex-ai/locations/{region}/training/{id}?project={project}"


class CustomJobFailed(Exception):
    """The job could not be started, or ended without success; one or two lines: what, where, what to do."""


def specification(options: JobOptions, *, name: str, training: str, command: Sequence[str]) -> vertex.CustomJob:
    """The job as the API takes it; every worker runs ``command``, and Vertex tells it its place by TF_CONFIG.

    Args:
        options: see there.
        name: for people.
        training: identifies what is trained; at most 63 lower-case letters, digits, ``-`` and ``_``.
        command: of every worker.
    """
    machine = vertex.MachineSpec(machine_type=options.machine_type)
    if options.accelerator_type:
        machine.accelerator_type = vertex.AcceleratorType[options.accelerator_type]
        machine.accelerator_count = options.accelerator_count
    pool = vertex.WorkerPoolSpec(
        machine_spec=machine,
        replica_count=1,
        disk_spec=vertex.DiskSpec(boot_disk_type="pd-ssd", boot_disk_size_gb=options.boot_disk_gb),
        container_spec=vertex.ContainerSpec(image_uri=options.image, command=list(command)),
    )
    # The first pool is the chief's, and has one replica by definition; the second holds all other workers.
    pools = [pool]
    if options.workers > 1:
        pools.append(vertex.WorkerPoolSpec(pool, replica_count=options.workers - 1))
    job = vertex.CustomJob(
        display_name=name,
        job_spec=vertex.CustomJobSpec(
            worker_pool_specs=pools,
            service_account=options.service_account or "",
            network=options.network or "",
            scheduling=vertex.Scheduling(
                strategy=vertex.Scheduling.Strategy.SPOT if options.spot else vertex.Scheduling.Strategy.STANDARD,
                restart_job_on_worker_restart=True,
            ),
        ),
        labels={**options.labels, _LABEL: training},
    )
    if options.encryption_key:
        job.encryption_spec = vertex.EncryptionSpec(kms_key_name=options.encryption_key)
    return job


class CustomJob:
    """One training on Vertex AI, found again by its name when the process that waited for it is started anew.

    Args:
        options: see there.
        name: for people.
        training: see `specification`.
    """

    def __init__(self, options: JobOptions, *, name: str, training: str):
        self._options = options
        self._name = name
        self._training = training
        self._parent = f"projects/{options.project}/locations/{options.region}"
        self._job: vertex.CustomJob | None = None

    def run(self, command: Sequence[str], *, poll_seconds: float = _POLL_SECONDS) -> None:
        """Start the job, or find the one that runs already, and wait for its end.

        Raises:
            CustomJobFailed: see there.
        """
        try:
            self._client = vertex_api.client(vertex.JobServiceClient, region=self._options.region)
            self._job = self._running() or self._started(command)
            logger.info("custom job %s: %s", self._job.name, self.url())
            # What fails at once is told at once.
            wait = min(_FIRST_POLL_SECONDS, poll_seconds)
            while self._job.state not in _ENDED:
                time.sleep(wait)
                self._refresh()
                wait = min(2 * wait, poll_seconds)
        except vertex_api.ERRORS as error:
            raise CustomJobFailed(self._explained(error, "run the training")) from error
        if self._job.state != vertex.JobState.JOB_STATE_SUCCEEDED:
            state = self._job.state.name.removeprefix("JOB_STATE_").lower()
            said = " ".join(self._job.error.message.split())
            raise CustomJobFailed(
                f"the custom job {self._job.name} {state}: {said or 'no reason given'};\n{self.url()}"
            )

    def cancel(self) -> None:
        """Stop the job, if it has been started; nobody would be left to use its model."""
        if self._job is None or self._job.state in _ENDED:
            return
        try:
            self._client.cancel_custom_job(name=self._job.name, **vertex_api.bounded(_CALL_SECONDS))
        except vertex_api.ERRORS as error:
            logger.warning("%s", self._explained(error, f"cancel {self._job.name}, which goes on"))

    def url(self) -> str:
        """Where a person looks at the job, once it has been started."""
        options, job = self._options, self._job.name.rpartition("/")[2]
        return _CONSOLE.format(region=options.region, project=options.project, id=job)

    def _running(self) -> vertex.CustomJob | None:
        """A job for the same output that has not ended."""
        request = {"parent": self._parent, "filter": f'labels.{_LABEL}="{self._training}"'}
        jobs = self._client.list_custom_jobs(request=request, **vertex_api.bounded(_CALL_SECONDS))
        return next((job for job in jobs if job.state not in _ENDED), None)

    def _started(self, command: Sequence[str]) -> vertex.CustomJob:
        job = specification(self._options, name=self._name, training=self._training, command=command)
        return self._client.create_custom_job(parent=self._parent, custom_job=job, **vertex_api.once(_CALL_SECONDS))

    def _refresh(self) -> None:
        before = self._job.state
        self._job = self._client.get_custom_job(name=self._job.name, **vertex_api.bounded(_CALL_SECONDS))
        if self._job.state != before:
            logger.info("custom job %s", self._job.state.name.removeprefix("JOB_STATE_").lower())

    def _explained(self, error: Exception, doing: str) -> str:
        return vertex_api.explain(
            error, doing=doing, project=self._options.project, region=self._options.region, seconds=_CALL_SECONDS
        )
