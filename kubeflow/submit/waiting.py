"""Waits for a run: prints which tasks change their state, and says why the run failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from kubeflow.submit.request import SubmissionFailed, Submitted

_LONGEST_MESSAGE = 400


@dataclass(frozen=True, kw_only=True)
class TaskStatus:
    """One task of a run.

    Attributes:
        id: the platform's id of the task.
        parent_id: id of the task that contains it; empty at the top.
        name: the node.
        state: the platform's word, in lower case.
        failed: whether it failed.
        message: its error; empty if there is none.
    """

    id: str
    parent_id: str
    name: str
    state: str
    failed: bool
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A run at one moment.

    Attributes:
        state: the platform's word, in lower case.
        ended: whether the state is final.
        succeeded: whether the run ended well.
        tasks: all tasks so far.
        message: the run's own error; empty if there is none.
    """

    state: str
    ended: bool
    succeeded: bool
    tasks: tuple[TaskStatus, ...] = ()
    message: str = ""


def wait(started: Submitted, look: Callable[[], RunStatus], *, poll_seconds: float) -> Submitted:
    """Wait for the end of a run, and print the progress on stderr.

    Args:
        started: the run.
        look: queries the run's status.
        poll_seconds: pause between two queries.

    Raises:
        SubmissionFailed: the run failed, or an interrupt ended the wait (the run continues).
    """
    _say(f"waiting for {started.name}: {started.url}")
    shown: dict[str, str] = {}
    try:
        while True:
            run = look()
            for task in run.tasks:
                if shown.get(task.name) != task.state:
                    shown[task.name] = task.state
                    _say(f"{task.name:24} {task.state}")
            if run.ended:
                break
            time.sleep(poll_seconds)
    except KeyboardInterrupt:
        raise SubmissionFailed(f"stopped waiting for {started.name}; the run continues: {started.url}") from None
    if not run.succeeded:
        raise SubmissionFailed(f"{started.name} {run.state}: {_why(run)}\nlook at {started.url}")
    return replace(started, state=run.state)


def _why(run: RunStatus) -> str:
    """The tasks that failed, and the first error; the run's own error if no task failed."""
    failed = [task for task in run.tasks if task.failed]
    parents = {task.parent_id for task in failed}
    # A task that contains others fails with them, and says less.
    leaves = [task for task in failed if task.id not in parents]
    messages = [*(task.message for task in leaves), run.message, "see its log for the reason"]
    message = " ".join(next(filter(None, messages)).split())[:_LONGEST_MESSAGE]
    names = ", ".join(task.name for task in leaves)
    return f"{names}: {message}" if names else message


def _say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)
