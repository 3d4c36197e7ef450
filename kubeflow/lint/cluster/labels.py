"""Does Kubernetes take the labels, selectors and tolerations of the pods?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.spec.names import KUBERNETES
from kubeflow.lint.violation import Violation
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_FORM = "letters, digits, '-', '_' and '.', a letter or digit at both ends, at most 63 characters"


def pod_labels(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Kubernetes refuses the pod: "a valid label must be an empty string or consist of alphanumeric characters ...".

    Source: apimachinery/pkg/util/validation/validation.go, IsQualifiedName and IsValidLabelValue.
    """
    del pipeline
    if isinstance(config.platform, Kubeflow):
        yield from _violations("platform.labels", config.platform.labels)


def node_selector(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The same for the labels of nodes (pkg/apis/core/validation/validation.go, ValidatePodSpec)."""
    del pipeline
    if isinstance(config.platform, Kubeflow):
        yield from _violations("platform.node_selector", config.platform.node_selector)


def tolerations(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The same for taints, and "value must be empty when `operator` is 'Exists'" (ValidateTolerations, there)."""
    del pipeline
    for index, toleration in enumerate(config.platform.tolerations if isinstance(config.platform, Kubeflow) else ()):
        where = f"platform.tolerations.{index}"
        if toleration.operator == "Exists" and toleration.value:
            what = f"has the value {toleration.value!r}, and Exists takes none"
            yield Violation(where=where, what=what, fix="leave out the value, or set operator: Equal")
        else:
            yield from _violations(where, {toleration.key: toleration.value or ""})


RULES = (pod_labels, node_selector, tolerations)


def _violations(where: str, labels: Mapping[str, str]) -> Iterator[Violation]:
    for key, value in labels.items():
        if not _is_key(key):
            what = f"the key {key!r} is no NAME or DOMAIN/NAME, with a name of {_FORM}"
            yield Violation(where=f"{where}.{key}", what=what, fix="rename it")
        elif value and not _NAME.fullmatch(value):
            yield Violation(where=f"{where}.{key}", what=f"the value {value!r} is not made of {_FORM}", fix="change it")


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_NAME.fullmatch(name)) and (not slash or (len(prefix) <= 253 and bool(KUBERNETES.fullmatch(prefix))))
