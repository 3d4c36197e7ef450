"""What the two platforms do differently: URIs, what they tell a container, and how it sees the object store."""

from __future__ import annotations

import itertools
import json
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubeflow.ir.pipeline_spec import Tree
from tests.kubeflow.backend.gcs import CloudStorage

_TIME = {"pipeline_job_create_time_utc": "2026-01-31T12:00:00Z"}

Artifacts = dict[str, dict[str, Any]]


@dataclass(kw_only=True)
class Attempt:
    """One try of a task, as its container sees it.

    Attributes:
        executor_input: the invocation.
        environment: what the platform adds to the container's environment.
        output_file: where the harness finds the executor output.
        succeeded: to be set where the container ended well.
    """

    executor_input: dict[str, Any]
    environment: Mapping[str, str]
    output_file: Path
    succeeded: bool = False


class Platform(ABC):
    """A backend's own part.

    Args:
        folder: for everything that outlives a container.
        root: the pipeline root.
    """

    def __init__(self, folder: Path, *, root: str):
        self.folder, self.root = folder, root
        self._ids = itertools.count(1)

    @abstractmethod
    def outputs(self, task: str, *, run: str, keys: Mapping[str, Tree]) -> Artifacts:
        """The output artifacts of a task that begins, by their keys."""

    @abstractmethod
    def as_input(self, artifact: dict[str, Any]) -> dict[str, Any]:
        """What a consumer receives of an artifact."""

    @abstractmethod
    def attempt(self, inputs: Tree, outputs: Artifacts, *, task: str, run: str, executor: str) -> Iterator[Attempt]:
        """A context in which one container of ``task`` runs; what it leaves goes to the store at a good end."""

    @abstractmethod
    def job(self, run: str) -> dict[str, str]:
        """What a run's tasks can ask for by placeholders in their parameters."""

    @abstractmethod
    def final_status(self, *, run: str, task: str, state: str, error: str) -> Tree | str:
        """What an exit handler receives."""


class Vertex(Platform):
    """Vertex AI Pipelines: buckets are mounted with FUSE, and artifacts have their types."""

    def __init__(self, folder: Path, *, root: str, storage: CloudStorage):
        super().__init__(folder, root=root)
        self._mounts = folder / "mounts"
        self._mounts.mkdir()
        (self._mounts / "gcs").symlink_to(storage.folder)
        self._storage = storage
        self._task_ids: dict[tuple[str, str], int] = {}

    def local(self, uri: str) -> Path:
        """Where a container sees ``uri``."""
        return self._mounts / "gcs" / uri.removeprefix("gs://")

    def _task_root(self, task: str, run: str) -> str:
        number = self._task_ids.setdefault((run, task), 4_000_000_000_000_000_000 + next(self._ids))
        return f"{self.root}/123456789/{run}/{task}_{number}"

    def outputs(self, task: str, *, run: str, keys: Mapping[str, Tree]) -> Artifacts:
        return {
            key: {
                "name": f"projects/123456789/locations/europe-west4/metadataStores/default/artifacts/{next(self._ids)}",
                "type": declared["artifactType"],
                "uri": f"{self._task_root(task, run)}/{key}",
                "metadata": {},
            }
            for key, declared in keys.items()
        }

    def as_input(self, artifact: dict[str, Any]) -> dict[str, Any]:
        return artifact

    @contextmanager
    def attempt(self, inputs: Tree, outputs: Artifacts, *, task: str, run: str, executor: str) -> Iterator[Attempt]:
        del executor
        output_file = f"{self._task_root(task, run)}/executor_output.json"
        yield Attempt(
            executor_input={"inputs": inputs, "outputs": {"artifacts": _lists(outputs), "outputFile": output_file}},
            environment={"MOUNTS_ROOT": str(self._mounts), **self._storage.environment},
            output_file=self.local(output_file),
        )

    def job(self, run: str) -> dict[str, str]:
        resource = f"projects/123456789/locations/europe-west4/pipelineJobs/{run}"
        return {"pipeline_job_name": run, "pipeline_job_resource_name": resource, "pipeline_job_uuid": "42", **_TIME}

    def final_status(self, *, run: str, task: str, state: str, error: str) -> str:
        job = self.job(run)["pipeline_job_resource_name"]
        status = {"state": state, "pipelineJobResourceName": job, "pipelineTaskName": task}
        return json.dumps({**status, "error": {"code": 9, "message": error}} if error else status)


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """The claims of a cluster: a folder each, which a pod sees only where its task mounts it.

    Attributes:
        claims: folders by the names of the claims.
        mounted: by executor label, what is mounted: pairs of a claim and a path.
    """

    claims: Mapping[str, Path] = field(default_factory=dict)
    mounted: Mapping[str, list[tuple[str, Path]]] = field(default_factory=dict)

    @classmethod
    def of(cls, platform_spec: Tree | None, claims: Mapping[str, Path]) -> Volumes:
        """What the platform spec of a compiled pipeline mounts."""
        executors = (platform_spec or {}).get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {})
        mounted = {
            label: [(_claim(mount), Path(mount["mountPath"])) for mount in options.get("pvcMount", ())]
            for label, options in executors.get("executors", {}).items()
        }
        return cls(claims=claims, mounted=mounted)

    @contextmanager
    def seen_by(self, executor: str) -> Iterator[None]:
        """While open, the volumes of this executor are where it mounts them."""
        mounts = self.mounted.get(executor, [])
        for claim, path in mounts:
            path.symlink_to(self.claims[claim])
        try:
            yield
        finally:
            for _, path in mounts:
                path.unlink()


def _claim(mount: Tree) -> str:
    return mount.get("constant") or mount["pvcNameParameter"]["runtimeValue"]["constant"]


class Kubeflow(Platform):
    """Kubeflow Pipelines: the launcher copies artifacts in and out, and inputs have no types.

    Args:
        folder: see `Platform`; ``minio`` in it is the object store.
        root: the pipeline root, ``minio://...``.
        pipeline: its name.
        volumes: what the pods mount.
    """

    def __init__(self, folder: Path, *, root: str, pipeline: str, volumes: Volumes):
        super().__init__(folder, root=root)
        self._pipeline, self._volumes = pipeline, volumes

    def stored(self, uri: str) -> Path:
        """The files of ``uri`` in the object store."""
        return self.folder / "minio" / uri.removeprefix("minio://")

    def outputs(self, task: str, *, run: str, keys: Mapping[str, Tree]) -> Artifacts:
        return {
            key: {
                "type": declared["artifactType"],
                "uri": f"{self.root}/{self._pipeline}/{run}/{task}/{uuid.uuid4()}/{key}",
                "metadata": {},
            }
            for key, declared in keys.items()
        }

    def as_input(self, artifact: dict[str, Any]) -> dict[str, Any]:
        # ML Metadata gives the number as the name, and adds what it keeps beside the metadata.
        number = artifact.setdefault("mlmd", str(next(self._ids)))
        metadata = {"display_name": "artifact", "store_session_info": "{}", **artifact["metadata"]}
        return {"name": number, "type": {"instanceSchema": ""}, "uri": artifact["uri"], "metadata": metadata}

    @contextmanager
    def attempt(self, inputs: Tree, outputs: Artifacts, *, task: str, run: str, executor: str) -> Iterator[Attempt]:
        del task, run
        # Nothing but what the launcher copies and the volumes is shared between two pods; all see it at the same paths.
        pod = self.folder / "pod"
        seen = pod / "minio"
        for artifacts in inputs.get("artifacts", {}).values():
            for artifact in artifacts["artifacts"]:
                _copy_files(self.stored(artifact["uri"]), seen / artifact["uri"].removeprefix("minio://"))
        for artifact in outputs.values():
            (seen / artifact["uri"].removeprefix("minio://")).parent.mkdir(parents=True, exist_ok=True)
        output_file = pod / "tmp" / "kfp_outputs" / "output_metadata.json"
        output_file.parent.mkdir(parents=True)
        told = _lists({key: {name: artifact[name] for name in ("type", "uri")} for key, artifact in outputs.items()})
        try:
            with self._volumes.seen_by(executor):
                attempt = Attempt(
                    executor_input={"inputs": inputs, "outputs": {"artifacts": told, "outputFile": str(output_file)}},
                    environment={"MOUNTS_ROOT": str(pod)},
                    output_file=output_file,
                )
                yield attempt
            for artifact in outputs.values() if attempt.succeeded else ():
                _copy_files(seen / artifact["uri"].removeprefix("minio://"), self.stored(artifact["uri"]))
        finally:
            shutil.rmtree(pod)

    def job(self, run: str) -> dict[str, str]:
        return {"pipeline_job_name": run, "pipeline_job_resource_name": run, "pipeline_job_uuid": "42", **_TIME}

    def final_status(self, *, run: str, task: str, state: str, error: str) -> Tree:
        status = {"state": state, "pipelineJobResourceName": run, "pipelineTaskName": task}
        return {**status, "error": {"message": error}} if error else status


def _lists(artifacts: Artifacts) -> Tree:
    return {key: {"artifacts": [artifact]} for key, artifact in artifacts.items()}


def _copy_files(source: Path, target: Path) -> None:
    """As to and from an object store, which knows files, but no folders."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
