"""Submission to Kubeflow Pipelines."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import kfp_server_api
from google.protobuf import json_format

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.platform import platform_of
from kubeflow.submit import cron, kfp_client, kfp_errors
from kubeflow.submit.request import Request, SubmissionFailed, Submitted, run_name
from kubeflow.submit.waiting import RunStatus, TaskStatus, wait
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow
from pipeline.nodes.places import places

_SUCCEEDED = "SUCCEEDED"
# The client's own wait_for_run_completion does not know CANCELED, and would wait for ever.
_ENDED = (_SUCCEEDED, "FAILED", "CANCELED", "SKIPPED")


def submit(compiled: CompiledPipeline, config: Config, request: Request) -> Submitted:
    """Start a run or a schedule; see `kubeflow.submit.submission.submit`, which checks the request."""
    schedule = cron.with_seconds(request.cron) if request.cron else None
    submission = _Submission(config, request)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        package.write_text(compiled.to_yaml())
        started = submission.schedule(package, schedule) if schedule else submission.start(package)
    if not request.wait:
        return started
    return wait(started, lambda: submission.status(started), poll_seconds=request.poll_seconds)


class _Submission:
    """One submission to one platform."""

    def __init__(self, config: Config, request: Request):
        self._config = config
        self._platform = platform_of(config, Kubeflow)
        self._request = request
        self._ui = kfp_client.user_interface(self._platform.host)
        with self._explained("log in"):
            self._client = kfp_client.connect(
                self._platform.host, namespace=self._platform.namespace, seconds=request.timeout_seconds
            )

    def start(self, package: Path) -> Submitted:
        """One run now."""
        experiment, name = self._experiment(), run_name(self._config.name)
        with self._explained("start the run"):
            try:
                with kfp_client.quiet():
                    run = self._client.run_pipeline(
                        experiment_id=experiment,
                        job_name=name,
                        pipeline_package_path=str(package),
                        params=dict(self._request.parameters),
                        pipeline_root=places(self._config).artifacts,
                        service_account=self._platform.service_account,
                    )
                run_id = run.run_id
            except kfp_client.ERRORS as error:
                # Perhaps only the answer was lost: then a retry would start a second run.
                run_id = self._find(experiment, name) if kfp_errors.may_have_worked(error) else None
                if run_id is None:
                    raise
        return Submitted(name=f"{name} ({run_id})", url=f"{self._ui}/#/runs/details/{run_id}")

    def schedule(self, package: Path, schedule: str) -> Submitted:
        """One run at every tick of ``schedule``; missed ticks are skipped, and runs do not overlap."""
        experiment = self._experiment()
        with self._explained("create the schedule"), kfp_client.quiet():
            recurring = self._client.create_recurring_run(
                experiment_id=experiment,
                job_name=self._config.name,
                cron_expression=schedule,
                max_concurrency=1,
                no_catchup=True,
                pipeline_package_path=str(package),
                params=dict(self._request.parameters),
                pipeline_root=places(self._config).artifacts,
                service_account=self._platform.service_account,
            )
        name, schedule_id = self._config.name, recurring.recurring_run_id
        return Submitted(name=f"{name} ({schedule_id})", url=f"{self._ui}/#/recurringrun/details/{schedule_id}")

    def status(self, started: Submitted) -> RunStatus:
        """The run as it is now."""
        with self._explained(f"query the run, which continues ({started.url})"):
            run = self._client.get_run(started.url.rpartition("/")[2])
        return RunStatus(
            state=(run.state or "pending").lower(),
            ended=run.state in _ENDED,
            succeeded=run.state == _SUCCEEDED,
            tasks=tuple(_task_status(task) for task in (run.run_details and run.run_details.task_details) or ()),
            message=(run.error and run.error.message) or "",
        )

    def _experiment(self) -> str:
        """The experiment's id; a missing experiment is created."""
        with self._explained(f"get or create experiment {self._platform.experiment!r}"), kfp_client.quiet():
            experiment = self._client.create_experiment(
                name=self._platform.experiment,
                # The client's annotation forgets that None is its default.
                namespace=cast(str, self._platform.namespace),
            )
        return experiment.experiment_id or ""

    def _find(self, experiment: str, name: str) -> str | None:
        """The id of the run called ``name``, which is unique."""
        equals = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        found = self._client.list_runs(
            experiment_id=experiment, namespace=self._platform.namespace, filter=json.dumps({"predicates": [equals]})
        )
        return found.runs[0].run_id if found.runs else None

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        platform = self._platform
        try:
            yield
        except kfp_client.ERRORS as error:
            text = kfp_errors.explain(
                error,
                doing=doing,
                host=platform.host,
                namespace=platform.namespace,
                seconds=self._request.timeout_seconds,
            )
            raise SubmissionFailed(text) from error
        except json_format.ParseError as error:
            reason = " ".join(str(error).split())[:300]
            raise SubmissionFailed(
                f"cannot {doing}: the client does not understand the compiled pipeline ({reason});\n"
                "compile it again with a profile whose platform is kubeflow."
            ) from error


def _task_status(task: kfp_server_api.V2beta1PipelineTaskDetail) -> TaskStatus:
    return TaskStatus(
        id=task.task_id or "",
        parent_id=task.parent_task_id or "",
        name=task.display_name or "",
        state=(task.state or "pending").lower(),
        failed=task.state == "FAILED",
        message=(task.error and task.error.message) or "",
    )
