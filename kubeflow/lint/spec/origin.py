"""Does a file that was compiled before belong to this config and profile? What is sent comes from both."""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.finding import Finding
from kubeflow.lint.walk import containers
from pipeline.config.config import Config
from pipeline.nodes.places import places

_CLASS_FLAG = "--executor_class_path"
_RECOMPILE = "compile it again with this config and profile"
# The executors that hand the training over, and the only platform that has what they hand it to.
_TRAINS_ON = {
    "components.vertex.trainer.CustomJobExecutor": "vertex",
    "components.training_operator.executor.TFJobExecutor": "kubeflow",
}


def pipeline_name(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Another pipeline would run under this one's name (submission takes the name from the config)."""
    name = pipeline.spec["pipelineInfo"]["name"]
    if name != config.name:
        yield Finding(
            where="pipelineInfo.name", what=f"is {name!r}, and the config's is {config.name!r}", fix=_RECOMPILE
        )


def pipeline_root(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """The run's artifacts would lie in one place, and what the nodes were told to open in another."""
    root, wanted = pipeline.spec.get("defaultPipelineRoot"), places(config).artifacts
    if root and root != wanted:
        yield Finding(where="defaultPipelineRoot", what=f"is {root}, and the profile's is {wanted}", fix=_RECOMPILE)


def trainer(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """The Trainer would look for an API that is not there (`_TRAINS_ON`)."""
    for node, container in containers(pipeline):
        arguments = container.get("args", [])
        given = dict(zip(arguments, arguments[1:], strict=False)).get(_CLASS_FLAG)
        kind = _TRAINS_ON.get(given, config.platform.kind)
        if kind != config.platform.kind:
            what = f"{given} trains on {kind}, and the profile is for {config.platform.kind}"
            yield Finding(where=f"{node}.container", what=what, fix=_RECOMPILE)


RULES = (pipeline_name, pipeline_root, trainer)
