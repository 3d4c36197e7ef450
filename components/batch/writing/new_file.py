"""A file that appears under its name when all of it is written."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, Self

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio


def create(path: str) -> BinaryIO:
    """Open a path or a URI for writing bytes."""
    if "://" not in path:
        return Path(path).open("wb")
    # Arrow needs a full Python file object, which Beam's streams are and TensorFlow's are not.
    return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)


class NewFile(ABC):
    """A context manager; without a row there is no file.

    Args:
        path: path or URI of the file.

    Attributes:
        rows: int, how many it has so far.
    """

    def __init__(self, path: str):
        self.rows = 0
        self._path = path
        # Two workers may write the same one: an engine tries again what it takes for lost.
        self._made = f"{path}.{uuid.uuid4().hex[:8]}.unfinished"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not self.rows:
            return
        try:
            if error is None:
                self._close()
                fileio.rename(self._made, self._path, overwrite=True)
        finally:
            if fileio.exists(self._made):
                fileio.remove(self._made)

    @abstractmethod
    def _close(self) -> None:
        """Write the rest; called once, if there is a row."""
