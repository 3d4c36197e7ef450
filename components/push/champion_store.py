"""The last pushed model, kept for the next run on platforms that run no resolver: a pointer file names it.

``CHAMPION/VERSION/`` holds a whole Model artifact; ``CHAMPION/champion.json`` names it and the previous one.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from components.storage.files import digest, files_below, hashes
from components.storage.shared_folders import SharedFolder, shared_folder

POINTER = "champion.json"

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
    """

    model_config = ConfigDict(frozen=True)

    version: int
    files: int
    digest: str
    time: str


class Pointer(Copy):
    """The content of the pointer file.

    Attributes:
        previous: the copy to use if this one is damaged.
    """

    previous: Copy | None = None


def keep(*, model: Path, version: int, folder: str, check: Callable[[], None] = lambda: None) -> None:
    """Make a pushed model the champion; only one process at a time may do so.

    The pointer moves once the copy is complete, so a kill at any point leaves a champion, the old or the new one. A
    pointer that cannot be read is replaced; copies that it may have named stay.

    Args:
        model: folder of a Model artifact.
        version: the pushed version.
        folder: path or ``gs://bucket/folder`` for this copy and the previous one, used for nothing else.
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
    if pointer is None or pointer.version != version or not _is_whole(place, pointer):
        check()
        place.put(str(version), model)
        previous = pointer if pointer is None or pointer.version != version else pointer.previous
        pointer = Pointer(
            version=version,
            files=len(found),
            digest=digest(found),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            previous=previous and Copy(**previous.model_dump(exclude={"previous"})),
        )
        check()
        place.write(POINTER, pointer.model_dump_json(indent=2).encode() + b"\n", generation=generation)
    kept = {str(copy.version) for copy in (pointer, pointer.previous) if copy}
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
            if copy and _fetch(place, copy, destination):
                return copy.version
        # A push may have moved the pointer meanwhile and removed the copies that it named.
        tried = pointer


def clear(folder: Path) -> None:
    """Create the folder if it does not exist and empty it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _fetch(place: SharedFolder, copy: Copy, destination: Path) -> bool:
    clear(destination)
    try:
        place.fetch(str(copy.version), destination)
    except FileNotFoundError as error:
        logger.warning("The champion's copy %s lacks a file: %s", copy.version, error)
        return False
    if digest(hashes(files_below(destination))) == copy.digest:
        return True
    logger.warning("The champion's copy %s differs from the pushed model: looking for an older one.", copy.version)
    return False


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


def _is_whole(place: SharedFolder, copy: Copy) -> bool:
    return digest(place.hashes(str(copy.version))) == copy.digest
