"""Does Vertex take the file?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.storage import importers
from kubeflow.lint.spec.names import PIPELINE
from kubeflow.lint.violation import Violation
from pipeline.config.config import Config

# The SDK adds a dash and 14 digits of the time, and the whole may have 128 characters.
_PIPELINE = re.compile(r"[a-z][a-z0-9-]{0,112}")


def pipeline_name(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The run's id begins with it (_VALID_NAME_PATTERN in google/cloud/aiplatform/pipeline_jobs.py)."""
    del config
    name = pipeline.spec.get("pipelineInfo", {}).get("name", "")
    if PIPELINE.fullmatch(name) and not _PIPELINE.fullmatch(name):
        what = f"{name!r} does not match {_PIPELINE.pattern}"
        yield Violation(where="pipelineInfo.name", what=what, fix="change the key `name` of the config")


def platform_specs(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex's client reads one document with yaml.safe_load (google/cloud/aiplatform/utils/yaml_utils.py)."""
    del config
    if pipeline.platform_spec is not None:
        what = "is for Kubernetes, and Vertex reads one document only"
        yield Violation(where="platforms", what=what, fix="compile it with this profile")


def imported(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The store of minio:// is a Kubernetes cluster's own."""
    del config
    for node, uri in importers(pipeline):
        if uri.startswith("minio://"):
            what = f"{uri} cannot be mounted as an artifact"
            yield Violation(where=f"{node}.artifactUri", what=what, fix="use gs://")


RULES = (pipeline_name, platform_specs, imported)
