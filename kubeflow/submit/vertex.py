"""Submission to Vertex AI Pipelines.

Uses the service's own client (`aiplatform_v1`), not `aiplatform.PipelineJob.submit`: that one looks for the root's
bucket with two minutes of retries, creates a missing one, and keeps its options in global state.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core import exceptions
from google.cloud import aiplatform_v1 as vertex

from components.vertex import api
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.platform import platform_of
from kubeflow.submit.request import Request, SubmissionFailed, Submitted, run_name
from kubeflow.submit.waiting import RunStatus, TaskStatus, wait
from pipeline.config.config import Config
from pipeline.config.platform.vertex import Vertex
from pipeline.nodes.places import places

_CONSOLE = "https://console.cloud.google.com/vertex-ai/locations/{region}/pipelines/{kind}/{id}?project={project}"
_ENDED = (
    vertex.PipelineState.PIPELINE_STATE_SUCCEEDED,
    vertex.PipelineState.PIPELINE_STATE_FAILED,
    vertex.PipelineState.PIPELINE_STATE_CANCELLED,
)


def submit(compiled: CompiledPipeline, config: Config, request: Request) -> Submitted:
    """Start a run or a schedule; see `kubeflow.submit.submission.submit`, which checks the request."""
    return _Submission(config, request).submit(compiled)


class _Submission:
    """One submission to one platform."""

    def __init__(self, config: Config, request: Request):
        self._config = config
        self._platform = platform_of(config, Vertex)
        self._request = request
        self._parent = f"projects/{self._platform.project}/locations/{self._platform.region}"

    def submit(self, compiled: CompiledPipeline) -> Submitted:
        job = self._job(compiled)
        if self._request.cron:
            return self._schedule(job)
        name = run_name(self._config.name)
        with self._explained("start the run"):
            client = api.client(vertex.PipelineServiceClient, region=self._platform.region)
            self._start(client, job, name)
        started = Submitted(name=f"{self._parent}/pipelineJobs/{name}", url=self._url("runs", name))
        if not self._request.wait:
            return started
        return wait(started, lambda: self._status(client, started), poll_seconds=self._request.poll_seconds)

    def _start(self, client: vertex.PipelineServiceClient, job: vertex.PipelineJob, name: str) -> None:
        bounded = api.bounded(self._request.timeout_seconds)
        try:
            client.create_pipeline_job(parent=self._parent, pipeline_job=job, pipeline_job_id=name, **bounded)
        except exceptions.Conflict as conflict:
            # The name is unique: if it exists, the answer to an earlier attempt of this call was lost.
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

    def _status(self, client: vertex.PipelineServiceClient, started: Submitted) -> RunStatus:
        with self._explained(f"query the run, which continues ({started.url})"):
            job = client.get_pipeline_job(name=started.name, **api.bounded(self._request.timeout_seconds))
        return RunStatus(
            state=job.state.name.removeprefix("PIPELINE_STATE_").lower(),
            ended=job.state in _ENDED,
            succeeded=job.state == vertex.PipelineState.PIPELINE_STATE_SUCCEEDED,
            tasks=tuple(_task_status(task) for task in job.job_detail.task_details),
            message=job.error.message,
        )

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

    def _job(self, compiled: CompiledPipeline) -> vertex.PipelineJob:
        platform = self._platform
        job: dict[str, Any] = {
            "displayName": self._config.name,
            "pipelineSpec": compiled.spec,
            "runtimeConfig": {
                "gcsOutputDirectory": places(self._config).artifacts,
                "parameterValues": dict(self._request.parameters),
            },
            "labels": dict(platform.labels),
            "serviceAccount": platform.service_account or "",
            "network": platform.network or "",
        }
        if platform.encryption_key:
            job["encryptionSpec"] = {"kmsKeyName": platform.encryption_key}
        return vertex.PipelineJob(vertex.PipelineJob.from_json(json.dumps(job)))


def _task_status(task: vertex.PipelineTaskDetail) -> TaskStatus:
    return TaskStatus(
        id=str(task.task_id),
        parent_id=str(task.parent_task_id),
        name=task.task_name,
        state=task.state.name.lower(),
        failed=task.state == vertex.PipelineTaskDetail.State.FAILED,
        message=task.error.message,
    )
