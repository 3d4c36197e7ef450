"""Ray Serve with this project's engine behind its gRPC proxy; run by the interpreter of a separate environment."""

from __future__ import annotations

import argparse
import os
import queue
import signal
import socket
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

_RAY = "ray[serve,serve-grpc]==2.60.0"
_SERVICE = "tensorflow_serving.apis.prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server"


def environment(folder: Path) -> tuple[Path | None, str]:
    """The interpreter of an environment with Ray, in which this one's packages are visible; created if it is missing.

    Packages that both sides must share (grpcio, protobuf, numpy) have the versions of this environment.

    Returns:
        The interpreter and an empty text, or None and the reason.
    """
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python, ""
    own = Path(sysconfig.get_paths()["purelib"])
    uv = Path(sys.executable).with_name("uv")
    shared = [f"{name}=={metadata.version(name)}" for name in ("grpcio", "protobuf", "numpy")]
    try:
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--python", python, _RAY, *shared],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        output = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        return None, f"Ray Serve could not be installed: {output[-1] if output else error}"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version / "site-packages" / "project.pth").write_text(f"{own}\n")
    (folder / "ready").touch()
    return python, ""


class Predictor:
    """A replica: the engine and the codec of `serving`, as in the embedded server."""

    def __init__(self, saved_model: str):
        from serving.inference.engine import SavedModel

        self._model = SavedModel(saved_model)

    def Predict(self, request: Any) -> Any:  # noqa: N802 (named by the service's definition)
        """One PredictRequest to one PredictResponse."""
        from serving.inference.calls import predict

        return predict(self._model, request)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for bound in sockets:
        bound.bind(("127.0.0.1", 0))
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def main() -> None:
    """Print ``ready`` and the address, and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--saved_model", required=True)
    options = parser.parse_args()
    # Ray also writes to standard output, where the parent expects one line.
    ready = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0",
        RAY_SERVE_LOG_TO_STDERR="0",
        # The defaults of 5 and 10 seconds are too short for processes that import TensorFlow on a busy machine.
        RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S="60",
        RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S="60",
    )
    import ray
    from ray import serve
    from ray.serve.config import gRPCOptions

    port, http_port = _free_ports(2)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    serve.start(
        http_options={"port": http_port}, grpc_options=gRPCOptions(port=port, grpc_servicer_functions=[_SERVICE])
    )
    deployment = serve.deployment(max_ongoing_requests=64, logging_config={"enable_access_log": False})(Predictor)
    serve.run(deployment.bind(options.saved_model), route_prefix="/taxi", name="taxi")
    print(f"ready 127.0.0.1:{port}", file=ready, flush=True)
    stopped: queue.SimpleQueue[None] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: stopped.put(None))
    stopped.get()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
