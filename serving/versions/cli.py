"""Which version of a model answers: ``python -m serving.versions init | list | label | promote | rollback``.

Works on the models config file of running servers, this project's or TF Serving. Callers ask for the label
``stable`` and never notice: the new version is loaded before a label moves, and the old one stays loaded as
``previous``, so that rolling back is immediate.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from serving.client import tls_flags
from serving.client.connection import Connection
from serving.versions import models_config, version_folders
from serving.versions.models_config import ConfigError
from serving.versions.rollout import Server, ServerError, roll_out

STABLE, PREVIOUS, CANARY = "stable", "previous", "canary"
_ERROR_WIDTH = 100


def promoted(labels: dict[str, int], version: int | None) -> dict[str, int]:
    """The labels after a promotion.

    Args:
        labels: as they are.
        version: becomes stable; None: the one that ``canary`` points at.

    Raises:
        ConfigError: there is no canary to promote.
    """
    if version is None and CANARY not in labels:
        raise ConfigError("there is no label canary to promote; `promote VERSION` names a version")
    chosen = labels[CANARY] if version is None else version
    after = dict(labels, stable=chosen)
    if labels.get(STABLE, chosen) != chosen:
        after[PREVIOUS] = labels[STABLE]
    if labels.get(CANARY) == chosen:
        del after[CANARY]
    return after


def rolled_back(labels: dict[str, int]) -> dict[str, int]:
    """The labels after a rollback; the version that was stable has no label any more, and is unloaded.

    Raises:
        ConfigError: nothing was promoted before.
    """
    if PREVIOUS not in labels:
        raise ConfigError("there is no label previous to roll back to; `promote VERSION` names a version")
    after = dict(labels, stable=labels[PREVIOUS])
    del after[PREVIOUS]
    return after


def labelled(labels: dict[str, int], name: str, version: int | None) -> dict[str, int]:
    """The labels with one more, moved, or (``version`` None) removed.

    Raises:
        ConfigError: the label is not there to be removed, or belongs to promote and rollback.
    """
    if name == STABLE or (name == PREVIOUS and version is not None):
        raise ConfigError(f"the label {name} is set by promote and rollback")
    if version is not None:
        return dict(labels, **{name: version})
    if name not in labels:
        raise ConfigError(f"there is no label {name}; there are {', '.join(sorted(labels)) or 'none'}")
    return {label: number for label, number in labels.items() if label != name}


def versions_after(config: Any, model: str, labels: dict[str, int]) -> set[int] | None:
    """The versions to load: those with a label, and those that the policy lists and that never had one.

    None leaves the policy alone: ``all`` loads every version anyway. ``latest`` becomes ``specific``, since it would
    unload the stable version as soon as a newer one is pushed; what it serves without a label has to be listed first.
    """
    policy = models_config.entry(config, model).model_version_policy
    if policy.WhichOneof("policy_choice") == "all":
        return None
    listed = models_config.specific_versions(config, model) or set()
    return (listed - set(models_config.labels(config, model).values())) | set(labels.values())


def table(config: Any, model: str, server: Server) -> list[str]:
    """Lines: version, whether it is on disk, its state and labels on one server, the error of its load."""
    wanted = models_config.labels(config, model)
    on_disk = models_config.versions_on_disk(Path(models_config.entry(config, model).base_path))
    states, pointed = server.states(model), server.labels(model, wanted)
    rows = [("version", "disk", "state", "labels", "error")]
    for version in sorted((on_disk or set()) | states.keys() | set(wanted.values()), reverse=True):
        state = states.get(version)
        rows.append(
            (
                str(version),
                "?" if on_disk is None else "yes" if version in on_disk else "no",
                state.state if state else "-",
                ",".join(sorted(name for name, number in pointed.items() if number == version)) or "-",
                _shortened(state.error) if state else "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    ]
    return [line.rstrip() for line in lines] + [
        f"the file has label {name} at {number}, the server has {pointed.get(name, 'no such label')}"
        for name, number in sorted(wanted.items())
        if pointed.get(name) != number
    ]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _ERROR_WIDTH else f"{line[: _ERROR_WIDTH - 3]}..."


def _servers(options: argparse.Namespace, stack: ExitStack) -> list[Server]:
    try:
        tls = tls_flags.read(options)
        connections = [Connection(addresses=(target,), tls=tls) for target in options.target]
        return [stack.enter_context(Server(connection, timeout=options.timeout)) for connection in connections]
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from None


def _list(options: argparse.Namespace) -> None:
    config = models_config.read(options.model_config_file)
    models_config.entry(config, options.model)
    with ExitStack() as stack:
        for server in _servers(options, stack):
            if len(options.target) > 1:
                print(server.target)
            print("\n".join(table(config, options.model, server)))


def _change(options: argparse.Namespace) -> None:
    with models_config.locked(options.model_config_file), ExitStack() as stack:
        before = models_config.read(options.model_config_file)
        # A wrong command is refused before any server is asked.
        _wanted(before, options)
        servers = _servers(options, stack)
        labels, after = _wanted(_with_stable(before, options.model, servers), options)
        if options.dry_run:
            print(_difference(options.model_config_file, after) or "no change\n", end="")
            return
        left = roll_out(
            servers,
            model=options.model,
            before=before,
            after=after,
            save=lambda: models_config.write(options.model_config_file, after),
            saved=lambda: models_config.read(options.model_config_file) == after,
            timeout=options.timeout,
        )
    print(f"{options.model}: {', '.join(f'{name} {number}' for name, number in sorted(labels.items()))}")
    loaded = versions_after(after, options.model, labels) or set()
    if STABLE in labels and max(loaded, default=labels[STABLE]) != labels[STABLE]:
        print(f"requests that name no label get version {max(loaded)}, the newest one loaded")
    for line in left:
        print(line, file=sys.stderr)


def _wanted(config: Any, options: argparse.Namespace) -> tuple[dict[str, int], Any]:
    labels = options.decide(models_config.labels(config, options.model), options)
    _check_on_disk(config, options.model, labels)
    versions = versions_after(config, options.model, labels)
    return labels, models_config.edited(config, options.model, labels=labels, versions=versions)


def _with_stable(config: Any, model: str, servers: Sequence[Server]) -> Any:
    """Where no label says what is in production: what ``latest`` serves now, as labels and versions to keep."""
    policy, labels = models_config.entry(config, model).model_version_policy, models_config.labels(config, model)
    if STABLE in labels or policy.WhichOneof("policy_choice") not in (None, "latest"):
        return config
    available = sorted(set().union(*(server.available(model) for server in servers)))
    if not available:
        raise ConfigError(
            f"the file has no label {STABLE}, and no server has a version of {model} to take for it; `list` says why. "
            "Repeat this when one is loaded"
        )
    print(f"the file has no label {STABLE}: version {available[-1]}, the newest one loaded, is taken for it")
    served = available[-(policy.latest.num_versions or 1) :]
    return models_config.edited(config, model, labels=dict(labels, stable=available[-1]), versions=served)


def _check_on_disk(config: Any, model: str, labels: dict[str, int]) -> None:
    base_path = Path(models_config.entry(config, model).base_path)
    on_disk = models_config.versions_on_disk(base_path)
    new = set(labels.values()) - set(models_config.labels(config, model).values())
    for version in sorted(new - on_disk) if on_disk is not None else ():
        listed = ", ".join(map(str, sorted(on_disk))) or "none"
        raise ConfigError(f"version {version} of {model} is not in {base_path}; there are {listed}")


def _difference(path: Path, after: Any) -> str:
    old = path.read_text()
    new = models_config.to_text(after, like=old)
    return "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{path} (now)", f"{path} (then)"))


def _init(options: argparse.Namespace) -> None:
    base_path = options.model_base_path.resolve()
    folders = version_folders.find(base_path) if base_path.is_dir() else {}
    saved = {version for version, folder in folders.items() if (folder / "saved_model.pb").exists()}
    if not saved:
        raise ConfigError(f"{base_path}: there is no version with a saved_model.pb in it; push a model first")
    stable = max(saved)
    for version in sorted(version for version in folders if version > stable):
        print(f"{base_path}: version {version} is skipped, it has no saved_model.pb", file=sys.stderr)
    with ExitStack() as stack:
        config = models_config.empty()
        if options.model_config_file.exists():
            stack.enter_context(models_config.locked(options.model_config_file))
            config = models_config.read(options.model_config_file)
        after = models_config.added(config, options.model, base_path=base_path, stable=stable)
        models_config.write(options.model_config_file, after)
    print(f"{options.model_config_file}: {options.model} with label {STABLE} at version {stable}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.versions", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, text: str, function: Any, decide: Any = None) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function, decide=decide)
        command.add_argument("--model", required=True)
        command.add_argument("--model_config_file", required=True, type=Path, help="the servers' file of this name")
        if name == "init":
            command.add_argument("--model_base_path", required=True, type=Path, help="holds the versions")
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

    add("init", "write a models config file, or add a model to one: its newest version is stable", _init)
    add("list", "the versions, their states and labels", _list)
    label = add(
        "label",
        "load a version beside the stable one and point a label at it",
        _change,
        lambda labels, options: labelled(labels, options.name, options.version),
    )
    label.add_argument("name")
    number = label.add_mutually_exclusive_group(required=True)
    number.add_argument("version", type=int, nargs="?")
    number.add_argument("--remove", action="store_true", help="take the label away and unload its version")
    add(
        "promote",
        "make a version stable; the former one stays loaded as previous",
        _change,
        lambda labels, options: promoted(labels, options.version),
    ).add_argument("version", type=int, nargs="?", help="default: the one that canary points at")
    add("rollback", "make the previous version stable again", _change, lambda labels, _: rolled_back(labels))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 a server or the disk refused, 2 bad usage, file or version."""
    options = _parser().parse_args(arguments)
    try:
        options.function(options)
    except ConfigError as error:
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
