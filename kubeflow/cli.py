"""The command line: ``python -m kubeflow compile|lint|submit|flink-files``.

Exit codes: 0 done, 2 bad usage or config, 3 lint refused, 1 anything else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubeflow.ir import pipeline_spec
from kubeflow.ir.pipeline_spec import CompiledPipeline
from pipeline import checks
from pipeline.cli import config_arguments, print_unexpected, quiet_tensorflow
from pipeline.config import loading
from pipeline.config.config import Config
from pipeline.running import garbage_collection
from pipeline.running.console import quiet
from pipeline.running.interrupts import Interrupts

DONE, BROKEN, BAD_CONFIG, REFUSED = 0, 1, 2, 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kubeflow", description=__doc__.splitlines()[0], epilog=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    common = config_arguments(profile=None)
    compiles = commands.add_parser("compile", parents=[common], help="write the pipeline as the platform takes it")
    compiles.add_argument("--output", type=Path, metavar="FILE.yaml", help="(default: NAME-PROFILE.yaml)")
    lints = commands.add_parser("lint", parents=[common], help="say what would fail on the platform")
    submits = commands.add_parser("submit", parents=[common], help="lint, then run on the platform, or on a schedule")
    for command in (lints, submits):
        command.add_argument("--input", type=Path, metavar="FILE.yaml", help="compiled before (default: compile now)")
    submits.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    submits.add_argument("--cron", metavar="'M H D M W'", help="run at every tick of a schedule")
    submits.add_argument("--wait", action="store_true", help="wait for the end of the run; exit 1 where it fails")
    submits.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for each call (default: 60)")
    flink = commands.add_parser(
        "flink-files",
        parents=[common],
        help="write YAML of a Flink cluster with Beam's workers, for the Flink operator",
    )
    flink.add_argument("--output", type=Path, metavar="FOLDER", help="(default: flink in the run folder)")
    flink.add_argument("--cluster", action="append", default=[], metavar="KEY=VALUE", help="of the cluster; repeatable")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one or two lines on stderr."""
    options = _parser().parse_args(arguments)
    try:
        config = loading.load(config=options.config, profile=options.profile, overrides=options.set)
        if config.platform is None:
            raise loading.ConfigError(f"--profile {options.profile}: has no platform; try vertex or kubeflow.")
        if options.command == "flink-files":
            from kubeflow.flink.files import make

            return make(config, loading.assignments(options.cluster, flag="--cluster"), output=options.output)
        quiet_tensorflow(verbose=options.verbose)
        if options.command == "compile":
            output = options.output or Path(f"{config.name}-{options.profile}.yaml")
            if not output.absolute().parent.is_dir() or output.is_dir():
                raise loading.ConfigError(f"--output {output}: must be a file in a folder that is there.")
            return _compile(config, output=output, verbose=options.verbose)
        _refuse_late_overrides(options)
        compiled = pipeline_spec.read(options.input) if options.input else _compiled(config, verbose=options.verbose)
        submits = options.command == "submit"
        parameters = loading.assignments(options.parameter, flag="--parameter") if submits else {}
        if _lint(compiled, config, parameters):
            return REFUSED
        return _submit(compiled, config, parameters, options) if submits else DONE
    except (loading.ConfigError, pipeline_spec.UnreadableIR) as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return BROKEN
    except Exception as error:
        print_unexpected(error, verbose=options.verbose)
        return BROKEN


def _refuse_late_overrides(options: argparse.Namespace) -> None:
    """What a compiled file holds cannot be set any more, but for where and as whom it runs."""
    for word in options.set if options.input else ():
        if not word.startswith("platform."):
            raise loading.ConfigError(
                f"--set {word}: has no effect on {options.input}, which is compiled; compile again."
            )


def _compiled(config: Config, *, verbose: bool) -> CompiledPipeline:
    checks.check_without_data(config)
    # TensorFlow's C++ code logs to the descriptor itself before it looks at any level.
    with Interrupts() as interrupts, quiet(Path(os.devnull), verbose=verbose):
        with garbage_collection.importing():
            from kubeflow.ir.compiler import compile_pipeline
        compiled = compile_pipeline(config)
        # One that came in a destructor while TFX was imported.
        interrupts.check()
        return compiled


def _compile(config: Config, *, output: Path, verbose: bool) -> int:
    compiled = _compiled(config, verbose=verbose)
    try:
        output.write_text(compiled.to_yaml())
    except OSError as error:
        raise loading.ConfigError(f"--output {output}: cannot be written ({error.strerror}).") from None
    print(f"wrote {output}: {len(compiled.tasks())} tasks for {config.platform.kind}")
    return DONE


def _lint(compiled: CompiledPipeline, config: Config, parameters: Mapping[str, str]) -> int:
    """Print the findings; their number."""
    from kubeflow.lint import lint

    findings = lint(compiled, config, parameters=parameters)
    for finding in findings:
        print(finding, file=sys.stderr)
    if not findings:
        print(f"lint  {config.name} for {config.platform.kind}: nothing found in {len(compiled.tasks())} tasks")
    return len(findings)


def _submit(
    compiled: CompiledPipeline, config: Config, parameters: Mapping[str, str], options: argparse.Namespace
) -> int:
    from kubeflow.submit.submission import Request, SubmissionFailed, submit

    request = Request(parameters=parameters, cron=options.cron, wait=options.wait, timeout_seconds=options.timeout)
    try:
        submitted = submit(compiled, config, request)
    except SubmissionFailed as error:
        print(error, file=sys.stderr)
        return BROKEN
    print(f"submitted  {submitted.name}")
    print(f"look at    {submitted.url}")
    if submitted.state:
        print(f"ended      {submitted.state}")
    return DONE
