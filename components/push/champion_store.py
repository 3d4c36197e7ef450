"""The last pushed model, kept for the next run on platforms that run no resolver: a pointer file names it.

``CHAMPION/VERSION/`` holds a whole Model artifact, ``CHAMPION/VERSION.RECORD/`` what its run found out about the data
and the model; ``CHAMPION/champion.json`` names them and the previous model.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from components.storage.files import digest, files_below, hashes
from components.storage.shared_folders import SharedFolder, shared_folder

POINTER = "champion.json"
# The records that the Pusher keeps: statistics and profile of the data, and the evaluation of the model.
STATISTICS, PROFILE, EVALUATION = "statistics", "profile", "evaluation"

logger = logging.getLogger(__name__)


class ChampionUnreadable(Exception):
    """There is a champion, but it cannot be read; the message says where, why and what to do."""


class Copy(BaseModel):
    """A copy of a pushed model. Keys that a newer release adds are ignored.

    Attributes:
        version: the pushed version, which also names the copy's folder.
        files: number of files.
        digest: hash of their names and contents.
        time: time of the copy, ISO 8601 in UTC.
        records: the digest of each record, by its name.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    files: int
    digest: str
    time: str
    records: dict[str, str] = {}

    @property
    def trees(self) -> dict[str, str]:
        """The digest of each folder that belongs to the copy, by its name."""
        return {str(self.version): self.digest} | {
            _record(self.version, name): found for name, found in self.records.items()
        }


class Pointer(Copy):
    """The content of the pointer file.

    Attributes:
        previous: the copy to use if this one is damaged.
    """

    previous: Copy | None = None


def keep(
    *,
    model: Path,
    version: int,
    folder: str,
    records: Mapping[str, Path] = {},
    check: Callable[[], None] = lambda: None,
) -> None:
    """Make a pushed model the champion; only one process at a time may do so.

    The pointer moves once the copy is complete, so a kill at any point leaves a champion, the old or the new one. A
    pointer that cannot be read is replaced; copies that it may have named stay.

    Args:
        model: folder of a Model artifact.
        version: the pushed version.
        folder: path or ``gs://bucket/folder`` for this copy and the previous one, used for nothing else.
        records: folders to keep beside the model, by names for `restore_record`. Those of the version's first push
            stay.
        check: raises if this process is no longer the only one. It is called before each change and after the pointer
            was read, so a pointer that another process has moved stays.
    """
    place = shared_folder(folder)
    content, generation = place.read(POINTER) or (None, 0)
    try:
        pointer, readable = _pointer(content, folder), True
    except ChampionUnreadable as error:
        logger.warning("%s It is replaced by version %s.", error, version)
        pointer, readable = None, False
    found = hashes(files_below(model))
    wanted = {str(version): model} | {_record(version, name): path for name, path in records.items()}
    if pointer is None or pointer.version != version or not _is_whole(place, pointer, wanted):
        for name, path in wanted.items():
            check()
            place.put(name, path)
        previous = pointer if pointer is None or pointer.version != version else pointer.previous
        pointer = Pointer(
            version=version,
            files=len(found),
            digest=digest(found),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            records={name: digest(hashes(files_below(path))) for name, path in records.items()},
            previous=previous and Copy(**previous.model_dump(exclude={"previous"})),
        )
        check()
        place.write(POINTER, pointer.model_dump_json(indent=2).encode() + b"\n", generation=generation)
    kept = {name for copy in (pointer, pointer.previous) if copy for name in copy.trees}
    for name in place.names() - kept if readable else ():
        check()
        place.remove(name)


def restore(*, folder: str, destination: Path) -> int | None:
    """Copy the champion to ``destination``, or the previous model if the champion is damaged.

    Args:
        folder: path or ``gs://bucket/folder`` that `keep` wrote.
        destination: folder for the copy; emptied first.

    Returns:
        The version; None if there is no pointer, since nothing was pushed yet.

    Raises:
        BucketFailed: the folder cannot be read. This must not pass for a first run, in which the gates check less.
        ChampionUnreadable: the pointer cannot be read or no copy is complete. Nor must this.
    """
    place, tried = shared_folder(folder), None
    while True:
        content, _ = place.read(POINTER) or (None, 0)
        pointer = _pointer(content, folder)
        if pointer is None or pointer == tried:
            clear(destination)
        if pointer is None:
            return None
        if pointer == tried:
            raise _unreadable(folder, f"neither model {pointer.version} nor the previous one is complete")
        for copy in (pointer, pointer.previous):
            if copy and _fetch(place, str(copy.version), copy.digest, destination):
                return copy.version
        # A push may have moved the pointer meanwhile and removed the copies that it named.
        tried = pointer


def restore_record(name: str, *, folder: str, destination: Path, version: int | None = None) -> int | None:
    """Copy a record of the champion to ``destination``, which stays empty if the record is not complete.

    Args:
        name: of the record, as `keep` was given it.
        folder: path or ``gs://bucket/folder`` that `keep` wrote.
        destination: folder for the copy; emptied first.
        version: of the model, as `restore` returned it; None for the champion's.

    Returns:
        The version of the model; None if there is no such model.

    Raises:
        BucketFailed: the folder cannot be read.
        ChampionUnreadable: the pointer cannot be read.
    """
    place, tried = shared_folder(folder), None
    while True:
        clear(destination)
        content, _ = place.read(POINTER) or (None, 0)
        pointer = _pointer(content, folder)
        copies = [copy for copy in (pointer, pointer and pointer.previous) if copy]
        copy = next((copy for copy in copies if version in (None, copy.version)), None)
        if copy is None:
            return None
        if name not in copy.records:
            return copy.version
        tree = _record(copy.version, name)
        # A push may have removed the record since the pointer was read.
        if pointer == tried or _fetch(place, tree, copy.trees[tree], destination):
            return copy.version
        tried = pointer


def clear(folder: Path) -> None:
    """Create the folder if it does not exist and empty it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _fetch(place: SharedFolder, tree: str, wanted: str, destination: Path) -> bool:
    """Whether a folder of the champion was copied whole; ``destination`` is empty if not."""
    clear(destination)
    try:
        place.fetch(tree, destination)
    except FileNotFoundError as error:
        logger.warning("The champion's copy %s lacks a file: %s", tree, error)
        clear(destination)
        return False
    if digest(hashes(files_below(destination))) == wanted:
        return True
    logger.warning("The champion's copy %s differs from what was pushed.", tree)
    clear(destination)
    return False


def _record(version: int, name: str) -> str:
    """The name of a record's folder."""
    return f"{version}.{name}"


def _pointer(content: bytes | None, folder: str) -> Pointer | None:
    """The parsed content of the pointer file; None if there is no such file."""
    if content is None:
        return None
    try:
        return Pointer.model_validate_json(content)
    except ValidationError as error:
        raise _unreadable(folder, f"{POINTER} cannot be read ({error.errors()[0]['msg']})") from None


def _unreadable(folder: str, reason: str) -> ChampionUnreadable:
    return ChampionUnreadable(
        f"{folder}: {reason}; set gates.evaluation.baseline=none (and trainer.loop.warm_start=false) for one run, or "
        f"delete {folder.rstrip('/')}/{POINTER}."
    )


def _is_whole(place: SharedFolder, copy: Copy, wanted: Mapping[str, Path]) -> bool:
    """Whether the copy and its records are as they were written, and all that is wanted is among them."""
    trees = copy.trees
    return wanted.keys() <= trees.keys() and all(
        digest(place.hashes(name)) == expected for name, expected in trees.items()
    )
