"""What changes when files are written: the part of a cache key that knows the data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from components.example_gen.pictures.files import located
from components.example_gen.reading import Reading
from components.example_gen.rows.columns import Columns
from components.example_gen.tables import Tables
from components.refusal import GateRefused
from components.storage.buckets import SCHEME, BucketFailed, BucketFolder

_MISSING = ("missing",)


def digest(files: Sequence[Sequence[str]], reading: Reading) -> str:
    """A digest of the files of each input split, and of the picture files that they name.

    Args:
        files: the files.
        reading: how they are read.

    Raises:
        GateRefused: the files cannot be read.
    """
    parts: list[object] = [stamps(some) for some in files]
    if reading.names_files:
        for tables in Tables.of(files, reading):
            pictures = Pictures(reading)
            for path, found in tables.columns(reading.pictures):
                pictures.add(found, folder=path.rpartition("/")[0])
            parts.append(pictures.digest)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def stamps(files: Iterable[str]) -> list[tuple[str, ...]]:
    """Each file with its size and the time it was written; with its generation in ``gs://``."""
    known = _Stamps()
    return [(path, *known.of(path)) for path in sorted(files)]


class Pictures:
    """The picture files that the rows of a table name, in any order of the rows.

    Args:
        reading: which columns name them.
    """

    def __init__(self, reading: Reading):
        self._names, self._stamps, self._total = reading.pictures, _Stamps(), 0

    def add(self, rows: Columns, *, folder: str | None) -> None:
        """Look at the files of more rows.

        Args:
            rows: the columns of paths.
            folder: the folder that relative paths begin in; None if they begin nowhere.
        """
        for values in zip(*(rows[name].to_pylist() for name in self._names), strict=True):
            found = [self._stamp(value, folder) for value in values]
            self._total += int.from_bytes(hashlib.sha256(repr(found).encode()).digest(), "big")

    @property
    def digest(self) -> str:
        """Changes with the names, sizes and times of the files."""
        return hashlib.sha256(str(self._total).encode()).hexdigest()

    def _stamp(self, value: bytes | None, folder: str | None) -> tuple[object, ...]:
        path = located(folder, value.decode(errors="replace")) if isinstance(value, bytes) and value else None
        # What is wrong with a path or its file, the ingest says.
        return (value, *(self._stamps.of(path) if path else _MISSING))


class _Stamps:
    """Remembers the listings of buckets: one request for a thousand objects."""

    def __init__(self) -> None:
        self._listings: dict[str, Mapping[str, tuple[str, ...]]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        if "://" in path:
            folder, _, name = path.rpartition("/")
            if folder not in self._listings:
                self._listings[folder] = _listing(folder)
            return self._listings[folder].get(name, _MISSING)
        try:
            stat = Path(path).stat()
        except (OSError, ValueError):
            return _MISSING
        return str(stat.st_size), str(stat.st_mtime_ns)


def _listing(folder: str) -> dict[str, tuple[str, ...]]:
    if folder.startswith(SCHEME):
        try:
            return {name: (str(stored.generation),) for name, stored in BucketFolder(folder).list().items()}
        except BucketFailed as error:
            raise GateRefused(str(error)) from None
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    try:
        [found] = FileSystems.match([f"{folder}/*"])
    except (BeamIOError, ValueError):
        return {}
    return {
        each.path.rpartition("/")[2]: (str(each.size_in_bytes), str(each.last_updated_in_seconds))
        for each in found.metadata_list
    }
