"""The command line: ``python -m pipeline run|status|deploy-files|training-job``.

Exit codes: 0 done, 2 bad usage or config, 3 a gate refused, 75 told to stop by SIGTERM (run it again to go on), 1
anything else.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from pipeline import checks
from pipeline.config import loading
from pipeline.running.interrupts import Terminated
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE

DONE, BROKEN, BAD_CONFIG, REFUSED = 0, 1, 2, 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__.splitlines()[0], epilog=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    common = config_arguments(profile="local")
    run = commands.add_parser("run", parents=[common], help="run the pipeline and ask the model it pushed")
    run.add_argument("--from", dest="from_node", metavar="NODE", help="start here; what comes before is reused")
    run.add_argument("--to", dest="to_node", metavar="NODE", help="stop after this node")
    commands.add_parser("status", parents=[common], help="what the last run did, and which versions are served")
    deploy = commands.add_parser(
        "deploy-files", parents=[common], help="write files for docker, Kubernetes and Grafana"
    )
    deploy.add_argument("--output", type=Path, metavar="FOLDER", help="(default: deploy in the run folder)")
    training = commands.add_parser("training-job", parents=[common], help="write a job file for python -m trainer")
    training.add_argument("--output", type=Path, default=Path("job.json"), metavar="FILE.json")
    training.add_argument("--folder", type=Path, required=True, help="shared by all hosts, for what the training makes")
    return parser


def config_arguments(*, profile: str | None) -> argparse.ArgumentParser:
    """The flags of every command that reads a config; the profile must be named where there is no default."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, default=Path("configs/taxi.yaml"))
    default = f" (default: {profile})" if profile else ""
    common.add_argument(
        "--profile", default=profile, required=profile is None, help=f"a file in profiles/ beside the config{default}"
    )
    common.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one key; repeatable")
    common.add_argument("--verbose", action="store_true", help="show all logs, and tracebacks of errors")
    return common


def print_unexpected(error: Exception, *, verbose: bool) -> None:
    """Two lines for an error that nobody thought of, or its traceback."""
    if verbose:
        traceback.print_exception(error)
    text = " ".join(str(error).split())[:400]
    print(f"{type(error).__name__}: {text}\nThis is unexpected: run again with --verbose.", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one or two lines on stderr."""
    options = _parser().parse_args(arguments)
    try:
        config = loading.load(config=options.config, profile=options.profile, overrides=options.set)
        if options.command == "status":
            from pipeline.operate.status import show

            return show(config)
        if options.command == "deploy-files":
            from pipeline.operate.deploy_files import make

            return make(config, output=options.output)
        if options.command == "training-job":
            from pipeline.operate.training_job import make as make_job

            return make_job(config, output=options.output, folder=options.folder.absolute())
        if config.platform:
            raise loading.ConfigError(
                f"--profile {options.profile}: runs on {config.platform.kind}; send it there with "
                f"`python -m kubeflow submit --profile {options.profile}`."
            )
        checks.check(config)
        quiet_tensorflow(verbose=options.verbose)
        from pipeline.job import run

        return run(config, from_node=options.from_node, to_node=options.to_node, verbose=options.verbose)
    except loading.ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    except KeyboardInterrupt as error:
        print(
            "interrupted; nothing is half-pushed, and the next run goes on after the last whole node.", file=sys.stderr
        )
        return RESUMABLE_EXIT_CODE if isinstance(error, Terminated) else BROKEN
    except Exception as error:
        print_unexpected(error, verbose=options.verbose)
        return BROKEN


def quiet_tensorflow(*, verbose: bool) -> None:
    """Before the first import of TensorFlow: its C++ logs, and the wait for metadata of a cloud that is not there."""
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("NO_GCE_CHECK", "true")
