"""A small training as a job, and its processes; helpers compare the results of several with those of one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.shared.models.transformed import PARAMETERS
from trainer.job import TrainingJob
from trainer.parameters import Parameters

ROOT = Path(__file__).parents[3]
# Each replica would draw its own dropout.
LOOP = {**PARAMETERS.loop.model_dump(), "epochs": 2, "optimizer": {"learning_rate": 0.05}, "worker_start_seconds": 60}


def make_parameters(**loop: object) -> Parameters:
    """The small search's parameters, without dropout."""
    model = {**PARAMETERS.model.model_dump(), "dropout": 0.0}
    return Parameters.model_validate({**PARAMETERS.model_dump(), "model": model, "loop": {**LOOP, **loop}})


def make_job(data: Path, out: Path, **keys: object) -> TrainingJob:
    """A job on the data of `tests.shared.models.transformed.write_data`."""
    defaults = {
        "train": [str(data / "examples" / "Split-train")],
        "eval": [str(data / "examples" / "Split-eval")],
        "transform_graph": str(data / "transform"),
        "model": str(out / "model"),
        "model_run": str(out / "model_run"),
        "checkpoints": str(out / "checkpoints"),
        "parameters": make_parameters(),
    }
    return TrainingJob.model_validate({**defaults, **keys})


def write_job(job: TrainingJob, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(job.model_dump_json())
    return file


def start(*arguments: str, log: Path, module: str = "trainer", cwd: Path = ROOT, **environment: str):
    """Start ``python -m MODULE``; both of its outputs go to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        )


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def chief_and_worker(ports: list[int]) -> list[str]:
    """TF_CONFIG of both, as Vertex AI and the Training Operator set it."""
    cluster = {"chief": [f"127.0.0.1:{ports[0]}"], "worker": [f"127.0.0.1:{ports[1]}"]}
    return [
        json.dumps({"cluster": cluster, "task": {"type": name, "index": 0}, "environment": "cloud"}) for name in cluster
    ]


def assert_same_weights(model: Path, expected: Path) -> None:
    """Compare the Keras files of two Model artifacts."""
    import keras

    from trainer import models
    from trainer.parameters import KERAS_MODEL

    keras.utils.clear_session()
    one, other = (models.load(str(folder / KERAS_MODEL)).get_weights() for folder in (model, expected))
    assert sum(weights.size for weights in one) > 20
    for first, second in zip(one, other, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
