"""Does a file that was compiled before belong to this config and profile? A submission uses all of them."""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers
from kubeflow.platform import kind_of
from pipeline.config.config import Config
from pipeline.nodes.places import places

_CLASS_FLAG = "--executor_class_path"
_RECOMPILE = "compile it again with this config and profile"
# The executors that hand the training over, and the only platform that can run what they hand over.
_TRAINS_ON = {
    "components.vertex.trainer.CustomJobExecutor": "vertex",  # part: vertex
    "components.training_operator.executor.TFJobExecutor": "kubeflow",  # part: training_operator
}


def pipeline_name(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Another pipeline would run under this name, since a submission takes the name from the config."""
    name = pipeline.spec["pipelineInfo"]["name"]
    if name != config.name:
        yield Violation(
            where="pipelineInfo.name", what=f"is {name!r}, but the config's is {config.name!r}", fix=_RECOMPILE
        )


def pipeline_root(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The run would write its artifacts to one place, and the nodes would open files in another."""
    root, wanted = pipeline.spec.get("defaultPipelineRoot"), places(config).artifacts
    if root and root != wanted:
        yield Violation(where="defaultPipelineRoot", what=f"is {root}, but the profile's is {wanted}", fix=_RECOMPILE)


def trainer(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The Trainer would call an API that the platform does not have (`_TRAINS_ON`)."""
    own = kind_of(config)
    for node, container in containers(pipeline):
        arguments = container.get("args", [])
        executor = dict(zip(arguments, arguments[1:], strict=False)).get(_CLASS_FLAG, "")
        kind = _TRAINS_ON.get(executor, own)
        if kind != own:
            what = f"{executor} trains on {kind}, but the profile is for {own}"
            yield Violation(where=f"{node}.container", what=what, fix=_RECOMPILE)


RULES = (
    pipeline_name,
    pipeline_root,
    trainer,  # part: vertex
)
