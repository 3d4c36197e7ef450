"""The versions of a model on disk. Needs no TensorFlow: server, push, status and commands all look through this."""

from __future__ import annotations

from pathlib import Path

_LARGEST_INT64 = 2**63 - 1


def find(base_path: Path) -> dict[int, Path]:
    """The folder of every version: the children whose names are integers; of ``5`` and ``005`` the last one.

    The rule is that of TF Serving (sources/storage_path/file_system_storage_path_source.cc).

    Raises:
        OSError: the folder is not there or cannot be read.
    """
    folders = {}
    for path in sorted(base_path.iterdir()):
        version = number(path.name)
        if version is not None and path.is_dir():
            folders[version] = path
    return folders


def number(name: str) -> int | None:
    """The version that a folder of this name holds; None where it holds none."""
    # Python calls other scripts' digits and superscripts digits, too; the servers don't.
    if name.isascii() and name.isdigit() and int(name) <= _LARGEST_INT64:
        return int(name)
    return None


def fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of all files below ``folder``; another one means that somebody wrote to it."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except OSError:
            # Gone meanwhile, a link to nowhere, not ours to read: the loader will say what is wrong with it.
            continue
        found.append((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
    return tuple(found)
