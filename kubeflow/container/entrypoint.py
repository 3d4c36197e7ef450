"""The entry point of every container: ``python -m kubeflow.container.entrypoint``, with TFX's own arguments.

TFX's entry point does not run on Kubeflow Pipelines, and knows neither gates nor preemption. This one corrects the
orchestrator's invocation (see `kubeflow.container.invocation`), and then lets TFX's entry point run the executor.

Exit codes: 0 done, 2 bad usage, 3 a gate refused, 75 stopped by a signal (run it again to resume), 1 anything else.
Orchestrators ignore them when they retry a task, so gates are compiled without retries.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from components.refusal import GateRefused
from kubeflow.container.beam_flags import beam_option, distributed
from kubeflow.container.mounts import Mounts
from pipeline.beam.job_server import check_job_server
from pipeline.config.beam.in_process import InProcess
from pipeline.config.loading import ConfigError
from pipeline.running.interrupts import Interrupts, Terminated

# Importing the trainer pins Keras 3, so it comes before TensorFlow, which is imported below.
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE, Preempted

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import ExecutorInput

DONE, BROKEN, REFUSED = 0, 1, 3
_DOC = __doc__ or ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kubeflow.container.entrypoint",
        description=_DOC.partition("\n")[0],
        epilog="All further flags are for Beam. " + _DOC.rpartition("\n\n")[2],
        allow_abbrev=False,
    )
    parser.add_argument("--executor_class_path", required=True, metavar="MODULE.CLASS")
    parser.add_argument("--json_serialized_invocation_args", required=True, metavar="JSON", help="an ExecutorInput")
    parser.add_argument(
        "--json_serialized_inputs_spec_args", default="{}", metavar="JSON", help="the component's ComponentInputsSpec"
    )
    parser.add_argument(
        "--beam_limit_minutes",
        type=float,
        default=InProcess().limit_minutes,
        help="time limit of a Beam job (default: %(default)g)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one executor and return the exit code; if it is not 0, the last line on stderr says why."""
    options, beam_args = _parser().parse_known_args(arguments)
    name = _component(options.executor_class_path)
    try:
        with Interrupts():
            _run(options, beam_args)
    except GateRefused as refusal:
        print(f"{name} refused: {refusal.reason}", file=sys.stderr)
        return REFUSED
    except Preempted as preemption:
        print(f"{name} was stopped: {preemption}", file=sys.stderr)
        return RESUMABLE_EXIT_CODE
    except Terminated:
        print(f"{name} was stopped; it left no output.", file=sys.stderr)
        return RESUMABLE_EXIT_CODE
    except ConfigError as error:
        print(f"{name} failed: {' '.join(str(error).split())}", file=sys.stderr)
        return BROKEN
    except Exception as error:
        traceback.print_exc()
        print(f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())[:400]}", file=sys.stderr)
        return BROKEN
    return DONE


def _component(class_path: str) -> str:
    """The component's name: that of its function, or of the module of its class."""
    module, _, name = class_path.rpartition(".")
    return name.removesuffix("_Executor") if name.endswith("_Executor") else module.removesuffix(".executor")


def _quick(executor: type) -> AbstractContextManager[None]:
    """What makes nodes that use Beam take less time, as in a run on one machine."""
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

    if not issubclass(executor, BaseBeamExecutor):
        return nullcontext()
    from pipeline.beam.quick_nodes import quick_nodes

    return quick_nodes()


def _run(options: argparse.Namespace, beam_args: list[str]) -> None:
    # Errors only: TensorFlow's C++ would fill the logs.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from absl import flags, logging
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils, kubeflow_v2_run_executor
    from tfx.orchestration.portable import outputs_utils
    from tfx.utils import import_utils

    from kubeflow.container import invocation
    from pipeline.beam import guard

    # As absl's main does: otherwise some libraries refuse to read their flags, or warn at every log.
    flags.FLAGS.mark_as_parsed()
    logging.use_absl_handler()
    executor = import_utils.import_class_by_path(options.executor_class_path)
    spec = pipeline_spec_pb2.ComponentInputsSpec()
    json_format.Parse(options.json_serialized_inputs_spec_args, spec, ignore_unknown_fields=True)
    given = pipeline_spec_pb2.ExecutorInput()
    json_format.Parse(options.json_serialized_invocation_args, given, ignore_unknown_fields=True)
    given = invocation.repaired(given, spec)
    far = issubclass(executor, BaseBeamExecutor) and distributed(beam_args)
    endpoint = beam_option(beam_args, "--job_endpoint")
    if far and endpoint:
        check_job_server(endpoint)
    scratch = _scratch(given)
    try:
        if far:
            task = invocation.InStore(given)
        else:
            # TFX uses the name of the output file's folder as the task's name.
            name = Path(given.outputs.output_file).parent.name
            shared = getattr(executor, invocation.MADE_ELSEWHERE, False)
            task = invocation.OnDisk(given, mounts=Mounts.of_environment(), scratch=scratch / name, shared=shared)
            outputs = kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict(task.invocation.outputs.artifacts)
            outputs_utils.make_output_dirs(outputs)
        arguments = argparse.Namespace(**vars(options))
        arguments.json_serialized_invocation_args = json_format.MessageToJson(task.invocation)
        with guard.guarded(options.beam_limit_minutes), _quick(executor):
            kubeflow_v2_run_executor._run_executor(arguments, beam_args)  # noqa: SLF001 (its main parses the flags again)
        task.publish()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _scratch(given: ExecutorInput) -> Path:
    """A folder that does not exist yet, with the same name in every attempt of one execution.

    An executor that is restarted finds the work that it handed to others by the paths of its outputs.
    """
    uris = [artifact.uri for artifacts in given.outputs.artifacts.values() for artifact in artifacts.artifacts]
    digest = hashlib.sha256("\n".join([*sorted(uris), given.outputs.output_file]).encode()).hexdigest()
    scratch = Path(tempfile.gettempdir(), f"tfx-{digest[:16]}")
    shutil.rmtree(scratch, ignore_errors=True)
    return scratch


if __name__ == "__main__":
    sys.exit(main())
