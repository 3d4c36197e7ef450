"""Is it a PipelineSpec at all, by the protobufs that the platforms read?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
from kfp.pipeline_spec import pipeline_spec_pb2

from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from kubeflow.lint.violation import Violation
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

SCHEMA_VERSION = "2.1.0"
_RECOMPILE = "compile it with `python -m kubeflow compile`, or correct the file"


def schema_version(compiled: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP refuses every other version (backend/src/apiserver/template/v2_template.go, NewV2SpecTemplate).

    Vertex takes 2.0.0, too (google/cloud/aiplatform/utils/pipeline_utils.py).
    """
    version = compiled.spec.get("schemaVersion")
    if version != SCHEMA_VERSION and not (version == "2.0.0" and not isinstance(config.platform, Kubeflow)):
        what = f"is {version or 'missing'}, not {SCHEMA_VERSION}"
        fix = "compile it with `python -m kubeflow compile`; in TFX that is use_pipeline_spec_2_1=True"
        yield Violation(where="schemaVersion", what=what, fix=fix)


def pipeline_spec(compiled: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP parses with protojson, which refuses unknown keys and wrong types (v2_template.go)."""
    del config
    yield from _unparsed("pipeline", compiled.spec, pipeline_spec_pb2.PipelineSpec())


def root(compiled: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP refuses an empty root (v2_template.go, "root component is empty")."""
    del config
    if not compiled.spec.get("root"):
        yield Violation(where="root", what="is empty, so there are no tasks", fix=_RECOMPILE)


def deployment_spec(compiled: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP silently drops unknown keys here (backend/src/v2/compiler/visitor.go, GetDeploymentConfig)."""
    del config
    message = pipeline_spec_pb2.PipelineDeploymentConfig()
    yield from _unparsed("deploymentSpec", _untyped(compiled.spec.get("deploymentSpec")), message)


def platform_spec(compiled: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP silently ignores a platform spec that it cannot parse (v2_template.go)."""
    del config
    if compiled.platform_spec is None:
        return
    message = pipeline_spec_pb2.PlatformSpec()
    problems = list(_unparsed("platforms", compiled.platform_spec, message))
    yield from problems
    if problems:
        return
    for label, executor in message.platforms["kubernetes"].deployment_spec.executors.items():
        tree = json_format.MessageToDict(executor)
        yield from _unparsed(f"platforms.kubernetes.{label}", tree, KubernetesExecutorConfig())


RULES = (schema_version, pipeline_spec, root, deployment_spec, platform_spec)


def normalized(compiled: CompiledPipeline) -> CompiledPipeline:
    """The same pipeline with the JSON names of the protobufs throughout; the rules above must have no violations."""
    spec = _reread(compiled.spec, pipeline_spec_pb2.PipelineSpec())
    deployment = _untyped(compiled.spec["deploymentSpec"])
    spec["deploymentSpec"] = _reread(deployment, pipeline_spec_pb2.PipelineDeploymentConfig())
    spec.setdefault("components", {})
    spec["deploymentSpec"].setdefault("executors", {})
    if compiled.platform_spec is None:
        return CompiledPipeline(spec=spec)
    platforms = _reread(compiled.platform_spec, pipeline_spec_pb2.PlatformSpec())
    executors = platforms.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    for label, executor in executors.items():
        executors[label] = _reread(executor, KubernetesExecutorConfig())
    return CompiledPipeline(spec=spec, platform_spec=platforms)


def _reread(tree: Tree, message: Message) -> Tree:
    return json_format.MessageToDict(json_format.ParseDict(tree, message))


def _unparsed(where: str, tree: Any, message: Message) -> Iterator[Violation]:
    try:
        json_format.ParseDict(tree, message)
    except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
        text = " ".join(str(error).split("Available Fields")[0].split()).rstrip(".")
        yield Violation(where=where, what=f"cannot be read as {type(message).__name__}: {text}", fix=_RECOMPILE)


def _untyped(deployment: Any) -> Any:
    """``deployment`` without the name of its type, which some compilers write."""
    if not isinstance(deployment, dict):
        return deployment
    return {key: value for key, value in deployment.items() if key != "@type"}
