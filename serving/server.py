"""The embedded model server: TF Serving's gRPC API over the same files, where no container can run.

``python -m serving.server --model_name taxi --model_base_path runs/taxi/serving/taxi``. Prints one line with its
address when it listens, and ends on SIGTERM or SIGINT after the requests under way.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

_DRAIN_SECONDS = 10.0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serving.server", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: this machine only)")
    parser.add_argument("--port", type=int, default=8500, help="gRPC port; 0 takes a free one (default: 8500)")
    parser.add_argument("--model_name", required=True)
    parser.add_argument("--model_base_path", required=True, type=Path, help="the folder that holds the versions")
    parser.add_argument("--file_system_poll_wait_seconds", type=float, default=1.0)
    parser.add_argument("--grpc_max_threads", type=int, default=4 * (os.cpu_count() or 1))
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error("--port: must lie between 0 and 65535")
    if options.file_system_poll_wait_seconds <= 0:
        parser.error("--file_system_poll_wait_seconds: must be above 0")
    return options


def serve(options: argparse.Namespace, *, ready: Callable[[str], object]) -> int:
    """Serve until a signal comes; 0 after an orderly end, 1 when the port cannot be bound.

    Args:
        options: the parsed flags.
        ready: called with ``host:port`` once the server listens.
    """
    with _silent_stderr():
        import grpc
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

        from serving.manager import ModelManager
        from serving.servicers import ModelService, PredictionService

    manager = ModelManager(
        name=options.model_name,
        base_path=options.model_base_path,
        poll_seconds=options.file_system_poll_wait_seconds,
    )
    # TF Serving takes messages up to the protobuf limit; gRPC's own default is 4 MB. A port in use must fail.
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(options.grpc_max_threads), options=limits)
    managers = {manager.name: manager}
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(managers), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(managers), server)
    try:
        port = server.add_insecure_port(f"{options.host}:{options.port}")
    except RuntimeError:
        print(f"--port {options.port}: cannot be bound on {options.host}; is another server running?", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    manager.start()
    server.start()
    ready(f"{options.host}:{port}")
    stop.wait()
    server.stop(grace=_DRAIN_SECONDS).wait()
    manager.stop()
    return 0


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Native libraries greet on file descriptor 2 while they are imported, whatever the log level."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def main(arguments: Sequence[str] | None = None, ready: Callable[[str], object] | None = None) -> int:
    """Parse the flags first, so that a wrong one is answered before TensorFlow is imported; then `serve`."""
    options = _parse(arguments)
    ready = ready or (lambda target: print(f"serving {options.model_name} at {target}", flush=True))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # It says that the Session loader is deprecated; TF Serving runs nothing else.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    return serve(options, ready=ready)


if __name__ == "__main__":
    sys.exit(main())
