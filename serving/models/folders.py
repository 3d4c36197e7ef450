"""Where a model's versions lie: folders of this machine, and folders behind a URI such as ``gs://``.

TensorFlow reads the latter through ``tf.io.gfile``, if it knows the scheme; they are copied before they are loaded.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from pathlib import Path

import grpc
import tensorflow as tf

from serving.errors import StatusError
from serving.versions import version_folders

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True)
class RemoteFolder:
    """A folder behind a URI.

    Attributes:
        uri: such as ``gs://bucket/model``.
    """

    uri: str

    def __str__(self) -> str:
        return self.uri

    def versions(self) -> dict[int, RemoteFolder]:
        """See `serving.versions.version_folders.find`.

        Raises:
            OSError: the folder is missing or cannot be read.
        """
        found = {}
        try:
            for name in sorted(tf.io.gfile.listdir(self.uri)):
                # Object stores end the names of folders in a slash.
                version, folder = version_folders.number(name.rstrip("/")), f"{self.uri}/{name.rstrip('/')}"
                if version is not None and tf.io.gfile.isdir(folder):
                    found[version] = RemoteFolder(folder)
        except tf.errors.OpError as error:
            raise OSError(errno.EIO, error.message) from None
        return found

    def fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        """See `serving.versions.version_folders.fingerprint`."""
        found = []
        for path in self._files():
            try:
                status = tf.io.gfile.stat(path)
            except tf.errors.OpError:
                # Removed meanwhile; the loader will report what is missing.
                continue
            found.append((path, status.length, status.mtime_nsec))
        return tuple(found)

    def copy_to(self, folder: Path) -> None:
        """Copy all files.

        Raises:
            tf.errors.OpError: one cannot be read.
        """
        for path in self._files():
            copy = folder / path.removeprefix(f"{self.uri}/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            tf.io.gfile.copy(path, str(copy))

    def _files(self) -> list[str]:
        return sorted(f"{top.rstrip('/')}/{name}" for top, _, names in tf.io.gfile.walk(self.uri) for name in names)


Folder = Path | RemoteFolder


def folder_of(base_path: str) -> Folder:
    """The folder that a config's ``base_path`` names.

    Raises:
        StatusError: UNIMPLEMENTED, with TensorFlow's text: it does not know the URI's scheme.
    """
    scheme = scheme_of(base_path)
    if not scheme:
        return Path(base_path)
    if scheme == "file":
        return Path(base_path.removeprefix("file://"))
    known = tf.io.gfile.get_registered_schemes()
    if scheme not in known:
        raise StatusError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"File system scheme '{scheme}' not implemented (file: '{base_path}'); this TensorFlow reads "
            f"{', '.join(f'{name}://' for name in sorted(known) if name)} and paths of this machine",
        )
    return RemoteFolder(base_path.rstrip("/"))


def scheme_of(base_path: str) -> str:
    """The scheme of a URI; empty for a path."""
    match = _SCHEME.match(base_path)
    return match[1] if match else ""


def find(folder: Folder) -> dict[int, Folder]:
    """The folder of every version.

    Raises:
        OSError: the folder is missing or cannot be read.
    """
    return dict(folder.versions() if isinstance(folder, RemoteFolder) else version_folders.find(folder))


def fingerprint(folder: Folder) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of all files below ``folder``; it changes when the files do."""
    return folder.fingerprint() if isinstance(folder, RemoteFolder) else version_folders.fingerprint(folder)
