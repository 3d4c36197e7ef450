"""The taxi pipeline on Vertex AI Pipelines: a bucket and custom jobs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from components.vertex.api import ENDPOINT_VARIABLE
from pipeline.nodes.places import places
from tests.kubeflow.backend import containers
from tests.kubeflow.backend.engine import Run
from tests.kubeflow.backend.gcs import CloudStorage
from tests.kubeflow.backend.platform import Vertex
from tests.kubeflow.backend.taxi import World, new_folder
from tests.kubeflow.fakes.http_service import running
from tests.kubeflow.fakes.vertex import FakeVertex
from tests.kubeflow.fakes.worker_pools import WorkerPools
from tests.kubeflow.ir.golden_ir import config_of

BUCKET = "my-bucket"


@dataclass(frozen=True)
class Replica:
    """A container as `WorkerPools` knows its processes."""

    container: containers.Container

    def poll(self) -> int | None:
        return self.container.wait(0)

    def kill(self) -> None:
        containers.kill(self.container.pid)

    def wait(self) -> int | None:
        return self.container.wait(10.0)


class VertexWorld(World):
    """Vertex AI Pipelines with a bucket, and custom jobs. Use as a context manager.

    Attributes:
        workers: of the custom jobs that the pipeline's tasks ask for.
    """

    profile = "vertex"

    def __init__(self, folder: Path, *, storage: CloudStorage, overrides: Collection[str] = ()):
        self._storage = storage
        root = places(config_of(self.profile)).artifacts
        platform = Vertex(new_folder(folder / "backend"), root=root, storage=storage)
        self.workers = WorkerPools(folder / "jobs", start=self._replica)
        self._service = ExitStack()
        self._vertex = self._service.enter_context(running(FakeVertex()))
        self._vertex.pools = self.workers
        super().__init__(folder, platform=platform, overrides=overrides)

    def __enter__(self) -> VertexWorld:
        return self

    def __exit__(self, *error: object) -> None:
        self._service.close()

    def _environment(self) -> dict[str, str]:
        return {ENDPOINT_VARIABLE: self._vertex.url}

    def _replica(self, command: Sequence[str], told: Mapping[str, str], log: Path) -> Replica:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(self.image), **told}
        words = containers.Command(words=command, environment=environment, folder=self.image, log=log)
        return Replica(containers.start(words, fresh=False))

    @property
    def serving(self) -> Path:
        return self._storage.local(f"gs://{BUCKET}/serving/taxi")

    @property
    def state(self) -> Path:
        return self._storage.local(f"gs://{BUCKET}/state")

    def _adapted(self, compiled: str) -> str:
        # TensorFlow's own gs:// cannot be led to an emulator: checkpoints go through the mount, which Vertex has, too.
        uri = f"gs://{BUCKET}/state/taxi/checkpoints"
        return compiled.replace(uri, str(self._storage.local(uri)))

    def files(self, run: Run, task: str, key: str) -> Path:
        return self._storage.local(run.tasks[task].artifacts[key]["uri"])


def bucket(folder: Path) -> CloudStorage:
    """The bucket of the profile ``vertex``, empty."""
    return CloudStorage(folder, bucket=BUCKET)
