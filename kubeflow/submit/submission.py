"""Send a compiled pipeline to its platform: one run now, or one at every tick of a schedule."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from kubeflow.ir import runtime_parameters
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.submit import cron
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.platforms import Vertex


class SubmissionFailed(Exception):
    """The platform did not take the pipeline, or the run failed; one or two lines: what, where, what to do."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a submission asks for.

    Attributes:
        parameters: values of runtime parameters, as text or numbers.
        cron: a schedule in five fields; None runs once, now.
        wait: whether to wait for the run's end, and fail where it fails.
        timeout_seconds: for each call, not for the run.
        poll_seconds: between two questions for a run's state.
    """

    parameters: Mapping[str, Any]
    cron: str | None = None
    wait: bool = False
    timeout_seconds: float = 60.0
    poll_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What the platform made of it.

    Attributes:
        name: of the run or the schedule, as the platform knows it.
        url: where a person looks at it.
        state: of the run at the end, where it was waited for.
    """

    name: str
    url: str
    state: str | None = None


def submit(compiled: CompiledPipeline, config: Config, request: Request) -> Submitted:
    """Send ``compiled`` to ``config.platform``.

    Raises:
        SubmissionFailed: see there.
        ConfigError: ``request.parameters`` names a parameter that the pipeline does not have, or with a wrong type.
    """
    request = _checked(compiled, request)
    if isinstance(config.platform, Vertex):
        from kubeflow.submit import vertex as backend
    else:
        from kubeflow.submit import kubeflow_pipelines as backend
    return backend.submit(compiled, config, request)


def run_name(config: Config) -> str:
    """A new name for a run, which no other run has: a second try under it cannot start a second run."""
    now = datetime.now(timezone.utc)
    slug = config.name.lower().replace("_", "-").strip("-")
    return f"{slug[:100]}-{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}"


class Progress:
    """Says on stderr which tasks changed their state while a run is waited for; a context manager.

    An interrupt ends the wait, and not the run: it leaves the context as `SubmissionFailed`, which says so.
    """

    def __init__(self, started: Submitted):
        self._started = started
        self._states: dict[str, str] = {}
        self._say(f"waiting for {started.name}: {started.url}")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            name, url = self._started.name, self._started.url
            raise SubmissionFailed(f"{name} is no longer waited for; it goes on, look at {url}") from None

    def show(self, states: Mapping[str, str]) -> None:
        """Print what is new in ``states``, which has tasks' states by their names."""
        for task, state in states.items():
            if self._states.get(task) != state:
                self._states[task] = state
                self._say(f"{task:24} {state}")

    def _say(self, text: str) -> None:
        print(f"{datetime.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)


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
