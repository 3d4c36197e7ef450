"""``python -m kubeflow lint``: says what would fail on the platform."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from kubeflow.commands.compile import compiled
from kubeflow.ir import pipeline_spec
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.platform import kind_of
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.records import printing

REFUSED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    add_input(parser)
    printing.add_json(parser)


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names what is linted."""
    parser.add_argument("--input", type=Path, metavar="FILE.yaml", help="compiled before (default: compile now)")


def linted(config: Config, options: argparse.Namespace, parameters: Mapping[str, str]) -> CompiledPipeline | None:
    """The compiled pipeline; None after violations, which are printed.

    Args:
        config: the configuration with its profile.
        options: the flag of `add_input`, and the common ones.
        parameters: values of runtime parameters, judged in place of the defaults.

    Raises:
        ConfigError: the configuration or a parameter is wrong.
        UnreadableIR: the file holds no compiled pipeline.
    """
    pipeline, violations = _found(config, options, parameters)
    for violation in violations:
        print(violation, file=sys.stderr)
    if violations:
        return None
    print(f"lint  {config.name} for {kind_of(config)}: nothing found in {len(pipeline.tasks())} tasks")
    return pipeline


def _found(
    config: Config, options: argparse.Namespace, parameters: Mapping[str, str]
) -> tuple[CompiledPipeline, Sequence[Violation]]:
    # It brings kfp along, which takes a second.
    from kubeflow.lint import lint

    _refuse_late_overrides(options)
    pipeline = pipeline_spec.read(options.input) if options.input else compiled(config, verbose=options.verbose)
    return pipeline, lint(pipeline, config, parameters=parameters)


def _refuse_late_overrides(options: argparse.Namespace) -> None:
    """A compiled file is final, except for where and as whom it runs."""
    for word in options.set if options.input else ():
        if not word.startswith("platform."):
            raise ConfigError(f"--set {word}: has no effect on {options.input}, which is compiled; compile again.")


def run(config: Config, options: argparse.Namespace) -> int:
    """Lint, print the violations, and return the exit code; see `linted`."""
    if not options.json:
        return REFUSED if linted(config, options, {}) is None else 0
    pipeline, violations = _found(config, options, {})
    printing.print_json(
        {
            "pipeline": config.name,
            "platform": kind_of(config),
            "tasks": len(pipeline.tasks()),
            "violations": [asdict(each) for each in violations],
        }
    )
    return REFUSED if violations else 0
