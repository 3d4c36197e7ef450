"""Does Vertex take the places and labels of the profile?"""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.storage import IMAGE_FOLDER, MOUNTED_BUCKETS, below, shared_places
from kubeflow.lint.violation import Violation
from kubeflow.platform import platform_of
from pipeline.config.config import Config

_MOST_LABELS = 64
_FORM = "lower-case letters, digits, '_' and '-', at most 64"


def root(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex keeps artifacts only in Cloud Storage (RuntimeConfig.gcsOutputDirectory in the API's reference)."""
    del pipeline
    place = platform_of(config).root
    if not place.startswith("gs://"):
        yield Violation(where="platform.root", what=f"{place} is not in Cloud Storage", fix="use gs://")


def paths(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex mounts buckets below /gcs, and nothing else: any other path is lost with its container.

    Data is only read, so it may be named by its mount. Outputs may not: a mounted bucket cannot rename a folder
    (cloud.google.com/storage/docs/cloud-storage-fuse/overview), and writing to gs:// needs no renaming.
    """
    del pipeline
    for key, place in shared_places(config).items():
        if key == "platform.data" and any(below(place, folder) for folder in (MOUNTED_BUCKETS, IMAGE_FOLDER)):
            continue
        if below(place, MOUNTED_BUCKETS):
            what = f"{place} is a mounted bucket, in which no folder can be renamed"
            yield Violation(where=key, what=what, fix=f"use gs://{place.removeprefix(MOUNTED_BUCKETS).strip('/')}")
        elif place.startswith("/"):
            what = f"{place} is a path, and Vertex mounts only buckets"
            yield Violation(where=key, what=what, fix="use a gs:// folder")


def labels(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex refuses the run.

    Sources: PipelineJob.labels in the API's reference (64 characters, no capitals, '_' and '-'), and
    cloud.google.com/resource-manager/docs/labels-overview#requirements for the beginning of a key and the number.
    """
    del pipeline
    given = platform_of(config).labels
    if len(given) > _MOST_LABELS:
        what = f"there are {len(given)}, and a run has at most {_MOST_LABELS}"
        yield Violation(where="platform.labels", what=what, fix="leave some out")
    for key, value in given.items():
        where = f"platform.labels.{key}"
        if not key[:1].isalpha() or not _is_label(key):
            yield Violation(
                where=where, what=f"the key {key!r} is not made of {_FORM}, a letter first", fix="rename it"
            )
        elif not _is_label(value):
            yield Violation(where=where, what=f"the value {value!r} is not made of {_FORM}", fix="change it")


RULES = (root, paths, labels)


def _is_label(text: str) -> bool:
    return len(text) <= 64 and text == text.lower() and all(letter.isalnum() or letter in "_-" for letter in text)
