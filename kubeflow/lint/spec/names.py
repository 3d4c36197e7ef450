"""Does the platform take the names?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import ROOT, nodes
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

PIPELINE = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
# "-driver" is added, and the whole may have 128 characters.
_ARGO_TASK = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,120}")
KUBERNETES = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def pipeline_name(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """TFX and kfp refuse it (tfx/orchestration/kubeflow/v2/pipeline_builder.py and kfp/dsl/utils.py)."""
    del config
    name = pipeline.spec.get("pipelineInfo", {}).get("name", "")
    if not PIPELINE.fullmatch(name):
        what = f"{name!r} does not match {PIPELINE.pattern}"
        yield Violation(where="pipelineInfo.name", what=what, fix="change the key `name` of the config")


def task_names(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Argo refuses the workflow (workflow/validate/validate.go: workflowFieldNameFmt, "cannot begin with a digit")."""
    if not isinstance(config.platform, Kubeflow):
        return
    for node in nodes(pipeline.spec):
        hook = f"exit-hook-{node.dag}-{node.name}" if node.is_exit_handler else ""
        if not _ARGO_TASK.fullmatch(node.name) or len(hook) > 128:
            what = "is not a valid name in Argo: letters, digits and '-' only, a letter first, at most 121 characters"
            yield Violation(where=node.name, what=what, fix="give the node another id with `with_id`")


def reserved_component(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by KFP (backend/src/v2/compiler/visitor.go, "is reserved")."""
    del config
    if ROOT in pipeline.spec["components"]:
        what, fix = "is the name of the pipeline's own DAG", "give the node another id with `with_id`"
        yield Violation(where=ROOT, what=what, fix=fix)


def kubernetes_names(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The pods would not start (Kubernetes: object names are DNS subdomains, at most 253 characters)."""
    del pipeline
    platform = config.platform
    if not isinstance(platform, Kubeflow):
        return
    used = {"namespace": platform.namespace, "service_account": platform.service_account}
    used |= {f"secrets.{index}.name": secret.name for index, secret in enumerate(platform.secrets)}
    used |= {f"volumes.{index}.claim": volume.claim for index, volume in enumerate(platform.volumes)}
    used |= {f"image_pull_secrets.{index}": name for index, name in enumerate(platform.image_pull_secrets)}
    for key, name in used.items():
        if name is not None and (len(name) > 253 or not KUBERNETES.fullmatch(name)):
            what = f"{name!r} is not a valid name of a Kubernetes object: lower-case letters, digits, '-' and '.' only"
            yield Violation(where=f"platform.{key}", what=what, fix="name an object of the namespace")


RULES = (pipeline_name, task_names, reserved_component, kubernetes_names)
