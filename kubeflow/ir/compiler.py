"""From the configuration to a compiled pipeline: the same DAG as here, as PipelineSpec 2.1 for Vertex or Kubeflow."""

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
from pipeline import dag
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
# What a container starts; TFX's own entry point cannot run on Kubeflow Pipelines (see `kubeflow.container.entrypoint`).
ENTRYPOINT = ("python", "-m", "kubeflow.container.entrypoint")


def compile_pipeline(config: Config) -> CompiledPipeline:
    """Compile the pipeline for the platform that ``config`` names; nothing is sent, and no credentials are needed.

    Raises:
        ConfigError: the platform cannot run a pipeline of this name, or TFX cannot compile it.
    """
    platform = config.platform
    _check_name(config.name)
    pipeline = dag.build(config)
    exit_notice = _exit_notice(config)
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image=platform.image, default_commands=list(ENTRYPOINT), use_pipeline_spec_2_1=True
        )
    )
    if exit_notice:
        runner.set_exit_handler(exit_notice)
    spec = _compiled(runner, pipeline)
    spec = fixes.mend(spec, pipeline=pipeline, exit_handler=exit_notice)
    spec = tasks.configure(spec, config, uncached=dag.UNCACHED, gates=dag.GATES)
    return CompiledPipeline(spec=spec, platform_spec=kubernetes_spec.platform_spec(spec, platform))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        taken = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:128]
        raise ConfigError(
            f"name: {name!r} is no name of a pipeline on a platform; take lower-case letters, digits and '-', "
            f"for example {taken}."
        )


def _compiled(runner: KubeflowV2DagRunner, pipeline: Pipeline) -> dict[str, Any]:
    with unsupported.explained():
        return runner.run(pipeline, write_out=False)["pipelineSpec"]


def _exit_notice(config: Config) -> BaseComponent | None:
    handler = config.platform.exit_handler
    if handler is None:
        return None
    return ExitNotice(
        final_status=FinalStatusStr(),
        folder=handler.folder,
        webhook_env=handler.webhook_env or "",
        run=RUN_PLACEHOLDER,
        created=CREATED_PLACEHOLDER,
    )
