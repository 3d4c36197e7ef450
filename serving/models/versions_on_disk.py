"""Which versions of a model lie in a folder, and which of them a version policy wants.

The rules are those of sources/storage_path/file_system_storage_path_source.cc.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tensorflow_serving.config import file_system_storage_path_source_pb2

VersionPolicy = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy
_LARGEST_INT64 = 2**63 - 1


def find(base_path: Path) -> dict[int, Path]:
    """The folder of every version: the children whose names are integers; of ``5`` and ``005`` the last one.

    Raises:
        OSError: the folder is not there or cannot be read.
    """
    folders = {}
    for path in sorted(base_path.iterdir()):
        if path.name.isascii() and path.name.isdigit() and int(path.name) <= _LARGEST_INT64 and path.is_dir():
            folders[int(path.name)] = path
    return folders


def aspired(folders: Mapping[int, Path], policy: VersionPolicy) -> dict[int, Path]:
    """The versions that ``policy`` wants: the latest one unless it says otherwise; newest first."""
    newest_first = sorted(folders, reverse=True)
    choice = policy.WhichOneof("policy_choice")
    if choice == "specific":
        wanted = set(policy.specific.versions)
        newest_first = [version for version in newest_first if version in wanted]
    elif choice != "all":
        newest_first = newest_first[: max(1, policy.latest.num_versions)]
    return {version: folders[version] for version in newest_first}


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
