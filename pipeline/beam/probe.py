"""A small Beam job before the first real one: do workers start, have they our code, do they see our folders?

Without it, an engine waits indefinitely for a worker that cannot start, and old code on a worker gives a wrong model.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.internal.cloudpickle import cloudpickle
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipeline.beam import worker_report
from pipeline.config.beam.portable import JobServer
from pipeline.config.loading import ConfigError

# Elements for each task side by side, so that every worker gets some.
_ELEMENTS = 8
_MOST_LINES = 4
_CANCEL_SECONDS = 10


def probe(options: JobServer, *, folder: Path, data: Path, packages: Sequence[str]) -> tuple[str, ...]:
    """Run the small job.

    Args:
        options: the engine.
        folder: where the pipeline's artifacts go; the workers must read and write there.
        data: what ExampleGen reads.
        packages: the project's top-level packages that the workers run code of.

    Returns:
        The hosts of the workers.

    Raises:
        ConfigError: no worker came, or one lacks something; a line for each fault.
    """
    meeting = folder / f".beam-probe-{uuid.uuid4().hex[:8]}"
    token = uuid.uuid4().hex
    meeting.mkdir(parents=True)
    try:
        (meeting / "client").write_text(token)
        job = _job(options, folder=str(meeting), token=token, packages=tuple(packages), data=str(data))
        _run(job, options)
        reports = [json.loads(path.read_text()) for path in sorted(meeting.glob("*.json"))]
    finally:
        shutil.rmtree(meeting, ignore_errors=True)
    if not reports:
        raise ConfigError(f"beam: what the workers write to {folder} is not seen here; it must be a shared folder.")
    faults = [
        fault
        for worker in reports
        for fault in worker_report.faults_of(worker, expected=worker_report.report(packages))
    ]
    if faults:
        raise ConfigError("\n".join(list(dict.fromkeys(faults))[:_MOST_LINES]))
    return tuple(sorted({worker["host"] for worker in reports}))


def _job(options: JobServer, **what: Any) -> beam.Pipeline:
    arguments = [*options.arguments(), f"--job_server_timeout={round(options.probe_seconds) + 10}"]
    job = beam.Pipeline(options=PipelineOptions(arguments))
    elements = _ELEMENTS * (getattr(options, "parallelism", None) or 2)
    _ = job | beam.Create(range(elements)) | beam.Reshuffle() | beam.Map(worker_report.leave_report, **what)
    return job


def _run(job: beam.Pipeline, options: JobServer) -> None:
    try:
        result = _submitted(job)
        try:
            state = result.wait_until_finish(duration=options.probe_seconds * 1000)
        except BaseException:
            _cancel(result)
            raise
    except (RuntimeError, grpc.RpcError, grpc.FutureTimeoutError) as error:
        raise ConfigError(_failure(str(error), options)) from error
    if not PipelineState.is_terminal(state):
        _cancel(result)
        raise ConfigError(
            f"beam.worker_pool: no Beam worker did anything within {options.probe_seconds:g} s: is a worker pool at "
            f"{options.worker_pool} beside each of the engine's workers, and has the engine a free slot?\n"
            "The first python on the pool's PATH must have Beam; its log says more, and docs/beam.md how it is started."
        )


def _submitted(job: beam.Pipeline) -> PipelineResult:
    """Send the job with the code that it runs, and do not wait for it.

    Not by ``job.run``: in a run that waits for the job's end, for as long as a real one may take.
    """
    cloudpickle.register_pickle_by_value(worker_report)
    try:
        return job.runner.run_pipeline(job, job.options)
    finally:
        cloudpickle.unregister_pickle_by_value(worker_report)
        shutil.rmtree(job.local_tempdir, ignore_errors=True)


def _cancel(result: PipelineResult) -> None:
    """Cancel a job; that it has ended or its server does not answer is ignored: the error is reported already."""

    def attempt() -> None:
        with contextlib.suppress(grpc.RpcError, RuntimeError):
            result.cancel()

    # Beam's call has no time limit.
    thread = threading.Thread(target=attempt, name="beam_cancel", daemon=True)
    thread.start()
    thread.join(_CANCEL_SECONDS)


def _failure(text: str, options: JobServer) -> str:
    reported = re.search(re.escape(worker_report.BEGIN) + "(.*?)" + re.escape(worker_report.END), text, re.DOTALL)
    if reported:
        return f"beam: the worker {reported[1]}; it must be shared, under the same path on all machines."
    if "UNAVAILABLE" in text:
        return (
            f"beam.worker_pool: nothing listens at {options.worker_pool} as the engine's workers see it.\n"
            "Start a Beam worker pool beside each of them, or correct the key; docs/beam.md says how."
        )
    lines = [line.strip() for line in text.splitlines() if line.strip(" >\t")] or ["no message"]
    return (
        f"beam: a small job failed on the engine: {lines[-1][:300]}\n"
        "Have the workers the Python and the Beam of this machine? --verbose shows the whole story."
    )
