"""Do Beam's workers find each other and the artifacts?"""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.container.beam_flags import beam_option
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers
from kubeflow.platform import platform_of
from pipeline.config.beam.refused import LOSING, refusal
from pipeline.config.config import Config

_LOCAL = {"localhost", "127.0.0.1", "[::1]", "0.0.0.0"}
_FOREIGN = ("minio://", "s3://")
# Others are unknown; Prism's workers, for one, are in the task's container.
_ELSEWHERE = {"dataflowrunner", "flinkrunner", "portablerunner", "sparkrunner"}


def near_job_server(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Nothing else runs in a task's container (kubeflow/images): its localhost is not the submitter's."""
    del config
    endpoints = (beam_option(container.get("args", ()), "--job_endpoint") for _, container in containers(pipeline))
    for endpoint in dict.fromkeys(filter(None, endpoints)):
        if endpoint.rpartition(":")[0] in _LOCAL:
            what = f"{endpoint} is in the task's own container, where no job server runs"
            fix = "use the job server's name in the cluster, and compile it again"
            yield Violation(where="beam.job_endpoint", what=what, fix=fix)


def unreadable_root(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Workers on other machines open the artifacts themselves, and Beam opens neither minio:// nor s3:// here.

    The launcher's mounts are in the task's container alone (kubeflow/container/invocation.py).
    """
    root = platform_of(config).root
    runners = {
        (beam_option(container.get("args", ()), "--runner") or "").lower() for _, container in containers(pipeline)
    }
    if root.startswith(_FOREIGN) and runners & _ELSEWHERE:
        what = f"{root} is a store that Beam's workers on other machines cannot open"
        yield Violation(where="platform.root", what=what, fix="use gs://, or beam.runner: FnApiRunner")


def losing_runner(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Observed: these runners lost splits or bundles, and nothing failed (`LOSING`)."""
    del config
    for node, container in containers(pipeline):
        runner = beam_option(container.get("args", ()), "--runner") or ""
        reason = refusal(runner, LOSING)
        if reason:
            yield Violation(where=f"{node}.args", what=f"--runner={runner}: {reason}", fix="use FlinkRunner")


RULES = (near_job_server, unreadable_root, losing_runner)
