"""``python -m kubeflow lint``: says what would fail on the platform."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from kubeflow.commands.compile import compiled
from kubeflow.ir import pipeline_spec
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.platform import kind_of
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError

REFUSED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    parser.add_argument("--input", type=Path, metavar="FILE.yaml", help="compiled before (default: compile now)")


def linted(config: Config, options: argparse.Namespace, parameters: Mapping[str, str]) -> CompiledPipeline | None:
    """The compiled pipeline; None after violations, which are printed.

    Args:
        config: the configuration with its profile.
        options: the flags of `add_arguments`, and the common ones.
        parameters: values of runtime parameters, judged in place of the defaults.

    Raises:
        ConfigError: the configuration or a parameter is wrong.
        UnreadableIR: the file holds no compiled pipeline.
    """
    # It brings kfp along, which takes a second.
    from kubeflow.lint import lint

    _refuse_late_overrides(options)
    pipeline = pipeline_spec.read(options.input) if options.input else compiled(config, verbose=options.verbose)
    violations = lint(pipeline, config, parameters=parameters)
    for violation in violations:
        print(violation, file=sys.stderr)
    if violations:
        return None
    print(f"lint  {config.name} for {kind_of(config)}: nothing found in {len(pipeline.tasks())} tasks")
    return pipeline


def _refuse_late_overrides(options: argparse.Namespace) -> None:
    """A compiled file is final, except for where and as whom it runs."""
    for word in options.set if options.input else ():
        if not word.startswith("platform."):
            raise ConfigError(f"--set {word}: has no effect on {options.input}, which is compiled; compile again.")


def run(config: Config, options: argparse.Namespace) -> int:
    """Lint, print the violations, and return the exit code; see `linted`."""
    return REFUSED if linted(config, options, {}) is None else 0
