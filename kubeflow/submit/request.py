"""What a submission asks for, and what the platform makes of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class SubmissionFailed(Exception):
    """The platform refused the pipeline, or the run failed; one or two lines: what, where, what to do."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a submission asks for.

    Attributes:
        parameters: values of runtime parameters, as text or numbers.
        cron: a schedule in five fields; None runs once, now.
        wait: whether to wait for the end of the run, and to fail if it fails.
        timeout_seconds: limit of each call, not of the run.
        poll_seconds: pause between two queries of a run's state.
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
        name: the platform's name of the run or the schedule.
        url: the page that shows it.
        state: the run's final state, if the submission waited for it.
    """

    name: str
    url: str
    state: str | None = None


def run_name(pipeline: str) -> str:
    """A new, unique name for a run: a retry under the same name cannot start a second run."""
    now = datetime.now(UTC)
    slug = pipeline.lower().replace("_", "-").strip("-")
    return f"{slug[:100]}-{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}"
