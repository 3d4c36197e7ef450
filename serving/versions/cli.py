"""Which version of a model answers: ``python -m serving.versions init | list | label | promote | rollback``.

Works on the models config file of running servers, this project's or TF Serving's. Callers that name the label
``stable`` see no interruption: a new version is loaded before a label moves, and the old one stays loaded as
``previous``, so that a rollback is immediate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from serving.client import tls_flags
from serving.versions.commands import change, init, list_versions
from serving.versions.labels import labelled, promoted, rolled_back
from serving.versions.models_config import ModelsConfigError
from serving.versions.rollout import ServerError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.versions", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, text: str, function: Any, decide: Any = None) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function, decide=decide)
        command.add_argument("--model", required=True)
        command.add_argument("--model_config_file", required=True, type=Path, help="the servers' file of this name")
        if name == "init":
            command.add_argument("--model_base_path", required=True, help="holds the versions")
            return command
        command.add_argument(
            "--target",
            required=True,
            action="extend",
            type=lambda text: text.split(","),
            metavar="HOST:PORT,...",
            help="every server of this file",
        )
        tls_flags.add(command)
        command.add_argument("--timeout", type=float, default=120.0, help="seconds to load a version (default: 120)")
        if decide:
            command.add_argument("--dry-run", action="store_true", help="print the file's difference, change nothing")
        return command

    add("init", "write a models config file, or add a model to one: its newest version is stable", init)
    listed = add("list", "the versions, their states and labels", list_versions)
    listed.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    label = add(
        "label",
        "load a version beside the stable one and point a label at it",
        change,
        lambda labels, options: labelled(labels, options.name, options.version),
    )
    label.add_argument("name")
    number = label.add_mutually_exclusive_group(required=True)
    number.add_argument("version", type=int, nargs="?")
    number.add_argument("--remove", action="store_true", help="take the label away and unload its version")
    add(
        "promote",
        "make a version stable; the former one stays loaded as previous",
        change,
        lambda labels, options: promoted(labels, options.version),
    ).add_argument("version", type=int, nargs="?", help="default: the one that canary points at")
    add("rollback", "make the previous version stable again", change, lambda labels, _: rolled_back(labels))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 a server or the disk failed, 2 bad usage, file or version."""
    options = _parser().parse_args(arguments)
    try:
        options.function(options)
    except ModelsConfigError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 2
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.model_config_file}: cannot be written ({error.strerror}); nothing changed", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; `list` shows where file and servers stand", file=sys.stderr)
        return 1
    return 0
