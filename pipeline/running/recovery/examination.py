"""Everything that can be wrong with a run folder, in an order in which one repair makes the next possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.pushed_model import MODEL_ID_PROPERTY, VERSION_PROPERTY
from components.storage.files import files_below, hashes
from pipeline.config.config import Config
from pipeline.running import metadata
from pipeline.running.recovery import database, recovery, serving_folder
from pipeline.running.recovery.problems import Problem
from serving.versions import version_folders

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

_PUSHED_TYPE, _MODEL_TYPE = "PushedModel", "Model"
# TFX's folder of the export in a model, and TensorFlow's of the warm-up requests in the export.
_EXPORT, _ADDED = "Format-Serving", "assets.extra/"


def examine(config: Config, *, build: Callable[[], Pipeline]) -> Iterator[Problem]:
    """All problems; each may be repaired before the next is asked for. The caller holds the run folder's lock.

    Args:
        config: the pipeline.
        build: makes its DAG, to rebuild metadata by; it imports TFX.
    """
    yield from serving_folder.obstacles(config.serving_folder)
    yield from _metadata(config, build)
    readable = not recovery.lost(config)
    yield from recovery.find(config) if readable else recovery.leftovers(config)
    known = _whole_versions(config) if readable else set()
    yield from serving_folder.half_versions(config.serving_folder, known=known)


def _metadata(config: Config, build: Callable[[], Pipeline]) -> Iterator[Problem]:
    trouble = recovery.lost(config)
    if not trouble or not database.has_artifacts(config.run_folder / "artifacts"):
        return
    if config.metadata:
        fix, repair = "restore its backup, or start over with `python -m pipeline clean`", None
    else:
        fix = "set it aside, and rebuild it from the artifacts; the next run computes every node"
        repair = _Rebuild(config, build)
    yield Problem(kind="metadata", where=str(config.metadata_source), what=trouble, fix=fix, repair=repair)


@dataclass(frozen=True)
class _Rebuild:
    config: Config
    build: Callable[[], Pipeline]

    def __call__(self) -> None:
        # It imports TFX.
        from pipeline.running.recovery import rebuild

        rebuild.rebuild(self.config, self.build())


def _whole_versions(config: Config) -> set[int]:
    """The versions that have the files of the model that was pushed; to load the others takes TensorFlow."""
    folder = config.serving_folder
    found = version_folders.find(folder) if folder.is_dir() else {}
    models = _pushed(config.metadata_source)
    return {
        version
        for version, path in found.items()
        if version in models and _files(path) == _files(models[version] / _EXPORT) != {}
    }


def _files(folder: Path) -> dict[str, str]:
    """The hash of each file but those that the Pusher adds."""
    return hashes({name: path for name, path in files_below(folder).items() if not name.startswith(_ADDED)})


def _pushed(source: metadata.Source) -> dict[int, Path]:
    """The model's folder of each pushed version that the metadata know."""
    store = metadata.open_store(source)
    models = {model.id: Path(model.uri) for model in store.get_artifacts_by_type(_MODEL_TYPE)}
    found = {}
    for push in store.get_artifacts_by_type(_PUSHED_TYPE):
        version = push.custom_properties[VERSION_PROPERTY].string_value
        model = models.get(push.custom_properties[MODEL_ID_PROPERTY].int_value)
        if version.isdigit() and model is not None:
            found[int(version)] = model
    return found
