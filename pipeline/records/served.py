"""The versions in the serving folder, and the labels that point at them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from serving.versions import models_config, version_folders
from serving.versions.models_config import ModelsConfigError

_FILE = "models.config"


@dataclass(frozen=True, kw_only=True)
class Served:
    """One version in the serving folder.

    Attributes:
        version: its number.
        folder: its path.
        labels: the labels that point at it, in any of the models config files.
        newest: whether it is the newest, which servers without labels answer with.
    """

    version: int
    folder: Path
    labels: tuple[str, ...]
    newest: bool

    @property
    def words(self) -> str:
        """What points at it, in a few words."""
        return ", ".join([*(["newest"] if self.newest else []), *self.labels])


def add_models_files(parser: argparse.ArgumentParser) -> None:
    """The flag that names the files with the labels."""
    parser.add_argument(
        "--model_config_file",
        type=Path,
        action="append",
        metavar="FILE",
        help=f"the servers' models config file, which has the labels; repeatable (default: {_FILE} here and in the "
        "files that deploy-files wrote)",
    )


def models_files(config: Config, given: Iterable[Path] | None) -> list[Path]:
    """The models config files: those that were given, or those in the usual places.

    Raises:
        ConfigError: a file that was given is not there.
    """
    if given is None:
        written = sorted((config.run_folder / "deploy").rglob(_FILE))
        return [path for path in (Path(_FILE), *written) if path.is_file()]
    for path in given:
        if not path.is_file():
            raise ConfigError(f"--model_config_file {path}: there is no such file.")
    return list(given)


def versions(config: Config, files: Iterable[Path]) -> list[Served]:
    """The versions in the serving folder, the newest first.

    Raises:
        ConfigError: a models config file cannot be read.
    """
    folders = version_folders.find(config.serving_folder) if config.serving_folder.is_dir() else {}
    labels: dict[int, set[str]] = {}
    for path in files:
        for label, version in _labels(path, config.serving.model_name).items():
            labels.setdefault(version, set()).add(label)
    newest = max(folders, default=None)
    return [
        Served(
            version=version,
            folder=folders[version],
            labels=tuple(sorted(labels.get(version, ()))),
            newest=version == newest,
        )
        for version in sorted(folders, reverse=True)
    ]


def _labels(path: Path, model: str) -> dict[str, int]:
    """The labels of a model; none if the file has other models only."""
    try:
        parsed = models_config.read(path)
        names = {one.name for one in parsed.model_config_list.config}
        return models_config.labels(parsed, model) if model in names else {}
    except ModelsConfigError as error:
        raise ConfigError(f"{error}.") from None
