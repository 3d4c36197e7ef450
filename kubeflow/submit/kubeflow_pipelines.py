"""Submission to Kubeflow Pipelines."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import kfp_server_api
from google.protobuf import json_format

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.submit import cron, kfp_client, kfp_errors
from kubeflow.submit.submission import Progress, Request, SubmissionFailed, Submitted, run_name
from pipeline.config import platforms
from pipeline.config.config import Config
from pipeline.nodes.places import places

_SUCCEEDED = "SUCCEEDED"
# The client's own wait_for_run_completion does not know CANCELED, and never ends for it.
_ENDED = (_SUCCEEDED, "FAILED", "CANCELED", "SKIPPED")


def submit(compiled: CompiledPipeline, config: Config, request: Request) -> Submitted:
    """Start a run or a schedule; the arguments are those of `kubeflow.submit.submission.submit`, checked."""
    submission = _Submission(config, request)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        package.write_text(compiled.to_yaml())
        started = submission.schedule(package) if request.cron else submission.start(package)
    return submission.wait(started) if request.wait else started


class _Submission:
    """One submission: the platform, and what was asked for."""

    def __init__(self, config: Config, request: Request):
        self._config = config
        self._platform: platforms.Kubeflow = config.platform
        self._request = request
        self._ui = kfp_client.user_interface(self._platform.host)
        with self._explained("log in"):
            self._client = kfp_client.connect(
                self._platform.host, namespace=self._platform.namespace, seconds=request.timeout_seconds
            )

    def start(self, package: Path) -> Submitted:
        """One run now."""
        experiment, name = self._experiment(), run_name(self._config)
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
                # The answer was lost, perhaps, and the run was not: a second one would be one too many.
                run_id = self._find(experiment, name) if kfp_errors.may_have_worked(error) else None
                if run_id is None:
                    raise
        return Submitted(name=f"{name} ({run_id})", url=f"{self._ui}/#/runs/details/{run_id}")

    def schedule(self, package: Path) -> Submitted:
        """One run at every tick; a tick that was missed is not made up for, and runs do not overlap."""
        experiment = self._experiment()
        with self._explained("create the schedule"), kfp_client.quiet():
            recurring = self._client.create_recurring_run(
                experiment_id=experiment,
                job_name=self._config.name,
                cron_expression=cron.with_seconds(self._request.cron),
                max_concurrency=1,
                no_catchup=True,
                pipeline_package_path=str(package),
                params=dict(self._request.parameters),
                pipeline_root=places(self._config).artifacts,
                service_account=self._platform.service_account,
            )
        name, schedule_id = self._config.name, recurring.recurring_run_id
        return Submitted(name=f"{name} ({schedule_id})", url=f"{self._ui}/#/recurringrun/details/{schedule_id}")

    def wait(self, started: Submitted) -> Submitted:
        """Wait for the end of the run."""
        with Progress(started) as progress:
            run = self._ask(started, progress)
            while run.state not in _ENDED:
                time.sleep(self._request.poll_seconds)
                run = self._ask(started, progress)
        state = run.state.lower()
        if run.state != _SUCCEEDED:
            raise SubmissionFailed(f"{started.name} {state}{_why(run)}\nlook at {started.url}")
        return replace(started, state=state)

    def _ask(self, started: Submitted, progress: Progress) -> kfp_server_api.V2beta1Run:
        with self._explained(f"ask for the state of the run, which goes on ({started.url})"):
            run = self._client.get_run(started.url.rpartition("/")[2])
        progress.show({task.display_name: (task.state or "pending").lower() for task in _tasks(run)})
        return run

    def _experiment(self) -> str:
        """The experiment's id; it is created where it is missing."""
        with self._explained(f"get or create experiment {self._platform.experiment!r}"), kfp_client.quiet():
            experiment = self._client.create_experiment(
                name=self._platform.experiment, namespace=self._platform.namespace
            )
        return experiment.experiment_id

    def _find(self, experiment: str, name: str) -> str | None:
        """The id of the run called ``name``, which is ours alone."""
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


def _tasks(run: kfp_server_api.V2beta1Run) -> list[kfp_server_api.V2beta1PipelineTaskDetail]:
    return (run.run_details and run.run_details.task_details) or []


def _why(run: kfp_server_api.V2beta1Run) -> str:
    """The task that failed, and its error; the error of the run where no task did."""
    failed = [task for task in _tasks(run) if task.state == "FAILED"]
    parents = {task.parent_task_id for task in failed}
    # A task that holds others fails with them, and says less.
    leaves = [task for task in failed if task.task_id not in parents]
    messages = [task.error.message for task in leaves if task.error] + [run.error.message if run.error else ""]
    message = " ".join(next(filter(None, messages), "its log has the reason").split())[:400]
    names = ", ".join(task.display_name for task in leaves)
    return f": {names}: {message}" if names else f": {message}"
