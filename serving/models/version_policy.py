"""The versions of a model that a version policy selects (sources/storage_path/file_system_storage_path_source.cc)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from tensorflow_serving.config import file_system_storage_path_source_pb2

F = TypeVar("F")
VersionPolicy = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy


def aspired(folders: Mapping[int, F], policy: VersionPolicy) -> dict[int, F]:
    """The versions that ``policy`` selects, newest first; by default the latest one."""
    newest_first = sorted(folders, reverse=True)
    choice = policy.WhichOneof("policy_choice")
    if choice == "specific":
        wanted = set(policy.specific.versions)
        newest_first = [version for version in newest_first if version in wanted]
    elif choice != "all":
        newest_first = newest_first[: max(1, policy.latest.num_versions)]
    return {version: folders[version] for version in newest_first}
