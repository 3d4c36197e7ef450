"""Compiles the configuration: the same DAG as in a local run, as a PipelineSpec 2.1 for Vertex or Kubeflow."""

from __future__ import annotations

import re
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline

from components.exit_notice import CREATED_PLACEHOLDER, RUN_PLACEHOLDER, ExitNotice
from kubeflow.ir import fixes, kubernetes_spec, tasks, unsupported
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.platform import platform_of
from pipeline import dag
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# The command of every container; TFX's own entry point does not run on Kubeflow Pipelines.
ENTRYPOINT = ("python", "-m", "kubeflow.container.entrypoint")


def compile_pipeline(config: Config) -> CompiledPipeline:
    """Compile the pipeline for the platform that ``config`` names; it sends nothing and needs no credentials.

    Raises:
        ConfigError: the platform cannot run a pipeline of this name, or TFX cannot compile it.
    """
    platform = platform_of(config)
    _check_name(config.name)
    built = dag.build(config)
    exit_notice = _exit_notice(config)
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image=platform.image, default_commands=list(ENTRYPOINT), use_pipeline_spec_2_1=True
        )
    )
    if exit_notice:
        runner.set_exit_handler(exit_notice)
    spec = _compiled(runner, built.pipeline)
    spec = fixes.fix(spec, pipeline=built.pipeline, exit_handler=exit_notice)
    spec = tasks.configure(spec, config, uncached=built.uncached, gates=built.gates)
    return CompiledPipeline(spec=spec, platform_spec=kubernetes_spec.platform_spec(spec, platform))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        taken = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
        raise ConfigError(
            f"name: {name!r} is not a valid name on a platform; use lower-case letters, digits and '-', "
            f"for example {taken}."
        )


def _compiled(runner: KubeflowV2DagRunner, pipeline: Pipeline) -> dict[str, Any]:
    with unsupported.explained():
        return runner.run(pipeline, write_out=False)["pipelineSpec"]


def _exit_notice(config: Config) -> BaseComponent | None:
    handler = platform_of(config).exit_handler
    if handler is None:
        return None
    return ExitNotice(
        final_status=FinalStatusStr(),
        folder=handler.folder,
        webhook_env=handler.webhook_env or "",
        run=RUN_PLACEHOLDER,
        created=CREATED_PLACEHOLDER,
    )
