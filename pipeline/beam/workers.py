"""Worker processes of Beam's FnApiRunner: when one ends, the job fails, and none outlives the job.

Beam itself waits for a dead worker indefinitely: it does not watch the process, and the worker's instructions stay
pending.
"""

from __future__ import annotations

import functools
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2, endpoints_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from google.protobuf import json_format, text_format

from pipeline.patches import replaced

# What all workers of a job together have to end by themselves once there is nothing more to do.
_GRACE_SECONDS = 5
_ADVICE: dict[int, tuple[str, str]] = {
    signal.SIGKILL: (
        "signal 9; out of memory?",
        "Set beam.workers lower or give the machine more memory, and run again.",
    )
}


class Workers:
    """The worker processes of one job. Use as a context manager around the job.

    Attributes:
        failure: why the job cannot continue; None while it can.
    """

    def __init__(self):
        self.failure: str | None = None
        self._lock = threading.Lock()
        self._handlers: list[_Handler] = []
        self._end_by: float | None = None

    def __enter__(self) -> Workers:
        constructor = functools.partial(_Handler, self)
        registered = worker_handlers.WorkerHandler._registered_environments  # noqa: SLF001 (there is no other way in)
        _, payload = registered[python_urns.SUBPROCESS_SDK]
        self._changes = ExitStack()
        self._changes.enter_context(_registered(registered, python_urns.SUBPROCESS_SDK, (constructor, payload)))
        self._changes.enter_context(replaced(worker_handlers, "ControlConnection", _Connection, parameters=()))
        return self

    def __exit__(self, *error: object) -> None:
        self._changes.close()
        for handler in self._handlers:
            handler.kill()

    def fail(self, reason: str) -> bool:
        """End the job with an error: everything pending fails, and all workers are killed.

        Returns:
            False if there are no workers whose end would end the job.
        """
        with self._lock:
            self.failure = self.failure or reason
            for handler in self._handlers:
                handler.abort(self.failure)
            return bool(self._handlers)

    def add(self, handler: _Handler) -> None:
        """A worker starts."""
        with self._lock:
            self._handlers.append(handler)
            if self.failure:
                handler.abort(self.failure)

    def seconds_to_end(self) -> float:
        """What is left of the time that the workers have to end by themselves; it begins with the first call."""
        self._end_by = self._end_by or time.monotonic() + _GRACE_SECONDS
        return max(0.0, self._end_by - time.monotonic())


# A decorator of Beam hides that it is a class.
_SubprocessHandler: Any = worker_handlers.SubprocessSdkWorkerHandler


class _Handler(_SubprocessHandler):
    """Starts one worker process, and watches it."""

    _process: subprocess.Popen[bytes]

    def __init__(self, workers: Workers, *arguments: Any):
        super().__init__(*arguments)
        self._workers = workers
        self._stopping = False

    def start_worker(self) -> None:
        environment = {
            **os.environ,
            "WORKER_ID": self.worker_id,
            "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
            "CONTROL_API_SERVICE_DESCRIPTOR": _text(self.control_api_service_descriptor()),
            "LOGGING_API_SERVICE_DESCRIPTOR": _text(self.logging_api_service_descriptor()),
        }
        # A session of its own: Ctrl-C is for the pipeline, which then stops its workers.
        self._process = subprocess.Popen(
            shlex.split(self._worker_command_line.decode()), env=environment, start_new_session=True
        )
        self._workers.add(self)
        threading.Thread(target=self._watch, name=f"watch_{self.worker_id}", daemon=True).start()

    def stop_worker(self) -> None:
        self._stopping = True
        try:
            self._process.wait(self._workers.seconds_to_end())
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._stopping = True
        self._process.kill()
        self._process.wait()

    def abort(self, reason: str) -> None:
        """Kill the worker, and fail its pending and future instructions."""
        self._stopping = True
        self._process.kill()
        self.control_conn.abort(RuntimeError(reason))
        threading.Thread(target=_discard, args=(self.data_conn,), daemon=True).start()

    def _watch(self) -> None:
        code = self._process.wait()
        if not self._stopping:
            self._workers.fail(_reason(code))


class _Connection(worker_handlers.ControlConnection):
    """A control stream that answers in place of a dead worker."""

    def __init__(self):
        super().__init__()
        self._failure: str | None = None

    def push(self, req: Any) -> Any:
        future = super().push(req)
        if future and self._failure:
            self._fail(future)
        return future

    def abort(self, exn: Exception) -> None:
        self._failure = str(exn)
        for future in list(self._futures_by_id.values()):
            self._fail(future)

    def _fail(self, future: worker_handlers.ControlFuture) -> None:
        # As a response: while Beam waits for data it checks responses for errors, and does not see exceptions.
        future.set(beam_fn_api_pb2.InstructionResponse(instruction_id=future.instruction_id, error=self._failure))


def _discard(channel: Any) -> None:
    """Drain the queue to a dead worker: Beam would wait until there is room in it."""
    while channel._to_send.get() is not channel._WRITES_FINISHED:  # noqa: SLF001
        continue


def _reason(code: int) -> str:
    how, advice = _ADVICE.get(-code, (f"signal {-code}" if code < 0 else f"exit code {code}", "The log has the rest."))
    return f"a Beam worker process ended ({how}). {advice}"


def _text(descriptor: endpoints_pb2.ApiServiceDescriptor) -> str:
    return text_format.MessageToString(descriptor)


@contextmanager
def _registered(environments: dict[str, Any], urn: str, environment: Any) -> Iterator[None]:
    """While open, Beam starts the workers of ``urn`` by ``environment``."""
    former = environments[urn]
    environments[urn] = environment
    try:
        yield
    finally:
        environments[urn] = former
