"""Sends a compiled pipeline to its platform: one run now, or one at every tick of a schedule."""

from __future__ import annotations

import importlib
from dataclasses import replace

from kubeflow.ir import runtime_parameters
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.platform import kind_of
from kubeflow.submit import cron
from kubeflow.submit.request import Request, Submitted
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

# The module of each platform has a function `submit` with the arguments of the one below. It is imported when it is
# needed, since it brings the platform's client along.
_BACKENDS = {
    "kubeflow": "kubeflow.submit.kubeflow_pipelines",
    "vertex": "kubeflow.submit.vertex",  # part: vertex
}


def submit(compiled: CompiledPipeline, config: Config, request: Request) -> Submitted:
    """Send ``compiled`` to ``config.platform``.

    Raises:
        SubmissionFailed: the platform refused the pipeline, or the run that was waited for failed.
        ConfigError: the request is wrong: an unknown parameter, a value of the wrong type, or a bad schedule.
    """
    request = _checked(compiled, request)
    backend = importlib.import_module(_BACKENDS[kind_of(config)])
    return backend.submit(compiled, config, request)


def _checked(compiled: CompiledPipeline, request: Request) -> Request:
    """The request with typed parameters, before anything is sent."""
    if request.timeout_seconds <= 0:
        raise ConfigError(f"--timeout {request.timeout_seconds:g}: must be more than 0 seconds.")
    if request.cron is not None and request.wait:
        raise ConfigError("--wait: has no meaning with --cron, since a schedule has no end.")
    return replace(
        request,
        cron=None if request.cron is None else cron.check(request.cron),
        parameters=runtime_parameters.resolve(compiled.spec, request.parameters),
    )
