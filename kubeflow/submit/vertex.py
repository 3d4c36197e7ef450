"""Submission to Vertex AI Pipelines.

With the service's own client (`aiplatform_v1`), not `aiplatform.PipelineJob.submit`: that one looks for the root's
bucket with two minutes of retries, creates it where it is missing, and keeps its options in global state.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from google.api_core import exceptions
from google.cloud import aiplatform_v1 as vertex

from components.vertex import api
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.submit.submission import Progress, Request, SubmissionFailed, Submitted, run_name
from pipeline.config import platforms
from pipeline.config.config import Config
from pipeline.nodes.places import places

_CONSOLE = "https://console.cloud.google.com/vertex-ai/locations/{region}/pipelines/{kind}/{id}?project={project}"
_ENDED = (
    vertex.PipelineState.PIPELINE_STATE_SUCCEEDED,
    vertex.PipelineState.PIPELINE_STATE_FAILED,
    vertex.PipelineState.PIPELINE_STATE_CANCELLED,
)


def submit(compiled: CompiledPipeline, config: Config, request: Request) -> Submitted:
    """Start a run or a schedule; the arguments are those of `kubeflow.submit.submission.submit`, checked."""
    return _Submission(config, request).submit(compiled)


class _Submission:
    """One submission: the platform, and what was asked for."""

    def __init__(self, config: Config, request: Request):
        self._config = config
        self._platform: platforms.Vertex = config.platform
        self._request = request
        self._parent = f"projects/{self._platform.project}/locations/{self._platform.region}"

    def submit(self, compiled: CompiledPipeline) -> Submitted:
        job = _job(compiled, self._config, self._request)
        if self._request.cron:
            return self._schedule(job)
        name = run_name(self._config)
        with self._explained("start the run"):
            client = api.client(vertex.PipelineServiceClient, region=self._platform.region)
            self._start(client, job, name)
        started = Submitted(name=f"{self._parent}/pipelineJobs/{name}", url=self._url("runs", name))
        return self._wait(client, started) if self._request.wait else started

    def _start(self, client: vertex.PipelineServiceClient, job: vertex.PipelineJob, name: str) -> None:
        bounded = api.bounded(self._request.timeout_seconds)
        try:
            client.create_pipeline_job(parent=self._parent, pipeline_job=job, pipeline_job_id=name, **bounded)
        except exceptions.Conflict as conflict:
            # Nobody else makes this name: where it exists, the answer to an earlier attempt of this call was lost.
            try:
                client.get_pipeline_job(name=f"{self._parent}/pipelineJobs/{name}", **bounded)
            except exceptions.NotFound:
                raise conflict from None

    def _schedule(self, job: vertex.PipelineJob) -> Submitted:
        schedule = vertex.Schedule(
            display_name=self._config.name,
            cron=self._request.cron,
            max_concurrent_run_count=1,
            create_pipeline_job_request=vertex.CreatePipelineJobRequest(parent=self._parent, pipeline_job=job),
        )
        with self._explained("create the schedule"):
            client = api.client(vertex.ScheduleServiceClient, region=self._platform.region)
            created = client.create_schedule(
                parent=self._parent, schedule=schedule, **api.once(self._request.timeout_seconds)
            )
        return Submitted(name=created.name, url=self._url("schedules", created.name.rpartition("/")[2]))

    def _wait(self, client: vertex.PipelineServiceClient, started: Submitted) -> Submitted:
        with Progress(started) as progress:
            job = self._ask(client, started, progress)
            while job.state not in _ENDED:
                time.sleep(self._request.poll_seconds)
                job = self._ask(client, started, progress)
        state = job.state.name.removeprefix("PIPELINE_STATE_").lower()
        if job.state != vertex.PipelineState.PIPELINE_STATE_SUCCEEDED:
            raise SubmissionFailed(f"{started.name} {state}{_why(job)}\nlook at {started.url}")
        return replace(started, state=state)

    def _ask(self, client: vertex.PipelineServiceClient, started: Submitted, progress: Progress) -> vertex.PipelineJob:
        with self._explained(f"ask for the state of the run, which goes on ({started.url})"):
            job = client.get_pipeline_job(name=started.name, **api.bounded(self._request.timeout_seconds))
        progress.show({task.task_name: task.state.name.lower() for task in job.job_detail.task_details})
        return job

    def _url(self, kind: str, name: str) -> str:
        return _CONSOLE.format(region=self._platform.region, project=self._platform.project, kind=kind, id=name)

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except api.ERRORS as error:
            text = api.explain(
                error,
                doing=doing,
                project=self._platform.project,
                region=self._platform.region,
                seconds=self._request.timeout_seconds,
            )
            raise SubmissionFailed(text) from error


def _job(compiled: CompiledPipeline, config: Config, request: Request) -> vertex.PipelineJob:
    platform: platforms.Vertex = config.platform
    job: dict[str, Any] = {
        "displayName": config.name,
        "pipelineSpec": compiled.spec,
        "runtimeConfig": {
            "gcsOutputDirectory": places(config).artifacts,
            "parameterValues": dict(request.parameters),
        },
        "labels": dict(platform.labels),
        "serviceAccount": platform.service_account or "",
        "network": platform.network or "",
    }
    if platform.encryption_key:
        job["encryptionSpec"] = {"kmsKeyName": platform.encryption_key}
    return vertex.PipelineJob.from_json(json.dumps(job))


def _why(job: vertex.PipelineJob) -> str:
    """The task that failed, and its error; the error of the run where no task did."""
    failed = [task for task in job.job_detail.task_details if task.state == vertex.PipelineTaskDetail.State.FAILED]
    parents = {task.parent_task_id for task in failed}
    # A task that holds others fails with them, and says less.
    leaves = [task for task in failed if task.task_id not in parents]
    if not leaves:
        return f": {_line(job.error.message)}" if job.error.message else ""
    names = ", ".join(task.task_name for task in leaves)
    message = next((task.error.message for task in leaves if task.error.message), job.error.message)
    return f": {names}: {_line(message) or 'its log has the reason'}"


def _line(text: str) -> str:
    return " ".join(text.split())[:400]
