"""The versions of a model on disk, for the server, the push and the commands. Needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path

_LARGEST_INT64 = 2**63 - 1


def find(base_path: Path) -> dict[int, Path]:
    """The folder of every version: the children with integer names; of ``5`` and ``005`` the last one.

    The rule is TF Serving's (sources/storage_path/file_system_storage_path_source.cc).

    Raises:
        OSError: the folder is missing or cannot be read.
    """
    folders = {}
    for path in sorted(base_path.iterdir()):
        version = number(path.name)
        if version is not None and path.is_dir():
            folders[version] = path
    return folders


def number(name: str) -> int | None:
    """The version in a folder of this name; None if the name is not a version."""
    # To Python other scripts' digits and superscripts are digits, too; not to the servers.
    if name.isascii() and name.isdigit() and int(name) <= _LARGEST_INT64:
        return int(name)
    return None


def fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of all files below ``folder``; it changes when the files do."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except OSError:
            # Removed meanwhile, a broken link, or unreadable: the loader will report it.
            continue
        found.append((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
    return tuple(found)
