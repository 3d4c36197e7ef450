"""Can the platform and the components reach the places that the profile names?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.finding import Finding
from kubeflow.lint.walk import nodes, strings
from pipeline.config.config import Config

_FOREIGN = ("minio://", "s3://")
_WEB = ("http://", "https://")
# Vertex: cloud.google.com/vertex-ai/docs/training/code-requirements, "Cloud Storage FUSE".
MOUNTED_BUCKETS = "/gcs"
# Where the image holds the project; see docs/images.md.
IMAGE_FOLDER = "/app"


def root(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Vertex keeps artifacts in Cloud Storage alone (RuntimeConfig.gcsOutputDirectory in the API's reference)."""
    del pipeline
    if config.platform.kind == "vertex" and not config.platform.root.startswith("gs://"):
        yield Finding(where="platform.root", what=f"{config.platform.root} is not in Cloud Storage", fix="use gs://")


def paths_on_vertex(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Vertex mounts buckets below /gcs, and nothing else: any other path is in the container and is lost with it.

    Data is only read, and may be named by its mount. What is written is not: a mounted bucket cannot rename a folder
    (cloud.google.com/storage/docs/cloud-storage-fuse/overview), and gs:// is written in a way that needs no renaming.
    """
    del pipeline
    if config.platform.kind != "vertex":
        return
    for key, place in shared_places(config).items():
        if key == "platform.data" and any(below(place, folder) for folder in (MOUNTED_BUCKETS, IMAGE_FOLDER)):
            continue
        if below(place, MOUNTED_BUCKETS):
            what = f"{place} is a mounted bucket, in which no folder can be renamed"
            yield Finding(where=key, what=what, fix=f"use gs://{place.removeprefix(MOUNTED_BUCKETS).strip('/')}")
        elif place.startswith("/"):
            what = f"{place} is a path, and Vertex mounts nothing but buckets"
            yield Finding(where=key, what=what, fix="use a gs:// folder")


def paths_in_volumes(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """A path outside of the mounted volumes is in the container and is lost with it."""
    del pipeline
    if config.platform.kind != "kubeflow":
        return
    for key, place in shared_places(config).items():
        if key == "platform.data" and below(place, IMAGE_FOLDER):
            continue
        if place.startswith("/") and not in_volume(place, config):
            what = f"{place} lies in none of the volumes"
            yield Finding(where=key, what=what, fix="mount a claim there, under platform.volumes")


def unmounted(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """The profile declares the volume, and the platform spec mounts it (KubernetesExecutorConfig.pvcMount)."""
    platforms = (pipeline.platform_spec or {}).get("platforms", {})
    executors = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    for node, path, text in strings(pipeline.spec):
        mounts = executors.get(node.component.get("executorLabel"), {}).get("pvcMount", ())
        mounted = any(below(text, mount.get("mountPath", "")) for mount in mounts)
        if text.startswith("/") and in_volume(text, config) and not mounted:
            what, fix = f"{text} is in a volume that the task does not mount", "compile it again with this profile"
            yield Finding(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def schemes(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """TensorFlow 2.21 and Beam open neither minio:// nor s3://; only the orchestrator does, for artifacts.

    A component that is not TFX's may bring a client for them, so only the folders that TFX and we open are looked at.
    """
    del config
    for node, path, text in strings(pipeline.spec):
        if text.startswith(_FOREIGN) and path in FOLDERS:
            what = f"{text} is in a store that components cannot open"
            fix = "use gs://, or a path in a mounted volume"
            yield Finding(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def web_addresses(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """TFX opens files with tf.io.gfile and Beam, which know no web addresses."""
    del config
    for node, path, text in strings(pipeline.spec):
        if text.startswith(_WEB) and path in FOLDERS:
            what, fix = f"{text} is a web address, and components open files", "copy it to gs:// or into a volume"
            yield Finding(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def imported(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """A path is in no store, and minio:// is the cluster's own; what else can be mounted differs and grows."""
    vertex = config.platform.kind == "vertex"
    stores = ("gs://",) if vertex else ("gs://", *_FOREIGN)
    for node in nodes(pipeline.spec):
        uri = node.executor.get("importer", {}).get("artifactUri", {}).get("constant", "")
        if uri and ("://" not in uri or uri.startswith(("file://", "minio://") if vertex else "file://")):
            what = f"{uri} cannot be mounted as an artifact"
            yield Finding(where=f"{node.name}.artifactUri", what=what, fix=f"use {' or '.join(stores)}")


RULES = (root, paths_on_vertex, paths_in_volumes, unmounted, schemes, web_addresses, imported)

# The properties of TFX's components and ours that name files or folders.
FOLDERS = frozenset(
    {
        "input_base",
        "schema_file",
        "module_file",
        "base_directory",
        "folder",
        "champion",
        "custom_config.checkpoints",
        "push_destination.filesystem.base_directory",
    }
)


def shared_places(config: Config) -> dict[str, str]:
    """What containers read and write by themselves, by key of the profile."""
    platform = config.platform
    places = {"platform.serving": platform.serving, "platform.state": platform.state}
    if platform.data:
        places["platform.data"] = platform.data
    if platform.exit_handler:
        places["platform.exit_handler.folder"] = platform.exit_handler.folder
    return places


def in_volume(path: str, config: Config) -> bool:
    """Whether ``path`` lies in a volume that the profile mounts."""
    return any(below(path, volume.mount) for volume in getattr(config.platform, "volumes", ()))


def below(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or in it; `..` is no way out, and nothing is below the empty path."""
    inner, outer = PurePosixPath(path).parts, PurePosixPath(folder).parts
    return bool(outer) and ".." not in inner and inner[: len(outer)] == outer
