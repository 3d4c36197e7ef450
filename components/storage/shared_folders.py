"""A folder that outlives the containers: in a mounted volume, or in a bucket."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import Protocol

from components.storage.buckets import SCHEME, BucketFolder, ObjectChanged
from components.storage.files import files_below, hashes

# Prefix of the names of incomplete trees and files.
STAGE_PREFIX = ".stage-"
# The file in a serving folder that a push locks; model servers ignore names that are not numbers.
LOCK = ".push-lock"


class SharedFolder(Protocol):
    """Trees of files by name, and single small files that change as a whole.

    `read` returns a generation for `write`, which refuses with `ObjectChanged` if another process has written the file
    in the meantime. Only a bucket can tell; in a volume, the lock of the push keeps other processes away.
    """

    def names(self) -> set[str]:
        """Names of the trees."""
        ...

    def hashes(self, name: str) -> dict[str, str]:
        """The MD5 of each file of a tree; empty if there is no such tree."""
        ...

    def put(self, name: str, source: Path) -> None:
        """Copy the tree at ``source`` to ``name``, replacing an old one."""

    def fetch(self, name: str, destination: Path) -> None:
        """Copy a tree into the folder ``destination``; a missing tree has nothing to copy."""

    def remove(self, name: str) -> None:
        """Remove a tree."""

    def read(self, name: str) -> tuple[bytes, int] | None:
        """A file's content and generation; None if there is no such file."""

    def write(self, name: str, content: bytes, *, generation: int) -> None:
        """Replace a file; a reader sees either the old content or the new one."""


def shared_folder(place: str) -> SharedFolder:
    """The folder at ``place``, a path or ``gs://bucket/folder``."""
    return BucketTrees(BucketFolder(place)) if place.startswith(SCHEME) else VolumeTrees(Path(place))


class VolumeTrees:
    """A shared folder in a file system.

    Args:
        folder: folder, created by the first write.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def names(self) -> set[str]:
        """See `SharedFolder`."""
        return {path.name for path in self._folder.iterdir() if path.is_dir()} if self._folder.is_dir() else set()

    def hashes(self, name: str) -> dict[str, str]:
        """See `SharedFolder`."""
        return hashes(files_below(self._folder / name))

    def put(self, name: str, source: Path) -> None:
        """See `SharedFolder`."""
        self.remove(name)
        stage = self._folder / f"{STAGE_PREFIX}{uuid.uuid4().hex}"
        stage.mkdir(parents=True)
        copy_files(source, stage)
        for path in [*stage.rglob("*"), stage]:
            sync(path)
        stage.rename(self._folder / name)
        sync(self._folder)

    def fetch(self, name: str, destination: Path) -> None:
        """See `SharedFolder`."""
        copy_files(self._folder / name, destination)

    def remove(self, name: str) -> None:
        """See `SharedFolder`."""
        if (self._folder / name).exists():
            shutil.rmtree(self._folder / name)

    def read(self, name: str) -> tuple[bytes, int] | None:
        """See `SharedFolder`."""
        try:
            return (self._folder / name).read_bytes(), 0
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, *, generation: int) -> None:
        """See `SharedFolder`."""
        del generation
        self._folder.mkdir(parents=True, exist_ok=True)
        stage = self._folder / f"{STAGE_PREFIX}{name}"
        stage.write_bytes(content)
        sync(stage)
        stage.rename(self._folder / name)
        sync(self._folder)


class BucketTrees:
    """A shared folder in a bucket.

    Args:
        folder: folder, which need not exist.
    """

    def __init__(self, folder: BucketFolder):
        self._folder = folder

    def names(self) -> set[str]:
        """See `SharedFolder`."""
        return {name.partition("/")[0] for name in self._folder.list() if "/" in name}

    def hashes(self, name: str) -> dict[str, str]:
        """See `SharedFolder`."""
        return {file_name: stored.md5 for file_name, stored in self._folder.child(name).list().items()}

    def put(self, name: str, source: Path) -> None:
        """See `SharedFolder`."""
        self.remove(name)
        for file_name, file in files_below(source).items():
            self._folder.upload(f"{name}/{file_name}", file)

    def fetch(self, name: str, destination: Path) -> None:
        """See `SharedFolder`."""
        place = self._folder.child(name)
        for file_name in place.list():
            place.download(file_name, destination / file_name)

    def remove(self, name: str) -> None:
        """See `SharedFolder`."""
        place = self._folder.child(name)
        for file_name, stored in place.list().items():
            place.delete(file_name, stored)

    def read(self, name: str) -> tuple[bytes, int] | None:
        """See `SharedFolder`."""
        while True:
            try:
                return self._folder.read(name)
            except ObjectChanged:
                # Replaced between the listing and the download: read the new one.
                continue

    def write(self, name: str, content: bytes, *, generation: int) -> None:
        """See `SharedFolder`."""
        self._folder.write(name, content, generation=generation)


def copy_files(source: Path, destination: Path) -> None:
    """Copy contents only: a mounted bucket has no modes and times."""
    for name, file in files_below(source).items():
        copy = destination / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
