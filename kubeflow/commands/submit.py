"""``python -m kubeflow submit``: lints the pipeline, and runs it on the platform, now or on a schedule."""

from __future__ import annotations

import argparse
import sys

from kubeflow.commands import lint
from kubeflow.submit.request import Request, SubmissionFailed
from kubeflow.submit.submission import submit
from pipeline.config import loading
from pipeline.config.config import Config

_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    lint.add_input(parser)
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    parser.add_argument("--cron", metavar="'M H D M W'", help="run at every tick of a schedule")
    parser.add_argument("--wait", action="store_true", help="wait for the end of the run; exit 1 if it fails")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for each call (default: 60)")


def run(config: Config, options: argparse.Namespace) -> int:
    """Lint, submit, and return the exit code.

    Raises:
        ConfigError: the configuration, a parameter or the schedule is wrong.
        UnreadableIR: the file holds no compiled pipeline.
    """
    parameters = loading.assignments(options.parameter, flag="--parameter")
    compiled = lint.linted(config, options, parameters)
    if compiled is None:
        return lint.REFUSED
    request = Request(parameters=parameters, cron=options.cron, wait=options.wait, timeout_seconds=options.timeout)
    try:
        submitted = submit(compiled, config, request)
    except SubmissionFailed as error:
        print(error, file=sys.stderr)
        return _FAILED
    print(f"submitted  {submitted.name}")
    print(f"look at    {submitted.url}")
    if submitted.state:
        print(f"ended      {submitted.state}")
    return 0
