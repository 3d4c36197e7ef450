"""A job server for Flink: Beam's own Python one, which puts a pipeline into a jar and hands that to Flink's REST API.

Users run Beam's Java job server, which not every mirror of Maven's repository has. Fixed in Beam's Python one:
cancelling, a job that is not running yet, errors a reader can use, and the pace of its answers.

    python -m tests.engines.flink.job_server --master http://localhost:8081 --port 8099 \\
        --jar .engines/flink/launcher.jar
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from concurrent import futures

import grpc
import requests
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions
from apache_beam.portability.api import beam_job_api_pb2 as api
from apache_beam.portability.api import beam_job_api_pb2_grpc
from apache_beam.runners.portability import flink_uber_jar_job_server as uber_jar

_LOG = logging.getLogger("job_server")
_ENTRY_CLASS = "engines.RunOnFlink"
_POLL_SECONDS = 0.25
# The first job takes Flink half a minute on a busy machine.
_ANSWER_SECONDS = 180
# A job manager that does not answer for so long is gone.
_PATIENCE_SECONDS = 15
_STATES = {
    "INITIALIZING": api.JobState.STARTING,
    "CREATED": api.JobState.STARTING,
    "CANCELLING": api.JobState.CANCELLING,
    "CANCELED": api.JobState.CANCELLED,
    "FAILED": api.JobState.FAILED,
    "FINISHED": api.JobState.DONE,
}
_JAVA_ERROR = re.compile(
    r"^(?:Caused by: |<Exception on server side:$\n)?((?:[\w$]+\.)+[\w$]*(?:Exception|Error|Failure)\b.*)$",
    re.MULTILINE,
)
_PACKAGE = re.compile(r"\b(?:[a-z][\w$]*\.)+([A-Z][\w$]*)")


class FlinkError(Exception):
    """Flink refused a job, or does not answer."""


def reason(trace: str) -> str:
    """The innermost causes in a Java stack trace; the error of the Python worker where there is one."""
    python = trace.rpartition("Traceback (most recent call last):\n")[2] if "Traceback (most recent" in trace else ""
    # Of a Python traceback, the message begins at the first line that is not indented.
    lines = list(itertools.dropwhile(lambda line: line.startswith((" ", "\t")), python.splitlines()))
    message = list(itertools.takewhile(lambda line: line.strip() and not line.startswith("\tat "), lines))
    if message:
        return "\n".join(message).strip()
    causes = [cause for cause in _JAVA_ERROR.findall(trace) if "Recovery is suppressed" not in cause]
    causes = list(dict.fromkeys(_PACKAGE.sub(r"\1", cause) for cause in causes))
    return "; caused by ".join(causes[-2:]) or (trace.strip().splitlines() or ["the engine gave no reason"])[0]


class Job(uber_jar.FlinkBeamJob):
    """One pipeline on Flink."""

    _flink_job_id: str | None = None

    def request(self, method, path, expected_status=200, **kwargs):
        response = method(f"{self._master_url}/{path}", **{"timeout": _ANSWER_SECONDS, **kwargs})
        if response.status_code != expected_status:
            errors = response.json().get("errors", []) if "json" in response.headers.get("content-type", "") else []
            detail = "\n".join(errors) or response.text
            _LOG.error("%s: status %s: %s", path, response.status_code, detail)
            raise FlinkError(f"Flink refused {path.partition('?')[0]}: {reason(detail)}")
        return response.json() if response.text else None

    def run(self) -> None:
        self._stop_artifact_service()
        self.set_state(api.JobState.STARTING)
        try:
            with open(self._jar, "rb") as jar:  # noqa: PTH123 -- Beam keeps a name, no path
                uploaded = self.post("v1/jars/upload", files={"jarfile": ("beam.jar", jar)})
        finally:
            os.unlink(self._jar)  # noqa: PTH108
        self._flink_jar_id = uploaded["filename"].rpartition("/")[2]
        self._jar_uploaded = True
        try:
            started = self.post(f"v1/jars/{self._flink_jar_id}/run", json=self._run_request())
        finally:
            # A job that has started no longer reads it, and nobody may ask for the end of one whose client has gone.
            self.delete_jar()
        self._flink_job_id = started["jobid"]
        _LOG.info("%s is Flink's job %s", self._job_id, self._flink_job_id)

    def _run_request(self) -> dict:
        parallelism = int(dict(self._pipeline_options).get("beam:option:parallelism:v1") or -1)
        return {"entryClass": _ENTRY_CLASS} | ({"parallelism": parallelism} if parallelism > 0 else {})

    @property
    def running(self) -> bool:
        return self._flink_job_id is not None

    def cancel(self) -> None:
        if self.running and not self.is_terminal_state(self.get_state()[0]):
            self.request(requests.patch, f"v1/jobs/{self._flink_job_id}?mode=cancel", 202)

    def _get_state(self):
        if not self.running:
            return (*super(uber_jar.FlinkBeamJob, self).get_state()[:1], None)
        state = _STATES.get(self.get(f"v1/jobs/{self._flink_job_id}/status")["status"], api.JobState.RUNNING)
        return state, self.set_state(state)

    def get_state_stream(self) -> Iterator:
        for state, timestamp in self.with_state_history(self._states()):
            yield state, timestamp
            if self.is_terminal_state(state):
                return

    def _states(self) -> Iterator:
        answered = time.monotonic()
        while True:
            try:
                state = self.get_state()
                answered = time.monotonic()
            except requests.RequestException as error:
                if time.monotonic() - answered > _PATIENCE_SECONDS:
                    raise FlinkError(
                        f"Flink's job manager at {self._master_url} does not answer any more "
                        f"({type(error).__name__}); is it still running?"
                    ) from error
            else:
                yield state
            time.sleep(_POLL_SECONDS)

    def get_message_stream(self) -> Iterator:
        for state, timestamp in self.get_state_stream():
            if state == api.JobState.FAILED:
                yield from self._failure()
            yield state, timestamp

    def _failure(self) -> Iterator[api.JobMessage]:
        """The whole stack trace for the log; then, as the last word, its reason."""
        trace = self.get(f"v1/jobs/{self._flink_job_id}/exceptions").get("root-exception") or ""
        _LOG.error("%s failed: %s", self._job_id, trace)
        levels = api.JobMessage.MessageImportance
        for number, (level, text) in enumerate(
            [(levels.JOB_MESSAGE_DETAILED, trace), (levels.JOB_MESSAGE_ERROR, reason(trace))]
        ):
            yield api.JobMessage(message_id=f"message{number}", importance=level, message_text=text)


class JobServer(uber_jar.FlinkUberJarJobServer):
    """Beam's Job API in front of one Flink cluster."""

    def create_beam_job(self, job_id, job_name, pipeline, options):
        return Job(self._master_url, self.executable_jar(), job_id, job_name, pipeline, options)

    def Prepare(self, request, context=None, timeout=None):  # noqa: N802 -- gRPC's names
        with _told(context):
            return super().Prepare(request, context, timeout)

    def Run(self, request, context=None, timeout=None):  # noqa: N802
        with _told(context):
            return super().Run(request, context, timeout)

    def Cancel(self, request, context=None, timeout=None):  # noqa: N802
        with _told(context):
            return super().Cancel(request, context, timeout)

    def GetStateStream(self, request, context=None, timeout=None):  # noqa: N802
        self._refuse_early(request, context)
        with _told(context):
            yield from super().GetStateStream(request, context, timeout)

    def GetMessageStream(self, request, context=None, timeout=None):  # noqa: N802
        self._refuse_early(request, context)
        with _told(context):
            yield from super().GetMessageStream(request, context, timeout)

    def _refuse_early(self, request, context) -> None:
        # A client that gets a stream before the job runs gives it a deadline, which would cut a long job.
        job = self._jobs.get(request.job_id)
        if job is None or not job.running:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.job_id} is not running")


@contextlib.contextmanager
def _told(context) -> Iterator[None]:
    """Turn what went wrong into the call's status, which is all that a client sees."""
    try:
        yield
    except FlinkError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    except requests.RequestException as error:
        context.abort(grpc.StatusCode.UNAVAILABLE, f"Flink's REST API does not answer: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", required=True, help="the job manager's REST API")
    parser.add_argument("--port", required=True, type=int, help="where this server listens on 127.0.0.1")
    parser.add_argument("--jar", required=True, help="the launcher")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

    beam_options = PipelineOptions([])
    beam_options.view_as(FlinkRunnerOptions).flink_job_server_jar = options.jar
    # Every waiting client holds two threads: one for states and one for messages.
    server = grpc.server(futures.ThreadPoolExecutor(128))
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(JobServer(options.master, beam_options), server)
    server.add_insecure_port(f"127.0.0.1:{options.port}")
    server.start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
