"""``python -m kubeflow compile``: writes the pipeline in the form that the platform takes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.platform import kind_of
from pipeline.checks import checks
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.running import garbage_collection
from pipeline.running.console import quiet
from pipeline.running.interrupts import Interrupts


def compiled(config: Config, *, verbose: bool) -> CompiledPipeline:
    """The pipeline, compiled with the logs of TFX and TensorFlow off unless ``verbose``.

    Raises:
        ConfigError: the configuration contradicts itself, or the platform cannot run it.
    """
    checks.check_without_data(config)
    # TensorFlow's C++ code logs to the descriptor itself before it looks at any level.
    with Interrupts() as interrupts, quiet(Path(os.devnull), verbose=verbose):
        with garbage_collection.importing():
            from kubeflow.ir.compiler import compile_pipeline
        pipeline = compile_pipeline(config)
        # An interrupt in a destructor during the import of TFX is lost to Python.
        interrupts.check()
        return pipeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    parser.add_argument("--output", type=Path, metavar="FILE.yaml", help="(default: NAME-PROFILE.yaml)")


def run(config: Config, options: argparse.Namespace) -> int:
    """Compile, write the file, and return the exit code.

    Raises:
        ConfigError: the configuration is wrong, or the file cannot be written.
    """
    output: Path = options.output or Path(f"{config.name}-{options.profile}.yaml")
    if not output.absolute().parent.is_dir() or output.is_dir():
        raise ConfigError(f"--output {output}: must be a file in an existing folder.")
    pipeline = compiled(config, verbose=options.verbose)
    try:
        output.write_text(pipeline.to_yaml())
    except OSError as error:
        raise ConfigError(f"--output {output}: cannot be written ({error.strerror}).") from None
    print(f"wrote {output}: {len(pipeline.tasks())} tasks for {kind_of(config)}")
    return 0
