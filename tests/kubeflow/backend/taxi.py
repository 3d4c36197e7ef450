"""The taxi pipeline, small, on either platform: its image, its places, and what a run left there."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeflow.ir import pipeline_spec
from pipeline.nodes.places import places
from tests.kubeflow.backend.engine import Backend, Run
from tests.kubeflow.backend.platform import Kubeflow, Platform, Volumes
from tests.kubeflow.ir.golden_ir import config_of
from tests.shared.folder_digest import digest

ROOT = Path(__file__).parents[3]
_PACKAGES = ("pipeline", "components", "trainer", "serving", "kubeflow", "configs", "schema")

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
    "ServedEvaluation",
    "DataFingerprint",
    "ExampleGen",
    "SchemaGen",
    "ServedData",
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
UNCACHED = {
    "Baseline",
    "DataFingerprint",
    "ServedData",
    "DataGate",
    "ServedEvaluation",
    "ModelGate",
    "Pusher",
    "ExitNotice",
}


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
        nodes: Collection[str] = (),
    ) -> Run:
        """Compile with these overrides, and run; see `Backend.run`. Of ``nodes``, if any, only these."""
        compiled = self.compile(*overrides)
        for node in [*compiled.tasks()]:
            if nodes and node not in nodes:
                del compiled.tasks()[node]
        return self._backend.run(compiled, parameters=parameters, fresh=fresh, killed=killed)

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

    def pushed(self, *overrides: str, **options: Any) -> tuple[Run, Kept]:
        """A run that went well, as by `run`, and then what is served and what the next run compares with."""
        run = self.run(*overrides, **options)
        assert run.tasks["tfx-dag"].state == "SUCCEEDED", run.said()
        return run, self.kept()

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


class KubeflowWorld(World):
    """Kubeflow Pipelines with an object store and one volume, which is seen only where a task mounts it."""

    profile = "kubeflow"

    def __init__(self, folder: Path, *, overrides: Collection[str] = ()):
        mount, self._volume = folder / "mounted", new_folder(folder / "volume")
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
            new_folder(folder / "backend"), root=places(config).artifacts, pipeline=config.name, volumes=volumes
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


def download(serving: Path, folder: Path) -> Path:
    """A copy of a bucket's folder, as a server's start script makes it."""
    return Path(shutil.copytree(serving, folder))


def new_folder(folder: Path) -> Path:
    """Create ``folder``, which must not exist."""
    folder.mkdir(parents=True)
    return folder
