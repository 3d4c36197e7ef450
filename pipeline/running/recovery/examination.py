"""Everything that can be wrong with a run folder, in an order in which one repair makes the next possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.pushed_model import DIGEST_PROPERTY, VERSION_PROPERTY
from components.storage.files import digest, files_below, hashes
from pipeline.config.config import Config
from pipeline.running import metadata
from pipeline.running.recovery import database, recovery, serving_folder
from pipeline.running.recovery.problems import Problem
from serving.versions import version_folders

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

_PUSHED_TYPE = "PushedModel"
# The warm-up requests, which the Pusher adds to an export.
_ADDED = "assets.extra/tf_serving_warmup_requests"


def examine(config: Config, *, build: Callable[[], Pipeline]) -> Iterator[Problem]:
    """All problems; each may be repaired before the next is asked for. The caller holds the run folder's lock.

    Args:
        config: the pipeline.
        build: makes its DAG, to rebuild metadata by; it imports TFX.
    """
    yield from recovery.special(config)
    yield from serving_folder.obstacles(config.serving_folder)
    yield from _metadata(config, build)
    readable = not recovery.lost(config)
    yield from recovery.find(config) if readable else recovery.leftovers(config)
    yield from serving_folder.half_versions(config.serving_folder, as_pushed=_pushed(config) if readable else {})


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


def _pushed(config: Config) -> dict[int, bool]:
    """Whether each version that ML Metadata know has the files that were pushed; to load one takes TensorFlow."""
    store = metadata.open_store(config.metadata_source)
    pushes = sorted(store.get_artifacts_by_type(_PUSHED_TYPE), key=lambda push: push.id)
    digests = {
        push.custom_properties[VERSION_PROPERTY].string_value: push.custom_properties[DIGEST_PROPERTY].string_value
        for push in pushes
        if DIGEST_PROPERTY in push.custom_properties
    }
    folder = config.serving_folder
    found = version_folders.find(folder) if folder.is_dir() else {}
    return {
        version: _digest(path) == digests[str(version)] for version, path in found.items() if str(version) in digests
    }


def _digest(folder: Path) -> str:
    """As `components.gates.judged.model_digest`, without TFX."""
    return digest(hashes({name: file for name, file in files_below(folder).items() if name != _ADDED}))
