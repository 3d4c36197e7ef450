"""Can the platform and the components reach the places of the profile?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import nodes, strings
from kubeflow.platform import platform_of
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

_FOREIGN = ("minio://", "s3://")
_WEB = ("http://", "https://")
# Vertex: cloud.google.com/vertex-ai/docs/training/code-requirements, "Cloud Storage FUSE".
MOUNTED_BUCKETS = "/gcs"
# Where the image holds the project; see docs/images.md.
IMAGE_FOLDER = "/app"


def paths_in_volumes(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A path outside the mounted volumes is lost with its container."""
    del pipeline
    if not isinstance(config.platform, Kubeflow):
        return
    for key, place in shared_places(config).items():
        if key == "platform.data" and below(place, IMAGE_FOLDER):
            continue
        if place.startswith("/") and not in_volume(place, config):
            what = f"{place} is not in any of the volumes"
            yield Violation(where=key, what=what, fix="mount a claim there, under platform.volumes")


def unmounted(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The profile declares the volume, and the platform spec mounts it (KubernetesExecutorConfig.pvcMount)."""
    platforms = (pipeline.platform_spec or {}).get("platforms", {})
    executors = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    for node, path, text in strings(pipeline.spec):
        mounts = executors.get(node.component.get("executorLabel"), {}).get("pvcMount", ())
        mounted = any(below(text, mount.get("mountPath", "")) for mount in mounts)
        if text.startswith("/") and in_volume(text, config) and not mounted:
            what, fix = f"{text} is in a volume that the task does not mount", "compile it again with this profile"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def schemes(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """TensorFlow 2.21 and Beam open neither minio:// nor s3://; only the orchestrator does, for artifacts.

    Other components may bring a client for them, so the rule looks only at folders that TFX and we open.
    """
    del config
    for node, path, text in strings(pipeline.spec):
        if text.startswith(_FOREIGN) and path in FOLDERS:
            what = f"{text} is in a store that components cannot open"
            fix = "use gs://, or a path in a mounted volume"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def web_addresses(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """TFX opens files with tf.io.gfile and Beam, which know no web addresses."""
    del config
    for node, path, text in strings(pipeline.spec):
        if text.startswith(_WEB) and path in FOLDERS:
            what, fix = f"{text} is a web address, and components open files", "copy it to gs:// or into a volume"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def imported(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """No platform can mount a path; the rest differs, and grows."""
    del config
    for node, uri in importers(pipeline):
        if "://" not in uri or uri.startswith("file://"):
            what = f"{uri} cannot be mounted as an artifact"
            yield Violation(where=f"{node}.artifactUri", what=what, fix="use an object store, such as gs://")


RULES = (paths_in_volumes, unmounted, schemes, web_addresses, imported)

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


def importers(pipeline: CompiledPipeline) -> Iterator[tuple[str, str]]:
    """Importers with the URIs that they import."""
    for node in nodes(pipeline.spec):
        uri = node.executor.get("importer", {}).get("artifactUri", {}).get("constant", "")
        if uri:
            yield node.name, uri


def shared_places(config: Config) -> dict[str, str]:
    """What containers read and write by themselves, by key of the profile."""
    platform = platform_of(config)
    places = {"platform.serving": platform.serving, "platform.state": platform.state}
    if platform.data:
        places["platform.data"] = platform.data
    if platform.exit_handler:
        places["platform.exit_handler.folder"] = platform.exit_handler.folder
    return places


def in_volume(path: str, config: Config) -> bool:
    """Whether ``path`` lies in a volume that the profile mounts."""
    volumes = config.platform.volumes if isinstance(config.platform, Kubeflow) else ()
    return any(below(path, volume.mount) for volume in volumes)


def below(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or in it; `..` does not lead out, and nothing is below the empty path."""
    inner, outer = PurePosixPath(path).parts, PurePosixPath(folder).parts
    return bool(outer) and ".." not in inner and inner[: len(outer)] == outer
