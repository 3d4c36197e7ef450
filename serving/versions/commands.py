"""The commands on a models config file and the servers that read it."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from serving.client import tls_flags
from serving.client.connection import Connection
from serving.versions import models_config, version_folders
from serving.versions.labels import STABLE, versions_after
from serving.versions.models_config import ModelsConfigError
from serving.versions.rollout import Server, roll_out
from serving.versions.table import document, table


def _servers(options: argparse.Namespace, stack: ExitStack) -> list[Server]:
    try:
        tls = tls_flags.read(options)
        connections = [Connection(addresses=(target,), tls=tls) for target in options.target]
        return [stack.enter_context(Server(connection, timeout=options.timeout)) for connection in connections]
    except (OSError, ValueError) as error:
        raise ModelsConfigError(str(error)) from None


def list_versions(options: argparse.Namespace) -> None:
    """Print a table for every server."""
    config = models_config.read(options.model_config_file)
    models_config.entry(config, options.model)
    with ExitStack() as stack:
        servers = _servers(options, stack)
        if options.json:
            found = [document(config, options.model, server) for server in servers]
            print(json.dumps({"model": options.model, "servers": found}, indent=2))
            return
        for server in servers:
            if len(options.target) > 1:
                print(server.target)
            print("\n".join(table(config, options.model, server)))


def change(options: argparse.Namespace) -> None:
    """Move the labels as ``options.decide`` says, on all servers and in the file."""
    with models_config.locked(options.model_config_file), ExitStack() as stack:
        before = models_config.read(options.model_config_file)
        # Refuse an invalid command before calling any server.
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
        print(f"requests without a label get version {max(loaded)}, the newest one loaded")
    for line in left:
        print(line, file=sys.stderr)


def _wanted(config: Any, options: argparse.Namespace) -> tuple[dict[str, int], Any]:
    labels = options.decide(models_config.labels(config, options.model), options)
    _check_on_disk(config, options.model, labels)
    versions = versions_after(config, options.model, labels)
    return labels, models_config.edited(config, options.model, labels=labels, versions=versions)


def _with_stable(config: Any, model: str, servers: Sequence[Server]) -> Any:
    """Without a stable label: the versions that ``latest`` serves now, as labels and versions to keep."""
    policy, labels = models_config.entry(config, model).model_version_policy, models_config.labels(config, model)
    if STABLE in labels or policy.WhichOneof("policy_choice") not in (None, "latest"):
        return config
    available = sorted(set().union(*(server.available(model) for server in servers)))
    if not available:
        raise ModelsConfigError(
            f"the file has no label {STABLE}, and no server has loaded a version of {model}; `list` shows why. "
            "Try again once a version is loaded"
        )
    print(f"the file has no label {STABLE}: taking version {available[-1]}, the newest one loaded")
    served = available[-(policy.latest.num_versions or 1) :]
    return models_config.edited(config, model, labels=dict(labels, stable=available[-1]), versions=served)


def _check_on_disk(config: Any, model: str, labels: dict[str, int]) -> None:
    base_path = Path(models_config.entry(config, model).base_path)
    on_disk = models_config.versions_on_disk(base_path)
    new = set(labels.values()) - set(models_config.labels(config, model).values())
    if on_disk is None:
        return
    for version in sorted(new - on_disk):
        listed = ", ".join(map(str, sorted(on_disk))) or "none"
        raise ModelsConfigError(f"version {version} of {model} is not in {base_path}; there are {listed}")


def _difference(path: Path, after: Any) -> str:
    old = path.read_text()
    new = models_config.to_text(after, like=old)
    return "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{path} (now)", f"{path} (then)"))


def init(options: argparse.Namespace) -> None:
    """Add a model to the file, or write a new one."""
    if "://" in options.model_base_path:
        raise ModelsConfigError(
            f"{options.model_base_path}: versions are looked for on this machine only; write the models config by hand"
        )
    base_path = Path(options.model_base_path).resolve()
    folders = version_folders.find(base_path) if base_path.is_dir() else {}
    saved = {version for version, folder in folders.items() if (folder / "saved_model.pb").exists()}
    if not saved:
        raise ModelsConfigError(f"{base_path}: contains no version with a saved_model.pb; push a model first")
    stable = max(saved)
    for version in sorted(version for version in folders if version > stable):
        print(f"{base_path}: skipping version {version}, it has no saved_model.pb", file=sys.stderr)
    with ExitStack() as stack:
        config = models_config.empty()
        if options.model_config_file.exists():
            stack.enter_context(models_config.locked(options.model_config_file))
            config = models_config.read(options.model_config_file)
        after = models_config.added(config, options.model, base_path=base_path, stable=stable)
        models_config.write(options.model_config_file, after)
    print(f"{options.model_config_file}: {options.model} with label {STABLE} at version {stable}")
