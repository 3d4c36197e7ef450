"""A training as a custom job of Vertex AI: several workers, GPUs, machines that the pipeline's tasks cannot have."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from google.api_core import exceptions
from google.cloud import aiplatform_v1 as vertex

from components.vertex import api
from components.vertex.custom_job_options import CustomJobOptions
from trainer.distribution.preemption import Preemption

logger = logging.getLogger(__name__)

_CALL_SECONDS = 60.0
_FIRST_POLL_SECONDS = 1.0
# A query of a running job: the next one follows soon, and SIGTERM has to wait for it.
_QUERY_SECONDS = 10.0
# How soon SIGTERM is noticed between two queries.
_HEED_SECONDS = 0.5
# After a lost answer, the new job may not be listed at once.
_LOOKS_FOR_LOST = 3
_LONGEST_REASON = 400
# Names the output of a job, so that a restarted task finds the job that it started before.
_LABEL = "training"
_STATE = vertex.JobState
_ENDED = (
    _STATE.JOB_STATE_SUCCEEDED,
    _STATE.JOB_STATE_FAILED,
    _STATE.JOB_STATE_CANCELLED,
    _STATE.JOB_STATE_EXPIRED,
    _STATE.JOB_STATE_PARTIALLY_SUCCEEDED,
)
_CONSOLE = "https://console.cloud.google.com/vertex-ai/locations/{region}/training/{id}?project={project}"


class CustomJobFailed(Exception):
    """The job did not start, or ended without a model; one or two lines: what, where, what to do."""


class CustomJobStopped(Exception):
    """SIGTERM arrived; the job is cancelled, and the next attempt resumes from the last checkpoint."""


def specification(options: CustomJobOptions, *, name: str, command: Sequence[str]) -> vertex.CustomJob:
    """The job for the API; every worker runs ``command``, and gets its place from Vertex in TF_CONFIG.

    Args:
        options: options of the job.
        name: identifies the output of the training; at most 63 lower-case letters, digits, ``-`` and ``_``.
        command: command of each worker.

    Raises:
        CustomJobFailed: Vertex has no such accelerator.
    """
    pool = vertex.WorkerPoolSpec(
        machine_spec=_machine(options),
        replica_count=1,
        disk_spec=vertex.DiskSpec(boot_disk_size_gb=options.boot_disk_gb),
        container_spec=vertex.ContainerSpec(image_uri=options.image, command=list(command)),
    )
    # The first pool is the chief, always one replica; the second holds all other workers.
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
                timeout=datetime.timedelta(seconds=options.timeout_seconds),
                strategy=vertex.Scheduling.Strategy.SPOT if options.spot else vertex.Scheduling.Strategy.STANDARD,
                # The others' collectives do not survive the end of a worker: all restart from the last checkpoint.
                restart_job_on_worker_restart=True,
            ),
        ),
        labels={**options.labels, _LABEL: name},
    )
    if options.encryption_key:
        job.encryption_spec = vertex.EncryptionSpec(kms_key_name=options.encryption_key)
    return job


class CustomJobRun:
    """One training on Vertex AI; a restarted process finds it again by its name.

    Args:
        options: options of the job.
        name: see `specification`.
        poll_seconds: pause between two queries of the job; the first pauses are shorter.
        silent_seconds: how long Vertex may fail to answer while the job runs.
    """

    def __init__(
        self, options: CustomJobOptions, *, name: str, poll_seconds: float = 20.0, silent_seconds: float = 1800.0
    ):
        self._options = options
        self._name = name
        self._parent = f"projects/{options.project}/locations/{options.region}"
        self._poll_seconds = poll_seconds
        self._silent_seconds = silent_seconds
        self._job: vertex.CustomJob | None = None

    def run(self, command: Sequence[str], *, is_made: Callable[[], bool]) -> None:
        """Start the job, or adopt the one that an earlier attempt started, and wait for its end.

        Args:
            command: command of each worker.
            is_made: tells whether the model exists.

        Raises:
            CustomJobFailed: the job did not start or failed; if Vertex did not answer for too long, it continues.
            CustomJobStopped: SIGTERM arrived.
        """
        job = specification(self._options, name=self._name, command=command)
        with self._explained("connect"):
            self._client = api.client(vertex.JobServiceClient, region=self._options.region)
        with Preemption() as self._preemption:
            try:
                job = self._earlier(is_made) or self._started(job)
                logger.info("%s: %s", job.name, self._url(job))
                job = self._follow(job)
            except CustomJobStopped:
                self._cancel()
                raise
        if job.state != _STATE.JOB_STATE_SUCCEEDED:
            raise CustomJobFailed(f"{job.name} {_state(job)}: {_reason(job)}\nlook at {self._url(job)}")
        if not is_made():
            raise CustomJobFailed(f"{job.name} succeeded, but left no model\nlook at its log: {self._url(job)}")

    def _earlier(self, is_made: Callable[[], bool]) -> vertex.CustomJob | None:
        """A job for the same output that is running, or has succeeded."""
        jobs = self._jobs()
        while any(job.state == _STATE.JOB_STATE_CANCELLING for job in jobs):
            # It may still write to the same place.
            self._pause(self._poll_seconds)
            jobs = self._jobs()
        running = next((job for job in jobs if job.state not in _ENDED), None)
        succeeded = next((job for job in jobs if job.state == _STATE.JOB_STATE_SUCCEEDED), None)
        return running or (succeeded if succeeded and is_made() else None)

    def _started(self, job: vertex.CustomJob) -> vertex.CustomJob:
        if self._preemption.requested:
            raise CustomJobStopped("stopped before the training began")
        with self._explained("start the training"):
            try:
                return self._client.create_custom_job(parent=self._parent, custom_job=job, **api.once(_CALL_SECONDS))
            except api.ERRORS as error:
                started = None if _is_refusal(error) else self._lost()
                if started is None:
                    raise
                return started

    def _lost(self) -> vertex.CustomJob | None:
        """The job whose creation got no answer: a second one must not write to the same place."""
        for _ in range(_LOOKS_FOR_LOST):
            for job in self._jobs():
                if job.state not in _ENDED:
                    return job
            self._pause(self._poll_seconds)
        return None

    def _jobs(self) -> list[vertex.CustomJob]:
        request = {"parent": self._parent, "filter": f'labels.{_LABEL}="{self._name}"'}
        with self._explained("look for a training that an earlier attempt started"):
            return list(self._client.list_custom_jobs(request=request, **api.bounded(_CALL_SECONDS)))

    def _follow(self, job: vertex.CustomJob) -> vertex.CustomJob:
        """The job at its end. A query without an answer is ignored, since the training continues without it."""
        answered = time.monotonic()
        # A job that fails at once is reported at once.
        wait = min(_FIRST_POLL_SECONDS, self._poll_seconds)
        while job.state not in _ENDED:
            self._job = job
            self._pause(wait)
            wait = min(2 * wait, self._poll_seconds)
            with self._explained(f"query the training, which continues ({self._url(job)})"):
                try:
                    current = self._client.get_custom_job(name=job.name, **api.once(_QUERY_SECONDS))
                except api.ERRORS as error:
                    silent = time.monotonic() - answered
                    if _is_refusal(error) or silent > self._silent_seconds:
                        raise
                    logger.warning("%s: no answer for %.0f s: %s", job.name, silent, type(error).__name__)
                    continue
            answered = time.monotonic()
            if current.state != job.state:
                logger.info("%s %s", current.name, _state(current))
            job = current
        return job

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._preemption.requested and time.monotonic() < until:
            time.sleep(min(_HEED_SECONDS, seconds))
        if self._preemption.requested:
            raise CustomJobStopped(f"stopped: the training {self._name} is cancelled; the next attempt resumes it")

    def _cancel(self) -> None:
        """Cancel the running job, whose model nobody would use; errors are only logged, since the process ends."""
        bounded = api.bounded(_QUERY_SECONDS)
        try:
            # If the answer to its creation was lost, only the label identifies the job.
            for job in [self._job] if self._job else self._jobs():
                if job.state not in _ENDED:
                    with self._explained(f"cancel {job.name}, which continues"):
                        self._client.cancel_custom_job(name=job.name, **bounded)
        except CustomJobFailed as failed:
            logger.warning("%s", failed)

    def _url(self, job: vertex.CustomJob) -> str:
        """The job's page in the console."""
        options = self._options
        return _CONSOLE.format(region=options.region, project=options.project, id=job.name.rpartition("/")[2])

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        where = {"project": self._options.project, "region": self._options.region}
        try:
            yield
        except api.ERRORS as error:
            raise CustomJobFailed(api.explain(error, doing=doing, **where, seconds=_CALL_SECONDS)) from error


def _machine(options: CustomJobOptions) -> vertex.MachineSpec:
    machine = vertex.MachineSpec(machine_type=options.machine_type)
    if options.accelerator_type:
        known = [kind.name for kind in vertex.AcceleratorType if kind]
        if options.accelerator_type not in known:
            raise CustomJobFailed(
                f"platform.training.accelerator.type: Vertex has no {options.accelerator_type!r}; "
                f"it has {', '.join(known)}."
            )
        machine.accelerator_type = vertex.AcceleratorType[options.accelerator_type]
        machine.accelerator_count = options.accelerator_count
    return machine


def _is_refusal(error: Exception) -> bool:
    """Whether a retry would get the same answer; other errors leave open what happened."""
    return isinstance(error, exceptions.ClientError) and not isinstance(error, exceptions.TooManyRequests)


def _state(job: vertex.CustomJob) -> str:
    return job.state.name.removeprefix("JOB_STATE_").lower()


def _reason(job: vertex.CustomJob) -> str:
    return " ".join(job.error.message.split())[:_LONGEST_REASON] or "Vertex gives no reason; see its log"
