"""The command line: ``python -m kubeflow COMMAND``.

Exit codes: 0 done, 2 bad usage or config, 3 lint refused, 1 anything else.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from kubeflow.ir.pipeline_spec import UnreadableIR
from kubeflow.platform import platform_of
from pipeline.cli import config_arguments, print_unexpected
from pipeline.config import loading
from pipeline.environment import quiet_tensorflow

BROKEN, BAD_CONFIG = 1, 2
# Help and module of each command; the module has ``add_arguments(parser)`` and ``run(config, options)``.
_COMMANDS = {
    "compile": ("write the pipeline in the form that the platform takes", "kubeflow.commands.compile"),
    "lint": ("say what would fail on the platform", "kubeflow.commands.lint"),
    "submit": ("lint, then run on the platform, or on a schedule", "kubeflow.commands.submit"),
    "flink-files": ("write YAML of a Flink cluster with Beam's workers", "kubeflow.flink.files"),  # part: flink
}


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser; it imports only the module of the chosen command."""
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m kubeflow", description=description, epilog=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    common = config_arguments(profile=None)
    for name, (text, _) in _COMMANDS.items():
        command = commands.add_parser(name, parents=[common], help=text)
        if name == chosen:
            _module(name).add_arguments(command)
    return parser


def _module(command: str) -> ModuleType:
    return importlib.import_module(_COMMANDS[command][1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one or two lines on stderr."""
    words = sys.argv[1:] if arguments is None else arguments
    chosen = words[0] if words and words[0] in _COMMANDS else None
    options = _parser(chosen).parse_args(words)
    try:
        config = loading.load(config=options.config, profile=options.profile, overrides=options.set)
        platform_of(config)
        quiet_tensorflow(verbose=options.verbose)
        return _module(options.command).run(config, options)
    except (loading.ConfigError, UnreadableIR) as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return BROKEN
    except Exception as error:
        print_unexpected(error, verbose=options.verbose)
        return BROKEN
