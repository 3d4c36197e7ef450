"""Are the names such that the platform takes them?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.finding import Finding
from kubeflow.lint.walk import ROOT, nodes
from pipeline.config.config import Config

_PIPELINE = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
# The SDK adds a dash and 14 digits of the time, and the whole may have 128 characters.
_VERTEX_PIPELINE = re.compile(r"[a-z][a-z0-9-]{0,112}")
# "-driver" is added, and the whole may have 128 characters.
_ARGO_TASK = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,120}")
_KUBERNETES = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def pipeline_name(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Refused by TFX and kfp for both platforms; on Vertex it begins the run's id, too.

    Sources: tfx/orchestration/kubeflow/v2/pipeline_builder.py and kfp/dsl/utils.py; _VALID_NAME_PATTERN in
    google/cloud/aiplatform/pipeline_jobs.py.
    """
    pattern = _VERTEX_PIPELINE if config.platform.kind == "vertex" else _PIPELINE
    name = pipeline.spec.get("pipelineInfo", {}).get("name", "")
    if not pattern.fullmatch(name):
        what = f"{name!r} does not match {pattern.pattern}"
        yield Finding(where="pipelineInfo.name", what=what, fix="change the key `name` of the config")


def task_names(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Argo refuses the workflow (workflow/validate/validate.go: workflowFieldNameFmt, "cannot begin with a digit")."""
    if config.platform.kind != "kubeflow":
        return
    for node in nodes(pipeline.spec):
        hook = f"exit-hook-{node.dag}-{node.name}" if node.is_exit_handler else ""
        if not _ARGO_TASK.fullmatch(node.name) or len(hook) > 128:
            what = "is no name of an Argo task: letters, digits and '-' only, a letter first, at most 121 characters"
            yield Finding(where=node.name, what=what, fix="give the node another id with `with_id`")


def reserved_component(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Refused by KFP (backend/src/v2/compiler/visitor.go, "is reserved")."""
    del config
    if ROOT in pipeline.spec["components"]:
        what, fix = "is the name of the pipeline's own DAG", "give the node another id with `with_id`"
        yield Finding(where=ROOT, what=what, fix=fix)


def labels(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Vertex refuses the run (PipelineJob.labels in the API's reference: 64 characters, no capitals, '_' and '-')."""
    del pipeline
    if config.platform.kind != "vertex":
        return
    for key, value in config.platform.labels.items():
        if not key or not all(map(_is_label, (key, value))):
            what = f"{value!r} is no label: lower-case letters, digits, '_' and '-' only, at most 64 of them"
            yield Finding(where=f"platform.labels.{key}", what=what, fix="write it so")


def kubernetes_names(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """The pods would not start (Kubernetes: object names are DNS subdomains, at most 253 characters)."""
    del pipeline
    platform = config.platform
    if platform.kind != "kubeflow":
        return
    used = {"namespace": platform.namespace, "service_account": platform.service_account}
    used |= {f"secrets.{index}.name": secret.name for index, secret in enumerate(platform.secrets)}
    used |= {f"volumes.{index}.claim": volume.claim for index, volume in enumerate(platform.volumes)}
    used |= {f"image_pull_secrets.{index}": name for index, name in enumerate(platform.image_pull_secrets)}
    for key, name in used.items():
        if name is not None and (len(name) > 253 or not _KUBERNETES.fullmatch(name)):
            what = f"{name!r} is no name of a Kubernetes object: lower-case letters, digits, '-' and '.' only"
            yield Finding(where=f"platform.{key}", what=what, fix="name an object that there is in the namespace")


RULES = (pipeline_name, task_names, reserved_component, labels, kubernetes_names)


def _is_label(text: str) -> bool:
    return len(text) <= 64 and text == text.lower() and all(letter.isalnum() or letter in "_-" for letter in text)
