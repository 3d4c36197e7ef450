"""The taxi pipeline, small, on either platform: its image, its places, and what a run left there."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.push.pusher import digest
from components.vertex.api import ENDPOINT_VARIABLE
from kubeflow.ir import pipeline_spec
from pipeline.nodes.places import places
from tests.kubeflow.backend import containers
from tests.kubeflow.backend.engine import Backend, Run
from tests.kubeflow.backend.gcs import CloudStorage
from tests.kubeflow.backend.platform import Kubeflow, Platform, Vertex, Volumes
from tests.kubeflow.fakes.http_service import running
from tests.kubeflow.fakes.vertex import FakeVertex
from tests.kubeflow.fakes.worker_pools import WorkerPools
from tests.kubeflow.ir.golden_ir import config_of

ROOT = Path(__file__).parents[3]
_PACKAGES = ("pipeline", "components", "trainer", "serving", "kubeflow", "configs", "schema")
_BUCKET = "my-bucket"

# Enough for a model that passes low limits, in seconds.
_SMALL = (
    "trainer.loop.epochs=1",
    "trainer.loop.global_batch_size=32",
    "gates.evaluation.slices=[]",
    "gates.evaluation.thresholds=[{metric: auc, min: 0.6, max_drop: 0.3}]",
)
IMPOSSIBLE = "gates.evaluation.thresholds=[{metric: auc, min: 0.9999, max_drop: 0.3}]"

NODES = (
    "Baseline",
    "ExampleGen",
    "SchemaGen",
    "StatisticsGen",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "Trainer",
    "Evaluator",
    "ModelGate",
    "InfraValidator",
    "Pusher",
)
# They look at the world as it is, and run every time.
UNCACHED = {"Baseline", "DataGate", "ModelGate", "Pusher", "ExitNotice"}


def make_image(folder: Path) -> Path:
    """The project as an image holds it, with few trips: 3,000 in ``data/taxi``, and 3,000 others in ``data/more``."""
    folder.mkdir()
    for package in _PACKAGES:
        (folder / package).symlink_to(ROOT / package)
    (source,) = (ROOT / "data/taxi").glob("*.csv")
    header, *rows = source.read_text().splitlines(keepends=True)
    for name, part in (("taxi", rows[:3000]), ("more", rows[3000:6000])):
        (folder / "data" / name).mkdir(parents=True)
        (folder / "data" / name / source.name).write_text(header + "".join(part))
    return folder


class World(ABC):
    """A platform with this pipeline on it.

    Args:
        folder: a new folder for everything.
        platform: the backend's own part.
        overrides: what the profile gets to know of this machine.

    Attributes:
        profile: the profile that is compiled.
    """

    profile: str

    def __init__(self, folder: Path, *, platform: Platform, overrides: Collection[str] = ()):
        self.folder = folder
        self._overrides = (*_SMALL, *overrides)
        self._platform = platform
        self.image = make_image(folder / "image")
        self._backend = Backend(platform, image=self.image, environment=self._environment())

    def compile(self, *overrides: str) -> pipeline_spec.CompiledPipeline:
        """The pipeline as the file says that ``python -m kubeflow compile`` writes."""
        from kubeflow.ir.compiler import compile_pipeline

        file = self.folder / "compiled.yaml"
        text = compile_pipeline(config_of(self.profile, *self._overrides, *overrides)).to_yaml()
        file.write_text(self._adapted(text))
        return pipeline_spec.read(file)

    def _adapted(self, compiled: str) -> str:
        """What this machine cannot do as the platform does it."""
        return compiled

    def _environment(self) -> dict[str, str]:
        """What leads the clients in the containers to this machine."""
        return {}

    def run(
        self,
        *overrides: str,
        parameters: Mapping[str, Any] | None = None,
        fresh: Collection[str] = (),
        killed: Collection[str] = (),
    ) -> Run:
        """Compile with these overrides, and run; see `Backend.run`."""
        return self._backend.run(self.compile(*overrides), parameters=parameters, fresh=fresh, killed=killed)

    @property
    @abstractmethod
    def serving(self) -> Path:
        """The folder that model servers watch, on this machine's disk."""

    @property
    @abstractmethod
    def state(self) -> Path:
        """The folder of what outlives a run."""

    @abstractmethod
    def files(self, run: Run, task: str, key: str) -> Path:
        """The files of an artifact."""

    def pushed(self, run: Run) -> Kept:
        """What is served and what the next run compares with, after a run that went well."""
        assert run.tasks["tfx-dag"].state == "SUCCEEDED", run.said()
        return self.kept()

    def kept(self) -> Kept:
        """What is served and what the next run compares with, now."""
        champion = self.state / "taxi" / "champion"
        versions = sorted(int(path.name) for path in self.serving.iterdir() if path.name.isdecimal())
        return Kept(versions=versions, serving=digest(self.serving), champion=digest(champion))


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What outlives a run.

    Attributes:
        versions: of the served model.
        serving: a digest over every name and byte of the serving folder.
        champion: the same of the champion's folder.
    """

    versions: list[int]
    serving: str
    champion: str


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
        platform = Vertex(_new(folder / "backend"), root=root, storage=storage)
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
        return self._storage.local(f"gs://{_BUCKET}/serving/taxi")

    @property
    def state(self) -> Path:
        return self._storage.local(f"gs://{_BUCKET}/state")

    def _adapted(self, compiled: str) -> str:
        # TensorFlow's own gs:// cannot be led to an emulator: checkpoints go through the mount, which Vertex has, too.
        uri = f"gs://{_BUCKET}/state/taxi/checkpoints"
        return compiled.replace(uri, str(self._storage.local(uri)))

    def files(self, run: Run, task: str, key: str) -> Path:
        return self._storage.local(run.tasks[task].artifacts[key]["uri"])


class KubeflowWorld(World):
    """Kubeflow Pipelines with an object store and one volume, which is seen only where a task mounts it."""

    profile = "kubeflow"

    def __init__(self, folder: Path, *, overrides: Collection[str] = ()):
        mount, self._volume = folder / "mounted", _new(folder / "volume")
        overrides = (
            f"platform.volumes=[{{claim: models, mount: {mount}}}]",
            f"platform.serving={mount}/serving",
            f"platform.state={mount}/state",
            f"platform.exit_handler.folder={mount}/state/ended",
            *overrides,
        )
        config = config_of(self.profile, *overrides)
        from kubeflow.ir.compiler import compile_pipeline

        volumes = Volumes.of(compile_pipeline(config).platform_spec, {"models": self._volume})
        self._kubeflow = Kubeflow(
            _new(folder / "backend"), root=places(config).artifacts, pipeline=config.name, volumes=volumes
        )
        super().__init__(folder, platform=self._kubeflow, overrides=overrides)

    @property
    def serving(self) -> Path:
        return self._volume / "serving" / "taxi"

    @property
    def state(self) -> Path:
        return self._volume / "state"

    def files(self, run: Run, task: str, key: str) -> Path:
        return self._kubeflow.stored(run.tasks[task].artifacts[key]["uri"])


def bucket(folder: Path) -> CloudStorage:
    """The bucket of the profile ``vertex``, empty."""
    return CloudStorage(folder, bucket=_BUCKET)


def download(serving: Path, folder: Path) -> Path:
    """A copy of a bucket's folder, as a server's start script makes it."""
    return Path(shutil.copytree(serving, folder))


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
