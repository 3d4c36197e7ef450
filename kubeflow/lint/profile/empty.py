"""Is a parameter empty that names a place?"""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.storage import FOLDERS
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import strings
from pipeline.config.config import Config


def folders(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The component looks into its container's working folder, or at the root of the disk.

    An empty text is a value; only a missing one is an error (KFP: backend/src/v2/driver/resolve.go).
    """
    del config
    for node, path, text in strings(pipeline.spec):
        if path in FOLDERS and not text.strip():
            what = f"{text!r} is empty, and names no folder"
            fix = "give a path or gs://; a runtime parameter by --parameter NAME=VALUE"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


RULES = (folders,)
