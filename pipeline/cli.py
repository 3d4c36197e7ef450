"""The command line: ``python -m pipeline COMMAND``.

Exit codes: 0 done, 2 bad usage or config, 3 a gate refused, 75 stopped by SIGTERM (run it again to resume), 130
stopped by Ctrl-C, 1 anything else.
"""

from __future__ import annotations

import argparse
import importlib
import os
import select
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pipeline.config import loading
from pipeline.environment import quiet_metadata
from pipeline.running.interrupts import Interrupts

DONE, BROKEN, BAD_CONFIG, REFUSED = 0, 1, 2, 3
# What makes a config: its module has ``add_arguments(parser)`` and ``run(options)``.
_INIT = "init"
# Each other command is a module of `pipeline.operate` with ``add_arguments(parser)`` and ``run(config, options)``,
# but for these, which are modules of other rooms.
_ELSEWHERE = {
    _INIT: "init.command",
    "schema": "operate.curating.command",
    "watch": "watch.command",  # part: watch
    "feedback": "watch.feedback.command",  # part: watch
}
_COMMANDS = {
    "run": "run the pipeline and ask the model it pushed",
    "status": "what the last run did and why, and which versions are served",
    "history": "one row per run, with its result and metrics",
    "lineage": "what a version was made of, what judged it, and what serves it",
    "report": "write the page of a run, and show it",
    "schema": "what the newest data would change in the curated schema",
    "retrain-if": "exit code 10 if there is a reason to run again, for cron",
    "predict-batch": "score the rows of files with a served version",  # part: batch
    "watch": "compare the served model's requests with its training data; exit code 10 or 3",  # part: watch
    "feedback": "write logged requests with their labels as a new span",  # part: watch
    "doctor": "say what is wrong with the run folder, and repair it",
    "gc": "remove what old runs left; says first what would go",
    "deploy-files": "write files for docker, Kubernetes and Grafana",  # part: deploy
    "clean": "start over; what is served stays",
    "training-job": "write a job file for python -m trainer",
}


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser; of the commands' own modules it imports the chosen one alone."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline", description=(__doc__ or "").partition("\n")[0], epilog=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser(_INIT, help="write a config and a schema for your own data")
    if chosen == _INIT:
        _module(_INIT).add_arguments(init)
    common = config_arguments(profile="local")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, parents=[common], help=text)
        if name == chosen:
            _module(name).add_arguments(command)
    return parser


def _module(command: str) -> ModuleType:
    name = _ELSEWHERE.get(command, f"operate.{command.replace('-', '_')}")
    return importlib.import_module(f"pipeline.{name}")


def config_arguments(*, profile: str | None) -> argparse.ArgumentParser:
    """The flags of every command that reads a config; the profile is required if there is no default."""
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
    """Print an unexpected error in two lines, or with its traceback."""
    if verbose:
        traceback.print_exception(error)
    text = " ".join(str(error).split())[:400]
    print(f"{type(error).__name__}: {text}\nThis is unexpected: run again with --verbose.", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one or two lines on stderr.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, or SIGTERM came.
    """
    words = sys.argv[1:] if arguments is None else arguments
    quiet_metadata()
    with Interrupts() as interrupts:
        options = _parser(next(iter(words), None)).parse_args(words)
        try:
            code = _run(options)
            sys.stdout.flush()
            return code
        except loading.ConfigError as error:
            interrupts.check()
            print(error, file=sys.stderr)
            return BAD_CONFIG
        except Exception as error:
            # An interrupted import or a Beam job may raise anything.
            interrupts.check()
            if not (isinstance(error, BrokenPipeError) and _reader_is_gone()):
                print_unexpected(error, verbose=options.verbose)
            return BROKEN


def _reader_is_gone() -> bool:
    """Whether nobody reads the output any more, such as ``head``; then the rest of it goes nowhere."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, 0)
    gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        # What is left must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return gone


def _run(options: argparse.Namespace) -> int:
    if options.command == _INIT:
        return _module(_INIT).run(options)
    config = loading.load(config=options.config, profile=options.profile, overrides=options.set)
    return _module(options.command).run(config, options)
