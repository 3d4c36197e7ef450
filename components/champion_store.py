"""The model that was pushed last, kept for the next run: where no resolver runs, a pointer file says which it is.

``CHAMPION/VERSION/`` holds a whole Model artifact, ``CHAMPION/champion.json`` names it and the one before.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from pydantic import ValidationError

from components.buckets import files_below, hashes
from components.shared_folders import SharedFolder, shared_folder
from trainer.options import Strict

POINTER = "champion.json"

logger = logging.getLogger(__name__)


class Copy(Strict):
    """A model that is kept.

    Attributes:
        version: as it was pushed; the copy's folder is named by it.
        files: how many there are.
        digest: over their names and contents.
        time: when it was copied, UTC.
    """

    version: int
    files: int
    digest: str
    time: str


class Pointer(Copy):
    """What the pointer file says.

    Attributes:
        previous: the copy to take where this one is damaged.
    """

    previous: Copy | None = None


def keep(*, model: Path, version: int, folder: str) -> None:
    """Make a pushed model the champion; only one process at a time may do so.

    The pointer moves when the copy is whole, so that a kill at any point leaves a champion: the old one or the new.

    Args:
        model: a Model artifact's folder.
        version: as it was pushed.
        folder: a path or ``gs://bucket/folder``; it holds this copy and the one before, and nothing of others.
    """
    place = shared_folder(folder)
    pointer, generation = _read(place)
    found = hashes(files_below(model))
    if pointer is None or pointer.version != version or not _is_whole(place, pointer):
        place.put(str(version), model)
        previous = pointer if pointer is None or pointer.version != version else pointer.previous
        pointer = Pointer(
            version=version,
            files=len(found),
            digest=_digest(found),
            time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            previous=previous and Copy(**previous.model_dump(exclude={"previous"})),
        )
        place.write(POINTER, pointer.model_dump_json(indent=2).encode() + b"\n", generation=generation)
    kept = {str(copy.version) for copy in (pointer, pointer.previous) if copy}
    for name in place.names() - kept:
        place.remove(name)


def restore(*, folder: str, destination: Path) -> int | None:
    """Copy the champion to ``destination``, or the model before it where the champion is damaged.

    Args:
        folder: see `keep`.
        destination: is emptied first.

    Returns:
        The version; None where there is no whole copy.

    Raises:
        BucketFailed: the folder cannot be read. That is no answer: without a baseline the gates ask less.
    """
    place, tried = shared_folder(folder), None
    while True:
        pointer, _ = _read(place)
        if pointer is None or pointer == tried:
            clear(destination)
            return None
        for copy in (pointer, pointer.previous):
            if copy and _fetch(place, copy, destination):
                return copy.version
        # A push may have moved the pointer meanwhile, and removed what it named.
        tried = pointer


def clear(folder: Path) -> None:
    """An empty folder, whatever a killed attempt left there."""
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
        logger.warning("The champion's copy %s lost a file: %s", copy.version, error)
        return False
    if _digest(hashes(files_below(destination))) == copy.digest:
        return True
    logger.warning("The champion's copy %s is not what was pushed: looking for an older one.", copy.version)
    return False


def _read(place: SharedFolder) -> tuple[Pointer | None, int]:
    """The pointer, and what `SharedFolder.write` asks for to replace it."""
    content, generation = place.read(POINTER) or (b"", 0)
    if not content:
        return None, generation
    try:
        return Pointer.model_validate_json(content), generation
    except ValidationError as error:
        logger.warning("%s cannot be read (%s): there is no champion.", POINTER, error.errors()[0]["msg"])
        return None, generation


def _is_whole(place: SharedFolder, copy: Copy) -> bool:
    return _digest(place.hashes(str(copy.version))) == copy.digest


def _digest(md5s: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(md5s, sort_keys=True).encode()).hexdigest()
