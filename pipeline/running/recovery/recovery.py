"""What a run clears away before it begins: the traces of runs that were killed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from components.storage.shared_folders import LOCK, STAGE_PREFIX
from pipeline.config.config import Config
from pipeline.running import metadata
from pipeline.running.folder import scratch
from pipeline.running.folder.run_folder import is_locked
from pipeline.running.recovery import database, executions, serving_folder, special_files
from pipeline.running.recovery.problems import Problem

logger = logging.getLogger(__name__)


class RunFolderBroken(Exception):
    """The run folder is in a state that a run must not continue from; one line."""


def prepare(config: Config) -> None:
    """Mark the executions of dead runs as failed and remove what they left. The caller holds the run folder's lock.

    Raises:
        RunFolderBroken: the metadata are lost, a push would fail, or something that is no file stands for one.
        ConfigError: the metadata are in a server that cannot be used.
    """
    for problem in special(config):
        raise RunFolderBroken(
            f"{problem.where} {problem.what}; {problem.fix}, or let `python -m pipeline doctor --repair` do so."
        )
    trouble = lost(config)
    if trouble and database.has_artifacts(config.run_folder / "artifacts"):
        # Without its metadata, the run would pass for the first, and write into the folders of earlier ones.
        ways = "restore its backup, or start over with `python -m pipeline clean`"
        rebuild = "`python -m pipeline doctor --repair` with the same config rebuilds it"
        raise RunFolderBroken(f"{config.metadata_source} {trouble}; {ways if config.metadata else rebuild}.")
    if trouble and not config.metadata:
        _discard(config)
    for problem in serving_folder.obstacles(config.serving_folder):
        raise RunFolderBroken(f"{problem.where} {problem.what}: {problem.fix}.")
    clear(config)


def special(config: Config) -> Iterator[Problem]:
    """What stands for a file of the run folder or the serving folder, and is none."""
    folders = {config.run_folder, config.serving_folder}
    for folder in sorted(folders):
        if not folders.intersection(folder.parents):
            yield from special_files.find(folder, but=config.scratch_folder)


def lost(config: Config) -> str | None:
    """What is wrong with the metadata, as the end of a sentence; None if they can be used.

    Raises:
        ConfigError: they are in a server that cannot be used.
    """
    if config.metadata is None:
        return database.trouble(config.metadata_file)
    return None if metadata.last_run(config.metadata_source) else "knows no run"


def clear(config: Config) -> None:
    """As `prepare`, in a run folder that is known to be usable."""
    for problem in find(config):
        logger.info("%s: %s: %s", problem.where, problem.what, problem.fix)
        if problem.repair:
            problem.repair()


def find(config: Config) -> Iterator[Problem]:
    """What dead runs left, if the metadata can be read."""
    yield from executions.find(config.metadata_source, config.run_folder / "artifacts")
    yield from leftovers(config)


def leftovers(config: Config) -> Iterator[Problem]:
    """Temporary files and stages."""
    for path in scratch.leftovers(config.scratch_folder):
        yield Problem.leftover(path)
    serving = config.serving_folder
    # Another pipeline, or a push by hand, may be under way in the same folder.
    if serving.is_dir() and not is_locked(serving / LOCK):
        for path in sorted(serving.glob(f"{STAGE_PREFIX}*")):
            yield Problem.leftover(path)


def _discard(config: Config) -> None:
    """Metadata without artifacts: a first run was killed before its first node."""
    file = config.metadata_file
    if file.exists() and file.stat().st_size:
        database.set_aside(file)
    else:
        database.remove(file)
