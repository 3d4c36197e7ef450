"""Ends every Beam job: when a worker dies, when an engine never answers, and on Ctrl-C."""

from __future__ import annotations

import contextvars
import ctypes
import faulthandler
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from apache_beam import Pipeline
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from pipeline.beam.workers import Workers
from pipeline.patches import replaced

_BeamJob = Callable[[], Any]

# A job that is just being sent has nothing yet to cancel it by.
_SUBMIT_SECONDS = 10
_CANCEL_SECONDS = 20
# After a signal the process has to end soon.
_INTERRUPTED_SECONDS = 2
# How long an error of killed workers takes to arrive, and between two attempts to interrupt a thread.
_PAUSE_SECONDS = 5
# After as many attempts, the thread is in code that never comes back to Python.
_ATTEMPTS = 12
_SIGNAL = signal.SIGUSR2


class BeamTimeLimit(Exception):
    """A Beam job did not end within ``beam.limit_minutes``."""


class BeamWorkerEnded(Exception):
    """A worker process of a Beam job ended before the job."""


@contextmanager
def guarded(limit_minutes: float) -> Iterator[None]:
    """While open, each Beam job ends within ``limit_minutes``, or when one of its worker processes ends.

    A job on an engine is cancelled there at the limit, on Ctrl-C and on SIGTERM. `Pipeline.run` returns when the job
    has ended, on an engine as well. If an exception cannot end a job in this process, because it is lost in C++, the
    process ends a minute after the limit.
    """
    run = Pipeline.run

    def limited(self: Pipeline, *arguments: Any, **keywords: Any) -> Any:
        job = functools.partial(run, self, *arguments, **keywords)
        if isinstance(self.runner, FnApiRunner):
            return _in_process(job, limit_minutes)
        return _on_engine(job, limit_minutes)

    with (
        replaced(Pipeline, "run", limited, parameters=("self", "test_runner_api")),
        replaced(
            JobServiceHandle, "run", _without_deadline(JobServiceHandle.run), parameters=("self", "preparation_id")
        ),
    ):
        yield


def _without_deadline(run: Callable[..., Any]) -> Callable[..., Any]:
    def without_deadline(self: JobServiceHandle, preparation_id: str) -> Any:
        # The time-out is meant for the calls that submit a job. If a job server reports a job before it runs, Beam
        # would use it for the streams of states and messages as well, and lose every job that takes longer.
        self.timeout = None
        return run(self, preparation_id)

    return without_deadline


def _in_process(job: _BeamJob, limit_minutes: float) -> Any:
    limit = f"the Beam job did not end within beam.limit_minutes ({limit_minutes:g})"
    with Workers() as workers, _Alarm(limit, seconds=limit_minutes * 60, workers=workers) as alarm:
        try:
            return job()
        except Exception as error:
            if alarm.rang:
                raise BeamTimeLimit(f"{limit}; raise it, or see the log for where it hung.") from error
            if workers.failure:
                raise BeamWorkerEnded(workers.failure) from error
            raise


class _Alarm:
    """Ends a job that this thread runs: by its worker processes where it has any, else by an exception in the thread.

    Attributes:
        rang: whether the time is over.
    """

    def __init__(self, text: str, *, seconds: float, workers: Workers):
        self.rang = False
        self._text = text
        self._seconds = seconds
        self._workers = workers
        self._over = threading.Event()

    def __enter__(self) -> _Alarm:
        self._thread = threading.get_ident()
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            self._former = signal.signal(_SIGNAL, self._raise)
        self._watch = threading.Thread(target=self._wait, name="beam_limit", daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watch.join()
        if self._in_main:
            # None stands for a handler that Python did not set.
            signal.signal(_SIGNAL, self._former or signal.SIG_DFL)

    def _wait(self) -> None:
        if self._over.wait(self._seconds):
            return
        self.rang = True
        pause = _PAUSE_SECONDS if self._workers.fail(self._text) else 0
        # More than once: an exception in a destructor or a callback is lost.
        for _ in range(_ATTEMPTS):
            if self._over.wait(pause):
                return
            self._interrupt()
            pause = _PAUSE_SECONDS
        if not self._over.wait(pause):
            print(f"{self._text} and cannot be interrupted; this process ends.", file=sys.__stderr__, flush=True)
            faulthandler.dump_traceback(2)
            os._exit(1)

    def _interrupt(self) -> None:
        if self._in_main:
            # A signal also ends a wait for a lock, a file or a socket.
            signal.pthread_kill(self._thread, _SIGNAL)
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(BeamTimeLimit))

    def _raise(self, number: int, frame: object) -> None:
        if not self._over.is_set():
            raise BeamTimeLimit(self._text)


def _on_engine(job: _BeamJob, limit_minutes: float) -> Any:
    submission = _Submission(job)
    try:
        if submission.ended.wait(limit_minutes * 60):
            return submission.result()
    except (KeyboardInterrupt, SystemExit):
        submission.cancel(submit_seconds=_INTERRUPTED_SECONDS, cancel_seconds=_INTERRUPTED_SECONDS)
        raise
    raise BeamTimeLimit(
        f"the Beam job did not end within beam.limit_minutes ({limit_minutes:g}); {submission.cancel()} "
        "Raise the limit, or see the engine's own page and logs for where it hung."
    )


class _Submission:
    """A job on an engine, submitted and awaited in a separate thread, since Beam's calls have no time limit.

    Attributes:
        ended: set when the job has ended, well or not.
    """

    def __init__(self, job: _BeamJob):
        self.ended = threading.Event()
        self._job = job
        self._sent = threading.Event()
        self._handle: Any = None
        self._error: BaseException | None = None
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._follow,), name="beam_job", daemon=True).start()

    def result(self) -> Any:
        """Beam's result of the job.

        Raises:
            Exception: what ended the job.
        """
        if self._error:
            raise self._error
        return self._handle

    def cancel(self, *, submit_seconds: float = _SUBMIT_SECONDS, cancel_seconds: float = _CANCEL_SECONDS) -> str:
        """Cancel the job, and return what became of that, as a sentence."""
        self._sent.wait(submit_seconds)
        if self._handle is None:
            return "it was not accepted yet, so look there whether it runs later."
        outcome: list[str] = []
        thread = threading.Thread(target=self._call_cancel, args=(outcome,), daemon=True)
        thread.start()
        thread.join(cancel_seconds)
        return outcome[0] if outcome else "the job server does not answer: cancel it there."

    def _call_cancel(self, outcome: list[str]) -> None:
        try:
            self._handle.cancel()
            outcome.append("it was cancelled.")
        except Exception as error:
            outcome.append(f"cancelling it failed ({' '.join(str(error).split())[:100]}): cancel it there.")

    def _follow(self) -> None:
        try:
            self._handle = self._job()
            self._sent.set()
            self._handle.wait_until_finish()
        except BaseException as error:
            self._error = error
        finally:
            self._sent.set()
            self.ended.set()
